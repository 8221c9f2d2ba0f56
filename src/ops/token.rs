//! What stands before the pages of the admin address: the token, and what is asked of changes where there is none.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::page;
use crate::access::token::Token;
use crate::access::{AUDIT, Client};

/// What health checks ask for: they have no token. The files of the page are free too: a browser that opens them has none
/// yet, and they hold nothing.
const FREE: [&str; 2] = ["/livez", "/readyz"];

/// A header that no page of another site can send: the browser would ask us first, and we do not answer.
const OURS: &str = "x-corecast";

/// Puts pages behind a token, if there is one. What changes something is in the audit log either way.
pub fn guarded(pages: Router, token: Option<Token>) -> Router {
    pages.layer(from_fn_with_state(token, check))
}

async fn check(State(token): State<Option<Token>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let client = request.extensions().get::<Client>().cloned().unwrap_or_default();
    let changes = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let allowed = match &token {
        Some(token) if is_needed(token, changes, &path) && !is_shown(token, request.headers()) => {
            Err(no_token())
        }
        None if changes => may_change(&client, request.headers()).map_err(forbidden),
        _ => Ok(()),
    };
    if let Err(refusal) = allowed {
        tracing::warn!(target: AUDIT, audit = "token", %method, ?path, %client, status = refusal.status().as_u16(), "admin request refused");
        return refusal;
    }
    let response = next.run(request).await;
    if changes {
        tracing::info!(target: AUDIT, audit = "change", %method, ?path, %client, status = response.status().as_u16(), "admin request");
    }
    response
}

fn is_needed(token: &Token, changes: bool, path: &str) -> bool {
    changes || (token.for_all && !FREE.contains(&path) && !page::is_file(path))
}

fn is_shown(token: &Token, headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).is_some_and(|value| token.is_in(value))
}

/// Without a token whoever is on this machine may change things, and nobody else. A browser on this machine also carries
/// what pages of strangers send: those cannot set the header, nor reach us under a name that they made to be ours.
///
/// # Errors
/// What is missing, in words.
fn may_change(client: &Client, headers: &HeaderMap) -> Result<(), &'static str> {
    if !client.address.is_some_and(|address| address.is_loopback()) {
        return Err("without access.admin_token_file, changes are taken from this machine only\n");
    }
    if !headers.contains_key(OURS) {
        return Err(
            "changes need the header X-Corecast, with any value, so that no other site's page makes them\n",
        );
    }
    if !headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(is_literal) {
        return Err(
            "without access.admin_token_file, changes are taken at an IP address or localhost only\n",
        );
    }
    Ok(())
}

/// Whether a Host is an address, or this machine's own name for itself: nobody else can make these theirs.
fn is_literal(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

fn no_token() -> Response {
    let ask = [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    let text = "this needs the admin token: send it as Authorization: Bearer TOKEN\n";
    (StatusCode::UNAUTHORIZED, ask, text).into_response()
}

fn forbidden(why: &'static str) -> Response {
    (StatusCode::FORBIDDEN, why).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_changes_come_from_this_machine_and_from_no_strangers_page() {
        let ours: &[(&str, &str)] = &[("host", "127.0.0.1:9620"), (OURS, "yes")];
        for (from, headers, is_allowed) in [
            ("127.0.0.1", ours, true),
            ("::1", &[("host", "[::1]:9620"), (OURS, "yes")], true),
            ("127.0.0.1", &[("host", "localhost"), (OURS, "yes")], true),
            ("10.0.0.7", ours, false),
            ("127.0.0.1", &[("host", "127.0.0.1:9620")], false),
            ("127.0.0.1", &[("host", "corecast.example:9620"), (OURS, "yes")], false),
            ("127.0.0.1", &[("host", "127.0.0.1.example"), (OURS, "yes")], false),
            ("127.0.0.1", &[(OURS, "yes")], false),
        ] {
            let client = Client { address: from.parse().ok(), certificate: None };
            let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            assert_eq!(may_change(&client, &pairs.collect()).is_ok(), is_allowed, "{from} {headers:?}");
        }
        assert!(may_change(&Client::default(), &HeaderMap::new()).is_err());
    }
}
