//! `[traces]`: the collector of traces.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::kinds::{SOME_TIME, duration, share, text, whole};
use super::secret::secret;
use super::section::Section;
use super::tree::Node;
use crate::post::{Target, unescaped};
use crate::trail::{Share, TraceSettings};

/// The collector, if one is named.
pub(super) fn traces(s: &mut Section<'_>) -> Option<TraceSettings> {
    let endpoint = s.optional("endpoint", endpoint);
    let share = s.or("share", Share::of(0.01).unwrap_or(Share::NONE), share);
    let service = s.or("service_name", "corecast".into(), text);
    let instance = s.optional("instance", text);
    let headers = headers(s);
    let timeout = s.or("timeout", Duration::from_secs(10), duration(SOME_TIME));
    let queue = s.or("queue", 8192, whole(1..=1_000_000));
    let (target, shown) = endpoint?;
    let instance = instance.unwrap_or_else(this_process);
    Some(TraceSettings { target, shown, share, service, instance, headers, timeout, queue })
}

/// The collector's base URL; its path for traces is put behind it. What is wrong with it is not repeated: people write
/// passwords into URLs.
fn endpoint(node: &Node) -> Result<(Target, String), String> {
    let written = text(node)?;
    let wrong = "is no collector: write its base URL, such as \"http://collector.example:4318\"";
    let base = Some(written.trim_end_matches('/')).filter(|base| !base.contains(['?', '#'])).ok_or(wrong)?;
    let target = format!("{base}/v1/traces").parse().map_err(|_| wrong)?;
    let (scheme, rest) = base.split_once("://").ok_or(wrong)?;
    let shown = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    Ok((target, format!("{scheme}://{shown}")))
}

/// Headers as OTEL_EXPORTER_OTLP_HEADERS has them: `name=value,name=value`, bytes of a value also as `%2C`.
fn headers(s: &mut Section<'_>) -> HeaderMap {
    let key = if s.has("headers") { "headers" } else { "headers_file" };
    let Some(written) = secret(s, ["headers", "headers_file"]) else { return HeaderMap::new() };
    let read: Option<HeaderMap> = written.reveal().split(',').map(header).collect();
    read.unwrap_or_else(|| {
        s.secret_fault(key, "must be written name=value,name=value");
        HeaderMap::new()
    })
}

fn header(written: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = written.split_once('=')?;
    let mut value = HeaderValue::from_bytes(&unescaped(value.trim())?).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

/// No two processes at a time have the same.
fn this_process() -> String {
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "unknown".into());
    format!("{host}:{}", std::process::id())
}
