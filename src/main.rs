//! Starts truthline and turns its end into an exit code.

fn main() {}
