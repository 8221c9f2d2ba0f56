//! What operators see and do: the admin address.

pub mod admin;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::directory::snapshot::Snapshot;
use crate::fanout::InFlight;
use crate::metrics::Metrics;
use crate::route::Router;
use crate::upstream::CoreShared;

/// What the admin address shows.
#[derive(Clone)]
pub struct View {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The cores.
    pub cores: Arc<[Arc<CoreShared>]>,
    /// The rules in force.
    pub router: Arc<Router>,
    /// Who, what and where, as last seen.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Calls under way.
    pub in_flight: Arc<InFlight>,
    /// Cancelled once the proxy drains.
    pub drain: CancellationToken,
}

impl View {
    /// Brings gauges up to date and folds raw samples; called on a timer and before each scrape.
    pub fn upkeep(&self) {
        self.cores.iter().for_each(|core| core.publish());
        self.metrics.upkeep();
    }
}
