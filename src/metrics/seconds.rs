//! Histograms of seconds. Each thread counts in a shard of its own, so that whoever times a call shares nothing with other
//! threads; the shards are added up when somebody looks.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use metrics::{Histogram, HistogramFn};

use super::Metric;
use super::families::{Families, line};

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
    fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter_map(OnceLock::get).map(|shard| &**shard)
    }

    /// How many took no longer than each bound in seconds; all of them last.
    fn counted(&self) -> [(f64, f64); BOUNDS.len() + 1] {
        let mut counted = [(f64::INFINITY, 0.0); BOUNDS.len() + 1];
        let mut count = 0;
        for (at, bucket) in counted.iter_mut().enumerate() {
            count += self.shards().map(|shard| shard.buckets[at].load(Ordering::Relaxed)).sum::<u64>();
            *bucket = (BOUNDS.get(at).copied().unwrap_or(f64::INFINITY), number(count));
        }
        counted
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let counted = self.counted();
        for (bound, count) in counted {
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".into() };
            line(out, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
        }
        let nanoseconds = self.shards().map(|shard| shard.nanoseconds.load(Ordering::Relaxed)).sum();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        line(out, format_args!("{name}_sum{labels} {}", number(nanoseconds) / NANOSECONDS));
        line(out, format_args!("{name}_count{labels} {}", counted[BOUNDS.len()].1));
    }
}

#[allow(clippy::cast_precision_loss, reason = "what is lost is far below a bucket")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// All series.
#[derive(Debug, Default)]
pub(super) struct Histograms(Families<Series>);

impl Histograms {
    /// A handle to a series; the same series for the same labels.
    pub fn handle(&self, metric: &'static Metric, values: &[&str]) -> Histogram {
        Histogram::from_arc(self.0.series(metric, values))
    }

    /// Looks at each series of a metric: the values of its labels, and how many took no longer than each bound in seconds.
    pub fn each(&self, metric: &Metric, mut look: impl FnMut(&[String], &[(f64, f64)])) {
        self.0.each(metric, |values, series| look(values, &series.counted()));
    }

    /// Writes all series in Prometheus' text format.
    pub fn write(&self, out: &mut String) {
        self.0.write(out, "histogram", |out, name, labels, series| series.write(out, name, labels));
    }
}

#[cfg(test)]
mod tests {
    use super::super::LEG_SECONDS;
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
    fn labels_may_be_none() {
        let mut text = String::new();
        Series::default().write(&mut text, "n", "");
        assert!(
            text.starts_with("n_bucket{le=\"0.0001\"} 0\n") && text.ends_with("n_sum 0\nn_count 0\n"),
            "{text}"
        );
    }
}
