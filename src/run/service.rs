//! How do all threads start, and how do they end together?

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::alarms::Alarms;
use super::bench::Bench;
use super::control::Told;
use super::error::RunError;
use super::janitor::{self, Rubbish};
use super::lag::{self, Lag};
use super::lane::Lane;
use super::lessons::{Follower, Lessons};
use super::rewrite::Rewriter;
use super::setup::Setup;
use super::stop::Stop;
use super::turn::Rounds as _;

/// How often the threads are looked at.
const LOOK: Duration = Duration::from_millis(100);

type Work = Box<dyn FnOnce() -> Result<(), RunError> + Send>;

/// Runs all threads until `stop` is asked for, or one of them fails. The lanes end first, so that the judges can still
/// fold what they committed last.
///
/// # Errors
/// What the first thread that failed says.
pub fn serve(setup: &Arc<Setup>, lanes: u32, stop: &Stop) -> Result<(), RunError> {
    let judges = Stop::default();
    let (rubbish, lag) = (Rubbish::default(), Lag::default());
    let lessons = Lessons::new(setup);
    let told = Told::new(setup, lessons.clone());
    let alarms = Alarms::new(setup);
    let follower = Follower::start(setup, lessons.clone(), told.clone())?;
    let mut crew = Threads::default();
    if setup.sources.is_some() {
        let (setup, stop) = (setup.clone(), stop.clone());
        crew.start("rewriter".to_owned(), Box::new(move || Rewriter::start(setup, lanes, stop)?.work()));
    }
    for number in 0..lanes {
        let (setup, stop) = (setup.clone(), stop.clone());
        let shared = (lessons.clone(), told.clone(), rubbish.clone(), lag.clone(), alarms.clone());
        let work = move || Lane::start(setup, number, shared, stop)?.work();
        crew.start(format!("lane-{number}"), Box::new(work));
    }
    let (shared, asked) = (setup.clone(), stop.clone());
    crew.start("janitor".to_owned(), Box::new(move || janitor::work(&shared, &rubbish, &asked)));
    let (shared, asked) = (setup.clone(), stop.clone());
    crew.start("lag".to_owned(), Box::new(move || lag::work(&shared, &lag, &asked)));
    let mut bench = Threads::default();
    let asked = judges.clone();
    bench.start("lessons".to_owned(), Box::new(move || follower.work(&asked)));
    let (shared, asked) = (setup.clone(), judges.clone());
    bench.start("judges".to_owned(), Box::new(move || Bench::start(shared, (lessons, told), alarms, asked)?.work()));
    let mut ended = Ok(());
    while ended.is_ok() && !stop.is_wanted() {
        ended = crew.look(LOOK).and_then(|()| bench.look(Duration::ZERO));
    }
    stop.ask();
    let lanes = crew.join();
    judges.ask();
    let bench = bench.join();
    ended.and(lanes).and(bench)
}

/// Threads that were started together.
struct Threads {
    names: Vec<String>,
    handles: Vec<thread::JoinHandle<()>>,
    ended: mpsc::Receiver<(usize, Result<(), RunError>)>,
    tell: mpsc::Sender<(usize, Result<(), RunError>)>,
    running: usize,
}

impl Default for Threads {
    fn default() -> Self {
        let (tell, ended) = mpsc::channel();
        Self { names: Vec::new(), handles: Vec::new(), ended, tell, running: 0 }
    }
}

impl Threads {
    fn start(&mut self, name: String, work: Work) {
        let (number, tell) = (self.names.len(), self.tell.clone());
        let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let ended =
                ended.unwrap_or_else(|_| Err(RunError::Died(thread::current().name().unwrap_or("unnamed").to_owned())));
            // Nobody listens any more when the service has ended already.
            let _ = tell.send((number, ended));
        });
        self.names.push(name.clone());
        match spawned {
            Ok(handle) => {
                self.handles.push(handle);
                self.running += 1;
            }
            Err(error) => {
                tracing::error!("the thread '{name}' cannot be started: {error}");
                let _ = self.tell.send((number, Err(RunError::Died(name))));
            }
        }
    }

    /// Waits a while for one of them to end.
    fn look(&mut self, wait: Duration) -> Result<(), RunError> {
        match self.ended.recv_timeout(wait) {
            Ok((_, ended)) => {
                self.running = self.running.saturating_sub(1);
                ended
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(()),
        }
    }

    /// Waits for all of them to end; the first trouble.
    fn join(mut self) -> Result<(), RunError> {
        let mut first = Ok(());
        while self.running > 0 {
            let ended = self.look(Duration::from_hours(1));
            first = first.and(ended);
        }
        for handle in self.handles {
            // Panics were told through the channel.
            let _ = handle.join();
        }
        first
    }
}
