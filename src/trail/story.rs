//! What became of one command.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::context::Context;
use crate::command::{Function, named_by};
use crate::ledger::clean;
use crate::model::CoreId;
use crate::protocol::param::Param;
use crate::protocol::request::Request;

/// Bytes of a client's text that are kept at most; of these [`clean`] shows fewer.
const KEPT: usize = 1024;

/// Legs of a call that is like most.
const USUAL_LEGS: usize = 64;

/// What became of one command, from its taking in to its answer.
#[derive(Clone, Debug)]
pub struct Story {
    /// When it was taken in.
    started: Instant,
    /// What it came by.
    pub(super) listener: &'static str,
    /// Who sent it.
    pub(super) peer: Option<IpAddr>,
    /// Its function, if there is one of this name.
    function: Option<&'static str>,
    /// What it is called otherwise, as the client wrote it.
    kind: String,
    /// How it names its device, agent or chat, as the client wrote it.
    device: String,
    /// REQUESTID, as the client wrote it.
    request_id: String,
    /// RESULTTYPE.
    result: String,
    pub(super) is_well: bool,
    /// When it was answered.
    pub(super) ended: Timestamp,
    /// From its taking in to its answer.
    pub(super) took: Duration,
    pub(super) legs: SmallVec<[LegStory; 4]>,
    /// Whether it gets a line although it went well.
    pub(super) is_sampled: bool,
    /// Its place in a trace, if it is traced.
    pub(super) context: Option<Context>,
}

/// What became of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegStory {
    /// The core.
    pub core: CoreId,
    /// The label of its outcome.
    pub outcome: &'static str,
    /// RESULTCODE, if the core refused.
    pub code: Option<i32>,
    /// Whether it counts against the call.
    pub has_failed: bool,
    /// Whether an earlier try of the same command ended so, and this one did not go to the core.
    pub is_earlier: bool,
    /// From the call's taking in to the leg's begin.
    pub begun: Duration,
    /// From the call's taking in to the leg's end.
    pub elapsed: Duration,
    /// From then to its last byte written, if that is known.
    pub sent: Option<Duration>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            listener: "",
            peer: None,
            function: None,
            kind: String::new(),
            device: String::new(),
            request_id: String::new(),
            result: String::new(),
            is_well: false,
            ended: Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            legs: SmallVec::new(),
            is_sampled: false,
            context: None,
        }
    }
}

impl Story {
    /// Begins anew, in the room that an earlier one has left.
    pub(super) fn begin(&mut self, started: Instant, listener: &'static str, peer: Option<IpAddr>) {
        (self.started, self.listener, self.peer) = (started, listener, peer);
        self.function = None;
        self.legs.clear();
        [&mut self.kind, &mut self.device, &mut self.request_id, &mut self.result]
            .into_iter()
            .for_each(String::clear);
    }

    /// What could be read of a request that could not be read.
    pub fn names(&mut self, kind: &str, request_id: &str) {
        keep(&mut self.kind, kind);
        keep(&mut self.request_id, request_id);
    }

    /// What is asked for; `function` if there is one of this name.
    pub fn asks(&mut self, function: Option<&'static Function>, request: &Request) {
        keep(&mut self.request_id, request.id());
        self.function = function.map(|function| function.name);
        let Some(function) = function else { return keep(&mut self.kind, request.kind()) };
        if let Some((param, value)) = named_by(function, request) {
            if param != Param::DeviceId {
                self.device.push_str(param.name());
                self.device.push('=');
            }
            keep(&mut self.device, value);
        }
    }

    /// The legs have ended, so many as the answer waits for.
    pub fn legs(&mut self, legs: impl Iterator<Item = LegStory>) {
        self.legs.extend(legs);
    }

    pub(super) fn end(&mut self, result: &str, is_well: bool) {
        (self.ended, self.took, self.is_well) = (Timestamp::now(), self.started.elapsed(), is_well);
        keep(&mut self.result, result);
    }

    /// The function's name, if it is one.
    pub(super) const fn function(&self) -> Option<&'static str> {
        self.function
    }

    /// How many spans its trace has.
    pub(super) fn spans(&self) -> usize {
        1 + self.legs.iter().filter(|leg| !leg.is_earlier).count()
    }

    /// Whether it has taken so much memory that it should not be kept.
    pub(super) fn is_large(&self) -> bool {
        self.legs.capacity() > USUAL_LEGS
    }

    /// The function's name, or what the client calls one that is none.
    pub(super) fn command(&self) -> String {
        self.function.map_or_else(|| clean(&self.kind), Into::into)
    }

    /// How the request names its device, agent or chat.
    pub(super) fn device(&self) -> String {
        clean(&self.device)
    }

    pub(super) fn request_id(&self) -> String {
        clean(&self.request_id)
    }

    /// RESULTTYPE. A core may have its own.
    pub(super) fn result(&self) -> String {
        clean(&self.result)
    }
}

fn keep(into: &mut String, text: &str) {
    into.push_str(&text[..text.floor_char_boundary(KEPT)]);
}
