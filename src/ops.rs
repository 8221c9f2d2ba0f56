//! What operators see and do: the admin address.

pub mod admin;
pub mod door;
pub mod reload;
pub mod token;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::fanout::InFlight;
use crate::metrics::{DIRECTORY_AGE, DIRECTORY_AGENTS, DIRECTORY_DEVICES, DIRECTORY_UP, Metrics};
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
    /// Who, what and where.
    pub directory: Directory,
    /// Calls under way.
    pub in_flight: Arc<InFlight>,
    /// Cancelled once the proxy drains.
    pub drain: CancellationToken,
}

impl View {
    /// Brings gauges up to date and folds raw samples; called on a timer and before each scrape.
    pub fn upkeep(&self) {
        self.cores.iter().for_each(|core| core.publish());
        self.publish_directory();
        self.metrics.upkeep();
    }

    fn publish_directory(&self) {
        let snapshot = self.directory.look();
        #[allow(clippy::cast_precision_loss, reason = "a number of devices is far below 2^52")]
        let count = |metric, count: usize| self.metrics.gauge(metric, &[]).set(count as f64);
        count(&DIRECTORY_DEVICES, snapshot.devices());
        count(&DIRECTORY_AGENTS, snapshot.agents());
        count(&DIRECTORY_UP, usize::from(self.directory.status().is_connected));
        self.metrics.gauge(&DIRECTORY_AGE, &[]).set(self.directory.age().as_secs_f64());
    }
}
