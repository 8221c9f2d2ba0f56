//! The API socket: XML over TCP. Requests of one connection are worked on together and answered in order.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use futures::future::FutureExt;
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

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

    async fn talk(door: Door, stream: impl Stream, origin: Origin) {
        let desk = door.desk.clone();
        let take = move |arrived: Arrived| desk.take(arrived, &origin).map(text);
        Client::new(door, stream, take).converse().await;
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
    answers: FuturesOrdered<A>,
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
}

/// What woke a connection.
enum Event {
    Answer(String),
    Wrote(io::Result<usize>),
    Read(io::Result<usize>),
    Idle,
    Drain,
}

impl<S: Stream, T: Fn(Arrived) -> A, A: Future<Output = String>> Client<S, T, A> {
    fn new(door: Door, stream: S, take: T) -> Self {
        Self {
            decoder: FrameDecoder::new(door.settings.max_request_bytes),
            idle: Box::pin(sleep(door.settings.idle_timeout)),
            beyond: door.connections.buffers().part(),
            door,
            stream,
            take,
            input: BytesMut::new(),
            answers: FuturesOrdered::new(),
            output: BytesMut::new(),
            is_unflushed: false,
            is_eof: false,
            is_over: false,
            is_lost: false,
            heard: Instant::now(),
        }
    }

    async fn converse(mut self) {
        loop {
            self.take_requests();
            if self.is_over && self.answers.is_empty() && self.output.is_empty() {
                break;
            }
            let event = self.event().await;
            self.handle(event);
            self.settle();
        }
        if !self.is_lost {
            drop(close(&mut self.stream).await);
        }
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
            self.answers.push_back((self.take)(Arrived::Crowded));
        }
    }

    /// Takes whole requests out of what was read, as many as may be worked on at once.
    fn take_requests(&mut self) {
        while self.answers.len() < self.door.settings.max_pipelined {
            let (decoder, input) = (&mut self.decoder, &mut self.input);
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
        self.answers.push_back((self.take)(arrived));
    }

    /// The next thing that happens; answers and writing go before reading more.
    async fn event(&mut self) -> Event {
        let wants_answers = !self.answers.is_empty();
        let has_room = self.answers.len() < self.door.settings.max_pipelined;
        let wants_requests = !self.is_over && has_room && self.output.len() < MAX_UNREAD_BYTES;
        if wants_requests {
            self.input.reserve(READ_BYTES);
        }
        let (stream, output, input) = (&mut self.stream, &self.output, &mut self.input);
        let is_unflushed = &mut self.is_unflushed;
        let moved = poll_fn(|cx| {
            if let Poll::Ready(wrote) = poll_write(cx, stream, output, is_unflushed) {
                return Poll::Ready(Event::Wrote(wrote));
            }
            if !wants_requests {
                return Poll::Pending;
            }
            poll_read_buf(Pin::new(&mut *stream), cx, input).map(Event::Read)
        });
        tokio::select! {
            biased;
            Some(answer) = self.answers.next(), if wants_answers => Event::Answer(answer),
            event = moved => event,
            () = &mut self.idle => Event::Idle,
            () = self.door.drain.cancelled(), if !self.is_over => Event::Drain,
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Answer(answer) => self.put(&answer),
            Event::Wrote(Ok(count)) if count > 0 => self.wrote(count),
            Event::Read(Ok(count)) if count > 0 => {}
            Event::Read(Ok(_)) => self.client_is_done(),
            // Over TLS, many clients end without saying so first.
            Event::Read(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.client_is_done(),
            Event::Wrote(_) | Event::Read(Err(_)) => self.lose(),
            Event::Idle => return self.check_idle(),
            Event::Drain => self.drain(),
        }
        self.heard = Instant::now();
    }

    /// Puts an answer out, and those behind it that are ready too, so that they go in one write.
    fn put(&mut self, answer: &str) {
        if self.is_lost {
            return;
        }
        self.output.extend_from_slice(answer.as_bytes());
        while self.output.len() < MAX_UNREAD_BYTES {
            let Some(Some(answer)) = self.answers.next().now_or_never() else { return };
            self.output.extend_from_slice(answer.as_bytes());
        }
    }

    fn wrote(&mut self, count: usize) {
        self.output.advance(count);
        if self.output.is_empty() && self.beyond.bytes() > 0 {
            // What was much is not kept for what will be little.
            self.output = BytesMut::new();
        }
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
        self.output.clear();
    }

    /// The timer fired: if nothing moved for the whole time, a half-sent request is answered, and that is it.
    fn check_idle(&mut self) {
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

/// Writes what there is to write, and then pushes out what is kept on the way; pending if there is neither.
fn poll_write<S: Stream>(
    cx: &mut Context<'_>,
    stream: &mut S,
    output: &BytesMut,
    is_unflushed: &mut bool,
) -> Poll<io::Result<usize>> {
    if !output.is_empty() {
        let wrote = ready!(Pin::new(stream).poll_write(cx, output));
        *is_unflushed = true;
        return Poll::Ready(wrote);
    }
    if *is_unflushed {
        let flushed = ready!(Pin::new(stream).poll_flush(cx));
        *is_unflushed = false;
        if let Err(error) = flushed {
            return Poll::Ready(Err(error));
        }
    }
    Poll::Pending
}
