//! Counters and gauges that the live page looks at each second. The exporter can only write all it has as text, which with
//! a thousand cores is megabytes; these are kept here, where they can be read one by one.

use std::sync::atomic::Ordering;

use metrics::atomics::AtomicU64;
use metrics::{Counter, Gauge};

use super::families::{Families, line};
use super::{LEGS, Metric, OBLIGATIONS, OBLIGATIONS_OLDEST, REQUESTS};

/// The counters among them.
static COUNTERS: [&Metric; 2] = [&REQUESTS, &LEGS];
/// The gauges among them.
static GAUGES: [&Metric; 2] = [&OBLIGATIONS, &OBLIGATIONS_OLDEST];

/// Their series.
#[derive(Debug, Default)]
pub(super) struct Watched {
    counters: Families<AtomicU64>,
    gauges: Families<AtomicU64>,
}

impl Watched {
    /// A handle, if the counter is one of these.
    pub fn counter(&self, metric: &Metric, values: &[&str]) -> Option<Counter> {
        let metric = COUNTERS.into_iter().find(|each| each.name == metric.name)?;
        Some(Counter::from_arc(self.counters.series(metric, values)))
    }

    /// A handle, if the gauge is one of these.
    pub fn gauge(&self, metric: &Metric, values: &[&str]) -> Option<Gauge> {
        let metric = GAUGES.into_iter().find(|each| each.name == metric.name)?;
        Some(Gauge::from_arc(self.gauges.series(metric, values)))
    }

    /// Looks at each series of a metric: the values of its labels, and its own.
    pub fn each(&self, metric: &Metric, mut look: impl FnMut(&[String], f64)) {
        self.counters.each(metric, |values, series| look(values, count(series)));
        self.gauges.each(metric, |values, series| look(values, level(series)));
    }

    /// Writes all in Prometheus' text format.
    pub fn write(&self, out: &mut String) {
        self.counters.write(out, "counter", |out, name, labels, series| {
            line(out, format_args!("{name}{{{labels}}} {}", series.load(Ordering::Acquire)));
        });
        self.gauges.write(out, "gauge", |out, name, labels, series| {
            line(out, format_args!("{name}{{{labels}}} {}", level(series)));
        });
    }
}

#[allow(clippy::cast_precision_loss, reason = "nothing is counted as far as 2^52")]
fn count(series: &AtomicU64) -> f64 {
    series.load(Ordering::Acquire) as f64
}

/// A gauge holds the bits of its number.
fn level(series: &AtomicU64) -> f64 {
    f64::from_bits(series.load(Ordering::Acquire))
}
