//! What both listeners share: taking connections in, counting them, and turning away those that are too many.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Settings;
use crate::fanout::{Desk, Listener, Origin, Turns};
use crate::metrics::{CONNECTIONS, Metrics, SHED};
use crate::net::{TcpListener, TcpStream};

/// Client connections over all threads and listeners.
pub struct Connections {
    now: AtomicUsize,
    max: usize,
    open: [Gauge; Listener::ALL.len()],
    shed: Counter,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("now", &self.now).field("max", &self.max).finish_non_exhaustive()
    }
}

impl Connections {
    /// Room for `max` connections.
    #[must_use]
    pub fn new(max: usize, metrics: &Metrics) -> Arc<Self> {
        let open = Listener::ALL.map(|listener| metrics.gauge(&CONNECTIONS, &[listener.label()]));
        open.iter().for_each(|gauge| gauge.set(0.0));
        let shed = metrics.counter(&SHED, &["connections"]);
        Arc::new(Self { now: AtomicUsize::new(0), max, open, shed })
    }

    /// A place for one more connection; none if it is one too many.
    fn enter(self: &Arc<Self>, listener: Listener) -> Option<Place> {
        self.open[listener as usize].increment(1.0);
        let is_room = self.now.fetch_add(1, Ordering::Relaxed) < self.max;
        let place = Place { connections: self.clone(), listener };
        if !is_room {
            self.shed.increment(1);
        }
        is_room.then_some(place)
    }
}

/// One connection's place; dropping it makes room.
struct Place {
    connections: Arc<Connections>,
    listener: Listener,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open[self.listener as usize].decrement(1.0);
        self.connections.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One thread's listener of one kind, with all that a connection needs.
#[derive(Clone, Debug)]
pub struct Door {
    /// Which listener it is.
    pub listener: Listener,
    /// Where requests go.
    pub desk: Rc<Desk>,
    /// The bounds.
    pub settings: Settings,
    /// The connections of all threads.
    pub connections: Arc<Connections>,
    /// When nothing new is taken in any more.
    pub drain: CancellationToken,
    /// The connections of this thread.
    pub tasks: TaskTracker,
}

/// How long the system is left alone when it has no file handle for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a client that is sent away may take to read why.
const LINGER: Duration = Duration::from_secs(2);

impl Door {
    /// Whom the answers on a connection go to.
    pub(super) fn origin(&self, stream: &TcpStream) -> Origin {
        let peer = stream.peer_addr().ok().map(|address| address.ip());
        Origin { listener: self.listener, peer, turns: Turns::default() }
    }

    /// Takes connections in until the drain, each on a task of its own.
    pub async fn serve<F>(
        self,
        socket: TcpListener,
        full: fn(&Desk) -> String,
        talk: fn(Self, TcpStream) -> F,
    ) where
        F: Future<Output = ()> + 'static,
    {
        let drain = self.drain.clone();
        while let Some(accepted) = drain.run_until_cancelled(socket.accept()).await {
            match accepted {
                Ok((stream, _)) => self.admit(stream, full, talk),
                Err(error) => {
                    tracing::warn!(listener = self.listener.label(), %error, "a connection could not be taken");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit<F>(&self, stream: TcpStream, full: fn(&Desk) -> String, talk: fn(Self, TcpStream) -> F)
    where
        F: Future<Output = ()> + 'static,
    {
        stream.set_nodelay(true).unwrap_or_default();
        let Some(place) = self.connections.enter(self.listener) else {
            let answer = full(&self.desk);
            self.tasks.spawn_local(send_away(stream, answer));
            return;
        };
        let talking = talk(self.clone(), stream);
        self.tasks.spawn_local(async move {
            talking.await;
            drop(place);
        });
    }
}

/// Tells a client why it is sent away, in a bounded time.
async fn send_away(mut stream: TcpStream, answer: String) {
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        close(&mut stream).await
    };
    drop(timeout(LINGER, told).await);
}

/// Closes in a way that lets the last answer arrive: what the client still sends is read and dropped for a
/// while, since closing on unread bytes would reset the connection and could take the answer with it.
pub(super) async fn close(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let until_closed = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, until_closed).await.unwrap_or(Ok(()))
}
