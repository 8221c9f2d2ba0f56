//! One call: the jobs that record it, what is masked of it, and its one recording at rtpengine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::fs;

use super::fault::{failed, file_failed};
use super::live::Live;
use super::ng::{Counters, NgError};
use super::render::Slice;
use super::scrub;
use super::tape::Tape;
use crate::cti::recorder::{Job, JobStatus, Phase, RecorderFault, Span};
use crate::cti::spans::Spans;

#[derive(Debug)]
pub(super) struct Call {
    id: Arc<str>,
    tape: Tape,
    jobs: BTreeMap<Arc<str>, Live>,
    /// What is masked and may still lie in files.
    untidy: Spans,
    /// The newest counters, and when they last rose.
    heard: (Counters, Timestamp),
    /// No job is left and nobody may add one.
    pub is_over: bool,
    /// Sound was lost, and nobody was told yet.
    lost: Option<RecorderFault>,
    /// What was logged last, so that a fault that lasts is logged once.
    logged: Option<RecorderFault>,
}

impl Call {
    pub fn new(id: Arc<str>, tape: Tape, now: Timestamp) -> Self {
        let heard = (Counters::default(), now);
        let (jobs, untidy) = (BTreeMap::new(), Spans::default());
        Self { id, tape, jobs, untidy, heard, is_over: false, lost: None, logged: None }
    }

    /// Adds a job and records, unless it is masked.
    pub async fn add(&mut self, job: &Job, now: Timestamp) -> Result<(), RecorderFault> {
        if self.jobs.contains_key(&job.id) {
            return Ok(());
        }
        let mut live = Live::new(job.clone());
        if self.tape.counters().await?.is_none() {
            live.end(self.last_written().await?);
        }
        self.untidy =
            Spans::union(self.untidy.iter().chain(live.masked.iter().filter(|span| span.from <= now)));
        self.jobs.insert(Arc::clone(&job.id), live);
        let begun = self.settle(now).await;
        if begun.is_err() {
            self.jobs.remove(&job.id);
            self.give_up(now).await;
        }
        begun
    }

    /// When the captures of a call were last written to that rtpengine does not know any more.
    async fn last_written(&self) -> Result<Timestamp, RecorderFault> {
        let mut last: Option<SystemTime> = None;
        for path in self.tape.files().await? {
            let written = fs::metadata(&path).await.and_then(|file| file.modified());
            last = last.max(Some(written.map_err(|error| file_failed(&path, &error))?));
        }
        let unknown = || NgError::UnknownCall(Arc::clone(&self.id));
        let last = last.ok_or_else(unknown)?;
        Timestamp::try_from(last).map_err(|_| unknown().into())
    }

    /// After a job could not begin: nobody is to record for it.
    async fn give_up(&mut self, now: Timestamp) {
        if !self.is_wanted(now)
            && let Err(fault) = self.settle(now).await
        {
            self.log(Some(fault));
        }
        self.is_over = self.jobs.is_empty();
    }

    pub async fn mask(&mut self, id: &str, span: Span, now: Timestamp) -> Result<(), RecorderFault> {
        self.job(id)?.mask(span);
        if span.from > now {
            return Ok(());
        }
        self.untidy = self.untidy.with(span);
        self.settle(now).await
    }

    pub async fn unmask(&mut self, id: &str, span: Span, now: Timestamp) -> Result<(), RecorderFault> {
        let job = self.job(id)?;
        job.masked = job.masked.without(span);
        self.settle(now).await
    }

    /// Ends a job. If sound was lost that should have been recorded, the first one that ends is told.
    ///
    /// # Errors
    /// If rtpengine may go on recording for it, or if sound was lost; it has ended all the same.
    pub async fn end(&mut self, id: &str, at: Timestamp, now: Timestamp) -> Result<(), RecorderFault> {
        self.job(id)?.end(at.min(now));
        self.settle(now).await?;
        self.lost.take().map_or(Ok(()), Err)
    }

    /// What the recording of a job that has ended is to be made of.
    pub async fn slice(&mut self, id: &str, now: Timestamp) -> Result<Slice, RecorderFault> {
        let job = self.job(id)?;
        let (from, to, file) = (job.job.started, job.ended.unwrap_or(now), job.job.file.clone());
        self.settle(now).await?;
        self.tape.flush().await?;
        let captures = self.tape.files().await?;
        let masked = Spans::union(self.jobs.values().flat_map(|live| live.masked.iter()));
        Ok(Slice { captures, from, to, masked, file })
    }

    /// A job's recording is made. With the last one's, the captures have done their work.
    pub async fn finish(&mut self, id: &str) {
        if let Some(live) = self.jobs.get_mut(id) {
            live.is_finished = true;
        }
        if self.jobs.values().all(|live| live.is_finished) {
            self.is_over = true;
            if let Err(fault) = self.tape.remove().await {
                tracing::error!(call = %self.id, %fault, "the captures of a call cannot be removed");
            }
        }
    }

    /// What is due: jobs that have their length, masks that begin or end, silence, a call that is over.
    pub async fn tick(&mut self, now: Timestamp) {
        self.jobs.values_mut().for_each(|live| live.end_by_length(now));
        let done = if self.is_idle() { Ok(()) } else { self.listen(now).await };
        let done = done.and(self.settle(now).await);
        self.log(done.err());
    }

    /// Nothing is to be recorded, and nothing is.
    fn is_idle(&self) -> bool {
        self.tape.is_off() && self.jobs.values().all(|live| live.ended.is_some())
    }

    async fn listen(&mut self, now: Timestamp) -> Result<(), RecorderFault> {
        let Some(counters) = self.tape.counters().await? else {
            self.jobs.values_mut().for_each(|live| live.end(now));
            return Ok(());
        };
        if counters != self.heard.0 || self.masks().covers(now) {
            self.heard = (counters, now);
        }
        if let Err(fault) = self.tape.keeps_up(counters).await {
            self.lost.get_or_insert_with(|| fault.clone());
            return Err(fault);
        }
        let since = self.heard.1;
        self.jobs.values_mut().for_each(|live| live.end_by_silence(since, now));
        Ok(())
    }

    /// When [`Call::tick`] has something to do at the latest, if not before.
    pub fn next_event(&self, now: Timestamp) -> Option<Timestamp> {
        self.jobs.values().filter_map(|live| live.next_event(now)).min()
    }

    pub async fn status(&self, id: &str, now: Timestamp) -> Option<JobStatus> {
        let live = self.jobs.get(id)?;
        let phase = match live.ended {
            Some(end) => Phase::Ended(end),
            None if self.masks().covers(now) && self.tape.is_off() => Phase::Masked,
            None if self.tape.has_sound().await => Phase::Recording,
            None => Phase::Preparing,
        };
        let length = live.ended.unwrap_or(now).duration_since(live.job.started);
        let length = length.try_into().unwrap_or(Duration::ZERO);
        Some(JobStatus { phase, length, bytes: self.tape.bytes().await })
    }

    /// Has rtpengine record or not as the masks say, takes what is masked out of the files, and verifies it all.
    /// What fails is tried again at the next occasion.
    async fn settle(&mut self, now: Timestamp) -> Result<(), RecorderFault> {
        let wanted = self.is_wanted(now);
        if !self.tape.is_off() {
            let masks = self.masks();
            let on = masks.iter().filter(|span| span.from <= now && now < span.to);
            self.untidy = Spans::union(self.untidy.iter().chain(on));
        }
        let must_close = !wanted || self.tape.is_unsure() || !self.untidy.is_empty();
        let closed = if must_close { Some(self.tape.close().await?) } else { None };
        let opened = if wanted { self.tape.open().await } else { Ok(false) };
        if let Some(closed) = closed {
            self.tape.still(&closed).await?;
            self.scrub().await?;
        }
        if opened? { self.tape.grows().await } else { Ok(()) }
    }

    async fn scrub(&mut self) -> Result<(), RecorderFault> {
        if self.untidy.is_empty() {
            return Ok(());
        }
        for path in self.tape.closed_files().await? {
            let (file, masked) = (path.clone(), self.untidy.clone());
            let scrubbed = tokio::task::spawn_blocking(move || scrub::scrub(&file, &masked)).await;
            let scrubbed = scrubbed.map_err(|_| failed("taking a mask out of a capture has panicked"))?;
            scrubbed.map_err(|error| file_failed(&path, &error))?;
        }
        self.untidy = Spans::default();
        Ok(())
    }

    fn is_wanted(&self, now: Timestamp) -> bool {
        let is_live = self.jobs.values().any(|live| live.ended.is_none());
        is_live && !self.tape.is_gone() && !self.masks().covers(now)
    }

    /// What is masked for any of the jobs: a blackout concerns the call.
    fn masks(&self) -> Spans {
        Spans::union(self.jobs.values().flat_map(|live| live.masked.iter()))
    }

    fn job(&mut self, id: &str) -> Result<&mut Live, RecorderFault> {
        self.jobs.get_mut(id).ok_or_else(|| failed(format_args!("no recording {id} is known here")))
    }

    fn log(&mut self, fault: Option<RecorderFault>) {
        if let Some(fault) = fault.as_ref().filter(|fault| self.logged.as_ref() != Some(fault)) {
            tracing::error!(call = %self.id, %fault, "the recording of a call does not stand as it should");
        }
        self.logged = fault;
    }
}
