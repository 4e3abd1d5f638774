//! How do people and machines ask a running process how it is?
//!
//! By HTTP, on one thread of its own, so that no question ever waits for a commit or a commit for a question. It only
//! reads: all it shows comes from the [`Status`], and nothing can be changed through it.
//!
//! | path | what |
//! |---|---|
//! | `/` | a page to look at |
//! | `/livez` | are the threads alive? 200 or 503 |
//! | `/readyz` | can it do its work? 200, or 503 with what it waits for, a line each |
//! | `/metrics` | the same for Prometheus, text format 0.0.4 |
//! | `/api/v1/…` | what was found, as JSON |
//!
//! In reading order: `listener` (how many may ask at once, and for how long), `answer` (headers), `probes`, `metrics`,
//! `api`, `page`, `view` and `units` (what stands on it).

mod answer;
mod api;
mod listener;
mod metrics;
mod page;
mod probes;
mod units;
mod view;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::routing::get;
use tokio::sync::oneshot;

use crate::status::{Snapshot, Status};
use listener::Bounded;

/// How long an answer that has begun may take when the process ends.
const GRACE: Duration = Duration::from_secs(2);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The setting is no address of this machine, or it may not be used.
    #[error("http.listen: {listen}: {reason}; accepted: host and port, as in 127.0.0.1:9464")]
    Address {
        /// The setting.
        listen: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// The thread or its runtime could not be started.
    #[error("the thread that serves http could not be started: {0}")]
    Thread(#[source] io::Error),
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Where it listens: the port, too, if the setting left that to the machine.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets answers that have begun end, for at most two seconds, and closes the rest.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Its thread has ended already where this fails.
            let _ = stop.send(());
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that served http had failed");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves `status` at `listen`, a host and a port, until the server is stopped or dropped.
///
/// # Errors
/// [`HttpError::Address`] if the address cannot be used (exit code 78); [`HttpError::Thread`] if the machine gives no
/// thread.
pub fn serve(listen: &str, status: Arc<Status>) -> Result<Server, HttpError> {
    let socket = bind(listen)?;
    let address = socket.local_addr().map_err(HttpError::Thread)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(HttpError::Thread)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let work = move || {
        runtime.block_on(async move {
            let listener = match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => Bounded::new(listener),
                Err(error) => {
                    tracing::error!(%error, "http cannot be served");
                    return;
                }
            };
            let (leave, left) = oneshot::channel::<()>();
            let serving = axum::serve(listener, router(status)).with_graceful_shutdown(async {
                // A sender that is gone means the same.
                let _ = left.await;
            });
            let serving = tokio::spawn(serving.into_future());
            let _ = stopped.await;
            let _ = leave.send(());
            if tokio::time::timeout(GRACE, serving).await.is_err() {
                tracing::debug!("answers were still being sent when http was closed");
            }
        });
    };
    let thread = std::thread::Builder::new().name("http".into()).spawn(work).map_err(HttpError::Thread)?;
    Ok(Server { address, stop: Some(stop), thread: Some(thread) })
}

fn bind(listen: &str) -> Result<TcpListener, HttpError> {
    let wrong = |reason: String| HttpError::Address { listen: listen.to_owned(), reason };
    let addresses: Vec<SocketAddr> =
        listen.to_socket_addrs().map_err(|error| wrong(format!("no such address: {error}")))?.collect();
    let bound =
        TcpListener::bind(addresses.as_slice()).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    bound.map_err(|error| {
        wrong(match error.kind() {
            io::ErrorKind::AddrInUse => {
                "the address is in use: stop what listens there, or choose another port".to_owned()
            }
            io::ErrorKind::PermissionDenied => "this user may not listen there: choose a port above 1023".to_owned(),
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
            _ => error.to_string(),
        })
    })
}

/// What each question needs.
#[derive(Clone, Debug)]
struct Shared(Arc<Status>);

/// The moment at which a question is asked: for signs of life, and by the wall clock.
#[expect(clippy::disallowed_methods, reason = "how long a thread is silent and how far a stream lags is asked now")]
fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

impl Shared {
    fn snapshot(&self) -> Snapshot {
        let (now, wall) = now();
        self.0.snapshot(now, wall)
    }
}

fn router(status: Arc<Status>) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(metrics::metrics))
        .merge(api::routes())
        .fallback(answer::unknown)
        .method_not_allowed_fallback(answer::not_allowed)
        .with_state(Shared(status))
}
