//! What does every answer carry?

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode, Uri};

/// Plain text.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// JSON.
pub(super) const JSON: &str = "application/json";

/// An answer that no cache keeps and no browser guesses the type of.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An error for a program.
pub(super) fn json_error(status: StatusCode, text: &str) -> Response<Body> {
    answer(status, JSON, serde_json::json!({ "error": text }).to_string())
}

/// An error, in the form that belongs to the path.
fn error(uri: &Uri, status: StatusCode, text: &str) -> Response<Body> {
    if uri.path().starts_with("/api/") { json_error(status, text) } else { answer(status, TEXT, format!("{text}\n")) }
}

/// There is nothing at this path.
pub(super) async fn unknown(uri: Uri) -> Response<Body> {
    error(
        &uri,
        StatusCode::NOT_FOUND,
        "there is nothing here; known: / /livez /readyz /metrics /api/v1/status /api/v1/models /api/v1/alerts /api/v1/incidents",
    )
}

/// Nothing can be changed here.
pub(super) async fn not_allowed(uri: Uri) -> Response<Body> {
    let mut response = error(&uri, StatusCode::METHOD_NOT_ALLOWED, "accepted: GET and HEAD");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    response
}
