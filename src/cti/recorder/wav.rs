//! WAV files of 8000 samples a second, 16 bits, one channel: what every recorder makes.

/// Samples a second.
pub const RATE: u32 = 8000;
/// Where the samples begin.
pub const HEADER: u64 = 44;
const HEADER_BYTES: usize = 44;
/// What the header can count.
pub const MOST_SAMPLES: u64 = (u32::MAX as u64 - HEADER) / 2;

/// The header of a file with this many samples.
#[must_use]
pub fn header(samples: u64) -> [u8; HEADER_BYTES] {
    let bytes = u32::try_from(samples * 2).unwrap_or(u32::MAX);
    let mut header = [0; HEADER_BYTES];
    let parts: [&[u8]; 13] = [
        b"RIFF",
        &(bytes.saturating_add(36)).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * 2).to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
    ];
    header.iter_mut().zip(parts.concat()).for_each(|(to, from)| *to = from);
    header
}

/// The samples of a file; chunks that say nothing of the sound are skipped.
///
/// # Errors
/// If it is a file of another kind.
pub fn samples(content: &[u8]) -> Result<Vec<i16>, &'static str> {
    const WRONG: &str = "it is no WAV of 8000 samples a second, 16 bits, one channel";
    let riff = content.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)).ok_or(WRONG)?;
    let mut rest = riff.strip_prefix(b"WAVE").ok_or(WRONG)?;
    let mut is_ours = false;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = head.get(4..).and_then(|l| l.try_into().ok()).map(u32::from_le_bytes).ok_or(WRONG)?;
        let length = usize::try_from(length).map_err(|_| WRONG)?;
        let body = body.get(..length.min(body.len())).ok_or(WRONG)?;
        match head.get(..4) {
            Some(b"fmt ") => is_ours = header(0).get(20..36) == body.get(..16),
            Some(b"data") if is_ours => {
                return Ok(body.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect());
            }
            _ => {}
        }
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    Err(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_refused() {
        let mut file = header(3).to_vec();
        file.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        file.extend([1, 0, 255, 255, 0, 128]);
        assert_eq!(samples(&file), Ok(vec![1, -1, i16::MIN]));
        for wrong in [&b""[..], b"RIFF", &header(0)[..30], &{
            let mut stereo = header(0);
            stereo[22] = 2;
            stereo
        }] {
            assert!(samples(wrong).is_err());
        }
    }
}
