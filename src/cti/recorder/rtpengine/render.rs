//! From a call's captures to one recording's file.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::g711;
use super::mix::Mixer;
use super::pcap::{Packet, Reader};
use super::rtp::Rtp;
use super::scrub::covers_capture;
use super::stream::{Streams, TOLERANCE};
use super::wav::{Ruler, Writer};
use crate::cti::spans::Spans;

/// One recording that is to be made of captures.
#[derive(Debug)]
pub(super) struct Slice {
    pub captures: Vec<PathBuf>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub masked: Spans,
    /// Where its sound is to lie.
    pub file: PathBuf,
}

/// Why a recording could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenderError {
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error(
        "{0}: RTP payload type {1} is no G.711 (0 is µ-law, 8 A-law); only G.711 can be recorded: let the SIP proxy have rtpengine offer it alone"
    )]
    Codec(PathBuf, u8),
}

impl RenderError {
    pub fn is_full_disk(&self) -> bool {
        matches!(self, Self::File(_, error) if error.kind() == io::ErrorKind::StorageFull)
    }
}

/// What a payload is.
enum Sound {
    MuLaw,
    ALaw,
    /// Comfort noise, or a key that was pressed: silence.
    None,
    Unknown,
}

impl Sound {
    /// By its payload type (RFC 3551, section 6). What a dynamic type means stands in the SDP, which we do not see;
    /// but an event has four bytes (RFC 4733, section 2.3), and no codec's packet has.
    fn of(rtp: &Rtp<'_>) -> Self {
        match (rtp.payload_type, rtp.payload.len()) {
            (0, _) => Self::MuLaw,
            (8, _) => Self::ALaw,
            (13, _) | (_, 0) | (96..=127, 4) => Self::None,
            _ => Self::Unknown,
        }
    }
}

impl Slice {
    /// Makes the recording; how many bytes it has. The file is there as a whole, or as it was before.
    ///
    /// # Errors
    /// If a capture cannot be read, holds another codec than G.711, or the file cannot be written.
    pub fn render(&self) -> Result<u64, RenderError> {
        let part = self.file.with_extension("wav.part");
        let failed = |error| RenderError::File(self.file.clone(), error);
        let rendered = self.write(&part);
        let moved = rendered.and_then(|bytes| fs::rename(&part, &self.file).map(|()| bytes).map_err(failed));
        if moved.is_err() {
            fs::remove_file(&part).unwrap_or_default();
        }
        moved
    }

    fn write(&self, part: &Path) -> Result<u64, RenderError> {
        let failed = |error| RenderError::File(part.to_owned(), error);
        let output = BufWriter::with_capacity(1 << 16, File::create(part).map_err(failed)?);
        let ruler = Ruler(self.from);
        let length = u64::try_from(ruler.sample(self.to)).unwrap_or(0);
        let captures = self.in_order()?;
        let mut streams = Streams::default();
        self.read(&captures, |heard| {
            Ok(streams.learn(&heard.rtp, heard.captured).map_err(io::Error::other)?)
        })?;
        let mut mixer = Mixer::new(Writer::new(output, length, ruler, &self.masked).map_err(failed)?);
        self.read(&captures, |heard| {
            mixer.advance(heard.captured)?;
            if let Some(place) = streams.place(&heard.rtp, heard.captured) {
                mixer.add(place, heard.rtp.payload.iter().map(|code| (heard.decode)(*code)));
            }
            Ok(())
        })?;
        let (output, bytes) = mixer.finish().map_err(failed)?;
        let file = output.into_inner().map_err(io::IntoInnerError::into_error).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(bytes)
    }

    /// The captures that hold packets, the earliest first.
    fn in_order(&self) -> Result<Vec<PathBuf>, RenderError> {
        let mut begun = Vec::new();
        for path in &self.captures {
            let first = first_packet(path).map_err(|error| RenderError::File(path.clone(), error))?;
            begun.extend(first.map(|first| (first, path.clone())));
        }
        begun.sort();
        Ok(begun.into_iter().map(|(_, path)| path).collect())
    }

    /// Calls this for each packet with sound that belongs to the recording.
    fn read(
        &self,
        captures: &[PathBuf],
        mut hear: impl FnMut(&Heard<'_>) -> Result<(), PacketError>,
    ) -> Result<(), RenderError> {
        for capture in captures {
            let failed = |error| RenderError::File(capture.to_owned(), error);
            let Some(mut reader) = Reader::open(capture).map_err(failed)? else { continue };
            while let Some(packet) = reader.next().map_err(failed)? {
                let heard = self.sound_in(&packet).and_then(|heard| heard.as_ref().map_or(Ok(()), &mut hear));
                heard.map_err(|error| error.of(capture))?;
            }
        }
        Ok(())
    }

    fn sound_in<'a>(&self, packet: &Packet<'a>) -> Result<Option<Heard<'a>>, PacketError> {
        let ruler = Ruler(self.from);
        let captured = ruler.sample(packet.captured);
        let is_near = (-TOLERANCE..=ruler.sample(self.to) + TOLERANCE).contains(&captured);
        if !is_near || covers_capture(&self.masked, packet.captured) {
            return Ok(None);
        }
        let Some(rtp) = Rtp::read(packet.ip()) else { return Ok(None) };
        let decode = match Sound::of(&rtp) {
            Sound::MuLaw => g711::mu_law,
            Sound::ALaw => g711::a_law,
            Sound::None => return Ok(None),
            Sound::Unknown => return Err(PacketError::Codec(rtp.payload_type)),
        };
        Ok(Some(Heard { captured, rtp, decode }))
    }
}

/// A packet with sound.
struct Heard<'a> {
    /// The sample at which it was captured.
    captured: i64,
    rtp: Rtp<'a>,
    decode: fn(u8) -> i16,
}

/// A [`RenderError`] that does not know its file yet.
enum PacketError {
    Io(io::Error),
    Codec(u8),
}

impl From<io::Error> for PacketError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl PacketError {
    fn of(self, capture: &Path) -> RenderError {
        match self {
            Self::Io(error) => RenderError::File(capture.to_owned(), error),
            Self::Codec(payload_type) => RenderError::Codec(capture.to_owned(), payload_type),
        }
    }
}

/// When the first packet was captured.
fn first_packet(path: &Path) -> io::Result<Option<Timestamp>> {
    let Some(mut reader) = Reader::open(path)? else {
        return Ok(None);
    };
    Ok(reader.next()?.map(|packet| packet.captured))
}

#[cfg(test)]
mod tests;
