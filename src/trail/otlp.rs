//! Stories in the JSON of OTLP: a span for the call, and one for each leg. Ids are hexadecimal, and times are nanoseconds
//! since 1970 as text.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::Context;
use super::story::{LegStory, Story};
use super::{Collected, Service};

/// Kinds of spans, as the protocol numbers them.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
/// STATUS_CODE_ERROR.
const ERROR: u8 = 2;
/// Flags of a span: it is sampled; it is known whether its parent is somebody else's; and that it is.
const SAMPLED: u32 = 0x001;
const KNOWS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The message for these stories, and how many spans it has.
pub(super) fn message(service: &Service, stories: &[Box<Story>]) -> (Bytes, u64) {
    let spans: Vec<Value> = stories.iter().flat_map(|story| spans(service, story)).collect();
    let count = spans.len() as u64;
    let version = env!("CARGO_PKG_VERSION");
    let resource = [
        text("service.name", &service.name),
        text("service.instance.id", &service.instance),
        text("service.version", version),
    ];
    let message = json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": { "name": "corecast", "version": version }, "spans": spans }],
        }],
    });
    (message.to_string().into(), count)
}

/// What a collector says of a message that it has taken: how many spans it has not, and why.
pub(super) fn collected(answer: &[u8]) -> Collected {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let partial = &answer["partialSuccess"];
    // 64-bit numbers are text in this JSON; some write them as numbers all the same.
    let rejected = &partial["rejectedSpans"];
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
    Collected { rejected, why: partial["errorMessage"].as_str().unwrap_or_default().to_owned() }
}

fn spans(service: &Service, story: &Story) -> Vec<Value> {
    let Some(context) = story.context else { return Vec::new() };
    // What an earlier try has confirmed was not sent by this one.
    let legs = story.legs.iter().filter(|leg| !leg.is_earlier);
    let legs = legs.map(|leg| leg_span(service, story, context, leg));
    std::iter::once(call_span(story, context)).chain(legs).collect()
}

fn call_span(story: &Story, context: Context) -> Value {
    let (command, result) = (story.command(), story.result());
    let remote = if context.parent.is_some() { IS_REMOTE } else { 0 };
    let mut attributes = vec![
        text("corecast.function", &command),
        text("corecast.result", &result),
        text("corecast.listener", story.listener),
        text("corecast.request_id", &story.request_id()),
    ];
    attributes.extend(story.peer.map(|peer| text("client.address", &peer.to_string())));
    attributes.extend(
        Some(story.device()).filter(|device| !device.is_empty()).map(|d| text("corecast.device", &d)),
    );
    if !story.is_well {
        attributes.push(text("error.type", &result));
    }
    let mut span = json!({
        "traceId": context.trace_id(),
        "spanId": span_id(context.span),
        "flags": SAMPLED | KNOWS_REMOTE | remote,
        // What clients make up is no name of a span: there could be very many.
        "name": story.function().unwrap_or("unknown function"),
        "kind": SERVER,
        "startTimeUnixNano": moment(story, Duration::ZERO),
        "endTimeUnixNano": moment(story, story.took),
        "attributes": attributes,
        "status": status(!story.is_well, &result),
    });
    if let Some(parent) = context.parent {
        span["parentSpanId"] = span_id(parent).into();
    }
    span
}

fn leg_span(service: &Service, story: &Story, context: Context, leg: &LegStory) -> Value {
    let mut attributes =
        vec![number("corecast.core.id", leg.core.0.into()), text("corecast.outcome", leg.outcome)];
    if let Some(core) = (service.cores)(leg.core) {
        attributes.extend([text("corecast.core.name", &core.name), text("corecast.core.site", &core.site)]);
        attributes.extend(peer(&core.address));
    }
    attributes.extend(leg.code.map(|code| number("corecast.code", code.into())));
    if leg.has_failed {
        attributes.push(text("error.type", leg.outcome));
    }
    let sent = leg.sent.map(|sent| json!({ "name": "sent", "timeUnixNano": moment(story, sent) }));
    json!({
        "traceId": context.trace_id(),
        "spanId": span_id(fastrand::u64(1..)),
        "parentSpanId": span_id(context.span),
        "flags": SAMPLED | KNOWS_REMOTE,
        "name": format!("{} leg", story.function().unwrap_or_default()),
        "kind": CLIENT,
        "startTimeUnixNano": moment(story, leg.begun),
        "endTimeUnixNano": moment(story, leg.elapsed),
        "attributes": attributes,
        "events": sent.into_iter().collect::<Vec<_>>(),
        "status": status(leg.has_failed, leg.outcome),
    })
}

/// `host:port`, as cores are configured.
fn peer(address: &str) -> Vec<Value> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = text("server.address", host.trim_matches(['[', ']']));
    let port = port.parse().ok().map(|port| number("server.port", port));
    std::iter::once(host).chain(port).collect()
}

fn status(has_failed: bool, why: &str) -> Value {
    if has_failed { json!({ "code": ERROR, "message": why }) } else { json!({}) }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: i64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn span_id(id: u64) -> String {
    format!("{id:016x}")
}

/// So long after the call was taken in.
fn moment(story: &Story, after: Duration) -> String {
    let started = nanoseconds(story.ended) - i128::try_from(story.took.as_nanos()).unwrap_or(0);
    (started + i128::try_from(after.as_nanos()).unwrap_or(0)).max(0).to_string()
}

fn nanoseconds(at: Timestamp) -> i128 {
    at.as_nanosecond()
}
