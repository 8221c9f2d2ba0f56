//! The control address: what a core remembers, and its fault, over HTTP. It answers under every fault.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Serialize;
use tokio::net::TcpListener;

use super::fault::Fault;
use super::server::Server;
use super::snapshot::Snapshot;

/// How long a request under way may take to end once the core stops.
const GRACE: Duration = Duration::from_millis(500);

/// What `GET /` shows.
#[derive(Serialize)]
struct Shown {
    fault: String,
    #[serde(flatten)]
    snapshot: Snapshot,
}

/// Serves the control address until the core stops.
pub fn start(server: &Arc<Server>, listener: TcpListener) {
    let gone = server.gone().clone();
    let router = Router::new()
        .route("/", get(show))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/fault/{fault}", post(switch))
        .with_state(Arc::clone(server));
    let over = {
        let gone = gone.clone();
        async move {
            gone.cancelled().await;
            tokio::time::sleep(GRACE).await;
        }
    };
    server.spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(gone.cancelled_owned());
        tokio::select! {
            ended = serving => ended.unwrap_or_default(),
            () = over => {}
        }
    });
}

async fn show(State(server): State<Arc<Server>>) -> Json<Shown> {
    let fault = server.desk().fault().to_string();
    Json(Shown { fault, snapshot: server.desk().snapshot() })
}

async fn switch(State(server): State<Arc<Server>>, Path(fault): Path<String>) -> (StatusCode, String) {
    let fault = match fault.parse::<Fault>() {
        Ok(fault) => fault,
        Err(unknown) => return (StatusCode::BAD_REQUEST, format!("{unknown}\n")),
    };
    match server.set_fault(fault) {
        Ok(()) => (StatusCode::OK, format!("{fault}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot listen again: {error}\n")),
    }
}
