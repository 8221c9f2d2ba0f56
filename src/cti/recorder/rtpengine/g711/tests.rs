use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

/// All codes, decoded by another program; nothing where there is none, unless the services are required.
fn by_ffmpeg(format: &str) -> Option<Vec<i16>> {
    let started = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", format, "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "s16le", "pipe:1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut ffmpeg) = started else {
        let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!required, "ffmpeg is not installed, and the services are required");
        eprintln!("NOT RUN: ffmpeg is not installed");
        return None;
    };
    let codes: Vec<u8> = (0..=255).collect();
    ffmpeg.stdin.take().unwrap().write_all(&codes).unwrap();
    let output = ffmpeg.wait_with_output().unwrap().stdout;
    Some(output.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

#[test]
fn every_code_is_what_an_independent_decoder_makes_of_it() {
    for (format, decode) in [("mulaw", mu_law as fn(u8) -> i16), ("alaw", a_law)] {
        if let Some(expected) = by_ffmpeg(format) {
            assert_eq!((0..=255).map(decode).collect::<Vec<_>>(), expected, "{format}");
        }
    }
}

/// ITU-T G.711, tables 1 and 2: the greatest and the least values.
#[test]
fn the_ends_of_the_tables_are_the_recommendations() {
    assert_eq!([0x80, 0x00, 0xff, 0x7f].map(mu_law), [32124, -32124, 0, 0]);
    assert_eq!([0xaa, 0x2a, 0xd5, 0x55].map(a_law), [32256, -32256, 8, -8]);
}
