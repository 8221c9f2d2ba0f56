//! Takes out of a capture on the disk what was masked afterwards.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::pcap::Reader;
use crate::cti::spans::Spans;

/// How much earlier than its last write a file's newest packet is taken to be at most.
const CLOCK_GRAIN: Duration = Duration::from_secs(2);

/// Removes every packet that was captured in one of these spans. When this returns well, the file holds none of
/// them, and what held them is unlinked. The file must not be written by anybody else at the same time.
///
/// # Errors
/// If the file cannot be read or replaced, or is no sound capture: then nothing is known of what it holds.
pub(super) fn scrub(path: &Path, masked: &Spans) -> io::Result<()> {
    let clean = cleaned(path);
    // What a crash left there was clean of less.
    remove_if_there(&clean)?;
    if is_older(path, masked)? || !is_touched(path, masked)? {
        return Ok(());
    }
    let replaced = copy_without(path, masked, &clean).and_then(|()| fs::rename(&clean, path));
    if replaced.is_err() {
        // It holds nothing that is masked now, and the next scrubbing removes it.
        fs::remove_file(&clean).unwrap_or_default();
    }
    replaced?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The name under which a clean copy is written.
pub(super) fn cleaned(path: &Path) -> PathBuf {
    path.with_extension("clean")
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a packet is covered, of whose time of capture only the microsecond is known: if any moment of it is.
pub(super) fn covers_capture(masked: &Spans, captured: Timestamp) -> bool {
    let captured = captured.as_microsecond();
    masked.iter().any(|span| {
        span.from.as_microsecond() <= captured && i128::from(captured) * 1000 < span.to.as_nanosecond()
    })
}

/// Whether the file was last written before anything was masked: an hour's capture is then not read again.
fn is_older(path: &Path, masked: &Spans) -> io::Result<bool> {
    let Some(first) = masked.iter().next() else {
        return Ok(true);
    };
    let written = fs::metadata(path)?.modified()?;
    let written = Timestamp::try_from(written + CLOCK_GRAIN).map_err(io::Error::other)?;
    Ok(written < first.from)
}

fn is_touched(path: &Path, masked: &Spans) -> io::Result<bool> {
    let Some(mut reader) = Reader::open(path)? else {
        return Ok(false);
    };
    while let Some(packet) = reader.next()? {
        if covers_capture(masked, packet.captured) {
            return Ok(true);
        }
    }
    // A last packet without its rest has a time that we do not look at: it goes with the rewriting.
    Ok(reader.position() < fs::metadata(path)?.len())
}

fn copy_without(path: &Path, masked: &Spans, to: &Path) -> io::Result<()> {
    let Some(mut reader) = Reader::open(path)? else {
        return Err(io::Error::other("it has shrunk while it was read"));
    };
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(to)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    let mut output = BufWriter::with_capacity(1 << 16, file);
    output.write_all(&reader.header)?;
    while let Some(packet) = reader.next()? {
        if !covers_capture(masked, packet.captured) {
            output.write_all(packet.as_written())?;
        }
    }
    output.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

#[cfg(test)]
mod tests;
