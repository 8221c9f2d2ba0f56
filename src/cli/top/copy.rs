//! One copy of the proxy, as its admin address tells of it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::AUTHORIZATION;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::exposition::Exposition;

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Where the token of an admin address may stand that asks for one.
const TOKEN: &str = "CORECAST__ACCESS__ADMIN_TOKEN";

/// A core in `/api/v1/cores`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Core {
    pub id: u16,
    pub name: String,
    pub site: String,
    pub address: String,
    pub state: String,
    pub connections: u64,
    pub in_flight: u64,
    pub queued: u64,
    pub last_error: String,
}

/// What a copy told at one moment.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub at: Instant,
    pub cores: Vec<Core>,
    pub metrics: Exposition,
}

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Where a copy is asked.
#[derive(Debug)]
pub(super) struct Copy {
    /// The admin address as it was given.
    pub url: String,
    base: Uri,
    http: Http,
    token: Option<String>,
}

impl Copy {
    /// `url` is `http://HOST:PORT`, `https://HOST:PORT` or `HOST:PORT`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(url: &str) -> Result<Self, String> {
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let full = full.trim_end_matches('/');
        let base: Uri = full.parse().map_err(|error| format!("{url}: {error}"))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) || base.host().is_none() {
            return Err(format!("{url} is no admin address such as http://127.0.0.1:9620"));
        }
        Ok(Self { url: full.into(), base, http: http(), token: std::env::var(TOKEN).ok() })
    }

    /// Asks it for all that is shown.
    ///
    /// # Errors
    /// Why it does not tell, for a person.
    pub async fn sample(&self) -> Result<Sample, String> {
        let both = async { tokio::try_join!(self.get("/metrics"), self.get("/api/v1/cores")) };
        let (metrics, cores) = timeout(PATIENCE, both).await.map_err(|_| "no answer in time")??;
        Ok(Sample {
            at: Instant::now(),
            cores: serde_json::from_slice(&cores).map_err(|error| format!("/api/v1/cores: {error}"))?,
            metrics: Exposition::read(&String::from_utf8_lossy(&metrics)),
        })
    }

    async fn get(&self, path: &str) -> Result<Bytes, String> {
        let uri = format!("{}{path}", self.base.to_string().trim_end_matches('/'));
        let mut request = Request::get(uri);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let answer = self.http.request(request).await.map_err(|error| reason(&error))?;
        if !answer.status().is_success() {
            return Err(format!("{path}: HTTP {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok(body.map_err(|error| format!("{path}: {error}"))?.to_bytes())
    }
}

fn http() -> Http {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let client = Client::builder(TokioExecutor::new());
    // A machine that trusts nobody can still speak http.
    let https = HttpsConnectorBuilder::new()
        .with_native_roots()
        .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_tls_config(trusting_nobody()));
    client.build(https.https_or_http().enable_http1().wrap_connector(tcp))
}

fn trusting_nobody() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// The innermost reason, which is the system's own words.
fn reason(error: &dyn std::error::Error) -> String {
    let reasons = std::iter::successors(Some(error), |error| error.source());
    reasons.last().map_or_else(String::new, ToString::to_string)
}
