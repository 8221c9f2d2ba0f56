//! Requests: what a core gets can be read by the strictest core, and says what the client said.

use corecast::command::{Call, Refusal, check as find_function, wire_head};
use corecast::protocol::codes::{Codes, ResultType};
use corecast::protocol::fields::Field;
use corecast::protocol::param::Param;
use corecast::protocol::request::Request;
use corecast::protocol::result::Reply;
use corecast::protocol::xml::Bounds;
use tokio::time::Instant;

use super::{frames, strict};

pub const BOUNDS: Bounds = Bounds { max_fields: 64, max_depth: 8 };

/// What is written is never longer than this many times what was read: `&` becomes `&amp;`, and a letter of another
/// character set that is a name stands in two tags.
const GROWTH: usize = 6;

pub fn check(bytes: &[u8]) {
    match Request::read(bytes, BOUNDS) {
        Ok(request) => is_handed_on(&request, bytes.len()),
        Err(bad) => {
            assert!(!bad.reason.is_empty());
            let refusal = Refusal::new(ResultType::InvalidMessageFormat, bad.reason);
            is_refused(&refusal, &bad.kind, &bad.id, bytes.len());
        }
    }
}

/// A readable request of `bytes` bytes goes on to cores whole, or is refused in words that can be read.
pub fn is_handed_on(request: &Request, bytes: usize) {
    assert!(request.fields().len() <= BOUNDS.max_fields);
    let function = match find_function(request) {
        Ok(function) => function,
        Err(refusal) => return is_refused(&refusal, request.kind(), request.id(), bytes),
    };
    let call = Call::new(function, request.clone(), Instant::now());
    let again = sent(&call, None, bytes);
    assert_eq!(said(&again), said(request));
    let again = sent(&call, Some("7&1"), bytes);
    assert_eq!(again.get(Param::DeviceId), Some("7&1"));
}

/// What a core reads of a call that is sent to it.
fn sent(call: &Call, device: Option<&str>, bytes: usize) -> Request {
    let mut wire = String::new();
    wire_head(&mut wire, 77);
    wire.push_str(&call.wire(device));
    assert!(wire.len() <= GROWTH * bytes + 200, "{} bytes of {bytes}", wire.len());
    let message = wire.strip_suffix("\r\n").expect("an end of line");
    strict::element(message).unwrap_or_else(|what| panic!("{what}\n{message}"));
    assert_eq!(frames::only_message(wire.as_bytes(), usize::MAX), message.as_bytes());
    let bounds = Bounds { max_fields: BOUNDS.max_fields + 1, ..BOUNDS };
    let again = Request::read(message.as_bytes(), bounds).expect("a core can read it");
    assert_eq!((again.kind(), again.id()), (call.function.name, "77"));
    assert_eq!(find_function(&again).map(|function| function.name), Ok(call.function.name));
    again
}

/// All that a request says, but for what is between us and the client.
fn said(request: &Request) -> Vec<Field<'_>> {
    let ours = [Some(Param::Type), Some(Param::RequestId), Some(Param::Detail)];
    request.fields().iter().filter(|field| !ours.contains(&field.param)).collect()
}

fn is_refused(refusal: &Refusal, kind: &str, id: &str, bytes: usize) {
    let reply = Reply::new(&Codes::default(), refusal.result, refusal.message.clone());
    is_answer(&reply.write(kind, id), 3 * GROWTH * bytes + 2000);
}

/// One line that anybody can read.
pub fn is_answer(line: &str, most: usize) {
    assert!(line.len() <= most, "an answer of {} bytes is more than {most}", line.len());
    let message = line.strip_suffix("\r\n").expect("an end of line");
    assert!(!message.contains(['\r', '\n']), "an answer of several lines: {message}");
    strict::element(message).unwrap_or_else(|what| panic!("{what}\n{message}"));
    assert_eq!(frames::only_message(line.as_bytes(), usize::MAX), message.as_bytes());
}
