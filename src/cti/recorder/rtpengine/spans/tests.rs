use super::super::sample::{at, span, spans};
use super::*;

#[test]
fn spans_that_touch_become_one() {
    assert_eq!(spans(&[(0, 10), (20, 30), (10, 20)]), spans(&[(0, 30)]));
    assert_eq!(spans(&[(5, 8), (0, 10)]), spans(&[(0, 10)]));
    assert_eq!(spans(&[(20, 30), (0, 10)]).iter().count(), 2);
    assert!(spans(&[(10, 10), (20, 15)]).is_empty(), "no time at all");
}

#[test]
fn a_part_is_taken_back() {
    let mut masked = spans(&[(0, 10), (20, 30)]);
    masked.remove(span(5, 25));
    assert_eq!(masked, spans(&[(0, 5), (25, 30)]));
    masked.remove(span(26, 27));
    assert_eq!(masked, spans(&[(0, 5), (25, 26), (27, 30)]));
    masked.remove(span(28, 28));
    assert_eq!(masked, spans(&[(0, 5), (25, 26), (27, 30)]), "nothing is taken back");
    masked.remove(Span { from: at(-5), to: Timestamp::MAX });
    assert!(masked.is_empty());
}

#[test]
fn the_first_moment_is_in_and_the_last_is_not() {
    let masked = spans(&[(10, 20)]);
    assert_eq!([9, 10, 19, 20].map(|moment| masked.covers(at(moment))), [false, true, true, false]);
    assert_eq!(masked.next_edge(at(9)), Some(at(10)));
    assert_eq!(masked.next_edge(at(10)), Some(at(20)));
    assert_eq!(masked.next_edge(at(20)), None);
    let for_ever = Spans::of(&[Span { from: at(0), to: Timestamp::MAX }]);
    assert_eq!(for_ever.next_edge(at(0)), None);
}

/// A capture has microseconds: what was captured within one in which a mask began may lie in it.
#[test]
fn a_capture_is_covered_if_any_moment_of_its_microsecond_is() {
    let nanoseconds = |ns| at(0) + jiff::SignedDuration::from_nanos(ns);
    let masked = Spans::of(&[Span { from: nanoseconds(5_900), to: nanoseconds(8_100) }]);
    let covered = [4_000, 5_000, 8_000, 9_000].map(|ns| masked.cover_capture(nanoseconds(ns)));
    assert_eq!(covered, [false, true, true, false]);
}
