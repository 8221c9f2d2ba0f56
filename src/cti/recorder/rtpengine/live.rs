//! One job of a call.

use jiff::{SignedDuration, Timestamp};

use crate::cti::recorder::{Job, Span};
use crate::cti::spans::Spans;

#[derive(Debug)]
pub(super) struct Live {
    pub job: Job,
    /// What is masked of it. From its end on, nothing is.
    pub masked: Spans,
    pub ended: Option<Timestamp>,
    /// Its recording is made.
    pub is_finished: bool,
}

impl Live {
    pub fn new(job: Job) -> Self {
        let masked = Spans::union(job.masked.iter().copied());
        Self { job, masked, ended: None, is_finished: false }
    }

    /// Ends it, unless it ended before: then its end is moved to an earlier moment, never to a later one.
    pub fn end(&mut self, at: Timestamp) {
        let end = self.ended.map_or(at, |ended| ended.min(at)).max(self.job.started);
        self.ended = Some(end);
        self.masked = self.masked.without(Span { from: end, to: Timestamp::MAX });
    }

    /// Masks a span of it, as far as it lies before its end.
    pub fn mask(&mut self, span: Span) {
        self.masked = self.masked.with(span);
        if let Some(end) = self.ended {
            self.masked = self.masked.without(Span { from: end, to: Timestamp::MAX });
        }
    }

    /// MAXRECORDTIME.
    pub fn end_by_length(&mut self, now: Timestamp) {
        if let Some(end) = self.longest().filter(|end| *end <= now) {
            self.end(end);
        }
    }

    fn longest(&self) -> Option<Timestamp> {
        let length = SignedDuration::try_from(self.job.max_length?).ok()?;
        self.job.started.checked_add(length).ok()
    }

    /// MAXRECORDSILENCE: nothing has come since this moment.
    pub fn end_by_silence(&mut self, since: Timestamp, now: Timestamp) {
        let longest = self.job.max_silence.and_then(|silence| SignedDuration::try_from(silence).ok());
        let since = since.max(self.job.started);
        if let Some(end) = longest.and_then(|longest| since.checked_add(longest).ok())
            && end <= now
            && self.ended.is_none()
        {
            self.end(end);
        }
    }

    /// When a mask begins or ends, or its length is up.
    pub fn next_event(&self, now: Timestamp) -> Option<Timestamp> {
        let length = self.longest().filter(|end| self.ended.is_none() && *end > now);
        self.masked.next_edge(now).into_iter().chain(length).min()
    }
}

#[cfg(test)]
mod tests;
