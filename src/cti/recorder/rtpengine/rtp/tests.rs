use super::super::sample::{Made, at, made, udp};
use super::*;

fn with(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = made(1, 3, 7).ipv4();
    change(&mut packet);
    packet
}

#[test]
fn a_packet_is_read_over_both_protocols() {
    let packet = made(1, 3, 7);
    let payload = [7; 160];
    let read = |ip: &[u8]| {
        let rtp = Rtp::read(ip).unwrap();
        assert_eq!((rtp.payload_type, rtp.sequence, rtp.timestamp, rtp.payload), (0, 3, 480, &payload[..]));
        rtp.flow
    };
    let flow = read(&packet.ipv4());
    assert_eq!(
        flow,
        Flow { from: "127.0.0.1:4097".parse().unwrap(), to: "127.0.0.99:8192".parse().unwrap(), ssrc: 1 }
    );
    assert_eq!(read(&packet.ipv6()).from, "[::1]:4097".parse().unwrap());
}

#[test]
fn contributors_extension_and_padding_are_no_sound() {
    let mut rtp = vec![0x80 | 0x20 | 0x10 | 1, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    rtp.extend([9; 4]);
    rtp.extend([0xbe, 0xde, 0, 2, 1, 1, 1, 1, 2, 2, 2, 2]);
    rtp.extend([5, 6, 7, 0, 0, 3]);
    let any = "127.0.0.1:1".parse().unwrap();
    let read = Rtp::of(any, any, &rtp).unwrap();
    assert_eq!((read.payload_type, read.payload), (8, &[5, 6, 7][..]));
}

#[test]
fn what_is_no_rtp_is_passed_over() {
    let cases: [(&str, Vec<u8>); 12] = [
        ("nothing", vec![]),
        ("another protocol", with(|packet| packet[9] = 6)),
        ("another version of IP", with(|packet| packet[0] = 0x55)),
        ("a short IP header", with(|packet| packet[0] = 0x44)),
        ("an IP length beyond the packet", with(|packet| packet[2] = 0xff)),
        ("an IP length below the header", with(|packet| packet[3] = 10)),
        ("a fragment", with(|packet| packet[6] = 0x20)),
        ("a UDP length beyond the packet", with(|packet| packet[24] = 0xff)),
        ("a UDP length below the header", with(|packet| packet[25] = 4)),
        ("RTCP", with(|packet| packet[29] = 200)),
        ("another version of RTP", with(|packet| packet[28] = 0)),
        (
            "more padding than payload",
            with(|packet| {
                packet[28] |= 0x20;
                *packet.last_mut().unwrap() = 255;
            }),
        ),
    ];
    for (what, packet) in cases {
        assert_eq!(Rtp::read(&packet), None, "{what}");
    }
}

#[test]
fn a_cut_packet_is_passed_over_wherever_it_is_cut() {
    for packet in [made(1, 3, 7).ipv4(), made(1, 3, 7).ipv6()] {
        for length in 0..packet.len() {
            assert_eq!(Rtp::read(&packet[..length]), None, "{length} bytes");
        }
    }
}

#[test]
fn a_packet_without_payload_is_one() {
    let empty = Made { payload: vec![], ..made(1, 3, 7) };
    assert_eq!(Rtp::read(&empty.ipv4()).unwrap().payload, b"");
    assert_eq!(empty.captured, at(60));
    assert_eq!(datagram(&udp(1, b"")), Some(((4097, 8192), &b""[..])));
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes: Vec<u8>, place in 0..200usize, byte: u8) {
        let _ = Rtp::read(&bytes);
        let mut packet = made(1, 3, 7).ipv4();
        if let Some(changed) = packet.get_mut(place) {
            *changed = byte;
        }
        let _ = Rtp::read(&packet);
    }
}
