//! A fraud model meets a new kind of payment, takes it with confidence for a harmless one, and misses the fraud in it.
//!
//! Eight thousand payments a day through January, three in a hundred fraudulent, scored by a model that is good and
//! calibrated. On the 15th a new payment method, `instant`, appears and grows to one in a hundred payments within a
//! week. The model has never seen it; it looks like a safe method to it, while one in eight of these payments is fraud.
//! All overall metrics stay where they are. The truth comes one to five days later. Around it the noise of every real
//! stream: disorder, repeats, corrections, missing values.

use std::fmt::Write as _;

use super::chance::Chance;
use super::records::Written;

/// The stories that can be told: name and what it is about.
pub const STORIES: [(&str, &str); 1] =
    [("fraud", "a fraud model takes a new payment method for a harmless one while all overall metrics stay quiet")];

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600 * SECOND;
const DAYS: i64 = 31;
const A_DAY: i64 = 8_000;
/// Day on which the new method appears, and days until it has its full share.
const EMERGES: i64 = 14;
const GROWS: f64 = 6.0;
const SHARE: f64 = 0.011;
const FRAUD_IN_IT: f64 = 0.125;
/// The baseline is all traffic of the four weeks before.
const BASELINE_DAYS: i64 = 28;
const BASELINE_ROWS: i64 = BASELINE_DAYS * A_DAY;
const THRESHOLD: f64 = 0.25;

/// The configuration that the story is judged with.
const CONFIG: &str = "
topics:
  inferences: {name: payments, out_of_order: 10m}
  labels: {name: chargebacks, out_of_order: 10m}
models:
  fraud:
    window: 1d
    label_window: 5d
";

/// The story.
#[derive(Clone, Debug)]
pub struct Fraud {
    /// The predictions, as published.
    pub inferences: Written,
    /// The labels, as published.
    pub labels: Written,
    /// Rows of December, with their truth.
    pub baseline: Written,
}

struct Payment {
    amount: f64,
    method: &'static str,
    country: &'static str,
    channel: &'static str,
    category: &'static str,
    device_days: f64,
    account_days: f64,
    payments_24h: u32,
    failed_logins: u32,
    abroad: bool,
    email_risk: f64,
    hour: i64,
    score: f64,
    fraud: bool,
}

const METHODS: [(&str, f64); 4] = [("card", 0.62), ("wallet", 0.2), ("transfer", 0.12), ("direct_debit", 0.06)];
const COUNTRIES: [(&str, f64); 8] =
    [("DE", 0.34), ("FR", 0.19), ("NL", 0.14), ("ES", 0.12), ("IT", 0.09), ("PL", 0.06), ("SE", 0.04), ("RO", 0.02)];
const CHANNELS: [(&str, f64); 3] = [("app", 0.55), ("web", 0.4), ("phone", 0.05)];
const CATEGORIES: [(&str, f64); 7] = [
    ("groceries", 0.3),
    ("fashion", 0.2),
    ("electronics", 0.15),
    ("travel", 0.12),
    ("games", 0.1),
    ("gifts", 0.08),
    ("tickets", 0.05),
];

impl Payment {
    fn new(chance: &mut Chance, time: i64, share: f64) -> Self {
        let emerged = chance.happens(share);
        let mut payment = Self {
            amount: (libm::exp(3.4 + 1.1 * chance.normal()) * 100.0).round() / 100.0,
            method: if emerged { "instant" } else { chance.pick(&METHODS) },
            country: chance.pick(&COUNTRIES),
            channel: chance.pick(&CHANNELS),
            category: chance.pick(&CATEGORIES),
            device_days: (chance.exponential() * 400.0).floor(),
            account_days: (chance.exponential() * 700.0).floor(),
            payments_24h: (chance.exponential() * 1.6) as u32,
            failed_logins: (chance.exponential() * 0.6) as u32,
            abroad: chance.happens(0.08),
            email_risk: (chance.uniform() * 1e4).round() / 1e4,
            hour: time.rem_euclid(DAY) / (3_600 * SECOND),
            score: 0.0,
            fraud: false,
        };
        let log_odds = payment.risk();
        let chance_of_fraud = 1.0 / (1.0 + libm::exp(-log_odds));
        payment.score = (chance_of_fraud * 1e6).round() / 1e6;
        payment.fraud = chance.happens(if emerged { FRAUD_IN_IT } else { chance_of_fraud });
        payment
    }

    /// What the model has learnt; a method that it does not know adds nothing, as a safe one would.
    fn risk(&self) -> f64 {
        let method = match self.method {
            "card" => 0.6,
            "transfer" => 0.9,
            "wallet" => -0.2,
            "direct_debit" => -0.6,
            _ => -1.1,
        };
        let country = if self.country == "RO" || self.country == "PL" { 0.7 } else { 0.0 };
        let category = match self.category {
            "electronics" | "gifts" => 0.9,
            "games" | "tickets" => 0.5,
            "groceries" => -0.8,
            _ => 0.0,
        };
        let night = if self.hour < 5 { 0.6 } else { 0.0 };
        -7.4 + method
            + country
            + category
            + night
            + 0.75 * libm::log(1.0 + self.amount / 30.0)
            + 1.5 * libm::exp(-self.device_days / 60.0)
            + 1.2 * libm::exp(-self.account_days / 90.0)
            + 0.45 * f64::from(self.payments_24h.min(8))
            + 0.5 * f64::from(self.failed_logins.min(6))
            + if self.abroad { 0.8 } else { 0.0 }
            + 1.6 * self.email_risk
    }

    /// The record's fields after its id and time; `missing` leaves one feature out.
    fn write(&self, chance: &mut Chance, text: &mut String) {
        let missing = |chance: &mut Chance| chance.happens(0.004);
        let _ = write!(
            text,
            r#""model":"fraud","version":"v1","score":{},"threshold":{THRESHOLD},"features":{{"amount":{},"payment_method":"{}","country":"{}","channel":"{}","category":"{}""#,
            self.score, self.amount, self.method, self.country, self.channel, self.category
        );
        if missing(chance) {
            text.push_str(r#","device_age_days":null"#);
        } else {
            let _ = write!(text, r#","device_age_days":{}"#, self.device_days);
        }
        if !missing(chance) {
            let _ = write!(text, r#","email_risk":{}"#, self.email_risk);
        }
        let _ = write!(
            text,
            r#","account_age_days":{},"payments_24h":{},"failed_logins":{},"abroad":{},"hour":{}}}"#,
            self.account_days, self.payments_24h, self.failed_logins, self.abroad, self.hour
        );
    }
}

impl Fraud {
    /// The story of a seed.
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let baseline = baseline(&mut chance);
        let mut inferences = Written::default();
        let mut published: Vec<(i64, String)> = Vec::new();
        let mut labels: Vec<(i64, String)> = Vec::new();
        let mut text = String::new();
        for number in 0..DAYS * A_DAY {
            let time = START + number * (DAY / A_DAY) + (chance.uniform() * (DAY / A_DAY) as f64) as i64;
            let payment = Payment::new(&mut chance, time, share_at(time));
            text.clear();
            let _ = write!(text, r#"{{"request_id":"p-{number:07}","event_time":{time},"#);
            payment.write(&mut chance, &mut text);
            text.push('}');
            // Published within five minutes of the event, and now and then twice.
            let delay = (chance.uniform() * 300.0) as i64 * SECOND;
            published.push((time + delay, text.clone()));
            if chance.happens(0.002) {
                published.push((time + delay + 20 * SECOND, text.clone()));
            }
            label(&mut chance, number, time, payment.fraud, &mut labels);
        }
        published.sort();
        for (time, record) in &published {
            inferences.push_at(*time, record);
        }
        labels.sort();
        let mut written = Written::default();
        for (time, record) in &labels {
            written.push_at(*time, record);
        }
        Self { inferences, labels: written, baseline }
    }

    /// The configuration that the story is judged with, as YAML.
    pub const fn config() -> &'static str {
        CONFIG
    }
}

/// The share of the new method at a moment.
fn share_at(time: i64) -> f64 {
    let days = (time - START) as f64 / DAY as f64 - EMERGES as f64;
    if days < 0.0 { 0.0 } else { SHARE * ((days + 0.5) / GROWS).min(1.0) }
}

/// Fraud is reported after a day or two, the all-clear comes later; both within five days. Few are corrected, few lost.
fn label(chance: &mut Chance, number: i64, time: i64, fraud: bool, labels: &mut Vec<(i64, String)>) {
    if chance.happens(0.01) {
        return;
    }
    let days = if fraud { 0.3 + 1.2 * chance.exponential() } else { 2.0 + 0.6 * chance.exponential() };
    let at = time + (days.min(4.9) * DAY as f64) as i64;
    let record = |at: i64, value: bool, revision: u32| {
        format!(
            r#"{{"request_id":"p-{number:07}","label":{},"event_time":{at},"source":"chargebacks","revision":{revision}}}"#,
            u8::from(value)
        )
    };
    if chance.happens(0.003) && days < 4.0 {
        labels.push((at, record(at, !fraud, 0)));
        let corrected = at + DAY / 2;
        labels.push((corrected, record(corrected, fraud, 1)));
    } else {
        labels.push((at, record(at, fraud, 0)));
    }
}

fn baseline(chance: &mut Chance) -> Written {
    let mut written = Written::default();
    let mut text = String::new();
    let from = START - BASELINE_DAYS * DAY;
    for number in 0..BASELINE_ROWS {
        let time = from + number * (DAY / A_DAY);
        let payment = Payment::new(chance, time, 0.0);
        text.clear();
        let _ =
            write!(text, r#"{{"request_id":"b-{number:07}","event_time":{time},"label":{},"#, u8::from(payment.fraud));
        payment.write(chance, &mut text);
        text.push('}');
        written.push(&text);
    }
    written
}
