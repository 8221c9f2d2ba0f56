//! What both listeners share: taking connections in, counting them, and turning away those that are too many.

mod goodbye;
mod secure;

use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::FutureExt;
use metrics::{Counter, Gauge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::unconstrained;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{BACKLOG, Settings};
use crate::access::{Client, Doorkeeper, Gate};
use crate::budget::Budget;
use crate::fanout::{Desk, Listener, Origin, Turns};
use crate::metrics::{CONNECTIONS, Metrics, SHED};
use crate::net::{TcpListener, TcpStream};
pub(crate) use goodbye::send_away;
pub(super) use goodbye::{Goodbye, LINGER, close};
pub use secure::Lock;

/// Client connections over all threads and listeners.
pub struct Connections {
    now: AtomicUsize,
    max: usize,
    open: [Gauge; Listener::ALL.len()],
    shed: Counter,
    buffers: Arc<Budget>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("now", &self.now).field("max", &self.max).finish_non_exhaustive()
    }
}

impl Connections {
    /// Room for `max` connections, and for `max_buffered_bytes` of what they hold beyond their own.
    #[must_use]
    pub fn new(max: usize, max_buffered_bytes: usize, metrics: &Metrics) -> Arc<Self> {
        let open = Listener::ALL.map(|listener| metrics.gauge(&CONNECTIONS, &[listener.label()]));
        open.iter().for_each(|gauge| gauge.set(0.0));
        let shed = metrics.counter(&SHED, &["connections"]);
        let buffers = Budget::new(max_buffered_bytes, "buffered_bytes", metrics);
        Arc::new(Self { now: AtomicUsize::new(0), max, open, shed, buffers })
    }

    /// Room for half-sent requests and unread answers.
    pub(super) const fn buffers(&self) -> &Arc<Budget> {
        &self.buffers
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

/// What a connection may hold of requests and answers without taking room, in bytes.
pub(super) const OWN_BYTES: usize = 16 * 1024;

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
    /// Who may come in, and what for.
    pub gate: Arc<Gate>,
    /// What its connections are secured with; `None` if they are not.
    pub lock: Option<Lock>,
    /// Clients of this thread that are being told why they cannot stay.
    pub goodbyes: Arc<Semaphore>,
    /// When nothing new is taken in any more.
    pub drain: CancellationToken,
    /// The connections of this thread.
    pub tasks: TaskTracker,
}

/// What a connection's bytes go through: the socket itself, or TLS over it. Whoever talks is compiled for each,
/// so that a plain connection pays nothing for the other.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Stream for S {}

/// What is spoken at a door.
pub(super) trait Speech: 'static {
    /// A RESULT for a client that is sent away before it has said anything.
    fn farewell(goodbye: Goodbye, result: &str) -> String;

    /// Talks with a client until it has gone.
    fn talk(door: Door, stream: impl Stream, origin: Origin) -> impl Future<Output = ()> + 'static;
}

/// How long a client that has come before the drain has for its first words.
const FIRST_WORDS: Duration = Duration::from_secs(2);

/// How long the system is left alone when it has no file handle for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Door {
    fn keeper(&self) -> &Doorkeeper {
        match self.listener {
            Listener::Api => &self.gate.api,
            Listener::WebApi => &self.gate.webapi,
        }
    }

    /// Whom the answers on a connection go to.
    fn origin(&self, client: Client) -> Origin {
        let peer = client.address;
        let (turns, pass) = (Turns::default(), self.gate.pass(client));
        Origin { listener: self.listener, peer, turns, pass, parent: None }
    }

    /// Takes connections in until the drain, each on a task of its own; then those that the system holds for us, since
    /// closing would reset them.
    pub(super) async fn serve<S: Speech>(self, socket: TcpListener) {
        let drain = self.drain.clone();
        while let Some(accepted) = drain.run_until_cancelled(socket.accept()).await {
            match accepted {
                Ok((stream, peer)) => self.admit::<S>(stream, peer.ip().to_canonical()),
                Err(error) => {
                    tracing::warn!(listener = self.listener.label(), %error, "a connection could not be taken");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        for _ in 0..BACKLOG {
            let Some(Ok((stream, peer))) = unconstrained(socket.accept()).now_or_never() else { return };
            self.admit::<S>(stream, peer.ip().to_canonical());
        }
    }

    fn admit<S: Speech>(&self, stream: TcpStream, peer: IpAddr) {
        stream.set_nodelay(true).unwrap_or_default();
        let place = match self.place_for(peer) {
            Ok(place) => place,
            Err(goodbye) => return self.refuse::<S>(stream, goodbye),
        };
        let client = Client { address: Some(peer), certificate: None };
        let door = self.clone();
        match self.lock.clone() {
            None => {
                let origin = self.origin(client);
                self.spawn(place, async move {
                    if door.is_spoken_to(&stream).await {
                        S::talk(door, stream, origin).await;
                    }
                });
            }
            Some(lock) => self.spawn(place, lock.open::<S>(door, stream, client)),
        }
    }

    /// Waits for a client's first words. The drain gives it time for them: whoever was let in is answered once, also if the
    /// request is still on its way.
    async fn is_spoken_to(&self, stream: &TcpStream) -> bool {
        let drained = async {
            self.drain.cancelled().await;
            sleep(FIRST_WORDS).await;
        };
        // To look is to know: `readable` may say so too early.
        let mut first = [0];
        tokio::select! {
            biased;
            heard = stream.peek(&mut first) => heard.is_ok(),
            () = drained => false,
            () = sleep(self.settings.idle_timeout) => false,
        }
    }

    /// A place for a client from this address, or why it has none.
    fn place_for(&self, peer: IpAddr) -> Result<Place, Goodbye> {
        if !self.keeper().admits(Some(peer)) {
            return Err(Goodbye::Forbidden(peer));
        }
        self.connections.enter(self.listener).ok_or(Goodbye::Full)
    }

    /// Takes in a client that did not come by a socket of ours; whether it may stay. It is not told why not.
    pub(super) fn welcome<S: Speech>(&self, stream: impl Stream, peer: IpAddr) -> bool {
        let Ok(place) = self.place_for(peer) else { return false };
        let origin = self.origin(Client { address: Some(peer), certificate: None });
        self.spawn(place, S::talk(self.clone(), stream, origin));
        true
    }

    fn spawn(&self, place: Place, talking: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(async move {
            talking.await;
            drop(place);
        });
    }

    /// Sends a client away. One that waits for TLS would not understand why.
    fn refuse<S: Speech>(&self, stream: TcpStream, goodbye: Goodbye) {
        if self.lock.is_none() {
            self.say::<S>(stream, goodbye);
        }
    }

    /// Tells a client why it is sent away, as long as not too many are being told.
    fn say<S: Speech>(&self, stream: TcpStream, goodbye: Goodbye) {
        let Ok(permit) = self.goodbyes.clone().try_acquire_owned() else { return };
        let answer = S::farewell(goodbye, &self.desk.refuse(goodbye.refusal()));
        self.tasks.spawn_local(async move {
            send_away(stream, answer).await;
            drop(permit);
        });
    }
}
