//! Do the records of both topics lie where a prediction and its label meet?
//!
//! Of a sample of records it is counted whether the key is the request id, and whether the partition is the one that a
//! known partitioner gives to it. Counts of one topic make a round of at least 200 records; rounds of both topics together
//! make a verdict. Nothing here reads a clock.
//!
//! A topic has a habit if at least 99 of 100 records of a round show it. With the right partitioner all of them do. With
//! another one each does by chance, once in so many partitions as there are: of 200 records at most half are to be
//! expected, and that 198 agree by chance has a probability of 10⁻⁵⁶.
//!
//! Where no habit says whether both topics agree (keys that are something else on both, a partitioner that is not known),
//! what became of the labels says it: where records lie by chance, one label in so many partitions meets its prediction.
//! They lie together if more of them meet than half-way from there to all. A label counts when its fate is decided: one that
//! waits says nothing, for its prediction may only be read later.

use crate::event::{crc32_partition, murmur2_partition};
use crate::judge::{Partitioner, Placement};

/// Records of a round.
const ROUND: u64 = 200;
/// After the first round one record in so many is looked at.
const STRIDE: u32 = 16;

/// What was counted of a sample of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records.
    pub(super) records: u64,
    /// Those without a key.
    pub(super) unkeyed: u64,
    /// Those with another key than their request id.
    pub(super) foreign: u64,
    /// Those that lie where murmur2 puts their id.
    pub(super) murmur2: u64,
    /// Those that lie where CRC-32 puts their id.
    pub(super) crc32: u64,
}

impl Tally {
    fn see(&mut self, key: Option<&[u8]>, id: &str, partition: u32, partitions: u32) {
        self.records += 1;
        match key {
            None => self.unkeyed += 1,
            Some(key) if key == id.as_bytes() => {
                self.murmur2 += u64::from(murmur2_partition(key, partitions) == partition);
                self.crc32 += u64::from(crc32_partition(key, partitions) == partition);
            }
            Some(_) => self.foreign += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.unkeyed += other.unkeyed;
        self.foreign += other.foreign;
        self.murmur2 += other.murmur2;
        self.crc32 += other.crc32;
    }

    const fn keyed(self) -> u64 {
        self.records - self.unkeyed - self.foreign
    }

    fn habit(self) -> Habit {
        let mostly = |part: u64, whole: u64| part * 100 >= whole * 99;
        if !mostly(self.keyed(), self.records) {
            // Records without a key lie anywhere; those with one lie somewhere for a reason.
            return if mostly(self.records - self.unkeyed, self.records) { Habit::Foreign } else { Habit::Scattered };
        }
        Habit::Follows(if mostly(self.murmur2, self.keyed()) {
            Partitioner::Murmur2
        } else if mostly(self.crc32, self.keyed()) {
            Partitioner::Crc32
        } else {
            Partitioner::Unknown
        })
    }

    /// Records that lie elsewhere than a partitioner would have put their ids. One that is not known says nothing; murmur2
    /// stands for it, which the user is asked to set.
    const fn misplaced(self, by: Partitioner) -> u64 {
        self.keyed()
            - match by {
                Partitioner::Crc32 => self.crc32,
                Partitioner::Murmur2 | Partitioner::Unknown => self.murmur2,
            }
    }

    const fn key_trouble(self) -> Placement {
        Placement::Key { records: self.records, misplaced: self.unkeyed + self.foreign }
    }
}

/// What the records of a topic have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// The key is the request id.
    Follows(Partitioner),
    /// The key is something else, perhaps the same on both topics.
    Foreign,
    /// Some have no key at all.
    Scattered,
}

/// Which records of one topic a lane looks at, and what it has counted of them. Looking allocates nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Sampler {
    tally: Tally,
    looked: u64,
    skip: u32,
}

impl Sampler {
    /// Whether to look at this record. The first ones are all looked at, so that a wrong setting is known soon.
    #[inline]
    pub(super) const fn wants(&mut self) -> bool {
        if self.looked < ROUND {
            return true;
        }
        self.skip = if self.skip == 0 { STRIDE - 1 } else { self.skip - 1 };
        self.skip == STRIDE - 1
    }

    /// Looks at a record of a topic with so many partitions.
    pub(super) fn see(&mut self, key: Option<&[u8]>, id: &str, partition: u32, partitions: u32) {
        self.looked += 1;
        self.tally.see(key, id, partition, partitions);
    }

    /// What was counted since the last call.
    pub(super) fn take(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }
}

/// What became of labels since some moment. Signed, because a correction may move one from one count to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meetings {
    /// Those that met their predictions.
    pub(super) met: i64,
    /// Those that will never meet one.
    pub(super) missed: i64,
}

impl Meetings {
    /// What came since `before`.
    pub(super) const fn since(self, before: Self) -> Self {
        Self { met: self.met - before.met, missed: self.missed - before.missed }
    }
}

/// Counts that fill rounds: the last one that was full, and the one that is filling.
#[derive(Clone, Copy, Debug, Default)]
struct Round<T> {
    full: Option<T>,
    filling: T,
}

/// What the lanes of a process have counted together.
#[derive(Clone, Debug)]
pub(super) struct Placements {
    partitions: u32,
    topics: [Round<Tally>; 2],
    labels: Round<Meetings>,
}

impl Placements {
    /// Nothing was counted yet of topics with so many partitions each.
    pub(super) fn new(partitions: u32) -> Self {
        Self { partitions, topics: Default::default(), labels: Round::default() }
    }

    /// Adds what a lane has counted of predictions and of labels, and what has become of labels meanwhile.
    pub(super) fn add(&mut self, tallies: [Tally; 2], labels: Meetings) {
        for (topic, tally) in self.topics.iter_mut().zip(tallies) {
            topic.filling.add(tally);
            if topic.filling.records >= ROUND {
                topic.full = Some(std::mem::take(&mut topic.filling));
            }
        }
        let filling = &mut self.labels.filling;
        filling.met += labels.met;
        filling.missed += labels.missed;
        if filling.met + filling.missed >= ROUND as i64 {
            self.labels.full = Some(std::mem::take(filling));
        }
    }

    /// How the records of predictions and of labels lie; `None` while that cannot be told.
    pub(super) fn verdicts(&self) -> [Option<Placement>; 2] {
        let [inferences, labels] = self.topics.map(|topic| topic.full);
        if self.partitions < 2 {
            return [None; 2];
        }
        let (Some(inferences), Some(labels)) = (inferences, labels) else {
            // Records without a key lie by chance, whatever the other topic does.
            let scattered = |tally: &Tally| tally.habit() == Habit::Scattered;
            return [inferences, labels].map(|tally| tally.filter(scattered).map(Tally::key_trouble));
        };
        #[expect(clippy::match_same_arms, reason = "each line is a case of its own, in the order of what is known")]
        let lie = |tally: Tally, other: Tally| match (tally.habit(), other.habit()) {
            (Habit::Scattered, _) | (Habit::Foreign, Habit::Scattered | Habit::Follows(_)) => Some(tally.key_trouble()),
            (Habit::Follows(_), Habit::Scattered | Habit::Foreign) => Some(Placement::Sound),
            (Habit::Foreign, Habit::Foreign) => {
                self.meet().map(|meet| if meet { Placement::Sound } else { tally.key_trouble() })
            }
            (Habit::Follows(Partitioner::Unknown), Habit::Follows(Partitioner::Unknown))
                if self.meet() != Some(false) =>
            {
                self.meet().map(|_| Placement::Sound)
            }
            (Habit::Follows(one), Habit::Follows(other)) if one == other && one != Partitioner::Unknown => {
                Some(Placement::Sound)
            }
            // Whoever follows murmur2 need not change.
            (Habit::Follows(Partitioner::Murmur2), Habit::Follows(_)) => Some(Placement::Sound),
            (Habit::Follows(follows), Habit::Follows(other)) => {
                let misplaced = tally.misplaced(other);
                Some(Placement::Partitioner { follows, other, records: tally.records, misplaced })
            }
        };
        [lie(inferences, labels), lie(labels, inferences)]
    }

    /// Whether labels meet their predictions more often than chance lets them.
    fn meet(&self) -> Option<bool> {
        let Meetings { met, missed } = self.labels.full?;
        let partitions = i64::from(self.partitions);
        // met / (met + missed) against (1 + 1 / partitions) / 2.
        Some(2 * partitions * met >= (partitions + 1) * (met + missed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How a made-up topic lays its records.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Lays {
        Murmur2,
        Crc32,
        /// By another function of the id, and by yet another one.
        Other(u32),
        /// By a user, of whom there are many.
        User,
        /// In turn, without a key.
        Turn,
    }

    const ALL: [Lays; 6] = [Lays::Murmur2, Lays::Crc32, Lays::Other(1), Lays::Other(2), Lays::User, Lays::Turn];

    impl Lays {
        fn place(self, number: u32, partitions: u32) -> (Option<String>, u32) {
            let id = format!("request-{number}");
            match self {
                Self::Murmur2 => (Some(id.clone()), murmur2_partition(id.as_bytes(), partitions)),
                Self::Crc32 => (Some(id.clone()), crc32_partition(id.as_bytes(), partitions)),
                Self::Other(seed) => {
                    let hash = crate::event::value_hash(&format!("{seed}{id}")) as u32;
                    (Some(id), hash % partitions)
                }
                Self::User => {
                    let user = format!("user-{}", number.wrapping_mul(0x9e37_79b9) % 1_000);
                    let partition = murmur2_partition(user.as_bytes(), partitions);
                    (Some(user), partition)
                }
                Self::Turn => (None, number % partitions),
            }
        }

        /// Whether one prediction and its label are sure to lie together, by what is laid, not by what is counted.
        fn agrees(self, other: Self) -> bool {
            self == other && self != Self::Turn
        }
    }

    /// What a process with all partitions sees of `count` predictions and of their labels, which come in another order.
    fn verdicts(predictions: Lays, labels: Lays, partitions: u32, count: u32) -> [Option<Placement>; 2] {
        let mut placements = Placements::new(partitions);
        let mut samplers = [Sampler::default(), Sampler::default()];
        let mut meetings = Meetings::default();
        for number in 0..count {
            // Labels of records without a key come in an order of their own.
            let label = (number * 7 + 3) % count;
            for (lays, sampler, number, turn) in [
                (predictions, 0, number, number),
                (labels, 1, label, if labels == Lays::Turn { number } else { label }),
            ] {
                let (key, partition) = lays.place(if lays == Lays::Turn { turn } else { number }, partitions);
                if samplers[sampler].wants() {
                    let id = format!("request-{number}");
                    samplers[sampler].see(key.as_deref().map(str::as_bytes), &id, partition, partitions);
                }
            }
            let lies = |lays: Lays, turn: u32| lays.place(if lays == Lays::Turn { turn } else { label }, partitions).1;
            let together = lies(predictions, label) == lies(labels, number);
            if together { meetings.met += 1 } else { meetings.missed += 1 }
        }
        placements.add(samplers.each_mut().map(Sampler::take), meetings);
        placements.verdicts()
    }

    proptest! {
        #[test]
        fn topics_that_agree_are_sound_and_others_are_not(
            one in 0..ALL.len(), other in 0..ALL.len(), partitions in 2_u32..40, count in 1_009_u32..3_000,
        ) {
            let (one, other) = (ALL[one], ALL[other]);
            let found = verdicts(one, other, partitions, count);
            let sound = found == [Some(Placement::Sound); 2];
            prop_assert!(found.iter().all(Option::is_some), "{one:?} {other:?}: {found:?}");
            prop_assert_eq!(sound, one.agrees(other), "{:?} {:?}: {:?}", one, other, found);
        }

        #[test]
        fn it_does_not_matter_how_the_counts_are_split_over_lanes(cuts in prop::collection::vec(0_u64..200, 1..8)) {
            let whole: u64 = cuts.iter().sum::<u64>() + 200;
            let tally = |records: u64| Tally { records, murmur2: records, ..Tally::default() };
            let mut one = Placements::new(3);
            one.add([tally(whole); 2], Meetings::default());
            let mut many = Placements::new(3);
            for cut in cuts.into_iter().chain([200]) {
                many.add([tally(cut); 2], Meetings::default());
            }
            prop_assert_eq!(one.verdicts(), many.verdicts());
        }
    }

    #[test]
    fn the_topic_that_does_not_follow_murmur2_is_the_one_to_change() {
        let [predictions, labels] = verdicts(Lays::Murmur2, Lays::Crc32, 4, 1_009);
        assert_eq!(predictions, Some(Placement::Sound));
        let Some(Placement::Partitioner { follows, other, records, misplaced }) = labels else { panic!("{labels:?}") };
        assert_eq!((follows, other), (Partitioner::Crc32, Partitioner::Murmur2));
        // By chance one in four lies right.
        assert!(
            records >= ROUND && misplaced * 10 > records * 6 && misplaced * 10 < records * 9,
            "{misplaced}/{records}"
        );
    }

    #[test]
    fn one_stray_record_in_a_hundred_is_not_enough_and_more_are() {
        let with = |stray: u64| {
            let mut placements = Placements::new(4);
            let strays = Tally { records: 1_000, unkeyed: stray, foreign: 0, murmur2: 1_000 - stray, crc32: 250 };
            placements.add(
                [Tally { records: 1_000, murmur2: 1_000, crc32: 250, ..Tally::default() }, strays],
                Meetings::default(),
            );
            placements.verdicts()[1]
        };
        assert_eq!(with(10), Some(Placement::Sound));
        assert_eq!(with(11), Some(Placement::Key { records: 1_000, misplaced: 11 }));
    }

    #[test]
    fn too_few_records_say_nothing_and_a_single_partition_never_does() {
        let tally = Tally { records: ROUND - 1, unkeyed: ROUND - 1, ..Tally::default() };
        let mut placements = Placements::new(3);
        placements.add([tally, Tally::default()], Meetings::default());
        assert_eq!(placements.verdicts(), [None, None]);
        placements.add([Tally { records: 1, unkeyed: 1, ..Tally::default() }, Tally::default()], Meetings::default());
        let trouble = Placement::Key { records: ROUND, misplaced: ROUND };
        assert_eq!(placements.verdicts(), [Some(trouble), None], "records without a key need no second topic");
        assert_eq!(verdicts(Lays::Turn, Lays::User, 1, 2_000), [None, None]);
    }

    #[test]
    fn a_new_round_takes_back_what_was_said() {
        let mut placements = Placements::new(3);
        let good = Tally { records: ROUND, murmur2: ROUND, crc32: 70, ..Tally::default() };
        placements.add([good, Tally { murmur2: 70, crc32: ROUND, ..good }], Meetings::default());
        assert_ne!(placements.verdicts()[1], Some(Placement::Sound));
        placements.add([Tally::default(), good], Meetings::default());
        assert_eq!(placements.verdicts(), [Some(Placement::Sound); 2]);
    }

    #[test]
    fn after_the_first_round_one_record_in_sixteen_is_looked_at() {
        let mut sampler = Sampler::default();
        let mut looked = 0;
        for _ in 0..ROUND as u32 + STRIDE * 100 {
            if sampler.wants() {
                sampler.see(None, "", 0, 1);
                looked += 1;
            }
        }
        assert_eq!(looked, ROUND + 100);
    }
}
