//! Carrying out what is wanted of one recording.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::plan::{Sound, Step};
use super::slot::Slot;
use super::{Done, Studio};
use crate::cti::clock::later;
use crate::cti::recorder::{Job, Phase, RecorderFault};
use crate::protocol::codes::ResultType;

/// How long the sound of a long recording may take to be made, and when that is tried again where it fails.
const MAKING: Duration = Duration::from_hours(1);
const MAKE_AGAIN: Duration = Duration::from_secs(30);
/// How long after its end a recording is looked for that a restart does not find.
const GIVE_UP: Duration = Duration::from_hours(1);

impl Studio {
    /// Does all that is wanted of a recording, until nobody waits for it.
    pub(super) async fn carry_out(self: &Arc<Self>, slot: &Arc<Slot>) {
        while self.tell_recorder(slot).await {
            self.make(slot).await;
            if slot.lock().rest() {
                break;
            }
        }
        self.news.notify_one();
    }

    /// Tells the recorder one thing after the other until it was told all, or what is left fails. Whether the file is
    /// to be made whole then; if not, nobody works on the recording any more.
    async fn tell_recorder(self: &Arc<Self>, slot: &Arc<Slot>) -> bool {
        let (mut tried, mut fault) = (Vec::new(), None);
        while !self.gone.is_cancelled() {
            let step = slot.lock().next_step(&tried);
            if let Some(step) = step {
                if let Err(why) = self.take_step(slot, step).await {
                    tracing::warn!(recording = %slot.id, ?step, %why, "the recorder fails");
                    tried.push(step);
                    fault.get_or_insert(why);
                }
                continue;
            }
            let is_saved = self.save(slot).await;
            if slot.lock().never_began() {
                self.forget(slot).await;
            }
            // Something may have been wanted meanwhile: then it goes on.
            let mut inner = slot.lock();
            if inner.next_step(&tried).is_none() && (!is_saved || !inner.is_unsaved()) {
                return inner.leave(&fault.map_or(Ok(()), Err), self.clock.now());
            }
        }
        false
    }

    /// Has the recorder make a recording's file whole. No command waits for it longer than for anything else, and the
    /// next start makes what this one does not.
    async fn make(&self, slot: &Slot) {
        let mut making = pin!(timeout(MAKING, self.recorder.finish(&slot.id)));
        let made = loop {
            tokio::select! {
                made = &mut making => break made,
                () = sleep(self.terms.deadline) => slot.lock().tell(&Err(still_made())),
                () = self.gone.cancelled() => return,
            }
        };
        let made =
            made.map_err(|_| format!("not within {MAKING:?}")).and_then(|made| made.map_err(|e| e.message));
        let mut inner = slot.lock();
        match made {
            Ok(()) => inner.is_whole = true,
            Err(why) => {
                tracing::error!(recording = %slot.id, why, "the sound of a recording cannot be made yet");
                inner.make_again = Some(later(self.clock.now(), MAKE_AGAIN));
            }
        }
    }

    /// What never began is no recording.
    async fn forget(&self, slot: &Slot) {
        self.slots().remove(&slot.id);
        let (place, id) = (self.shelf.clone(), Arc::clone(&slot.id));
        off_the_way(move || place.remove(&id)).await.unwrap_or_default();
        if let (Some(home), Some(sound)) = (self.home(), &slot.sound) {
            home.ended(&sound.device, &slot.id, slot.started);
        }
    }

    async fn take_step(&self, slot: &Slot, step: Step) -> Done {
        let Some(sound) = &slot.sound else { return self.without_sound(slot, step).await };
        match step {
            Step::Start => self.start(slot, sound).await?,
            Step::Mask(span) => self.in_time(self.recorder.mask(&slot.id, span)).await?,
            Step::Unmask(span) => self.in_time(self.recorder.unmask(&slot.id, span)).await?,
            Step::Stop(at) => return self.stop(slot, at).await,
        }
        slot.lock().told.done(step);
        Ok(())
    }

    /// Its record is written before its sound, so that no sound is ever without one.
    async fn start(&self, slot: &Slot, sound: &Sound) -> Done {
        let (record, version, masked) = {
            let inner = slot.lock();
            let (record, version) = inner.current();
            (record, version, inner.masks.iter().collect())
        };
        let place = self.shelf.clone();
        off_the_way(move || place.save(&record)).await.map_err(|error| self.full(&error))?;
        slot.lock().saved(version);
        let job = Job {
            id: Arc::clone(&slot.id),
            device: Arc::clone(&sound.device),
            call_id: Arc::clone(&sound.call_id),
            file: self.shelf.sound(&slot.id),
            started: slot.started,
            max_length: sound.max_length,
            max_silence: sound.max_silence,
            masked,
        };
        if let Err(fault) = self.in_time(self.recorder.start(&job)).await {
            return self.not_started(slot, fault).await;
        }
        let status = self.recorder.status(&slot.id).await;
        slot.lock().phase = status.map_or(Phase::Recording, |status| status.phase);
        Ok(())
    }

    /// Whether it was begun may be unknown, so it is ended. A call that ended while the core was down is what lies in
    /// its file; without one it is tried again for a while, as the recorder may be down too.
    async fn not_started(&self, slot: &Slot, fault: RecorderFault) -> Done {
        let (is_new, end) = {
            let inner = slot.lock();
            (inner.is_new, inner.end)
        };
        if is_new {
            let ended = self.in_time(self.recorder.stop(&slot.id, slot.started)).await;
            if ended.is_ok() {
                // So that the recorder keeps nothing for it.
                self.in_time(self.recorder.finish(&slot.id)).await.unwrap_or_default();
            }
        } else if let Some(end) = end {
            let is_there = self.shelf.sound(&slot.id).exists();
            if !is_there && self.clock.now() < later(end, GIVE_UP) {
                return Err(fault);
            }
            tracing::warn!(recording = %slot.id, %fault, "a recording ends where the core went down");
            let written = self.shelf.written(&slot.id);
            let mut inner = slot.lock();
            inner.told.started = true;
            inner.told.masks = inner.masks.clone();
            inner.is_whole = true;
            inner.finish(later(slot.started, written).min(end), self.clock.now());
            return Ok(());
        }
        Err(fault)
    }

    async fn stop(&self, slot: &Slot, at: Timestamp) -> Done {
        let stopped = self.in_time(self.recorder.stop(&slot.id, at)).await;
        let status = match &stopped {
            Ok(status) => Some(*status),
            // It may have ended all the same, with less than there should be.
            Err(_) => self.recorder.status(&slot.id).await,
        };
        let ended = match status.map(|status| status.phase) {
            Some(Phase::Ended(ended)) => Some(ended),
            _ if stopped.is_ok() => Some(at),
            _ => None,
        };
        if let Some(ended) = ended {
            slot.lock().finish(ended, self.clock.now());
        }
        stopped.map(drop)
    }

    /// A chat is nothing but its record.
    async fn without_sound(&self, slot: &Slot, step: Step) -> Done {
        match step {
            Step::Start => {
                let (record, version) = slot.lock().current();
                let place = self.shelf.clone();
                off_the_way(move || place.save(&record)).await.map_err(|error| self.full(&error))?;
                let mut inner = slot.lock();
                inner.saved(version);
                inner.told.done(step);
            }
            Step::Stop(at) => slot.lock().finish(at, self.clock.now()),
            Step::Mask(_) | Step::Unmask(_) => slot.lock().told.done(step),
        }
        Ok(())
    }

    /// Writes the record where it has changed. What cannot be written now is written later: all that is in it is in
    /// the journal too.
    async fn save(&self, slot: &Slot) -> bool {
        let (record, version) = {
            let inner = slot.lock();
            if !inner.is_unsaved() {
                return true;
            }
            inner.current()
        };
        let place = self.shelf.clone();
        match off_the_way(move || place.save(&record)).await {
            Ok(()) => {
                slot.lock().saved(version);
                true
            }
            Err(error) => {
                tracing::warn!(recording = %slot.id, %error, "the record beside a recording cannot be written yet");
                false
            }
        }
    }

    fn full(&self, error: &std::io::Error) -> RecorderFault {
        let message = format!("{} cannot be written: {error}", self.shelf.path().display());
        RecorderFault { result: ResultType::OutOfDiskSpace, message }
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, RecorderFault>>,
    ) -> Result<T, RecorderFault> {
        let deadline = self.terms.deadline;
        timeout(deadline, work).await.unwrap_or_else(|_| {
            let message =
                format!("the recorder did not answer within {deadline:?}: unknown whether it was done");
            Err(RecorderFault { result: ResultType::ProcessingMessage, message })
        })
    }
}

fn still_made() -> RecorderFault {
    let message = "the recording has ended and its file is being made: only then is it changed".into();
    RecorderFault { result: ResultType::ProcessingMessage, message }
}

/// Runs what waits for the disk where that holds up nobody.
pub(super) async fn off_the_way<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
