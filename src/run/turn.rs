//! How does a thread that belongs to a group go round, and what does it do when a commit is in doubt?
//!
//! Lanes, the rewriter and benches are members of groups: they are given partitions, work on them, make what they did
//! visible and give them back. What cannot be committed is forgotten, and the work begins anew at what is committed.

use std::time::{Duration, Instant};

use super::error::RunError;
use super::setup::Setup;
use super::stop::Stop;
use crate::kafka::{FENCED, Failure, KafkaTrouble, Member, News, TopicPartition};
use crate::status;

/// How long a thread that goes round waits when nothing has come.
const NAP: Duration = Duration::from_millis(5);

/// Why a step failed.
pub(super) enum Failed {
    Commit(Failure),
    Run(RunError),
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::Commit(failure)
    }
}

impl From<KafkaTrouble> for Failed {
    fn from(trouble: KafkaTrouble) -> Self {
        Self::Commit(Failure::Trouble(trouble))
    }
}

/// A thread that is a member of a group.
pub(super) trait Worker {
    /// What its commits make visible, in words.
    const COMMITS: &'static str;

    /// How a part of the work is numbered.
    type Part;

    fn setup(&self) -> &Setup;

    fn member(&self) -> &Member;

    /// Makes everything since the last commit visible together, before partitions go.
    fn commit(&mut self) -> Result<(), Failed>;

    /// Forgets everything that is not committed.
    fn forget(&mut self) -> Result<(), RunError>;

    /// Lets go of what it read from.
    fn release(&mut self);

    /// The parts of the work that it has.
    fn parts(&self) -> Vec<Self::Part>;

    /// The parts of the work that go with the partitions that the group gave.
    fn parts_of(&self, places: &[TopicPartition]) -> Result<Vec<Self::Part>, RunError>;

    /// Begins with parts of the work, at what is committed.
    fn begin(&mut self, parts: &[Self::Part]) -> Result<(), RunError>;

    /// A commit came to nothing.
    fn aborted(&self);

    /// Does what the group decided.
    fn hear(&mut self) -> Result<(), RunError> {
        if self.member().is_fenced() {
            return Err(self.setup().twin());
        }
        while let Some(news) = self.member().news() {
            match news {
                News::Revoked { lost } => {
                    if lost {
                        tracing::warn!("partitions were lost before {} could be committed", Self::COMMITS);
                        self.forget()?;
                    } else {
                        let ended = self.commit();
                        self.may_keep(ended)?;
                    }
                    self.release();
                    self.member().give_back()?;
                }
                News::Assigned(places) => {
                    let parts = self.parts_of(&places)?;
                    self.begin(&parts)?;
                }
            }
        }
        Ok(())
    }

    /// What follows from the end of a step: nothing, or to begin anew with what is committed.
    fn settle(&mut self, ended: Result<(), Failed>) -> Result<(), RunError> {
        let parts = self.parts();
        // What was lost is somebody else's, who goes on with it: the group says in a moment what comes instead.
        if self.may_keep(ended)? || self.member().is_lost() { Ok(()) } else { self.begin(&parts) }
    }

    /// The same, where the partitions go anyway. Whether what is here can be kept.
    fn may_keep(&mut self, ended: Result<(), Failed>) -> Result<bool, RunError> {
        match ended {
            Ok(()) => Ok(true),
            Err(Failed::Run(error)) => Err(error),
            Err(Failed::Commit(Failure::Fenced)) if self.member().has_twin() => Err(self.setup().twin()),
            Err(Failed::Commit(Failure::Fenced)) => self.doubt(FENCED),
            Err(Failed::Commit(Failure::Trouble(trouble))) => Err(trouble.into()),
            Err(Failed::Commit(Failure::Doubt(why))) => self.doubt(&why),
        }
    }

    /// Nobody here knows what was committed; the broker does.
    fn doubt(&mut self, why: &str) -> Result<bool, RunError> {
        self.aborted();
        tracing::warn!("a commit of {} is in doubt: {why}; going back to what is committed", Self::COMMITS);
        self.forget()?;
        Ok(false)
    }
}

/// A worker that reads by queues of its own, and whose client has to be let speak.
pub(super) trait Rounds: Worker + Sized {
    fn stop(&self) -> &Stop;

    fn status(&self) -> &status::Lane;

    fn number(&self) -> u32;

    /// Lets the client speak.
    fn listen(&mut self, nap: Duration) -> Result<(), Failed>;

    /// Works on what is there; how many records that were.
    fn turn(&mut self) -> Result<usize, Failed>;

    /// Whether it is time to commit.
    fn is_due(&self) -> bool;

    /// Works until it is asked to stop.
    fn work(mut self) -> Result<(), RunError> {
        while !self.stop().is_wanted() {
            self.step()?;
        }
        let ended = self.commit();
        self.may_keep(ended)?;
        // The client closes only when its queues have gone.
        self.release();
        self.setup().status.drop_lane(self.number());
        Ok(())
    }

    fn step(&mut self) -> Result<(), RunError> {
        self.status().beat(Instant::now());
        let heard = self.listen(Duration::ZERO);
        self.settle(heard)?;
        self.hear()?;
        let done = self.turn();
        let idle = matches!(done, Ok(0));
        self.settle(done.map(|_| ()))?;
        if self.is_due() {
            let ended = self.commit();
            self.settle(ended)?;
        }
        if idle {
            let heard = self.listen(NAP);
            self.settle(heard)?;
        }
        Ok(())
    }
}
