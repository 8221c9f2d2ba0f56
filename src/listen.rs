//! The doors: bytes in, requests to the [`Desk`](crate::fanout::Desk), answers out in the order of the
//! requests.

pub mod api;
mod door;
pub mod webapi;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::protocol::xml::Bounds;
pub(crate) use door::send_away;
pub use door::{Connections, Door, Lock};
pub(crate) use webapi::Patient;

/// Bounds of the listeners.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The largest request in bytes.
    pub max_request_bytes: usize,
    /// What one request may hold.
    pub bounds: Bounds,
    /// Requests of one connection that are worked on at once.
    pub max_pipelined: usize,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
}

/// Connections that the kernel may hold until a thread takes them.
const BACKLOG: i32 = 1024;

/// Opens a listening socket that other threads, and another process, may share the address of.
///
/// # Errors
/// What the system says: the address is in use by somebody who does not share it, or is not ours.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
