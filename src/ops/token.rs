//! The admin address's token: what needs it, and what is said when it is missing.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::access::token::Token;
use crate::access::{AUDIT, Client};

/// What health checks ask for: they have no token.
const FREE: [&str; 2] = ["/livez", "/readyz"];

/// Puts pages behind a token, if there is one. What changes something is in the audit log either way.
pub fn guarded(pages: Router, token: Option<Token>) -> Router {
    pages.layer(from_fn_with_state(token, check))
}

async fn check(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let client = request.extensions().get::<Client>().cloned().unwrap_or_default();
    let changes = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    if token.is_some_and(|token| is_needed(&token, changes, &path) && !is_shown(&token, &request)) {
        tracing::warn!(target: AUDIT, audit = "token", %method, ?path, %client, "admin request refused: no good token");
        return refused();
    }
    let response = next.run(request).await;
    if changes {
        tracing::info!(target: AUDIT, audit = "change", %method, ?path, %client, status = response.status().as_u16(), "admin request");
    }
    response
}

fn is_needed(token: &Token, changes: bool, path: &str) -> bool {
    changes || (token.for_all && !FREE.contains(&path))
}

fn is_shown(token: &Token, request: &Request) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.is_some_and(|value| token.is_in(value))
}

fn refused() -> Response {
    let ask = [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    let text = "this needs the admin token: send it as Authorization: Bearer TOKEN\n";
    (StatusCode::UNAUTHORIZED, ask, text).into_response()
}
