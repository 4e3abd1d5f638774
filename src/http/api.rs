//! What was found, for programs?
//!
//! Summaries, alerts and incidents are the JSON that was published. What is kept has bounds (see
//! [`crate::status::Limits`]); the topics hold the rest.

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use super::Shared;
use super::answer::{JSON, answer, json_error};

/// The paths below `/api/`.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/models", get(models))
        .route("/api/v1/models/{model}", get(model))
        .route("/api/v1/models/{model}/versions/{version}/summaries", get(summaries))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/incidents", get(incidents))
}

fn json(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_string(value) {
        Ok(text) => answer(StatusCode::OK, JSON, text),
        Err(error) => json_error(StatusCode::INTERNAL_SERVER_ERROR, &format!("it cannot be written as JSON: {error}")),
    }
}

async fn status(State(shared): State<Shared>) -> Response<Body> {
    json(&shared.snapshot().json())
}

async fn models(State(shared): State<Shared>) -> Response<Body> {
    json(&json!({ "models": shared.snapshot().models }))
}

async fn model(State(shared): State<Shared>, path: Result<Path<String>, PathRejection>) -> Response<Body> {
    let name = match path {
        Ok(Path(name)) => name,
        Err(rejection) => return json_error(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let Some(view) = shared.snapshot().models.into_iter().find(|view| view.model == name) else {
        return unknown(&format!("model '{name}' is not known to this process"));
    };
    let mut alerts = shared.0.alerts();
    alerts.retain(|alert| alert.model.as_deref() == Some(&name));
    let mut incidents = shared.0.incidents();
    incidents.retain(|incident| incident.model.as_deref() == Some(&name));
    json(&json!({ "model": view, "alerts": alerts, "incidents": incidents }))
}

async fn summaries(
    State(shared): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response<Body> {
    let (model, version) = match path {
        Ok(Path(names)) => names,
        Err(rejection) => return json_error(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let Some(texts) = shared.0.summaries(&model, &version) else {
        return unknown(&format!("version '{version}' of model '{model}' is not known to this process"));
    };
    // The texts as they were published, byte for byte.
    answer(StatusCode::OK, JSON, format!("{{\"summaries\":[{}]}}", texts.join(",")))
}

async fn alerts(State(shared): State<Shared>) -> Response<Body> {
    json(&json!({ "alerts": shared.0.alerts() }))
}

async fn incidents(State(shared): State<Shared>) -> Response<Body> {
    json(&json!({ "incidents": shared.0.incidents() }))
}

fn unknown(text: &str) -> Response<Body> {
    json_error(StatusCode::NOT_FOUND, &format!("{text}; known: /api/v1/models"))
}
