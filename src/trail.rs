//! What a call leaves behind: a line in the log, and a trace. Both tell the same story, which is told in one place, by the
//! thread that carried the call, once its answer is known.
//!
//! No value of a parameter is in it but how the request names its device, agent or chat, and its REQUESTID; in these,
//! whatever could be a card number is covered. Nothing is in it that a core has said but the type and number of a refusal.

mod access;
mod context;
mod otlp;
mod share;
mod story;
mod traces;

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use fastrand::Rng;
use metrics::Counter;
use tokio::time::Instant;

use crate::lines::{Lines, LogFormat, Worth};
use crate::metrics::{LOG_LINES_LEFT_OUT, Metrics};
use context::Context;
pub use context::Parent;
pub use share::Share;
pub use story::{LegStory, Story};
use traces::{Collected, Counts, Service};
pub use traces::{Cores, Sending, TraceSettings, Traces, start};

/// Lines about failures that one thread writes in a second. A core that fails fails thousands of times.
const FAILURES_A_SECOND: u32 = 100;

/// Stories that a thread keeps for the next ones, so that their texts need no new room.
const SPARE: usize = 64;

/// Which commands get a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessSettings {
    /// How many of the commands that went well.
    pub share: Share,
    /// Whether every other one, up to a bound.
    pub failures: bool,
}

impl AccessSettings {
    /// No command gets one.
    pub const NOTHING: Self = Self { share: Share::NONE, failures: false };
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self { share: Share::NONE, failures: true }
    }
}

/// One thread's way of telling what became of calls.
#[derive(Debug)]
pub struct Trail {
    lines: Lines,
    format: LogFormat,
    access: AccessSettings,
    traces: Option<Traces>,
    random: RefCell<Rng>,
    #[allow(clippy::vec_box, reason = "they are handed on as they are")]
    spare: RefCell<Vec<Box<Story>>>,
    line: RefCell<Vec<u8>>,
    flood: Flood,
}

impl Trail {
    /// Lines go to `lines`, in this form; traces to `traces`, if there are any.
    #[must_use]
    pub fn new(
        lines: Lines,
        format: LogFormat,
        access: AccessSettings,
        traces: Option<Traces>,
        metrics: &Metrics,
    ) -> Self {
        // Their series are there from the start, whether there are traces or not.
        drop(Counts::new(metrics));
        Self {
            lines,
            format,
            access,
            traces,
            random: RefCell::new(Rng::with_seed(RandomState::new().hash_one(0))),
            spare: RefCell::default(),
            line: RefCell::default(),
            flood: Flood::new(metrics.counter(&LOG_LINES_LEFT_OUT, &["flood"])),
        }
    }

    /// Whether calls are traced, and a client's word on that counts.
    #[must_use]
    pub const fn is_tracing(&self) -> bool {
        self.traces.is_some()
    }

    /// Begins the story of a command, if anybody may want it. `listener` is the label of what it came by, `parent` the
    /// trace that the client says it is part of.
    pub fn begin(
        &self,
        started: Instant,
        listener: &'static str,
        peer: Option<IpAddr>,
        parent: Option<Parent>,
    ) -> Option<Box<Story>> {
        let context = self.traces.as_ref().and_then(|traces| self.context(traces, parent));
        let is_sampled = self.access.share.takes(&mut self.random.borrow_mut());
        if context.is_none() && !is_sampled && !self.access.failures {
            return None;
        }
        let mut story = self.spare.borrow_mut().pop().unwrap_or_default();
        story.begin(started, listener, peer);
        (story.context, story.is_sampled) = (context, is_sampled);
        Some(story)
    }

    /// The place of a traced call. A client that names one has decided whether it is traced.
    fn context(&self, traces: &Traces, parent: Option<Parent>) -> Option<Context> {
        let mut random = self.random.borrow_mut();
        let is_traced = parent.map_or_else(|| traces.share.takes(&mut random), Parent::is_sampled);
        is_traced.then(|| Context::new(parent, &mut random))
    }

    /// The answer is known: RESULTTYPE, and whether it says that all is well.
    pub fn end(&self, mut story: Box<Story>, result: &str, is_well: bool) {
        story.end(result, is_well);
        self.flood.pass(|count| self.tell_of_flood(count));
        let is_wanted =
            if is_well { story.is_sampled } else { self.access.failures && self.flood.has_room() };
        if is_wanted {
            self.put(&story);
        }
        match &self.traces {
            Some(traces) if story.context.is_some() => traces.put(story),
            _ => self.keep(story),
        }
    }

    fn put(&self, story: &Story) {
        let mut line = self.line.borrow_mut();
        line.clear();
        access::write(&mut line, self.format, story);
        self.lines.put(&line, Worth::Access);
    }

    fn tell_of_flood(&self, count: u32) {
        self.lines.put(access::left_out(self.format, count).as_bytes(), Worth::Word);
    }

    fn keep(&self, story: Box<Story>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE && !story.is_large() {
            spare.push(story);
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        let left_out = self.flood.left_out.take();
        if left_out > 0 {
            self.tell_of_flood(left_out);
        }
    }
}

/// Keeps failures from filling a disk.
#[derive(Debug)]
struct Flood {
    since: Cell<Instant>,
    written: Cell<u32>,
    left_out: Cell<u32>,
    counter: Counter,
}

impl Flood {
    fn new(counter: Counter) -> Self {
        Self { since: Cell::new(Instant::now()), written: Cell::new(0), left_out: Cell::new(0), counter }
    }

    /// A new second begins if it is time, and it is told what the one before has left out.
    fn pass(&self, tell: impl FnOnce(u32)) {
        if self.written.get() == 0 || self.since.get().elapsed() < Duration::from_secs(1) {
            return;
        }
        self.since.set(Instant::now());
        self.written.set(0);
        let left_out = self.left_out.take();
        if left_out > 0 {
            tell(left_out);
        }
    }

    /// Whether one more fits into this second; if not, it is counted.
    fn has_room(&self) -> bool {
        if self.written.get() == 0 {
            self.since.set(Instant::now());
        }
        if self.written.get() < FAILURES_A_SECOND {
            self.written.set(self.written.get() + 1);
            return true;
        }
        self.left_out.set(self.left_out.get().saturating_add(1));
        self.counter.increment(1);
        false
    }
}

#[cfg(test)]
mod tests;
