use super::super::sample::{Folder, Made, at, capture, made, span};
use super::*;
use crate::cti::spans::Spans;

/// µ-law codes and what they are.
const LOUD: (u8, i16) = (0x80, 32124);
const SOFT: (u8, i16) = (0xb0, 3900);

/// Without printing thousands of samples.
fn assert_same(sound: &[i16], expected: &[i16]) {
    assert_eq!(sound.len(), expected.len(), "samples");
    let other = sound.iter().zip(expected).position(|(is, expected)| is != expected);
    assert_eq!(other.map(|at| (at, sound[at], expected[at])), None, "(sample, is, expected)");
}

struct Case {
    folder: Folder,
    slice: Slice,
}

/// A recording from one millisecond to another, of these captures.
fn case(from: i64, to: i64, captures: &[&[Made]]) -> Case {
    let folder = Folder::new();
    let names = captures.iter().enumerate();
    let captures =
        names.map(|(number, made)| folder.file(&format!("{number}.pcap"), &capture(made))).collect();
    let file = folder.0.join("it.wav");
    let slice = Slice { captures, from: at(from), to: at(to), masked: Spans::default(), file };
    Case { folder, slice }
}

impl Case {
    fn samples(&self) -> Vec<i16> {
        let bytes = self.slice.render().unwrap();
        let file = fs::read(&self.slice.file).unwrap();
        assert_eq!(file.len() as u64, bytes);
        file[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    fn fault(&self) -> String {
        let fault = self.slice.render().unwrap_err();
        assert!(!self.slice.file.exists());
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), self.slice.captures.len(), "no part is left");
        fault.to_string()
    }
}

/// Packets from one number to another, of one party.
fn talk(party: u8, numbers: std::ops::Range<u16>, code: u8) -> Vec<Made> {
    numbers.map(|number| made(party, number, code)).collect()
}

/// Samples that are all this, for so many milliseconds.
fn ms(milliseconds: usize, sample: i16) -> Vec<i16> {
    vec![sample; milliseconds * 8]
}

#[test]
fn a_gap_is_silence_and_the_length_is_the_jobs() {
    let mut packets = talk(1, 0..3, LOUD.0);
    packets.extend(talk(1, 5..6, SOFT.0));
    let expected = [ms(60, LOUD.1), ms(40, 0), ms(20, SOFT.1), ms(30, 0)].concat();
    assert_same(&case(0, 150, &[&packets]).samples(), &expected);
}

#[test]
fn a_slice_takes_its_own_time_out_of_several_captures() {
    let (first, second) = (talk(1, 0..4, LOUD.0), talk(1, 10..14, SOFT.0));
    let expected = [ms(20, LOUD.1), ms(120, 0), ms(60, SOFT.1)].concat();
    // Whatever the order of the files' names.
    assert_same(&case(60, 260, &[&second, &first, &[]]).samples(), &expected);
}

#[test]
fn the_parties_are_summed_and_clamped() {
    let mut packets = talk(1, 0..2, LOUD.0);
    packets.extend(talk(2, 1..3, LOUD.0));
    packets.extend(talk(3, 3..4, SOFT.0));
    packets.extend(talk(4, 3..4, SOFT.0));
    let expected = [ms(20, LOUD.1), ms(20, i16::MAX), ms(20, LOUD.1), ms(20, 2 * SOFT.1)].concat();
    assert_same(&case(0, 80, &[&packets]).samples(), &expected);
}

#[test]
fn a_mask_is_silence_to_the_sample() {
    let mut case = case(0, 100, &[&talk(1, 0..5, LOUD.0)]);
    // The packet of 20 ms to 40 ms was captured before it and reaches into it; that of 60 ms to 80 ms, in it.
    case.slice.masked = Spans::union([span(33, 71)]);
    let expected = [ms(33, LOUD.1), ms(38, 0), ms(9, 0), ms(20, LOUD.1)].concat();
    assert_same(&case.samples(), &expected);
}

#[test]
fn both_laws_are_known() {
    let a_law = Made { payload_type: 8, payload: vec![0xaa; 160], ..made(1, 1, 0) };
    let packets = [made(1, 0, LOUD.0), a_law];
    assert_same(&case(0, 40, &[&packets]).samples(), &[ms(20, LOUD.1), ms(20, 32256)].concat());
}

#[test]
fn keys_and_comfort_noise_are_no_sound() {
    let key = Made { payload_type: 101, payload: vec![5, 0, 0, 160], ..made(1, 1, 0) };
    let noise = Made { payload_type: 13, payload: vec![60], ..made(1, 2, 0) };
    let packets = [made(1, 0, LOUD.0), key, noise, made(1, 3, LOUD.0)];
    assert_same(&case(0, 80, &[&packets]).samples(), &[ms(20, LOUD.1), ms(40, 0), ms(20, LOUD.1)].concat());
}

#[test]
fn another_codec_is_a_fault_that_names_it() {
    let opus = Made { payload_type: 96, ..made(1, 1, 0) };
    let mut of_call = case(0, 80, &[&[made(1, 0, LOUD.0), opus.clone()]]);
    assert!(of_call.fault().contains("payload type 96 is no G.711"), "{}", of_call.fault());
    // Not if it was not in this recording's time, or masked.
    of_call.slice.masked = Spans::union([span(20, 40)]);
    assert_same(&of_call.samples(), &[ms(20, LOUD.1), ms(60, 0)].concat());
    let later = Made { captured: at(5000), ..opus };
    assert_same(&case(0, 20, &[&[made(1, 0, LOUD.0), later]]).samples(), &ms(20, LOUD.1));
}

#[test]
fn a_capture_that_cannot_be_read_is_a_fault_and_the_file_is_not_there() {
    let mut case = case(0, 80, &[&[made(1, 0, LOUD.0)]]);
    case.slice.captures.push(case.folder.file("bad.pcap", &[7; 100]));
    assert!(case.fault().contains("bad.pcap: not a sound capture at byte 0"), "{}", case.fault());
}

#[test]
fn without_captures_there_is_silence() {
    assert_same(&case(0, 20, &[]).samples(), &ms(20, 0));
    assert_same(&case(20, 20, &[]).samples(), &[0; 0]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever lies in a capture: a recording of the right length, or a fault.
    #[test]
    fn hostile_packets_cost_no_more_than_a_fault(
        packets in proptest::collection::vec((0..2000i64, 0..3u8, 0..10u8, 0..u16::MAX, 0..u32::MAX, 0..2000usize), 0..40),
    ) {
        let packets: Vec<_> = packets
            .into_iter()
            .map(|(captured, party, payload_type, sequence, timestamp, length)| Made {
                captured: at(captured), party, payload_type, sequence, timestamp, payload: vec![0x80; length],
            })
            .collect();
        let case = case(0, 1000, &[&packets]);
        if case.slice.render().is_ok() {
            assert_eq!(fs::metadata(&case.slice.file).unwrap().len(), 44 + 16_000);
        }
    }
}
