//! Does the judge keep what it promises? It cries wolf seldom, it notices what is real, and its intervals hold the truth.
//!
//! ```text
//! cargo bench --bench proof -- null [--cell NAME]... [--months N] [--budget B]... [--out DIR] [--docs] [--table]
//! cargo bench --bench proof -- power [--effect NAME]... [--seeds N] [--out DIR] [--docs] [--table]
//! cargo bench --bench proof -- intervals [--windows N] [--out DIR] [--docs] [--table]
//! ```
//!
//! Every trial has its own seed, so it comes out the same whatever else is run. Each finished one is a line in DIR; a run
//! that was killed goes on where it stood. `--docs` writes the page of the program at the end; with `--table` nothing is
//! run, and what is there is told.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to a person")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and its arguments")]

#[path = "proof/intervals.rs"]
mod intervals;
#[path = "proof/null.rs"]
mod null;
#[path = "proof/power.rs"]
mod power;
#[path = "../tests/proof/mod.rs"]
mod proof;
#[path = "proof/shared.rs"]
mod shared;

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let done = match words.next().as_deref() {
        Some("intervals") => intervals::main(words),
        Some("null") => null::main(words),
        Some("power") => power::main(words),
        Some(other) => Err(format!("unknown program '{other}'; accepted: intervals, null, power")),
        None => {
            println!("say what to prove: cargo bench --bench proof -- null");
            return;
        }
    };
    if let Err(problem) = done {
        eprintln!("{problem}");
        std::process::exit(2);
    }
}
