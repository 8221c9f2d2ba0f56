//! Every metric in one table: name, labels, help. Handles are made once; the hot path only adds to them.
//!
//! No device, agent or request number is ever a label, so the number of series is bounded by the number of
//! functions, result types and cores.

pub(crate) mod exposition;
mod families;
mod per_core;
mod seconds;
mod watched;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
pub use per_core::PerCore;
use seconds::Histograms;
use watched::Watched;

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Seconds, in buckets that are aligned to the usual deadlines.
    Seconds,
    /// Seconds that add up: a counter of which a second has parts.
    SecondsTotal,
}

/// One row of the table.
#[derive(Debug)]
pub struct Metric {
    /// The name in Prometheus.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one line.
    pub help: &'static str,
}

/// One line per metric: constant, kind, name, labels, help.
macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $labels:tt $help:literal;)*) => {
        $(#[doc = $help] pub static $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };)*

        /// Every metric.
        pub static TABLE: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    REQUESTS Counter "corecast_requests_total" ["command", "result", "listener"]
        "Requests answered, by function, RESULTTYPE and listener.";
    REQUEST_SECONDS Seconds "corecast_request_duration_seconds" ["command"]
        "From a request read to its answer, by function.";
    LEGS Counter "corecast_legs_total" ["core", "outcome"]
        "Legs ended, by core and outcome.";
    LEG_SECONDS Seconds "corecast_leg_duration_seconds" ["core"]
        "From a leg begun to its end, by core; legs that were never sent are left out.";
    CORE_IN_FLIGHT Gauge "corecast_core_in_flight" ["core"]
        "Requests sent to a core and not answered yet.";
    CORE_QUEUE_DEPTH Gauge "corecast_core_queue_depth" ["core"]
        "Legs that wait for a turn on a core's connections.";
    CORE_CONNECTIONS Gauge "corecast_core_connections" ["core"]
        "Connections open to a core.";
    CORE_BREAKER_STATE Gauge "corecast_core_breaker_state" ["core", "state"]
        "1 for the state that a core's breaker is in: pass, probe or shut.";
    CORE_DRAINED Gauge "corecast_core_drained" ["core"]
        "1 while an operator lets nothing new begin at a core through this copy.";
    CORE_LATE_REPLIES Counter "corecast_core_late_replies_total" ["core"]
        "Replies that came after their leg had timed out.";
    CORE_STRAY_REPLIES Counter "corecast_core_stray_replies_total" ["core"]
        "Replies to a request number that was never sent or is long answered.";
    DIRECTORY_AGE Gauge "corecast_directory_snapshot_age_seconds" []
        "How long ago the directory's snapshot was last known to be in step with the database.";
    DIRECTORY_DEVICES Gauge "corecast_directory_devices" []
        "Devices with a row of their own in the directory's snapshot.";
    DIRECTORY_AGENTS Gauge "corecast_directory_agents" []
        "Agents in the directory's snapshot.";
    DIRECTORY_UP Gauge "corecast_directory_database_up" []
        "1 while the directory's database answers.";
    OBLIGATIONS Gauge "corecast_obligations" ["core", "state"]
        "Commands that are owed to a core, as the shared database says: the same number at every copy.";
    OBLIGATIONS_OLDEST Gauge "corecast_obligations_oldest_seconds" ["core"]
        "How long ago the oldest command that is owed to a core was asked for; 0 if nothing is owed.";
    OBLIGATIONS_ENDED Counter "corecast_obligations_ended_total" ["core", "state"]
        "Obligations that this copy saw end: delivered, refused, superseded or expired.";
    OBLIGATIONS_LATE Seconds "corecast_obligation_delay_duration_seconds" ["core"]
        "From a command asked for to its late delivery, by core.";
    OBLIGATIONS_LOST Counter "corecast_obligations_lost_total" []
        "Commands that a core did not confirm and that could not be kept for late delivery; the answers said so.";
    COMPENSATIONS Counter "corecast_compensations_total" ["core", "action", "result"]
        "What was done about starts of blackouts that a core had not confirmed in time: done, needless, or a try failed.";
    CONNECTIONS Gauge "corecast_connections" ["listener"]
        "Client connections open, by listener.";
    SHED Counter "corecast_shed_total" ["reason"]
        "Requests and connections refused because a bound was reached, by bound.";
    REPEATS_JOINED Counter "corecast_repeats_joined_total" []
        "Repeats of a command answered PARTIAL that went only to the cores still missing.";
    ACCESS_DENIED Counter "corecast_access_denied_total" ["command"]
        "Requests refused because their function is not allowed for the client, by function.";
    TLS_HANDSHAKE_FAILURES Counter "corecast_tls_handshake_failures_total" ["listener"]
        "Connections to a TLS listener that ended before they were secured, by listener.";
    TLS_CERTIFICATE_EXPIRY Gauge "corecast_tls_certificate_expiry_seconds" ["certificate"]
        "When a certificate of ours ends, in seconds since 1970: that of the listeners, or that shown to a core.";
    FILES_RELOAD_FAILED Gauge "corecast_files_reload_failed" ["files"]
        "1 while the newest certificate or token files are of no use and those before stay in use.";
    CONFIG_RELOAD_FAILED Gauge "corecast_config_reload_failed" []
        "1 while the newest configuration is at fault and the one before stays in force.";
    DNS_FAILED Gauge "corecast_dns_failed_names" []
        "Names of cores that could not be looked up when that was tried last; what was known of them stays in force.";
    CONFIG_LOADED Gauge "corecast_config_loaded_timestamp_seconds" []
        "When the configuration was last read and taken, in seconds since 1970.";
    BLACKOUT_EXPOSURE SecondsTotal "corecast_blackout_exposure_seconds_total" ["core"]
        "Seconds between a blackout's start asked for and confirmed, by core; those never confirmed are left out.";
    LEDGER_ENTRIES Counter "corecast_ledger_entries_total" ["state"]
        "Entries of the ledger of blackouts, written or lost.";
    LEDGER_WAITING Gauge "corecast_ledger_waiting" []
        "Entries that wait to be written to the ledger.";
    LEDGER_LATE Counter "corecast_ledger_late_total" []
        "Blackouts that were answered other than API_OK before their entry was known to be written.";
    LOG_LINES_LEFT_OUT Counter "corecast_log_lines_left_out_total" ["reason"]
        "Lines of the log that were not written: full, nobody read fast enough; flood, too many failures in one second.";
    TRACE_SPANS Counter "corecast_trace_spans_total" ["state"]
        "Spans of traces: sent; dropped, too many waited; refused by the collector; lost, it was not there in time.";
    PROCESS_CPU SecondsTotal "process_cpu_seconds_total" []
        "CPU time of all threads, in the program and in the system.";
    PROCESS_MEMORY Gauge "process_resident_memory_bytes" []
        "Memory of the process that is in the machine's.";
    PROCESS_OPEN_FDS Gauge "process_open_fds" []
        "Files and sockets that are open.";
    PROCESS_MAX_FDS Gauge "process_max_fds" []
        "Files and sockets that may be open at once; there is none if the system sets no bound.";
    PROCESS_START Gauge "process_start_time_seconds" []
        "When the process began, in seconds since 1970.";
    PROCESS_THREADS Gauge "process_threads" []
        "Threads of the process.";
    BUILD_INFO Gauge "corecast_build_info" ["version"]
        "1, with the version that is running.";
}

/// The metrics of one proxy.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    histograms: Histograms,
    watched: Watched,
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (histograms, watched) = (Histograms::default(), Watched::default());
        let metrics = Self { handle: recorder.handle(), recorder, histograms, watched };
        metrics.describe();
        metrics.gauge(&BUILD_INFO, &[env!("CARGO_PKG_VERSION")]).set(1.0);
        metrics
    }
}

impl Metrics {
    fn describe(&self) {
        for metric in TABLE {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                Kind::Counter => self.recorder.describe_counter(name, None, help),
                Kind::Gauge | Kind::SecondsTotal => self.recorder.describe_gauge(name, None, help),
                // It is written with its series.
                Kind::Seconds => {}
            }
        }
    }

    /// A handle to a counter with these values of its labels; its series shows from now on, at 0.
    pub fn counter(&self, metric: &Metric, labels: &[&str]) -> Counter {
        let watched = self.watched.counter(metric, labels);
        watched.unwrap_or_else(|| self.recorder.register_counter(&key(metric, labels), &METADATA))
    }

    /// A handle to a gauge.
    pub fn gauge(&self, metric: &Metric, labels: &[&str]) -> Gauge {
        let watched = self.watched.gauge(metric, labels);
        watched.unwrap_or_else(|| self.recorder.register_gauge(&key(metric, labels), &METADATA))
    }

    /// A handle to a histogram of seconds.
    pub fn seconds(&self, metric: &'static Metric, labels: &[&str]) -> Histogram {
        self.histograms.handle(metric, labels)
    }

    /// A handle to seconds that add up; never take any away.
    pub fn seconds_total(&self, metric: &Metric, labels: &[&str]) -> Gauge {
        self.recorder.register_gauge(&key(metric, labels), &METADATA)
    }

    /// Looks at each series of one of the few counters and gauges that somebody watches: the values of its labels, and
    /// its own.
    pub(crate) fn each(&self, metric: &Metric, look: impl FnMut(&[String], f64)) {
        self.watched.each(metric, look);
    }

    /// Looks at each series of a histogram: the values of its labels, and how many took no longer than each bound in
    /// seconds.
    pub(crate) fn each_of_seconds(&self, metric: &Metric, look: impl FnMut(&[String], &[(f64, f64)])) {
        self.histograms.each(metric, look);
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        // The exporter counts in whole numbers only, so seconds that add up are gauges to it. To others they are
        // what they are.
        let sums = TABLE.iter().filter(|metric| metric.kind == Kind::SecondsTotal);
        let mut text = sums.fold(self.handle.render(), |text, Metric { name, .. }| {
            text.replace(&format!("# TYPE {name} gauge\n"), &format!("# TYPE {name} counter\n"))
        });
        self.watched.write(&mut text);
        self.histograms.write(&mut text);
        text
    }
}

static METADATA: Metadata<'static> = Metadata::new("corecast", Level::INFO, None);

fn key(metric: &Metric, labels: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
    let labels: Vec<_> =
        metric.labels.iter().zip(labels).map(|(n, v)| Label::new(*n, (*v).to_owned())).collect();
    Key::from_parts(metric.name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for metric in TABLE {
            let is_ours = metric.name.starts_with("corecast_");
            assert!(is_ours || metric.name.starts_with("process_"), "{}", metric.name);
            let counts = matches!(metric.kind, Kind::Counter | Kind::SecondsTotal);
            assert_eq!(counts, metric.name.ends_with("_total"), "{}", metric.name);
            let sums = metric.kind == Kind::SecondsTotal;
            assert_eq!(sums, metric.name.ends_with("_seconds_total"), "{}", metric.name);
            assert_eq!(
                metric.kind == Kind::Seconds,
                metric.name.ends_with("_duration_seconds"),
                "{}",
                metric.name
            );
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }

    #[test]
    fn what_is_rendered_has_help_type_and_buckets() {
        let metrics = Metrics::default();
        metrics.counter(&LEGS, &["1", "ok"]).increment(2);
        metrics.seconds(&LEG_SECONDS, &["1"]).record(0.003);
        let exposure = metrics.seconds_total(&BLACKOUT_EXPOSURE, &["1"]);
        (0..2).for_each(|_| exposure.increment(0.125));
        let text = metrics.render();
        for line in [
            "# HELP corecast_legs_total Legs ended, by core and outcome.",
            "# TYPE corecast_legs_total counter",
            "corecast_legs_total{core=\"1\",outcome=\"ok\"} 2",
            "# TYPE corecast_blackout_exposure_seconds_total counter",
            "corecast_blackout_exposure_seconds_total{core=\"1\"} 0.25",
            "# TYPE corecast_leg_duration_seconds histogram",
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"0.005\"} 1",
            "corecast_leg_duration_seconds_bucket{core=\"1\",le=\"0.0025\"} 0",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
