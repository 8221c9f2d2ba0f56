//! The line of the log about one command. Its keys are documented, in docs/traces-and-logs.md, and stay.

use std::fmt::Write as _;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::story::{LegStory, Story};
use crate::lines::LogFormat;
use crate::model::CoreId;

/// The message of every line about a command.
const ACCESS: &str = "access";

#[derive(Serialize)]
struct Line {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    function: String,
    result: String,
    ms: f64,
    listener: &'static str,
    peer: Option<IpAddr>,
    device: String,
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    legs: Vec<Leg>,
}

#[derive(Serialize)]
struct Leg {
    core: CoreId,
    outcome: &'static str,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "is_not")]
    earlier: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_not(flag: &bool) -> bool {
    !*flag
}

impl From<&Story> for Line {
    fn from(story: &Story) -> Self {
        Self {
            timestamp: moment(story.ended),
            level: "INFO",
            message: ACCESS,
            function: story.command(),
            result: story.result(),
            ms: milliseconds(story.took),
            listener: story.listener,
            peer: story.peer,
            device: story.device(),
            request: story.request_id(),
            trace: story.context.map(Context::trace_id),
            legs: story.legs.iter().map(Leg::from).collect(),
        }
    }
}

impl From<&LegStory> for Leg {
    fn from(leg: &LegStory) -> Self {
        let LegStory { core, outcome, code, is_earlier, elapsed, .. } = *leg;
        Self { core, outcome, ms: milliseconds(elapsed), code, earlier: is_earlier }
    }
}

/// Writes the line about a command, with its line end.
pub(super) fn write(out: &mut Vec<u8>, format: LogFormat, story: &Story) {
    let line = Line::from(story);
    // Neither fails: the line goes to memory, and all of it can be written.
    match format {
        LogFormat::Json => serde_json::to_writer(&mut *out, &line).unwrap_or_default(),
        LogFormat::Text => out.write_all(text(&line).as_bytes()).unwrap_or_default(),
    }
    out.push(b'\n');
}

/// The line that says how many were not written.
pub(super) fn left_out(format: LogFormat, count: u32) -> String {
    let now = moment(Timestamp::now());
    let message = "access lines of failed commands were left out: too many in one second";
    match format {
        LogFormat::Text => format!("{now}  WARN {message} count={count}\n"),
        LogFormat::Json => {
            let line =
                serde_json::json!({ "timestamp": now, "level": "WARN", "message": message, "count": count });
            format!("{line}\n")
        }
    }
}

/// The form of the log for people, on which the fields of a line stand behind its message.
fn text(line: &Line) -> String {
    let Line { timestamp, level, message, listener, ms, .. } = line;
    let mut out = format!("{timestamp}  {level} {message}");
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            write!(out, " {name}={}", quoted(value)).unwrap_or_default();
        }
    };
    field("function", &line.function);
    field("result", &line.result);
    field("ms", &ms.to_string());
    field("listener", listener);
    field("peer", &line.peer.map(|peer| peer.to_string()).unwrap_or_default());
    field("device", &line.device);
    field("request", &line.request);
    field("trace", line.trace.as_deref().unwrap_or_default());
    let legs: Vec<_> = line.legs.iter().map(leg).collect();
    field("legs", &legs.join(","));
    out
}

/// `2:rejected(12):0.7`
fn leg(leg: &Leg) -> String {
    let code = leg.code.map_or_else(String::new, |code| format!("({code})"));
    let earlier = if leg.earlier { ":earlier" } else { "" };
    format!("{}:{}{code}:{}{earlier}", leg.core, leg.outcome, leg.ms)
}

/// In quotation marks where it could be taken for more than one value.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-._:,=+@*/()".contains(c);
    if value.chars().all(is_plain) { value.into() } else { format!("{value:?}") }
}

/// As the log's other lines have it.
fn moment(at: Timestamp) -> String {
    format!("{at:.6}")
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
