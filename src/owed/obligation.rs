//! One command that is owed to one core.

use std::fmt::Write;

use crate::command::{Call, Command, Function, Policy, Urgency, function, named};
use crate::model::CoreId;
use crate::protocol::param::Param;
use crate::protocol::write::{close, element};

/// A command that a core did not get, or of which nobody knows whether it did. Times are UNIX milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// Its number in the database; 0 before it has one.
    pub ident: i64,
    /// The core.
    pub core: CoreId,
    /// The device, agent or chat that it is about.
    pub chain: u64,
    /// The function's name.
    pub command: String,
    /// How it names the device, agent or chat, for people.
    pub device: String,
    /// The command as the core gets it, from behind REQUESTID to its end, without TIMEOFFSET.
    pub body: String,
    /// When it was asked for.
    pub asked: i64,
    /// The moment that it means: that in which it was asked for, and TIMEOFFSET.
    pub meant: i64,
    /// Whether "not mine" from this core is no failure.
    pub forgives: bool,
    /// How often its delivery has failed.
    pub attempts: i64,
}

impl Obligation {
    /// What is owed to a core of a call that was asked for at this moment.
    #[must_use]
    pub fn of(
        call: &Call,
        device: Option<&str>,
        chain: u64,
        core: CoreId,
        asked: i64,
        forgives: bool,
    ) -> Self {
        Self {
            ident: 0,
            core,
            chain,
            command: call.function.name.into(),
            device: device
                .map(str::to_owned)
                .or_else(|| named(call.function, &call.request))
                .unwrap_or_default(),
            body: call.body(device, &[Param::TimeOffset]),
            asked,
            meant: asked.saturating_add(offset(call)),
            forgives,
            attempts: 0,
        }
    }

    /// Whether a core that got nothing or did not answer is owed this function.
    #[must_use]
    pub fn is_for(function: &Function) -> bool {
        function.priority == Urgency::Urgent
            && (function.policy == Policy::All || function.command == Command::ChatStop)
    }

    /// The command as it is sent at this moment, from behind its REQUESTID.
    #[must_use]
    pub fn wire(&self, now: i64) -> String {
        let mut out = String::with_capacity(self.body.len() + 64);
        out.push_str(&self.body);
        if function(&self.command).is_some_and(|function| function.takes(Param::TimeOffset)) {
            element(&mut out, Param::TimeOffset.name(), &seconds(self.meant.saturating_sub(now)));
        }
        close(&mut out, "REQUEST");
        out.push_str("\r\n");
        out
    }

    /// Whether it ends something: all that is ever owed but the start of a blackout.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        !function(&self.command).is_some_and(Function::starts_blackout)
    }

    /// Whether it starts a blackout.
    #[must_use]
    pub fn is_start(&self) -> bool {
        !self.is_stop()
    }

    /// Whether it is about a blackout.
    #[must_use]
    pub fn is_blackout(&self) -> bool {
        function(&self.command).is_some_and(Function::is_blackout)
    }

    /// Whether it asks for nothing that this one, asked for before it and still owed, does not do as well.
    #[must_use]
    pub fn is_superseded_by(&self, earlier: &Self) -> bool {
        self.asks_for_the_same_as(earlier) && earlier.meant <= self.meant
    }

    /// Whether the two say the same, at whatever moments.
    pub(super) fn asks_for_the_same_as(&self, other: &Self) -> bool {
        self.command == other.command && self.unstamped() == other.unstamped()
    }

    /// The body without ASKEDAT, which stands last.
    fn unstamped(&self) -> &str {
        self.body.rsplit_once("<ASKEDAT>").map_or(&self.body, |(before, _)| before)
    }
}

/// TIMEOFFSET in milliseconds; [`check`](crate::command::check) has seen that it is a number.
fn offset(call: &Call) -> i64 {
    let seconds =
        call.request.get(Param::TimeOffset).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a float that is too large becomes the largest number"
    )]
    let milliseconds = (seconds * 1000.0).round() as i64;
    milliseconds
}

/// Milliseconds as seconds with three decimals: `-2.500`.
fn seconds(milliseconds: i64) -> String {
    let (sign, size) = (if milliseconds < 0 { "-" } else { "" }, milliseconds.unsigned_abs());
    let mut out = String::new();
    write!(out, "{sign}{}.{:03}", size / 1000, size % 1000).unwrap_or_default();
    out
}
