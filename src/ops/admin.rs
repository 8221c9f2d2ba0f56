//! The admin address: metrics, health, and where things go.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::View;
use crate::command::{Call, check};
use crate::protocol::url;
use crate::protocol::xml::Bounds;
use crate::upstream::{CoreShared, State as Breaker};

/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a request that is only explained may hold.
const BOUNDS: Bounds = Bounds { max_fields: 64, max_depth: 4 };

/// All pages of the admin address.
pub fn router(view: View) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/api/v1/cores", get(cores))
        .route("/api/v1/route", get(route))
        .with_state(view)
}

async fn metrics(State(view): State<View>) -> Response {
    view.publish();
    ([(CONTENT_TYPE, METRICS_TYPE)], view.metrics.render()).into_response()
}

/// Ready once the directory has been read, unless it drains. A dead core does not make the proxy unready: every copy would be, and the cores that
/// live would be lost as well.
async fn readyz(State(view): State<View>, RawQuery(query): RawQuery) -> Response {
    let fault = unready(&view);
    let mut lines = vec![fault.clone().unwrap_or_else(|| "ok".into())];
    if query.is_some_and(|query| query.starts_with("verbose")) {
        lines.push(format!("calls in flight: {}", view.in_flight.now()));
        let core =
            |core: &Arc<CoreShared>| format!("core {} {}: {}", core.core.id, core.core.name, state_of(core));
        lines.extend(view.cores.iter().map(core));
    }
    let status = if fault.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, lines.join("\n") + "\n").into_response()
}

/// Why nothing should be sent here, if nothing should.
fn unready(view: &View) -> Option<String> {
    if view.drain.is_cancelled() {
        return Some("draining".into());
    }
    let status = view.directory.status();
    let error = status.error.map_or_else(|| "it is being read".into(), |error| error.to_string());
    (!status.is_loaded).then(|| format!("the directory is not loaded: {error}"))
}

async fn cores(State(view): State<View>) -> Json<Vec<Value>> {
    Json(view.cores.iter().map(|core| describe(core)).collect())
}

fn describe(core: &CoreShared) -> Value {
    json!({
        "id": core.core.id,
        "name": core.core.name,
        "site": core.core.site,
        "address": core.core.address,
        "state": state_of(core),
        "connections": core.connections(),
        "in_flight": core.in_flight(),
        "queued": core.queued(),
        "last_error": core.last_error(),
    })
}

fn state_of(core: &CoreShared) -> &'static str {
    let state = core.breaker.state();
    Breaker::ALL.iter().find(|(s, _)| *s == state).map_or("", |(_, label)| label)
}

/// Where a call would go, and why: `?type=CALLSTART&deviceid=7001`.
async fn route(State(view): State<View>, RawQuery(query): RawQuery) -> Response {
    match explain(&view, &query.unwrap_or_default()) {
        Ok(steps) => Json(json!({ "steps": steps })).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

fn explain(view: &View, query: &str) -> Result<Vec<String>, String> {
    // Nobody is asked, so a REQUESTID has no meaning and need not be given.
    let request = url::read(&format!("{query}&requestid=0"), "", BOUNDS).map_err(|bad| bad.reason)?;
    let function = check(&request).map_err(|refusal| refusal.message)?;
    Ok(view.router.explain(&Call::new(function, request, Instant::now()), &view.directory.look()))
}
