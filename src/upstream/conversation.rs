//! One connection to a core: requests out, replies in, always both in the same step. A link that only wrote
//! until all was written could deadlock with a core that does the same.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use super::LinkSettings;
use super::flight::{Answered, Flight, Sent};
use super::queue::{Queue, Waiting};
use super::shared::Local;
use crate::command::wire_head;
use crate::model::{Outcome, Rejection, Unsent};
use crate::protocol::frame::{Frame, FrameDecoder};
use crate::protocol::refrain::Refrain;
use crate::protocol::result::ReplyHead;

/// Requests are written together up to this many bytes, so that a batch is one system call and yet a leg's
/// place is still the queue while the core does not read.
const BATCH_BYTES: usize = 64 * 1024;

/// Room made for replies before each read.
const READ_BYTES: usize = 16 * 1024;

/// Why a conversation ended.
#[derive(Debug)]
pub(super) struct Lost {
    /// For the log and the live page.
    pub reason: String,
    /// Whether what came was no reply: then the legs in flight got a bad one.
    is_garbage: bool,
}

impl Lost {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_garbage: false }
    }

    /// Replies are owed for too long.
    pub fn stalled() -> Self {
        Self::because("replies are overdue: the connection is made anew")
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::because(format!("the connection was lost: {error}"))
    }
}

/// A connection with what is under way on it.
pub(super) struct Conversation<'l, S> {
    stream: S,
    core: &'l Local,
    queue: &'l RefCell<Queue>,
    /// How long an overdue reply is waited for before the connection is doubted.
    patience: Duration,
    out: String,
    /// How much of `out` is written.
    out_done: usize,
    /// All that was ever written, in bytes.
    written: u64,
    input: BytesMut,
    decoder: FrameDecoder,
    flight: Flight,
    refrain: Refrain,
    heard: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<'l, S: AsyncRead + AsyncWrite + Unpin> Conversation<'l, S> {
    pub fn new(stream: S, core: &'l Local, settings: LinkSettings, queue: &'l RefCell<Queue>) -> Self {
        Self {
            stream,
            core,
            queue,
            patience: settings.leg_timeout,
            out: String::new(),
            out_done: 0,
            written: 0,
            input: BytesMut::new(),
            decoder: FrameDecoder::new(settings.max_reply_bytes),
            flight: Flight::default(),
            refrain: Refrain::default(),
            heard: None,
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Moves everything that can move; ready when the connection is lost.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Lost> {
        match self.step(cx) {
            Ok(()) => Poll::Pending,
            Err(lost) => Poll::Ready(lost),
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Result<(), Lost> {
        self.queue.borrow_mut().register(cx);
        loop {
            self.fill();
            let wrote = self.write(cx)?;
            let read = self.read(cx)?;
            if !wrote && !read {
                return self.keep_time(cx);
            }
        }
    }

    /// Hands legs to the connection, as many as may be in flight and as fit into one write.
    fn fill(&mut self) {
        let before = self.flight.len();
        while self.out_done == 0
            && self.out.len() < BATCH_BYTES
            && self.flight.has_room(self.core.core.pipeline)
        {
            let Some(leg) = self.queue.borrow_mut().pop() else { break };
            let starts_at = self.written + self.out.len() as u64;
            wire_head(&mut self.out, self.flight.next_number());
            self.out.push_str(leg.wire());
            self.flight.push(Sent { waiting: leg, starts_at });
        }
        // Counted together: other threads count here too, which makes each step dear.
        let taken = self.flight.len() - before;
        if taken > 0 {
            self.core.queued.fetch_sub(count(taken), Ordering::Relaxed);
            self.core.in_flight.fetch_add(count(taken), Ordering::Relaxed);
        }
    }

    /// Writes what there is; whether any was written.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        let mut wrote = false;
        while self.out_done < self.out.len() {
            let rest = &self.out.as_bytes()[self.out_done..];
            let Poll::Ready(done) = Pin::new(&mut self.stream).poll_write(cx, rest) else { return Ok(wrote) };
            let done = done?;
            if done == 0 {
                return Err(Lost::because("the core takes no more bytes"));
            }
            self.out_done += done;
            self.written += done as u64;
            wrote = true;
        }
        if wrote {
            // One look at the clock for all that went out together.
            self.flight.written(Instant::now());
        }
        self.out.clear();
        self.out_done = 0;
        // TLS keeps what did not go at once; over a plain socket this is nothing.
        if let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) {
            flushed?;
        }
        Ok(wrote)
    }

    /// Reads what there is and ends the legs that it answers; whether any was read.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        self.input.reserve(READ_BYTES);
        let Poll::Ready(count) = poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input) else {
            return Ok(false);
        };
        if count? == 0 {
            return Err(Lost::because("the core closed the connection"));
        }
        let (now, before) = (Instant::now(), self.flight.len());
        let was_heard = self.take_replies(now);
        self.in_flight_fell(before - self.flight.len());
        self.heard = was_heard?.then_some(now).or(self.heard);
        Ok(true)
    }

    /// Ends the legs that what was read answers; whether there were any replies.
    fn take_replies(&mut self, now: Instant) -> Result<bool, Lost> {
        let mut was_heard = false;
        loop {
            was_heard |= self.take_usual(now);
            match self.decoder.decode(&mut self.input)? {
                Some(Frame::Message(reply)) => {
                    let head =
                        ReplyHead::read(&reply).ok_or_else(|| garbage("no RESULT with a RESULTCODE"))?;
                    take(&mut self.flight, self.core, head.request_id, outcome_of(head), &reply, now);
                }
                Some(Frame::Fault(fault)) => return Err(garbage(&fault.to_string())),
                None => return Ok(was_heard),
            }
            was_heard = true;
        }
    }

    /// The same for replies of the usual form, which nearly all have. They are so short that their end is found by reading
    /// them.
    fn take_usual(&mut self, now: Instant) -> bool {
        let Self { decoder, input, flight, refrain, core, .. } = self;
        if !decoder.is_at_message(input) {
            return false;
        }
        let mut at = 0;
        while let Some((number, outcome, len)) = usual(refrain, decoder.window(&input[at..])) {
            take(flight, core, number, outcome, &input[at..at + len], now);
            at += len;
            at += if input[at..].starts_with(b"\r\n") { 2 } else { 0 };
        }
        input.advance(at);
        at > 0
    }

    /// One timer for all legs: it is set to the first event known, and when it fires, what is due is done.
    fn keep_time(&mut self, cx: &mut Context<'_>) -> Result<(), Lost> {
        loop {
            let Some(at) = self.queue.borrow().next_event() else { return Ok(()) };
            if self.timer.deadline() != at {
                self.timer.as_mut().reset(at);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            self.expire(Instant::now())?;
        }
    }

    fn expire(&mut self, now: Instant) -> Result<(), Lost> {
        for sent in self.flight.expire(now) {
            sent.waiting.end(Outcome::TimedOut, None, now);
        }
        let due = self.queue.borrow_mut().expire(now);
        for leg in due {
            self.core.queued.fetch_sub(1, Ordering::Relaxed);
            leg.end(Outcome::NotSent(Unsent::Deadline), None, now);
        }
        self.doubt(now)?;
        if let Some(at) = self.flight.next_event(self.patience) {
            self.queue.borrow_mut().expect_event(at);
        }
        Ok(())
    }

    /// A reply that is overdue for long: where the core answers others, this one is lost and its slot is free;
    /// where nothing was heard since, the connection is dead and is made anew.
    fn doubt(&mut self, now: Instant) -> Result<(), Lost> {
        if !self.flight.is_stalled(now, self.patience) {
            return Ok(());
        }
        if self.heard.is_none_or(|heard| heard + self.patience < now) {
            return Err(Lost::stalled());
        }
        let before = self.flight.len();
        self.flight.forget_stalled(now, self.patience);
        self.in_flight_fell(before - self.flight.len());
        Ok(())
    }

    fn in_flight_fell(&self, by: usize) {
        self.core.in_flight.fetch_sub(count(by), Ordering::Relaxed);
    }

    /// Whether a reply is overdue.
    pub fn has_overdue(&self) -> bool {
        self.flight.has_overdue()
    }

    /// Whether the core ever answered here.
    pub const fn was_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// The connection is lost: legs of which a byte was written end, the others go back to the queue.
    pub fn lose(mut self, lost: &Lost) {
        let now = Instant::now();
        self.in_flight_fell(self.flight.len());
        let (unsent, sent): (Vec<_>, Vec<_>) =
            self.flight.take_all().into_iter().partition(|sent| sent.starts_at >= self.written);
        for sent in sent {
            let outcome = if lost.is_garbage { Outcome::BadReply } else { Outcome::Disconnected };
            sent.waiting.end(outcome, None, now);
        }
        let legs: Vec<Waiting> = unsent.into_iter().map(|sent| sent.waiting).collect();
        self.core.queued.fetch_add(count(legs.len()), Ordering::Relaxed);
        self.queue.borrow_mut().put_back(legs);
    }
}

/// A number of legs, as gauges have it.
fn count(legs: usize) -> i64 {
    i64::try_from(legs).unwrap_or(0)
}

/// The reply of the usual form that `input` begins with: its number, what it means, and its length.
fn usual(refrain: &mut Refrain, input: &[u8]) -> Option<(Option<u32>, Outcome, usize)> {
    if let Some((number, len)) = refrain.again(input) {
        return Some((Some(number), Outcome::Ok, len));
    }
    let (head, len) = ReplyHead::cut(input)?;
    refrain.learn(&head, &input[..len]);
    Some((head.request_id, outcome_of(head), len))
}

/// One reply: ends its leg.
fn take(
    flight: &mut Flight,
    core: &Local,
    number: Option<u32>,
    outcome: Outcome,
    reply: &[u8],
    now: Instant,
) {
    match number.map_or(Answered::Stray, |number| flight.answer(number)) {
        Answered::Leg(sent) => sent.waiting.end(outcome, Some(reply), now),
        Answered::Late => core.late.increment(1),
        Answered::Stray => core.stray.increment(1),
    }
}

fn garbage(what: &str) -> Lost {
    Lost { reason: format!("the core sent what is no reply: {what}"), is_garbage: true }
}

/// What a reply means for its leg.
pub(super) fn outcome_of(head: ReplyHead<'_>) -> Outcome {
    if head.is_ok() {
        return Outcome::Ok;
    }
    let (label, message) = (head.label.into_owned(), head.message.into_owned());
    Outcome::Rejected(Box::new(Rejection { code: head.code, label, message }))
}

#[cfg(test)]
mod tests;
