//! A core's sockets.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::CtiSettings;
use super::desk::Desk;
use super::fault::Fault;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The API socket of one core.
#[derive(Debug)]
pub struct Server {
    desk: Arc<Desk>,
    address: SocketAddr,
    /// Bound and never listening: while the core refuses connections, nobody else gets its port.
    _place: Socket,
    door: Mutex<Option<Door>>,
    connections: AtomicU64,
    runtime: Handle,
    tasks: TaskTracker,
    gone: CancellationToken,
}

/// An open listening socket, and the connections that came through it.
#[derive(Debug)]
struct Door {
    listening: Socket,
    shut: CancellationToken,
}

impl Door {
    /// Ends the listening at once, not only when the accepting task has its next turn. What was connected
    /// is closed as its tasks get theirs.
    fn shut(&self) {
        self.shut.cancel();
        self.listening.shutdown(std::net::Shutdown::Both).unwrap_or_default();
    }
}

impl Server {
    /// Starts a core on the runtime that this is called on.
    pub fn start(
        settings: &CtiSettings,
        desk: Arc<Desk>,
        tasks: TaskTracker,
        gone: CancellationToken,
    ) -> io::Result<Arc<Self>> {
        let place = bind(settings.listen)?;
        let address = place.local_addr()?.as_socket().unwrap_or(settings.listen);
        let server = Arc::new(Self {
            desk,
            address,
            _place: place,
            door: Mutex::default(),
            connections: AtomicU64::new(0),
            runtime: Handle::current(),
            tasks,
            gone,
        });
        server.set_fault(settings.fault)?;
        Ok(server)
    }

    pub const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cancelled when the core stops.
    pub const fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// Switches the fault, and closes or opens the door as it asks for.
    ///
    /// # Errors
    /// If the door cannot be opened again.
    pub fn set_fault(self: &Arc<Self>, fault: Fault) -> io::Result<()> {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.desk.set_fault(fault);
        match (&*door, fault) {
            (Some(open), Fault::Refuse) => {
                open.shut();
                *door = None;
            }
            (None, fault) if fault != Fault::Refuse && !self.gone.is_cancelled() => {
                *door = Some(self.open()?);
            }
            _ => {}
        }
        Ok(())
    }

    fn open(self: &Arc<Self>) -> io::Result<Door> {
        let listening = bind(self.address)?;
        listening.listen(BACKLOG)?;
        let _runtime = self.runtime.enter();
        let listener = TcpListener::from_std(listening.try_clone()?.into())?;
        let shut = self.gone.child_token();
        self.spawn(Arc::clone(self).accept(listener, shut.clone()));
        Ok(Door { listening, shut })
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, shut: CancellationToken) {
        while let Some(accepted) = shut.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, _)) => self.welcome(stream, &shut),
                // Out of descriptors, say: trying again at once would only burn the processor.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, shut: &CancellationToken) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let (server, shut) = (Arc::clone(self), shut.clone());
        self.spawn(async move {
            let ended = shut.run_until_cancelled(connection::serve(&server.desk, number, stream)).await;
            if let Some(Err(error)) = ended {
                tracing::debug!(connection = number, %error, "a connection to the core broke");
            }
        });
    }

    /// Runs a task that [`Server::stopped`] waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Closes everything.
    pub fn stop(&self) {
        self.gone.cancel();
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner).take();
        door.iter().for_each(Door::shut);
    }

    /// Waits until everything is closed.
    pub async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A socket that is bound and does not listen yet. Others may be bound to the address too, as long as they
/// do not listen.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
