//! What does the decoder do with records that are broken, by accident or on purpose?
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod decode_common;

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use decode_common::*;
use proptest::prelude::*;
use truthline::decode::{Decoder, Encoding, Limits, WriterSchema};
use truthline::event::{BaselineRow, Inference, Label, MAX_FEATURE_NAMES, RejectReason, Truth, Value};

use RejectReason::{
    DuplicateField, LimitReached, Malformed, MissingField, OutOfRange, TimeOutOfRange, TooLarge, WrongType,
};

fn inference(json: &str) -> Result<Inference, (RejectReason, String)> {
    let mut into = Inference::default();
    match decoder().inference(&Encoding::Json, json.as_bytes(), &mut into) {
        Ok(()) => Ok(into),
        Err(reject) => Err((reject.reason, reject.detail)),
    }
}

/// A sound inference with `fields` in place of its own of that name.
fn with(fields: &str) -> String {
    let own = [
        ("request_id", "\"r\""),
        ("model", "\"m\""),
        ("version", "\"1\""),
        ("event_time", "1767225600000000"),
        ("score", "0.5"),
    ];
    let kept = own.iter().filter(|(name, _)| !fields.contains(&format!("\"{name}\":")));
    let mut list: Vec<String> = kept.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    if !fields.is_empty() {
        list.push(fields.to_owned());
    }
    format!("{{{}}}", list.join(","))
}

#[test]
fn each_wrong_field_is_refused_by_name_and_says_what_is_accepted() {
    let cases = [
        (r#""request_id":7"#, WrongType),
        (r#""request_id":"""#, OutOfRange),
        (r#""request_id":null"#, MissingField),
        (r#""request_id":["r"]"#, WrongType),
        (r#""row":-1"#, OutOfRange),
        (r#""row":1.5"#, WrongType),
        (r#""row":4294967296"#, OutOfRange),
        (r#""row":4096"#, OutOfRange),
        (r#""model":"""#, OutOfRange),
        (r#""model":{}"#, WrongType),
        (r#""version":1"#, WrongType),
        (r#""version":"""#, OutOfRange),
        (r#""event_time":"yesterday""#, WrongType),
        (r#""event_time":true"#, WrongType),
        (r#""event_time":1767225600.5"#, WrongType),
        (r#""event_time":null"#, MissingField),
        (r#""score":1.0000001"#, OutOfRange),
        (r#""score":-1e-300"#, OutOfRange),
        (r#""score":"0.5""#, WrongType),
        (r#""score":[0.5]"#, WrongType),
        (r#""threshold":"0.5""#, WrongType),
        (r#""decision":2"#, OutOfRange),
        (r#""decision":"yes""#, WrongType),
        (r#""action":[]"#, WrongType),
        (r#""action_prob":0"#, OutOfRange),
        (r#""action_prob":1.1"#, OutOfRange),
        (r#""arm":"control""#, OutOfRange),
        (r#""arm":1"#, WrongType),
        (r#""weight":0"#, OutOfRange),
        (r#""weight":-3"#, OutOfRange),
        (r#""features":[1]"#, WrongType),
        (r#""features":"x""#, WrongType),
        (r#""features":{"a":{}}"#, WrongType),
        (r#""features":{"a":[1]}"#, WrongType),
        (r#""scores":0.5"#, WrongType),
        (r#""scores":["high"]"#, WrongType),
        (r#""predicted":{}"#, WrongType),
        (r#""value":"12""#, WrongType),
        (r#""entity_id":{}"#, WrongType),
        (r#""parents":"r-0""#, WrongType),
        (r#""parents":[1]"#, WrongType),
        (r#""env":1"#, WrongType),
        (r#""segments":["x"]"#, WrongType),
        (r#""segments":{"a":1}"#, WrongType),
        (r#""embedding":["x"]"#, WrongType),
        (r#""embedding":[[1]]"#, WrongType),
        (r#""latency_ms":"3""#, WrongType),
        (r#""interval":{"lo":1}"#, WrongType),
        (r#""row":1,"row":1"#, DuplicateField),
        (r#""arm":null,"arm":null"#, DuplicateField),
        (r#""features":{},"features":{}"#, DuplicateField),
    ];
    for (fields, expected) in cases {
        let (reason, detail) = inference(&with(fields)).expect_err(fields);
        assert_eq!(reason, expected, "{fields}: {detail}");
        let name = fields.split('"').nth(1).unwrap();
        assert!(detail.contains(name) && detail.contains("accepted: "), "{fields}: {detail}");
    }
    let (reason, detail) = inference(&with(r#""features":{"amount":1,"amount":2}"#)).unwrap_err();
    assert_eq!(reason, DuplicateField);
    assert!(detail.contains("'amount'"), "{detail}");
}

#[test]
fn each_missing_required_field_is_named() {
    for name in ["request_id", "model", "version", "event_time"] {
        let own = with("");
        let start = own.find(&format!("\"{name}\"")).unwrap();
        let end = start + own[start..].find(',').unwrap() + 1;
        let (reason, detail) = inference(&(own[..start].to_owned() + &own[end..])).unwrap_err();
        assert_eq!(reason, MissingField);
        assert!(detail.contains(name), "{detail}");
    }
    let (reason, detail) = inference(&with(r#""score":null"#)).unwrap_err();
    assert_eq!(reason, MissingField);
    assert!(detail.contains("prediction"), "{detail}");
}

#[test]
fn every_kind_of_prediction_and_every_optional_field_is_accepted() {
    for fields in [
        r#""score":null,"scores":{"a":0.5,"b":0.5},"predicted":"a""#,
        r#""score":null,"scores":[0.5,0.5],"predicted":0"#,
        r#""score":null,"value":12.5"#,
        r#""score":null,"action":"show""#,
        r#""score":1"#,
        r#""score":0"#,
        r#""row":1.0"#,
        r#""decision":0"#,
        r#""entity_id":"e","parents":["a","b"],"env":"prod","segments":{"s":"t"},"embedding":[1,2.5]"#,
        r#""latency_ms":3.5,"interval":[0,null],"weight":1,"threshold":-3,"action":true,"action_prob":1"#,
        r#""threshold":null,"decision":null,"features":null,"weight":null,"parents":null,"arm":null"#,
        r#""event_time":"2026-01-01T01:00:00.000001+01:00""#,
    ] {
        let read = inference(&with(fields)).unwrap_or_else(|reject| panic!("{fields}: {reject:?}"));
        assert_eq!(read.score.is_none(), fields.contains(r#""score":null"#), "{fields}");
    }
    let null_or_absent = inference(&with(r#""threshold":null,"row":null,"features":null"#)).unwrap();
    assert_eq!(null_or_absent.content, inference(&with("")).unwrap().content);
}

#[test]
fn labels_follow_their_own_rules() {
    let head = r#"{"request_id":"r","event_time":1767225600000000"#;
    let read = |fields: &str| {
        let mut into = Label::default();
        let result = decoder().label(&Encoding::Json, format!("{head}{fields}}}").as_bytes(), &mut into);
        result.map(|()| into).map_err(|reject| (reject.reason, reject.detail))
    };
    for (fields, expected) in [
        (r#","label":1"#, Truth::Number(1.0)),
        (r#","label":true"#, Truth::Number(1.0)),
        (r#","label":"1""#, Truth::Number(1.0)),
        (r#","label":-0.0"#, Truth::Number(0.0)),
        (r#","label":"fraud""#, Truth::from_text("fraud")),
    ] {
        let label = read(fields).unwrap();
        assert_eq!(label.truth.map(Truth::bits), Some(expected.bits()), "{fields}");
        assert_eq!(label.row, Some(0));
    }
    for (fields, expected) in [
        ("", MissingField),
        (r#","label":null"#, MissingField),
        (r#","label":null,"withdrawn":false"#, MissingField),
        (r#","label":[1]"#, WrongType),
        (r#","label":1,"revision":-1"#, OutOfRange),
        (r#","label":1,"withdrawn":"yes""#, WrongType),
        (r#","label":1,"value":"much""#, WrongType),
        (r#","label":1,"source":7"#, WrongType),
        (r#","label":1,"outcome_time":1767225600"#, TimeOutOfRange),
        (r#","label":1,"blind":"no""#, WrongType),
        (r#","label":1,"confidence":"high""#, WrongType),
    ] {
        assert_eq!(read(fields).expect_err(fields).0, expected, "{fields}");
    }
    let withdrawn = read(r#","withdrawn":true"#).unwrap();
    assert!(withdrawn.withdrawn && withdrawn.truth.is_none());
    assert_eq!(withdrawn.content, read(r#","withdrawn":1,"label":1"#).unwrap().content);
    assert_ne!(withdrawn.content, read(r#","label":1"#).unwrap().content);
}

#[test]
fn baseline_rows_add_fields_that_inferences_do_not_know() {
    let (mut decoder, mut row, mut alone) = (decoder(), BaselineRow::default(), Inference::default());
    let text = with(r#""label":1,"split":"train","value":3,"source":"desk","outcome_time":1767225600000000"#);
    decoder.baseline(&Encoding::Json, text.as_bytes(), &mut row).unwrap();
    assert_eq!(row.truth, Some(Truth::Number(1.0)));
    assert_eq!(decoder.unknown_fields().count(), 0);
    decoder.inference(&Encoding::Json, text.as_bytes(), &mut alone).unwrap();
    assert_eq!(decoder.unknown_fields().collect::<Vec<_>>(), ["label", "outcome_time", "source", "split"]);
    for (fields, expected) in
        [(r#""split":"holdout""#, OutOfRange), (r#""label":{}"#, WrongType), (r#""label_time":1"#, TimeOutOfRange)]
    {
        let reject = decoder.baseline(&Encoding::Json, with(fields).as_bytes(), &mut row).unwrap_err();
        assert_eq!(reject.reason, expected, "{fields}");
    }
}

#[test]
fn times_in_another_unit_are_refused_with_the_unit_they_look_like() {
    for (time, hint) in [
        ("1767225600", "seconds"),
        ("1767225600000", "milliseconds"),
        ("1767225600000000000", "nanoseconds"),
        ("253402300799000000", "outside the years"),
        ("\"9999-12-31T23:59:59Z\"", "outside the years"),
        ("-1", "outside the years"),
        ("0", "outside the years"),
        ("9223372036854775807", "outside the years"),
    ] {
        let (reason, detail) = inference(&with(&format!("\"event_time\":{time}"))).unwrap_err();
        assert_eq!(reason, TimeOutOfRange, "{time}");
        assert!(detail.contains(hint) && detail.contains("event_time"), "{time}: {detail}");
    }
}

#[test]
fn what_is_not_json_is_malformed() {
    let cases: [&[u8]; 16] = [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"request_id\":\"\xc3\"}",
        b"{\"score\":NaN}",
        b"{\"score\":Infinity}",
        b"{\"score\":-Infinity}",
        b"{\"score\":.5}",
        b"{'score':1}",
        b"{\"score\":1,}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\n\"}",
    ];
    for bytes in cases {
        let reject = decoder().inference(&Encoding::Json, bytes, &mut Inference::default()).unwrap_err();
        assert_eq!(reject.reason, Malformed, "{}: {reject}", String::from_utf8_lossy(bytes));
    }
    for text in ["[]", "1", "\"x\"", "null", "true"] {
        assert_eq!(inference(text).unwrap_err().0, WrongType, "{text}");
    }
    for text in [r#""features":{"a":1e400}"#, r#""score":1e400"#, r#""threshold":-1e999"#] {
        assert_eq!(inference(&with(text)).unwrap_err().0, OutOfRange, "{text}");
    }
}

#[test]
fn a_record_cut_anywhere_is_refused() {
    let text = json(&sample(), 5);
    let (mut decoder, mut into) = (decoder(), Inference::default());
    for cut in 0..text.len() {
        assert!(decoder.inference(&Encoding::Json, &text.as_bytes()[..cut], &mut into).is_err(), "JSON cut at {cut}");
    }
    let (bytes, encoding) = (avro(&sample()), Encoding::Avro(inference_schema()));
    for cut in 0..bytes.len() {
        let reject = decoder.inference(&encoding, &bytes[..cut], &mut into).unwrap_err();
        assert_eq!(reject.reason, Malformed, "Avro cut at {cut}: {reject}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(decoder.inference(&encoding, &longer, &mut into).unwrap_err().reason, Malformed);
    // The decoder is as good as new.
    decoder.inference(&encoding, &bytes, &mut into).unwrap();
    assert_holds(&sample(), &into, decoder.names());
}

#[test]
fn nesting_is_bounded_wherever_it_stands() {
    for depth in [33, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = open.repeat(depth) + "1" + &close.repeat(depth);
            for field in ["unknown", "scores", "segments"] {
                let (reason, detail) = inference(&with(&format!("\"{field}\":{deep}"))).unwrap_err();
                assert!(reason == TooLarge || field != "unknown", "{detail}");
                assert!(matches!(reason, TooLarge | WrongType | Malformed), "{detail}");
            }
            assert!(inference(&deep).is_err());
        }
    }
    let allowed = "[".repeat(31) + &"]".repeat(31);
    assert!(inference(&with(&format!("\"unknown\":{allowed}"))).is_ok());

    // A list that holds lists, a thousand deep, and a record that holds itself without a byte.
    let lists = r#"{"type":"record","name":"r","fields":[{"name":"unknown","type":
        {"type":"record","name":"node","fields":[{"name":"next","type":{"type":"array","items":"node"}}]}}]}"#;
    let encoding = Encoding::Avro(Arc::new(WriterSchema::parse(lists).unwrap()));
    let bytes = [vec![2; 1_000], vec![0; 1_001]].concat();
    let reject = decoder().inference(&encoding, &bytes, &mut Inference::default()).unwrap_err();
    assert_eq!(reject.reason, TooLarge, "{reject}");
    let itself = r#"{"type":"record","name":"r","fields":[{"name":"unknown","type":
        {"type":"record","name":"node","fields":[{"name":"next","type":"node"}]}}]}"#;
    let encoding = Encoding::Avro(Arc::new(WriterSchema::parse(itself).unwrap()));
    let reject = decoder().inference(&encoding, &[], &mut Inference::default()).unwrap_err();
    assert_eq!(reject.reason, TooLarge, "{reject}");
}

#[test]
fn values_of_no_bytes_cannot_keep_the_reader_busy() {
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"unknown","type":{"type":"array","items":"null"}}]}"#;
    let encoding = Encoding::Avro(Arc::new(WriterSchema::parse(schema).unwrap()));
    // 2^40 nulls, and the most negative count.
    let many = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02, 0];
    let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0];
    for bytes in [&many[..], &least[..]] {
        let reject = decoder().inference(&encoding, bytes, &mut Inference::default()).unwrap_err();
        assert!(matches!(reject.reason, TooLarge | Malformed), "{reject}");
    }
    // Twice as many values at each of twenty levels, and no byte for any.
    let mut schema = r#"{"name":"n0","type":"record","fields":[]}"#.to_owned();
    for level in 1..20 {
        schema = format!(
            r#"{{"name":"n{level}","type":"record","fields":[{{"name":"a","type":{schema}}},{{"name":"b","type":"n{}"}}]}}"#,
            level - 1
        );
    }
    let encoding = Encoding::Avro(Arc::new(WriterSchema::parse(&schema).unwrap()));
    let reject = decoder().inference(&encoding, &[], &mut Inference::default()).unwrap_err();
    assert_eq!(reject.reason, TooLarge, "{reject}");
}

#[test]
fn sizes_are_bounded() {
    let long = |bytes: usize| "x".repeat(bytes);
    let cases = [
        (format!("\"request_id\":\"{}\"", long(1_025)), TooLarge),
        (format!("\"request_id\":\"{}\"", long(1_000_000)), TooLarge),
        (format!("\"model\":\"{}\"", long(1_025)), TooLarge),
        (format!("\"features\":{{\"a\":\"{}\"}}", long(65_537)), TooLarge),
        (format!("\"features\":{{\"{}\":1}}", long(1_025)), TooLarge),
        (format!("\"unknown\":\"{}\"", long(10_000_000)), TooLarge),
        (format!("\"features\":{{\"a\":\"{}\"}}", long(10_000_000)), TooLarge),
    ];
    for (fields, expected) in cases {
        let (reason, detail) = inference(&with(&fields)).unwrap_err();
        assert_eq!(reason, expected, "{detail}");
        assert!(detail.len() < 300, "a detail is short: {} bytes", detail.len());
    }
    assert!(inference(&with(&format!("\"request_id\":\"{}\"", long(1_024)))).is_ok());
    assert!(inference(&with(&format!("\"features\":{{\"a\":\"{}\"}}", long(65_536)))).is_ok());

    let features = |count: usize| {
        let list: Vec<String> = (0..count).map(|number| format!("\"f{number}\":{number}")).collect();
        with(&format!("\"features\":{{{}}}", list.join(",")))
    };
    assert_eq!(inference(&features(1_000)).unwrap().features.pairs.len(), 1_000);
    assert_eq!(inference(&features(10_000)).unwrap_err().0, LimitReached);
}

#[test]
fn names_and_unknown_fields_are_bounded_for_the_life_of_a_decoder() {
    let (mut decoder, mut into) = (Decoder::new(Limits::default()), Inference::default());
    for number in 0..MAX_FEATURE_NAMES + 400 {
        let text = with(&format!("\"features\":{{\"f{number}\":1}},\"u{number}\":1"));
        decoder.inference(&Encoding::Json, text.as_bytes(), &mut into).unwrap();
        assert_eq!(into.features.pairs.len(), usize::from(number < MAX_FEATURE_NAMES));
    }
    assert_eq!(decoder.names().len(), MAX_FEATURE_NAMES);
    let unknown: Vec<&str> = decoder.unknown_fields().collect();
    assert_eq!(unknown.len(), Limits::default().unknown_fields);
    assert!(unknown.is_sorted());
}

#[test]
fn numbers_that_are_none_are_null_among_features_and_refused_elsewhere() {
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"request_id","type":"string"},
        {"name":"model","type":"string"},{"name":"version","type":"string"},{"name":"event_time","type":"long"},
        {"name":"score","type":"double"},{"name":"weight","type":["null","float"]},
        {"name":"features","type":{"type":"map","values":"double"}}]}"#;
    let encoding = Encoding::Avro(Arc::new(WriterSchema::parse(schema).unwrap()));
    let read = |score: f64, weight: Option<f32>, feature: f64| {
        let weight = weight.map_or(Avro::Union(0, Box::new(Avro::Null)), |w| Avro::Union(1, Box::new(Avro::Float(w))));
        let record = Avro::Record(vec![
            ("request_id".into(), Avro::String("r".into())),
            ("model".into(), Avro::String("m".into())),
            ("version".into(), Avro::String("1".into())),
            ("event_time".into(), Avro::Long(1_767_225_600_000_000)),
            ("score".into(), Avro::Double(score)),
            ("weight".into(), weight),
            ("features".into(), Avro::Map([("a".to_owned(), Avro::Double(feature))].into_iter().collect())),
        ]);
        let mut into = Inference::default();
        let result = decoder().inference(&encoding, &encode(schema, record), &mut into);
        result.map(|()| into).map_err(|reject| reject.reason)
    };
    for feature in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(read(0.5, None, feature).unwrap().features.pairs[0].1, Value::Null);
        assert_eq!(read(feature, None, 1.0).unwrap_err(), OutOfRange);
        assert_eq!(read(0.5, Some(feature as f32), 1.0).unwrap_err(), OutOfRange);
    }
}

#[test]
fn schemas_that_are_none_are_refused() {
    let unknown = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"missing"}]}"#;
    for text in ["", "{", "\"string\"", "[\"null\",\"string\"]", r#"{"type":"array","items":"int"}"#, unknown] {
        assert!(WriterSchema::parse(text).is_err(), "{text}");
    }
}

fn all(decoder: &mut Decoder, encoding: &Encoding, bytes: &[u8]) {
    let _ = decoder.inference(encoding, bytes, &mut Inference::default());
    let _ = decoder.label(encoding, bytes, &mut Label::default());
    let _ = decoder.baseline(encoding, bytes, &mut BaselineRow::default());
}

/// `bytes` with some of them changed, added or taken away.
fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (place, byte, how) in changes {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = decoder();
        all(&mut decoder, &Encoding::Json, &bytes);
        all(&mut decoder, &Encoding::Avro(inference_schema()), &bytes);
    }

    #[test]
    fn no_change_of_a_sound_json_record_makes_it_panic(bytes in mutated(json(&sample(), 1).into_bytes())) {
        all(&mut decoder(), &Encoding::Json, &bytes);
    }

    #[test]
    fn no_change_of_a_sound_avro_record_makes_it_panic(bytes in mutated(avro(&sample()))) {
        all(&mut decoder(), &Encoding::Avro(inference_schema()), &bytes);
    }
}
