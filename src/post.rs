//! JSON by POST to somebody who is told of something, over http or https: a webhook, a collector of traces.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::future::Either;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::secret::Secret;

/// A URL that takes it. All of it but the host is a secret: people write logins and tokens into such URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// For logs.
    host: String,
    /// Without the login.
    url: Secret,
    /// What Authorization says, if there is a login.
    login: Option<Secret>,
}

/// A text that is no such URL. It is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no http:// or https:// URL")]
pub struct NoTarget;

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let (scheme, rest) = text.split_once("://").ok_or(NoTarget)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(l, h)| (Some(l), h));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let url = format!("{scheme}://{host}{path}");
        let uri: Uri = url.parse().map_err(|_| NoTarget)?;
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        let login = login.map(|login| login_of(login).ok_or(NoTarget)).transpose()?;
        let host = uri.host().filter(|host| is_known && !host.is_empty()).ok_or(NoTarget)?.to_owned();
        Ok(Self { host, url: Secret::new(url), login })
    }
}

/// `user:password` of a URL, in which bytes may be written as `%40`, for Authorization.
fn login_of(login: &str) -> Option<Secret> {
    let mut plain = unescaped(login)?;
    if !plain.contains(&b':') {
        plain.push(b':');
    }
    Some(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(plain))))
}

/// A text in which bytes may be written as `%40`; `None` if what is behind a `%` is no byte.
pub(crate) fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let (byte, after) = if *first == b'%' { escaped(behind)? } else { (*first, behind) };
        plain.push(byte);
        rest = after;
    }
    Some(plain)
}

/// Two hexadecimal digits, and what stands behind them.
fn escaped(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = digits.split_at_checked(2)?;
    let text = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u8::from_str_radix(text, 16).ok()?, rest))
}

type Plain = Client<HttpConnector, Full<Bytes>>;
type Secured = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// What was to be sent cannot be.
    #[error("the request cannot be made")]
    Request,
    /// Nobody is there.
    #[error("it cannot be connected to")]
    Connect,
    /// Somebody was there.
    #[error("the connection was lost")]
    Connection,
    /// Nothing came.
    #[error("no answer within {0:?}")]
    Silent(Duration),
}

/// Sends to one target. Connections are kept and used again.
#[derive(Debug)]
pub struct Poster {
    target: Target,
    headers: HeaderMap,
    patience: Duration,
    /// One of these; a machine that trusts nobody can still speak plain http.
    client: Either<Secured, Plain>,
}

impl Poster {
    /// One try may take this long, from connecting to the head of the answer.
    #[must_use]
    pub fn new(target: Target, patience: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(patience));
        let client = || Client::builder(TokioExecutor::new());
        let client = match HttpsConnectorBuilder::new().with_native_roots() {
            Ok(https) => {
                tcp.enforce_http(false);
                Either::Left(client().build(https.https_or_http().enable_http1().wrap_connector(tcp)))
            }
            Err(error) => {
                tracing::warn!(%error, "no certificates to trust: JSON can be sent over http only");
                Either::Right(client().build(tcp))
            }
        };
        Self { target, headers: HeaderMap::new(), patience, client }
    }

    /// The same, with headers of its own; those that every request has go before.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// For logs.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.target.host
    }

    /// Hands over a JSON text. What it is answered is still to be read.
    ///
    /// # Errors
    /// [`Lost`] if there is no answer.
    pub async fn post(&self, json: Bytes) -> Result<Response<Incoming>, Lost> {
        let request = self.request(json).map_err(|_| Lost::Request)?;
        let answer = match &self.client {
            Either::Left(secured) => secured.request(request),
            Either::Right(plain) => plain.request(request),
        };
        match timeout(self.patience, answer).await {
            Err(_) => Err(Lost::Silent(self.patience)),
            Ok(Err(error)) if error.is_connect() => Err(Lost::Connect),
            Ok(Err(_)) => Err(Lost::Connection),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn request(&self, json: Bytes) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::post(self.target.url.reveal()).body(Full::new(json))?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("corecast/", env!("CARGO_PKG_VERSION"))));
        if let Some(login) = &self.target.login {
            let mut login = HeaderValue::from_str(login.reveal())?;
            login.set_sensitive(true);
            headers.insert(AUTHORIZATION, login);
        }
        Ok(request)
    }
}
