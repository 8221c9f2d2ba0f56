//! One request after the other on a connection of its own, off the way of calls: TEST for a core that is shut out, and
//! what is delivered late.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_util::codec::Decoder;

use super::LinkSettings;
use super::conversation::outcome_of;
use super::dial::{Dialed, Stream, dial};
use super::shared::CoreShared;
use crate::command::wire_head;
use crate::model::{Outcome, Unsent};
use crate::protocol::frame::{Frame, FrameDecoder};
use crate::protocol::result::ReplyHead;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Somebody who asks a core something. The connection is made when it is needed, and used again while all goes well.
pub struct Errand<'c> {
    core: &'c CoreShared,
    settings: LinkSettings,
    line: Option<Line>,
}

/// How it went.
#[derive(Debug)]
pub struct Done {
    /// As that of a leg.
    pub outcome: Outcome,
    /// From when the request was written, or could not be, to its end.
    pub took: Duration,
}

impl<'c> Errand<'c> {
    /// Somebody who has no connection yet.
    #[must_use]
    pub const fn new(core: &'c CoreShared, settings: LinkSettings) -> Self {
        Self { core, settings, line: None }
    }

    /// Asks, once it is connected: then the request is made, from behind its REQUESTID to its end. A connection that
    /// cannot be made is noted.
    pub async fn ask(&mut self, request: impl FnOnce() -> String) -> Done {
        let line = match self.line.take() {
            Some(line) => Ok(line),
            None => Line::connect(self.core, self.settings.connect_timeout).await,
        };
        let began = Instant::now();
        let outcome = match line {
            Ok(line) => self.talk(line, &request()).await,
            Err(outcome) => outcome,
        };
        Done { outcome, took: began.elapsed() }
    }

    async fn talk(&mut self, mut line: Line, request: &str) -> Outcome {
        match timeout(self.settings.leg_timeout, line.exchange(request)).await {
            Err(_) => Outcome::TimedOut,
            Ok(None) => Outcome::Disconnected,
            Ok(Some(reply)) => {
                let outcome = ReplyHead::read(&reply).map_or(Outcome::BadReply, outcome_of);
                self.line = outcome.is_answer().then_some(line);
                outcome
            }
        }
    }
}

/// A connection.
struct Line {
    stream: Box<dyn Stream>,
    decoder: FrameDecoder,
    input: BytesMut,
    /// REQUESTID of the last request.
    number: u32,
}

impl Line {
    async fn connect(core: &CoreShared, patience: Duration) -> Result<Self, Outcome> {
        let stream: Box<dyn Stream> = match dial(core, patience).await {
            Ok(Dialed::Plain(stream)) => Box::new(stream),
            Ok(Dialed::Secured(stream)) => stream,
            Ok(Dialed::Other(stream)) => stream,
            Err(error) => {
                core.note_error(format!("could not connect: {error}"));
                return Err(Outcome::NotSent(Unsent::Connect));
            }
        };
        Ok(Self { stream, decoder: FrameDecoder::new(MAX_ANSWER), input: BytesMut::new(), number: 0 })
    }

    /// The reply; nothing if the connection is lost, an empty one if what comes is none.
    async fn exchange(&mut self, request: &str) -> Option<Bytes> {
        self.number = self.number.wrapping_add(1);
        let mut text = String::with_capacity(request.len() + 64);
        wire_head(&mut text, self.number);
        text.push_str(request);
        self.stream.write_all(text.as_bytes()).await.ok()?;
        self.stream.flush().await.ok()?;
        loop {
            match self.decoder.decode(&mut self.input).ok()? {
                Some(Frame::Message(reply)) => return Some(reply),
                Some(Frame::Fault(_)) => return Some(Bytes::new()),
                None if self.stream.read_buf(&mut self.input).await.ok()? == 0 => return None,
                None => {}
            }
        }
    }
}
