//! Where do rows and waiting labels lie, so that they are found by key and go by time?
//!
//! Entries lie in chunks of [`CHUNK`], grouped by the time at which they fall due; one hash index of 32-bit numbers
//! (chunk, place) finds them by key. Several entries may have one key. What is due is found without looking at the
//! rest: buckets and chunks know their earliest due time. A chunk is freed when its last entry has gone.
//!
//! Cost: the entry, its codes, and 5.7 to 11.4 bytes of index (a power of two of places, each 4 + 1 bytes, at most
//! 7/8 and after a doubling at least 7/16 full). Slack: the youngest chunk of each bucket grows by doubling, so
//! at most half of one chunk is empty in it. While the index doubles, the old one is there as well.

use std::collections::BTreeMap;

use hashbrown::HashTable;

use crate::event::{EventTime, RequestKey, Span};

/// The number of an entry: chunk and place in it. Valid until the entry goes.
pub(super) type Number = u32;

const PLACE_BITS: u32 = 10;
/// Entries in a full chunk.
pub(super) const CHUNK: usize = 1 << PLACE_BITS;
/// Keys that are looked up at a time by [`Store::warm`].
const WARM: usize = 64;
const MAX_CHUNKS: usize = 1 << (32 - PLACE_BITS);

/// What can lie in a store.
pub(super) trait Entry {
    fn key(&self) -> RequestKey;
    fn is_gone(&self) -> bool;
    fn set_gone(&mut self);
}

struct Chunk<E> {
    entries: Vec<E>,
    codes: Vec<u8>,
    code_length: usize,
    layout: u16,
    /// Entries that have not gone.
    live: u32,
    /// No entry that has not gone falls due before this; `None` when all have gone.
    earliest: Option<EventTime>,
}

#[derive(Default)]
struct Bucket {
    /// The last one takes new entries.
    chunks: Vec<u32>,
    earliest: Option<EventTime>,
}

/// See the file's head.
pub(super) struct Store<E> {
    chunks: Vec<Chunk<E>>,
    free: Vec<u32>,
    /// By the first moment after the bucket, and the layout of its entries.
    buckets: BTreeMap<(EventTime, u16), Bucket>,
    /// The widest bucket so far.
    widest: Span,
    index: HashTable<Number>,
}

/// The earlier of two times, where `None` is never.
fn earlier(a: Option<EventTime>, b: Option<EventTime>) -> Option<EventTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        _ => a.or(b),
    }
}

fn chunk_of(number: Number) -> usize {
    (number >> PLACE_BITS) as usize
}

fn place_of(number: Number) -> usize {
    number as usize & (CHUNK - 1)
}

fn entry_of<E>(chunks: &[Chunk<E>], number: Number) -> &E {
    &chunks[chunk_of(number)].entries[place_of(number)]
}

impl<E> Chunk<E> {
    fn is_full(&self) -> bool {
        self.entries.len() == CHUNK
    }

    fn codes(&self, place: usize) -> &[u8] {
        &self.codes[place * self.code_length..(place + 1) * self.code_length]
    }

    /// One entry has gone. An empty chunk gives its memory back, or starts again if it can still take entries.
    fn lose_one(&mut self) {
        self.live -= 1;
        if self.live == 0 {
            if self.is_full() {
                self.entries = Vec::new();
                self.codes = Vec::new();
            } else {
                self.entries.clear();
                self.codes.clear();
            }
            self.earliest = None;
        }
    }
}

impl<E: Entry> Store<E> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            buckets: BTreeMap::new(),
            widest: Span::ZERO,
            index: HashTable::new(),
        }
    }

    /// Entries that have not gone.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(super) fn get(&self, number: Number) -> &E {
        entry_of(&self.chunks, number)
    }

    pub(super) fn get_mut(&mut self, number: Number) -> &mut E {
        &mut self.chunks[chunk_of(number)].entries[place_of(number)]
    }

    /// The codes of an entry, and their layout.
    pub(super) fn codes(&self, number: Number) -> (&[u8], u16) {
        let chunk = &self.chunks[chunk_of(number)];
        (chunk.codes(place_of(number)), chunk.layout)
    }

    /// The entries of a key, in no order.
    pub(super) fn find(&self, key: RequestKey) -> impl Iterator<Item = (Number, &E)> {
        self.index
            .iter_hash(key.hash64())
            .map(|&number| (number, self.get(number)))
            .filter(move |(_, entry)| entry.key() == key)
    }

    /// Reads what a look-up of each of these keys will read. No look-up of the first loop waits for another one, and
    /// no entry of the second for another one, so the processor fetches many at a time; one by one, each look-up
    /// waits for memory three or four times.
    pub(super) fn warm(&self, keys: &[RequestKey]) {
        let mut numbers = [0; WARM];
        for keys in keys.chunks(WARM) {
            let mut found = 0;
            for key in keys {
                if let Some(&number) = self.index.iter_hash(key.hash64()).next() {
                    numbers[found] = number;
                    found += 1;
                }
            }
            let mut read = 0;
            for &number in &numbers[..found] {
                let chunk = &self.chunks[chunk_of(number)];
                let place = place_of(number);
                read ^= u8::from(chunk.entries[place].is_gone());
                read ^= chunk.codes.get(place * chunk.code_length).copied().unwrap_or(0);
            }
            std::hint::black_box(read);
        }
    }

    /// Keeps an entry that falls due at `due`, in a bucket of `width`. `None` when all numbers are taken.
    pub(super) fn insert(
        &mut self,
        entry: E,
        due: EventTime,
        width: Span,
        codes: &[u8],
        layout: u16,
    ) -> Option<Number> {
        let width = width.micros().max(1);
        self.widest = self.widest.max(Span::from_micros(width));
        let end =
            EventTime::from_micros_unchecked(due.micros().div_euclid(width).saturating_add(1).saturating_mul(width));
        let bucket = self.buckets.entry((end, layout)).or_default();
        let last = bucket.chunks.last().copied().filter(|&id| !self.chunks[id as usize].is_full());
        let id = if let Some(id) = last {
            id
        } else {
            let chunk = Chunk {
                entries: Vec::new(),
                codes: Vec::new(),
                code_length: codes.len(),
                layout,
                live: 0,
                earliest: None,
            };
            let id = if let Some(id) = self.free.pop() {
                self.chunks[id as usize] = chunk;
                id
            } else if self.chunks.len() < MAX_CHUNKS {
                self.chunks.push(chunk);
                self.chunks.len() as u32 - 1
            } else {
                return None;
            };
            bucket.chunks.push(id);
            id
        };
        bucket.earliest = earlier(bucket.earliest, Some(due));

        let chunk = &mut self.chunks[id as usize];
        assert_eq!(chunk.code_length, codes.len(), "all rows of layout {layout} have equally many codes");
        let number = id << PLACE_BITS | chunk.entries.len() as u32;
        let hash = entry.key().hash64();
        chunk.entries.push(entry);
        chunk.codes.extend_from_slice(codes);
        chunk.live += 1;
        chunk.earliest = earlier(chunk.earliest, Some(due));

        let chunks = &self.chunks;
        self.index.insert_unique(hash, number, |&other| entry_of(chunks, other).key().hash64());
        Some(number)
    }

    /// Removes one entry.
    pub(super) fn remove(&mut self, number: Number) {
        let chunk = &mut self.chunks[chunk_of(number)];
        let entry = &mut chunk.entries[place_of(number)];
        entry.set_gone();
        forget(&mut self.index, entry.key(), number);
        chunk.lose_one();
    }

    /// Removes every entry that falls due before `bound`, and shows it to `visit` before.
    pub(super) fn sweep(
        &mut self,
        bound: EventTime,
        due: impl Fn(&E) -> EventTime,
        mut visit: impl FnMut(Number, &E, &[u8], u16),
    ) {
        let Self { chunks, free, buckets, index, .. } = self;
        let mut emptied = Vec::new();
        // A bucket that ends later than this starts at or after the bound.
        let reach = bound + self.widest;
        for (&place, bucket) in buckets.range_mut(..=(reach, u16::MAX)) {
            if place.0 > bound && bucket.earliest.is_none_or(|earliest| earliest >= bound) {
                continue;
            }
            bucket.earliest = None;
            bucket.chunks.retain(|&id| {
                let chunk = &mut chunks[id as usize];
                if chunk.earliest.is_some_and(|earliest| earliest < bound) {
                    sweep_chunk(chunk, id, bound, &due, &mut visit, index);
                }
                if chunk.live == 0 {
                    chunk.entries = Vec::new();
                    chunk.codes = Vec::new();
                    free.push(id);
                    return false;
                }
                bucket.earliest = earlier(bucket.earliest, chunk.earliest);
                true
            });
            if bucket.chunks.is_empty() {
                emptied.push(place);
            }
        }
        for place in emptied {
            buckets.remove(&place);
        }
        // A burst leaves a large index behind; half of what it has is kept as room.
        if index.capacity() > 4 * index.len() + CHUNK {
            index.shrink_to(2 * index.len(), |&number| entry_of(chunks, number).key().hash64());
        }
    }

    /// Bytes of entries, codes and index, as allocated.
    pub(super) fn bytes(&self) -> (usize, usize, usize) {
        let mut entries = self.chunks.capacity() * size_of::<Chunk<E>>() + self.free.capacity() * size_of::<u32>();
        let mut codes = 0;
        for chunk in &self.chunks {
            entries += chunk.entries.capacity() * size_of::<E>();
            codes += chunk.codes.capacity();
        }
        for bucket in self.buckets.values() {
            entries += size_of::<((EventTime, u16), Bucket)>() + bucket.chunks.capacity() * size_of::<u32>();
        }
        (entries, codes, self.index.allocation_size())
    }
}

fn forget(index: &mut HashTable<Number>, key: RequestKey, number: Number) {
    if let Ok(found) = index.find_entry(key.hash64(), |&other| other == number) {
        found.remove();
    } else {
        unreachable!("every entry that has not gone is in the index");
    }
}

fn sweep_chunk<E: Entry>(
    chunk: &mut Chunk<E>,
    id: u32,
    bound: EventTime,
    due: &impl Fn(&E) -> EventTime,
    visit: &mut impl FnMut(Number, &E, &[u8], u16),
    index: &mut HashTable<Number>,
) {
    let mut rest = None;
    let mut gone = 0;
    for place in 0..chunk.entries.len() {
        let entry = &chunk.entries[place];
        if entry.is_gone() {
            continue;
        }
        let due = due(entry);
        if due >= bound {
            rest = earlier(rest, Some(due));
            continue;
        }
        let number = id << PLACE_BITS | place as u32;
        visit(number, entry, chunk.codes(place), chunk.layout);
        forget(index, entry.key(), number);
        chunk.entries[place].set_gone();
        gone += 1;
    }
    chunk.earliest = rest;
    chunk.live -= gone;
}
