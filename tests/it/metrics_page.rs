//! docs/metrics.md: every metric of the one table, and what its labels may say. The same bounds are held against what a
//! proxy under all kinds of traffic exposes.

use std::fmt::Write;
use std::path::Path;

use corecast::command::FUNCTIONS;
use corecast::metrics::{Kind, Metric, TABLE};
use corecast::model::Outcome;
use corecast::protocol::codes::ResultType;

/// What a label may say.
pub enum Values {
    /// A function, or "other" for what is none.
    Commands,
    /// A function.
    Functions,
    /// A RESULTTYPE, or "other" for what cores say that the reference does not know.
    Results,
    /// A core's number.
    Cores,
    /// The files of the listeners, those of a core; and of the admin address' token.
    Files { has_token: bool },
    /// The version that runs.
    Version,
    /// One of these.
    OneOf(&'static [&'static str]),
}

use Values::*;

/// What a label of a metric may say. One that is not here makes a test fail.
pub fn values(metric: &str, label: &str) -> Values {
    let metric = metric.strip_prefix("corecast_").expect("the prefix of all that have labels");
    match (metric, label) {
        ("access_denied_total", "command") => Functions,
        (_, "command") => Commands,
        ("requests_total", "result") => Results,
        ("compensations_total", "result") => OneOf(&["done", "needless", "failed"]),
        ("compensations_total", "action") => OneOf(&["webhook", "recordstop", "callstop"]),
        (_, "core") => Cores,
        (_, "outcome") => OneOf(&Outcome::LABELS),
        ("core_breaker_state", "state") => OneOf(&["pass", "probe", "shut"]),
        ("obligations", "state") => OneOf(&["pending"]),
        ("obligations_ended_total", "state") => OneOf(&["delivered", "refused", "superseded", "expired"]),
        ("ledger_entries_total", "state") => OneOf(&["written", "lost"]),
        ("requests_total" | "connections", "listener") => OneOf(&["api", "webapi"]),
        (_, "listener") => OneOf(&["api", "webapi", "admin"]),
        ("shed_total", "reason") => {
            OneOf(&["connections", "buffered_bytes", "in_flight", "in_flight_bytes", "address", "rate"])
        }
        ("log_lines_left_out_total", "reason") => OneOf(&["flood", "full"]),
        ("trace_spans_total", "state") => OneOf(&["sent", "dropped", "refused", "lost"]),
        (_, "certificate") => Files { has_token: false },
        (_, "files") => Files { has_token: true },
        (_, "version") => Version,
        _ => panic!("nothing is known of the label {label} of {metric}"),
    }
}

impl Values {
    /// Whether a proxy with this many cores, numbered from 1, may say it.
    pub fn has(&self, value: &str, cores: usize) -> bool {
        let is_core = |text: &str| text.parse().is_ok_and(|id: usize| (1..=cores).contains(&id));
        let is_function = || FUNCTIONS.iter().any(|function| function.name == value);
        match self {
            Commands => value == "other" || is_function(),
            Functions => is_function(),
            Results => value == "other" || ResultType::from_label(value).is_some(),
            Cores => is_core(value),
            Files { has_token } => {
                value == "listen"
                    || *has_token && value == "admin_token"
                    || value.strip_prefix("core-").is_some_and(is_core)
            }
            Version => value == env!("CARGO_PKG_VERSION"),
            OneOf(values) => values.contains(&value),
        }
    }

    fn words(&self) -> String {
        match self {
            Commands => "a function, or `other` for what is none".into(),
            Functions => "a function".into(),
            Results => "a RESULTTYPE, or `other` for one that the reference does not know".into(),
            Cores => "a core's number".into(),
            Files { has_token: false } => "`listen`, or `core-N`".into(),
            Files { has_token: true } => "`listen`, `core-N`, or `admin_token`".into(),
            Version => "the version".into(),
            OneOf(values) => values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", "),
        }
    }

    /// How many there are: so many, and so many for each core.
    fn count(&self) -> (usize, usize) {
        match self {
            Commands => (FUNCTIONS.len() + 1, 0),
            Functions => (FUNCTIONS.len(), 0),
            Results => (ResultType::ALL.len() + 1, 0),
            Cores => (0, 1),
            Files { has_token } => (1 + usize::from(*has_token), 1),
            Version => (1, 0),
            OneOf(values) => (values.len(), 0),
        }
    }
}

/// How many series a metric has at most: so many, and so many for each core. No metric has two labels that are about cores.
fn series(metric: &Metric) -> (usize, usize) {
    // Sixteen bounds, +Inf, the sum and the count.
    let of_each = if metric.kind == Kind::Seconds { 19 } else { 1 };
    let counts = metric.labels.iter().map(|label| values(metric.name, label).count());
    counts.fold((of_each, 0), |(fixed, per_core), (more, more_per_core)| {
        (fixed * more, fixed * more_per_core + per_core * more)
    })
}

fn sum_words((fixed, per_core): (usize, usize)) -> String {
    match (fixed, per_core) {
        (fixed, 0) => fixed.to_string(),
        (0, per_core) => format!("{per_core} C"),
        (fixed, per_core) => format!("{fixed} + {per_core} C"),
    }
}

fn type_and_unit(metric: &Metric) -> (&'static str, &'static str) {
    match metric.kind {
        Kind::Counter => ("counter", ""),
        Kind::SecondsTotal => ("counter", "seconds"),
        Kind::Seconds => ("histogram", "seconds"),
        Kind::Gauge if is_in(metric.name, b"_seconds") => ("gauge", "seconds"),
        Kind::Gauge if is_in(metric.name, b"_bytes") => ("gauge", "bytes"),
        Kind::Gauge => ("gauge", ""),
    }
}

fn is_in(name: &str, unit: &[u8]) -> bool {
    name.as_bytes().ends_with(unit)
}

fn tables() -> String {
    let mut out =
        String::from("\n| metric | type | unit | labels | series | meaning |\n|---|---|---|---|---|---|\n");
    for metric in TABLE {
        let (kind, unit) = type_and_unit(metric);
        let labels = metric.labels.join(", ");
        let Metric { name, help, .. } = metric;
        writeln!(out, "| `{name}` | {kind} | {unit} | {labels} | {} | {help} |", sum_words(series(metric)))
            .expect("text");
    }
    let all = TABLE.iter().map(|metric| series(metric)).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    writeln!(out, "\nAll together {} series at most, with C cores.\n", sum_words(all)).expect("text");
    out.push_str("| label | of | says | values |\n|---|---|---|---|\n");
    let mut rows: Vec<(&str, String, String, Vec<&str>)> = vec![];
    for (metric, label) in
        TABLE.iter().flat_map(|metric| metric.labels.iter().map(move |label| (metric, *label)))
    {
        let values = values(metric.name, label);
        let (words, count) = (values.words(), sum_words(values.count()));
        match rows.iter_mut().find(|row| row.0 == label && row.1 == words) {
            Some(row) => row.3.push(metric.name),
            None => rows.push((label, words, count, vec![metric.name])),
        }
    }
    rows.sort_by_key(|row| row.0);
    for (label, words, count, metrics) in rows {
        let of = match &*metrics {
            few @ ([_] | [_, _] | [_, _, _]) => {
                few.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            }
            many => format!("{} metrics", many.len()),
        };
        writeln!(out, "| {label} | {of} | {words} | {count} |").expect("text");
    }
    out.push('\n');
    out
}

/// `CORECAST_BLESS=1 cargo test metrics_page` writes the tables anew.
#[test]
fn the_metrics_page_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (begin, end) = ("<!-- tables: begin -->\n", "<!-- tables: end -->");
    let (before, rest) = page.split_once(begin).expect("where the tables begin");
    let (shown, after) = rest.split_once(end).expect("where the tables end");
    if std::env::var_os("CORECAST_BLESS").is_some() {
        std::fs::write(path, format!("{before}{begin}{}{end}{after}", tables())).expect("it can be written");
    } else {
        assert_eq!(shown, tables(), "write it anew with CORECAST_BLESS=1");
    }
}
