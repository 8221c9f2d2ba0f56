//! The composition root: the only file that names everything.
//!
//! Each CPU gets a thread with a runtime, listeners and links of its own; a call stays on one thread from its
//! first byte to its last. What is not on the way of a call (probes, the admin address, upkeep) runs on the
//! runtime that [`Proxy::start`] is called on.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::{Builder, Handle, LocalOptions};
use tokio::sync::oneshot;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Settings;
use crate::directory::{Directory, StoreError};
use crate::fanout::{Desk, InFlight, Limits, Listener, Meter, Rooms, Terms};
use crate::listen::{self, Connections, Door};
use crate::media::functions::Exports;
use crate::media::mail::{BadAuthority, Mail};
use crate::media::{MediaError, Renderer, Vault};
use crate::metrics::Metrics;
use crate::net::TcpListener;
use crate::ops::{self, View};
use crate::protocol::xml::Bounds;
use crate::records::Records;
use crate::records::functions::Functions;
use crate::route::Router;
use crate::upstream::{CoreShared, LinkSettings, Upstream, keep_probing};

/// How often raw samples are folded, scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

/// A running proxy.
pub struct Proxy {
    /// Where the API socket listens.
    pub api: SocketAddr,
    /// Where the WebAPI listens.
    pub webapi: SocketAddr,
    /// Where the admin address listens.
    pub admin: SocketAddr,
    workers: Vec<oneshot::Receiver<()>>,
    drain: CancellationToken,
    background: CancellationToken,
    tasks: TaskTracker,
}

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address cannot be had.
    #[error("listen.{key} = \"{address}\" cannot be opened: {error}")]
    Bind {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The directory's URL names no database.
    #[error("directory.url: {0}")]
    Directory(#[from] StoreError),
    /// The store of recordings cannot be used as configured.
    #[error("media: {0}")]
    Media(#[from] MediaError),
    /// A thread or its runtime cannot be made.
    #[error("a worker thread cannot be started: {0}")]
    Worker(#[from] io::Error),
    /// The mail server cannot be trusted as configured.
    #[error(transparent)]
    Mail(#[from] BadAuthority),
}

/// What one worker thread is given.
struct Seat {
    settings: Arc<Settings>,
    view: View,
    rooms: Rooms,
    background: Handle,
    connections: Arc<Connections>,
    api: StdListener,
    webapi: StdListener,
}

impl Proxy {
    /// Starts a proxy. It serves when this returns, with every core still to be connected to.
    ///
    /// # Errors
    /// [`StartError`] when an address or a thread cannot be had.
    ///
    /// # Panics
    /// Outside of a runtime, which carries what is not on the way of a call.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let settings = Arc::new(settings);
        let background = CancellationToken::new();
        let directory =
            Directory::open(&settings.directory.url, settings.directory.refresh, background.clone())?;
        let rooms = rooms(&settings, &directory)?;
        let view = view(&settings, directory);
        let connections = Connections::new(settings.limits.max_connections, &view.metrics);
        let (api, webapi) =
            (Addresses::new("api", settings.listen.api)?, Addresses::new("webapi", settings.listen.webapi)?);
        let admin = Addresses::new("admin", settings.listen.admin)?;
        let mut proxy = Self {
            api: api.address,
            webapi: webapi.address,
            admin: admin.address,
            workers: Vec::new(),
            drain: view.drain.clone(),
            background,
            tasks: TaskTracker::new(),
        };
        for number in 0..settings.threads {
            let seat = Seat {
                settings: settings.clone(),
                view: view.clone(),
                rooms: rooms.clone(),
                background: Handle::current(),
                connections: connections.clone(),
                api: api.socket(number)?,
                webapi: webapi.socket(number)?,
            };
            proxy.workers.push(spawn_worker(number, seat)?);
        }
        proxy.spawn_background(&settings, &view, admin.first)?;
        Ok(proxy)
    }

    fn spawn_background(&self, settings: &Settings, view: &View, admin: StdListener) -> io::Result<()> {
        for core in &*view.cores {
            self.spawn(keep_probing(core.clone(), link_settings(settings)));
        }
        let upkeep = view.clone();
        self.spawn(async move {
            let mut ticks = interval(UPKEEP);
            loop {
                ticks.tick().await;
                upkeep.upkeep();
            }
        });
        let admin = TcpListener::from_std(admin)?;
        let pages = ops::admin::router(view.clone());
        self.spawn(async move {
            axum::serve(admin, pages).await.unwrap_or_else(|e| tracing::error!("admin: {e}"))
        });
        Ok(())
    }

    /// Runs something until the proxy has drained.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.background.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(work).await.unwrap_or_default() });
    }

    /// Takes nothing new in, and returns when what was accepted is answered.
    pub async fn drain(self) {
        self.drain.cancel();
        for worker in self.workers {
            drop(worker.await);
        }
        self.background.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What all threads share.
fn view(settings: &Settings, directory: Directory) -> View {
    let metrics = Arc::new(Metrics::default());
    let core =
        |core: &crate::model::Core| Arc::new(CoreShared::new(core.clone(), settings.breaker, &metrics));
    View {
        cores: settings.cores.iter().map(core).collect(),
        router: Arc::new(Router::new(&settings.cores, settings.rules.clone(), settings.unknown_device)),
        in_flight: InFlight::new(settings.limits.max_in_flight),
        directory,
        drain: CancellationToken::new(),
        metrics,
    }
}

fn link_settings(settings: &Settings) -> LinkSettings {
    let limits = &settings.limits;
    LinkSettings {
        leg_timeout: limits.leg_timeout,
        connect_timeout: limits.connect_timeout,
        max_reply_bytes: limits.max_reply_bytes,
        threads: settings.threads,
    }
}

/// The sockets of one listener: every thread has its own, on one address.
struct Addresses {
    key: &'static str,
    address: SocketAddr,
    first: StdListener,
}

impl Addresses {
    fn new(key: &'static str, address: SocketAddr) -> Result<Self, StartError> {
        let bound = listen::bind(address).and_then(|first| Ok((first.local_addr()?, first)));
        let (address, first) = bound.map_err(|error| StartError::Bind { key, address, error })?;
        Ok(Self { key, address, first })
    }

    fn socket(&self, worker: usize) -> Result<StdListener, StartError> {
        let socket = if worker == 0 { self.first.try_clone() } else { listen::bind(self.address) };
        socket.map_err(|error| StartError::Bind { key: self.key, address: self.address, error })
    }
}

fn spawn_worker(number: usize, seat: Seat) -> io::Result<oneshot::Receiver<()>> {
    let (done, is_done) = oneshot::channel();
    let thread = std::thread::Builder::new().name(format!("corecast-{number}"));
    thread.spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime.block_on(work(seat)),
            Err(error) => tracing::error!(%error, "a worker thread has no runtime"),
        }
        drop(done);
    })?;
    Ok(is_done)
}

/// One worker's life: its desk, its two doors, and the drain.
async fn work(seat: Seat) {
    let Seat { settings, view, rooms, background, connections, api, webapi } = seat;
    let desk = Rc::new(desk(&settings, &view, rooms, &background));
    let door = |listener| Door {
        listener,
        desk: desk.clone(),
        settings: listen_settings(&settings),
        connections: connections.clone(),
        drain: view.drain.clone(),
        tasks: TaskTracker::new(),
    };
    let (api_door, webapi_door) = (door(Listener::Api), door(Listener::WebApi));
    let tasks = [api_door.tasks.clone(), webapi_door.tasks.clone()];
    match (TcpListener::from_std(api), TcpListener::from_std(webapi)) {
        (Ok(api), Ok(webapi)) => {
            tokio::join!(listen::api::serve(api_door, api), listen::webapi::serve(webapi_door, webapi));
        }
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "a worker thread cannot listen"),
    }
    for tasks in &tasks {
        tasks.close();
    }
    let drained = join_all(tasks.iter().map(TaskTracker::wait));
    if timeout(settings.limits.drain_timeout, drained).await.is_err() {
        let left = tasks.iter().map(TaskTracker::len).sum::<usize>();
        tracing::warn!(left, "the drain took too long: connections are cut");
    }
}

fn desk(settings: &Settings, view: &View, rooms: Rooms, background: &Handle) -> Desk {
    Desk {
        router: view.router.clone(),
        rooms,
        background: background.clone(),
        upstream: Upstream::open(&view.cores, link_settings(settings)),
        terms: Terms {
            codes: settings.codes.clone(),
            blackout_partial_ok: settings.compat.blackout_partial_ok,
            detail: settings.compat.detail,
        },
        limits: Limits { deadline: settings.limits.deadline },
        in_flight: view.in_flight.clone(),
        meter: Meter::new(view.metrics.clone()),
    }
}

/// What is answered without a core.
fn rooms(settings: &Settings, directory: &Directory) -> Result<Rooms, StartError> {
    let records = Records::of(directory.store().database().clone());
    let renderer = Renderer::new(Vault::open(&settings.media.vault)?, &settings.media);
    let exports = Exports::new(renderer, records.clone());
    Ok(Rooms {
        directory: directory.clone(),
        records: Functions::new(records, &settings.records),
        mail: Mail::open(settings.mail.clone(), Arc::new(exports.clone()))?,
        exports,
        codes: settings.codes.clone(),
    })
}

fn listen_settings(settings: &Settings) -> listen::Settings {
    let limits = &settings.limits;
    listen::Settings {
        max_request_bytes: limits.max_request_bytes,
        bounds: Bounds { max_fields: limits.max_fields, max_depth: limits.max_depth },
        max_pipelined: limits.max_pipelined,
        idle_timeout: limits.idle_timeout,
    }
}
