//! Which keys are there, and what do they mean?
//!
//! The table is the only list of keys: it finds unknown ones, decides which variables of the environment count, and
//! a test holds `docs/configuration.md` to it. The keys of `models.NAME` are those of `defaults`.

/// One key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The full path; `*` stands for a name that the user chooses.
    pub path: &'static str,
    /// What is accepted.
    pub accepted: &'static str,
    /// The value where nothing is said.
    pub default: &'static str,
    /// A value that could stand there.
    pub example: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl Key {
    /// Whether the user chooses the names below this key, so that the table does not list them.
    pub fn is_open(&self) -> bool {
        self.accepted.starts_with("names")
    }
}

const fn key(
    path: &'static str,
    accepted: &'static str,
    default: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    Key { path, accepted, default, example, meaning }
}

const SPAN: &str = "duration";
const FLAG: &str = "true, false";
const NAMES: &str = "list of names";
const MAPPING: &str = "names with columns";

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key("kafka.brokers", "host:port, …", "localhost:9092", "'kafka-0:9092,kafka-1:9092'", "The brokers to start from."),
    key("kafka.group", "text", "truthline", "truthline-fraud", "The consumer group."),
    key(
        "kafka.properties",
        "names with values",
        "{}",
        "{sasl.mechanism: PLAIN}",
        "Further properties of the client library. Those that truthline sets itself are refused by name.",
    ),
    key(
        "topics.inferences",
        "name or section",
        "inferences",
        "predictions",
        "The topic of the predictions: its name, or a section with the keys below.",
    ),
    key(
        "topics.inferences.name",
        "text, or a list of texts",
        "inferences",
        "[card_payments, transfers]",
        "The name of the topic. Several topics of one form are read side by side: they need equally many partitions, and a record is late by the order of its own topic and partition.",
    ),
    key(
        "topics.inferences.out_of_order",
        SPAN,
        "10m",
        "1h",
        "How far behind the latest event time of its partition a record may come and still be on time.",
    ),
    key("topics.inferences.adapter", "native, mapped", "native", "mapped", "The form of the records."),
    key(
        "topics.inferences.mapping",
        MAPPING,
        "null",
        "{request_id: id, score: p}",
        "With `adapter: mapped`: which column of your CSV files is which field of ours. See [records](records.md).",
    ),
    key(
        "topics.labels",
        "name, section or null",
        "labels",
        "outcomes",
        "The topic of the labels; null when there are none.",
    ),
    key("topics.labels.name", "text", "labels", "outcomes", "The name of the topic."),
    key("topics.labels.out_of_order", SPAN, "10m", "1d", "As for the predictions."),
    key("topics.labels.adapter", "native, mapped", "native", "mapped", "The form of the records."),
    key("topics.labels.mapping", MAPPING, "null", "{request_id: id, label: fraud}", "As for the predictions."),
    key("topics.baseline.adapter", "native, mapped", "native", "mapped", "The form of the rows of a baseline."),
    key("topics.baseline.mapping", MAPPING, "null", "{request_id: id, label: y}", "As for the predictions."),
    key("topics.prefix", "text", "truthline", "watch", "Stands before the name of every output topic."),
    key("start", "earliest, latest, time", "earliest", "2026-01-01T00:00:00Z", "Where a new consumer group begins."),
    key("commit.interval", SPAN, "1s", "5s", "The time between two commits."),
    key(
        "commit.guarantee",
        "exactly_once",
        "exactly_once",
        "exactly_once",
        "How safely progress is stored. `at_least_once` is not in this release.",
    ),
    key(
        "commit.strict",
        FLAG,
        "false",
        "true",
        "Whether each transaction has a producer of its own, so that not even an answer of the broker that comes very late can touch a later one. Costs about 60 ms of each commit.",
    ),
    key("state.dir", "path", "null", "/var/lib/truthline", "A folder for local snapshots."),
    key("state.memory", "size", "1GiB", "512MiB", "Memory for pending predictions."),
    key("state.disk", "size", "10GiB", "50GiB", "Disk for pending predictions beyond the memory."),
    key(
        "state.restore",
        "changelog",
        "changelog",
        "changelog",
        "Where a restarted process finds its pending predictions.",
    ),
    key("state.standby", FLAG, "false", "true", "Whether another process keeps a warm copy."),
    key(
        "state.sampling",
        "1.0",
        "1.0",
        "1.0",
        "The share of requests that are watched. Other values are not in this release.",
    ),
    key(
        "join.repartition",
        FLAG,
        "false",
        "true",
        "Whether both topics are first written anew by request id, because their keys or numbers of partitions are others. See [Kafka](kafka.md).",
    ),
    key("http.listen", "host:port", "127.0.0.1:9464", "0.0.0.0:9464", "Where the page and the metrics are served."),
    key("outcomes", "false", "false", "false", "Whether joined records are written. Not in this release."),
    key(
        "judges",
        "whole number from 1 to 1024",
        "1",
        "4",
        "Into how many parts the models are spread, each judged by one judge. The internal topics have as many partitions: choose before `topics create`.",
    ),
    key(
        "lanes",
        "whole number from 1 to 256",
        "1",
        "4",
        "How many threads of this process read, join and count; each has its own connections and takes a share of the partitions.",
    ),
    key(
        "idle",
        SPAN,
        "1m",
        "10m",
        "How long a partition that is caught up may be silent before windows are closed without waiting for it. A record that comes for such a window opens it again.",
    ),
    key(
        "no_data",
        "duration or null",
        "1h",
        "2d",
        "How long a topic may be silent, by the wall clock, before `pipeline.no_data` fires; null for never. Where labels come in batches, take longer than from one batch to the next.",
    ),
    key(
        "instance",
        "text",
        "null",
        "truthline-0",
        "The name of this process in its group; null for the name of the host.",
    ),
    key(
        "defaults.task",
        "auto, binary",
        "auto",
        "binary",
        "What kind of question the model answers. `auto`: a score means binary.",
    ),
    key(
        "defaults.window",
        SPAN,
        "1h",
        "1d",
        "The length of the base window. Windows do not overlap and are aligned to UTC.",
    ),
    key(
        "defaults.levels",
        "list of whole numbers",
        "null",
        "[1, 7, 28]",
        "Longer windows, in base windows. Null: 1, 24, 168 where the window divides a day into several parts, else 1, 7, 28.",
    ),
    key(
        "defaults.ages",
        "list of durations",
        "[0s, 1h, 1d, 7d]",
        "[0s, 1d]",
        "When the figures of a window are revised, after its end. Ages from `label_window` on are left out, because the final revision comes then in any case.",
    ),
    key(
        "defaults.label_window",
        SPAN,
        "7d",
        "60d",
        "How long truth may take. A label that comes later does not count.",
    ),
    key("defaults.early", SPAN, "1h", "0s", "How long before its prediction a label may come."),
    key(
        "defaults.correction_window",
        SPAN,
        "null",
        "3d",
        "How long a label may be corrected. Null: `label_window`, which it may not exceed.",
    ),
    key(
        "defaults.labels",
        "explicit, implicit_negative",
        "explicit",
        "implicit_negative",
        "What silence means: `explicit`, nothing; `implicit_negative`, a negative once `label_window` has passed.",
    ),
    key(
        "defaults.label_policy",
        "last, first",
        "last",
        "first",
        "Which of several labels of one request counts, by revision and event time.",
    ),
    key(
        "defaults.threshold",
        "number in [0, 1]",
        "null",
        "0.5",
        "The decision threshold. Null: the decision or threshold of each record; where neither is given there is no decision, and accuracy, precision and recall have no value.",
    ),
    key("defaults.positive", "number, true, false, text", "1", "fraud", "The label of the positive class."),
    key(
        "defaults.false_alarms_per_month",
        "number above 0",
        "0.1",
        "1",
        "How many false alerts a month you accept for this model. The limits of all its tests follow from it.",
    ),
    key(
        "defaults.features",
        "names with settings",
        "{}",
        "{age: {type: numeric}}",
        "What you know about features, by name.",
    ),
    key("defaults.features.*.ignore", FLAG, "false", "true", "The feature is not watched."),
    key(
        "defaults.features.*.type",
        "numeric, categorical",
        "null",
        "categorical",
        "How it is read. Null: as the baseline says.",
    ),
    key(
        "defaults.features.*.policy",
        "allow, hash, drop",
        "null",
        "hash",
        "How its values appear in what leaves truthline: as they are, as a hash, not at all.",
    ),
    key(
        "defaults.features.*.floor",
        "share in (0, 1)",
        "null",
        "0.1",
        "The smallest drift worth an alert. Null: the floor of `input.drift`.",
    ),
    key(
        "defaults.features.*.cyclic",
        "daily, weekly",
        "null",
        "daily",
        "A rhythm that the feature follows by itself. It is then judged on windows that cover whole cycles.",
    ),
    key("defaults.slices.auto", FLAG, "true", "false", "Whether subgroups are found automatically."),
    key(
        "defaults.slices.features",
        NAMES,
        "null",
        "[country, device]",
        "Look for subgroups in these features only. Null: in all that fit.",
    ),
    key("defaults.slices.pairs", FLAG, "true", "false", "Whether pairs of features are searched."),
    key("defaults.slices.protected", NAMES, "[]", "[sex]", "Features whose groups are always listed."),
    key(
        "defaults.weights.largest",
        "number from 1 to 100",
        "50",
        "20",
        "The largest weight of a labelled row. What is larger is cut to it, counted in `weights_clipped`, and makes figures lean towards the rows that are often labelled.",
    ),
    key(
        "defaults.weights.action",
        FLAG,
        "true",
        "false",
        "Whether a labelled row counts 1/`action_prob` times its `weight`: right where the action decides whether there is a label.",
    ),
    key(
        "defaults.costs.false_negative",
        "number from 0",
        "null",
        "100",
        "What a missed positive costs, in a unit of yours.",
    ),
    key(
        "defaults.costs.false_positive",
        "number from 0",
        "null",
        "5",
        "What a false alarm of the model costs, in the same unit.",
    ),
    key("defaults.costs.retraining", "number from 0", "null", "2000", "What a new model costs, in the same unit."),
    key("defaults.learn", SPAN, "7d", "14d", "How long a baseline is learnt where none is given."),
    key(
        "defaults.baseline",
        "path",
        "null",
        "baseline.json",
        "The baseline file. A relative path is looked for beside the configuration first.",
    ),
    key(
        "defaults.claims",
        "names with claims",
        "null",
        "{auc: {value: 0.91}}",
        "Metrics claimed at training, by name.",
    ),
    key("defaults.claims.*.value", "number", "null", "0.91", "The claimed value."),
    key("defaults.claims.*.n", "whole number", "null", "50000", "On how many rows it was measured."),
    key("defaults.claims.*.trials", "whole number", "null", "20", "The best of how many tries it was."),
    key(
        "defaults.mute",
        "list of patterns",
        "[]",
        "[input.late]",
        "Indicators that stay silent. A `*` stands for any text.",
    ),
    key(
        "defaults.compare_with",
        "list of same_hour_of_week, previous, {version: NAME}",
        "[]",
        "[same_hour_of_week, {version: v1}]",
        "With what windows are compared beside the baseline: those at the same place of up to four weeks before, the one before, the same window of another version (`version:NAME` in a variable). At most 4. Each asks its questions once more, at limits divided by their number.",
    ),
    key(
        "models",
        "names with settings",
        "{}",
        "{fraud: {window: 1d}}",
        "Settings of single models, by name: the keys of `defaults`.",
    ),
];
