//! `truthline demo`: what does a model that fails silently look like, from the first alert to the incident?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueHint};

use super::progress::Way;
use super::session::Session;
use super::{Exit, Output, UsageError, build};
use crate::baseline::References;
use crate::config::Config;
use crate::engine::Range;
use crate::event::EventTime;
use crate::finding::AlertState;
use crate::judge::Finding;
use crate::replay::Spread;
use crate::story::{Fraud, STORIES, StoryFeed};

/// The folder that is written where none is named.
pub const DEFAULT_OUT: &str = "truthline-demo";

/// The options.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline demo --out /tmp/demo --open\n  truthline demo --publish --rate 5000\n\nWith --publish the story's \
                  records go to the input topics of the configuration, native JSON keyed by request id. Make the topics first: \
                  truthline topics create --inputs --partitions 4"
)]
pub struct DemoArgs {
    /// Which story to play
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    pub story: Option<String>,
    /// List the stories and stop
    #[arg(long)]
    pub list: bool,
    /// The seed of the story; equal seeds give equal findings
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The folder to write
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT, value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Open the report when it is written
    #[arg(long)]
    pub open: bool,
    /// Send the story to the input topics instead, for trying `run`; the folder gets a baseline and a configuration
    #[arg(long, conflicts_with = "open")]
    pub publish: bool,
    /// Where the brokers and topics are; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", requires = "publish", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Send N records a second; without it, as many as possible
    #[arg(long, value_name = "N", requires = "publish", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
}

/// Plays a story.
///
/// # Errors
/// If a file cannot be written, or with `--publish` the topics are not there.
pub fn run(args: &DemoArgs, output: &mut Output) -> anyhow::Result<Exit> {
    if args.list {
        for (name, about) in STORIES {
            output.line(&format!("{name}  {about}"))?;
        }
        return Ok(Exit::Done);
    }
    if let Some(story) = args.story.as_deref().filter(|story| STORIES.iter().all(|(name, _)| name != story)) {
        let names: Vec<&str> = STORIES.iter().map(|(name, _)| *name).collect();
        return Err(UsageError(format!("there is no story '{story}'; accepted: {}", names.join(", "))).into());
    }
    let story = Fraud::new(args.seed);
    if args.publish {
        return super::publish::run(args, &story, output);
    }
    let config = Arc::new(Config::from_yaml(Fraud::config())?);
    let profiles = build::from_lines(&config, story.baseline.bytes())?;
    output.line("A fraud model scores 8,000 payments a day. Watch January 2026 as truthline sees it:")?;
    let bytes = (story.inferences.bytes().len() + story.labels.bytes().len()) as u64;
    let session = Session {
        config,
        references: References::new(profiles),
        orders: Arc::default(),
        notes: Vec::new(),
        inferences: vec![Box::new(StoryFeed::new("payments", story.inferences))],
        labels: vec![Box::new(StoryFeed::new("chargebacks", story.labels))],
        spread: Spread::ByKey(1),
        range: Range::default(),
        way: Way::Bytes(Some(bytes)),
        keep: None,
    };
    let mut last = None;
    let ended = session.run(&args.out, |finding, _| {
        // A demo whose reader has gone still writes its files; other troubles of standard output end it below.
        let _ = tell(finding, output);
        if let Finding::Incident(incident) = finding {
            last = Some(incident.clone());
        }
    })?;
    let ended = ended.context("the demo was interrupted")?;
    if let Some(incident) = last {
        output.line("")?;
        output.line(&output.strong(&format!("Incident: {}", named(&incident.cause))))?;
        output.line(&format!("  {}", incident.text))?;
        let advice: Vec<String> = incident.advice.iter().map(named).collect();
        output.line(&format!("  advice: {}", advice.join(", ")))?;
        output.line(&format!("  retrain? {}: {}", named(&incident.retrain.verdict), incident.retrain.because))?;
    }
    let report = args.out.join("report.html");
    super::report::write(&args.out, &report)?;
    let records: u64 = ended.report.sources.iter().map(|source| source.records).sum();
    output.line("")?;
    output.line(&format!("{records} records in {:.1} s. Look at {}", ended.pace.seconds, report.display()))?;
    if args.open {
        open(&report)?;
    }
    Ok(Exit::Done)
}

/// One line for each alert that fires or is resolved.
fn tell(finding: &Finding, output: &mut Output) -> std::io::Result<()> {
    let Finding::Alert(alert) = finding else { return Ok(()) };
    if alert.state == AlertState::Pending {
        return Ok(());
    }
    let day = EventTime::from_micros_unchecked(alert.as_of).rfc3339();
    let state = if alert.state == AlertState::Firing { named(&alert.severity) } else { "resolved".to_owned() };
    let head = output.severity(alert.severity, &format!("{state:8}"));
    let time = output.faint(&day);
    output.line(&format!("{time}  {head}  {:22} {}", alert.indicator, alert.text))
}

/// The published name of something.
fn named(what: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(what).ok();
    json.and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

fn open(report: &Path) -> anyhow::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = std::process::Command::new(program).arg(report).spawn();
    started.with_context(|| format!("cannot start '{program}' to show the report")).map(|_| ())
}
