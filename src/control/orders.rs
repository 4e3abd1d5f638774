//! What does a judge obey at a due time?

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fold::part_of;
use super::record::Record;
use crate::config::{Config, Terms, fits};
use crate::event::EventTime;

/// From which due time on a judge obeys which request, by its offset; `None` for never.
pub type Acks = BTreeMap<i64, Option<EventTime>>;

/// Indicators that stay silent for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Muted {
    model: Option<String>,
    pattern: String,
    from: EventTime,
    until: Option<EventTime>,
}

/// An incident that is how things are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The first due time at which it is.
    pub from: EventTime,
    /// Its id.
    pub incident: String,
    /// Its model.
    pub model: Option<String>,
    /// Who accepted it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Something that happened in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The first due time at which it is told.
    pub from: EventTime,
    /// When it happened.
    pub at: EventTime,
    /// Which model it touches; `None` for all.
    pub model: Option<String>,
    /// What.
    pub text: String,
}

/// What one judge obeys.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    mutes: Vec<Muted>,
    accepted: Vec<Accepted>,
    marks: Vec<Mark>,
    /// By which configuration readings are judged, each from a due time on; sorted.
    judged_by: Vec<(EventTime, Arc<Config>)>,
}

impl Part {
    /// Readings are judged by these terms from a due time on.
    pub(super) fn judge_by(&mut self, from: EventTime, base: &Arc<Config>, terms: &Terms) {
        // What was asked for later ends what was asked for before, also where that begins later.
        self.judged_by.retain(|(known, _)| *known < from);
        let config = if base.terms() == *terms { base.clone() } else { Arc::new(base.under(terms)) };
        self.judged_by.push((from, config));
    }

    /// Takes the next request, which holds from a due time on.
    pub(super) fn take(&mut self, from: EventTime, record: &Record) {
        match record.clone() {
            Record::Mute { model, pattern, until, lasts, .. } => {
                let until = until.or_else(|| lasts.map(|lasts| from + lasts));
                self.mutes.push(Muted { model, pattern, from, until });
            }
            Record::Unmute { model, pattern, .. } => {
                let ended = |mute: &&mut Muted| mute.model == model && fits(&pattern, &mute.pattern);
                for mute in self.mutes.iter_mut().filter(ended) {
                    mute.until = Some(mute.until.map_or(from, |until| until.min(from)));
                }
            }
            Record::Accept { model, incident, by, reason, .. } => {
                self.accepted.push(Accepted { from, incident, model, by, reason });
            }
            Record::Mark { event_time, model, text, .. } => {
                self.marks.push(Mark { from, at: event_time, model, text });
            }
            Record::Meaning { .. } | Record::Set { .. } | Record::Baseline { .. } | Record::Applied { .. } => {}
        }
    }
}

/// What is obeyed, by due time. A judge of a service obeys its own part; a replay has all parts, and each model that of
/// its judge.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    parts: Vec<Part>,
}

impl Orders {
    pub(super) const fn new(parts: Vec<Part>) -> Self {
        Self { parts }
    }

    /// The pipeline is told of by the first judge.
    fn number(&self, model: Option<&str>) -> usize {
        match model {
            Some(model) if self.parts.len() > 1 => part_of(model, self.parts.len() as u32) as usize,
            _ => 0,
        }
    }

    fn part(&self, model: Option<&str>) -> Option<&Part> {
        self.parts.get(self.number(model))
    }

    /// Whether an indicator of a model (`None`: of the pipeline) stays silent at a due time.
    pub fn mutes(&self, model: Option<&str>, indicator: &str, as_of: EventTime) -> bool {
        self.part(model).is_some_and(|part| {
            part.mutes.iter().any(|mute| {
                (mute.model.is_none() || mute.model.as_deref() == model)
                    && mute.from <= as_of
                    && mute.until.is_none_or(|until| as_of < until)
                    && fits(&mute.pattern, indicator)
            })
        })
    }

    /// The configuration by which readings of a model are judged at a due time; `None` for that of the process.
    pub fn config(&self, model: Option<&str>, as_of: EventTime) -> Option<&Arc<Config>> {
        let judged_by = &self.part(model)?.judged_by;
        judged_by.iter().rev().find(|(from, _)| *from <= as_of).map(|(_, config)| config)
    }

    /// Every incident that is accepted, in the order of the requests.
    pub fn accepted(&self) -> impl Iterator<Item = &Accepted> {
        self.parts.iter().enumerate().flat_map(move |(number, part)| {
            part.accepted.iter().filter(move |accepted| self.number(accepted.model.as_deref()) == number)
        })
    }

    /// What is known at a due time to have happened to a model, in the order of the requests.
    pub fn marks(&self, model: Option<&str>, as_of: EventTime) -> impl Iterator<Item = &Mark> {
        let marks = self.part(model).map_or(&[][..], |part| &part.marks);
        marks.iter().filter(move |mark| mark.from <= as_of && (mark.model.is_none() || mark.model.as_deref() == model))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Controls;
    use super::*;
    use crate::event::Span;

    const NEVER: [i64; 0] = [];

    fn day(number: i64) -> EventTime {
        EventTime::from_micros_unchecked(1_767_225_600_000_000) + Span::DAY.times(number)
    }

    /// The fold of records; `{N}` in them stands for day N.
    fn controls(records: &[&str]) -> Controls {
        let mut controls = Controls::default();
        for (offset, record) in records.iter().enumerate() {
            let mut text = (*record).to_owned();
            for number in 0..40 {
                text = text.replace(&format!("{{{number}}}"), &day(number).micros().to_string());
            }
            controls.take(offset as i64, Some(text.as_bytes())).unwrap();
        }
        controls
    }

    fn of_all(controls: &Controls, config: &Arc<Config>) -> Orders {
        controls.orders_of_all(config, &config.meaning())
    }

    fn orders(records: &[&str]) -> Orders {
        of_all(&controls(records), &Arc::new(Config::default()))
    }

    /// The days, up to 20, on which an indicator of a model is mute.
    fn mute(orders: &Orders, model: Option<&str>, indicator: &str) -> Vec<i64> {
        (0..20).filter(|&number| orders.mutes(model, indicator, day(number))).collect()
    }

    #[test]
    fn a_mute_holds_from_its_time_until_its_end_for_its_model_and_pattern_alone() {
        let orders = orders(&[
            r#"{"type":"mute","model":"fraud","pattern":"input.*","event_time":{3},"until":{6}}"#,
            r#"{"type":"mute","pattern":"join.orphans","event_time":{1},"for":"2d"}"#,
        ]);
        assert_eq!(mute(&orders, Some("fraud"), "input.drift"), [3, 4, 5]);
        assert_eq!(mute(&orders, Some("fraud"), "label.rate"), NEVER);
        assert_eq!(mute(&orders, Some("churn"), "input.drift"), NEVER);
        assert_eq!(mute(&orders, None, "input.drift"), NEVER);
        assert_eq!(mute(&orders, None, "join.orphans"), [1, 2]);
        assert_eq!(mute(&orders, Some("churn"), "join.orphans"), [1, 2]);
    }

    #[test]
    fn an_unmute_ends_earlier_mutes_whose_pattern_fits_and_no_later_ones() {
        let mute_all = r#"{"type":"mute","model":"fraud","pattern":"input.*","event_time":{3}}"#;
        let one = r#"{"type":"mute","model":"fraud","pattern":"input.drift","event_time":{1}}"#;
        let unmute = |pattern: &str, at: i64| {
            format!(r#"{{"type":"unmute","model":"fraud","pattern":"{pattern}","event_time":{{{at}}}}}"#)
        };
        let days = |records: &[&str]| mute(&orders(records), Some("fraud"), "input.drift");
        assert_eq!(days(&[mute_all, &unmute("input.*", 5)]), [3, 4]);
        assert_eq!(days(&[mute_all, one, &unmute("*", 5)]), [1, 2, 3, 4]);
        // The wider mute is none that this unmute names.
        assert_eq!(days(&[mute_all, one, &unmute("input.drift", 2)])[..3], [1, 3, 4]);
        assert_eq!(days(&[&unmute("*", 5), mute_all]).len(), 17);
        assert_eq!(days(&[mute_all, &unmute("*", 2)]), NEVER);
        let of_all = r#"{"type":"unmute","pattern":"*","event_time":{5}}"#;
        assert_eq!(days(&[mute_all, of_all]).len(), 17, "a mute of one model is not ended by an unmute of all");
    }

    #[test]
    fn a_judge_obeys_from_where_it_said_and_a_replay_from_there_too() {
        let records = [
            r#"{"type":"mute","model":"fraud","pattern":"*","event_time":{3},"for":"2d"}"#,
            r#"{"type":"applied","offset":0,"judge":0,"judges":1,"event_time":{7}}"#,
            r#"{"type":"applied","offset":0,"judge":0,"judges":1,"event_time":{11}}"#,
        ];
        let config = Arc::new(Config::default());
        let told = controls(&records);
        // A second answer of the same judge changes nothing.
        assert_eq!(mute(&of_all(&told, &config), Some("fraud"), "input.drift"), [7, 8]);
        assert_eq!(mute(&told.orders(&config, &Acks::from([(0, Some(day(7)))])), Some("fraud"), "input.drift"), [7, 8]);
        assert_eq!(mute(&told.orders(&config, &Acks::new()), Some("fraud"), "input.drift"), NEVER, "not obeyed yet");
        assert_eq!(mute(&orders(&records[..1]), Some("fraud"), "input.drift"), [3, 4]);
        let open = told.unanswered(0, 1, &Acks::new());
        assert_eq!((open.len(), open[0].from, open[0].bears_on_pipeline), (1, Some(day(3)), false));
        assert!(told.unanswered(0, 1, &Acks::from([(0, Some(day(7)))])).is_empty());
    }

    #[test]
    fn each_of_several_judges_answers_for_its_own_models() {
        let judges = 4;
        let mut records = vec![
            r#"{"type":"mute","pattern":"input.*"}"#.to_owned(),
            r#"{"type":"mute","model":"fraud","pattern":"label.*"}"#.to_owned(),
        ];
        for judge in 0..judges {
            let at = judge + 2;
            records
                .push(format!(r#"{{"type":"applied","offset":0,"judge":{judge},"judges":4,"event_time":{{{at}}}}}"#));
        }
        let owner = part_of("fraud", judges);
        let told = controls(&records.iter().map(String::as_str).collect::<Vec<_>>());
        let open: Vec<usize> = (0..judges).map(|judge| told.unanswered(judge, judges, &Acks::new()).len()).collect();
        let wanted: Vec<usize> = (0..judges).map(|judge| if judge == owner { 2 } else { 1 }).collect();
        assert_eq!(open, wanted);
        let orders = of_all(&told, &Arc::new(Config::default()));
        for model in ["fraud", "churn", "price", "rank"] {
            let from = i64::from(part_of(model, judges)) + 2;
            assert_eq!(mute(&orders, Some(model), "input.drift")[0], from, "{model}");
        }
        assert_eq!(mute(&orders, None, "input.late")[0], 2, "the first judge speaks for the pipeline");
        // Nobody has answered yet, so it holds as asked, and of its own model only.
        assert_eq!(mute(&orders, Some("fraud"), "label.rate").len(), 20);
    }

    #[test]
    fn marks_and_acceptances_are_told_from_their_answer_on() {
        let orders = orders(&[
            r#"{"type":"mark","event_time":{2},"model":"fraud","text":"new pricing"}"#,
            r#"{"type":"mark","event_time":{30},"text":"the holiday"}"#,
            r#"{"type":"accept","event_time":{4},"model":"fraud","incident":"a","by":"ann"}"#,
            r#"{"type":"applied","offset":0,"judge":0,"judges":1,"event_time":{9}}"#,
        ]);
        let marks = |model, at| orders.marks(model, at).map(|mark| mark.text.clone()).collect::<Vec<_>>();
        assert_eq!(marks(Some("fraud"), day(8)), ["the holiday"]);
        assert_eq!(marks(Some("fraud"), day(9)), ["new pricing", "the holiday"]);
        assert_eq!(marks(Some("churn"), day(9)), ["the holiday"]);
        let accepted: Vec<(&str, EventTime)> =
            orders.accepted().map(|accepted| (accepted.incident.as_str(), accepted.from)).collect();
        assert_eq!(accepted, [("a", day(4))]);
    }

    #[test]
    fn the_terms_change_at_their_time_and_the_first_meaning_stands() {
        let config = |budget: f64| {
            Arc::new(Config::from_yaml(&format!("defaults: {{false_alarms_per_month: {budget}}}")).unwrap())
        };
        let written = |config: &Config, at: Option<EventTime>| {
            let (digest, settings, terms) = (config.digest(), config.meaning(), config.terms());
            match at {
                None => Record::Meaning { digest, settings, terms },
                Some(_) => Record::Set { event_time: at, digest, settings, terms, by: None, reason: None },
            }
            .write()
        };
        let mut controls = Controls::default();
        for (offset, record) in [
            written(&config(1.0), None),
            written(&config(7.0), None),
            written(&config(2.0), Some(day(5))),
            written(&config(3.0), Some(day(9))),
            written(&config(4.0), Some(day(7))),
        ]
        .iter()
        .enumerate()
        {
            controls.take(offset as i64, Some(record)).unwrap();
        }
        let budget = |base: &Arc<Config>, at| {
            let orders = of_all(&controls, base);
            orders.config(Some("m"), at).unwrap_or(base).defaults().false_alarms_per_month
        };
        for base in [config(1.0), config(4.0)] {
            let budgets: Vec<f64> = [0, 4, 5, 6, 7, 9, 20].iter().map(|&at| budget(&base, day(at))).collect();
            assert_eq!(budgets, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 4.0], "what was asked last ends what was asked before");
        }
        // A replay that asks what would have been under other terms is not overruled.
        assert_eq!(budget(&config(5.0), day(6)).to_bits(), 5.0_f64.to_bits());
        assert_eq!(controls.meanings().len(), 4);
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_counted_and_what_was_taken_is_not_taken_again() {
        let mut controls = controls(&[r#"{"type":"mute","pattern":"*"}"#]);
        assert!(controls.take(0, Some(b"anything")).is_ok(), "it was taken before");
        assert!(controls.take(1, None).unwrap_err().contains("no value"));
        assert!(controls.take(2, Some(b"{")).is_err());
        let answer = br#"{"type":"applied","offset":9,"judge":0,"judges":1,"event_time":1767225600000000}"#;
        assert!(controls.take(3, Some(answer)).unwrap_err().contains("offset 9"));
        let (count, reasons) = controls.refused();
        assert_eq!((count, reasons.len(), controls.next()), (3, 3, 4));
    }
}
