//! What operators see and do: the admin address.

pub mod admin;
pub mod changes;
pub mod door;
mod drain;
mod page;
mod process;
pub mod pulse;
mod reading;
pub mod reload;
mod snapshot;
pub mod token;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::fanout::{FailedLegs, InFlight};
use crate::lines::Lines;
use crate::metrics::{
    DIRECTORY_AGE, DIRECTORY_AGENTS, DIRECTORY_DEVICES, DIRECTORY_UP, LOG_LINES_LEFT_OUT, Metrics,
};
use crate::route::Router;
use crate::upstream::Roster;
use changes::Changes;
use pulse::Pulse;

/// What the admin address shows.
#[derive(Clone)]
pub struct View {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The cores.
    pub cores: Arc<Roster>,
    /// The rules in force.
    pub router: Arc<Router>,
    /// Who, what and where.
    pub directory: Directory,
    /// Calls under way.
    pub in_flight: Arc<InFlight>,
    /// The last legs that did not confirm.
    pub failed: Arc<FailedLegs>,
    /// The configuration in force, without secrets.
    pub config: Arc<ArcSwap<Value>>,
    /// Which copy this is, for people: its machine, process and version, and when it began.
    pub copy: Arc<Value>,
    /// What was changed at this copy.
    pub changes: Arc<Changes>,
    /// Where the log goes.
    pub lines: Lines,
    /// What the live page is told.
    pub pulse: Arc<Pulse>,
    /// Cancelled once all names that list cores have been looked up.
    pub known: CancellationToken,
    /// Cancelled once the proxy drains.
    pub drain: CancellationToken,
}

/// Which copy of the proxy this process is, for people who look at several.
#[must_use]
pub fn this_copy() -> Value {
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "unknown".into());
    json!({
        "host": host,
        "process": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "since": jiff::Timestamp::now().as_millisecond(),
    })
}

impl View {
    /// Brings gauges up to date; called before each scrape.
    pub fn publish(&self) {
        self.cores.now().iter().for_each(|core| core.publish());
        self.publish_directory();
        self.metrics.counter(&LOG_LINES_LEFT_OUT, &["full"]).absolute(self.lines.left_out());
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
