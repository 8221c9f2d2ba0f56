use std::time::Duration;

use super::super::sample::{ZERO, at, span};
use super::*;

fn live() -> Live {
    Live::new(Job {
        id: "it".into(),
        device: "7000".into(),
        call_id: "call".into(),
        file: "it.wav".into(),
        started: ZERO,
        max_length: Some(Duration::from_secs(10)),
        max_silence: Some(Duration::from_secs(3)),
        masked: vec![Span { from: at(5000), to: Timestamp::MAX }],
    })
}

#[test]
fn it_ends_when_its_length_is_up() {
    let mut live = live();
    assert_eq!(live.next_event(at(0)), Some(at(5000)));
    assert_eq!(live.next_event(at(6000)), Some(at(10_000)));
    live.end_by_length(at(9999));
    assert_eq!(live.ended, None);
    live.end_by_length(at(12_000));
    assert_eq!(live.ended, Some(at(10_000)));
    assert_eq!(live.masked, Spans::union([span(5000, 10_000)]), "no mask lasts longer");
    assert_eq!(live.next_event(at(10_000)), None);
}

#[test]
fn it_ends_after_a_long_silence() {
    let mut live = live();
    live.end_by_silence(at(-5000), at(2999));
    live.end_by_silence(at(1000), at(3999));
    assert_eq!(live.ended, None);
    live.end_by_silence(at(1000), at(4500));
    assert_eq!(live.ended, Some(at(4000)));
    live.end_by_silence(at(0), at(9000));
    assert_eq!(live.ended, Some(at(4000)), "only once");
}

#[test]
fn an_end_moves_to_an_earlier_moment_only_and_not_before_the_beginning() {
    let mut live = live();
    live.end(at(4000));
    live.end(at(6000));
    assert_eq!(live.ended, Some(at(4000)));
    live.end(at(2000));
    assert_eq!(live.ended, Some(at(2000)));
    live.end(at(-1000));
    assert_eq!(live.ended, Some(ZERO));
}

/// Else it would keep the call's other jobs from recording.
#[test]
fn nothing_is_masked_behind_its_end() {
    let mut live = live();
    live.end(at(4000));
    live.mask(Span { from: at(3000), to: Timestamp::MAX });
    live.mask(span(6000, 7000));
    assert_eq!(live.masked, Spans::union([span(3000, 4000)]));
}
