//! What the metrics say at one moment, and what has happened between two moments. The page reads what is counted anyway,
//! so that it costs the way of a call nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::exposition::Buckets;
use crate::metrics::{
    LEG_SECONDS, LEGS, Metrics, OBLIGATIONS, OBLIGATIONS_OLDEST, REQUEST_SECONDS, REQUESTS,
};
use crate::model::CoreId;
use crate::protocol::codes::ResultType;

/// Results that say that an owner did not confirm.
const MISSED: [&str; 2] = [ResultType::PartialCoreResponse.label(), ResultType::RecorderNotRunning.label()];

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
    /// Looks at what is counted, and at nothing else that the metrics have.
    pub fn of(metrics: &Metrics) -> Self {
        let (mut all, mut cores, mut owed) = (Counts::default(), BTreeMap::new(), BTreeMap::new());
        metrics.each(&REQUESTS, |values, count| all.count(count, MISSED.contains(&label(values, 1))));
        metrics.each_of_seconds(&REQUEST_SECONDS, |_, buckets| all.time(buckets));
        metrics.each(&LEGS, |values, count| {
            let core: Option<&mut Counts> = of_core(&mut cores, values);
            let is_answer = matches!(label(values, 1), "ok" | "rejected");
            core.into_iter().for_each(|core| core.count(count, !is_answer));
        });
        metrics.each_of_seconds(&LEG_SECONDS, |values, buckets| {
            of_core(&mut cores, values).into_iter().for_each(|core| core.time(buckets));
        });
        let mut owe = |values: &[String], put: &dyn Fn(&mut (f64, f64))| {
            of_core(&mut owed, values).into_iter().for_each(put);
        };
        metrics.each(&OBLIGATIONS, |values, pending| owe(values, &|owed| owed.0 = pending));
        metrics.each(&OBLIGATIONS_OLDEST, |values, seconds| owe(values, &|owed| owed.1 = seconds));
        Self { at: Instant::now(), all, cores, owed }
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

    fn time(&mut self, buckets: &[(f64, f64)]) {
        buckets.iter().for_each(|(bound, count)| self.waits.add(*bound, *count));
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

/// The value of the label at this place of a metric's row in the table.
fn label(values: &[String], at: usize) -> &str {
    values.get(at).map_or("", String::as_str)
}

/// What is known of the core that the first label names.
fn of_core<'a, T: Default>(cores: &'a mut BTreeMap<CoreId, T>, values: &[String]) -> Option<&'a mut T> {
    Some(cores.entry(CoreId(label(values, 0).parse().ok()?)).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_read_back() {
        let metrics = Metrics::default();
        let before = Reading::of(&metrics);
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
        let now = Reading::of(&metrics);
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
        let core = &Reading::of(&metrics).cores[&CoreId(1)];
        assert_eq!(core.pace(&Counts::default(), Duration::from_secs(1)).p99, Some(5.0));
    }
}
