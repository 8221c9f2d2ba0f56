//! Where somebody is told: a URL that takes JSON by POST.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::future::Either;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::secret::Secret;

/// How long one try may take, from connecting to the head of the answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A URL that is told. All of it but the host is a secret: people write logins and tokens into such URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// For logs.
    host: String,
    /// Without the login.
    url: Secret,
    /// What Authorization says, if there is a login.
    login: Option<Secret>,
}

/// A text that is no such URL. It is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no http:// or https:// URL, such as \"https://alerts.example/corecast\"")]
pub struct NoWebhook;

impl FromStr for Webhook {
    type Err = NoWebhook;

    fn from_str(text: &str) -> Result<Self, NoWebhook> {
        let (scheme, rest) = text.split_once("://").ok_or(NoWebhook)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(l, h)| (Some(l), h));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let url = format!("{scheme}://{host}{path}");
        let uri: Uri = url.parse().map_err(|_| NoWebhook)?;
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        let login = login.map(|login| login_of(login).ok_or(NoWebhook)).transpose()?;
        let host = uri.host().filter(|host| is_known && !host.is_empty()).ok_or(NoWebhook)?.to_owned();
        Ok(Self { host, url: Secret::new(url), login })
    }
}

/// `user:password` of a URL, in which bytes may be written as `%40`, for Authorization.
fn login_of(login: &str) -> Option<Secret> {
    let mut plain = Vec::with_capacity(login.len());
    let mut rest = login.as_bytes();
    while let [first, behind @ ..] = rest {
        let (byte, after) = if *first == b'%' { escaped(behind)? } else { (*first, behind) };
        plain.push(byte);
        rest = after;
    }
    if !plain.contains(&b':') {
        plain.push(b':');
    }
    Some(Secret::new(format!("Basic {}", BASE64_STANDARD.encode(plain))))
}

fn escaped(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = digits.split_at_checked(2)?;
    let text = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u8::from_str_radix(text, 16).ok()?, rest))
}

type Plain = Client<HttpConnector, Full<Bytes>>;
type Secured = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Tells a webhook.
#[derive(Debug)]
pub(super) struct Teller {
    hook: Webhook,
    /// One of these; a machine that trusts nobody can still speak plain http.
    client: Either<Secured, Plain>,
}

impl Teller {
    pub fn new(hook: Webhook) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(PATIENCE));
        let client = || Client::builder(TokioExecutor::new());
        let client = match HttpsConnectorBuilder::new().with_native_roots() {
            Ok(https) => {
                tcp.enforce_http(false);
                Either::Left(client().build(https.https_or_http().enable_http1().wrap_connector(tcp)))
            }
            Err(error) => {
                tracing::warn!(%error, "no certificates to trust: a webhook can be told over http only");
                Either::Right(client().build(tcp))
            }
        };
        Self { hook, client }
    }

    /// For logs.
    pub fn host(&self) -> &str {
        &self.hook.host
    }

    /// Hands over a JSON text. The words are those of an answer that says that it was taken.
    ///
    /// # Errors
    /// Why it was not, without the URL.
    pub async fn tell(&self, json: String) -> Result<String, String> {
        let request = self.request(json).map_err(|_| "the request cannot be made")?;
        let answer = match &self.client {
            Either::Left(secured) => secured.request(request),
            Either::Right(plain) => plain.request(request),
        };
        match timeout(PATIENCE, answer).await {
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
            Ok(Err(error)) if error.is_connect() => Err("it cannot be connected to".into()),
            Ok(Err(_)) => Err("the connection was lost".into()),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(format!("answered {}", answer.status())),
            Ok(Ok(answer)) => Err(format!("answered {}", answer.status())),
        }
    }

    fn request(&self, json: String) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.hook.url.reveal())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("corecast/", env!("CARGO_PKG_VERSION")));
        if let Some(login) = &self.hook.login {
            let mut login = HeaderValue::from_str(login.reveal())?;
            login.set_sensitive(true);
            request = request.header(AUTHORIZATION, login);
        }
        request.body(json.into())
    }
}
