//! `truthline run`: watch topics, day and night.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use clap::{Args, ValueHint};

use super::{Exit, session, validate};
use crate::config::Config;
use crate::http;
use crate::kafka::{self, Names};
use crate::run::{Setup, Stop, agree, serve};
use crate::status::{Limits, Process, Status};

/// How long a thread may give no sign of life: longer than a commit may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The options.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline run --config truthline.yaml\n\nTopics are made with `truthline topics create`. SIGTERM ends it \
                  with code 0 and loses nothing."
)]
pub struct RunArgs {
    /// The configuration; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Runs until a signal asks it to stop.
///
/// # Errors
/// If the configuration is wrong, topics or rights are missing, or it cannot go on.
pub fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let config = Arc::new(validate::load(args.config.as_deref())?);
    let references = session::references(&config, &[])?;
    let instance = instance(&config);
    // Before anything that takes a while: whoever is asked to stop while it starts still ends well.
    let stop = Stop::default();
    listen_to_signals(stop.clone())?;
    let topology = kafka::check(&config, &instance)?;
    for note in config.notes().iter().chain(&topology.notes) {
        tracing::warn!("{note}");
    }
    let controls = agree(&config, &references)?;
    let process = Process {
        instance: instance.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration: config.digest(),
        group: config.kafka.group.clone(),
        inferences: config.topics.inferences.name.clone(),
        labels: config.topics.labels.as_ref().map(|topic| topic.name.clone()),
        started_at: now_outside(),
    };
    let status = Arc::new(Status::new(process, now(), PATIENCE, Limits::default()));
    let page = http::serve(&config.http.listen, status.clone())?;
    tracing::info!(address = %page.address(), "serving the page and the metrics");
    let setup = Arc::new(Setup {
        status: status.clone(),
        references,
        controls,
        names: Names::of(&config),
        instance,
        partitions: topology.partitions,
        judges: topology.judges,
        interval: duration(config.commit.interval),
        idle: duration(config.idle),
        sources: sources(&config, &topology),
        no_data: config.no_data,
        config,
    });
    tracing::info!(instance = setup.instance, partitions = setup.partitions, "running");
    status.started();
    let ended = serve(&setup, setup.config.lanes, &stop);
    status.stop();
    page.stop();
    ended?;
    tracing::info!("stopped; everything read so far is committed");
    Ok(Exit::Done)
}

/// The partitions of both inputs, where they are written anew.
fn sources(config: &Config, topology: &kafka::Topology) -> Option<[u16; 2]> {
    let count = |partitions: u32| u16::try_from(partitions).unwrap_or(u16::MAX);
    config.join.repartition.then(|| [count(topology.inferences), count(topology.labels.unwrap_or_default())])
}

#[expect(clippy::disallowed_methods, reason = "signs of life need a clock; nothing final does")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the page says since when the process runs")]
fn now_outside() -> SystemTime {
    SystemTime::now()
}

/// The name of this process: the configured one, or that of the host.
pub(super) fn instance(config: &Config) -> String {
    config.instance.clone().unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned())
}

fn duration(span: crate::event::Span) -> Duration {
    Duration::from_micros(span.micros().unsigned_abs())
}

/// SIGTERM and SIGINT ask to stop; a second one is left to the system, which ends the process.
pub(super) fn listen_to_signals(stop: Stop) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot listen to signals")?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        let listen = |kind| signal(kind).context("cannot listen to signals");
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?)
    };
    let work = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            }
            stop.ask();
            terminate.recv().await;
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(work).context("cannot listen to signals")?;
    Ok(())
}
