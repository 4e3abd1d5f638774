//! As whom does truthline knock, as far as the configuration says it?

use crate::config::Config;

/// The user of the configuration, in the form of Kafka's access rules. Unknown where a certificate or a token says it.
pub(super) fn principal(config: &Config) -> Option<String> {
    let property = |name: &str| config.kafka.properties.get(name).filter(|value| !value.is_empty());
    if let Some(user) = property("sasl.username") {
        return Some(format!("User:{user}"));
    }
    let secured = property("security.protocol").is_some_and(|protocol| !protocol.eq_ignore_ascii_case("plaintext"));
    (!secured).then(|| "User:ANONYMOUS".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_user_of_the_configuration_or_unknown() {
        let of = |text: &str| principal(&Config::from_yaml(&format!("kafka: {{properties: {text}}}")).unwrap());
        assert_eq!(of("{sasl.username: watcher, security.protocol: SASL_SSL}").as_deref(), Some("User:watcher"));
        assert_eq!(of("{}").as_deref(), Some("User:ANONYMOUS"));
        assert_eq!(of("{security.protocol: SSL}"), None);
    }
}
