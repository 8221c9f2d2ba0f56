//! One recording: what is wanted of it, what the recorder was told, and who waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::plan::{Sound, Step, Told, Wanted};
use super::{Done, Waiter};
use crate::cti::recorder::{Phase, RecorderFault};
use crate::cti::spans::Spans;
use crate::protocol::codes::ResultType;
use crate::records::Record;

/// How many commands may wait for one recording.
const MOST_WAITING: usize = 256;

/// One recording.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: Arc<str>,
    pub(super) sound: Option<Sound>,
    pub(super) started: Timestamp,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) masks: Spans,
    pub(super) end: Option<Timestamp>,
    pub(super) told: Told,
    pub(super) record: Record,
    /// Counts the changes of the record; which of them was saved, and which went to the database.
    version: u64,
    saved: u64,
    delivered: u64,
    waiting: Vec<oneshot::Sender<Done>>,
    is_busy: bool,
    /// Whether nothing of it is on the disk yet, so that nothing is lost if it never begins.
    pub(super) is_new: bool,
    pub(super) phase: Phase,
    /// Since when it is finished.
    pub(super) finished: Option<Timestamp>,
    /// Whether the recorder has made its file whole, and when that is tried again if it failed.
    pub(super) is_whole: bool,
    pub(super) make_again: Option<Timestamp>,
}

impl Slot {
    pub(super) fn new(wanted: &Wanted, is_new: bool) -> Self {
        let inner = Inner {
            masks: wanted.masks.clone(),
            end: wanted.end,
            told: Told::default(),
            record: wanted.record.clone(),
            version: 1,
            saved: 0,
            delivered: 0,
            waiting: Vec::new(),
            is_busy: false,
            is_new,
            phase: Phase::Preparing,
            finished: None,
            is_whole: wanted.sound.is_none(),
            make_again: None,
        };
        Self {
            id: Arc::clone(&wanted.id),
            sound: wanted.sound.clone(),
            started: wanted.record.started,
            inner: Mutex::new(inner),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Takes over what is wanted now; who waits for it.
    pub(super) fn want(&self, wanted: Wanted, waits: bool) -> Option<Waiter> {
        let mut inner = self.lock();
        inner.masks = wanted.masks;
        inner.end = inner.end.or(wanted.end);
        inner.set_record(wanted.record);
        (waits && inner.differs()).then(|| inner.wait())
    }

    /// Whether the caller is to work on it: there is work, and nobody else does it.
    pub(super) fn occupy(&self, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let is_free = !inner.is_busy && inner.has_work(now);
        inner.is_busy |= is_free;
        is_free
    }
}

impl Inner {
    /// Whether the recorder must be told something.
    pub(super) fn differs(&self) -> bool {
        self.told.next(&self.masks, self.end, &[]).is_some()
    }

    /// Whether the record beside it is not as it should be.
    pub(super) const fn is_unsaved(&self) -> bool {
        self.told.started && self.saved != self.version
    }

    /// Whether its file is to be made whole now.
    fn must_be_made(&self, now: Timestamp) -> bool {
        self.told.ended.is_some() && !self.is_whole && self.make_again.is_none_or(|again| again <= now)
    }

    fn has_work(&self, now: Timestamp) -> bool {
        self.differs() || self.is_unsaved() || self.must_be_made(now)
    }

    /// Whether it is finished, its file whole, and nothing is asked of it.
    pub(super) fn is_quiet(&self) -> bool {
        self.finished.is_some() && self.is_whole && !self.is_busy && !self.differs() && !self.is_unsaved()
    }

    fn wait(&mut self) -> Waiter {
        let (waiting, waiter) = oneshot::channel();
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push(waiting);
        } else {
            let message = format!("{MOST_WAITING} commands wait for the recorder already");
            waiting
                .send(Err(RecorderFault { result: ResultType::ProcessingMessage, message }))
                .unwrap_or_default();
        }
        waiter
    }

    /// The next step, if there is one besides those that were tried in vain.
    pub(super) fn next_step(&mut self, tried: &[Step]) -> Option<Step> {
        self.told.next(&self.masks, self.end, tried)
    }

    /// Whether it could not be begun, and nothing of it is there.
    pub(super) const fn never_began(&self) -> bool {
        self.is_new && !self.told.started
    }

    /// All that was wanted is done, or fails. Whether its file is to be made whole now; if not, nobody works on it
    /// any more.
    pub(super) fn leave(&mut self, done: &Done, now: Timestamp) -> bool {
        self.tell(done);
        self.is_busy = self.must_be_made(now);
        self.is_busy
    }

    /// Whether no command came meanwhile: then nobody works on it any more.
    pub(super) fn rest(&mut self) -> bool {
        self.is_busy = !self.waiting.is_empty();
        !self.is_busy
    }

    /// Tells all who wait.
    pub(super) fn tell(&mut self, done: &Done) {
        self.waiting.drain(..).for_each(|waiting| waiting.send(done.clone()).unwrap_or_default());
    }

    /// What is known of it, up to its end.
    pub(super) fn set_record(&mut self, record: Record) {
        let end = self.told.ended;
        let stopped = end.or(record.stopped);
        let mut record = Record { stopped, ..record };
        if let Some(end) = end {
            record.blackouts.retain(|(from, _)| *from < end);
            record.blackouts.iter_mut().for_each(|(_, to)| *to = (*to).min(end));
        }
        if record != self.record {
            self.record = record;
            self.version += 1;
        }
    }

    /// It has ended.
    pub(super) fn finish(&mut self, at: Timestamp, now: Timestamp) {
        self.told.ended = Some(at);
        self.phase = Phase::Ended(at);
        self.finished.get_or_insert(now);
        self.set_record(self.record.clone());
    }

    /// The record and its version.
    pub(super) fn current(&self) -> (Record, u64) {
        (self.record.clone(), self.version)
    }

    pub(super) const fn saved(&mut self, version: u64) {
        self.saved = version;
    }

    /// The record, if the database does not have it as it is. That it has ended is told with the finished recording:
    /// a row that has ended takes no changes, and a blackout may still come.
    pub(super) fn undelivered(&self) -> Option<(Record, u64)> {
        (self.told.started && self.told.ended.is_none() && self.delivered != self.version)
            .then(|| self.current())
    }

    pub(super) const fn delivered(&mut self, version: u64) {
        self.delivered = version;
    }
}
