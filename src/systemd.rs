//! What systemd is told and what it gives, by its documented protocol: datagrams to `NOTIFY_SOCKET`, listening sockets
//! from file descriptor 3 on. Where there is no systemd, nothing is told and nothing given.

use std::future::Future;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use std::{env, io};

use listenfd::ListenFd;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::interval;

/// A service manager that wants to know.
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<UnixDatagram>,
    /// How long it may hear nothing.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// The one that started this process, if one did.
    #[must_use]
    pub fn from_environment() -> Self {
        let of_ours = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let watchdog = env::var("WATCHDOG_USEC").ok().filter(|_| of_ours).and_then(|us| us.parse().ok());
        let socket = env::var("NOTIFY_SOCKET").ok().and_then(|name| connect(&name).ok());
        Self { socket, watchdog: watchdog.filter(|us| *us > 0).map(Duration::from_micros) }
    }

    /// It serves.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// It reads its configuration anew; until it is ready again.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
    }

    /// It drains.
    pub fn stopping(&self, status: &str) {
        self.say(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Says for ever that the process is well, as long as it is: whoever falls silent is restarted. `is_well` is given a
    /// third of the time that systemd is patient.
    pub async fn keep_alive<F: Future<Output = bool>>(&self, is_well: impl Fn(Duration) -> F) {
        let Some(patience) = self.watchdog else { return std::future::pending().await };
        let mut ticks = interval(patience / 3);
        loop {
            ticks.tick().await;
            if is_well(patience / 3).await {
                self.say("WATCHDOG=1");
            } else {
                tracing::error!("a worker thread is stuck: systemd is not told that all is well");
            }
        }
    }

    fn say(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(state.as_bytes()) {
            tracing::debug!(%error, "systemd could not be told");
        }
    }
}

/// A path, or `@` and a name without one.
fn connect(name: &str) -> io::Result<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // It must never wait: a datagram that finds no room is not worth a call's time.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The listening sockets of socket activation, with their names (`FileDescriptorName=`). To be called once, before there
/// are other threads: it takes the variables out of the environment, so that no child takes them for its own.
///
/// # Errors
/// When one of them is no listening TCP socket.
pub fn sockets() -> io::Result<Vec<(String, TcpListener)>> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let mut given = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..given.len() {
        let name = names.next().unwrap_or_default();
        sockets.extend(given.take_tcp_listener(at)?.map(|socket| (name, socket)));
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_is_not_well_falls_silent() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let systemd = Systemd { socket: Some(ours), watchdog: Some(Duration::from_secs(3)) };
        let looks = Cell::new(0);
        let is_well = async |_| {
            looks.set(looks.get() + 1);
            looks.get() != 2
        };
        let alive = systemd.keep_alive(is_well);
        assert!(tokio::time::timeout(Duration::from_millis(2500), alive).await.is_err());
        let mut heard = [0; 64];
        let count = std::iter::from_fn(|| theirs.recv(&mut heard).ok()).count();
        assert_eq!((looks.get(), count), (3, 2));
    }
}
