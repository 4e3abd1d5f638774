//! What is wrong with the brokers, in words that say what to do about it?

use std::fmt::Write as _;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::log::Word;
use super::principal::principal;
use crate::config::Config;

/// The kinds of trouble; the exit code follows from the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleClass {
    /// No broker answers: 69.
    Unreachable,
    /// A right is missing: 77.
    NotAllowed,
    /// A topic or a setting is wrong: 78.
    Configuration,
    /// Anything else: 1.
    Failed,
}

/// What went wrong between truthline and the brokers. Every text names the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaTrouble {
    /// No broker answered in time.
    #[error(
        "no broker can be reached at {brokers}: {reason}; check `kafka.brokers`, the network and \
         `security.protocol` in `kafka.properties`"
    )]
    Unreachable {
        /// The value of `kafka.brokers`.
        brokers: String,
        /// The last word of the client.
        reason: String,
    },
    /// The broker does not let this user in.
    #[error(
        "the broker at {brokers} refuses to let {} in: {reason}; check `sasl.mechanism`, `sasl.username` and \
         `sasl.password` in `kafka.properties`", who(.principal.as_deref())
    )]
    NotAuthenticated {
        /// The value of `kafka.brokers`.
        brokers: String,
        /// The user, if the configuration says it.
        principal: Option<String>,
        /// The last word of the client.
        reason: String,
    },
    /// One or more rights are missing.
    #[error("{}", not_allowed(.missing, .principal.as_deref()))]
    NotAllowed {
        /// Each right that is missing; at least one.
        missing: Vec<Right>,
        /// The user, if the configuration says it.
        principal: Option<String>,
    },
    /// Topics are not there.
    #[error("{}", missing_topics(.inputs, .own))]
    Missing {
        /// Input topics, which are the user's.
        inputs: Vec<String>,
        /// Topics of truthline.
        own: Vec<String>,
    },
    /// The cluster or the configuration is set in a way that truthline cannot work with; at least one sentence.
    #[error("{}", .problems.join("\n"))]
    Wrong {
        /// What is wrong, what would be right, and the remedy.
        problems: Vec<String>,
    },
    /// Anything else.
    #[error("{doing} failed: {reason}")]
    Failed {
        /// What was tried.
        doing: String,
        /// What the client says.
        reason: String,
    },
}

/// A right: an operation on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// As Kafka's access rules name it: Read, Write, Describe, …
    pub operation: &'static str,
    /// As in `topic inferences`.
    pub resource: String,
}

impl Right {
    pub(super) fn new(operation: &'static str, kind: &str, name: &str) -> Self {
        Self { operation, resource: format!("{kind} {name}") }
    }
}

impl KafkaTrouble {
    /// Its kind.
    pub fn class(&self) -> TroubleClass {
        match self {
            Self::Unreachable { .. } => TroubleClass::Unreachable,
            Self::NotAuthenticated { .. } | Self::NotAllowed { .. } => TroubleClass::NotAllowed,
            Self::Missing { .. } | Self::Wrong { .. } => TroubleClass::Configuration,
            Self::Failed { .. } => TroubleClass::Failed,
        }
    }

    /// What an error of the client means. `doing` says what was tried, as in "reading the topic x".
    pub fn of(config: &Config, doing: &str, error: &KafkaError) -> Self {
        Self::with_words(config, doing, error, &[])
    }

    /// The same, with what the client said beside it: there stands why no broker answered.
    pub(super) fn with_words(config: &Config, doing: &str, error: &KafkaError, words: &[Word]) -> Self {
        let brokers = config.kafka.brokers.clone();
        let refused = |code: Option<Code>| {
            matches!(code, Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism))
        };
        if let Some(word) = words.iter().rev().find(|word| refused(word.code)) {
            return Self::NotAuthenticated { brokers, principal: principal(config), reason: shortened(&word.text) };
        }
        let code = code_of(error);
        if refused(code) {
            return Self::NotAuthenticated { brokers, principal: principal(config), reason: error.to_string() };
        }
        match (error, code) {
            (KafkaError::ClientConfig(_, text, key, value), _) => {
                // A value may be a secret.
                let shown = if secret(key) { String::new() } else { format!(" '{value}'") };
                let text = format!("kafka.properties.{key}:{shown} is not accepted; {text}");
                Self::Wrong { problems: vec![text] }
            }
            (KafkaError::ClientCreation(text), _) => {
                Self::Wrong { problems: vec![format!("kafka.properties: the client cannot be made; {text}")] }
            }
            (_, Some(code)) if unreachable(code) => {
                let reason = words.iter().rev().find(|word| telling(word)).map(|word| shortened(&word.text));
                Self::Unreachable { brokers, reason: reason.unwrap_or_else(|| "no answer".into()) }
            }
            (_, Some(Code::UnsupportedFeature)) => Self::Unreachable {
                brokers,
                reason: "what answers there is no broker for clients: a controller, or one that is too old".into(),
            },
            (_, Some(code)) if not_allowed_code(code) => {
                let right = match code {
                    Code::ClusterAuthorizationFailed => Right::new("ClusterAction", "cluster", "kafka-cluster"),
                    Code::GroupAuthorizationFailed => Right::new("Read", "group", &config.kafka.group),
                    Code::TransactionalIdAuthorizationFailed => {
                        Right::new("Write", "transactional id", &format!("{}-*", config.kafka.group))
                    }
                    _ => Right { operation: "needed", resource: format!("topic for {doing}") },
                };
                Self::NotAllowed { missing: vec![right], principal: principal(config) }
            }
            (_, Some(Code::InvalidConfig | Code::PolicyViolation | Code::InvalidReplicationFactor)) => {
                Self::Wrong { problems: vec![format!("{doing} is refused by the broker: {error}")] }
            }
            _ => Self::Failed { doing: doing.into(), reason: error.to_string() },
        }
    }
}

/// The code of an error, wherever it stands.
pub(super) fn code_of(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

pub(super) fn not_allowed_code(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
    )
}

/// Whether this says that no broker answers, now.
pub(super) fn unreachable(code: Code) -> bool {
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::SSL
    )
}

/// Whether a word tells a reason, not only that all is down.
fn telling(word: &Word) -> bool {
    word.code != Some(Code::AllBrokersDown) && !word.text.is_empty()
}

fn secret(key: &str) -> bool {
    ["password", "secret", "token", "key.pem", "jaas"].iter().any(|part| key.contains(part))
}

/// Without the client's name of the thread in front, on one line, at most 300 characters.
fn shortened(text: &str) -> String {
    let text = text.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map_or(text, |(_, rest)| rest);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

fn who(principal: Option<&str>) -> &str {
    principal.unwrap_or("this client")
}

fn not_allowed(missing: &[Right], principal: Option<&str>) -> String {
    let mut text = format!("{} lacks ", who(principal));
    let plural = if missing.len() == 1 { "a right" } else { "rights" };
    text += plural;
    for right in missing {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  {} on {}", right.operation, right.resource);
    }
    text + "\nGrant them with the access rules of the cluster; docs/kafka.md lists what each topic needs"
}

fn missing_topics(inputs: &[String], own: &[String]) -> String {
    let mut parts = Vec::new();
    if !inputs.is_empty() {
        parts.push(format!(
            "no such input topic: {}\n  They belong to your services: correct `topics.inferences` and `topics.labels`, or, \
             to try things out, create them with `truthline topics create --inputs --partitions N`",
            inputs.join(", ")
        ));
    }
    if !own.is_empty() {
        parts.push(format!(
            "missing topics of truthline: {}\n  Create them with `truthline topics create`",
            own.join(", ")
        ));
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::from_yaml("kafka: {brokers: 'b:1', properties: {sasl.username: watcher}}").unwrap()
    }

    #[test]
    fn each_code_of_the_client_has_its_class() {
        let config = config();
        let cases = [
            (KafkaError::MetadataFetch(Code::BrokerTransportFailure), TroubleClass::Unreachable),
            (KafkaError::MetadataFetch(Code::OperationTimedOut), TroubleClass::Unreachable),
            (KafkaError::AdminOp(Code::OperationTimedOut), TroubleClass::Unreachable),
            (KafkaError::Global(Code::Authentication), TroubleClass::NotAllowed),
            (KafkaError::MessageConsumption(Code::GroupAuthorizationFailed), TroubleClass::NotAllowed),
            (KafkaError::AdminOp(Code::ClusterAuthorizationFailed), TroubleClass::NotAllowed),
            (KafkaError::MetadataFetch(Code::UnsupportedFeature), TroubleClass::Unreachable),
            (KafkaError::ClientCreation("no".into()), TroubleClass::Configuration),
            (KafkaError::AdminOp(Code::PolicyViolation), TroubleClass::Configuration),
            (KafkaError::MessageProduction(Code::Unknown), TroubleClass::Failed),
        ];
        for (error, class) in cases {
            let trouble = KafkaTrouble::of(&config, "a test", &error);
            assert_eq!(trouble.class(), class, "{error}: {trouble}");
        }
    }

    #[test]
    fn what_the_client_said_beside_the_answer_decides_and_is_told() {
        let config = config();
        let timed_out = KafkaError::MetadataFetch(Code::OperationTimedOut);
        let word = |code, text: &str| Word { code: Some(code), text: text.into() };
        let down = word(Code::AllBrokersDown, "1/1 brokers are down");
        let refused = word(Code::BrokerTransportFailure, "[thrd:b:1/bootstrap]: b:1: Connect failed:\n  refused");
        let trouble = KafkaTrouble::with_words(&config, "x", &timed_out, &[refused, down.clone()]);
        let text = trouble.to_string();
        assert!(text.starts_with("no broker can be reached at b:1: b:1: Connect failed: refused; check"), "{text}");
        let login = word(Code::Authentication, "Authentication failed: Invalid username or password");
        let trouble = KafkaTrouble::with_words(&config, "x", &timed_out, &[login, down]);
        assert_eq!(trouble.class(), TroubleClass::NotAllowed);
        assert!(trouble.to_string().contains("User:watcher"), "{trouble}");
    }

    #[test]
    fn a_text_names_what_is_missing_and_the_remedy() {
        let missing = vec![Right::new("Read", "topic", "labels"), Right::new("Write", "topic", "t.alerts.v1")];
        let text = KafkaTrouble::NotAllowed { missing, principal: Some("User:watcher".into()) }.to_string();
        for part in ["User:watcher", "Read on topic labels", "Write on topic t.alerts.v1", "docs/kafka.md"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let text = KafkaTrouble::Missing { inputs: vec!["inf".into()], own: vec!["t.rows.v1".into()] }.to_string();
        for part in ["inf", "t.rows.v1", "`truthline topics create`", "`topics.inferences`"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn no_secret_is_told() {
        let config = Config::from_yaml("kafka: {properties: {ssl.key.password: hunter2, linger.ms: soon}}").unwrap();
        let error = |key: &str, value: &str| {
            KafkaError::ClientConfig(
                rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
                "invalid".into(),
                key.into(),
                value.into(),
            )
        };
        let text = KafkaTrouble::of(&config, "x", &error("ssl.key.password", "hunter2")).to_string();
        assert!(!text.contains("hunter2") && text.contains("ssl.key.password"), "{text}");
        let text = KafkaTrouble::of(&config, "x", &error("linger.ms", "soon")).to_string();
        assert!(text.contains("'soon'"), "{text}");
    }
}
