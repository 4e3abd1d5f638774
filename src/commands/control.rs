//! `truthline control`: what is asked of a service that runs, beside its configuration?
//!
//! Each command writes one record to the control topic and says what will follow from it. What was published stays: a
//! time before the last result is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use clap::{Args, Subcommand, ValueHint};
use serde::Deserialize;

use super::baseline::AcceptArgs as AcceptBaselineArgs;
use super::{Exit, Output, UsageError, args, session, validate};
use crate::baseline;
use crate::config::{self, Config, fits};
use crate::control::{Change, Controls, Meaning, Record, Request, changes};
use crate::event::{EventTime, Span, Window};
use crate::indicator::Indicator;
use crate::kafka::{Admin, Found, KafkaTrouble, Names, Publisher, Reader, Stretches, TopicPartition};
use crate::run::{RunError, meaning_of, no_way, read_controls};

/// How many of the last results of a partition are looked at.
const LAST: i64 = 64;
/// The largest baseline that a record takes.
const LARGEST_BASELINE: usize = 7 << 20;

/// What to ask for.
#[derive(Clone, Debug, Subcommand)]
pub enum ControlCommand {
    /// Let indicators stay silent
    Mute(MuteArgs),
    /// Let muted indicators speak again
    Unmute(UnmuteArgs),
    /// Accept an incident: this is how things are now
    Accept(AcceptArgs),
    /// Note that something happened in the world
    Mark(MarkArgs),
    /// Change the configuration of a prefix that is in use
    Set(SetArgs),
    /// Print what was asked for, and from when on it is obeyed
    List(ListArgs),
}

/// What every request has.
#[derive(Clone, Debug, Args)]
pub struct AskArgs {
    /// The configuration; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Who asks [default: the user of this session]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// The options of `mute`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline control mute --model fraud --indicator 'input.*' --for 7d --reason holidays\n\nWhat fires when \
                  it begins is resolved once. Nothing is counted less: when it ends, what still holds fires again."
)]
pub struct MuteArgs {
    /// What every request has.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The model; without one, every model and the pipeline
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// The indicators; a * stands for any text
    #[arg(long, value_name = "PATTERN")]
    pub indicator: String,
    /// Begin with what is due at this time [default: with the next look]
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub from: Option<EventTime>,
    /// End before what is due at this time
    #[arg(long, value_name = "T", value_parser = args::time, conflicts_with = "lasts")]
    pub until: Option<EventTime>,
    /// How long, in event time, as in 7d; without this and --until, until it is unmuted
    #[arg(long = "for", value_name = "DURATION", value_parser = span)]
    pub lasts: Option<Span>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// The options of `unmute`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline control unmute --model fraud --indicator 'input.*'")]
pub struct UnmuteArgs {
    /// What every request has.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The model of the mute; without one, mutes of every model
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// The pattern of the mute; * ends all of them
    #[arg(long, value_name = "PATTERN")]
    pub indicator: String,
    /// Begin with what is due at this time [default: with the next look]
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub from: Option<EventTime>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// The options of `accept`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline control accept --incident 0f3a5e7711aa22bb --reason expected\n\nIts alerts go on \
                  firing; they open no new incident unless they end and fire half as strong again."
)]
pub struct AcceptArgs {
    /// What every request has.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The id of the incident
    #[arg(long, value_name = "ID")]
    pub incident: String,
    /// Begin with what is due at this time [default: with the next look]
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub from: Option<EventTime>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// The options of `mark`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline control mark --text pricing-changed --model fraud --at 2026-03-01T00:00:00Z\n\nIt stands in \
                  the evidence of incidents that begin within a base window of it."
)]
pub struct MarkArgs {
    /// What every request has.
    #[command(flatten)]
    pub ask: AskArgs,
    /// What happened
    #[arg(long, value_name = "TEXT")]
    pub text: String,
    /// The model that it touches; without one, every model
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// When [default: now]
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub at: Option<EventTime>,
}

/// The options of `set`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  truthline control set --config truthline.yaml\n\nOnly false_alarms_per_month and mute can change; \
                  everything else decides what is counted. Give every process the new file afterwards."
)]
pub struct SetArgs {
    /// The new configuration, and who asks.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Begin with what is due at this time [default: with the next look]
    #[arg(long, value_name = "T", value_parser = args::time)]
    pub from: Option<EventTime>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// The options of `list`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  truthline control list --config truthline.yaml")]
pub struct ListArgs {
    /// The configuration; without one, the defaults and the environment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|error| error.to_string())
}

/// Does what is asked.
///
/// # Errors
/// If the request cannot be meant, the configuration is wrong, or the brokers do not answer.
pub fn run(command: &ControlCommand, output: &mut Output) -> anyhow::Result<Exit> {
    match command {
        ControlCommand::Mute(args) => mute(args, output),
        ControlCommand::Unmute(args) => unmute(args, output),
        ControlCommand::Accept(args) => accept(args, output),
        ControlCommand::Mark(args) => mark(args, output),
        ControlCommand::Set(args) => set(args, output),
        ControlCommand::List(args) => list(args, output),
    }
}

fn mute(args: &MuteArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let pattern = pattern(&args.indicator)?;
    if let (Some(from), Some(until)) = (args.from, args.until)
        && until <= from
    {
        return Err(UsageError(format!("--until {} is not after --from {}", until.rfc3339(), from.rfc3339())).into());
    }
    let desk = Desk::open(&args.ask)?;
    desk.must_be_ahead("--from", args.from)?;
    desk.must_be_ahead("--until", args.until)?;
    let end = match (args.until, args.lasts) {
        (Some(until), _) => format!(", until {}", until.rfc3339()),
        (None, Some(lasts)) => format!(", for {lasts}"),
        (None, None) => ", until it is unmuted".to_owned(),
    };
    desk.send(&Record::Mute {
        event_time: args.from,
        model: args.model.clone(),
        pattern,
        until: args.until,
        lasts: args.lasts,
        by: desk.by.clone(),
        reason: args.reason.clone(),
    })?;
    output.line(&format!(
        "{} of {} stays silent {}{end}",
        args.indicator,
        whom(args.model.as_ref()),
        begin(args.from)
    ))?;
    desk.say_when(output)
}

fn unmute(args: &UnmuteArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let desk = Desk::open(&args.ask)?;
    desk.must_be_ahead("--from", args.from)?;
    let names = |request: &Request| match &request.record {
        Record::Mute { model, pattern, .. } => *model == args.model && fits(&args.indicator, pattern),
        _ => false,
    };
    if !desk.controls.requests().any(|request| names(&request)) {
        return Err(UsageError(format!(
            "no mute of {} fits '{}'; `truthline control list` prints them, those of the configuration stand there",
            whom(args.model.as_ref()),
            args.indicator
        ))
        .into());
    }
    desk.send(&Record::Unmute {
        event_time: args.from,
        model: args.model.clone(),
        pattern: args.indicator.clone(),
        by: desk.by.clone(),
        reason: args.reason.clone(),
    })?;
    output.line(&format!("{} of {} speaks again {}", args.indicator, whom(args.model.as_ref()), begin(args.from)))?;
    desk.say_when(output)
}

fn accept(args: &AcceptArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let desk = Desk::open(&args.ask)?;
    desk.must_be_ahead("--from", args.from)?;
    let Some(incident) = desk.incident(&args.incident)? else {
        let topic = &desk.names.incidents;
        return Err(UsageError(format!("there is no incident '{}' on the topic {topic}", args.incident)).into());
    };
    if incident.state != "open" {
        return Err(UsageError(format!("the incident '{}' is {} already", args.incident, incident.state)).into());
    }
    desk.send(&Record::Accept {
        event_time: args.from,
        model: incident.model.clone(),
        incident: args.incident.clone(),
        by: desk.by.clone(),
        reason: args.reason.clone(),
    })?;
    let of = incident.model.map_or_else(|| "the pipeline".to_owned(), |model| format!("model {model}"));
    output.line(&format!("incident {} of {of} is accepted {}", args.incident, begin(args.from)))?;
    output.line(&format!("  {}", incident.text))?;
    desk.say_when(output)
}

fn mark(args: &MarkArgs, output: &mut Output) -> anyhow::Result<Exit> {
    if args.text.trim().is_empty() {
        return Err(UsageError("--text is empty; accepted: a few words that a person understands".to_owned()).into());
    }
    let desk = Desk::open(&args.ask)?;
    let at = args.at.unwrap_or_else(now);
    desk.send(&Record::Mark {
        event_time: at,
        model: args.model.clone(),
        text: args.text.clone(),
        by: desk.by.clone(),
    })?;
    output.line(&format!(
        "incidents of {} that begin within a base window of {} will name it, in revisions from the next look on",
        whom(args.model.as_ref()),
        at.rfc3339()
    ))?;
    desk.say_when(output)
}

fn set(args: &SetArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let config = validate::load(args.ask.config.as_deref())?;
    let references = session::references(&config, &[])?;
    let desk = Desk::open(&args.ask)?;
    desk.must_be_ahead("--from", args.from)?;
    let Some(newest) = desk.controls.meanings().pop() else {
        return Err(UsageError(format!(
            "nothing runs under the prefix '{}' yet: the first `truthline run` takes the configuration as it is",
            config.topics.prefix
        ))
        .into());
    };
    let own = meaning_of(&config, &references);
    let changed = changes(&newest.settings, &own.settings);
    if changed.is_empty() {
        output.line("nothing changes: this is the configuration in force")?;
        return Ok(Exit::Done);
    }
    let others: Vec<String> =
        changed.iter().filter(|change| !change.is_of_terms()).map(|change| format!("  {change}")).collect();
    if !others.is_empty() {
        let why = format!("these settings cannot change:\n{}\n{}", others.join("\n"), no_way(&config.topics.prefix));
        return Err(RunError::Meaning(why).into());
    }
    let Meaning { digest, settings, terms } = own;
    let (by, reason) = (desk.by.clone(), args.reason.clone());
    desk.send(&Record::Set { event_time: args.from, digest, settings, terms, by, reason })?;
    output.line(&format!("{}:", begin(args.from)))?;
    for change in changed {
        output.line(&format!("  {change}"))?;
    }
    output.line("give every process the new file now: from its next start on it needs it")?;
    desk.say_when(output)
}

/// `truthline baseline accept`: one more request.
pub(super) fn accept_baseline(args: &AcceptBaselineArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let mut profiles = session::read_baseline(&args.baseline)?;
    let known: std::collections::BTreeSet<String> = profiles.iter().map(|profile| profile.model.clone()).collect();
    profiles.retain(|profile| profile.model == args.model);
    if profiles.is_empty() {
        let file = args.baseline.display();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        let text = format!("'{file}' holds no profile of model '{}'; it holds those of: {known}", args.model);
        return Err(UsageError(text).into());
    }
    let desk = Desk::open(&args.ask)?;
    let window = Window::holding(args.from, desk.config.model(&args.model).window);
    if window.start != args.from {
        return Err(UsageError(format!(
            "--from {} is not the start of a window of model '{}'; the next one starts at {}",
            args.from.rfc3339(),
            args.model,
            window.end.rfc3339()
        ))
        .into());
    }
    desk.must_be_ahead("--from", Some(args.from))?;
    let document = baseline::write(&profiles);
    if document.len() > LARGEST_BASELINE {
        let (bytes, most) = (document.len(), LARGEST_BASELINE);
        return Err(
            UsageError(format!("the profiles of the model have {bytes} bytes; accepted: at most {most}")).into()
        );
    }
    desk.send(&Record::Baseline {
        event_time: args.from,
        model: args.model.clone(),
        baseline: document,
        by: desk.by.clone(),
        reason: args.reason.clone(),
    })?;
    output.line(&format!(
        "windows of model {} that start at {} or later are compared with this baseline, if nothing has been counted in \
         them yet",
        args.model,
        args.from.rfc3339()
    ))?;
    desk.say_when(output)
}

fn list(args: &ListArgs, output: &mut Output) -> anyhow::Result<Exit> {
    let config = Arc::new(Config::load(args.config.as_deref(), config::environment())?);
    let names = Names::of(&config);
    Admin::connect(&config)?;
    let controls = read_controls(&Reader::new(config.clone())?, &names)?;
    match controls.meanings().as_slice() {
        [] => output.line("configuration: nothing has run under this prefix")?,
        [.., newest] => output.line(&format!("configuration: digest {}", newest.digest))?,
    }
    let mut meaning = controls.meanings().first().map(|first| first.settings.clone()).unwrap_or_default();
    for request in controls.requests() {
        for line in told(&request, &controls, &mut meaning) {
            output.line(&line)?;
        }
    }
    let (count, refused) = controls.refused();
    if let Some((offset, why)) = refused.first() {
        output.line(&format!("note: {count} records cannot be used; the first, at offset {offset}: {why}"))?;
    }
    Ok(Exit::Done)
}

/// One request in words.
fn told(
    request: &Request,
    controls: &Controls,
    meaning: &mut std::collections::BTreeMap<String, String>,
) -> Vec<String> {
    let answers: Vec<String> = {
        let answers: Vec<(u32, Option<EventTime>)> = controls.applied(request.offset).collect();
        let several = answers.len() > 1;
        let say = |(judge, from): (u32, Option<EventTime>)| {
            let from = from.map_or_else(|| "never: it came too late".to_owned(), EventTime::rfc3339);
            if several { format!("{from} (judge {judge})") } else { from }
        };
        answers.into_iter().map(say).collect()
    };
    let since = if answers.is_empty() {
        "no judge obeys it yet".to_owned()
    } else {
        format!("obeyed from {}", answers.join(", "))
    };
    let who = |by: &Option<String>, reason: &Option<String>| {
        let parts: Vec<&str> = by.iter().chain(reason).map(String::as_str).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(": ")) }
    };
    let mut lines = Vec::new();
    let line = match &request.record {
        Record::Mute { model, pattern, until, lasts, by, reason, .. } => {
            let end = match (until, lasts) {
                (Some(until), _) => format!(" until {}", until.rfc3339()),
                (None, Some(lasts)) => format!(" for {lasts}"),
                (None, None) => String::new(),
            };
            format!("mute {pattern} of {}{end}{}: {since}", whom(model.as_ref()), who(by, reason))
        }
        Record::Unmute { model, pattern, by, reason, .. } => {
            format!("unmute {pattern} of {}{}: {since}", whom(model.as_ref()), who(by, reason))
        }
        Record::Accept { model, incident, by, reason, .. } => {
            let of = model.as_ref().map_or_else(|| "the pipeline".to_owned(), |model| format!("model {model}"));
            format!("accept incident {incident} of {of}{}: {since}", who(by, reason))
        }
        Record::Mark { event_time, model, text, by } => {
            format!("mark {} at {} of {}{}: {since}", text, event_time.rfc3339(), whom(model.as_ref()), who(by, &None))
        }
        Record::Set { settings, digest, by, reason, .. } => {
            lines = changes(meaning, settings).iter().map(|change: &Change| format!("  {change}")).collect();
            meaning.clone_from(settings);
            format!("set digest {digest}{}: {since}", who(by, reason))
        }
        Record::Baseline { event_time, model, by, reason, .. } => {
            format!("baseline of model {model} from {}{}: {since}", event_time.rfc3339(), who(by, reason))
        }
        Record::Meaning { .. } | Record::Applied { .. } => return Vec::new(),
    };
    lines.insert(0, format!("{} {line}", request.offset));
    lines
}

fn whom(model: Option<&String>) -> String {
    model.map_or_else(|| "every model and the pipeline".to_owned(), |model| format!("model {model}"))
}

fn begin(from: Option<EventTime>) -> String {
    from.map_or_else(|| "from the next look on".to_owned(), |from| format!("from what is due at {}", from.rfc3339()))
}

/// A pattern that fits an indicator.
fn pattern(text: &str) -> Result<String, UsageError> {
    if Indicator::ALL.iter().any(|indicator| fits(text, indicator.name())) {
        return Ok(text.to_owned());
    }
    let near = Indicator::nearest(text).map_or("`truthline explain` lists them", Indicator::name);
    Err(UsageError(format!("'{text}' fits no indicator; try {near}")))
}

#[expect(clippy::disallowed_methods, reason = "what happened now is noted with the time on the clock")]
fn now() -> EventTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    EventTime::from_micros_unchecked(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// What is read of a published result.
#[derive(Deserialize)]
struct Published {
    as_of: i64,
}

/// What is read of a published incident.
#[derive(Deserialize)]
struct PublishedIncident {
    id: String,
    model: Option<String>,
    state: String,
    text: String,
}

/// Where requests are written, and what was asked before.
struct Desk {
    config: Arc<Config>,
    names: Names,
    reader: Reader,
    controls: Controls,
    by: Option<String>,
}

impl Desk {
    fn open(ask: &AskArgs) -> anyhow::Result<Self> {
        let config = Arc::new(Config::load(ask.config.as_deref().map(Path::new), config::environment())?);
        let names = Names::of(&config);
        let admin = Admin::connect(&config)?;
        if admin.find(&names.control)? == Found::Missing {
            return Err(KafkaTrouble::Missing { inputs: Vec::new(), own: vec![names.control] }.into());
        }
        let reader = Reader::new(config.clone())?;
        let controls = read_controls(&reader, &names)?;
        let user = config::environment().find(|(name, value)| name == "USER" && !value.is_empty());
        let by = ask.by.clone().or_else(|| user.map(|(_, value)| value));
        Ok(Self { config, names, reader, controls, by })
    }

    fn places(&self, topic: &str) -> Result<Vec<TopicPartition>, KafkaTrouble> {
        let count = match Admin::connect(&self.config)?.find(topic)? {
            Found::There { partitions } => partitions,
            Found::Missing | Found::Hidden => 0,
        };
        let place = |partition: u32| TopicPartition { topic: topic.to_owned(), partition: partition as i32 };
        Ok((0..count).map(place).collect())
    }

    /// The due time of the last results that were published.
    fn published(&self) -> Result<Option<EventTime>, KafkaTrouble> {
        let places = self.places(&self.names.summaries)?;
        let ends = Stretches::open(self.config.clone(), places.len().max(1) as u32)?;
        let mut last = None;
        for place in &places {
            let (first, next) = ends.bounds(place)?;
            self.reader.read(place, Some(first.max(next - LAST)), |stored| {
                let read: Option<Published> = stored.value.and_then(|value| serde_json::from_slice(value).ok());
                last = last.max(read.map(|read| EventTime::from_micros_unchecked(read.as_of)));
                true
            })?;
        }
        Ok(last)
    }

    /// Refuses a time that results were published for.
    fn must_be_ahead(&self, flag: &str, time: Option<EventTime>) -> anyhow::Result<()> {
        let Some(time) = time else { return Ok(()) };
        match self.published()? {
            Some(last) if time <= last => Err(UsageError(format!(
                "{flag} {}: results up to {} are published and stay as they are; name a later time, or leave --from out to \
                 begin with the next look; to judge the past anew, use `truthline replay --control FILE`",
                time.rfc3339(),
                last.rfc3339()
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// The last revision of an incident.
    fn incident(&self, id: &str) -> Result<Option<PublishedIncident>, KafkaTrouble> {
        let mut last = None;
        for place in self.places(&self.names.incidents)? {
            self.reader.read(&place, None, |stored| {
                if stored.key == Some(id.as_bytes()) {
                    let read: Option<PublishedIncident> =
                        stored.value.and_then(|value| serde_json::from_slice(value).ok());
                    last = read.filter(|read| read.id == id).or_else(|| last.take());
                }
                true
            })?;
        }
        Ok(last)
    }

    fn send(&self, record: &Record) -> anyhow::Result<()> {
        let publisher = Publisher::start(&self.config)?;
        publisher.send(&self.names.control, record.key().as_bytes(), Some(&record.write()))?;
        Ok(publisher.finish()?)
    }

    fn say_when(&self, output: &mut Output) -> anyhow::Result<Exit> {
        output.line(&format!(
            "written to {}; judges that run obey within seconds, and `truthline control list` says from when on",
            self.names.control
        ))?;
        Ok(Exit::Done)
    }
}
