//! The format, against files that another program wrote and against everything that can happen to a file.

use std::io::Read;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::iter;
use serde_json::{Value, json};

use super::guard::{Guard, Seat};
use super::head::{Cost, HEAD_BYTES, Head, Protection};
use super::seal::seal_under;
use super::*;
use crate::media::{ByteStream, MediaError};

/// Written by `tests/cav.py`, which shares no code with this.
const PLAIN: &[u8] = include_bytes!("../../../tests/fixtures/plain.cav");
const ENCRYPTED: &[u8] = include_bytes!("../../../tests/fixtures/encrypted.cav");
const PASSWORD: &str = "pässword";

/// The fixtures' chunks are small, so that they have several.
const CHUNK: usize = 64;

const DIGEST: Head = Head { chunk_bytes: 64, protection: Protection::Digest };

fn encrypted() -> Head {
    let salt = std::array::from_fn(|n| u8::try_from(n).expect("small"));
    let prefix = std::array::from_fn(|n| u8::try_from(n + 100).expect("small"));
    let cost = Cost { memory_kib: 16, passes: 2, lanes: 2 };
    Head { chunk_bytes: 64, protection: Protection::Password { cost, salt, prefix } }
}

fn about() -> Value {
    json!({"ident": 7, "user1": "é \"<x>\" 😀"})
}

/// A WAV file of 80 samples.
fn sound() -> Vec<u8> {
    let mut wav =
        b"RIFF\xc4\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0".to_vec();
    wav.extend_from_slice(b"data\xa0\0\0\0");
    wav.extend((0..160_u32).map(|n| (n * 37).to_le_bytes()[0]));
    wav
}

fn stream(sound: &[u8], piece: usize) -> ByteStream {
    let pieces: Vec<_> = sound.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    iter(pieces).boxed()
}

async fn collect(file: ByteStream) -> Result<Vec<u8>, MediaError> {
    let pieces: Vec<_> = file.collect().await;
    pieces.into_iter().collect::<Result<Vec<_>, _>>().map(|pieces| pieces.concat())
}

/// A whole file, whose size was known beforehand.
async fn sealed(head: Head, sound: &[u8], piece: usize) -> Vec<u8> {
    let made = seal_under(head, stream(sound, piece), sound.len() as u64, &about(), PASSWORD).await;
    let (file, size) = made.expect("a file");
    let file = collect(file).await.expect("a sound file");
    assert_eq!(size, Some(file.len() as u64));
    file
}

/// All that is in a file.
fn open(file: &[u8], password: &str) -> Result<(Value, Vec<u8>), OpenError> {
    let mut opened = Sealed::read(file)?.open(Some(password))?;
    let mut sound = Vec::new();
    match opened.read_to_end(&mut sound) {
        Ok(_) => Ok((opened.about().clone(), sound)),
        Err(error) => Err(error.downcast::<OpenError>().expect("a reason")),
    }
}

#[tokio::test]
async fn it_writes_and_reads_what_another_program_does() {
    for (head, file) in [(DIGEST, PLAIN), (encrypted(), ENCRYPTED)] {
        assert!(file.len() > HEAD_BYTES + 3 * (CHUNK + 16), "several chunks");
        assert_eq!(sealed(head, &sound(), 50).await, file);
        assert_eq!(open(file, PASSWORD).expect("it opens"), (about(), sound()));
    }
}

#[tokio::test]
async fn any_size_comes_back_however_it_arrives() {
    let begin = 4 + about().to_string().len();
    for head in [DIGEST, encrypted()] {
        for size in [0, 1, CHUNK - 1, 2 * CHUNK - begin - 1, 2 * CHUNK - begin, 2 * CHUNK - begin + 1, 1000] {
            let sound: Vec<_> = sound().into_iter().cycle().take(size).collect();
            for piece in [1, 7, CHUNK, 4096] {
                let file = sealed(head, &sound, piece).await;
                assert_eq!(
                    open(&file, PASSWORD).expect("it opens"),
                    (about(), sound.clone()),
                    "{size} {piece}"
                );
            }
        }
    }
}

#[test]
fn every_changed_byte_is_found() {
    for file in [PLAIN, ENCRYPTED] {
        for at in 0..file.len() {
            for bit in [0x01, 0x80] {
                let mut changed = file.to_vec();
                changed[at] ^= bit;
                assert!(open(&changed, PASSWORD).is_err(), "byte {at} of {}", file.len());
            }
        }
    }
}

#[test]
fn a_file_that_was_cut_off_or_grew_is_found() {
    for file in [PLAIN, ENCRYPTED] {
        for end in 0..file.len() {
            assert!(open(&file[..end], PASSWORD).is_err(), "cut at {end} of {}", file.len());
        }
        for more in [&b"x"[..], &[0; 16], &[0; CHUNK + 16]] {
            assert!(open(&[file, more].concat(), PASSWORD).is_err());
        }
        let boundary = HEAD_BYTES + 2 * (CHUNK + 16);
        let error = open(&file[..boundary], PASSWORD).expect_err("cut between chunks").to_string();
        assert!(
            error.contains("chunk 1 is not as it was written, or what was behind it is missing"),
            "{error}"
        );
    }
}

#[test]
fn chunks_that_were_moved_repeated_or_left_out_are_found() {
    for file in [PLAIN, ENCRYPTED] {
        let (head, chunks) = file.split_at(HEAD_BYTES);
        let chunks: Vec<_> = chunks.chunks(CHUNK + 16).collect();
        assert!(chunks.len() >= 4);
        for order in [&[1, 0, 2, 3][..], &[0, 2, 1, 3], &[0, 1, 1, 2, 3], &[0, 2, 3], &[0, 1, 3], &[3]] {
            let moved: Vec<_> = order.iter().map(|n| chunks[*n]).collect();
            assert!(open(&[head, &moved.concat()].concat(), PASSWORD).is_err(), "{order:?}");
        }
    }
}

#[test]
fn a_password_is_needed_and_it_must_be_the_right_one() {
    let head = Sealed::read(ENCRYPTED).expect("a head");
    assert!(head.is_encrypted() && !Sealed::read(PLAIN).expect("a head").is_encrypted());
    assert!(matches!(head.open(None), Err(OpenError::NeedsPassword)));
    for wrong in ["", "password", "pässword "] {
        assert!(matches!(open(ENCRYPTED, wrong), Err(OpenError::WrongPassword)), "{wrong}");
    }
    let readable = |part: &[u8]| ENCRYPTED.windows(part.len()).any(|window| window == part);
    assert!(!readable(b"user1") && !readable(b"RIFF"));
}

#[tokio::test]
async fn every_file_has_a_key_of_its_own() {
    let seal = || async {
        let (file, size) =
            seal(stream(&sound(), 9), sound().len() as u64, about(), Some(PASSWORD)).await.expect("made");
        let file = collect(file).await.expect("whole");
        assert_eq!(size, Some(file.len() as u64));
        file
    };
    let (one, other) = (seal().await, seal().await);
    assert_ne!(one[28..51], other[28..51], "salt and prefix");
    assert_ne!(one[HEAD_BYTES..], other[HEAD_BYTES..]);
    assert_eq!(open(&one, PASSWORD).expect("it opens"), (about(), sound()));
    let blank = seal_blank().await;
    assert!(matches!(blank, Some(MediaError::Invalid(_))), "{blank:?}");
}

async fn seal_blank() -> Option<MediaError> {
    seal(stream(b"", 1), 0, about(), Some(" ")).await.err()
}

#[tokio::test]
async fn a_sound_that_is_not_as_announced_makes_no_file() {
    let broken = || iter([Ok(Bytes::from("ab")), Err(MediaError::Unavailable("the disk".into()))]).boxed();
    for (sound, announced, words) in [
        (stream(&sound(), 50), 203, "longer"),
        (stream(&sound(), 50), 205, "shorter"),
        (stream(&sound(), 500), 10, "longer"),
        (stream(b"", 1), 1, "shorter"),
        (broken(), 200, "the disk"),
    ] {
        let (file, _) = seal(sound, announced, about(), None).await.expect("begun");
        let error = collect(file).await.expect_err("not as announced").to_string();
        assert!(error.contains(words), "{error}");
    }
    let much = json!("x".repeat(MAX_ABOUT_BYTES));
    assert!(matches!(seal(stream(b"", 1), 0, much, None).await, Err(MediaError::Invalid(_))));
    assert!(seal(stream(b"", 1), u64::MAX, about(), None).await.is_err());
    assert!(seal(stream(b"", 1), 1 << 50, about(), None).await.is_err());
}

#[test]
fn a_hostile_head_is_refused_before_it_costs_anything() {
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = ENCRYPTED.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        open(&file, PASSWORD).expect_err("refused")
    };
    for (at, number) in [(16, u32::MAX), (16, 256 * 1024 + 1), (16, 15), (20, 11), (20, 0), (24, 17), (24, 0)]
    {
        let error = changed(at, &number.to_be_bytes());
        assert!(matches!(error, OpenError::TooCostly), "{number} at {at}: {error}");
    }
    assert!(matches!(changed(0, b"RIFF"), OpenError::NotCav));
    assert!(matches!(changed(8, &[2]), OpenError::Version(2)));
    for chunk in [0, 15, (1 << 20) + 1, u32::MAX] {
        assert!(matches!(changed(12, &chunk.to_be_bytes()), OpenError::Damaged(_)), "{chunk}");
    }
    assert!(matches!(open(b"", PASSWORD), Err(OpenError::NotCav)));
}

#[test]
fn what_is_said_of_a_recording_is_bounded() {
    for (content, words) in [
        (&b"\x7f\xff\xff\xffx"[..], "says 2147483647 bytes"),
        (b"\0\0\0\x09x", "ends before the recording begins"),
        (b"\0", "ends before the recording begins"),
        (b"\0\0\0\x01x", "is no JSON"),
    ] {
        let mut chunk = content.to_vec();
        let guard = Guard::digest(DIGEST.write());
        guard.seal(Seat { number: 0, is_last: true }, &mut chunk).expect("a chunk");
        let error = open(&[&DIGEST.write()[..], &chunk].concat(), "").expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
    }
}
