//! What should be recorded, and what the recorder must be told so that it is. Pure.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cti::record;
use crate::cti::recorder::Span;
use crate::cti::spans::Spans;
use crate::cti::state::call::PhoneCall;
use crate::cti::state::device::Device;
use crate::cti::state::take::Take;
use crate::cti::state::{State, Touched};
use crate::records::Record;

/// What a recorder must know of a recording to begin it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// DEVICEID.
    pub device: Arc<str>,
    /// CALLID, often blank.
    pub call_id: Arc<str>,
    /// MAXRECORDTIME.
    pub max_length: Option<Duration>,
    /// MAXRECORDSILENCE.
    pub max_silence: Option<Duration>,
}

/// One recording as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// GLOBALID.
    pub id: Arc<str>,
    /// None for a chat, which has no sound.
    pub sound: Option<Sound>,
    /// The times of which nothing may be heard.
    pub masks: Spans,
    /// When it ends, if it ends by now.
    pub end: Option<Timestamp>,
    /// What is known of it.
    pub record: Record,
}

/// Every recording that is touched and not handed over.
#[must_use]
pub fn wanted(state: &State, touched: &Touched, now: Timestamp) -> Vec<Wanted> {
    let devices = touched.devices.iter().filter_map(|id| state.device(id));
    let calls = devices.flat_map(|device| device.calls.iter().map(move |call| (device, call)));
    let takes = calls.flat_map(|(device, call)| {
        let unsealed = call.takes().filter(|take| take.sealed.is_none());
        unsealed.map(move |take| of_take(state, device, call, take, now))
    });
    let chats = state.chats().filter(|(session, _)| touched.chats.contains(*session));
    let chats = chats.map(|(session, chat)| of_chat(record::of_chat(state.core(), session, chat, None)));
    let over = touched.over.iter();
    let over = over.map(|o| of_chat(record::of_chat(state.core(), &o.session, &o.chat, Some(o.stopped))));
    takes.chain(chats).chain(over).collect()
}

fn of_take(state: &State, device: &Device, call: &PhoneCall, take: &Take, now: Timestamp) -> Wanted {
    let limit = |limit: Option<SignedDuration>| limit.and_then(|limit| limit.try_into().ok());
    Wanted {
        id: Arc::clone(&take.id),
        sound: Some(Sound {
            device: Arc::clone(&device.id),
            call_id: call.call_id().into(),
            max_length: limit(take.max_length),
            max_silence: limit(take.max_silence),
        }),
        masks: call.blackouts.silence().within(take.started, Timestamp::MAX),
        end: take.end().filter(|end| *end <= now),
        record: record::of_take(state.core(), device, call, take),
    }
}

fn of_chat(record: Record) -> Wanted {
    let id = record.global_id.as_str().into();
    Wanted { id, sound: None, masks: Spans::default(), end: record.stopped, record }
}

/// What the recorder was told of one recording, and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether it began.
    pub started: bool,
    /// What is masked.
    pub masks: Spans,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// One thing that a recorder is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin.
    Start,
    /// Silence this.
    Mask(Span),
    /// Let this be heard.
    Unmask(Span),
    /// End at this moment.
    Stop(Timestamp),
}

impl Told {
    /// The next thing to tell, without those that were tried in vain: silence before all else, the end last, and the
    /// end even if something else failed.
    #[must_use]
    pub fn next(&self, masks: &Spans, end: Option<Timestamp>, tried: &[Step]) -> Option<Step> {
        let is_new = |step: &Step| !tried.contains(step);
        if !self.started {
            return Some(Step::Start).filter(is_new);
        }
        let missing = masks.minus(&self.masks);
        let excess = self.masks.minus(masks);
        let stop = end.filter(|_| self.ended.is_none()).map(Step::Stop);
        let steps = missing.iter().map(Step::Mask).chain(excess.iter().map(Step::Unmask)).chain(stop);
        steps.into_iter().find(is_new)
    }

    /// Takes note that something was done. An end comes from the recorder's own answer.
    pub fn done(&mut self, step: Step) {
        match step {
            Step::Start => self.started = true,
            Step::Mask(span) => self.masks = self.masks.with(span),
            Step::Unmask(span) => self.masks = self.masks.without(span),
            Step::Stop(at) => self.ended = self.ended.or(Some(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time in range")
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: t(from), to: t(to) }
    }

    fn steps(told: &mut Told, masks: &[Span], end: Option<i64>) -> Vec<Step> {
        let masks = Spans::union(masks.iter().copied());
        let mut steps = Vec::new();
        while let Some(step) = told.next(&masks, end.map(t), &[]) {
            told.done(step);
            steps.push(step);
        }
        steps
    }

    #[test]
    fn the_difference_is_told_and_nothing_twice() {
        let mut told = Told::default();
        assert_eq!(steps(&mut told, &[span(5, 900)], None), [Step::Start, Step::Mask(span(5, 900))]);
        assert_eq!(steps(&mut told, &[span(5, 900)], None), []);
        let expected = [Step::Mask(span(2, 5)), Step::Unmask(span(20, 900))];
        assert_eq!(steps(&mut told, &[span(2, 20)], None), expected);
        let expected = [Step::Mask(span(30, 40)), Step::Stop(t(50))];
        assert_eq!(steps(&mut told, &[span(2, 20), span(30, 40)], Some(50)), expected);
        assert_eq!(steps(&mut told, &[span(2, 20), span(30, 45)], Some(50)), [Step::Mask(span(40, 45))]);
    }

    #[test]
    fn what_failed_does_not_keep_the_end_away() {
        let told = Told { started: true, ..Told::default() };
        let masks = Spans::union([span(1, 2)]);
        let tried = [Step::Mask(span(1, 2))];
        assert_eq!(told.next(&masks, Some(t(3)), &tried), Some(Step::Stop(t(3))));
        assert_eq!(Told::default().next(&masks, Some(t(3)), &[Step::Start]), None);
    }
}
