//! What does one record of a topic hold?

use rdkafka::message::{BorrowedMessage, Headers, Message as _, OwnedMessage};

use crate::event::EventTime;

/// One record of a topic: in the memory of the client, or a copy.
pub struct Message<'a>(Place<'a>);

enum Place<'a> {
    Client(BorrowedMessage<'a>),
    // Rare, and larger.
    Copy(Box<OwnedMessage>),
}

/// The same question, wherever the record lies.
macro_rules! of {
    ($place:expr, $message:ident => $answer:expr) => {
        match $place {
            Place::Client($message) => $answer,
            Place::Copy($message) => $answer,
        }
    };
}

impl<'a> Message<'a> {
    pub(super) const fn new(message: BorrowedMessage<'a>) -> Self {
        Self(Place::Client(message))
    }

    /// A copy that outlives the queue it came from.
    pub fn kept(self) -> Message<'static> {
        Message(Place::Copy(match self.0 {
            Place::Client(message) => Box::new(message.detach()),
            Place::Copy(message) => message,
        }))
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        of!(&self.0, message => message.topic())
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        of!(&self.0, message => message.partition())
    }

    /// The offset.
    pub fn offset(&self) -> i64 {
        of!(&self.0, message => message.offset())
    }

    /// The key.
    pub fn key(&self) -> Option<&[u8]> {
        of!(&self.0, message => message.key())
    }

    /// The value.
    pub fn value(&self) -> Option<&[u8]> {
        of!(&self.0, message => message.payload())
    }

    /// The value of a header, the first one of this name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        of!(&self.0, message => first(message.headers()?, name))
    }

    /// The record's own time; `None` where the broker gave none.
    pub fn time(&self) -> Option<EventTime> {
        let time = of!(&self.0, message => message.timestamp());
        time.to_millis().map(|millis| EventTime::from_micros_unchecked(millis.saturating_mul(1_000)))
    }
}

fn first<'a>(headers: &'a impl Headers, name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.key == name)?.value
}
