use super::super::sample::{Folder, at, capture, made, spans};
use super::*;
use crate::cti::recorder::Span;

fn numbers(path: &Path) -> Vec<u16> {
    let mut reader = Reader::open(path).unwrap().unwrap();
    let mut numbers = Vec::new();
    while let Some(packet) = reader.next().unwrap() {
        numbers.push(super::super::rtp::Rtp::read(packet.ip()).unwrap().sequence);
    }
    numbers
}

#[test]
fn the_packets_of_the_spans_are_gone_and_the_others_are_as_they_were() {
    let folder = Folder::new();
    let packets: Vec<_> = (0..10).map(|number| made(1, number, 7)).collect();
    let path = folder.file("a.pcap", &capture(&packets));
    scrub(&path, &spans(&[(40, 80), (100, 101), (175, 500)])).unwrap();
    assert_eq!(numbers(&path), [0, 1, 4, 6, 7, 8]);
    let kept: Vec<_> = [0, 1, 4, 6, 7, 8].map(|number| made(1, number, 7)).into();
    assert_eq!(fs::read(&path).unwrap(), capture(&kept));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no copy is left");
}

#[test]
fn a_file_without_masked_packets_is_not_touched() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    let path = folder.file("a.pcap", &capture(&[made(1, 0, 7)]));
    let before = fs::metadata(&path).unwrap().ino();
    scrub(&path, &spans(&[(1, 20)])).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    let empty = folder.file("b.pcap", b"");
    scrub(&empty, &spans(&[(0, 1000)])).unwrap();
    assert_eq!(fs::read(&empty).unwrap(), b"");
}

/// Its time may not even be there, so nobody can say that it is not masked.
#[test]
fn a_packet_that_is_cut_off_is_taken_out() {
    let folder = Folder::new();
    let whole = capture(&[made(1, 0, 7)]);
    let cut: Vec<u8> = whole.iter().copied().chain(made(1, 1, 7).record().into_iter().take(9)).collect();
    let path = folder.file("a.pcap", &cut);
    scrub(&path, &spans(&[(20, 40)])).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn what_a_crash_left_behind_is_removed() {
    let folder = Folder::new();
    let path = folder.file("a.pcap", &capture(&[made(1, 0, 7)]));
    let left = folder.file("a.clean", &capture(&[made(1, 1, 7)]));
    scrub(&path, &spans(&[(20, 40)])).unwrap();
    assert!(!left.exists());
}

#[test]
fn a_file_that_cannot_be_understood_is_a_fault() {
    let folder = Folder::new();
    let mut file = capture(&[made(1, 0, 7), made(1, 1, 7)]);
    let second = file.len() - made(1, 1, 7).record().len();
    file.splice(second + 8..second + 12, u32::MAX.to_le_bytes());
    let path = folder.file("a.pcap", &file);
    let error = scrub(&path, &spans(&[(20, 40)])).unwrap_err();
    assert!(error.to_string().contains(&format!("at byte {second}")), "{error}");
    assert!(scrub(&folder.0.join("none.pcap"), &spans(&[(20, 40)])).is_err());
}

/// A rotation of a long call must not read hours of sound again.
#[test]
fn a_file_that_was_closed_before_the_mask_is_not_read() {
    let folder = Folder::new();
    let path = folder.file("a.pcap", b"this is no capture at all");
    let file = File::options().append(true).open(&path).unwrap();
    let written = |milliseconds| {
        file.set_modified(at(milliseconds).try_into().unwrap()).unwrap();
        scrub(&path, &spans(&[(60_000, 70_000)]))
    };
    assert!(written(57_900).is_ok());
    assert!(written(58_100).is_err(), "a little before, the clock of the files may be behind");
}

/// A capture has microseconds: what was captured within one in which a mask began may lie in it.
#[test]
fn a_capture_is_covered_if_any_moment_of_its_microsecond_is() {
    let nanoseconds = |ns| at(0) + jiff::SignedDuration::from_nanos(ns);
    let masked = Spans::union([Span { from: nanoseconds(5_900), to: nanoseconds(8_100) }]);
    let covered = [4_000, 5_000, 8_000, 9_000].map(|ns| covers_capture(&masked, nanoseconds(ns)));
    assert_eq!(covered, [false, true, true, false]);
}
