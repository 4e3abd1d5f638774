//! How are the judge's nouns written as JSON where JSON has no word for them?
//!
//! Maps whose keys are no texts become lists of pairs; request keys become 32 hexadecimal digits, because 128 bits are
//! more than most readers of JSON keep of a number.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::event::{EventTime, RequestKey};
use crate::observe::Event;

/// Maps as lists of pairs.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::judge) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(in crate::judge) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}

/// Sets of request keys.
pub(super) mod keys {
    use std::collections::BTreeSet;

    use super::{Deserialize, Deserializer, RequestKey, Serializer, digits, key};

    pub(in crate::judge) fn serialize<S: Serializer>(set: &BTreeSet<RequestKey>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(set.iter().map(|&key| digits(key)))
    }

    pub(in crate::judge) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<RequestKey>, D::Error> {
        Vec::<String>::deserialize(from)?.iter().map(|text| key::<D::Error>(text)).collect()
    }
}

/// Samples of predictions.
pub(super) mod examples {
    use super::{Deserialize, Deserializer, Event, EventTime, RequestKey, Serializer, digits, key};

    type Written = (String, String, u32, EventTime, f64, String, Vec<u8>);

    pub(in crate::judge) fn serialize<S: Serializer>(
        examples: &[(RequestKey, Event)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(examples.iter().map(|(key, event)| {
            let Event { request_id, row, time, score, value, codes } = event;
            (digits(*key), request_id, row, time, score, value, codes)
        }))
    }

    pub(in crate::judge) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(RequestKey, Event)>, D::Error> {
        let written = Vec::<Written>::deserialize(from)?.into_iter();
        written
            .map(|(digits, request_id, row, time, score, value, codes)| {
                Ok((key::<D::Error>(&digits)?, Event { request_id, row, time, score, value, codes }))
            })
            .collect()
    }
}

fn digits(key: RequestKey) -> String {
    format!("{:032x}", key.bits())
}

fn key<E: de::Error>(digits: &str) -> Result<RequestKey, E> {
    let bits = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32);
    bits.map(RequestKey::from_bits).ok_or_else(|| E::custom("a request key is 32 hexadecimal digits"))
}
