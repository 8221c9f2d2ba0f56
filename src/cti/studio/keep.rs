//! What happens without a command: recordings that end by themselves, what failed and is tried again, what is handed
//! over, and what a restart finds.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::Studio;
use super::carry::off_the_way;
use super::plan::Wanted;
use super::slot::Slot;
use crate::cti::clock::later;
use crate::cti::recorder::Phase;
use crate::records::Record;

/// How many recordings the recorder is asked for at once.
const ASKED_AT_ONCE: usize = 16;

impl Studio {
    /// Goes through all recordings. Often enough: once a second.
    pub async fn look_around(self: &Arc<Self>) {
        stream::iter(self.all()).for_each_concurrent(ASKED_AT_ONCE, |slot| self.look_at(slot)).await;
    }

    async fn look_at(self: &Arc<Self>, slot: Arc<Slot>) {
        self.end_in_time(&slot);
        self.ask(&slot).await;
        self.work_on(Arc::clone(&slot));
        self.hand_over(&slot).await;
    }

    /// The recorder ends a recording at its longest length by itself; here it is noticed.
    fn end_in_time(&self, slot: &Slot) {
        let Some(longest) = slot.sound.as_ref().and_then(|sound| sound.max_length) else { return };
        let end = later(slot.started, longest);
        if end <= self.clock.now() {
            slot.lock().end.get_or_insert(end);
        }
    }

    async fn ask(&self, slot: &Slot) {
        let Some(sound) = &slot.sound else { return };
        let is_on = {
            let inner = slot.lock();
            inner.told.started && inner.told.ended.is_none()
        };
        if !is_on {
            return;
        }
        let asked = tokio::time::timeout(self.terms.deadline, self.recorder.status(&slot.id)).await;
        let Ok(Some(status)) = asked else { return };
        let ended = match status.phase {
            Phase::Ended(at) => {
                let mut inner = slot.lock();
                inner.end.is_none().then(|| *inner.end.insert(at))
            }
            phase => {
                slot.lock().phase = phase;
                None
            }
        };
        if let (Some(at), Some(home)) = (ended, self.home()) {
            home.ended(&sound.device, &slot.id, at);
        }
    }

    /// What has been finished for long enough is given out of hand.
    async fn hand_over(&self, slot: &Slot) {
        let now = self.clock.now();
        let is_due = |slot: &Slot| {
            let inner = slot.lock();
            inner.is_quiet() && inner.finished.is_some_and(|at| later(at, self.terms.hold) <= now)
        };
        let mut give = || is_due(slot) && self.slots().remove(&slot.id).is_some();
        let is_given = match (&slot.sound, self.home()) {
            _ if !is_due(slot) => false,
            (Some(sound), Some(home)) => home.seal(&sound.device, &slot.id, &mut give),
            _ => give(),
        };
        if is_given {
            self.put_away(&slot.id).await;
        }
    }

    async fn put_away(&self, id: &Arc<str>) {
        let (place, id) = (self.shelf.clone(), Arc::clone(id));
        let name = Arc::clone(&id);
        if let Err(error) = off_the_way(move || place.finish(&id)).await {
            tracing::error!(recording = %name, %error, "a recording is put away at the next start only");
        }
        self.news.notify_one();
    }

    /// Goes on with what a restart found: `wanted` is every recording that the state has and that was not handed
    /// over. What lies on the shelf and is not among them is handed over as it is.
    ///
    /// # Errors
    /// If the shelf cannot be read.
    pub async fn resume(self: &Arc<Self>, wanted: Vec<Wanted>) -> std::io::Result<()> {
        let place = self.shelf.clone();
        let mut found = off_the_way(move || place.records()).await?;
        let mut waiters = Vec::new();
        for wanted in wanted {
            let was_there = found.remove(&*wanted.id).is_some();
            if was_there || wanted.end.is_none() {
                let slot = self.open(&wanted, !was_there);
                waiters.extend(slot.want(wanted, true));
                self.work_on(slot);
            }
        }
        // A recorder that hangs holds up the start no longer than this. What failed is tried again.
        let all = futures::future::join_all(waiters);
        tokio::time::timeout(self.terms.deadline, all).await.map(drop).unwrap_or_default();
        for record in found.into_values() {
            self.let_go(record).await?;
        }
        Ok(())
    }

    /// What nobody remembers any more ends where its sound does.
    async fn let_go(&self, record: Record) -> std::io::Result<()> {
        let id: Arc<str> = record.global_id.as_str().into();
        tracing::info!(recording = %id, "a recording that a restart found is handed over as it is");
        let end = later(record.started, self.shelf.written(&id));
        let record = Record { stopped: record.stopped.or(Some(end)), ..record };
        let place = self.shelf.clone();
        off_the_way(move || place.save(&record)).await?;
        self.put_away(&id).await;
        Ok(())
    }

    /// Records that the database does not have as they are, at most this many, with their versions.
    pub fn undelivered(&self, most: usize) -> Vec<(Record, u64)> {
        self.all().iter().filter_map(|slot| slot.lock().undelivered()).take(most).collect()
    }

    /// The database has these.
    pub fn delivered<'r>(&self, records: impl IntoIterator<Item = (&'r str, u64)>) {
        for (id, version) in records {
            if let Some(slot) = self.slot(id) {
                slot.lock().delivered(version);
            }
        }
    }

    /// Looks around for ever.
    pub async fn keep(self: Arc<Self>, every: Duration) {
        loop {
            self.clock.sleep(every).await;
            self.look_around().await;
        }
    }
}
