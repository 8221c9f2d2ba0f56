//! What the metrics say at one moment, and what has happened between two moments. The page reads what is counted anyway,
//! so that it costs the way of a call nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::exposition::{Buckets, Line};
use crate::metrics::{LEG_SECONDS, LEGS, OBLIGATIONS, OBLIGATIONS_OLDEST, REQUEST_SECONDS, REQUESTS};
use crate::model::CoreId;
use crate::protocol::codes::ResultType;

/// What was counted until now.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    at: Instant,
    /// Requests answered.
    pub all: Counts,
    /// Legs ended, by core.
    pub cores: BTreeMap<CoreId, Counts>,
    /// What each core is owed, and how old the oldest is, in seconds.
    pub owed: BTreeMap<CoreId, (f64, f64)>,
}

/// Something that is counted and timed.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// How often it happened.
    pub total: f64,
    /// How often an owner did not confirm; of legs, how often the core did not answer.
    pub missed: f64,
    /// How often it took no longer than so many seconds.
    waits: Buckets,
}

/// What happened in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pace {
    /// How often in a second.
    pub rate: f64,
    /// How often in a second an owner was missed.
    pub missed: f64,
    /// Median in seconds, if anything was timed.
    pub p50: Option<f64>,
    /// 99th percentile in seconds.
    pub p99: Option<f64>,
}

impl Reading {
    /// Reads Prometheus' text format.
    pub fn of(text: &str) -> Self {
        let mut reading = Self {
            at: Instant::now(),
            all: Counts::default(),
            cores: BTreeMap::new(),
            owed: BTreeMap::new(),
        };
        text.lines().filter_map(Line::read).for_each(|line| reading.take(&line));
        reading
    }

    fn take(&mut self, line: &Line<'_>) {
        let core = || line.label("core")?.parse().ok().map(CoreId);
        if line.is(&REQUESTS, "") {
            let missed =
                [ResultType::PartialCoreResponse, ResultType::RecorderNotRunning].map(ResultType::label);
            self.all.count(line.value, line.label("result").is_some_and(|result| missed.contains(&result)));
        } else if line.is(&REQUEST_SECONDS, "_bucket") {
            self.all.time(line);
        } else if line.is(&LEGS, "")
            && let Some(core) = core()
        {
            let is_answer = matches!(line.label("outcome"), Some("ok" | "rejected"));
            self.cores.entry(core).or_default().count(line.value, !is_answer);
        } else if line.is(&LEG_SECONDS, "_bucket")
            && let Some(core) = core()
        {
            self.cores.entry(core).or_default().time(line);
        } else if line.is(&OBLIGATIONS, "")
            && let Some(core) = core()
        {
            self.owed.entry(core).or_default().0 = line.value;
        } else if line.is(&OBLIGATIONS_OLDEST, "")
            && let Some(core) = core()
        {
            self.owed.entry(core).or_default().1 = line.value;
        }
    }

    /// How long after another one this was taken.
    pub fn since(&self, earlier: &Self) -> Duration {
        self.at.saturating_duration_since(earlier.at)
    }
}

impl Counts {
    fn count(&mut self, value: f64, is_missed: bool) {
        self.total += value;
        self.missed += if is_missed { value } else { 0.0 };
    }

    fn time(&mut self, line: &Line<'_>) {
        let Some(bound) = line.label("le").and_then(|le| le.parse::<f64>().ok()) else { return };
        self.waits.add(bound, line.value);
    }

    /// What happened since an earlier reading, `time` ago.
    pub fn pace(&self, earlier: &Self, time: Duration) -> Pace {
        let rate = |now: f64, before: f64| (now - before).max(0.0) / time.as_secs_f64().max(0.001);
        let waits = self.waits.since(&earlier.waits);
        Pace {
            rate: rate(self.total, earlier.total),
            missed: rate(self.missed, earlier.missed),
            p50: waits.quantile(0.5),
            p99: waits.quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_counted_is_read_back() {
        let metrics = Metrics::default();
        let before = Reading::of(&metrics.render());
        metrics.counter(&REQUESTS, &["CALLSTART", "API_OK", "api"]).increment(6);
        metrics.counter(&REQUESTS, &["CALLSTART", "API_PARTIAL_CORE_RESPONSE", "webapi"]).increment(2);
        metrics.counter(&LEGS, &["2", "ok"]).increment(3);
        metrics.counter(&LEGS, &["2", "timed_out"]).increment(1);
        metrics.gauge(&OBLIGATIONS, &["12", "pending"]).set(4.0);
        metrics.gauge(&OBLIGATIONS_OLDEST, &["12"]).set(1.5);
        for command in ["CALLSTART", "CALLSTOP"] {
            let seconds = metrics.seconds(&REQUEST_SECONDS, &[command]);
            (0..50).for_each(|_| seconds.record(0.002));
        }
        let now = Reading::of(&metrics.render());
        let pace = now.all.pace(&before.all, Duration::from_secs(2));
        assert_eq!((pace.rate, pace.missed), (4.0, 1.0));
        // Evenly between 1 and 2.5 ms.
        let seconds = [pace.p50, pace.p99].map(|wait| format!("{:.6}", wait.unwrap()));
        assert_eq!(seconds, ["0.001750", "0.002485"]);
        let core = now.cores[&CoreId(2)].pace(&Counts::default(), Duration::from_secs(1));
        assert_eq!(core, Pace { rate: 4.0, missed: 1.0, p50: None, p99: None });
        assert_eq!(now.owed[&CoreId(12)], (4.0, 1.5));
    }

    #[test]
    fn what_takes_longer_than_the_last_bound_is_as_long_as_that() {
        let metrics = Metrics::default();
        metrics.seconds(&LEG_SECONDS, &["1"]).record(60.0);
        let core = &Reading::of(&metrics.render()).cores[&CoreId(1)];
        assert_eq!(core.pace(&Counts::default(), Duration::from_secs(1)).p99, Some(5.0));
    }
}
