//! From an IP packet to the sound in it. Whatever is no sound is passed over; nothing in a packet is trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who sends what to whom: the parties of a call are told apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub ssrc: u32,
}

/// An RTP packet (RFC 3550, section 5.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rtp<'a> {
    pub flow: Flow,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub payload: &'a [u8],
}

const UDP: u8 = 17;

impl<'a> Rtp<'a> {
    /// `None` for what is no RTP: RTCP, STUN, fragments, packets whose lengths contradict each other.
    pub fn read(ip: &'a [u8]) -> Option<Self> {
        let (from, to, udp) = match ip.first()? >> 4 {
            4 => ipv4(ip)?,
            6 => ipv6(ip)?,
            _ => return None,
        };
        let (ports, rtp) = datagram(udp)?;
        Self::of(SocketAddr::new(from, ports.0), SocketAddr::new(to, ports.1), rtp)
    }

    fn of(from: SocketAddr, to: SocketAddr, rtp: &'a [u8]) -> Option<Self> {
        let (head, rest) = rtp.split_at_checked(12)?;
        let (flags, kind) = (*head.first()?, *head.get(1)?);
        // 192 to 223 are RTCP's (RFC 5761, section 4).
        if flags >> 6 != 2 || (192..=223).contains(&kind) {
            return None;
        }
        let rest = rest.get(usize::from(flags & 0x0f) * 4..)?;
        let rest = if flags & 0x10 == 0 { rest } else { behind_extension(rest)? };
        let payload = if flags & 0x20 == 0 { rest } else { before_padding(rest)? };
        Some(Self {
            flow: Flow { from, to, ssrc: long(head, 8)? },
            payload_type: kind & 0x7f,
            sequence: short(head, 2)?,
            timestamp: long(head, 4)?,
            payload,
        })
    }
}

type Datagram<'a> = (IpAddr, IpAddr, &'a [u8]);

fn ipv4(packet: &[u8]) -> Option<Datagram<'_>> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let length = usize::from(short(packet, 2)?);
    // A fragment has an offset, or says that more will come.
    if header < 20 || short(packet, 6)? & 0x3fff != 0 || *packet.get(9)? != UDP {
        return None;
    }
    let address = |at| Some(IpAddr::V4(Ipv4Addr::from(long(packet, at)?)));
    Some((address(12)?, address(16)?, packet.get(header..length)?))
}

/// Without extension headers: rtpengine makes these packets itself and writes none.
fn ipv6(packet: &[u8]) -> Option<Datagram<'_>> {
    if *packet.get(6)? != UDP {
        return None;
    }
    let address = |at: usize| {
        let bytes = <[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    Some((address(8)?, address(24)?, packet.get(40..40 + usize::from(short(packet, 4)?))?))
}

fn datagram(udp: &[u8]) -> Option<((u16, u16), &[u8])> {
    Some(((short(udp, 0)?, short(udp, 2)?), udp.get(8..usize::from(short(udp, 4)?))?))
}

fn behind_extension(rest: &[u8]) -> Option<&[u8]> {
    rest.get(4 + usize::from(short(rest, 2)?) * 4..)
}

fn before_padding(rest: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*rest.last()?);
    rest.get(..rest.len().checked_sub(padding)?)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
