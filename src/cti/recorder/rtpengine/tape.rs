//! One call's recording at rtpengine: on or off, and each step verified by what lies on the disk.
//!
//! rtpengine 10.5 answers "ok" even if it writes nowhere, and it writes blocks of 4096 bytes. So a file that stands
//! still proves something only when a block's worth of packets has come since. See `docs/rtpengine.md`.

mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::fs;
use tokio::time::{Instant, sleep};

use super::fault::{failed, file_failed};
use super::ng::{Counters, Ng, NgError};
use super::spool::{Spool, Stem};
use crate::cti::recorder::RecorderFault;

/// What rtpengine keeps to itself at most before it writes, in bytes.
const BLOCK: u64 = 4096;
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until what was told shows on the disk.
    pub verify_within: Duration,
    /// How long a file must stand still where no packets come that could show more.
    pub settle: Duration,
}

#[derive(Debug)]
enum State {
    Off,
    On(Opened),
    /// Told to record, or not to, and nothing shows which it does.
    Unsure,
}

#[derive(Debug)]
struct Opened {
    stem: Stem,
    since: Counters,
    /// Its size when it last grew, and what was counted then.
    grown: (u64, Counters),
}

/// The captures after a stop, which must not change any more.
#[derive(Debug, Default)]
pub(super) struct Closed {
    sizes: Vec<(Stem, u64)>,
    since: Counters,
}

#[derive(Debug)]
pub(super) struct Tape {
    ng: Arc<Ng>,
    call: Arc<str>,
    spool: Spool,
    patience: Patience,
    state: State,
    /// The captures that are known without a look at the whole spool.
    known: Vec<Stem>,
    is_gone: bool,
}

impl Tape {
    /// It is not known yet whether rtpengine records: what is on when this core starts is taken over.
    pub const fn new(ng: Arc<Ng>, call: Arc<str>, spool: Spool, patience: Patience) -> Self {
        Self { ng, call, spool, patience, state: State::Unsure, known: Vec::new(), is_gone: false }
    }

    pub const fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    pub const fn is_unsure(&self) -> bool {
        matches!(self.state, State::Unsure)
    }

    /// Whether rtpengine said that it does not know the call, when it was last asked.
    pub const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// What rtpengine has counted; `None` if it does not know the call.
    pub async fn counters(&mut self) -> Result<Option<Counters>, RecorderFault> {
        let counters = self.ng.counters(&self.call).await;
        self.is_gone = matches!(counters, Err(NgError::UnknownCall(_)));
        match counters {
            Err(NgError::UnknownCall(_)) => Ok(None),
            counters => Ok(Some(counters?)),
        }
    }

    /// All captures of the call.
    pub async fn captures(&self) -> Result<Vec<Stem>, RecorderFault> {
        let folder = self.spool.pcap_folder();
        self.spool.captures().await.map_err(|error| file_failed(&folder, &error))
    }

    /// The files that rtpengine does not write to.
    pub async fn closed_files(&self) -> Result<Vec<PathBuf>, RecorderFault> {
        let all = self.captures().await?;
        let closed = all.iter().filter(|stem| self.open_stem() != Some(stem));
        Ok(closed.map(|stem| self.spool.pcap(stem)).collect())
    }

    /// All files of packets.
    pub async fn files(&self) -> Result<Vec<PathBuf>, RecorderFault> {
        Ok(self.captures().await?.iter().map(|stem| self.spool.pcap(stem)).collect())
    }

    /// How many bytes the captures have on the disk.
    pub async fn bytes(&self) -> u64 {
        let mut bytes = 0;
        for stem in &self.known {
            bytes += self.spool.size(stem).await.unwrap_or(0);
        }
        bytes
    }

    /// Removes all of the call's captures.
    pub async fn remove(&self) -> Result<(), RecorderFault> {
        for stem in self.captures().await? {
            let removed = self.spool.remove(&stem).await;
            removed.map_err(|error| file_failed(&self.spool.pcap(&stem), &error))?;
        }
        Ok(())
    }

    /// Has recording begun and waits until its file is there. Whether it was not on before.
    pub async fn open(&mut self) -> Result<bool, RecorderFault> {
        if matches!(self.state, State::On(_)) {
            return Ok(false);
        }
        let before = self.captures().await?;
        let since = self.counters().await?.ok_or_else(|| NgError::UnknownCall(Arc::clone(&self.call)))?;
        self.state = State::Unsure;
        self.ng.start_recording(&self.call).await?;
        let stem = self.new_capture(&before).await?;
        self.known.push(stem.clone());
        self.state = State::On(Opened { stem, since, grown: (0, since) });
        Ok(true)
    }

    async fn new_capture(&self, before: &[Stem]) -> Result<Stem, RecorderFault> {
        let deadline = Instant::now() + self.patience.verify_within;
        loop {
            let new = self.captures().await?.into_iter().find(|stem| !before.contains(stem));
            if let Some(stem) = new
                && fs::try_exists(self.spool.unfinished(&stem)).await.unwrap_or(false)
            {
                return Ok(stem);
            }
            self.wait(deadline, "answered ok to start recording, but made no new file in pcaps and tmp")
                .await?;
        }
    }

    /// Has recording ended and waits until rtpengine has closed the file. [`Tape::still`] is to follow.
    pub async fn close(&mut self) -> Result<Closed, RecorderFault> {
        if self.is_off() {
            return Ok(Closed::default());
        }
        match self.ng.stop_recording(&self.call).await {
            Err(NgError::UnknownCall(_)) => self.is_gone = true,
            told => told?,
        }
        if let (Some(stem), false) = (self.open_stem(), self.is_gone) {
            self.finished(stem).await?;
        }
        let sizes = self.sizes().await?;
        self.known = sizes.iter().map(|(stem, _)| stem.clone()).collect();
        let since = self.counters().await?.unwrap_or_default();
        self.state = State::Off;
        Ok(Closed { sizes, since })
    }

    async fn finished(&self, stem: &Stem) -> Result<(), RecorderFault> {
        let deadline = Instant::now() + self.patience.verify_within;
        while !fs::try_exists(self.spool.finished(stem)).await.unwrap_or(false) {
            self.wait(deadline, "answered ok to stop recording, but did not finish the file in metadata")
                .await?;
        }
        Ok(())
    }

    async fn sizes(&self) -> Result<Vec<(Stem, u64)>, RecorderFault> {
        let mut stems = self.captures().await?;
        // If it was moved away, it is missed here.
        stems.extend(self.open_stem().filter(|stem| !stems.contains(stem)).cloned());
        let mut sizes = Vec::with_capacity(stems.len());
        for stem in stems {
            let size = self.size(&stem).await?;
            sizes.push((stem, size));
        }
        Ok(sizes)
    }

    async fn size(&self, stem: &Stem) -> Result<u64, RecorderFault> {
        self.spool.size(stem).await.map_err(|error| file_failed(&self.spool.pcap(stem), &error))
    }

    fn open_stem(&self) -> Option<&Stem> {
        match &self.state {
            State::On(opened) => Some(&opened.stem),
            State::Off | State::Unsure => None,
        }
    }

    async fn wait(&self, deadline: Instant, what: &str) -> Result<(), RecorderFault> {
        if Instant::now() >= deadline {
            return Err(self.distrust(what));
        }
        sleep(LOOK).await;
        Ok(())
    }

    /// The fault of an rtpengine that does not do what it said.
    fn distrust(&self, what: &str) -> RecorderFault {
        let (call, within) = (&self.call, self.patience.verify_within.as_secs_f32());
        let spool = self.spool.root().display();
        failed(format_args!(
            "rtpengine {what} (call {call:?}, within {within} s); see whether its recording-dir is {spool} and can \
             be written, and whether its recording-method is pcap"
        ))
    }
}
