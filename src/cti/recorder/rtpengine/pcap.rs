//! Capture files as rtpengine writes them: a file header, then packets in the order of their capture.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use jiff::Timestamp;

/// The file header's length, in bytes.
pub(super) const FILE_HEADER: usize = 24;
/// A packet's header's length, in bytes.
const PACKET_HEADER: usize = 16;
/// No packet is longer: rtpengine's snap length is 65535, and Ethernet's header may come on top.
const LONGEST: usize = 65_535 + 64;

/// What stands before the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing: recording-format `raw`, which is the default.
    Raw,
    /// Fourteen bytes: recording-format `eth`.
    Ethernet,
}

/// Reads one file, packet by packet, in a few kilobytes of memory whatever the file holds.
#[derive(Debug)]
pub(super) struct Reader<R> {
    input: R,
    pub header: [u8; FILE_HEADER],
    pub link: Link,
    little_endian: bool,
    nanoseconds: bool,
    packet: Vec<u8>,
    position: u64,
}

impl Reader<BufReader<File>> {
    /// `None` for a file that has no header yet: rtpengine keeps the first 4096 bytes to itself.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::new(BufReader::with_capacity(1 << 16, File::open(path)?))
    }
}

impl<R: Read> Reader<R> {
    /// # Errors
    /// If reading fails, or if this is no capture of a kind that rtpengine writes.
    pub fn new(mut input: R) -> io::Result<Option<Self>> {
        let mut header = [0; FILE_HEADER];
        if read_up_to(&mut input, &mut header)? < FILE_HEADER {
            return Ok(None);
        }
        let (little_endian, nanoseconds) = match header {
            [0xd4, 0xc3, 0xb2, 0xa1, ..] => (true, false),
            [0xa1, 0xb2, 0xc3, 0xd4, ..] => (false, false),
            [0x4d, 0x3c, 0xb2, 0xa1, ..] => (true, true),
            [0xa1, 0xb2, 0x3c, 0x4d, ..] => (false, true),
            _ => return Err(corrupt(0, "it does not begin as a pcap file")),
        };
        let link = match number(&header, 20, little_endian) {
            101 => Link::Raw,
            1 => Link::Ethernet,
            other => {
                return Err(corrupt(20, &format!("the link type {other} is neither raw IP nor Ethernet")));
            }
        };
        let position = FILE_HEADER as u64;
        Ok(Some(Self { input, header, link, little_endian, nanoseconds, packet: Vec::new(), position }))
    }

    /// The next packet, `None` at the end. A packet that is not all there is the end: rtpengine writes blocks,
    /// so while it records, or if it was killed, the last packet may lack its rest.
    ///
    /// # Errors
    /// If reading fails, or if a packet has a length or a time that cannot be.
    pub fn next(&mut self) -> io::Result<Option<Packet<'_>>> {
        self.packet.resize(PACKET_HEADER, 0);
        if read_up_to(&mut self.input, &mut self.packet)? < PACKET_HEADER {
            return Ok(None);
        }
        let length = number(&self.packet, 8, self.little_endian) as usize;
        if length > LONGEST {
            return Err(corrupt(self.position, &format!("a packet of {length} bytes")));
        }
        let captured = self.time().ok_or_else(|| corrupt(self.position, "a packet's time cannot be"))?;
        self.packet.resize(PACKET_HEADER + length, 0);
        let rest = self.packet.get_mut(PACKET_HEADER..).unwrap_or_default();
        if read_up_to(&mut self.input, rest)? < length {
            return Ok(None);
        }
        self.position += self.packet.len() as u64;
        Ok(Some(Packet { captured, link: self.link, bytes: &self.packet }))
    }

    /// Where the packet ends that was read last, in bytes from the file's beginning.
    pub const fn position(&self) -> u64 {
        self.position
    }

    fn time(&self) -> Option<Timestamp> {
        let seconds = i64::from(number(&self.packet, 0, self.little_endian));
        let fraction = i32::try_from(number(&self.packet, 4, self.little_endian)).ok()?;
        let nanoseconds = if self.nanoseconds { fraction } else { fraction.checked_mul(1000)? };
        if !(0..1_000_000_000).contains(&nanoseconds) {
            return None;
        }
        Timestamp::new(seconds, nanoseconds).ok()
    }
}

/// One captured packet.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    /// When rtpengine received it.
    pub captured: Timestamp,
    link: Link,
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// As it lies in the file, its header included.
    pub const fn as_written(&self) -> &'a [u8] {
        self.bytes
    }

    /// From the IP header on; empty if there is none.
    pub fn ip(&self) -> &'a [u8] {
        let link = match self.link {
            Link::Raw => 0,
            Link::Ethernet => 14,
        };
        self.bytes.get(PACKET_HEADER + link..).unwrap_or_default()
    }
}

fn corrupt(at: u64, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a sound capture at byte {at}: {what}"))
}

/// Four bytes as a number.
fn number(bytes: &[u8], at: usize, little_endian: bool) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok()).unwrap_or_default();
    if little_endian { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }
}

/// Reads until the buffer is full or the input ends; how much there was.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
