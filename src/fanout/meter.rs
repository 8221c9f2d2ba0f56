//! Counts and times requests: handles made once, per thread, found by index.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::command::{FUNCTIONS, Function};
use crate::metrics::{Metrics, REQUEST_SECONDS, REQUESTS, SHED};
use crate::protocol::codes::ResultType;

/// What a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The API socket.
    Api,
    /// The WebAPI.
    WebApi,
}

impl Listener {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Api, Self::WebApi];

    /// The `listener` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::WebApi => "webapi",
        }
    }
}

/// The label of what is no function, and of what a core calls its result that the reference does not know.
const OTHER: &str = "other";

/// Results that a rate is computed of: their series are there from the start, at zero.
const EXPECTED: [ResultType; 3] =
    [ResultType::Ok, ResultType::PartialCoreResponse, ResultType::RecorderNotRunning];

/// One thread's handles.
pub struct Meter {
    metrics: Arc<Metrics>,
    requests: Vec<OnceCell<Counter>>,
    seconds: Vec<Histogram>,
    shed: Counter,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Meter {
    /// Handles to all series that requests need.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let names = FUNCTIONS.iter().map(|f| f.name).chain([OTHER]);
        let seconds = names.map(|name| metrics.seconds(&REQUEST_SECONDS, &[name])).collect();
        let count = (FUNCTIONS.len() + 1) * (ResultType::ALL.len() + 1) * Listener::ALL.len();
        let requests = vec![OnceCell::new(); count];
        let shed = metrics.counter(&SHED, &["in_flight"]);
        let meter = Self { metrics, requests, seconds, shed };
        for (function, listener) in FUNCTIONS.iter().flat_map(|f| Listener::ALL.map(|l| (f, l))) {
            for result in EXPECTED {
                meter.counter(Some(function), Some(result), listener).increment(0);
            }
        }
        meter
    }

    fn counter(&self, f: Option<&Function>, result: Option<ResultType>, listener: Listener) -> &Counter {
        let result_at = result.map_or(ResultType::ALL.len(), |r| r as usize);
        let at = (command_at(f) * (ResultType::ALL.len() + 1) + result_at) * Listener::ALL.len()
            + listener as usize;
        self.requests[at].get_or_init(|| {
            let command = f.map_or(OTHER, |f| f.name);
            let result = result.map_or(OTHER, ResultType::label);
            self.metrics.counter(&REQUESTS, &[command, result, listener.label()])
        })
    }

    /// A request was answered.
    pub fn answered(&self, f: Option<&Function>, result: Option<ResultType>, by: Listener, took: Duration) {
        self.counter(f, result, by).increment(1);
        self.seconds[command_at(f)].record(took.as_secs_f64());
    }

    /// A request was refused because too many are in flight.
    pub fn shed(&self) {
        self.shed.increment(1);
    }
}

fn command_at(function: Option<&Function>) -> usize {
    function.map_or(FUNCTIONS.len(), |f| f.command as usize)
}
