//! Replies of cores: whatever they send, the client gets one line that it can read, and API_OK only if all is there.
//!
//! An input's first byte says what was asked, and the rest is replies with a NUL between them.

use std::time::Duration;

use bytes::Bytes;
use corecast::command::{Call, Policy, check as find_function};
use corecast::fanout::{Deferred, Ended, Terms, Verdict};
use corecast::model::{CoreId, LegEnd, Outcome, Rejection};
use corecast::protocol::codes::ResultType;
use corecast::protocol::result::ReplyHead;
use corecast::protocol::url;
use corecast::protocol::xml::{self, RESULT_BOUNDS};
use corecast::route::{Because, Plan};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::request::{BOUNDS, is_answer};

/// One of each way in which replies are put together.
const ASKED: [&str; 8] = [
    "type=DEVICELIST",
    "type=DEVICESTATUS&deviceid=7",
    "type=DEVICERECORDINGSTATUS&deviceid=7",
    "type=CHANNELS",
    "type=SYSTEMSTATUS",
    "type=AGENTWINDOW&username=a",
    "type=CALLSTART&deviceid=7",
    "type=CHATSTOP&sessionid=7",
];

/// More cores than this say nothing new.
const MOST_CORES: usize = 4;

pub fn check(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let replies: Vec<_> = rest.split(|byte| *byte == 0).take(MOST_CORES).collect();
    replies.iter().for_each(|reply| a_head_is_the_same_in_any_form(reply));
    let ended: Vec<_> = (1..).zip(&replies).map(|(core, reply)| ended(CoreId(core), reply)).collect();
    let detail = if first.is_ascii_lowercase() { "&detail=y" } else { "" };
    let call = call(&format!("requestid=1{detail}&{}", ASKED[usize::from(*first) % ASKED.len()]));
    is_honest(&call, &ended, bytes.len());
}

/// The usual form is read without an XML reader: that must make no difference.
fn a_head_is_the_same_in_any_form(reply: &[u8]) {
    let other = [b"<!-- -->", reply].concat();
    if let Some(unusual) = ReplyHead::read(&other).filter(|_| reply.starts_with(b"<RESULT>")) {
        assert_eq!(ReplyHead::read(reply), Some(unusual));
    }
}

/// A leg that ended with this reply, as the link to a core sees it.
fn ended(core: CoreId, reply: &[u8]) -> Ended {
    let outcome = match ReplyHead::read(reply) {
        None => Outcome::BadReply,
        Some(head) if head.is_ok() => Outcome::Ok,
        Some(head) => Outcome::Rejected(Box::new(Rejection {
            code: head.code,
            label: head.label.into_owned(),
            message: head.message.into_owned(),
        })),
    };
    let reply = Some(Bytes::copy_from_slice(reply)).filter(|_| outcome != Outcome::BadReply);
    let end = LegEnd { outcome, reply, elapsed: Duration::from_millis(3), sent: None };
    Ended { core, device: None, chain: 0, is_earlier: false, end }
}

fn call(query: &str) -> Call {
    let request = url::read(query, "", BOUNDS).expect("a readable request");
    Call::new(find_function(&request).expect("a good request"), request, Instant::now())
}

fn is_honest(call: &Call, ended: &[Ended], bytes: usize) {
    let (policy, because) = (call.function.policy, Because::EveryCore);
    let plan = Plan { legs: SmallVec::new(), devices: SmallVec::new(), policy, because };
    let terms = Terms::default();
    let reply = Verdict { call, plan: &plan, ended, terms: &terms, deferred: &Deferred::Nothing }.reply();
    is_answer(&reply.write(call.function.name, "1"), 12 * bytes + 2000);
    if reply.result == Some(ResultType::Ok) && call.function.policy != Policy::Any {
        assert!(ended.iter().all(|leg| is_whole(leg, call)), "API_OK, though {ended:?}");
    }
}

/// Whether a core did what it was asked: it confirmed, and where its data is asked for, all of it can be read. A core
/// that does not know a device has no data of it.
fn is_whole(leg: &Ended, call: &Call) -> bool {
    let is_data = matches!(call.function.policy, Policy::Merge(_));
    match &leg.end.outcome {
        Outcome::Ok => {
            !is_data || xml::read(leg.end.reply.as_ref().expect("a reply"), "RESULT", RESULT_BOUNDS).is_ok()
        }
        Outcome::Rejected(rejection) => is_data && Terms::default().codes.is_not_mine(rejection),
        _ => false,
    }
}
