//! Connecting to a core: over TCP, and over TLS where the core is configured so.

use std::io;
use std::time::Duration;

use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::shared::CoreShared;
use crate::net::TcpStream;

/// A connection to a core.
pub(super) enum Dialed {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

/// Connects within this time, the TLS handshake included.
///
/// # Errors
/// What the system says, or why the handshake failed.
pub(super) async fn dial(core: &CoreShared, patience: Duration) -> io::Result<Dialed> {
    timeout(patience, connect(core)).await?
}

async fn connect(core: &CoreShared) -> io::Result<Dialed> {
    let stream = TcpStream::connect(&*core.core.address).await?;
    stream.set_nodelay(true)?;
    match &core.tls {
        None => Ok(Dialed::Plain(stream)),
        Some(tls) => tls.get().secure(stream).await.map(|stream| Dialed::Secured(Box::new(stream))),
    }
}
