//! What do the indicators ask that look at the streams themselves?

use super::{Explanation, Indicator, Status};

/// The explanations.
pub(super) const ENTRIES: &[Explanation] = &[
    Explanation {
        indicator: Indicator::JoinConflict,
        question: "Does one request id stand for two different predictions?",
        subject: "pipeline",
        formula: "The share of inference records whose id is taken by other content. The first one in the partition stays. Exact binomial test against the floor.",
        needs: "request_id",
        cannot_tell: "Which of the two was served.",
        source: "Clopper and Pearson 1934",
        status: Status::Active,
    },
    Explanation {
        indicator: Indicator::JoinOrphans,
        question: "Do labels name requests that nobody saw?",
        subject: "pipeline",
        formula: "The share of labels that met no inference. A label is an orphan once the inferences are past it by the early horizon, so a lag between the two streams makes none. Exact binomial test against the floor.",
        needs: "labels",
        cannot_tell: "Whether the id is wrong or its inference was lost.",
        source: "Clopper and Pearson 1934",
        status: Status::Active,
    },
    Explanation {
        indicator: Indicator::JoinPartitioning,
        question: "Do a request and its label lie on different partitions?",
        subject: "source",
        formula: "Compares the partition of each record of a sample with those of the two usual partitioners, and its key with its request id.",
        needs: "Kafka topics",
        cannot_tell: "Ids that were never seen on both topics.",
        source: "murmur2 and CRC32 partitioners of Kafka's clients",
        status: Status::Live,
    },
    Explanation {
        indicator: Indicator::PipelineGap,
        question: "Is a piece of the input missing from the statistics?",
        subject: "pipeline",
        formula: "What a task hands on must begin at the offset at which the last of it ended; `evidence.gaps` has partition, expected and found offset.",
        needs: "Kafka topics",
        cannot_tell: "What was in the gap.",
        source: "None; an equation",
        status: Status::Live,
    },
    Explanation {
        indicator: Indicator::PipelineNoData,
        question: "Has a stream gone silent?",
        subject: "source",
        formula: "No record on a topic for longer than a limit, by the wall clock.",
        needs: "Kafka topics",
        cannot_tell: "Whether there is nothing to say or nobody to say it.",
        source: "None; a clock",
        status: Status::Live,
    },
];
