//! The API socket: XML over TCP. Requests of one connection are worked on together and answered in order.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use futures::future::{FutureExt, MaybeDone, maybe_done};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::door::{Door, Goodbye, OWN_BYTES, Speech, Stream, close};
use crate::budget::Part;
use crate::command::Urgency;
use crate::fanout::{Answer, Arrived, Origin};
use crate::net::TcpListener;
use crate::protocol::frame::{Frame, FrameDecoder, FrameFault};
use crate::protocol::request::Request;

/// Answers that wait for a client to read them, in bytes; past that nothing more is read from it either.
const MAX_UNREAD_BYTES: usize = 256 * 1024;

/// Room made for requests before each read; an idle connection holds no more than this.
const READ_BYTES: usize = 4 * 1024;

/// Serves the API socket until the drain.
pub async fn serve(door: Door, socket: TcpListener) {
    door.serve::<Xml>(socket).await;
}

/// Converses, on a task of its own, with a client that did not come by a socket of ours but has this address; whether
/// it may stay.
///
/// # Panics
/// Outside of a [`tokio::runtime::LocalRuntime`] or a [`tokio::task::LocalSet`].
pub fn welcome(door: &Door, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: IpAddr) -> bool {
    door.welcome::<Xml>(stream, peer)
}

/// Requests and answers one behind the other.
struct Xml;

impl Speech for Xml {
    fn farewell(_: Goodbye, result: &str) -> String {
        result.into()
    }

    fn talk(door: Door, stream: impl Stream, origin: Origin) -> impl Future<Output = ()> + 'static {
        let desk = door.desk.clone();
        let take = move |arrived: Arrived| desk.take(arrived, &origin).map(text);
        // Put down once: a future that holds it would hold it several times.
        let mut client = Box::new(Client::new(door, stream, take));
        async move { client.converse().await }
    }
}

/// The desk hands no file to this listener.
fn text(answer: Answer) -> String {
    match answer {
        Answer::Result(result) => result,
        Answer::Download(_) => String::new(),
    }
}

/// One client's connection.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all combinations occur")]
struct Client<S, T, A: Future<Output = String>> {
    door: Door,
    stream: S,
    take: T,
    decoder: FrameDecoder,
    input: BytesMut,
    /// In the order of the requests.
    answers: VecDeque<MaybeDone<Pin<Box<A>>>>,
    output: BytesMut,
    /// What it holds beyond its own.
    beyond: Part,
    /// Something was written that may still be on this side of the socket: TLS keeps what does not go at once.
    is_unflushed: bool,
    /// The client sends nothing more.
    is_eof: bool,
    /// Nothing more is read from this client.
    is_over: bool,
    /// The client cannot be written to.
    is_lost: bool,
    heard: Instant,
    idle: Pin<Box<Sleep>>,
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whom those two wake, since they were asked last.
    alarmed: Option<Waker>,
}

impl<S: Stream, T: Fn(Arrived) -> A, A: Future<Output = String>> Client<S, T, A> {
    fn new(door: Door, stream: S, take: T) -> Self {
        Self {
            decoder: FrameDecoder::new(door.settings.max_request_bytes),
            idle: Box::pin(sleep(door.settings.idle_timeout)),
            drained: Box::pin(door.drain.clone().cancelled_owned()),
            beyond: door.connections.buffers().part(),
            door,
            stream,
            take,
            input: BytesMut::new(),
            answers: VecDeque::new(),
            output: BytesMut::new(),
            is_unflushed: false,
            is_eof: false,
            is_over: false,
            is_lost: false,
            heard: Instant::now(),
            alarmed: None,
        }
    }

    async fn converse(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
        if !self.is_lost {
            // It has a buffer, which a client that stays need not carry.
            drop(Box::pin(close(&mut self.stream)).await);
        }
    }

    /// Moves everything that can move; ready when there is nothing more to say.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.take_requests();
            if self.is_over && self.answers.is_empty() && self.output.is_empty() {
                return Poll::Ready(());
            }
            let moved = self.poll_answers(cx) | self.poll_write(cx) | self.poll_read(cx);
            self.settle();
            if moved {
                self.heard = Instant::now();
            } else if self.is_alarmed(cx) {
                return Poll::Pending;
            } else if self.idle.as_mut().poll(cx).is_ready() {
                self.check_idle();
            } else if !self.is_over && self.drained.as_mut().poll(cx).is_ready() {
                self.drain();
            } else {
                self.alarmed = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
    }

    /// Whether time and the drain have nothing to say, and will wake this task when they have: to see that takes a tenth
    /// of the time that asking them takes.
    fn is_alarmed(&self, cx: &Context<'_>) -> bool {
        let is_quiet = !self.idle.is_elapsed() && !self.door.drain.is_cancelled();
        is_quiet && self.alarmed.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    /// Takes room for what it holds beyond its own, or gives it back. A client for whom there is none is told so; one
    /// that does not read what it is told is cut off.
    fn settle(&mut self) {
        let beyond = (self.input.len() + self.output.len()).saturating_sub(OWN_BYTES);
        if beyond == self.beyond.bytes() || self.beyond.resize(beyond, Urgency::Normal) {
            return;
        }
        self.input.clear();
        self.decoder = FrameDecoder::new(self.door.settings.max_request_bytes);
        if self.output.len() > OWN_BYTES {
            self.lose();
        } else if !self.is_over {
            self.is_over = true;
            self.take(Arrived::Crowded);
        }
    }

    /// Takes whole requests out of what was read, as many as may be worked on at once.
    fn take_requests(&mut self) {
        while self.answers.len() < self.door.settings.max_pipelined {
            let (decoder, input) = (&mut self.decoder, &mut self.input);
            // The usual form is read while its end is looked for.
            let is_at_request = decoder.is_at_message(input);
            let usual = || Request::cut(decoder.window(input), self.door.settings.bounds);
            if let Some((request, len)) = is_at_request.then(usual).flatten() {
                input.advance(len);
                self.take(Arrived::Request(request));
                continue;
            }
            let frame = if self.is_eof { decoder.decode_eof(input) } else { decoder.decode(input) };
            let Ok(Some(frame)) = frame else { return };
            self.take_frame(frame);
        }
    }

    fn take_frame(&mut self, frame: Frame) {
        let arrived: Arrived = match frame {
            Frame::Message(message) => Request::read(&message, self.door.settings.bounds).into(),
            Frame::Fault(fault) => fault.into(),
        };
        if arrived.closes() {
            self.is_over = true;
            self.input.clear();
        }
        self.take(arrived);
    }

    fn take(&mut self, arrived: Arrived) {
        self.answers.push_back(maybe_done(Box::pin((self.take)(arrived))));
    }

    /// Puts answers out that are ready, so many that they go in one write; whether there was one. The calls of a client that
    /// does not read go on all the same.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> bool {
        // There are so few that it costs less to ask each than to keep account of who has something to say.
        self.answers.iter_mut().for_each(|answer| _ = answer.poll_unpin(cx));
        let mut moved = false;
        while let Some(answer) = self.answers.front_mut().and_then(|first| Pin::new(first).take_output()) {
            self.answers.pop_front();
            moved = true;
            if !self.is_lost {
                self.output.extend_from_slice(answer.as_bytes());
            }
            if self.output.len() >= MAX_UNREAD_BYTES {
                break;
            }
        }
        moved
    }

    /// Writes what there is to write, and then pushes out what is kept on the way; whether any of it moved.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        if self.output.is_empty() {
            return self.poll_flush(cx);
        }
        match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
            Poll::Pending => return false,
            Poll::Ready(Ok(count)) if count > 0 => self.wrote(count),
            Poll::Ready(_) => self.lose(),
        }
        self.poll_flush(cx);
        true
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_unflushed || !self.output.is_empty() {
            return false;
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => self.is_unflushed = false,
            Poll::Ready(Err(_)) => self.lose(),
        }
        true
    }

    fn wrote(&mut self, count: usize) {
        self.is_unflushed = true;
        self.output.advance(count);
        if self.output.is_empty() && self.beyond.bytes() > 0 {
            // What was much is not kept for what will be little.
            self.output = BytesMut::new();
        }
    }

    /// Reads more requests, if there is room for them and for their answers; whether anything came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        let has_room = self.answers.len() < self.door.settings.max_pipelined;
        if self.is_over || !has_room || self.output.len() >= MAX_UNREAD_BYTES {
            return false;
        }
        self.input.reserve(READ_BYTES);
        match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input) {
            Poll::Pending => return false,
            Poll::Ready(Ok(count)) if count > 0 => {}
            Poll::Ready(Ok(_)) => self.client_is_done(),
            // Over TLS, many clients end without saying so first.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.client_is_done(),
            Poll::Ready(Err(_)) => self.lose(),
        }
        true
    }

    /// The client sends nothing more; a request that it began and did not end is answered too.
    const fn client_is_done(&mut self) {
        self.is_eof = true;
        self.is_over = true;
    }

    /// The client is gone. What it asked for is under way and is seen to its end all the same.
    fn lose(&mut self) {
        self.is_over = true;
        self.is_lost = true;
        self.is_unflushed = false;
        self.output.clear();
    }

    /// The timer fired: if nothing moved for the whole time, a half-sent request is answered, and that is it.
    fn check_idle(&mut self) {
        self.alarmed = None;
        let idle = self.heard + self.door.settings.idle_timeout;
        if idle > Instant::now() {
            self.idle.as_mut().reset(idle);
            return;
        }
        if !self.output.is_empty() {
            self.lose();
        } else if self.decoder.is_mid_message() {
            self.take_frame(Frame::Fault(FrameFault::Truncated));
        }
        self.is_over = true;
        self.idle.as_mut().reset(Instant::now() + self.door.settings.idle_timeout);
    }

    /// Requests that have arrived are still answered, then the connection closes.
    fn drain(&mut self) {
        let (stream, input) = (&mut self.stream, &mut self.input);
        let mut read = || {
            let read = poll_fn(|cx| poll_read_buf(Pin::new(&mut *stream), cx, input));
            unconstrained(read).now_or_never().is_some_and(|read| read.is_ok_and(|count| count > 0))
        };
        while read() {}
        self.is_over = true;
    }
}
