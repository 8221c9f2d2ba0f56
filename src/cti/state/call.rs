//! One phone call on a device.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::blackout::{Blackout, Blackouts};
use super::data::Data;
use super::take::Take;
use crate::cti::spans::Spans;
use crate::protocol::param::Param;

/// How many partial recordings of one call are remembered.
const MOST_PARTIALS: usize = 64;

/// One phone call: what was said of it, and what is recorded of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhoneCall {
    /// CALLINSTANCE, which tells the calls of one device apart; often blank.
    pub instance: Box<str>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub stopped: Option<Timestamp>,
    /// The parameters of CALLSTART with those of later commands on top.
    pub data: Data,
    /// The recording of the whole call, where the scheduler wants one.
    pub whole: Option<Take>,
    /// What RECORDSTART and RECORDSTOP asked for.
    pub partials: Vec<Take>,
    /// Of which times nothing may be heard or seen.
    pub blackouts: Blackouts,
}

/// What is recorded of a call at a moment, as DEVICERECORDINGSTATUS tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Nothing: the call is over, or nobody asked for a recording.
    Ended,
    /// Sound and screen.
    On,
    /// Silence: a blackout is on.
    Paused,
}

impl PhoneCall {
    /// A call that begins.
    #[must_use]
    pub fn new(instance: &str, data: Data, now: Timestamp) -> Self {
        Self {
            instance: instance.into(),
            started: now,
            stopped: None,
            data,
            whole: None,
            partials: Vec::new(),
            blackouts: Blackouts::default(),
        }
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
        self.stopped.get_or_insert(now);
        self.takes_mut().for_each(|take| take.stop(now));
    }

    /// Its recordings, that of the whole call first.
    pub fn takes(&self) -> impl Iterator<Item = &Take> {
        self.whole.iter().chain(&self.partials)
    }

    /// The same, to change them.
    pub fn takes_mut(&mut self) -> impl Iterator<Item = &mut Take> {
        self.whole.iter_mut().chain(&mut self.partials)
    }

    /// Whether RECORDSTART begins a partial recording: the call is under way, and no other is.
    #[must_use]
    pub fn wants_partial(&self, now: Timestamp) -> bool {
        self.is_open() && !self.partials.last().is_some_and(|take| take.is_on(now))
    }

    /// Starts a partial recording.
    pub fn start_partial(&mut self, take: Take) {
        if self.partials.len() == MOST_PARTIALS {
            self.partials.remove(0);
        }
        self.partials.push(take);
    }

    /// Stops the partial recording, if one is on. The recording of the whole call is the scheduler's, and
    /// ends with the call.
    pub fn stop_recording(&mut self, now: Timestamp) {
        self.partials.iter_mut().for_each(|take| take.stop(now));
    }

    /// The times of one of its recordings of which nothing may be heard.
    #[must_use]
    pub fn silence_of(&self, take: &Take) -> Spans {
        self.blackouts.silence().within(take.started, take.end().unwrap_or(Timestamp::MAX))
    }

    /// Whether a blackout asks for silence in a recording that is out of the recorder's hands. It is told once: what
    /// could not be done then is not asked for again.
    pub fn asks_too_late(&mut self) -> bool {
        let silence = self.blackouts.silence();
        let mut is_too_late = false;
        for take in self.takes_mut() {
            let (from, to) = (take.started, take.end().unwrap_or(Timestamp::MAX));
            let Some(sealed) = &mut take.sealed else { continue };
            let wanted = silence.within(from, to);
            if !wanted.minus(sealed).is_empty() {
                *sealed = wanted;
                is_too_late = true;
            }
        }
        is_too_late
    }

    /// Takes over the blackouts of its agent that are still to last.
    pub fn cover<'b>(&mut self, blackouts: impl IntoIterator<Item = &'b Blackout>) {
        blackouts.into_iter().for_each(|b| self.blackouts.add(*b));
    }

    /// What is recorded of it at this moment.
    #[must_use]
    pub fn recording(&self, now: Timestamp) -> Recording {
        match self.is_open() && self.takes().any(|take| take.is_on(now)) {
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

    use super::super::blackout::{Reach, Said};
    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
    }

    fn take(second: i64) -> Take {
        Take::new("id".into(), t(second), &Data::default())
    }

    fn said(second: i64) -> Said {
        Said { reach: Reach::Call, at: t(second), asked: None }
    }

    fn start_partial(call: &mut PhoneCall, second: i64) {
        if call.wants_partial(t(second)) {
            call.start_partial(take(second));
        }
    }

    #[test]
    fn recording_pauses_while_a_blackout_is_on_and_ends_with_the_call() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        call.whole = Some(take(0));
        call.blackouts.start(said(10), SignedDuration::from_secs(900));
        call.blackouts.stop(said(20));
        let states = [0, 10, 20].map(|s| call.recording(t(s)));
        assert_eq!(states, [Recording::On, Recording::Paused, Recording::On]);
        call.stop(t(30));
        assert_eq!(call.recording(t(15)), Recording::Ended);
    }

    #[test]
    fn partial_recordings_need_no_look_at_what_is_on() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        call.stop_recording(t(1));
        start_partial(&mut call, 2);
        start_partial(&mut call, 3);
        call.stop_recording(t(4));
        call.stop_recording(t(5));
        start_partial(&mut call, 6);
        call.stop(t(7));
        call.stop(t(8));
        start_partial(&mut call, 9);
        let expected = [(t(2), Some(t(4))), (t(6), Some(t(7)))];
        assert_eq!(call.partials.iter().map(|p| (p.started, p.stopped)).collect::<Vec<_>>(), expected);
        assert_eq!(call.stopped, Some(t(7)));
        assert!(call.lasts_past(t(6)) && !call.lasts_past(t(7)));
    }

    #[test]
    fn a_blackout_of_what_is_out_of_the_recorders_hands_comes_too_late_and_is_told_once() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        call.whole = Some(Take { stopped: Some(t(20)), ..take(0) });
        call.stop(t(20));
        call.blackouts.start(said(5), SignedDuration::from_secs(5));
        assert!(!call.asks_too_late(), "it is not sealed yet");
        let silence = call.whole.as_ref().map(|take| call.silence_of(take));
        call.whole.iter_mut().for_each(|take| take.sealed = silence.clone());
        assert!(!call.asks_too_late());
        call.blackouts.start(said(15), SignedDuration::from_secs(900));
        assert_eq!([call.asks_too_late(), call.asks_too_late()], [true, false]);
    }

    #[test]
    fn partial_recordings_are_bounded() {
        let mut call = PhoneCall::new("", Data::default(), t(0));
        for n in 0..100 {
            start_partial(&mut call, n);
            call.stop_recording(t(n));
        }
        assert_eq!(call.partials.len(), MOST_PARTIALS);
    }
}
