use std::process::Command;

use jiff::SignedDuration;

use super::super::sample::{Folder, ZERO, at, span, spans};
use super::*;

fn ruler() -> Ruler {
    Ruler(ZERO)
}

#[test]
fn a_sample_lies_where_it_begins_or_later() {
    let nanoseconds = |ns| ruler().sample(ZERO + SignedDuration::from_nanos(ns));
    assert_eq!([0, 1, 124_999, 125_000, 125_001].map(nanoseconds), [0, 1, 1, 1, 2]);
    assert_eq!([-1, -125_000, -125_001].map(nanoseconds), [0, -1, -1]);
    assert_eq!(ruler().sample(at(1000)), 8000);
    assert!(ruler().sample(Timestamp::MAX) > 0);
    assert_eq!(ruler().samples(&Span { from: at(-5), to: Timestamp::MAX }, 80), 0..80);
    assert_eq!(ruler().samples(&span(5, 7), 80), 40..56);
    assert_eq!(ruler().samples(&span(50, 70), 80), 80..80);
}

fn written(length: u64, masked: &[(i64, i64)], samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), length, ruler(), &spans(masked)).unwrap();
    writer.write(samples).unwrap();
    let (file, bytes) = writer.finish().unwrap();
    assert_eq!(bytes, file.len() as u64);
    file
}

fn samples(file: &[u8]) -> Vec<i16> {
    file[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[test]
fn a_mask_is_silent_to_the_sample() {
    let file = written(80, &[(1, 2), (5, 6)], vec![7; 100]);
    let expected: Vec<i16> =
        (0..80).map(|at| if (8..16).contains(&at) || (40..48).contains(&at) { 0 } else { 7 }).collect();
    assert_eq!(samples(&file), expected);
    assert_eq!(samples(&written(10, &[], [1, 2])), [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(samples(&written(0, &[(0, 5)], [1, 2])), [0; 0]);
}

#[test]
fn what_is_longer_than_a_wav_file_can_be_is_refused() {
    assert!(Writer::new(Vec::new(), 1 << 31, ruler(), &spans(&[])).is_err());
}

#[test]
fn a_finished_file_is_silenced_in_place() {
    let folder = Folder::new();
    let path = folder.file("a.wav", &written(80, &[], vec![7; 80]));
    silence(&path, ZERO, &span(5, 7)).unwrap();
    silence(&path, ZERO, &Span { from: at(9), to: Timestamp::MAX }).unwrap();
    silence(&path, ZERO, &span(20, 30)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), written(80, &[(5, 7), (9, 10)], vec![7; 80]));
    assert!(silence(&folder.0.join("none.wav"), ZERO, &span(5, 7)).is_err());
}

/// Another program reads it as we mean it.
#[test]
fn an_independent_program_finds_the_same_samples() {
    let folder = Folder::new();
    let sound: Vec<i16> = (0..800).map(|at| i16::try_from(at * 40 - 16_000).unwrap()).collect();
    let path = folder.file("a.wav", &written(800, &[(20, 30)], sound.iter().copied()));
    let mut sox = Command::new("sox");
    sox.arg(&path).args(["-t", "raw", "-e", "signed", "-b", "16", "-L", "-"]);
    let Ok(output) = sox.output() else {
        let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
        assert!(!required, "sox is not installed, and the services are required");
        eprintln!("NOT RUN: sox is not installed");
        return;
    };
    let expected = (0..800).zip(sound).map(|(at, sample)| if (160..240).contains(&at) { 0 } else { sample });
    let read: Vec<i16> = output.stdout.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(read, expected.collect::<Vec<_>>());
}
