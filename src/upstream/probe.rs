//! Asks a core that is shut out whether it is back, with the reference's echo function.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_util::codec::Decoder;

use super::LinkSettings;
use super::backoff::Backoff;
use super::breaker::State;
use super::shared::CoreShared;
use crate::net::TcpStream;
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
        let is_alive = answers(&core.core.address, settings.connect_timeout, settings.leg_timeout).await;
        core.breaker.probed(is_alive);
        if is_alive {
            tracing::info!(core = core.core.id.0, name = core.core.name, "the core is back");
            return;
        }
    }
}

/// Whether the core answers TEST in time; any RESULT will do.
async fn answers(address: &str, connect_timeout: Duration, leg_timeout: Duration) -> bool {
    let ask = async {
        let mut stream = timeout(connect_timeout, TcpStream::connect(address)).await.ok()?.ok()?;
        stream.write_all(TEST).await.ok()?;
        let (mut decoder, mut input) = (FrameDecoder::new(MAX_ANSWER), BytesMut::new());
        loop {
            match decoder.decode(&mut input).ok()? {
                Some(Frame::Message(reply)) => return ReplyHead::read(&reply).map(drop),
                Some(Frame::Fault(_)) => return None,
                None if stream.read_buf(&mut input).await.ok()? == 0 => return None,
                None => {}
            }
        }
    };
    matches!(timeout(connect_timeout + leg_timeout, ask).await, Ok(Some(())))
}
