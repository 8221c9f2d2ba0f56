//! TLS at a door: the handshake, before anybody talks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Door, Goodbye, Speech};
use crate::access::tls::{ListenerFiles, client_names, is_about_certificate};
use crate::access::{AUDIT, Client, Live};
use crate::metrics::{Metrics, TLS_HANDSHAKE_FAILURES};
use crate::net::TcpStream;

/// What the first byte of a TLS connection is: a record of a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// What secures the connections of one listener, for all threads.
#[derive(Clone)]
pub struct Lock {
    tls: Arc<Live<ListenerFiles>>,
    patience: Duration,
    listener: &'static str,
    failures: Counter,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lock").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// What came of a handshake.
enum Opened {
    Secured(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// Why a connection could not be secured.
pub(crate) enum LockedOut {
    /// The client speaks plain text.
    Plain(TcpStream),
    /// Whatever it was, it has been counted and said.
    Failed,
}

impl Lock {
    /// A lock with this certificate. `patience` is how long a handshake may take.
    #[must_use]
    pub fn new(
        tls: &Arc<Live<ListenerFiles>>,
        patience: Duration,
        listener: &'static str,
        metrics: &Metrics,
    ) -> Self {
        let failures = metrics.counter(&TLS_HANDSHAKE_FAILURES, &[listener]);
        Self { tls: tls.clone(), patience, listener, failures }
    }

    /// Shakes hands, with the newest certificate, and talks.
    pub(super) async fn open<S: Speech>(self, door: Door, stream: TcpStream, client: Client) {
        let drain = door.drain.clone();
        let Some(secured) = drain.run_until_cancelled(self.secure(stream, &client)).await else { return };
        match secured {
            Ok((stream, client)) => {
                let origin = door.origin(client);
                S::talk(door, stream, origin).await;
            }
            Err(LockedOut::Plain(stream)) => door.say::<S>(stream, Goodbye::Plain),
            Err(LockedOut::Failed) => {}
        }
    }

    /// Shakes hands, and says who the client is.
    pub(crate) async fn secure(
        &self,
        stream: TcpStream,
        client: &Client,
    ) -> Result<(TlsStream<TcpStream>, Client), LockedOut> {
        match timeout(self.patience, self.shake(stream)).await {
            Ok(Ok(Opened::Secured(stream))) => {
                let certificate = client_names(&stream);
                Ok((*stream, Client { certificate, ..client.clone() }))
            }
            Ok(Ok(Opened::Plain(stream))) => {
                self.failed(client, &"it speaks plain text");
                Err(LockedOut::Plain(stream))
            }
            Ok(Err(error)) => {
                self.refused(client, &error);
                Err(LockedOut::Failed)
            }
            Err(late) => {
                self.failed(client, &late);
                Err(LockedOut::Failed)
            }
        }
    }

    async fn shake(&self, stream: TcpStream) -> io::Result<Opened> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
            return Ok(Opened::Plain(stream));
        }
        let acceptor = TlsAcceptor::from(self.tls.get().config.clone());
        acceptor.accept(stream).await.map(|stream| Opened::Secured(Box::new(stream)))
    }

    fn refused(&self, client: &Client, error: &io::Error) {
        if is_about_certificate(error) {
            tracing::warn!(target: AUDIT, audit = "certificate", listener = self.listener, %client, %error, "connection refused: no good certificate");
        }
        self.failed(client, error);
    }

    fn failed(&self, client: &Client, why: &dyn std::fmt::Display) {
        self.failures.increment(1);
        tracing::debug!(listener = self.listener, %client, %why, "a TLS handshake failed");
    }
}
