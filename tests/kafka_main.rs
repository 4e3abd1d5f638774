//! Do processes that are killed, added and removed under load say the same as one that never was, and as a replay?
//!
//! The promises, end to end: the real program on a real broker. A made-up stream is published in bursts while processes
//! come and go. At the end everything final that its watermarks have passed is compared, as bytes, with a replay of the
//! same topics, of the same records from files, in their order and in another, and with one undisturbed process.
//! Nothing may be said twice.
//!
//! `TRUTHLINE_SEEDS=10` tries ten streams and schedules instead of two, `TRUTHLINE_SEED=7` one of them, and
//! `TRUTHLINE_KILLS=20` with it kills so many times; `TRUTHLINE_KEEP=DIR` leaves there what was read and said.
#![allow(
    clippy::print_stderr,
    clippy::unused_self,
    clippy::inconsistent_digit_grouping,
    clippy::unusual_byte_groupings,
    clippy::format_push_string,
    reason = "a test may take the short way"
)]
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
#![allow(clippy::disallowed_methods, reason = "a test may read the environment and wait")]

mod broker;
mod live;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use live::said::{Passed, Said, census};
use live::service::Service;
use live::stream::{Post, Publisher, files, posts, shuffled};
use live::{Inputs, Site};
use support::{DAY, DISORDER, HOUR, LABEL_DISORDER, Log, Made, assert_same, baseline_of};
use truthline::story::Chance;

const PARTITIONS: u32 = 4;
/// The last records come so long after the log that every window which it touches is closed by them, even one of
/// 28 days. No window ends at such a time.
const TAIL: i64 = 35 * DAY + 7 * HOUR + 13 * 60 * support::SECOND;
const OUT_OF_ORDER: [&str; 2] = ["out_of_order: 1h", "out_of_order: 30m"];

const DAILY: &str = "
defaults: {window: 1d, label_window: 3d, learn: 5d, false_alarms_per_month: 20}
models:
  fraud: {baseline: baseline.json}
  churn: {labels: implicit_negative}
  risk: {early: 3h}
";
const HOURLY: &str = "
defaults: {window: 1h, label_window: 1d, learn: 2d, false_alarms_per_month: 100}
models:
  fraud: {ages: [0s], baseline: baseline.json}
  churn: {labels: implicit_negative, label_policy: first}
  risk: {early: 3h, correction_window: 6h}
";

/// What a seed stands for.
struct Trial {
    seed: u64,
    unruly: bool,
    /// Two of the three models learn their baseline from the stream.
    learns: bool,
    models: &'static str,
    judges: u32,
    posts: Vec<Post>,
    log: Log,
    inputs: Inputs,
    /// Where its baseline is.
    folder: tempfile::TempDir,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let (unruly, hourly) = (seed % 2 == 1, seed % 3 == 2);
        let log = Log::new(seed, Made { days: if hourly { 14 } else { 24 }, unruly });
        let posts = posts(&log, PARTITIONS, TAIL);
        let models = if hourly { HOURLY } else { DAILY };
        let (learns, judges) = (seed % 4 < 2, 1 + (seed % 3) as u32);
        let (inputs, folder) = (Inputs::new(PARTITIONS as i32), tempfile::tempdir().unwrap());
        Self { seed, unruly, learns, models, judges, posts, log, inputs, folder }
    }

    fn site(&self, judges: u32) -> Site {
        let models = self.models;
        let path = self.folder.path().join("baseline.json");
        let models_of_file: &[&str] = if self.learns { &["fraud"] } else { &["fraud", "churn", "risk"] };
        let profiles: Vec<_> = models_of_file.iter().copied().map(baseline_of).collect();
        std::fs::write(&path, truthline::baseline::write(&profiles)).unwrap();
        let models = models.replace("baseline.json", path.to_str().unwrap());
        Site::new(&self.inputs, OUT_OF_ORDER, &models, judges)
    }

    /// A replay of two files, read as the topics were partitioned.
    fn replay(&self, site: &Site, name: &str, files: &[String; 2]) -> Said {
        let paths = ["predictions", "labels"].map(|side| site.path(&format!("{name}-{side}.jsonl")));
        paths.iter().zip(files).for_each(|(path, text)| std::fs::write(path, text).unwrap());
        let out = site.path(name);
        let mut command = site.command(&["replay", "--partitions", &PARTITIONS.to_string()]);
        command.arg("--inferences").arg(&paths[0]).arg("--labels").arg(&paths[1]).arg("--out").arg(&out);
        ended(command, name);
        Said::in_folder(&out)
    }

    /// A replay of the topics themselves.
    fn replay_topics(&self, site: &Site) -> Said {
        let out = site.path("topics");
        let sources = [&self.inputs.inferences, &self.inputs.labels].map(|topic| format!("kafka:{topic}"));
        let mut command = site.command(&["replay", "--inferences", &sources[0], "--labels", &sources[1]]);
        command.arg("--out").arg(&out);
        ended(command, "topics");
        Said::in_folder(&out)
    }
}

fn ended(mut command: std::process::Command, name: &str) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Processes that come and go while records are published. What has to happen is decided beforehand by the seed.
struct Fleet<'a> {
    site: &'a Site,
    services: Vec<Service>,
    /// Processes that were killed, and when they come back.
    dead: Vec<(usize, Instant)>,
    /// A process that was asked to end.
    leaving: Vec<usize>,
    kills: u32,
}

impl<'a> Fleet<'a> {
    fn new(site: &'a Site) -> Self {
        Self { site, services: Vec::new(), dead: Vec::new(), leaving: Vec::new(), kills: 0 }
    }

    fn add(&mut self, name: &str, lanes: u32) {
        self.services.push(Service::start(self.site, name, lanes));
    }

    fn kill(&mut self, which: usize, pause: Duration) {
        if self.services[which].runs() && !self.leaving.contains(&which) {
            self.services[which].must_run();
            self.services[which].kill();
            self.dead.push((which, Instant::now() + pause));
            self.kills += 1;
        }
    }

    fn remove(&mut self, which: usize) {
        if self.services[which].runs() {
            self.services[which].ask_to_end();
            self.leaving.push(which);
        }
    }

    /// Brings back who is due, and sees that nobody has ended who should not.
    fn look(&mut self) {
        let now = Instant::now();
        let (due, dead) = self.dead.drain(..).partition::<Vec<_>, _>(|(_, back)| *back <= now);
        self.dead = dead;
        due.into_iter().for_each(|(which, _)| self.services[which].again());
        for (which, service) in self.services.iter_mut().enumerate() {
            if self.leaving.contains(&which) {
                if service.has_ended().is_some() {
                    service.ended();
                    self.leaving.retain(|leaving| *leaving != which);
                }
            } else {
                service.must_run();
            }
        }
    }

    /// Everybody ends well, and nobody has missed a delta.
    fn end(mut self) -> u32 {
        for service in &mut self.services {
            if service.runs() {
                service.stop();
            }
            let log = service.log();
            let gap = log.lines().find(|line| line.contains("a delta is missing") || line.contains("panicked"));
            assert_eq!(gap, None, "{}", service.instance);
        }
        self.kills
    }
}

/// Publishes in bursts, with `between` after each.
fn publish(trial: &Trial, chance: &mut Chance, bursts: usize, mut between: impl FnMut(usize, &mut Chance)) {
    let publisher = Publisher::new();
    let size = trial.posts.len().div_ceil(bursts);
    for (number, burst) in trial.posts.chunks(size).enumerate() {
        burst.iter().for_each(|post| publisher.send(&trial.inputs, post));
        between(number, chance);
    }
    publisher.flush();
    let sent = trial.posts.len();
    let there = live::read(&trial.inputs.inferences).len() + live::read(&trial.inputs.labels).len();
    assert_eq!(there, sent, "records that were published");
}

/// What is true of a stream whatever any program says: each prediction is in one base window of its model.
fn assert_counts(trial: &Trial, finals: &BTreeMap<String, String>) {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    let ids: std::collections::BTreeSet<(&str, &str)> =
        trial.log.rows.iter().map(|row| (row.model, row.id.as_str())).collect();
    ids.into_iter().for_each(|(model, _)| *expected.entry(model.to_owned()).or_default() += 1);
    let base = if trial.models == HOURLY { HOUR } else { DAY };
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for line in finals.iter().filter(|(key, _)| key.starts_with("summary")).map(|(_, line)| line) {
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = |end: &str| read["window"][end].as_i64().unwrap();
        if time("end") - time("start") == base {
            *found.entry(read["model"].as_str().unwrap().to_owned()).or_default() +=
                read["inputs"]["n"].as_u64().unwrap();
        }
        assert_eq!((&read["capped"], &read["late_after_idle"]), (&false.into(), &0.into()), "{line}");
    }
    assert_eq!(found, expected, "seed {}: predictions by model", trial.seed);
}

/// Two processes; one is killed and comes back, one comes, one goes, another one is killed.
fn disturbed(trial: &Trial, site: &Site, chance: &mut Chance) -> u32 {
    const BURSTS: usize = 48;
    let mut fleet = Fleet::new(site);
    fleet.add("a", 1 + (trial.seed % 2) as u32);
    fleet.add("b", 2);
    fleet.services.iter_mut().for_each(Service::must_start);
    let mut between = |from: usize, to: usize| from + (chance.uniform() * (to - from) as f64) as usize;
    let (first, comes, goes, second) = (between(4, 14), between(8, 22), between(20, 32), between(30, 46));
    // A process may be back before the group has noticed, or long after.
    let pause = |chance: &mut Chance| Duration::from_millis(chance.pick(&[(0, 1.0), (1_500, 1.0), (8_000, 1.0)]));
    publish(trial, chance, BURSTS, |burst, chance| {
        std::thread::sleep(Duration::from_millis((chance.uniform() * 600.0) as u64));
        if burst == first {
            fleet.kill(0, pause(chance));
        }
        if burst == comes {
            fleet.add("c", 2);
        }
        if burst == goes {
            fleet.remove(1);
        }
        if burst == second {
            let any = if chance.happens(0.5) { [0, 2] } else { [2, 0] };
            let which = any.into_iter().find(|&which| fleet.services[which].runs());
            fleet.kill(which.unwrap(), pause(chance));
        }
        fleet.look();
    });
    site.settle(|| fleet.look());
    fleet.end()
}

/// Three processes, of which one is killed again and again, at any moment of its work or of its start.
fn storm(trial: &Trial, site: &Site, chance: &mut Chance, kills: u32) -> u32 {
    let mut fleet = Fleet::new(site);
    for name in ["a", "b", "c"] {
        fleet.add(name, 1);
    }
    fleet.services.iter_mut().for_each(Service::must_start);
    publish(trial, chance, 60, |_, chance| {
        std::thread::sleep(Duration::from_millis((chance.uniform() * 2_500.0) as u64));
        fleet.look();
        if fleet.kills < kills {
            fleet.kill((chance.uniform() * 3.0) as usize, Duration::from_millis(100));
        }
    });
    site.settle(|| fleet.look());
    fleet.end()
}

/// Leaves what was read and said, to look at.
fn keep(trial: &Trial, site: &Site, said: &Said, folder: &std::path::Path) {
    let all = said.once().into_values().map(|(_, line)| line + "\n").collect::<String>();
    let files = files(&trial.posts);
    let baseline = std::fs::read_to_string(trial.folder.path().join("baseline.json")).unwrap();
    let mut kept =
        vec![("live.jsonl", all), ("predictions.jsonl", files[0].clone()), ("labels.jsonl", files[1].clone())];
    kept.push(("baseline.json", baseline));
    kept.into_iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
    for entry in std::fs::read_dir(site.folder.path()).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
}

fn try_seed(seed: u64, storms: Option<u32>) {
    let begun = Instant::now();
    let trial = Trial::new(seed);
    let mut chance = Chance::new(seed ^ 0x6b61_666b_61);
    let site = trial.site(trial.judges);
    let kills = match storms {
        None => disturbed(&trial, &site, &mut chance),
        Some(kills) => storm(&trial, &site, &mut chance, kills),
    };
    let disturbed = begun.elapsed();
    let passed = Passed::of(&trial.posts, PARTITIONS);
    let end = trial.log.end + TAIL;
    assert_eq!((passed.inferences, passed.labels), (end, end), "the tail closes every window on every partition");
    let said = Said::on_topics(&site);
    if let Some(folder) = std::env::var_os("TRUTHLINE_KEEP") {
        keep(&trial, &site, &said, std::path::Path::new(&folder));
    }
    let live = said.finals(passed);

    let files = files(&trial.posts);
    let replayed = trial.replay(&site, "replayed", &files).finals(passed);
    assert_same(&replayed, &live, &format!("seed {seed}: a replay and processes that were disturbed"));
    let topics = trial.replay_topics(&site).finals(passed);
    assert_same(&topics, &live, &format!("seed {seed}: a replay of the topics and processes that were disturbed"));
    if !trial.unruly {
        let [predictions, labels] = &files;
        let files = [shuffled(predictions, DISORDER, &mut chance), shuffled(labels, LABEL_DISORDER, &mut chance)];
        let shuffled = trial.replay(&site, "shuffled", &files).finals(passed);
        assert_same(&shuffled, &live, &format!("seed {seed}: a replay in another order"));
        assert_counts(&trial, &live);
    }

    let quiet = trial.site(1);
    let mut one = Service::start(&quiet, "one", 1);
    quiet.settle(|| one.must_run());
    one.stop();
    let alone = Said::on_topics(&quiet).finals(passed);
    assert_same(&alone, &live, &format!("seed {seed}: one process and several that were disturbed"));

    let census = census(&live);
    eprintln!(
        "seed {seed}: {} records, {kills} kills, {census:?} equal; disturbed {:.0} s, all {:.0} s",
        trial.posts.len(),
        disturbed.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    for (kind, least) in [("alert", 10), ("incident", 3), ("summary", 80), ("request", 5)] {
        assert!(census.get(kind).is_some_and(|count| *count >= least), "seed {seed}: too few to compare: {census:?}");
    }
}

#[test]
fn killed_added_and_removed_processes_say_what_a_replay_says() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match (number("TRUTHLINE_SEED"), number("TRUTHLINE_SEEDS")) {
        (Some(seed), _) => try_seed(seed, number("TRUTHLINE_KILLS").map(|kills| kills as u32)),
        (None, seeds) => (1..=seeds.unwrap_or(2)).for_each(|seed| try_seed(seed, None)),
    }
}
