//! Recordings by rtpengine: it captures the calls' RTP into files of its recording-dir, and this core tells it when,
//! over its NG protocol. See `docs/rtpengine.md`.
//!
//! A job's CALLID is the Call-ID that rtpengine knows the call by. All jobs of a call share its captures; each takes
//! its own time out of them. `call` decides what is to be captured, `tape` has it done and verified, `scrub`
//! takes what is masked out of the files, and `render` makes the sound.

mod call;
mod desk;
mod fault;
mod g711;
mod live;
mod mix;
mod ng;
mod pcap;
mod render;
mod rtp;
#[cfg(test)]
mod sample;
mod scrub;
mod spool;
mod stream;
mod tape;
mod wav;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::cti::recorder::{Job, JobStatus, Recorder, RecorderFault, Span};
use desk::Desk;

/// Where rtpengine is, and how long is waited for it.
#[derive(Clone, Debug)]
pub struct RtpengineSettings {
    /// Its listen-ng, HOST:PORT. The host is looked up once, at the start.
    pub address: String,
    /// Its recording-dir, as this machine sees it. This core must be allowed to write there.
    pub spool: PathBuf,
    /// The longest time for an answer, repetitions included.
    pub timeout: Duration,
    /// The longest time until what rtpengine was told shows in the spool.
    pub verify_within: Duration,
    /// How long a file must stand still, or may not begin, where no packets come that could show more.
    pub settle: Duration,
    /// How often each call is looked at: for its end, and for MAXRECORDSILENCE.
    pub watch: Duration,
}

impl RtpengineSettings {
    /// With the times that suit a rtpengine on the same machine.
    #[must_use]
    pub fn new(address: impl Into<String>, spool: impl Into<PathBuf>) -> Self {
        Self {
            address: address.into(),
            spool: spool.into(),
            timeout: Duration::from_millis(500),
            verify_within: Duration::from_millis(800),
            settle: Duration::from_millis(400),
            watch: Duration::from_secs(1),
        }
    }
}

/// A recorder that has rtpengine capture the calls.
#[derive(Debug)]
pub struct Rtpengine {
    desk: Arc<Desk>,
}

impl Rtpengine {
    /// Does not wait for rtpengine: it may start later, and each job says whether it is there.
    ///
    /// # Errors
    /// If the address cannot be looked up.
    pub fn new(settings: RtpengineSettings) -> io::Result<Self> {
        let address = look_up(&settings.address)?;
        if !settings.spool.join("pcaps").is_dir() {
            let spool = settings.spool.display();
            tracing::warn!(%spool, "the spool has no folder pcaps yet: rtpengine makes it in its recording-dir");
        }
        Ok(Self { desk: Arc::new(Desk::new(address, settings)) })
    }
}

fn look_up(address: &str) -> io::Result<SocketAddr> {
    let explain = |error: &dyn std::fmt::Display| format!("rtpengine's address {address:?}: {error}");
    let mut found =
        address.to_socket_addrs().map_err(|error| io::Error::new(error.kind(), explain(&error)))?;
    found.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, explain(&"no such host")))
}

impl Recorder for Rtpengine {
    fn start<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(Arc::clone(&self.desk).start(job.clone()))
    }

    fn mask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(Arc::clone(&self.desk).mask(id.into(), span))
    }

    fn unmask<'a>(&'a self, id: &'a str, span: Span) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(Arc::clone(&self.desk).unmask(id.into(), span))
    }

    fn stop<'a>(&'a self, id: &'a str, at: Timestamp) -> BoxFuture<'a, Result<JobStatus, RecorderFault>> {
        Box::pin(Arc::clone(&self.desk).stop(id.into(), at))
    }

    fn finish<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), RecorderFault>> {
        Box::pin(Arc::clone(&self.desk).finish(id.into()))
    }

    fn status<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<JobStatus>> {
        Box::pin(self.desk.status(id))
    }
}
