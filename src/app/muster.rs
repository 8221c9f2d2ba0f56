//! The cores in force, and what is done for each of them beside the way of calls. A start is an exchange from none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::background::Background;
use super::late_delivery::Lateness;
use super::link_settings;
use crate::access::{FileFault, Live};
use crate::config::Settings;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::model::{Core, CoreId};
use crate::ops::View;
use crate::route::Router;
use crate::route::rule::{Rule, UnknownDevice};
use crate::upstream::{BreakerSettings, CoreShared, Cores, LinkSettings, Roster, keep_probing};

/// How long a worker thread may take to exchange its links. It takes microseconds; one that is so late is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// A worker thread is to have links to these cores, and to say when it has.
pub(super) struct Order {
    pub cores: Arc<Cores>,
    pub done: oneshot::Sender<()>,
}

/// Whoever owns which devices.
pub(super) struct Routes<'r> {
    pub rules: &'r [Rule],
    pub unknown_device: UnknownDevice,
}

impl<'r> Routes<'r> {
    pub fn of(settings: &'r Settings) -> Self {
        Self { rules: &settings.rules, unknown_device: settings.unknown_device }
    }
}

/// Keeps the cores in force.
pub(super) struct Muster {
    pub view: View,
    links: LinkSettings,
    breaker: BreakerSettings,
    ledger: Ledger,
    lateness: Option<Lateness>,
    /// One for each worker thread.
    threads: Vec<mpsc::Sender<Order>>,
    background: Background,
    /// What ends the work for each core.
    leaves: Mutex<HashMap<CoreId, CancellationToken>>,
}

impl Muster {
    /// The cores of the configuration in force, with all that is done for them but on the threads to come.
    ///
    /// # Errors
    /// As [`Muster::draw_up`].
    pub fn of(
        settings: &Settings,
        view: &View,
        ledger: &Ledger,
        lateness: Option<Lateness>,
        background: &Background,
    ) -> Result<Self, FileFault> {
        let muster = Self {
            view: view.clone(),
            links: link_settings(settings),
            breaker: settings.breaker,
            ledger: ledger.clone(),
            lateness,
            threads: Vec::new(),
            background: background.clone(),
            leaves: Mutex::default(),
        };
        let cores = muster.draw_up(&settings.cores)?;
        cores.iter().for_each(|core| muster.attend(core));
        muster.put(&Arc::new(cores), Routes::of(settings));
        Ok(muster)
    }

    /// These cores as they would be in force: one that is as it was stays what it is.
    ///
    /// # Errors
    /// [`FileFault`] if a core's certificates are of no use. Nothing has changed, whatever comes of this.
    pub fn draw_up(&self, cores: &[Core]) -> Result<Cores, FileFault> {
        let before = self.view.cores.now();
        let drawn = |core: &Core| match before.of(core.id) {
            Some(same) if same.core == *core => Ok(same.clone()),
            before => shared(core, &self.view.cores, self.breaker, &self.view.metrics)
                .map(|core| Arc::new(before.iter().fold(core, |core, before| core.instead_of(before)))),
        };
        cores.iter().map(drawn).collect()
    }

    /// Has these in force, and devices owned so. No call is lost: each thread has its links to those that come before any
    /// call is planned for them, and to those that go until none is planned for them any more.
    pub async fn exchange(&self, next: Cores, routes: Routes<'_>) {
        let before = self.view.cores.now();
        let is_new =
            |core: &&Arc<CoreShared>| !before.of(core.core.id).is_some_and(|old| Arc::ptr_eq(old, core));
        next.iter().filter(is_new).for_each(|core| self.attend(core));
        let gone: Vec<_> = before.iter().filter(|core| next.of(core.core.id).is_none()).collect();
        let next = Arc::new(next);
        self.tell(&Arc::new(next.iter().chain(gone.iter().copied()).cloned().collect())).await;
        self.put(&next, routes);
        if !gone.is_empty() {
            self.tell(&next).await;
        }
        gone.into_iter().for_each(|core| self.dismiss(core));
    }

    /// What one more worker thread is told.
    pub fn thread(&mut self) -> mpsc::Receiver<Order> {
        let (tell, orders) = mpsc::channel(1);
        self.threads.push(tell);
        orders
    }

    fn put(&self, cores: &Arc<Cores>, Routes { rules, unknown_device }: Routes<'_>) {
        self.view.cores.exchange(cores.clone());
        let placed = cores.iter().map(|core| (&core.core, core.place));
        self.view.router.exchange(Router::over(placed, rules, unknown_device));
    }

    async fn tell(&self, cores: &Arc<Cores>) {
        let tell = |thread: &mpsc::Sender<Order>| {
            let (done, is_done) = oneshot::channel();
            let (thread, order) = (thread.clone(), Order { cores: cores.clone(), done });
            async move { thread.send(order).await.is_ok() && is_done.await.is_ok() }
        };
        // A thread that has ended needs no links.
        if timeout(PATIENCE, join_all(self.threads.iter().map(tell))).await.is_err() {
            tracing::error!("a worker thread is stuck: it does not exchange its links to cores");
        }
    }

    /// Begins what is done for a core; what was done for another of its number ends.
    fn attend(&self, core: &Arc<CoreShared>) {
        let id = core.core.id;
        self.ledger.meet(id, &self.view.metrics);
        let leave = CancellationToken::new();
        let before = self.leaves().insert(id, leave.clone());
        before.into_iter().for_each(|before| before.cancel());
        let (core_to_probe, links, left) = (core.clone(), self.links, leave.clone());
        self.background.spawn(async move {
            left.run_until_cancelled(keep_probing(core_to_probe, links)).await.unwrap_or_default();
        });
        if let Some(lateness) = &self.lateness {
            self.background
                .spawn(lateness.courier(core, self.links, &self.view.metrics).keep_delivering(leave));
        }
    }

    fn dismiss(&self, core: &CoreShared) {
        self.leaves().remove(&core.core.id).into_iter().for_each(|leave| leave.cancel());
        core.leave();
    }

    fn leaves(&self) -> MutexGuard<'_, HashMap<CoreId, CancellationToken>> {
        self.leaves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all threads share of one core.
pub(super) fn shared(
    core: &Core,
    roster: &Roster,
    breaker: BreakerSettings,
    metrics: &Metrics,
) -> Result<CoreShared, FileFault> {
    let label = format!("core-{}", core.id);
    let tls = core.tls.clone().map(|files| Live::open(files, &label, metrics)).transpose();
    let tls = tls.map_err(|FileFault(what)| FileFault(format!("core {}: {what}", core.id)))?;
    Ok(CoreShared::new(core.clone(), roster.place(core.id), breaker, metrics).over_tls(tls))
}
