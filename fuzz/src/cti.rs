//! The core's memory: any commands in any order get answers, take no more room than they may, and survive a restart.

use std::time::Duration;

use bytes::BytesMut;
use corecast::cti::dispatch::{Empty, answer};
use corecast::cti::state::{Limits, State};
use corecast::model::CoreId;
use corecast::protocol::codes::Codes;
use corecast::protocol::frame::{Frame, FrameDecoder};
use corecast::protocol::request::Request;
use jiff::{SignedDuration, Timestamp};
use tokio_util::codec::Decoder;

use super::request::{BOUNDS, is_answer};

const LIMITS: Limits = Limits { devices: 4, chats: 2 };

/// An answer names all that is remembered, of which there may be this much.
const LONGEST_ANSWER: usize = 1 << 20;

pub fn check(bytes: &[u8]) {
    let mut state = State::new(CoreId(1), Duration::from_mins(10), LIMITS);
    let mut restarted = state.clone();
    let mut now = Timestamp::UNIX_EPOCH;
    for request in requests(bytes) {
        now += SignedDuration::from_millis(1500);
        restarted = restart(&restarted);
        let reply = answered(&mut state, &request, now);
        assert_eq!(answered(&mut restarted, &request, now), reply, "after a restart");
        assert!(state.devices().count() <= LIMITS.devices && state.chats().count() <= LIMITS.chats);
    }
}

/// The readable requests of a stream. How the machine does, which SYSTEMSTATUS tells, is no matter of the input.
fn requests(bytes: &[u8]) -> Vec<Request> {
    let mut decoder = FrameDecoder::new(4096);
    let mut buffer = BytesMut::from(bytes);
    let frames = std::iter::from_fn(|| decoder.decode(&mut buffer).expect("a buffer in memory can be read"));
    let messages = frames.filter_map(|frame| match frame {
        Frame::Message(message) => Some(message),
        Frame::Fault(_) => None,
    });
    let requests = messages.filter_map(|message| Request::read(&message, BOUNDS).ok());
    requests.filter(|request| !request.kind().eq_ignore_ascii_case("SYSTEMSTATUS")).collect()
}

fn answered(state: &mut State, request: &Request, now: Timestamp) -> String {
    let reply = answer(state, &Empty, &Codes::default(), request, now).write(request.kind(), request.id());
    is_answer(&reply, LONGEST_ANSWER);
    reply
}

/// What a core remembers that is started with this state.
fn restart(state: &State) -> State {
    let written = serde_json::to_string(state).expect("a state can be written");
    serde_json::from_str(&written).expect("what was written can be read")
}
