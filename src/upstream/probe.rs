//! Asks a core that is shut out whether it is back, with the reference's echo function.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_util::codec::Decoder;

use super::LinkSettings;
use super::backoff::Backoff;
use super::breaker::State;
use super::dial::{Dialed, dial};
use super::shared::CoreShared;
use crate::protocol::frame::{Frame, FrameDecoder};
use crate::protocol::result::ReplyHead;

const TEST: &[u8] = b"<REQUEST><REQUESTID>1</REQUESTID><TYPE>TEST</TYPE></REQUEST>\r\n";

/// The largest answer to TEST that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Probes the core whenever its breaker shuts, until it passes again; one such task per core and process.
pub async fn keep_probing(core: Arc<CoreShared>, settings: LinkSettings) {
    let mut states = core.breaker.watch();
    while states.wait_for(|state| *state == State::Shut).await.is_ok() {
        until_alive(&core, settings).await;
    }
}

async fn until_alive(core: &CoreShared, settings: LinkSettings) {
    let bounds = core.breaker.settings();
    let mut backoff = Backoff::new(bounds.probe_min, bounds.probe_max);
    tracing::warn!(core = core.core.id.0, name = core.core.name, "the core is down: nothing is sent to it");
    loop {
        sleep(backoff.next()).await;
        core.breaker.probing();
        let is_alive = answers(core, settings).await;
        core.breaker.probed(is_alive);
        if is_alive {
            tracing::info!(core = core.core.id.0, name = core.core.name, "the core is back");
            return;
        }
    }
}

/// Whether the core answers TEST in time; any RESULT will do. A connection that cannot be made is noted: while the
/// core is shut out, nobody else finds out why.
async fn answers(core: &CoreShared, settings: LinkSettings) -> bool {
    let ask = async {
        match dial(core, settings.connect_timeout).await {
            Ok(Dialed::Plain(stream)) => ask(stream).await,
            Ok(Dialed::Secured(stream)) => ask(stream).await,
            Err(error) => {
                core.note_error(format!("could not connect: {error}"));
                None
            }
        }
    };
    matches!(timeout(settings.connect_timeout + settings.leg_timeout, ask).await, Ok(Some(())))
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    stream.write_all(TEST).await.ok()?;
    stream.flush().await.ok()?;
    let (mut decoder, mut input) = (FrameDecoder::new(MAX_ANSWER), BytesMut::new());
    loop {
        match decoder.decode(&mut input).ok()? {
            Some(Frame::Message(reply)) => return ReplyHead::read(&reply).map(drop),
            Some(Frame::Fault(_)) => return None,
            None if stream.read_buf(&mut input).await.ok()? == 0 => return None,
            None => {}
        }
    }
}
