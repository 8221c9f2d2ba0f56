//! What `/metrics` says, and what two of its answers say about the time between them.

use std::collections::BTreeMap;

use crate::metrics::Metric;
use crate::metrics::exposition::{Buckets, Line, label_of};

/// The series of one scrape by their whole names, labels included.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposition(BTreeMap<String, f64>);

/// Values that labels must have.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Reads Prometheus' text format, as Corecast writes it. What cannot be read is left out.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(Line::read);
        Self(lines.map(|line| (line.series.to_owned(), line.value)).collect())
    }

    /// The series of a metric that have these labels.
    fn series(&self, name: &str, labels: Labels<'_>) -> impl Iterator<Item = (&str, f64)> {
        let first = self.0.range(name.to_owned()..);
        let own = first.take_while(move |(series, _)| series.starts_with(name));
        let is_wanted = move |series: &str| {
            let rest = &series[name.len()..];
            (rest.is_empty() || rest.starts_with('{'))
                && labels.iter().all(|(label, value)| label_of(rest, label) == Some(value))
        };
        own.filter(move |(series, _)| is_wanted(series)).map(|(series, value)| (&**series, *value))
    }

    /// The sum of them.
    pub fn sum(&self, metric: &Metric, labels: Labels<'_>) -> f64 {
        self.series(metric.name, labels).map(|(_, value)| value).sum()
    }

    /// A label's value in the first of them.
    pub fn label(&self, metric: &Metric, label: &str) -> Option<&str> {
        self.series(metric.name, &[]).find_map(|(series, _)| label_of(series, label))
    }

    /// How much they have grown since an earlier scrape. A series that is smaller than before began anew.
    pub fn grown(&self, before: &Self, metric: &Metric, labels: Labels<'_>) -> f64 {
        self.series(metric.name, labels).map(|(series, now)| before.growth(series, now)).sum()
    }

    fn growth(&self, series: &str, now: f64) -> f64 {
        let before = self.0.get(series).copied().unwrap_or(0.0);
        if now < before { now } else { now - before }
    }

    /// What a histogram has counted since an earlier scrape, added to what others have.
    pub fn count_into(&self, buckets: &mut Buckets, before: &Self, metric: &Metric, labels: Labels<'_>) {
        let name = format!("{}_bucket", metric.name);
        for (series, now) in self.series(&name, labels) {
            let bound = label_of(series, "le").and_then(|bound| bound.parse().ok());
            buckets.add(bound.unwrap_or(f64::INFINITY), before.growth(series, now));
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these are whole numbers")]
mod tests {
    use super::*;
    use crate::metrics::{BUILD_INFO, LEG_SECONDS, LEGS, Metrics};

    fn scrape(metrics: &Metrics) -> Exposition {
        Exposition::read(&metrics.render())
    }

    #[test]
    fn counters_are_told_apart_by_their_labels_and_by_time() {
        let metrics = Metrics::default();
        let count = |core, outcome, by| metrics.counter(&LEGS, &[core, outcome]).increment(by);
        count("1", "ok", 5);
        let before = scrape(&metrics);
        count("1", "ok", 2);
        count("1", "timed_out", 3);
        count("11", "ok", 100);
        let now = scrape(&metrics);
        assert_eq!(now.grown(&before, &LEGS, &[("core", "1")]), 5.0);
        assert_eq!(now.grown(&before, &LEGS, &[("core", "1"), ("outcome", "ok")]), 2.0);
        assert_eq!(now.sum(&LEGS, &[]), 110.0);
        assert_eq!(before.grown(&now, &LEGS, &[("core", "1"), ("outcome", "ok")]), 5.0, "it began anew");
        assert_eq!(now.label(&BUILD_INFO, "version"), Some(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn quantiles_are_those_of_the_time_between() {
        let metrics = Metrics::default();
        let leg = metrics.seconds(&LEG_SECONDS, &["1"]);
        (0..100).for_each(|_| leg.record(4.0));
        let before = scrape(&metrics);
        let between = |now: &Exposition| {
            let mut buckets = Buckets::default();
            now.count_into(&mut buckets, &before, &LEG_SECONDS, &[("core", "1")]);
            [0.5, 0.99].map(|part| buckets.quantile(part).map(|seconds| (seconds * 1000.0).round()))
        };
        assert_eq!(between(&before), [None, None]);
        (0..98).for_each(|_| leg.record(0.002));
        (0..2).for_each(|_| leg.record(60.0));
        assert_eq!(between(&scrape(&metrics)), [Some(2.0), Some(5000.0)]);
    }
}
