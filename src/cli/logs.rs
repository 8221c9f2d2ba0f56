//! Where the program's own words go.

use tracing_subscriber::EnvFilter;

use super::output::{LogWriter, has_colours};
use crate::config::{Log, LogFormat};

/// Sends logs to standard error in the form that the configuration asks for.
pub(super) fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LogWriter)
        .with_target(false)
        .log_internal_errors(false);
    let started = match log.format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Text => logs.with_ansi(has_colours(&std::io::stderr())).try_init(),
    };
    // A second start in one process keeps the first one's form.
    drop(started);
}
