use super::super::sample::{ZERO, spans};
use super::super::wav::Ruler;
use super::*;

fn mixer() -> Mixer<io::Sink> {
    Mixer::new(Writer::new(io::sink(), 8000 * 3600, Ruler(ZERO), &spans(&[])).unwrap())
}

/// Five minutes need no more than a second does, so an hour needs no more either.
#[test]
fn the_window_stays_small_however_long_the_recording_is() {
    let mut mixer = mixer();
    for captured in (0..8000 * 300).step_by(160) {
        mixer.advance(captured).unwrap();
        mixer.add(captured, std::iter::repeat_n(7, 160));
        assert!(mixer.window.len() <= 8160, "{} samples at {captured}", mixer.window.len());
    }
}

#[test]
fn a_gap_needs_no_memory_however_long_it_is() {
    let mut mixer = mixer();
    mixer.add(0, std::iter::repeat_n(7, 160));
    mixer.advance(8000 * 299).unwrap();
    mixer.add(8000 * 299, std::iter::repeat_n(7, 160));
    assert!(mixer.window.capacity() < 20_000, "{}", mixer.window.capacity());
}

#[test]
fn what_comes_too_late_or_before_the_beginning_is_left_out() {
    let mut mixer = Mixer::new(Writer::new(Vec::new(), 4, Ruler(ZERO), &spans(&[])).unwrap());
    mixer.add(-2, [1, 2, 3].into_iter());
    mixer.advance(BEHIND + 2).unwrap();
    mixer.add(1, [4, 5, 6, 7].into_iter());
    let (file, _) = mixer.finish().unwrap();
    assert_eq!(file[44..], [3, 0, 0, 0, 5, 0, 6, 0]);
}
