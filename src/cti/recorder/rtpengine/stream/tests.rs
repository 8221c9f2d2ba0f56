use super::super::sample::{Made, made};
use super::*;

/// Where packets lie that were captured at these samples.
fn placed(packets: &[(Made, i64)]) -> Vec<Option<i64>> {
    let raw: Vec<_> = packets.iter().map(|(packet, captured)| (packet.ipv4(), *captured)).collect();
    let mut streams = Streams::default();
    raw.iter().for_each(|(ip, captured)| streams.learn(&Rtp::read(ip).unwrap(), *captured).unwrap());
    raw.iter().map(|(ip, captured)| streams.place(&Rtp::read(ip).unwrap(), *captured)).collect()
}

fn packet(number: u16) -> Made {
    made(1, number, 7)
}

#[test]
fn jitter_is_taken_out_by_the_timestamps() {
    let packets = [(packet(0), 1000), (packet(1), 1300), (packet(2), 1320), (packet(3), 1480)];
    assert_eq!(placed(&packets), [Some(1000), Some(1160), Some(1320), Some(1480)]);
}

#[test]
fn packets_that_overtook_each_other_lie_in_order() {
    let packets = [(packet(1), 1160), (packet(0), 1170), (packet(2), 1320)];
    assert_eq!(placed(&packets), [Some(1160), Some(1000), Some(1320)]);
}

/// The first packets were held up and came in one burst: those that came in time say when they were sent.
#[test]
fn a_burst_at_the_beginning_does_not_delay_the_rest() {
    let packets = [(packet(0), 3000), (packet(1), 3000), (packet(2), 3000), (packet(20), 4200)];
    assert_eq!(placed(&packets), [Some(1000), Some(1160), Some(1320), Some(4200)]);
}

#[test]
fn what_came_twice_is_heard_once() {
    let packets = [(packet(0), 0), (packet(1), 160), (packet(1), 170), (packet(0), 180), (packet(2), 320)];
    assert_eq!(placed(&packets), [Some(0), Some(160), None, None, Some(320)]);
    let far: Vec<_> = (0..70).map(|number| (packet(number), i64::from(number) * 160)).collect();
    assert!(placed(&far).iter().all(Option::is_some));
}

#[test]
fn numbers_and_timestamps_wrap() {
    let wrapped = |number: u16| {
        let timestamp = u32::from(number).wrapping_mul(160).wrapping_sub(160);
        Made { sequence: number.wrapping_sub(1), timestamp, ..packet(number) }
    };
    let packets = [(wrapped(0), 0), (wrapped(1), 160), (wrapped(2), 320)];
    assert_eq!(placed(&packets), [Some(0), Some(160), Some(320)]);
}

#[test]
fn a_sender_that_counts_anew_is_heard_when_it_speaks() {
    let anew = |number: u16| Made {
        sequence: 500 + number,
        timestamp: 9_000_000 + u32::from(number) * 160,
        ..packet(number)
    };
    let packets = [(packet(0), 0), (packet(1), 160), (anew(0), 320), (anew(1), 480), (packet(2), 640)];
    assert_eq!(placed(&packets), [Some(0), Some(160), Some(320), Some(480), Some(640)]);
}

/// A clock that is 200 ppm slow would be half a second away after forty minutes.
#[test]
fn a_slow_clock_is_followed() {
    let packets: Vec<_> = (0..60_000u32)
        .map(|number| {
            let sequence = u16::try_from(number % 65_536).unwrap();
            let packet = Made { sequence, timestamp: number * 160, payload: vec![], ..packet(0) };
            (packet, i64::from(number * 160 + number * 160 / 5000))
        })
        .collect();
    for ((_, captured), placed) in packets.iter().zip(placed(&packets)) {
        assert!((captured - 100..=*captured).contains(&placed.unwrap()));
    }
}

#[test]
fn hostile_timestamps_stay_near_their_capture() {
    let packets: Vec<_> = (0..200u16)
        .map(|number| {
            let timestamp = u32::from(number).wrapping_mul(2_654_435_761);
            (Made { timestamp, ..packet(number) }, i64::from(number) * 160)
        })
        .collect();
    for ((_, captured), placed) in packets.iter().zip(placed(&packets)) {
        assert!((captured - TOLERANCE..=*captured).contains(&placed.unwrap()));
    }
}

#[test]
fn streams_are_bounded() {
    let mut streams = Streams::default();
    let mut learn = |ssrc: u32| {
        let mut ip = packet(0).ipv4();
        ip.splice(36..40, ssrc.to_be_bytes());
        streams.learn(&Rtp::read(&ip).unwrap(), 0)
    };
    assert!((0..1024).all(|ssrc| learn(ssrc).is_ok()));
    assert_eq!(learn(1024), Err(TooMany));
    assert_eq!(learn(5), Ok(()));
}
