//! Does an incident that somebody accepted stay closed, and does one name what happened when it began?

use std::sync::Arc;

use super::incidents::{alert, at, raised, resolved};
use crate::config::Config;
use crate::control::{Controls, Orders};
use crate::finding::{Alert, Incident, IncidentState};
use crate::judge::incidents::Incidents;

fn orders(records: &[String]) -> Orders {
    let mut controls = Controls::default();
    for (offset, record) in records.iter().enumerate() {
        controls.take(offset as i64, Some(record.as_bytes())).unwrap();
    }
    let config = Arc::new(Config::default());
    controls.orders_of_all(&config, &config.meaning())
}

fn accepts(incident: &str, day: i64) -> Orders {
    let from = at(day).micros();
    orders(&[format!(
        r#"{{"type":"accept","model":"m","incident":"{incident}","event_time":{from},"by":"ann","reason":"the new normal"}}"#
    )])
}

fn stronger(mut alert: Alert, strength: f64) -> Alert {
    alert.evidence.insert("strength".to_owned(), strength.into());
    alert
}

fn take(incidents: &mut Incidents, day: i64, alerts: Vec<Alert>) -> Vec<Incident> {
    incidents.take(at(day + 1), &raised(alerts), &Orders::default()).incidents
}

/// Opens an incident of two alerts and accepts it on day 3.
fn accepted() -> (Incidents, Incident) {
    let mut incidents = Incidents::default();
    let alerts = ["input.drift age", "input.drift pay"].map(|what| stronger(alert(Some("m"), what, 0), 2.0));
    let opened = take(&mut incidents, 0, alerts.to_vec()).remove(0);
    let orders = accepts(&opened.id, 3);
    let (as_of, asked) = incidents.next_accepted(&orders).expect("it is open");
    assert_eq!(as_of, at(3));
    let last = incidents.accept(as_of, asked, &orders).incidents.remove(0);
    assert!(incidents.next_accepted(&orders).is_none(), "once");
    (incidents, last)
}

#[test]
fn an_accepted_incident_says_so_and_who_accepted_it_and_why() {
    let (_, last) = accepted();
    assert_eq!((last.state, last.revision, last.closed_as_of), (IncidentState::Accepted, 1, Some(at(3).micros())));
    assert!(last.text.ends_with(" Accepted by ann: the new normal."), "{}", last.text);
    assert_eq!(last.evidence["accepted"]["by"], "ann");
    assert_eq!(last.alerts.len(), 2);
}

#[test]
fn an_incident_is_accepted_no_earlier_than_it_opens() {
    let mut incidents = Incidents::default();
    let opened = take(&mut incidents, 5, vec![alert(Some("m"), "input.drift age", 5)]).remove(0);
    let early = accepts(&opened.id, 2);
    assert_eq!(incidents.next_accepted(&early).map(|(as_of, _)| as_of), Some(at(6)));
    assert!(incidents.next_accepted(&accepts("another", 2)).is_none());
}

#[test]
fn what_was_accepted_opens_no_incident_until_it_is_half_as_strong_again() {
    let (mut incidents, before) = accepted();
    let age = |strength| stronger(alert(Some("m"), "input.drift age", 9), strength);
    assert!(take(&mut incidents, 8, vec![resolved(age(0.1), 8)]).is_empty());
    assert!(take(&mut incidents, 9, vec![age(2.9)]).is_empty(), "no more than was accepted");
    assert!(take(&mut incidents, 10, vec![resolved(age(0.1), 10)]).is_empty());
    let more = take(&mut incidents, 11, vec![age(3.1)]).remove(0);
    assert_ne!(more.id, before.id);
    assert_eq!(more.alerts.len(), 1);
    let closed = take(&mut incidents, 15, vec![resolved(age(0.1), 15)]).remove(0);
    assert_eq!(closed.state, IncidentState::Closed);
    assert_eq!(take(&mut incidents, 20, vec![age(2.0)]).len(), 1, "what was more is accepted no longer");
    // The other alert still is, also beside the new incident; an alert that was in neither is not.
    let pay = stronger(alert(Some("m"), "input.drift pay", 21), 2.0);
    assert!(take(&mut incidents, 21, vec![pay]).is_empty());
    assert_eq!(take(&mut incidents, 60, vec![alert(Some("m"), "input.drift town", 60)]).len(), 1);
}

#[test]
fn what_was_accepted_survives_a_restart() {
    let (incidents, _) = accepted();
    let mut restored = Incidents::default();
    restored.restore_accepted(incidents.accepted().clone());
    let age = |strength| stronger(alert(Some("m"), "input.drift age", 9), strength);
    assert!(take(&mut restored, 9, vec![age(2.9)]).is_empty());
    assert_eq!(take(&mut restored, 11, vec![age(3.1)]).len(), 1);
}

#[test]
fn an_incident_names_what_happened_within_a_window_of_its_beginning_once_that_is_told() {
    let mark = |day: i64, hours: i64, model: &str| {
        let time = at(day).micros() + hours * 3_600_000_000;
        format!(r#"{{"type":"mark","event_time":{time},"model":{model},"text":"at {day}:{hours}"}}"#)
    };
    let answer = |offset: usize, day: i64| {
        let from = at(day).micros();
        format!(r#"{{"type":"applied","offset":{offset},"judge":0,"judges":1,"event_time":{from}}}"#)
    };
    // It begins with the window of day 5: what lies in days 4 to 6 is near.
    let marks =
        [mark(3, 23, "null"), mark(4, 0, "null"), mark(6, 23, "\"m\""), mark(7, 0, "null"), mark(5, 1, "\"n\"")];
    let mut records = marks.to_vec();
    records.push(mark(5, 2, "null"));
    records.push(answer(5, 9));
    let orders = orders(&records);
    let mut incidents = Incidents::default();
    let mut told = |day: i64, what: &str| {
        let raised = raised(vec![alert(Some("m"), what, day)]);
        let incident = incidents.take(at(day + 1), &raised, &orders).incidents.remove(0);
        let marks = incident.evidence["marks"].as_array().unwrap();
        let texts: Vec<String> = marks.iter().map(|mark| mark["text"].as_str().unwrap().to_owned()).collect();
        assert!(texts.iter().all(|text| incident.text.contains(text)), "{}", incident.text);
        texts
    };
    assert_eq!(told(5, "input.drift age"), ["at 4:0", "at 6:23"]);
    // A judge that heard later tells later.
    assert_eq!(told(7, "input.drift pay"), ["at 4:0", "at 6:23"]);
    assert_eq!(told(8, "label.rate"), ["at 4:0", "at 6:23", "at 5:2"]);
}
