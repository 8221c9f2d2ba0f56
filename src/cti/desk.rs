//! Where a request's fate is decided: the fault in force, the state, and the list of what was received,
//! under one lock, so that they agree.

mod fate;
mod memory;
mod work;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::clock::Clock;
use super::dispatch::{Booth, Empty};
use super::fault::Fault;
use super::snapshot::Snapshot;
use super::studio::{Home, Studio};
use super::{CoreId, CtiSettings};
use crate::command::{Command, function};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::frame::{Frame, FrameFault};
use crate::protocol::request::{BadRequest, Request};
use crate::protocol::result::Reply;
use crate::protocol::xml::Bounds;
pub use fate::{Fate, Later};
pub use memory::Memory;
use work::Worked;

/// How many received requests are remembered.
const MOST_RECEIVED: usize = 4096;
/// Wider than a proxy's bounds, so that a core is not the first to complain.
pub const BOUNDS: Bounds = Bounds { max_fields: 1000, max_depth: 32 };
/// No XML, no text even, and a line nevertheless.
const GARBAGE: &[u8] = b"\xFF\xFE this is no result %\r\n";

/// One request that a core read.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection it came by; they are counted from 1.
    pub connection: u64,
    /// Which function it asked for, if there is such a function.
    pub command: Option<Command>,
    /// The request; without any field, if it could not be read.
    pub request: Arc<Request>,
}

/// A core without its sockets.
#[derive(Debug)]
pub struct Desk {
    id: CoreId,
    codes: Codes,
    clock: Clock,
    studio: OnceLock<Arc<Studio>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    fault: Fault,
    memory: Memory,
    received: VecDeque<Received>,
}

impl Desk {
    pub fn new(settings: &CtiSettings, memory: Memory) -> Arc<Self> {
        let inner = Inner { fault: settings.fault, memory, received: VecDeque::new() };
        Arc::new(Self {
            id: settings.id,
            codes: settings.codes.clone(),
            clock: settings.clock.clone(),
            studio: OnceLock::new(),
            inner: Mutex::new(inner),
        })
    }

    /// From now on what is recorded is this studio's.
    pub fn open_studio(self: &Arc<Self>, studio: Arc<Studio>) {
        let home: Arc<dyn Home> = Arc::<Self>::clone(self);
        studio.lives_at(Arc::downgrade(&home));
        self.studio.set(studio).unwrap_or_default();
    }

    fn studio(&self) -> Option<&Arc<Studio>> {
        self.studio.get()
    }

    fn booth(&self) -> &dyn Booth {
        self.studio().map_or(&Empty, |studio| &**studio)
    }

    pub const fn id(&self) -> CoreId {
        self.id
    }

    pub fn fault(&self) -> Fault {
        self.lock().fault
    }

    pub fn set_fault(&self, fault: Fault) {
        self.lock().fault = fault;
    }

    pub fn received(&self) -> Vec<Received> {
        self.lock().received.iter().cloned().collect()
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.lock().memory.state, self.clock.now())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on one frame of a connection.
    pub fn take(&self, connection: u64, frame: Frame) -> Fate {
        let request = match frame {
            Frame::Message(message) => Request::read(&message, BOUNDS),
            Frame::Fault(fault) => return self.refuse_frame(&fault),
        };
        match request {
            Ok(request) => self.take_request(connection, request),
            Err(bad) => self.take_bad(connection, &bad),
        }
    }

    fn take_request(&self, connection: u64, request: Request) -> Fate {
        let function = function(request.kind());
        let command = function.map(|f| f.command);
        let request = Arc::new(request);
        let kind = function.map_or_else(|| request.kind(), |f| f.name);
        let mut inner = self.lock();
        inner.note(Received { connection, command, request: Arc::clone(&request) });
        // TEST asks whether the core is there: one that is slow or refuses its work still is.
        let is_test = command == Some(Command::Test);
        let fault = match inner.fault {
            Fault::Reject(_) | Fault::Delay(_) if is_test => Fault::None,
            fault => fault,
        };
        self.fate(fault, kind, request.id(), || self.work(&mut inner.memory, &request, command))
    }

    fn take_bad(&self, connection: u64, bad: &BadRequest) -> Fate {
        let mut inner = self.lock();
        inner.note(Received { connection, command: None, request: Arc::default() });
        let fault = inner.fault;
        self.fate(fault, &bad.kind, &bad.id, || self.bad_format(bad.reason.clone()).into())
    }

    /// What becomes of a request under a fault; `work` does what it asks for.
    fn fate(&self, fault: Fault, kind: &str, id: &str, work: impl FnOnce() -> Worked) -> Fate {
        match fault {
            Fault::None => work().fate(kind, id, Duration::ZERO),
            Fault::Delay(time) => work().fate(kind, id, time),
            Fault::Reject(code) => Worked::from(self.rejection(code)).fate(kind, id, Duration::ZERO),
            Fault::Garbage => Fate::Answer(Bytes::from_static(GARBAGE), Duration::ZERO),
            Fault::Hang => Fate::Silence,
            Fault::Close | Fault::Refuse => Fate::Close(Bytes::new()),
        }
    }

    pub const fn codes(&self) -> &Codes {
        &self.codes
    }

    fn rejection(&self, code: i32) -> Reply {
        let result = self.codes.meaning(code).unwrap_or(ResultType::Unknown);
        let message = format!("core {} rejects everything with code {code}", self.id);
        Reply { code, ..Reply::new(&self.codes, result, message) }
    }

    fn bad_format(&self, reason: String) -> Reply {
        Reply::new(&self.codes, ResultType::InvalidMessageFormat, reason)
    }

    /// What was no message at all is no request either: only those faults that are the line's concern it.
    fn refuse_frame(&self, fault: &FrameFault) -> Fate {
        let answer = Bytes::from(self.bad_format(fault.to_string()).write("", ""));
        match self.fault() {
            Fault::Hang => Fate::Silence,
            Fault::Refuse | Fault::Close => Fate::Close(Bytes::new()),
            _ if fault.is_fatal() => Fate::Close(answer),
            _ => Fate::Answer(answer, Duration::ZERO),
        }
    }
}

impl Inner {
    fn note(&mut self, received: Received) {
        if self.received.len() == MOST_RECEIVED {
            self.received.pop_front();
        }
        self.received.push_back(received);
    }
}
