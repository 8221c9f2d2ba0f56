//! Histograms of seconds. Each thread counts in a shard of its own, so that whoever times a call shares nothing with other
//! threads; the shards are added up when somebody looks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics::{Histogram, HistogramFn};

use super::Metric;

/// Bounds of the buckets in seconds: fine where a healthy core answers, and a bound at each usual deadline (0.5, 1.5
/// and 2 s).
const BOUNDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0];

/// Threads beyond these share a shard with others, which costs them time and no count.
const SHARDS: usize = 16;

const NANOSECONDS: f64 = 1e9;

/// What some threads have counted: by bucket, what is above all bounds last.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// One series.
#[derive(Debug, Default)]
struct Series {
    shards: [OnceLock<Box<Shard>>; SHARDS],
}

impl HistogramFn for Series {
    fn record(&self, seconds: f64) {
        let shard = self.shards[here()].get_or_init(Box::default);
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        shard.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time is small, and none is below 0"
        )]
        shard.nanoseconds.fetch_add((seconds * NANOSECONDS) as u64, Ordering::Relaxed);
    }
}

/// The shard of this thread.
fn here() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HERE: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS));
    HERE.get()
}

impl Series {
    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let shards: Vec<_> = self.shards.iter().filter_map(OnceLock::get).collect();
        let sum = |of: &dyn Fn(&Shard) -> &AtomicU64| -> u64 {
            shards.iter().map(|shard| of(shard).load(Ordering::Relaxed)).sum()
        };
        let mut count = 0;
        for (at, bound) in BOUNDS.iter().map(f64::to_string).chain(["+Inf".into()]).enumerate() {
            count += sum(&|shard| &shard.buckets[at]);
            let comma = if labels.is_empty() { "" } else { "," };
            line(out, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
        }
        #[allow(clippy::cast_precision_loss, reason = "what is lost is far below a bucket")]
        let seconds = sum(&|shard| &shard.nanoseconds) as f64 / NANOSECONDS;
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        line(out, format_args!("{name}_sum{labels} {seconds}"));
        line(out, format_args!("{name}_count{labels} {count}"));
    }
}

/// All series, by metric and labels.
#[derive(Debug, Default)]
pub(super) struct Histograms(Mutex<BTreeMap<&'static str, Family>>);

#[derive(Debug)]
struct Family {
    metric: &'static Metric,
    series: BTreeMap<String, Arc<Series>>,
}

impl Histograms {
    /// A handle to a series; the same series for the same labels.
    pub fn handle(&self, metric: &'static Metric, values: &[&str]) -> Histogram {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family =
            families.entry(metric.name).or_insert_with(|| Family { metric, series: BTreeMap::new() });
        Histogram::from_arc(family.series.entry(labels(metric, values)).or_default().clone())
    }

    /// Writes all series in Prometheus' text format.
    pub fn write(&self, out: &mut String) {
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for Family { metric, series } in families.values() {
            line(out, format_args!("# HELP {} {}", metric.name, metric.help));
            line(out, format_args!("# TYPE {} histogram", metric.name));
            series.iter().for_each(|(labels, series)| series.write(out, metric.name, labels));
            out.push('\n');
        }
    }
}

fn labels(metric: &Metric, values: &[&str]) -> String {
    let label = |(name, value): (&&str, &&str)| {
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        format!("{name}=\"{value}\"")
    };
    metric.labels.iter().zip(values).map(label).collect::<Vec<_>>().join(",")
}

fn line(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, LEG_SECONDS};
    use super::*;

    #[test]
    fn what_all_threads_have_counted_is_added_up() {
        let histograms = Histograms::default();
        let record = |seconds| histograms.handle(&LEG_SECONDS, &["1"]).record(seconds);
        std::thread::scope(|scope| {
            (0..SHARDS + 3).for_each(|_| drop(scope.spawn(|| [0.0001, 0.75, 60.0].map(record))));
        });
        histograms.handle(&LEG_SECONDS, &["2"]).record(0.0);
        let mut text = String::new();
        histograms.write(&mut text);
        for line in [
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"0.0001\"} 19",
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"0.5\"} 19",
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"1\"} 38",
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"5\"} 38",
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"+Inf\"} 57",
            "corecast_leg_duration_seconds_sum{core=\"1\"} 1154.2519",
            "corecast_leg_duration_seconds_count{core=\"1\"} 57",
            "corecast_leg_duration_seconds_count{core=\"2\"} 1",
        ] {
            assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 1);
    }

    #[test]
    fn labels_are_escaped_and_may_be_none() {
        let metric: &Metric = &Metric { name: "n", kind: Kind::Seconds, labels: &["a", "b"], help: "" };
        assert_eq!(labels(metric, &["x\"\\\n", "y"]), r#"a="x\"\\\n",b="y""#);
        let mut text = String::new();
        Series::default().write(&mut text, "n", "");
        assert!(
            text.starts_with("n_bucket{le=\"0.0001\"} 0\n") && text.ends_with("n_sum 0\nn_count 0\n"),
            "{text}"
        );
    }
}
