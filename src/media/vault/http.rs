//! How an S3 service is spoken to: the proxy's own HTTP client behind the interface of the `object_store` crate,
//! whose own one would bring a second TLS.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// What is read at once, in bytes.
const READ: usize = 64 << 10;

/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(30);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

/// Makes clients with these time-outs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connector {
    /// Until a connection is made.
    pub(super) connect_timeout: Duration,
    /// Until a request that sends something is answered. One that only asks has a third of it, and so has each piece
    /// of an answer: there is time for another try then.
    pub(super) timeout: Duration,
}

impl object_store::client::HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(self.connect_timeout));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        match HttpsConnectorBuilder::new().with_native_roots() {
            Ok(builder) => {
                let tls: HttpsConnector<_> = builder.https_or_http().enable_http1().wrap_connector(tcp);
                Ok(self.client(tls))
            }
            // a machine that trusts nobody can still speak to a service without TLS
            Err(error) => {
                tracing::debug!(%error, "no certificates to trust: only http can be spoken");
                Ok(self.client(tcp))
            }
        }
    }
}

impl Connector {
    fn client<C: Connect + Clone + Send + Sync + Debug + 'static>(self, connect: C) -> HttpClient {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(READ)
            .build(connect);
        HttpClient::new(Service { client, times: self })
    }
}

#[derive(Debug)]
struct Service<C> {
    client: Client<C, HttpRequestBody>,
    times: Connector,
}

impl<C: Connect + Clone + Send + Sync + Debug + 'static> HttpService for Service<C> {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.answer(request))
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Service<C> {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let patience = self.times.timeout / 3;
        let sends = matches!(*request.method(), Method::PUT | Method::POST);
        let limit = if sends { self.times.timeout } else { patience };
        let answer = timeout(limit, self.client.request(request)).await.map_err(|_| late(limit))?;
        let (head, body) = answer.map_err(refused)?.into_parts();
        let body = Timed { body, patience, alarm: Box::pin(sleep(patience)), is_waiting: false };
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
    }
}

fn late(limit: Duration) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, std::io::Error::other(format!("nothing came for {limit:?}")))
}

fn refused(error: ClientError) -> HttpError {
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
    HttpError::new(kind, error)
}

/// An answer whose next piece must come in time.
struct Timed {
    body: Incoming,
    patience: Duration,
    alarm: Pin<Box<Sleep>>,
    /// Whether somebody waits: time that the reader takes for itself does not count.
    is_waiting: bool,
}

impl Body for Timed {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let patience = self.patience;
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.is_waiting = false;
                Poll::Ready(frame.map(|f| f.map_err(|e| HttpError::new(HttpErrorKind::Interrupted, e))))
            }
            Poll::Pending => {
                if !std::mem::replace(&mut self.is_waiting, true) {
                    self.alarm.as_mut().reset(Instant::now() + patience);
                }
                ready!(self.alarm.as_mut().poll(cx));
                Poll::Ready(Some(Err(late(patience))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
