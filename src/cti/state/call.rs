//! One phone call on a device.

use jiff::Timestamp;

use super::blackout::{Blackout, Blackouts};
use super::data::Data;
use crate::protocol::param::Param;

/// How many partial recordings of one call are remembered.
const MOST_PARTIALS: usize = 64;

/// A time of the call that RECORDSTART asked to have as a recording of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub stopped: Option<Timestamp>,
}

/// One phone call: what was said of it, and what is recorded of it.
#[derive(Clone, Debug)]
pub struct PhoneCall {
    /// CALLINSTANCE, which tells the calls of one device apart; often blank.
    pub instance: Box<str>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub stopped: Option<Timestamp>,
    /// The parameters of CALLSTART with those of later commands on top.
    pub data: Data,
    /// What RECORDSTART and RECORDSTOP asked for.
    pub partials: Vec<Partial>,
    /// Of which times nothing may be heard or seen.
    pub blackouts: Blackouts,
}

/// What is recorded of a call at a moment, as DEVICERECORDINGSTATUS tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Nothing: the call is over.
    Ended,
    /// Sound and screen.
    On,
    /// Silence: a blackout is on.
    Paused,
}

/// CALLSTART does not ask for a recording: a core's scheduler decides. This core's has one rule, and it
/// matches every call.
const fn is_scheduled(_: &PhoneCall) -> bool {
    true
}

impl PhoneCall {
    /// A call that begins.
    #[must_use]
    pub fn new(instance: &str, data: Data, now: Timestamp) -> Self {
        let blackouts = Blackouts::default();
        Self { instance: instance.into(), started: now, stopped: None, data, partials: Vec::new(), blackouts }
    }

    /// Whether it is under way.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.stopped.is_none()
    }

    /// Whether it was under way at this moment or later, so that a blackout from then on concerns it.
    #[must_use]
    pub fn lasts_past(&self, at: Timestamp) -> bool {
        self.stopped.is_none_or(|stopped| stopped > at)
    }

    /// Ends it, and what is recorded of it. A call that has ended stays as it is.
    pub fn stop(&mut self, now: Timestamp) {
        self.stop_recording(now);
        self.stopped.get_or_insert(now);
    }

    /// Starts a partial recording, unless one is on or the call is over.
    pub fn start_recording(&mut self, now: Timestamp) {
        if !self.is_open() || self.partials.last().is_some_and(|p| p.stopped.is_none()) {
            return;
        }
        if self.partials.len() == MOST_PARTIALS {
            self.partials.remove(0);
        }
        self.partials.push(Partial { started: now, stopped: None });
    }

    /// Stops the partial recording, if one is on. The recording of the whole call is the scheduler's, and
    /// ends with the call.
    pub fn stop_recording(&mut self, now: Timestamp) {
        if let Some(partial) = self.partials.last_mut() {
            partial.stopped.get_or_insert(now);
        }
    }

    /// Takes over the blackouts of its agent that are still to last.
    pub fn cover<'b>(&mut self, blackouts: impl IntoIterator<Item = &'b Blackout>) {
        blackouts.into_iter().for_each(|b| self.blackouts.add(*b));
    }

    /// What is recorded of it at this moment.
    #[must_use]
    pub fn recording(&self, now: Timestamp) -> Recording {
        match self.is_open() && is_scheduled(self) {
            false => Recording::Ended,
            true if self.blackouts.is_on(now) => Recording::Paused,
            true => Recording::On,
        }
    }

    /// CALLID, often blank.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.data.get(Param::CallId)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::blackout::Reach;
    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
    }

    #[test]
    fn recording_pauses_while_a_blackout_is_on_and_ends_with_the_call() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        call.blackouts.start(Reach::Call, t(10), SignedDuration::from_secs(900));
        call.blackouts.stop(Reach::Call, t(20));
        let states = [0, 10, 20].map(|s| call.recording(t(s)));
        assert_eq!(states, [Recording::On, Recording::Paused, Recording::On]);
        call.stop(t(30));
        assert_eq!(call.recording(t(15)), Recording::Ended);
    }

    #[test]
    fn partial_recordings_need_no_look_at_what_is_on() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        call.stop_recording(t(1));
        call.start_recording(t(2));
        call.start_recording(t(3));
        call.stop_recording(t(4));
        call.stop_recording(t(5));
        call.start_recording(t(6));
        call.stop(t(7));
        call.stop(t(8));
        call.start_recording(t(9));
        let expected = [(t(2), Some(t(4))), (t(6), Some(t(7)))];
        assert_eq!(call.partials.iter().map(|p| (p.started, p.stopped)).collect::<Vec<_>>(), expected);
        assert_eq!(call.stopped, Some(t(7)));
        assert!(call.lasts_past(t(6)) && !call.lasts_past(t(7)));
    }

    #[test]
    fn partial_recordings_are_bounded() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        for n in 0..100 {
            call.start_recording(t(n));
            call.stop_recording(t(n));
        }
        assert_eq!(call.partials.len(), MOST_PARTIALS);
    }
}
