//! rtpengine's NG protocol: a cookie, a blank and JSON in one UDP datagram, and the same back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Requests under way at once; the next ones wait, each within its time-out.
const IN_FLIGHT: usize = 64;
/// How often a request is sent within its time-out. rtpengine answers a cookie that it has seen from its cache,
/// so that nothing is done twice.
const TRIES: u32 = 4;

/// Why rtpengine did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NgError {
    #[error(
        "rtpengine at {address} does not answer within {seconds} s; see whether it runs and whether its listen-ng is this address",
        address = .0,
        seconds = .1.as_secs_f32()
    )]
    Silent(SocketAddr, Duration),
    #[error("rtpengine at {0} cannot be reached: {1}")]
    Unreachable(SocketAddr, Arc<str>),
    #[error(
        "rtpengine does not know the call {0:?}; CALLID must be the Call-ID that the SIP proxy gives to rtpengine"
    )]
    UnknownCall(Arc<str>),
    #[error("rtpengine at {0} refuses {1:?}: {2}")]
    Refused(SocketAddr, &'static str, String),
    #[error("rtpengine at {0} answers {1:?} with what cannot be understood")]
    Garbled(SocketAddr, &'static str),
}

/// What rtpengine has counted of a call's RTP since the call began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub packets: u64,
    /// RTP headers and payloads.
    pub bytes: u64,
}

impl Counters {
    /// The least that a capture of what came since then takes in a file: each packet has 16 bytes of pcap, and
    /// 28 of IPv4 and UDP.
    pub fn captured_since(self, then: Self) -> u64 {
        let packets = self.packets.saturating_sub(then.packets);
        self.bytes.saturating_sub(then.bytes).saturating_add(packets.saturating_mul(44))
    }
}

/// A client of one rtpengine.
#[derive(Debug)]
pub(super) struct Ng {
    address: SocketAddr,
    timeout: Duration,
    room: Semaphore,
}

impl Ng {
    pub fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self { address, timeout, room: Semaphore::new(IN_FLIGHT) }
    }

    pub async fn start_recording(&self, call: &Arc<str>) -> Result<(), NgError> {
        self.ask("start recording", call).await.map(drop)
    }

    pub async fn stop_recording(&self, call: &Arc<str>) -> Result<(), NgError> {
        self.ask("stop recording", call).await.map(drop)
    }

    pub async fn counters(&self, call: &Arc<str>) -> Result<Counters, NgError> {
        let reply = self.ask("query", call).await?;
        let rtp =
            |name: &str| reply.pointer("/totals/RTP").and_then(|rtp| rtp.get(name)).and_then(Value::as_u64);
        let counters = rtp("packets").zip(rtp("bytes"));
        let (packets, bytes) = counters.ok_or(NgError::Garbled(self.address, "query"))?;
        Ok(Counters { packets, bytes })
    }

    async fn ask(&self, command: &'static str, call: &Arc<str>) -> Result<Value, NgError> {
        let cookie = format!("{:016x}", fastrand::u64(..));
        let request = format!("{cookie} {}", json!({ "command": command, "call-id": &**call }));
        let deadline = Instant::now() + self.timeout;
        let silent = || NgError::Silent(self.address, self.timeout);
        let exchange = async {
            // Never closed, so it cannot fail.
            let _room = self.room.acquire().await;
            self.exchange(&cookie, request.as_bytes()).await
        };
        let reply = timeout_at(deadline, exchange).await.map_err(|_| silent())?;
        let reply = reply.map_err(|error| NgError::Unreachable(self.address, error.to_string().into()))?;
        self.judge(command, call, &reply)
    }

    /// On a socket of its own, so that a reply can belong to nothing else and a closed port is noticed at once.
    async fn exchange(&self, cookie: &str, request: &[u8]) -> io::Result<Vec<u8>> {
        let any: SocketAddr =
            if self.address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(self.address).await?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            socket.send(request).await?;
            let again = Instant::now() + self.timeout / TRIES;
            while let Ok(length) = timeout_at(again, socket.recv(&mut buffer)).await {
                let datagram = buffer.get(..length?).unwrap_or_default();
                if let Some(reply) = reply_to(cookie, datagram) {
                    return Ok(reply.to_vec());
                }
            }
        }
    }

    fn judge(&self, command: &'static str, call: &Arc<str>, reply: &[u8]) -> Result<Value, NgError> {
        let reply: Value =
            serde_json::from_slice(reply).map_err(|_| NgError::Garbled(self.address, command))?;
        let text = |name: &str| reply.get(name).and_then(Value::as_str);
        match (text("result"), text("error-reason")) {
            (Some("ok"), _) => Ok(reply),
            (Some("error"), Some("Unknown call-id")) => Err(NgError::UnknownCall(Arc::clone(call))),
            (Some("error"), reason) => {
                Err(NgError::Refused(self.address, command, reason.unwrap_or("no reason given").to_owned()))
            }
            _ => Err(NgError::Garbled(self.address, command)),
        }
    }
}

/// What follows this cookie in a datagram; nothing if the datagram answers another request.
fn reply_to<'a>(cookie: &str, datagram: &'a [u8]) -> Option<&'a [u8]> {
    datagram.strip_prefix(cookie.as_bytes())?.strip_prefix(b" ")
}

#[cfg(test)]
mod tests;
