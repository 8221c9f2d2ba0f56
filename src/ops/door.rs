//! The admin address's sockets: whom they let in, TLS, and how much they bear.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::access::{Client, Gate};
use crate::listen::{Lock, Patient, send_away};
use crate::net::{TcpListener, TcpStream};

/// Connections of operators, scrapers and health checks at once, per socket; more wait to be taken.
const MAX_CONNECTIONS: usize = 256;

/// How long a connection may be silent before the next request's headers.
const IDLE: Duration = Duration::from_mins(2);

/// How long nothing may be read of what waits for an operator: a page that hangs holds nothing up here.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the system is left alone when it has no file handle for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Clients that are told at once that they are not allowed here; more are sent away without a word.
const GOODBYES: usize = 16;

/// What of requests and answers a connection holds, in bytes.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 31\r\n\r\nnot allowed from this address.\n";

/// One socket of the admin address.
#[derive(Clone)]
pub struct Door {
    gate: Arc<Gate>,
    lock: Option<Lock>,
    pages: Router,
    room: Arc<Semaphore>,
    goodbyes: Arc<Semaphore>,
}

impl Door {
    /// A door to these pages, behind TLS if there is a lock.
    #[must_use]
    pub fn new(gate: Arc<Gate>, lock: Option<Lock>, pages: Router) -> Self {
        let [room, goodbyes] = [MAX_CONNECTIONS, GOODBYES].map(|many| Arc::new(Semaphore::new(many)));
        Self { gate, lock, pages, room, goodbyes }
    }

    /// Takes connections in until somebody else does, and sees them to their end; dropping this cuts them.
    pub async fn serve(self, socket: TcpListener, relieved: CancellationToken) {
        let mut connections = JoinSet::new();
        while let Ok(place) = self.room.clone().acquire_owned().await {
            while connections.try_join_next().is_some() {}
            let Some(accepted) = relieved.run_until_cancelled(socket.accept()).await else { break };
            match accepted {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    connections.spawn(self.clone().welcome(stream, peer, place));
                }
                Err(error) => {
                    tracing::warn!(listener = "admin", %error, "a connection could not be taken");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(socket);
        while connections.join_next().await.is_some() {}
    }

    async fn welcome(self, stream: TcpStream, peer: IpAddr, place: OwnedSemaphorePermit) {
        if !self.gate.admin.admits(Some(peer)) {
            // Whoever may not come in takes nobody's place.
            drop(place);
            return self.refuse(stream).await;
        }
        let client = Client { address: Some(peer), certificate: None };
        match &self.lock {
            None => talk(stream, self.pages, client).await,
            Some(lock) => {
                if let Ok((stream, client)) = lock.secure(stream, &client).await {
                    talk(stream, self.pages, client).await;
                }
            }
        }
    }

    async fn refuse(&self, stream: TcpStream) {
        if let (None, Ok(_permit)) = (&self.lock, self.goodbyes.try_acquire()) {
            send_away(stream, FORBIDDEN.into()).await;
        }
    }
}

/// Answers one connection's requests. Each carries the [`Client`] that it is from.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, pages: Router, client: Client) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(client.clone());
        let answered = pages.clone().oneshot(request.map(Body::new));
        async { Ok::<_, Infallible>(answered.await.unwrap_or_else(|never| match never {})) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the admin address ended early");
    }
}
