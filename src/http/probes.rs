//! Is it alive, and can it do its work?
//!
//! Alive depends on its own threads alone, never on the broker: restarting a process cannot bring a broker back.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};

use super::answer::{TEXT, answer};
use super::{Shared, now};

/// 200, or 503 with the threads that are silent, a line each.
pub(super) async fn live(State(shared): State<Shared>) -> Response<Body> {
    verdict(&shared.0.silent(now().0), "live")
}

/// 200, or 503 with what is waited for, a line each.
pub(super) async fn ready(State(shared): State<Shared>) -> Response<Body> {
    verdict(&shared.0.waiting_for(), "ready")
}

fn verdict(against: &[String], good: &str) -> Response<Body> {
    if against.is_empty() {
        return answer(StatusCode::OK, TEXT, format!("{good}\n"));
    }
    // One line each, whatever the words hold.
    let lines: String = against.iter().map(|line| line.replace(['\n', '\r'], " ") + "\n").collect();
    answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, lines)
}
