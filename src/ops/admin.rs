//! The admin address: metrics, health, and where things go.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::snapshot::{describe, state_of};
use super::{View, drain, page, process, pulse};
use crate::command::{Call, check};
use crate::protocol::url;
use crate::protocol::xml::Bounds;
use crate::route::Destination;
use crate::upstream::CoreShared;

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
        .route("/api/v1/cores/{id}/drain", post(drain::drain_core))
        .route("/api/v1/cores/{id}/enable", post(drain::enable_core))
        .route("/api/v1/sites/{site}/drain", post(drain::drain_site))
        .route("/api/v1/sites/{site}/enable", post(drain::enable_site))
        .route("/api/v1/route", get(route))
        .route("/api/v1/config", get(config))
        .route("/api/v1/events", get(pulse::events))
        .merge(page::files())
        .with_state(view)
}

async fn metrics(State(view): State<View>) -> Response {
    view.publish();
    process::publish(&view.metrics);
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
        lines.extend(view.cores.now().iter().map(core));
    }
    let status = if fault.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, lines.join("\n") + "\n").into_response()
}

/// Why nothing should be sent here, if nothing should.
pub(super) fn unready(view: &View) -> Option<String> {
    if view.drain.is_cancelled() {
        return Some("draining".into());
    }
    if !view.known.is_cancelled() {
        return Some("the cores of a [[core_srv]] name are not known yet: see the log".into());
    }
    let status = view.directory.status();
    let error = status.error.map_or_else(|| "it is being read".into(), |error| error.to_string());
    (!status.is_loaded).then(|| format!("the directory is not loaded: {error}"))
}

async fn cores(State(view): State<View>) -> Json<Vec<Value>> {
    Json(view.cores.now().iter().map(|core| describe(core)).collect())
}

/// The configuration in force. No secret is in it.
async fn config(State(view): State<View>) -> Json<Value> {
    Json((**view.config.load()).clone())
}

/// Where a call would go, and why: `?type=CALLSTART&deviceid=7001`.
async fn route(State(view): State<View>, RawQuery(query): RawQuery) -> Response {
    match explain(&view, &query.unwrap_or_default()) {
        Ok(explained) => Json(explained).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

/// The steps of the decision, and the cores it comes to as they are now.
fn explain(view: &View, query: &str) -> Result<Value, String> {
    // Nobody is asked, so a REQUESTID has no meaning and need not be given.
    let request = url::read(&format!("{query}&requestid=0"), "", BOUNDS).map_err(|bad| bad.reason)?;
    let function = check(&request).map_err(|refusal| refusal.message)?;
    let (call, snapshot) = (Call::new(function, request, Instant::now()), view.directory.look());
    let mut steps = view.router.explain(&call, &snapshot);
    let (known, mut cores) = (view.cores.now(), Vec::new());
    if let Ok(Destination::Cores(plan)) = view.router.plan(&call, &snapshot) {
        for id in plan.cores() {
            let core = known.of(id);
            if function.begins() && core.is_some_and(|core| core.is_drained()) {
                steps.push(format!("core {id} is drained: {} is not sent to it", function.name));
            }
            cores.push(core.map_or_else(|| json!({ "id": id }), |core| describe(core)));
        }
    }
    Ok(json!({ "steps": steps, "cores": cores }))
}
