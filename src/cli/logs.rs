//! Where the program's own words go.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::Exit;
use super::output::has_colours;
use crate::config::{Log, LogFormat};
use crate::lines::{Lines, Worth, Writer};

/// The log, while it is kept. What waits to be written is written when this is dropped.
pub(super) struct Logs {
    /// Where further lines may be put.
    pub lines: Lines,
    _writer: Writer,
}

/// Sends logs to standard error in the form that the configuration asks for.
///
/// # Errors
/// When the system has no thread for it.
pub(super) fn start(log: &Log) -> io::Result<Logs> {
    let format = log.format;
    let (lines, writer) = Lines::start(io::stderr(), move |count| left_out(format, count))?;
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let words = lines.clone();
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Words(words.clone()))
        .with_target(false)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Text => logs.with_ansi(has_colours(&io::stderr())).try_init(),
    };
    // A second start in one process keeps the first one's form.
    drop(started);
    Ok(Logs { lines, _writer: writer })
}

/// Nothing can be logged.
pub(super) fn none(error: &io::Error) -> Exit {
    errln!("corecast: no thread can be started for the log: {error}");
    Exit::Unavailable
}

/// What the writer says when it has caught up. The log itself would have had no room for it.
fn left_out(format: LogFormat, count: u64) -> String {
    let (now, message) = (Timestamp::now(), "lines were left out: whoever reads the log is too slow");
    match format {
        LogFormat::Text => format!("{now:.6}  WARN {message} count={count}\n"),
        LogFormat::Json => {
            let line = json!({ "timestamp": format!("{now:.6}"), "level": "WARN", "message": message, "count": count });
            format!("{line}\n")
        }
    }
}

/// Standard error as tracing writes to it.
struct Words(Lines);

impl Write for Words {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put(bytes, Worth::Word);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said_in_the_form_of_the_log() {
        let text = left_out(LogFormat::Text, 3);
        assert!(text.contains("Z  WARN lines were left out") && text.ends_with(" count=3\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&left_out(LogFormat::Json, 3)).unwrap();
        assert_eq!((&json["level"], &json["count"]), (&json!("WARN"), &json!(3)));
    }
}
