//! POST: the configuration is read anew.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// Reads the configuration anew, and says what has changed or what is wrong with it.
pub type Reload = Arc<dyn Fn() -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// The page, under both of its names.
pub fn router(reload: Reload) -> Router {
    let page = post(answer);
    Router::new()
        .route("/api/v1/reload", page.clone())
        .route("/api/v1/config/reload", page)
        .with_state(reload)
}

async fn answer(State(reload): State<Reload>) -> Response {
    match reload().await {
        Ok(reloaded) => Json(reloaded).into_response(),
        Err(faults) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": faults }))).into_response(),
    }
}
