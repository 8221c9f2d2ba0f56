//! Captures that tests make up, as rtpengine writes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::cti::recorder::Span;
use crate::cti::spans::Spans;

/// The moment from which these tests count.
pub(super) const ZERO: Timestamp = Timestamp::constant(1_700_000_000, 0);

/// So many milliseconds later.
pub(super) fn at(milliseconds: i64) -> Timestamp {
    ZERO + SignedDuration::from_millis(milliseconds)
}

pub(super) fn span(from: i64, to: i64) -> Span {
    Span { from: at(from), to: at(to) }
}

pub(super) fn spans(all: &[(i64, i64)]) -> Spans {
    Spans::union(all.iter().map(|(from, to)| span(*from, *to)))
}

/// A folder of one test's own.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("corecast_rtp_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A packet of party 1, 2, …
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub captured: Timestamp,
    pub party: u8,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// Packet `number` of a party that sends 20 ms of this µ-law code each time, captured when it was sent.
pub(super) fn made(party: u8, number: u16, code: u8) -> Made {
    Made {
        captured: at(i64::from(number) * 20),
        party,
        payload_type: 0,
        sequence: number,
        timestamp: u32::from(number) * 160,
        payload: vec![code; 160],
    }
}

impl Made {
    pub fn rtp(&self) -> Vec<u8> {
        let mut rtp = vec![0x80, self.payload_type];
        rtp.extend(self.sequence.to_be_bytes());
        rtp.extend(self.timestamp.to_be_bytes());
        rtp.extend([0, 0, 0, self.party]);
        rtp.extend(&self.payload);
        rtp
    }

    pub fn ipv4(&self) -> Vec<u8> {
        let udp = udp(self.party, &self.rtp());
        let mut ip = vec![0x45, 0];
        ip.extend(u16::try_from(20 + udp.len()).unwrap().to_be_bytes());
        ip.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, self.party, 127, 0, 0, 99]);
        ip.extend(udp);
        ip
    }

    pub fn ipv6(&self) -> Vec<u8> {
        let udp = udp(self.party, &self.rtp());
        let mut ip = vec![0x60, 0, 0, 0];
        ip.extend(u16::try_from(udp.len()).unwrap().to_be_bytes());
        ip.extend([17, 64]);
        ip.extend([0; 15].into_iter().chain([self.party]).chain([0; 15]).chain([99]));
        ip.extend(udp);
        ip
    }

    pub fn record(&self) -> Vec<u8> {
        record(self.captured, &self.ipv4())
    }
}

pub(super) fn udp(party: u8, payload: &[u8]) -> Vec<u8> {
    let mut udp = vec![0x10, party, 0x20, 0];
    udp.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    udp
}

pub(super) fn record(captured: Timestamp, packet: &[u8]) -> Vec<u8> {
    let length = u32::try_from(packet.len()).unwrap();
    let fields = [
        u32::try_from(captured.as_second()).unwrap(),
        u32::try_from(captured.subsec_nanosecond() / 1000).unwrap(),
        length,
        length,
    ];
    fields.into_iter().flat_map(u32::to_le_bytes).chain(packet.iter().copied()).collect()
}

pub(super) fn header(link: u32) -> Vec<u8> {
    let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];
    header.extend(link.to_le_bytes());
    header
}

pub(super) fn capture(packets: &[Made]) -> Vec<u8> {
    header(101).into_iter().chain(packets.iter().flat_map(Made::record)).collect()
}
