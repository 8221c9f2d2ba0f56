//! A worker thread: its runtime, its desk, its doors and its links.

use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::join_all;
use tokio::runtime::{Builder, Handle, LocalOptions};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::link_settings;
use super::muster::Order;
use crate::access::Gate;
use crate::budget::Budget;
use crate::config::Settings;
use crate::fanout::{Compat, Desk, Limits, Listener, Meter, Repeats, Rooms, Terms};
use crate::ledger::Ledger;
use crate::listen::{self, Connections, Door, Lock};
use crate::net::TcpListener;
use crate::ops::View;
use crate::owed::Owed;
use crate::protocol::xml::Bounds;
use crate::trail::{Traces, Trail};
use crate::upstream::Upstream;

/// Clients of one thread that are told at once why they cannot stay; more are sent away without a word.
const GOODBYES: usize = 64;

/// What all worker threads are given.
#[derive(Clone)]
pub(super) struct Desks {
    pub settings: Arc<Settings>,
    pub view: View,
    pub rooms: Rooms,
    pub background: Handle,
    pub owed: Owed,
    pub ledger: Ledger,
    pub connections: Arc<Connections>,
    pub gate: Arc<Gate>,
    pub compat: Arc<ArcSwap<Compat>>,
    pub repeats: Arc<Repeats>,
    pub budget: Arc<Budget>,
    pub traces: Option<Traces>,
    pub open: CancellationToken,
}

/// What one worker thread is given.
pub(super) struct Seat {
    pub desks: Desks,
    pub sockets: Vec<(Listener, Option<Lock>, StdListener)>,
    pub orders: mpsc::Receiver<Order>,
}

/// Starts a worker thread; what comes of it says that it has ended.
pub(super) fn spawn(
    number: usize,
    seat: Seat,
    beat: impl Future<Output = ()> + Send + 'static,
) -> io::Result<oneshot::Receiver<()>> {
    let (done, is_done) = oneshot::channel();
    let thread = std::thread::Builder::new().name(format!("corecast-{number}"));
    thread.spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime.block_on(async {
                drop(spawn_local(beat));
                work(seat).await;
            }),
            Err(error) => tracing::error!(%error, "a worker thread has no runtime"),
        }
        drop(done);
    })?;
    Ok(is_done)
}

/// One worker's life: its desk, its doors, and the drain.
async fn work(seat: Seat) {
    let Seat { desks, sockets, orders } = seat;
    let desk = Rc::new(desk(&desks));
    let Desks { settings, view, connections, gate, open, .. } = desks;
    drop(spawn_local(keep_links(desk.clone(), orders)));
    let (tasks, goodbyes) = (TaskTracker::new(), Arc::new(Semaphore::new(GOODBYES)));
    // A token of its own, so that the connections of different threads do not contend for one.
    let drain = view.drain.child_token();
    let door = |(listener, lock, socket)| {
        let door = Door {
            listener,
            desk: desk.clone(),
            settings: listen_settings(&settings),
            connections: connections.clone(),
            gate: gate.clone(),
            lock,
            goodbyes: goodbyes.clone(),
            drain: drain.clone(),
            tasks: tasks.clone(),
        };
        serve(door, socket)
    };
    // The links connect meanwhile.
    if view.drain.run_until_cancelled(open.cancelled()).await.is_some() {
        join_all(sockets.into_iter().map(door)).await;
    }
    tasks.close();
    if timeout(settings.limits.drain_timeout, tasks.wait()).await.is_err() {
        let left = tasks.len();
        tracing::warn!(left, "the drain took too long: connections are cut");
    }
}

/// Exchanges the thread's links when cores come and go.
async fn keep_links(desk: Rc<Desk>, mut orders: mpsc::Receiver<Order>) {
    while let Some(Order { cores, done }) = orders.recv().await {
        desk.upstream.exchange(&cores);
        done.send(()).unwrap_or_default();
    }
}

async fn serve(door: Door, socket: StdListener) {
    match (TcpListener::from_std(socket), door.listener) {
        (Ok(socket), Listener::Api) => listen::api::serve(door, socket).await,
        (Ok(socket), Listener::WebApi) => listen::webapi::serve(door, socket).await,
        (Err(error), _) => tracing::error!(%error, "a worker thread cannot listen"),
    }
}

fn desk(all: &Desks) -> Desk {
    let Desks { settings, view, .. } = all;
    Desk {
        router: view.router.clone(),
        rooms: all.rooms.clone(),
        background: all.background.clone(),
        upstream: Upstream::open(&view.cores.now(), link_settings(settings)),
        owed: all.owed.clone(),
        terms: Terms { codes: settings.codes.clone(), compat: all.compat.clone() },
        limits: Limits { deadline: settings.limits.deadline },
        repeats: all.repeats.clone(),
        budget: all.budget.clone(),
        in_flight: view.in_flight.clone(),
        failed: view.failed.clone(),
        ledger: all.ledger.clone(),
        meter: Meter::new(view.metrics.clone()),
        trail: trail(all),
    }
}

fn trail(all: &Desks) -> Trail {
    let (log, view) = (&all.settings.log, &all.view);
    Trail::new(view.lines.clone(), log.format, log.access.clone(), all.traces.clone(), &view.metrics)
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
