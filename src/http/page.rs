//! What does somebody see who opens the address in a browser?
//!
//! One plain page without a script: whether the process can work, what fires now and what to do, what is watched and
//! when each layer speaks next, how far the streams have come, and whether all records are accounted for. Everything
//! that came in with records is untrusted text and is escaped.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, Response, StatusCode};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::Shared;
use super::answer::{TEXT, answer};
use super::view::Page;
use crate::finding::{Alert, Incident};
use crate::report::{STYLE, csp};
use crate::status::Snapshot;

const PAGE: &str = include_str!("page.html");
/// What the report's style sheet lacks.
const MORE_STYLE: &str = include_str!("page.css");
const HTML: &str = "text/html; charset=utf-8";

/// Answers `/`.
pub(super) async fn page(State(shared): State<Shared>) -> Response<Body> {
    let text = match render(&shared.snapshot(), &shared.0.alerts(), &shared.0.incidents()) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "the page's template failed");
            return answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the page's template failed\n");
        }
    };
    let mut response = answer(StatusCode::OK, HTML, text);
    let policy = csp::policy(&style(), None) + "; frame-ancestors 'none'";
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn style() -> String {
    format!("{STYLE}{MORE_STYLE}")
}

/// The page as text.
fn render(status: &Snapshot, alerts: &[Alert], incidents: &[Incident]) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    // The name's ending switches escaping on.
    environment.add_template("page.html", PAGE)?;
    let page = Serde(Page::new(style(), status, alerts, incidents));
    Ok(environment.get_template("page.html")?.render(page)?.trim_start().to_owned())
}
