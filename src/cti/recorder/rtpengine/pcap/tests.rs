use super::super::sample::{at, capture, header, made, record};
use super::*;

fn read(bytes: &[u8]) -> io::Result<Vec<(Timestamp, Vec<u8>)>> {
    let mut reader = Reader::new(bytes)?.ok_or_else(|| io::Error::other("no header"))?;
    let mut packets = Vec::new();
    while let Some(packet) = reader.next()? {
        packets.push((packet.captured, packet.ip().to_vec()));
    }
    Ok(packets)
}

#[test]
fn packets_come_as_they_were_captured() {
    let packets = [made(1, 0, 7), made(2, 1, 8)];
    let read = read(&capture(&packets)).unwrap();
    assert_eq!(read, packets.map(|packet| (packet.captured, packet.ipv4())));
}

#[test]
fn ethernet_is_stripped() {
    let packet = made(1, 0, 7);
    let frame: Vec<u8> = [0; 12].into_iter().chain([8, 0]).chain(packet.ipv4()).collect();
    let file: Vec<u8> = header(1).into_iter().chain(record(packet.captured, &frame)).collect();
    assert_eq!(read(&file).unwrap(), [(packet.captured, packet.ipv4())]);
}

#[test]
fn big_endian_and_nanoseconds_are_read_too() {
    let mut file = vec![0xa1, 0xb2, 0x3c, 0x4d];
    file.extend([0; 16]);
    file.extend(101u32.to_be_bytes());
    file.extend([1_700_000_000u32, 20_000_000, 1, 1].iter().flat_map(|field| field.to_be_bytes()));
    file.push(0x45);
    assert_eq!(read(&file).unwrap(), [(at(20), vec![0x45])]);
}

/// rtpengine writes blocks of 4096 bytes, wherever a packet ends.
#[test]
fn a_file_that_is_being_written_may_end_anywhere() {
    let file = capture(&[made(1, 0, 7), made(1, 1, 7)]);
    let second = file.len() - made(1, 1, 7).record().len();
    for length in FILE_HEADER..file.len() {
        let count = read(&file[..length]).unwrap().len();
        assert_eq!(count, usize::from(length >= second), "{length} bytes");
    }
    for length in 0..FILE_HEADER {
        assert!(Reader::new(&file[..length]).unwrap().is_none(), "{length} bytes");
    }
}

#[test]
fn what_cannot_be_is_refused_and_says_where() {
    let says = |file: &[u8], what: &str| {
        let error = read(file).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let good = capture(&[made(1, 0, 7)]);
    says(&[0; 100], "at byte 0");
    says(&header(113), "the link type 113");
    let with = |at: usize, field: u32| {
        let mut bad = good.clone();
        bad.splice(at..at + 4, field.to_le_bytes());
        bad
    };
    says(&with(32, u32::MAX), "at byte 24: a packet of 4294967295 bytes");
    says(&with(32, 70_000), "a packet of 70000 bytes");
    says(&with(28, 1_000_000), "time cannot be");
    says(&with(28, u32::MAX), "time cannot be");
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(mut bytes: Vec<u8>, good: bool) {
        if good {
            bytes.splice(0..0, header(101));
        }
        drop(read(&bytes));
    }
}
