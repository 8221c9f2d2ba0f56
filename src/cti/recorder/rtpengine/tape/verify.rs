//! What shows on the disk of what rtpengine was told.

use tokio::time::{Instant, sleep};

use super::super::fault::failed;
use super::super::ng::Counters;
use super::{BLOCK, Closed, LOOK, Opened, State, Tape};
use crate::cti::host::Disk;
use crate::cti::recorder::RecorderFault;
use crate::protocol::codes::ResultType;

/// What it may have counted and not written yet, in bytes: a few packets.
const COUNTED_FIRST: u64 = 1024;

impl Tape {
    /// Whether sound has come to the disk since recording was begun.
    pub async fn has_sound(&self) -> bool {
        match self.open_stem() {
            Some(stem) => self.spool.size(stem).await.is_ok_and(|size| size > 0),
            None => false,
        }
    }

    /// Verifies that what was opened is written to. Without packets nothing can grow: then that the file is there
    /// must do.
    pub async fn grows(&mut self) -> Result<(), RecorderFault> {
        let begun = Instant::now();
        while let State::On(Opened { since, .. }) = self.state {
            if self.has_sound().await {
                return Ok(());
            }
            let Some(counters) = self.counters().await? else { return Ok(()) };
            let waited = begun.elapsed();
            if waited >= self.patience.settle && counters.packets == since.packets {
                return Ok(());
            }
            if waited >= self.patience.verify_within {
                return self.judge_growth(counters.captured_since(since));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    fn judge_growth(&self, captured: u64) -> Result<(), RecorderFault> {
        if captured < BLOCK + COUNTED_FIRST {
            return Ok(());
        }
        Err(self
            .distrust("has counted packets of the call since recording began, but its file does not grow"))
    }

    /// Verifies that what is open goes on growing while packets come: where the disk is full, rtpengine goes on
    /// without a word. As soon as there is room, another file is begun.
    pub async fn keeps_up(&mut self, counters: Counters) -> Result<(), RecorderFault> {
        let Some(stem) = self.open_stem().cloned() else { return Ok(()) };
        let size = self.size(&stem).await?;
        let State::On(Opened { grown, .. }) = &mut self.state else { return Ok(()) };
        if size != grown.0 {
            *grown = (size, counters);
        }
        if counters.captured_since(grown.1) < 2 * BLOCK + COUNTED_FIRST {
            return Ok(());
        }
        let (spool, is_full) = (self.spool.root().display(), Disk::of(self.spool.root()).free == 0);
        let message = format!(
            "the capture of call {:?} has stopped growing: what was said since then is lost; see whether the disk of \
             {spool} is full",
            self.call
        );
        if is_full {
            return Err(RecorderFault { result: ResultType::OutOfDiskSpace, message });
        }
        self.state = State::Unsure;
        Err(failed(message))
    }

    /// Verifies that what was closed is not written to: while packets come that would fill a block, or for a given
    /// time if none come.
    pub async fn still(&mut self, closed: &Closed) -> Result<(), RecorderFault> {
        let verified = self.stands_still(closed).await;
        if verified.is_err() {
            self.state = State::Unsure;
        }
        verified
    }

    async fn stands_still(&mut self, closed: &Closed) -> Result<(), RecorderFault> {
        let begun = Instant::now();
        let mut shown = closed.sizes.is_empty();
        while !shown {
            sleep(LOOK).await;
            // The counters first: what is counted then has had the time to be written when the sizes are taken.
            let counters = self.counters().await?;
            let captured = counters.map_or(0, |counters| counters.captured_since(closed.since));
            shown = captured >= BLOCK + COUNTED_FIRST || begun.elapsed() >= self.patience.settle;
            self.is_unchanged(closed).await?;
        }
        Ok(())
    }

    async fn is_unchanged(&self, closed: &Closed) -> Result<(), RecorderFault> {
        for (stem, then) in &closed.sizes {
            if self.size(stem).await? != *then {
                return Err(self.distrust("answered ok to stop recording, but goes on writing"));
            }
        }
        Ok(())
    }

    /// Waits until all that has come up to now is on the disk. Where packets come, the next block brings the rest;
    /// where none come, ending the file and beginning another loses none.
    pub async fn flush(&mut self) -> Result<(), RecorderFault> {
        let Some(stem) = self.open_stem().cloned() else {
            return Ok(());
        };
        let (begun, size, counters) = (Instant::now(), self.size(&stem).await?, self.counters().await?);
        while begun.elapsed() < self.patience.verify_within {
            if self.size(&stem).await? >= size + BLOCK {
                return Ok(());
            }
            if begun.elapsed() >= self.patience.settle && self.counters().await? == counters {
                break;
            }
            sleep(LOOK).await;
        }
        let closed = self.close().await?;
        if !self.is_gone {
            self.open().await?;
        }
        self.still(&closed).await
    }
}
