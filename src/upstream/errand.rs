//! One request and its answer on a connection of its own, off the way of calls: TEST for a core that is shut out, and
//! what is delivered late.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::codec::Decoder;

use super::LinkSettings;
use super::conversation::outcome_of;
use super::dial::{Dialed, dial};
use super::shared::CoreShared;
use crate::command::wire_head;
use crate::model::{Outcome, Unsent};
use crate::protocol::frame::{Frame, FrameDecoder};
use crate::protocol::result::ReplyHead;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// There is one request on the connection, so any number will do.
const NUMBER: u32 = 1;

/// Asks a core, given a request from behind its REQUESTID to its end. A connection that cannot be made is noted.
pub async fn errand(core: &CoreShared, settings: LinkSettings, wire: &str) -> Outcome {
    let mut request = String::with_capacity(wire.len() + 64);
    wire_head(&mut request, NUMBER);
    request.push_str(wire);
    match dial(core, settings.connect_timeout).await {
        Ok(Dialed::Plain(stream)) => ask(stream, &request, settings.leg_timeout).await,
        Ok(Dialed::Secured(stream)) => ask(stream, &request, settings.leg_timeout).await,
        Ok(Dialed::Other(stream)) => ask(stream, &request, settings.leg_timeout).await,
        Err(error) => {
            core.note_error(format!("could not connect: {error}"));
            Outcome::NotSent(Unsent::Connect)
        }
    }
}

async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin, request: &str, patience: Duration) -> Outcome {
    match timeout(patience, exchange(stream, request)).await {
        Err(_) => Outcome::TimedOut,
        Ok(None) => Outcome::Disconnected,
        Ok(Some(reply)) => ReplyHead::read(&reply).map_or(Outcome::BadReply, outcome_of),
    }
}

/// The reply; nothing if the connection is lost, an empty one if what comes is none.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Option<Bytes> {
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let (mut decoder, mut input) = (FrameDecoder::new(MAX_ANSWER), BytesMut::new());
    loop {
        match decoder.decode(&mut input).ok()? {
            Some(Frame::Message(reply)) => return Some(reply),
            Some(Frame::Fault(_)) => return Some(Bytes::new()),
            None if stream.read_buf(&mut input).await.ok()? == 0 => return None,
            None => {}
        }
    }
}
