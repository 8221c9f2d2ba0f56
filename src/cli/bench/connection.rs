//! One connection of a load: what is due goes out, and replies are matched with what was asked, in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::render::Renderer;
use super::replies::{Reply, cut};
use super::schedule::Schedule;
use super::tally::Tally;
use crate::net::TcpStream;

/// How long after a connection was lost it is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The largest reply that is waited for, in bytes.
const MAX_REPLY: usize = 64 * 1024 * 1024;

/// What the connections of one thread share.
pub(super) struct Share {
    pub address: SocketAddr,
    pub renderer: Renderer,
    /// Requests of one connection that may be under way at once.
    pub pipeline: usize,
    /// How long a reply is waited for.
    pub timeout: Duration,
    /// When what is due, once it is known.
    pub schedule: Cell<Option<Schedule>>,
    pub tally: RefCell<Tally>,
    /// Replies so far, over all threads.
    pub answered: Arc<AtomicU64>,
    /// Connections that are up.
    pub up: Cell<usize>,
    /// Where all of them read into.
    pub scratch: RefCell<Box<[u8]>>,
}

/// One connection, made anew whenever it is lost.
pub(super) struct Connection {
    /// Its place among all connections of the load.
    at: usize,
    share: Rc<Share>,
    state: RefCell<State>,
    /// There is something to write that did not go at once, or the connection is given up.
    changed: Notify,
}

struct State {
    writer: Option<Rc<OwnedWriteHalf>>,
    output: Vec<u8>,
    /// How much of `output` is written.
    written: usize,
    /// The beginning of a reply.
    input: Vec<u8>,
    in_flight: VecDeque<Sent>,
    /// How many requests are due and not sent.
    due: u64,
    /// The number of the next one, from 0.
    next: u64,
    random: fastrand::Rng,
    /// A reply took too long.
    is_given_up: bool,
}

/// A request that was sent.
struct Sent {
    request_id: u32,
    due: Instant,
    since: Instant,
}

impl Connection {
    pub fn new(at: usize, share: Rc<Share>) -> Rc<Self> {
        let state = State {
            writer: None,
            output: Vec::new(),
            written: 0,
            input: Vec::new(),
            in_flight: VecDeque::new(),
            due: 0,
            next: 0,
            random: fastrand::Rng::with_seed(at as u64),
            is_given_up: false,
        };
        Rc::new(Self { at, share, state: RefCell::new(state), changed: Notify::new() })
    }

    /// When the request of this number is due.
    pub fn due(&self, schedule: &Schedule, number: u64, rate: f64) -> Instant {
        schedule.due(self.at, number, rate)
    }

    /// Connects, and again whenever the connection is lost.
    pub async fn run(self: Rc<Self>) {
        loop {
            if let Ok(Ok(stream)) = timeout(self.share.timeout, TcpStream::connect(self.share.address)).await
                && stream.set_nodelay(true).is_ok()
            {
                self.share.up.set(self.share.up.get() + 1);
                self.talk(stream).await.unwrap_or_default();
                self.share.up.set(self.share.up.get() - 1);
                self.lose();
            }
            sleep(AGAIN).await;
        }
    }

    /// One more request is due.
    pub fn owe(&self) {
        self.state.borrow_mut().due += 1;
        self.send();
    }

    /// Sends what is due, as far as it may be under way at once.
    pub fn send(&self) {
        let Some(schedule) = self.share.schedule.get() else { return };
        let mut state = self.state.borrow_mut();
        let Some(writer) = state.writer.clone() else { return };
        let now = Instant::now();
        while state.in_flight.len() < self.share.pipeline
            && let Some(due) = state.take_due(self.at, &schedule, now)
        {
            state.render(&self.share.renderer, due, now);
        }
        // A connection that cannot be written to cannot be read from either, and that is where it ends.
        let sent = state.write(&writer).unwrap_or_default();
        self.share.tally.borrow_mut().sent_bytes += sent;
        if state.has_backlog() {
            self.changed.notify_one();
        }
    }

    /// Requests out and replies in, until the connection is lost.
    async fn talk(&self, stream: TcpStream) -> io::Result<()> {
        let (mut reader, writer) = stream.into_split();
        let writer = Rc::new(writer);
        self.state.borrow_mut().writer = Some(writer.clone());
        self.send();
        loop {
            let has_backlog = self.state.borrow().has_backlog();
            tokio::select! {
                biased;
                read = self.read(&mut reader) => read?,
                writable = writer.writable(), if has_backlog => writable?,
                () = self.changed.notified() => {}
            }
            if self.state.borrow().is_given_up {
                return Ok(());
            }
            self.send();
        }
    }

    /// Takes the replies that have come.
    async fn read(&self, reader: &mut OwnedReadHalf) -> io::Result<()> {
        poll_fn(|cx| {
            let mut scratch = self.share.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *reader).poll_read(cx, &mut buffer))?;
            Poll::Ready(self.take(buffer.filled()))
        })
        .await
    }

    fn take(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.share.tally.borrow_mut().received_bytes += bytes.len() as u64;
        let mut state = self.state.borrow_mut();
        let now = Instant::now();
        let mut input = std::mem::take(&mut state.input);
        if input.is_empty() {
            let rest = self.take_replies(&mut state, bytes, now)?;
            input.extend_from_slice(rest);
        } else {
            input.extend_from_slice(bytes);
            let left = self.take_replies(&mut state, &input, now)?.len();
            input.drain(..input.len() - left);
        }
        state.input = input;
        if state.input.len() > MAX_REPLY { Err(invalid("a reply without an end")) } else { Ok(()) }
    }

    /// Matches whole replies; what is left.
    fn take_replies<'b>(&self, state: &mut State, mut bytes: &'b [u8], now: Instant) -> io::Result<&'b [u8]> {
        while let Some((reply, len)) = cut(self.share.renderer.speech, bytes).map_err(invalid)? {
            self.answer(state, &reply, now)?;
            bytes = &bytes[len..];
        }
        Ok(bytes.trim_ascii_start())
    }

    fn answer(&self, state: &mut State, reply: &Reply<'_>, now: Instant) -> io::Result<()> {
        let mut tally = self.share.tally.borrow_mut();
        let sent = state.in_flight.pop_front();
        let Some(sent) = sent.filter(|sent| reply.number == Some(sent.request_id)) else {
            tally.mistaken += 1;
            return Err(invalid("a reply to something else"));
        };
        self.share.answered.fetch_add(1, Ordering::Relaxed);
        if self.measures(sent.due) {
            tally.answered(reply.label, now.saturating_duration_since(sent.due));
        }
        Ok(())
    }

    fn measures(&self, due: Instant) -> bool {
        self.share.schedule.get().is_some_and(|schedule| schedule.measures(due))
    }

    /// Gives the connection up if a reply takes too long.
    pub fn check(&self, now: Instant) {
        let mut state = self.state.borrow_mut();
        if state.in_flight.front().is_some_and(|sent| sent.since + self.share.timeout <= now) {
            state.is_given_up = true;
            self.changed.notify_one();
        }
    }

    /// The connection is gone, and what was under way on it has no answer.
    fn lose(&self) {
        let mut state = self.state.borrow_mut();
        let count = state.in_flight.iter().filter(|sent| self.measures(sent.due)).count() as u64;
        let mut tally = self.share.tally.borrow_mut();
        if state.is_given_up {
            tally.timed_out += count
        } else {
            tally.lost += count
        }
        state.in_flight.clear();
        state.writer = None;
        state.output.clear();
        state.written = 0;
        state.input.clear();
        state.is_given_up = false;
    }

    /// Whether nothing is due or under way.
    pub fn is_done(&self) -> bool {
        let state = self.state.borrow();
        state.in_flight.is_empty() && state.due == 0
    }

    /// Counts what has no answer and is no longer waited for.
    pub fn finish(&self) {
        let state = self.state.borrow();
        let mut tally = self.share.tally.borrow_mut();
        tally.timed_out += state.in_flight.iter().filter(|sent| self.measures(sent.due)).count() as u64;
        let Some(schedule) = self.share.schedule.get() else { return };
        let Some(rate) = schedule.rate else { return };
        let unsent = (state.next..state.next + state.due).map(|number| self.due(&schedule, number, rate));
        tally.unsent += unsent.filter(|due| schedule.measures(*due)).count() as u64;
    }
}

impl State {
    /// The time at which the next request was due, if one is.
    fn take_due(&mut self, at: usize, schedule: &Schedule, now: Instant) -> Option<Instant> {
        let due = match schedule.rate {
            None => (now < schedule.ends).then_some(now)?,
            Some(_) if self.due == 0 => return None,
            Some(rate) => {
                self.due -= 1;
                schedule.due(at, self.next, rate)
            }
        };
        self.next += 1;
        Some(due)
    }

    fn render(&mut self, renderer: &Renderer, due: Instant, now: Instant) {
        const NUMBERS: u64 = i32::MAX as u64;
        let request_id = u32::try_from(1 + (self.next - 1) % NUMBERS).unwrap_or(1);
        let turn = usize::try_from(self.next - 1).unwrap_or(0);
        renderer.write(turn, request_id, &mut self.random, &mut self.output);
        self.in_flight.push_back(Sent { request_id, due, since: now });
    }

    fn has_backlog(&self) -> bool {
        self.written < self.output.len()
    }

    /// Writes as much as goes at once; how many bytes.
    fn write(&mut self, writer: &OwnedWriteHalf) -> io::Result<u64> {
        let before = self.written;
        while self.has_backlog() {
            match writer.try_write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let sent = (self.written - before) as u64;
        if !self.has_backlog() {
            self.output.clear();
            self.written = 0;
        }
        Ok(sent)
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
