//! Are live alerts said once, under one name, and outside the promise?

use proptest::prelude::*;

use crate::event::Span;
use crate::finding::{Alert, AlertState, Basis, Severity};
use crate::judge::{Gap, Live, Partitioner, Placement, Topic, WallTime};

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_767_225_600 * SECOND;

fn at(second: i64) -> WallTime {
    WallTime(NOW + second * SECOND)
}

fn check(alert: &Alert) {
    assert!(alert.id.ends_with("-live") && !alert.basis_final && alert.model.is_none());
    assert_eq!(alert.basis, Basis::Pipeline);
    assert_eq!(alert.p_value, None);
    assert!(alert.window.start <= alert.window.end && alert.starts_at == alert.window.start);
    assert_eq!(alert.ends_at, (alert.state == AlertState::Resolved).then_some(alert.as_of));
    assert!(alert.evidence["strength"].as_f64().unwrap().is_finite());
}

#[test]
fn silence_fires_at_its_limit_once_and_ends_with_the_next_record() {
    let mut live = Live::new();
    let limit = Span::from_micros(900 * SECOND);
    assert_eq!(live.silence(Topic::Labels, at(0), at(899), limit), None);
    let fired = live.silence(Topic::Labels, at(0), at(900), limit).unwrap();
    check(&fired);
    assert_eq!(fired.state, AlertState::Firing);
    assert_eq!((fired.starts_at, fired.subject.source.as_deref()), (NOW, Some("labels")));
    assert_eq!((fired.value, fired.reference, fired.effect), (900.0, Some(900.0), Some(0.0)));
    assert!(fired.text.contains("labels for 15m; the limit is 15m"), "{}", fired.text);
    assert_eq!(live.silence(Topic::Labels, at(0), at(5_000), limit), None);
    // The other topic has a life of its own.
    let other = live.silence(Topic::Inferences, at(0), at(900), limit).unwrap();
    assert_ne!(other.fingerprint, fired.fingerprint);
    assert_eq!(live.firing().count(), 2);
    let resolved = live.silence(Topic::Labels, at(5_010), at(5_011), limit).unwrap();
    check(&resolved);
    assert_eq!((resolved.state, resolved.starts_at, resolved.as_of), (AlertState::Resolved, NOW, at(5_011).0));
    assert_eq!(resolved.fingerprint, fired.fingerprint);
    assert_ne!(resolved.id, fired.id);
    assert_eq!(live.silence(Topic::Labels, at(5_010), at(5_012), limit), None);
}

#[test]
fn what_another_process_left_firing_is_resolved_here_and_nothing_else() {
    let limit = Span::from_micros(900 * SECOND);
    let mut dead = Live::new();
    let fired = dead.silence(Topic::Labels, at(0), at(900), limit).unwrap();
    let resolved = dead.silence(Topic::Labels, at(950), at(951), limit).unwrap();
    let again = dead.silence(Topic::Labels, at(950), at(2_000), limit).unwrap();
    let over = |published: &[&Alert]| {
        let mut live = Live::new();
        for alert in published {
            live.remember((*alert).clone());
        }
        live.silence(Topic::Labels, at(3_000), at(3_001), limit)
    };
    let ended = over(&[&fired]).unwrap();
    check(&ended);
    assert_eq!(
        (ended.state, ended.starts_at, &ended.fingerprint),
        (AlertState::Resolved, fired.starts_at, &fired.fingerprint)
    );
    assert_eq!(over(&[&fired, &resolved]), None);
    assert_eq!(over(&[&fired, &resolved, &again]).map(|alert| alert.starts_at), Some(again.starts_at));
    let judged = Alert { id: fired.id.replace("-live", ""), ..fired.clone() };
    assert_eq!(over(&[&judged]), None, "the judge has the lives of its own alerts");
}

#[test]
fn every_gap_is_said_with_its_offsets_and_ends_only_with_judges_that_begin_from_nothing() {
    let mut live = Live::new();
    let gap = |partition, expected, found| Gap { topic: "payments".to_owned(), partition, expected, found };
    assert_eq!(live.mended(at(0)), None, "there was none");
    let first = live.gap(gap(3, 100, 140), at(0)).unwrap();
    check(&first);
    assert_eq!((first.severity, first.value, first.n), (Severity::Critical, 40.0, 40));
    assert_eq!(first.evidence["gaps"][0]["partition"], 3);
    assert!(first.text.contains("Partition 3 of the topic payments goes on at offset 140 where 100 was expected"));
    assert_eq!(live.gap(gap(3, 100, 140), at(1)), None, "the same gap");
    let second = live.gap(gap(5, 7, 9), at(2)).unwrap();
    assert_eq!((&second.fingerprint, second.starts_at), (&first.fingerprint, first.starts_at));
    assert_eq!(second.evidence["gaps"].as_array().unwrap().len(), 2);

    // Another process takes over all of it, and does not say it again.
    let mut next = Live::new();
    next.remember(second);
    assert_eq!(next.gap(gap(5, 7, 9), at(3)), None, "the same gap");
    let third = next.gap(gap(6, 1, 2), at(3)).unwrap();
    assert_eq!((third.starts_at, third.evidence["gaps"].as_array().unwrap().len()), (first.starts_at, 3));
    let over = next.mended(at(4)).unwrap();
    check(&over);
    assert_eq!((over.state, over.ends_at), (AlertState::Resolved, Some(at(4).0)));
    assert_eq!((next.mended(at(5)), next.firing().count()), (None, 0));
    assert_eq!(next.gap(gap(6, 1, 2), at(6)).unwrap().evidence["gaps"].as_array().unwrap().len(), 1);
}

#[test]
fn misplaced_records_are_said_with_the_setting_that_mends_them() {
    let by = |follows, other| Placement::Partitioner { follows, other, records: 1_000, misplaced: 700 };
    for (placement, setting) in [
        (
            by(Partitioner::Crc32, Partitioner::Murmur2),
            "Its producers use the default of librdkafka: set `partitioner=murmur2_random`",
        ),
        (
            by(Partitioner::Murmur2, Partitioner::Crc32),
            "Producers of the other topic use the default of librdkafka: set `partitioner=murmur2_random`",
        ),
        (by(Partitioner::Unknown, Partitioner::Crc32), "Let producers of both topics use the partitioner murmur2"),
        (Placement::Key { records: 1_000, misplaced: 700 }, "send the request id as the key"),
    ] {
        let mut live = Live::new();
        assert_eq!(live.placement(Topic::Labels, Placement::Sound, at(0)), None);
        let alert = live.placement(Topic::Labels, placement, at(1)).unwrap();
        check(&alert);
        assert_eq!((alert.indicator.as_str(), alert.value, alert.n), ("join.partitioning", 0.7, 1_000));
        assert!(alert.text.contains(setting) && alert.text.contains("`join.repartition: true`"), "{}", alert.text);
        assert!(alert.text.contains("700 of 1000 records on the topic of labels"), "{}", alert.text);
        assert_eq!(live.placement(Topic::Labels, placement, at(2)), None);
        let resolved = live.placement(Topic::Labels, Placement::Sound, at(3)).unwrap();
        assert_eq!((resolved.state, resolved.severity), (AlertState::Resolved, Severity::Critical));
    }
}

proptest! {
    #[test]
    fn firing_and_resolved_take_turns_and_no_id_is_used_twice(
        steps in proptest::collection::vec((0..2_usize, 0..3_i64, 1..40_i64), 0..200)
    ) {
        let topics = [Topic::Inferences, Topic::Labels];
        let mut live = Live::new();
        let limit = Span::from_micros(30 * SECOND);
        let (mut now, mut last) = (0, [0, 0]);
        let mut fires = [false, false];
        let mut ids = std::collections::BTreeSet::new();
        for (which, comes, passed) in steps {
            now += passed;
            if comes == 0 {
                last[which] = now;
            }
            let said = live.silence(topics[which], at(last[which]), at(now), limit);
            let silent = now - last[which] >= 30;
            prop_assert_eq!(said.is_some(), silent != fires[which]);
            if let Some(alert) = said {
                prop_assert_eq!(alert.state == AlertState::Firing, silent);
                prop_assert!(ids.insert(alert.id));
            }
            fires[which] = silent;
            prop_assert_eq!(live.firing().count(), fires.iter().filter(|&&fires| fires).count());
        }
    }
}
