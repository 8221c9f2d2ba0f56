//! The composition root: the only file that names everything.
//!
//! Each CPU gets a thread with a runtime, listeners and links of its own; a call stays on one thread from its
//! first byte to its last. What is not on the way of a call (probes, the admin address) runs on the
//! runtime that [`Proxy::start`] is called on.

mod background;
mod crew;
mod entrances;
mod following;
mod handover;
mod late_delivery;
mod muster;
mod reload;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::access::{FileFault, Live};
use crate::budget::Budget;
use crate::config::Settings;
use crate::directory::{Directory, StoreError};
use crate::fanout::{FailedLegs, InFlight, Repeats, Rooms};
use crate::ledger::{self, Ledger};
use crate::lines::Lines;
use crate::listen::Connections;
use crate::media::functions::Exports;
use crate::media::mail::{BadAuthority, Mail};
use crate::media::{MediaError, Renderer, Vault};
use crate::metrics::Metrics;
use crate::net::TcpListener;
use crate::ops::pulse::Pulse;
use crate::ops::{self, View};
use crate::records::Records;
use crate::records::functions::Functions;
use crate::route::Router;
use crate::trail::{self, Sending, Traces};
use crate::upstream::{LinkSettings, Roster};
use background::Background;
use crew::Crew;
pub use entrances::Given;
use entrances::{Entrances, Guards};
use handover::{Offer, Predecessor, ask_predecessor, offer};
use muster::{Muster, shared};
pub use reload::Reloaded;
use reload::{Reload, reloading};
use worker::{Desks, Seat};

/// How long the last traces may take at the end.
const LAST_TRACES: Duration = Duration::from_secs(5);

/// How long the last entries of the ledger may take at the end.
const LAST_ENTRIES: Duration = Duration::from_secs(5);

/// A running proxy. An address whose listener is switched off has port 0.
pub struct Proxy {
    /// Where the API socket listens.
    pub api: SocketAddr,
    /// Where the WebAPI listens.
    pub webapi: SocketAddr,
    /// Where the admin address listens.
    pub admin: SocketAddr,
    /// Where the API socket listens over TLS.
    pub api_tls: Option<SocketAddr>,
    /// Where the WebAPI listens over TLS.
    pub webapi_tls: Option<SocketAddr>,
    /// Where the admin address listens over TLS.
    pub admin_tls: Option<SocketAddr>,
    workers: Vec<oneshot::Receiver<()>>,
    crew: Crew,
    ledger: Ledger,
    /// Traces on their way.
    sending: Option<Sending>,
    drain: CancellationToken,
    /// All names that list cores have been looked up.
    known: CancellationToken,
    /// The doors are open.
    open: CancellationToken,
    /// A new version serves in our stead.
    relieved: CancellationToken,
    reload: Arc<Reload>,
    directory: Directory,
    predecessor: Option<Predecessor>,
    offer: Option<Offer>,
    background: Background,
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
    /// A certificate, a key or a token is of no use.
    #[error(transparent)]
    Files(#[from] FileFault),
    /// The store of recordings cannot be used as configured.
    #[error("media: {0}")]
    Media(#[from] MediaError),
    /// Somebody serves who does not hand over, or no new version could ask us to.
    #[error("listen.handover = \"{}\": {error}", path.display())]
    Handover {
        /// The UNIX socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A thread or its runtime cannot be made.
    #[error("a worker thread cannot be started: {0}")]
    Worker(#[from] io::Error),
    /// The mail server cannot be trusted as configured.
    #[error(transparent)]
    Mail(#[from] BadAuthority),
}

impl Proxy {
    /// Starts a proxy. It serves when this returns, with every core still to be connected to; if names list cores, only from
    /// [`Proxy::take_over`] on.
    ///
    /// # Errors
    /// [`StartError`] when an address or a thread cannot be had.
    ///
    /// # Panics
    /// Outside of a runtime, which carries what is not on the way of a call.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Given::default(), Lines::default())
    }

    /// The same, with sockets that somebody has opened for it. If there is a process that hands over, it has its sockets,
    /// and serves only from [`Proxy::take_over`] on. What is logged of each command goes to `lines`.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    ///
    /// # Panics
    /// As [`Proxy::start`].
    pub fn start_with(settings: Settings, mut given: Given, lines: Lines) -> Result<Self, StartError> {
        let settings = Arc::new(settings);
        let predecessor = ask_predecessor(&settings, &mut given)?;
        let background = Background::default();
        let directory =
            Directory::open(&settings.directory.url, settings.directory.refresh, background.stop())?;
        let rooms = rooms(&settings, &directory)?;
        let view = view(&settings, directory, lines);
        let guards = Guards::open(&settings, &view.metrics)?;
        let entrances = Entrances::open(&settings, given, &guards, &view.metrics)?;
        let (ledger, writer) = open_ledger(&view);
        let (owed, lateness) = late_delivery::begin(&settings, &view, &ledger, &background);
        let mut muster = Muster::of(&settings, &view, &ledger, lateness, &background)?;
        let (traces, sending) = traces(&settings, &view).unzip();
        let (open, relieved) = (CancellationToken::new(), CancellationToken::new());
        let desks = Desks {
            connections: Connections::new(
                settings.limits.max_connections,
                settings.limits.max_buffered_bytes,
                &view.metrics,
            ),
            repeats: Repeats::new(settings.repeat_window, view.cores.clone(), &view.metrics),
            budget: Budget::new(settings.limits.max_in_flight_bytes, "in_flight_bytes", &view.metrics),
            compat: Arc::new(ArcSwap::from_pointee(settings.compat.clone())),
            gate: guards.gate.clone(),
            settings: settings.clone(),
            view: view.clone(),
            rooms,
            background: Handle::current(),
            owed,
            ledger: ledger.clone(),
            traces,
            open: open.clone(),
        };
        let (workers, crew) = hire(&desks, &entrances, &mut muster)?;
        let reload = Reload::new(&settings, muster, &guards.gate, &desks.compat);
        background.spawn(Pulse::keep_beating(view.clone()));
        background.spawn(writer.run());
        background.spawn(reload.clone().keep_following(settings.dns.refresh));
        if settings.watch {
            background.spawn(reload.clone().keep_looking(settings.tls.reload));
        }
        let mut proxy = Self {
            api: entrances.address_or_off("api"),
            webapi: entrances.address_or_off("webapi"),
            admin: entrances.address_or_off("admin"),
            api_tls: entrances.address("api_tls"),
            webapi_tls: entrances.address("webapi_tls"),
            admin_tls: entrances.address("admin_tls"),
            workers,
            crew,
            ledger,
            sending,
            drain: view.drain.clone(),
            known: view.known.clone(),
            open,
            relieved,
            reload,
            directory: view.directory.clone(),
            offer: offer(&settings, &entrances)?,
            predecessor,
            background,
        };
        proxy.spawn_admin(&view, &guards, entrances)?;
        proxy.background.spawn(keep_looking(guards, view.cores.clone(), settings.tls.reload));
        if settings.core_srv.is_empty() {
            view.known.cancel();
        }
        if proxy.predecessor.is_none() && view.known.is_cancelled() {
            proxy.serve();
        }
        Ok(proxy)
    }

    fn spawn_admin(&self, view: &View, guards: &Guards, entrances: Entrances) -> io::Result<()> {
        let pages = ops::admin::router(view.clone()).merge(ops::reload::router(reloading(&self.reload)));
        let pages = ops::token::guarded(pages, guards.token.clone());
        for (lock, socket) in entrances.admin() {
            let door = ops::door::Door::new(guards.gate.clone(), lock, pages.clone());
            self.background.spawn(door.serve(TcpListener::from_std(socket)?, self.relieved.clone()));
        }
        Ok(())
    }

    /// Whether every worker thread still gets round to things, and says so in this time.
    pub async fn is_alive(&self, within: Duration) -> bool {
        self.crew.is_alive(within).await
    }

    /// Takes nothing new in, and returns when what was accepted is answered.
    pub async fn drain(self) {
        self.drain.cancel();
        for worker in self.workers {
            drop(worker.await);
        }
        self.ledger.end(LAST_ENTRIES).await;
        if let Some(sending) = self.sending {
            sending.end(LAST_TRACES).await;
        }
        self.background.end().await;
    }
}

/// Starts the worker threads; what comes back for each says that it has ended.
fn hire(
    desks: &Desks,
    entrances: &Entrances,
    muster: &mut Muster,
) -> Result<(Vec<oneshot::Receiver<()>>, Crew), StartError> {
    let (count, mut crew) = (desks.settings.threads, Crew::default());
    let mut spawn = |number| {
        let sockets = entrances.sockets(number, count)?;
        let seat = Seat { desks: desks.clone(), sockets, orders: muster.thread() };
        Ok(worker::spawn(number, seat, crew.beat())?)
    };
    let workers = (0..count).map(&mut spawn).collect::<Result<_, StartError>>()?;
    Ok((workers, crew))
}

/// Looks at files for changes, for ever, where waiting for a disk holds up nobody.
async fn keep_looking(guards: Guards, cores: Arc<Roster>, every: Duration) {
    let mut ticks = interval(every);
    loop {
        ticks.tick().await;
        let watched = guards.watched(&cores.now());
        let looked = spawn_blocking(move || watched.iter().for_each(|files| files.look())).await;
        looked.unwrap_or_else(|error| tracing::error!(%error, "certificates could not be looked at"));
    }
}

/// Reads the files that the configuration names, as a start would.
///
/// # Errors
/// [`FileFault`], the first that is of no use.
pub fn check_files(settings: &Settings) -> Result<(), FileFault> {
    let metrics = Metrics::default();
    Guards::open(settings, &metrics)?;
    let roster = Roster::default();
    for srv in &settings.core_srv {
        let tls = srv.like.tls.clone().map(|files| Live::open(files, &srv.name, &metrics)).transpose();
        tls.map_err(|FileFault(what)| FileFault(format!("core_srv {}: {what}", srv.name)))?;
    }
    settings.cores.iter().try_for_each(|core| shared(core, &roster, settings.breaker, &metrics).map(drop))
}

/// What all threads share. No core is in force yet.
fn view(settings: &Settings, directory: Directory, lines: Lines) -> View {
    View {
        cores: Arc::default(),
        router: Arc::new(Router::new(&[], &[], settings.unknown_device)),
        in_flight: InFlight::new(settings.limits.max_in_flight),
        failed: FailedLegs::new(),
        config: Arc::new(ArcSwap::from_pointee(settings.shown())),
        copy: Arc::new(ops::this_copy()),
        changes: Arc::default(),
        pulse: Arc::default(),
        lines,
        directory,
        drain: CancellationToken::new(),
        known: CancellationToken::new(),
        metrics: Arc::default(),
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

/// A new chain in the database that all copies share.
fn open_ledger(view: &View) -> (Ledger, ledger::Writer) {
    let database = view.directory.store().database().clone();
    Ledger::open(database, ledger::QUEUE, &view.metrics)
}

/// What carries traces to their collector, if there is one.
fn traces(settings: &Settings, view: &View) -> Option<(Traces, Sending)> {
    let cores = view.cores.clone();
    let core = move |id| cores.now().of(id).map(|core| core.core.clone());
    Some(trail::start(settings.traces.as_ref()?, &view.metrics, Arc::new(core)))
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
