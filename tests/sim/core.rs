//! A core, small and by hand. It takes what has reached it in the order in which it arrived, and answers after a while;
//! it hangs, crashes, refuses, and says what is no answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use corecast::protocol::frame::{Frame, FrameDecoder};
use corecast::signal::Signal;
use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::codec::Decoder;

use super::answer::text;
use super::judge::{CoreId, Judge, Marker, Said};
use super::net::{Route, Side};

/// What a core is like.
#[derive(Clone, Debug)]
pub struct Nature {
    pub id: CoreId,
    /// How long it works on a request, at least and at most, in milliseconds.
    pub work: (u64, u64),
    /// Whether it works on all at once, and so answers in any order.
    pub is_parallel: bool,
    /// How many of a thousand requests it refuses.
    pub refusals: u32,
    /// How many of a thousand answers are none.
    pub nonsense: u32,
    /// Devices that it knows; all others it refuses as not its own.
    pub devices: BTreeSet<String>,
}

/// An answer on its way out.
struct Reply {
    at: Instant,
    bytes: String,
    about: Option<(Marker, Said)>,
}

type Line = mpsc::UnboundedSender<Reply>;

/// A core, over all of its lives.
#[derive(Clone)]
pub struct Core(Arc<Inner>);

struct Inner {
    nature: Nature,
    judge: Judge,
    hangs: Signal<bool>,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    is_up: bool,
    /// What came while it hung.
    inbox: VecDeque<(Bytes, Line)>,
    /// How far its work reaches.
    busy_until: Instant,
    routes: Vec<Route>,
    tasks: Vec<AbortHandle>,
}

impl Core {
    pub fn new(nature: Nature, routes: Vec<Route>, judge: &Judge, rng: Rng) -> Self {
        let (inbox, tasks) = (VecDeque::new(), Vec::new());
        let state = State { rng, is_up: true, inbox, busy_until: Instant::now(), routes, tasks };
        let (hangs, judge) = (Signal::new(false), judge.clone());
        Self(Arc::new(Inner { nature, judge, hangs, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nobody panics while holding it")
    }

    pub fn id(&self) -> CoreId {
        self.0.nature.id
    }

    pub fn is_up(&self) -> bool {
        self.state().is_up
    }

    /// It does nothing any more; its system still takes connections and bytes.
    pub fn hang(&self) {
        self.0.hangs.set(true);
    }

    /// It goes on, with what came meanwhile first.
    pub fn resume(&self) {
        let inbox = std::mem::take(&mut self.state().inbox);
        inbox.into_iter().for_each(|(request, line)| self.take(&request, &line));
        self.0.hangs.set(false);
    }

    /// It loses all that it has not done, and every connection.
    pub fn crash(&self) {
        let mut state = self.state();
        state.is_up = false;
        state.inbox.clear();
        state.routes.iter().for_each(Route::reset);
        state.tasks.drain(..).for_each(|task| task.abort());
    }

    pub fn restart(&self) {
        self.state().is_up = true;
    }

    /// A connection to it.
    pub fn accept(&self, side: Side) {
        let task = tokio::spawn(self.clone().serve(side));
        let mut state = self.state();
        state.tasks.retain(|task| !task.is_finished());
        state.tasks.push(task.abort_handle());
    }

    async fn serve(self, side: Side) {
        let (mut input, output) = split(side);
        let (line, replies) = mpsc::unbounded_channel();
        let writer = tokio::spawn(self.clone().write(output, replies));
        self.state().tasks.push(writer.abort_handle());
        let (mut decoder, mut buffer) = (FrameDecoder::new(1 << 20), BytesMut::new());
        while input.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            while let Ok(Some(Frame::Message(request))) = decoder.decode(&mut buffer) {
                self.receive(request, &line);
            }
        }
    }

    fn receive(&self, request: Bytes, line: &Line) {
        if self.0.hangs.get() {
            self.state().inbox.push_back((request, line.clone()));
        } else {
            self.take(&request, line);
        }
    }

    /// Does what is asked, and has it answered when the work is done.
    fn take(&self, request: &[u8], line: &Line) {
        let request = String::from_utf8_lossy(request);
        let part = |name| text(&request, name).unwrap_or_default();
        let (kind, number, device) = (part("TYPE"), part("REQUESTID"), part("DEVICEID"));
        let marker = part("USER1").parse().ok();
        let verdict = self.decide(kind, device);
        if let Some(marker) = marker {
            let asked_at = part("ASKEDAT").parse().ok();
            self.0.judge.takes(self.0.nature.id, device, marker, asked_at);
        }
        let (said, label, code) = verdict;
        let bytes = format!(
            "<RESULT><REQUESTTYPE>{kind}</REQUESTTYPE><REQUESTID>{number}</REQUESTID><RESULTTYPE>{label}</RESULTTYPE>\
             <RESULTCODE>{code}</RESULTCODE><RESULTMSG>from core {}</RESULTMSG></RESULT>\r\n",
            self.0.nature.id
        );
        let reply = self.reply(bytes, marker.map(|marker| (marker, said)));
        // Who asked may be gone.
        line.send(reply).unwrap_or_default();
    }

    fn decide(&self, kind: &str, device: &str) -> (Said, &'static str, i32) {
        let mut state = self.state();
        if kind != "TEST" && !self.0.nature.devices.contains(device) {
            (Said::No, "API_DEVICE_INVALID", 7)
        } else if kind != "TEST" && state.rng.u32(0..1000) < self.0.nature.refusals {
            (Said::No, "API_ERROR_PROCESSING_MESSAGE", 5)
        } else {
            (Said::Yes, "API_OK", 0)
        }
    }

    fn reply(&self, bytes: String, about: Option<(Marker, Said)>) -> Reply {
        let mut state = self.state();
        let (least, most) = self.0.nature.work;
        let work = Duration::from_millis(state.rng.u64(least..=most));
        let now = Instant::now();
        state.busy_until = state.busy_until.max(now) + work;
        let is_nonsense = state.rng.u32(0..1000) < self.0.nature.nonsense;
        let at = if self.0.nature.is_parallel { now + work } else { state.busy_until };
        if is_nonsense {
            return Reply { at, bytes: "<RESULT>what?</RESULT>\r\n".into(), about: None };
        }
        Reply { at, bytes, about }
    }

    /// Writes each answer when its time has come, until nobody can ask any more and all are written.
    async fn write(self, mut output: WriteHalf<Side>, mut replies: mpsc::UnboundedReceiver<Reply>) {
        let (mut due, mut is_open, mut hangs) = (BTreeMap::new(), true, self.0.hangs.watch());
        for count in 0_u64.. {
            let next = due.first_key_value().map(|((at, _), _)| *at);
            tokio::select! {
                biased;
                reply = replies.recv(), if is_open => match reply {
                    Some(reply) => drop(due.insert((reply.at, count), reply)),
                    None => is_open = false,
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    hangs.until(|hangs| !hangs).await;
                    let Some((_, reply)) = due.pop_first() else { return };
                    if self.say(&mut output, &reply).await.is_err() {
                        return;
                    }
                }
                else => return,
            }
        }
    }

    async fn say(&self, output: &mut WriteHalf<Side>, reply: &Reply) -> io::Result<()> {
        if let Some((marker, said)) = reply.about {
            self.0.judge.says(self.0.nature.id, marker, said);
        }
        output.write_all(reply.bytes.as_bytes()).await
    }
}
