//! Series that are kept here rather than by the exporter, by metric and by the values of their labels.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Metric;

/// Series of one kind.
#[derive(Debug)]
pub(super) struct Families<S>(Mutex<BTreeMap<&'static str, Family<S>>>);

#[derive(Debug)]
struct Family<S> {
    metric: &'static Metric,
    series: BTreeMap<Vec<String>, Arc<S>>,
}

impl<S> Default for Families<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S: Default> Families<S> {
    fn held(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A series; the same one for the same values.
    pub fn series(&self, metric: &'static Metric, values: &[&str]) -> Arc<S> {
        let mut families = self.held();
        let family =
            families.entry(metric.name).or_insert_with(|| Family { metric, series: BTreeMap::new() });
        let values = values.iter().map(ToString::to_string).collect();
        family.series.entry(values).or_default().clone()
    }

    /// Looks at each series of a metric.
    pub fn each(&self, metric: &Metric, mut look: impl FnMut(&[String], &S)) {
        let families = self.held();
        let series = families.get(metric.name).map(|family| &family.series);
        series.into_iter().flatten().for_each(|(values, series)| look(values, series));
    }

    /// Writes all in Prometheus' text format: `series` writes one, given its name and labels.
    pub fn write(&self, out: &mut String, kind: &str, series: impl Fn(&mut String, &str, &str, &S)) {
        for Family { metric, series: all } in self.held().values() {
            let Metric { name, help, .. } = metric;
            line(out, format_args!("# HELP {name} {help}"));
            line(out, format_args!("# TYPE {name} {kind}"));
            for (values, one) in all {
                series(out, name, &labels(metric, values), one);
            }
            out.push('\n');
        }
    }
}

/// `name="value",name="value"`
fn labels(metric: &Metric, values: &[String]) -> String {
    let label = |(name, value): (&&str, &String)| {
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        format!("{name}=\"{value}\"")
    };
    metric.labels.iter().zip(values).map(label).collect::<Vec<_>>().join(",")
}

/// Writes a line.
pub(super) fn line(out: &mut String, line: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(out, line).unwrap_or_default();
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let metric: &Metric = &Metric { name: "n", kind: Kind::Seconds, labels: &["a", "b"], help: "" };
        assert_eq!(labels(metric, &["x\"\\\n".into(), "y".into()]), r#"a="x\"\\\n",b="y""#);
        assert_eq!(labels(metric, &[]), "");
    }
}
