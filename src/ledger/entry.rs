//! What the ledger is told of: plain data.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CoreId, Outcome};

/// What an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A writer's first: a process has begun.
    Begun,
    /// A blackout was asked for, to start or to stop, and answered.
    Blackout,
    /// What was owed of a blackout to one core, since it had not confirmed, has ended: see the verdict.
    Late,
    /// Something was done about a blackout's start that a core had not confirmed in time: see the verdict.
    Compensation,
    /// A writer's last: its process has ended in order, and nothing is missing behind this.
    Ended,
}

impl Event {
    /// The word in the column `event`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Blackout => "blackout",
            Self::Late => "late",
            Self::Compensation => "compensation",
            Self::Ended => "ended",
        }
    }
}

/// One core's part of a blackout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The core.
    pub core: CoreId,
    /// The device as this core was told it, empty where the request went as it came.
    pub device: String,
    /// How it ended: one of [`Outcome::LABELS`], or `unanswered` where nobody waited for its end.
    pub outcome: String,
    /// Whether a byte of it was written to the core.
    pub sent: bool,
    /// From the request's arrival here to the moment in which its last byte was written to the core, in whole
    /// milliseconds, rounded up, if that is known. Entries of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ms: Option<u64>,
    /// RESULTCODE of the core's reply, if there was one.
    pub code: Option<i32>,
    /// RESULTTYPE of the core's reply, or empty.
    pub label: String,
    /// From the request's arrival here to this end, in whole milliseconds, rounded up.
    pub ms: u64,
}

impl Leg {
    /// A leg whose end nobody waited for. It may have been sent.
    #[must_use]
    pub fn unanswered(core: CoreId, device: &str) -> Self {
        let (device, outcome) = (device.into(), "unanswered".into());
        Self { core, device, outcome, sent: true, sent_ms: None, code: None, label: String::new(), ms: 0 }
    }

    /// A leg that ended so, this long after it was asked for; `reply` is the RESULTCODE and RESULTTYPE of the core's
    /// reply, where it is at hand. A refusal has its own.
    #[must_use]
    pub fn ended(
        core: CoreId,
        device: &str,
        outcome: &Outcome,
        took: Duration,
        reply: Option<(i32, &str)>,
    ) -> Self {
        let reply = match outcome {
            Outcome::Rejected(rejection) => Some((rejection.code, &*rejection.label)),
            _ => reply,
        };
        Self {
            core,
            device: device.into(),
            outcome: outcome.label().into(),
            sent: !matches!(outcome, Outcome::NotSent(_)),
            sent_ms: None,
            code: reply.map(|(code, _)| code),
            label: reply.map_or("", |(_, label)| label).into(),
            ms: milliseconds(took),
        }
    }

    /// The same, which was sent so long after it was asked for, as far as that is known.
    #[must_use]
    pub fn sent_after(self, sent: Option<Duration>) -> Self {
        Self { sent_ms: sent.filter(|_| self.sent).map(milliseconds), ..self }
    }

    /// Whether the core confirmed.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.outcome == Outcome::Ok.label()
    }
}

/// Whole milliseconds, rounded up: nothing takes no time.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// One entry, before it has its place in the chain. Texts of clients and cores are taken as they come; what must not
/// be kept is taken out of them when the row is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it tells of.
    pub event: Event,
    /// When it was asked for, by this machine's clock; for other events, when it happened.
    pub asked: Timestamp,
    /// The function.
    pub function: &'static str,
    /// The devices as cores are told them; where that is not known, the identifier that the request has, as NAME=value.
    pub devices: Vec<String>,
    /// The client's address.
    pub client: String,
    /// REQUESTID.
    pub request_id: String,
    /// RESULTTYPE of the answer; empty where none was given.
    pub verdict: String,
    /// The cores' parts; none where nothing was sent.
    pub legs: Vec<Leg>,
    /// For people: which version has begun.
    pub note: String,
}

impl Entry {
    /// An entry of this event, with nothing else in it.
    #[must_use]
    pub fn new(event: Event, asked: Timestamp) -> Self {
        Self {
            event,
            asked,
            function: "",
            devices: Vec::new(),
            client: String::new(),
            request_id: String::new(),
            verdict: String::new(),
            legs: Vec::new(),
            note: String::new(),
        }
    }
}
