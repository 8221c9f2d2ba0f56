//! Connecting to a core: over TCP, over TLS where the core is configured so, or as somebody else says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::shared::CoreShared;
use crate::access::Live;
use crate::model::CoreTls;
use crate::net::TcpStream;

/// Bytes to a core and back.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A way to a core that is not the system's, such as a simulation's. Its time is bounded by those who use it.
pub trait Dial: Send + Sync {
    /// A new connection.
    ///
    /// # Errors
    /// Why there is none; of [`io::ErrorKind::TimedOut`] if that may be a lost packet.
    fn dial(&self) -> BoxFuture<'_, io::Result<Box<dyn Stream>>>;
}

/// How a core is reached.
#[derive(Clone)]
pub(super) enum Way {
    Tcp,
    Tls(Arc<Live<CoreTls>>),
    Other(Arc<dyn Dial>),
}

/// A connection to a core.
pub(super) enum Dialed {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
    Other(Box<dyn Stream>),
}

/// Connects within this time, the TLS handshake included.
///
/// # Errors
/// What the system says, or why the handshake failed.
pub(super) async fn dial(core: &CoreShared, patience: Duration) -> io::Result<Dialed> {
    timeout(patience, connect(core)).await?
}

async fn connect(core: &CoreShared) -> io::Result<Dialed> {
    if let Way::Other(way) = &core.way {
        return way.dial().await.map(Dialed::Other);
    }
    let stream = match &*core.core.at {
        [] => TcpStream::connect(&*core.core.address).await?,
        at => TcpStream::connect(at).await?,
    };
    core.note_reached(stream.peer_addr()?);
    stream.set_nodelay(true)?;
    // What a connection has not delivered when it is given up must not arrive later, behind what went another way: a start
    // after its stop. Answers are all read before a connection is closed for any other reason.
    stream.set_zero_linger()?;
    match &core.way {
        Way::Tls(tls) => tls.get().secure(stream).await.map(|stream| Dialed::Secured(Box::new(stream))),
        Way::Tcp | Way::Other(_) => Ok(Dialed::Plain(stream)),
    }
}
