//! Are files read record by record, whatever state they are in?
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod decode_common;

use std::io::{Read as _, Write};

use apache_avro::types::Value as Avro;
use apache_avro::{Codec, DeflateSettings, Schema, Writer};
use decode_common::*;
use truthline::decode::{Mapping, MappingError};
use truthline::event::{BaselineRow, Inference, Label, RejectReason, Split, Truth, Value};
use truthline::ingest::{Source, SourceError, Step};

fn file(suffix: &str, bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(suffix).tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn open(file: &tempfile::NamedTempFile, mapping: Option<&Mapping>) -> Result<Source, SourceError> {
    Source::open(file.path().to_str().unwrap(), 3, mapping)
}

/// Position and request id, or reason, of each record of the file.
type Read = Vec<(u64, Result<String, RejectReason>)>;

fn read(suffix: &str, bytes: &[u8]) -> Result<Read, SourceError> {
    let file = file(suffix, bytes);
    let mut source = open(&file, None)?;
    let (mut decoder, mut into, mut list) = (decoder(), Inference::default(), Vec::new());
    loop {
        let read = match source.next_inference(&mut decoder, &mut into)? {
            Step::Record => Ok(into.request_id.clone()),
            Step::Rejected(reject) => Err(reject.reason),
            Step::End => break,
        };
        assert_eq!((source.position().source, source.position().partition), (3, 0));
        list.push((source.position().offset, read));
    }
    assert_eq!(source.bytes_read(), bytes.len() as u64);
    assert_eq!(source.total_bytes(), Some(bytes.len() as u64));
    Ok(list)
}

fn line(id: &str) -> String {
    json(&Sample { request_id: id.to_owned(), ..sample() }, 0)
}

#[allow(clippy::unnecessary_wraps, reason = "it stands beside errors in a list")]
fn ok(id: &str) -> Result<String, RejectReason> {
    Ok(id.to_owned())
}

#[test]
fn json_lines_survive_whatever_stands_in_one_of_them() {
    let huge = vec![b'x'; 3 << 20];
    let full = line("e");
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    for part in [line("a").as_bytes(), b"\r", b"", b"  \t", b"{\"broken", b"\xff\xfe", &huge, line("b").as_bytes()] {
        bytes.extend(part);
        bytes.push(b'\n');
    }
    bytes.extend(full.as_bytes());
    let expected = vec![
        (1, ok("a")),
        (5, Err(RejectReason::Malformed)),
        (6, Err(RejectReason::Malformed)),
        (7, Err(RejectReason::TooLarge)),
        (8, ok("b")),
        (9, ok("e")),
    ];
    assert_eq!(read(".jsonl", &bytes).unwrap(), expected);
    assert_eq!(read(".NDJSON", &bytes).unwrap(), expected);
    for empty in [&b""[..], b"\n\r\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"] {
        assert_eq!(read(".json", empty).unwrap(), []);
    }
}

#[test]
fn a_line_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let limit = 1 << 20;
    for end in ["", "\n", "\r\n"] {
        let padded = |bytes: usize| line("a") + &" ".repeat(bytes - line("a").len()) + end;
        assert_eq!(read(".jsonl", padded(limit).as_bytes()).unwrap(), [(1, ok("a"))]);
        assert_eq!(read(".jsonl", padded(limit + 1).as_bytes()).unwrap(), [(1, Err(RejectReason::TooLarge))]);
        let two = padded(limit + 1 + end.len()) + "\n" + &line("b");
        assert_eq!(
            read(".jsonl", two.as_bytes()).unwrap().last(),
            Some(&(if end.is_empty() { 2 } else { 3 }, ok("b")))
        );
    }
}

#[test]
fn compressed_files_of_several_members_are_read_to_the_end() {
    let gzip = |text: &str| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap()
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    // The second member starts in the middle of a line.
    let text = line("a") + "\n" + &line("b") + "\n";
    let (first, second) = text.split_at(text.len() / 2 + 7);
    let expected = vec![(1, ok("a")), (2, ok("b"))];
    let members = [gzip(first), gzip(second)].concat();
    assert_eq!(read(".jsonl.gz", &members).unwrap(), expected);
    let frames = [zstd(first), zstd(second)].concat();
    assert_eq!(read(".jsonl.zst", &frames).unwrap(), expected);
    // A file that was cut is an error, not a short file.
    for (suffix, bytes) in [(".jsonl.gz", members), (".jsonl.zst", frames)] {
        let error = read(suffix, &bytes[..bytes.len() - 5]).unwrap_err();
        assert!(matches!(error, SourceError::Read { .. }), "{error}");
    }
    let table = format!("{}\n{}\n", csv_header(&sample()), csv_row(&sample()));
    assert_eq!(read(".csv.gz", &gzip(&table)).unwrap(), [(2, ok("r-1"))]);
}

#[test]
fn what_cannot_be_opened_says_why_and_what_could() {
    for (suffix, word) in [(".parquet", "no reader"), (".txt", ".txt"), (".avro.gz", "compressed"), ("", "extension")] {
        let error = open(&file(suffix, b""), None).err().unwrap().to_string();
        assert!(error.contains(word) && error.contains("accepted"), "{error}");
    }
    assert!(matches!(Source::open("/no/such/file.jsonl", 0, None), Err(SourceError::Open { .. })));
}

fn container(codec: Codec, ids: &[&str]) -> Vec<u8> {
    let schema = Schema::parse_str(INFERENCE_SCHEMA).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), codec).unwrap();
    for id in ids {
        writer.append_value(avro_value(&Sample { request_id: (*id).to_owned(), ..sample() })).unwrap();
    }
    writer.into_inner().unwrap()
}

fn long(value: i64) -> Vec<u8> {
    let mut raw = (value << 1 ^ value >> 63) as u64;
    let mut bytes = Vec::new();
    while raw > 0x7f {
        bytes.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    bytes.push(raw as u8);
    bytes
}

/// A container written by hand: blocks of (count, bytes as they stand in the file).
fn by_hand(codec: &str, blocks: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let sync = [7; 16];
    let mut bytes = b"Obj\x01".to_vec();
    bytes.extend(long(2));
    for (key, value) in [("avro.codec", codec), ("avro.schema", INFERENCE_SCHEMA)] {
        for text in [key, value] {
            bytes.extend(long(text.len() as i64));
            bytes.extend(text.as_bytes());
        }
    }
    bytes.push(0);
    bytes.extend(sync);
    for (count, block) in blocks {
        bytes.extend(long(*count));
        bytes.extend(long(block.len() as i64));
        bytes.extend(block);
        bytes.extend(sync);
    }
    bytes
}

fn datum(id: &str, score: f64) -> Vec<u8> {
    avro(&Sample { request_id: id.to_owned(), score, ..sample() })
}

#[test]
fn containers_of_each_codec_are_read() {
    let expected = vec![(1, ok("a")), (2, ok("b")), (3, ok("c"))];
    for codec in [Codec::Null, Codec::Deflate(DeflateSettings::default())] {
        assert_eq!(read(".avro", &container(codec, &["a", "b", "c"])).unwrap(), expected);
    }
    let block = |ids: &[&str]| ids.iter().flat_map(|id| datum(id, 0.5)).collect::<Vec<u8>>();
    let packed = zstd::encode_all(block(&["a", "b"]).as_slice(), 1).unwrap();
    let more = zstd::encode_all(block(&["c"]).as_slice(), 1).unwrap();
    assert_eq!(read(".avro", &by_hand("zstandard", &[(2, packed), (1, more)])).unwrap(), expected);
    let snappy = read(".avro", &by_hand("snappy", &[])).unwrap_err().to_string();
    assert!(snappy.contains("snappy") && snappy.contains("deflate"), "{snappy}");
    assert_eq!(read(".avro", &by_hand("null", &[])).unwrap(), []);
}

#[test]
fn a_refused_datum_costs_itself_and_a_broken_one_the_rest_of_its_block() {
    let refused = [datum("a", 0.5), datum("b", 7.0), datum("c", 0.5)].concat();
    let mut broken = [datum("d", 0.5), datum("e", 0.5), datum("f", 0.5)].concat();
    // The length of the second id says more than the block has.
    let at = datum("d", 0.5).len();
    broken[at] = 0xfe;
    broken[at + 1] = 0x7f;
    let bytes = by_hand("null", &[(3, refused), (3, broken), (1, datum("g", 0.5))]);
    assert_eq!(
        read(".avro", &bytes).unwrap(),
        [
            (1, ok("a")),
            (2, Err(RejectReason::OutOfRange)),
            (3, ok("c")),
            (4, ok("d")),
            (5, Err(RejectReason::Malformed)),
            (6, Err(RejectReason::Malformed)),
            (7, ok("g")),
        ]
    );
}

#[test]
fn a_container_with_a_broken_structure_ends_with_its_place() {
    let sound = by_hand("null", &[(1, datum("a", 0.5)), (1, datum("b", 0.5))]);
    assert_eq!(read(".avro", &sound).unwrap().len(), 2);
    // Cut anywhere but between blocks: an error, and never a record too many.
    let ends: Vec<usize> = {
        let header = by_hand("null", &[]).len();
        vec![header, by_hand("null", &[(1, datum("a", 0.5))]).len()]
    };
    // Every byte of the blocks, some of the long header.
    for cut in (0..ends[0]).step_by(101).chain(ends[0]..sound.len()) {
        let result = read(".avro", &sound[..cut]);
        assert_eq!(result.is_ok(), ends.contains(&cut), "cut at {cut}");
    }
    let mut marker = sound.clone();
    *marker.last_mut().unwrap() ^= 1;
    let error = read(".avro", &marker).unwrap_err();
    assert!(matches!(error, SourceError::Corrupt { byte, .. } if byte == sound.len() as u64 - 16), "{error}");
    for (count, block) in [(i64::MAX, datum("a", 0.5)), (-1, datum("a", 0.5)), (0, datum("a", 0.5))] {
        let error = read(".avro", &by_hand("null", &[(count, block), (1, datum("b", 0.5))])).unwrap_err();
        assert!(matches!(error, SourceError::Corrupt { .. }), "{count}: {error}");
    }
    for size in [-1, i64::MAX, (64 << 20) + 1] {
        let mut bytes = by_hand("null", &[]);
        bytes.extend(long(1));
        bytes.extend(long(size));
        assert!(matches!(read(".avro", &bytes), Err(SourceError::Corrupt { .. })), "{size}");
    }
    // 100 MiB of zeros in a few bytes.
    let bomb = zstd::encode_all(std::io::repeat(0).take(100 << 20), 1).unwrap();
    assert!(matches!(read(".avro", &by_hand("zstandard", &[(1, bomb)])), Err(SourceError::Corrupt { .. })));
    for (bytes, word) in [(&b"{}"[..], "ends"), (b"PAR1PAR1", "Obj"), (b"", "ends")] {
        let error = read(".avro", bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

fn mapping(text: &str) -> Mapping {
    serde_json::from_str(text).unwrap()
}

const MAPPED: &str = "\u{feff}id,when, p ,y,age,city,note\r\n\
    a,2026-01-01 00:00:00.5,0.25,True,41,Wien,\"two\nlines\"\r\n\
    \r\n\
    b,2026-01-01T02:00:00+02:00,1,0,NA,007,True\r\n\
    c,2026-01-01 00:00:00,0.5,1.0,1e400,-1.50,\r\n\
    d,2026-01-01 00:00:00,0.5\r\n\
    e,2026-01-01 00:00:00,high,,,,\r\n";

#[test]
fn a_mapped_table_is_read_with_the_lines_of_its_rows() {
    let by = mapping(
        r#"{"request_id":"id","event_time":"when","score":"p","label":"y","model":{"value":"m"},"version":{"value":3},
            "split":{"value":"validation"},"ignore":["note"]}"#,
    );
    let file = file(".csv", MAPPED.as_bytes());
    let mut source = open(&file, Some(&by)).unwrap();
    let (mut decoder, mut row) = (decoder(), BaselineRow::default());
    let mut steps = Vec::new();
    while let step = source.next_baseline(&mut decoder, &mut row).unwrap()
        && step != Step::End
    {
        steps.push((source.position().offset, step.clone()));
        let Step::Record = step else { continue };
        let inference = &row.inference;
        assert_eq!((inference.model.as_str(), inference.version.as_str(), row.split), ("m", "3", Split::Validation));
        let features: Vec<(&str, Value)> =
            inference.features.pairs.iter().map(|&(slot, value)| (decoder.names().name(slot), value)).collect();
        let text = |start, length| inference.features.text_of(start, length);
        let (time, truth) = (inference.event_time.micros() - 1_767_225_600_000_000, row.truth);
        match inference.request_id.as_str() {
            "a" => {
                assert_eq!((time, truth), (500_000, Some(Truth::Number(1.0))));
                assert_eq!(features[0], ("age", Value::Int(41)));
                let ("city", Value::Text { start, length }) = features[1] else { panic!("{features:?}") };
                assert_eq!(text(start, length), "Wien");
            }
            "b" => {
                assert_eq!((time, truth), (0, Some(Truth::Number(0.0))));
                assert_eq!(features, [("age", Value::Null), ("city", Value::Int(7))]);
            }
            _ => {
                assert_eq!((time, truth), (0, Some(Truth::Number(1.0))));
                let Value::Text { start, length } = features[0].1 else { panic!("{features:?}") };
                assert_eq!(text(start, length), "1e400");
                assert_eq!(features[1], ("city", Value::Float(-1.5)));
            }
        }
    }
    let lines: Vec<u64> = steps.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 5, 6, 7, 8]);
    let Step::Rejected(short) = &steps[3].1 else { panic!("{steps:?}") };
    assert!(short.reason == RejectReason::Malformed && short.detail.contains("3 cells"), "{short}");
    let Step::Rejected(wrong) = &steps[4].1 else { panic!("{steps:?}") };
    assert!(wrong.reason == RejectReason::WrongType && wrong.detail.contains("'high'"), "{wrong}");
}

#[test]
fn times_are_read_in_the_declared_unit_zone_and_format() {
    for (time, cell, expected) in [
        (r"{}", "1767225600000000", Some(1_767_225_600_000_000)),
        (r#"{"unit":"s"}"#, "1767225600", Some(1_767_225_600_000_000)),
        (r#"{"unit":"s"}"#, "1767225600.25", Some(1_767_225_600_250_000)),
        (r#"{"unit":"ms"}"#, "1767225600001", Some(1_767_225_600_001_000)),
        (r#"{"unit":"us"}"#, "1767225600000001", Some(1_767_225_600_000_001)),
        (r#"{"unit":"ns"}"#, "1767225600000001999", Some(1_767_225_600_000_001)),
        (r#"{"zone":"+02:00"}"#, "2026-01-01 02:00:00", Some(1_767_225_600_000_000)),
        (r#"{"zone":"+02:00"}"#, "2026-01-01T00:00:00Z", Some(1_767_225_600_000_000)),
        (r#"{"zone":"-05:30"}"#, "2025-12-31 18:30:00", Some(1_767_225_600_000_000)),
        (r#"{"format":"%d.%m.%Y %H:%M"}"#, "01.01.2026 00:00", Some(1_767_225_600_000_000)),
        (r#"{"format":"%d.%m.%Y"}"#, "01.01.2026", Some(1_767_225_600_000_000)),
        (r#"{"format":"%Y-%m-%d %H:%M:%S %z"}"#, "2026-01-01 01:00:00 +0100", Some(1_767_225_600_000_000)),
        (r"{}", "2026-01-01", Some(1_767_225_600_000_000)),
        (r"{}", "1767225600", None),
        (r"{}", "9999-12-31 23:59:59", None),
        (r#"{"unit":"text"}"#, "1767225600000000", None),
        (r#"{"unit":"s"}"#, "2026-01-01", None),
        (r#"{"unit":"s"}"#, "9223372036854775807", None),
    ] {
        let by = mapping(&format!(r#"{{"request_id":"id","event_time":"t","label":{{"value":1}},"time":{time}}}"#));
        let file = file(".csv", format!("id,t\nr,{cell}\n").as_bytes());
        let (mut decoder, mut into) = (decoder(), Label::default());
        let step = open(&file, Some(&by)).unwrap().next_label(&mut decoder, &mut into).unwrap();
        let found = (step == Step::Record).then(|| into.event_time.micros());
        assert_eq!(found, expected, "{time} {cell}: {step:?}");
    }
}

#[test]
fn a_mapping_that_does_not_fit_is_refused_at_the_start() {
    let table = file(".csv", b"request,time,score,amount,amount\n");
    let refused = |text: &str| match open(&table, Some(&mapping(text))) {
        Err(SourceError::Mapping { source, .. }) => source,
        other => panic!("{text}: {:?}", other.err()),
    };
    let error = refused(r#"{"request_id":"requst"}"#);
    let expected = ("request_id", "requst".to_owned(), Some("request".to_owned()));
    assert!(matches!(&error, MappingError::NoSuchColumn { key, column, nearest }
        if (*key, column.clone(), nearest.clone()) == expected));
    assert!(error.to_string().contains("the nearest is 'request'"), "{error}");
    assert!(matches!(refused(r#"{"ignore":["gone"]}"#), MappingError::NoSuchColumn { key: "ignore", .. }));
    assert!(matches!(refused(r#"{"features":["amount"]}"#), MappingError::ColumnTwice { .. }));
    let zone = refused(r#"{"ignore":["time"],"features":[],"time":{"zone":"Atlantis"}}"#);
    assert!(matches!(zone, MappingError::Time { key: "zone", .. }), "{zone}");
    // What the records need is asked once it is known which records they are.
    let by = mapping(r#"{"request_id":"request","event_time":"time","score":"score","features":[]}"#);
    let error = open(&table, Some(&by)).unwrap().next_inference(&mut decoder(), &mut Inference::default()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("model"), "{source}");
    for wrong in [r#"{"requestid":"a"}"#, r#"{"row":7}"#, r#"{"row":{"const":7}}"#, r#"{"time":{"unit":"h"}}"#] {
        assert!(serde_json::from_str::<Mapping>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_row_above_the_limit_or_not_in_utf8_costs_only_itself() {
    let mut bytes = b"request_id,model,version,event_time,score,a\n".to_vec();
    bytes.extend(b"r1,m,1,1767225600000000,0.5,1\nr2,m,1,1767225600000000,0.5,\"");
    bytes.extend(vec![b'x'; 5 << 20]);
    bytes.extend(b"\"\nr3,m,1,1767225600000000,0.5,\xff\nr4,m,1,1767225600000000,0.5,2");
    let expected = [(2, ok("r1")), (3, Err(RejectReason::TooLarge)), (4, Err(RejectReason::Malformed)), (5, ok("r4"))];
    assert_eq!(read(".csv", &bytes).unwrap(), expected);
    assert_eq!(read(".csv", b"").unwrap(), []);
    // A quote that is never closed makes one row of the rest of the file: one reject, in bounded memory.
    let unclosed = [b"request_id,a\nr1,\"".to_vec(), b"r2,1\n".repeat(1 << 20)].concat();
    let by = r#"{"request_id":"request_id","event_time":{"value":"2026-01-01"},"label":{"value":1}}"#;
    let file = file(".csv", &unclosed);
    let mut source = open(&file, Some(&mapping(by))).unwrap();
    let (mut decoder, mut into) = (decoder(), Label::default());
    let Step::Rejected(reject) = source.next_label(&mut decoder, &mut into).unwrap() else { panic!("read") };
    assert_eq!(reject.reason, RejectReason::TooLarge);
    assert_eq!(source.next_label(&mut decoder, &mut into).unwrap(), Step::End);
}

#[test]
fn one_mapping_reads_a_table_and_its_objects_alike() {
    let by = mapping(
        r#"{"request_id":"id","event_time":"when","score":"p","label":"y","threshold":"cut","model":{"value":"m"},
            "version":"release","ignore":["note"],"time":{"unit":"ms"}}"#,
    );
    let table = "id,when,p,y,cut,release,age,city,note\n17,1767225600001,0.25,True,NA,3,41,Wien,x\n";
    let object = r#"{"note":{"deep":[1]},"id":17,"age":41,"when":1767225600001,"p":0.25,"y":true,"cut":null,
        "release":"3","city":"Wien","trace":{"span":["a"]}}"#;
    let avro = r#"{"type":"record","name":"other","fields":[{"name":"id","type":"string"},
        {"name":"when","type":"long"},{"name":"p","type":"float"},{"name":"y","type":["null","boolean"]},
        {"name":"cut","type":["null","double"]},{"name":"release","type":"string"},{"name":"age","type":"int"},
        {"name":"city","type":"string"},{"name":"trace","type":{"type":"array","items":"string"}}]}"#;
    let schema = Schema::parse_str(avro).unwrap();
    let mut writer = Writer::new(&schema, Vec::new()).unwrap();
    let record = Avro::Record(vec![
        ("id".into(), Avro::String("17".into())),
        ("when".into(), Avro::Long(1_767_225_600_001)),
        ("p".into(), Avro::Float(0.25)),
        ("y".into(), Avro::Union(1, Box::new(Avro::Boolean(true)))),
        ("cut".into(), Avro::Union(0, Box::new(Avro::Null))),
        ("release".into(), Avro::String("3".into())),
        ("age".into(), Avro::Int(41)),
        ("city".into(), Avro::String("Wien".into())),
        ("trace".into(), Avro::Array(vec![Avro::String("a".into())])),
    ]);
    writer.append_value(record).unwrap();
    let line = object.replace('\n', " ");
    let files =
        [file(".csv", table.as_bytes()), file(".jsonl", line.as_bytes()), file(".avro", &writer.into_inner().unwrap())];
    let contents = files.each_ref().map(|file| {
        let mut source = open(file, Some(&by)).unwrap();
        let (mut decoder, mut row) = (decoder(), BaselineRow::default());
        assert_eq!(source.next_baseline(&mut decoder, &mut row).unwrap(), Step::Record);
        assert_eq!((row.inference.request_id.as_str(), row.truth), ("17", Some(Truth::Number(1.0))));
        assert_eq!(row.inference.event_time.micros(), 1_767_225_600_001_000);
        assert_eq!(row.inference.features.pairs.len(), 2);
        assert!(decoder.unknown_fields().all(|name| name == "trace"));
        assert_eq!(source.next_baseline(&mut decoder, &mut row).unwrap(), Step::End);
        row.inference.content
    });
    assert!(contents.iter().all(|content| *content == contents[0]), "{contents:?}");

    let refused = |text: &str| {
        let file = file(".jsonl", text.as_bytes());
        let (mut decoder, mut row) = (decoder(), BaselineRow::default());
        match open(&file, Some(&by)).unwrap().next_baseline(&mut decoder, &mut row).unwrap() {
            Step::Rejected(reject) => reject.reason,
            other => panic!("{text}: {other:?}"),
        }
    };
    assert_eq!(refused(r#"{"id":[1]}"#), RejectReason::WrongType);
    assert_eq!(refused(r#"{"id":"a","id":"b"}"#), RejectReason::DuplicateField);
    assert_eq!(refused(r#"{"age":1,"age":2}"#), RejectReason::DuplicateField);
    assert_eq!(refused(r#"{"id":"a","p":"high"}"#), RejectReason::WrongType);
    assert_eq!(refused(&line.replace("0.25", "7")), RejectReason::OutOfRange);
    assert_eq!(refused(&line.replace("\"when\"", "\"then\"")), RejectReason::MissingField);
    assert_eq!(refused(&line[..line.len() - 1]), RejectReason::Malformed);
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(refused(&deep), RejectReason::TooLarge);
    // An entry is missing for what the records need.
    let lacks = mapping(r#"{"request_id":"id"}"#);
    let error = open(&files[1], Some(&lacks)).unwrap().next_label(&mut decoder(), &mut Label::default()).unwrap_err();
    assert!(matches!(error, SourceError::Mapping { .. }), "{error}");
}
