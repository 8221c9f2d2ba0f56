//! Hand-written synchronisation, in every order of steps that two or three threads can take. What is checked are the
//! program's own files: their `crate::sync` is std's there, and here that of loom, the checker.

#![allow(clippy::expect_used, reason = "a test that is surprised stops")]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "the files are the program's, and not all of them is used"
)]

mod sync {
    pub use std::sync::PoisonError;

    pub use loom::sync::{Mutex, MutexGuard, atomic};
}

#[path = "../src/owed/chains.rs"]
mod chains;
#[path = "../src/fanout/repeat/count.rs"]
mod count;
#[path = "../src/upstream/breaker/fuse.rs"]
mod fuse;
#[path = "../src/room.rs"]
mod room;

use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use tokio::time::Instant;

use chains::Chains;
use count::Count;
use fuse::{Fuse, State};
use room::Room;

/// Runs these beside each other in every order of their steps, and gives what they found.
fn beside<A: 'static, B: 'static>(
    one: impl FnOnce() -> A + 'static,
    other: impl FnOnce() -> B + 'static,
) -> (A, B) {
    let one = thread::spawn(one);
    let other = other();
    (one.join().expect("it ends"), other)
}

#[test]
fn room_is_never_given_twice_and_comes_back() {
    loom::model(|| {
        let room = Arc::new(Room::default());
        let takes = |room: Arc<Room>| move || room.take(60, 100);
        let (one, other) = beside(takes(room.clone()), takes(room.clone()));
        assert!(one != other, "one of them");
        room.give(60);
        assert_eq!(room.held(), 0);
    });
}

#[test]
fn what_does_not_fit_has_nothing_refused_that_does() {
    loom::model(|| {
        let room = Arc::new(Room::default());
        let takes = |room: Arc<Room>, amount| move || room.take(amount, 100);
        assert_eq!(beside(takes(room.clone(), 101), takes(room.clone(), 50)), (false, true));
    });
}

/// One command of a device as the core sees it: it writes its number.
fn command(count: &Count, device: &AtomicUsize, number: usize) -> count::Passed {
    let passed = count.begin();
    device.store(number, Ordering::Relaxed);
    count.end();
    passed
}

#[test]
fn a_command_that_finds_nobody_under_way_comes_after_all_that_it_counts() {
    loom::model(|| {
        let (count, device) = (Arc::new(Count::default()), Arc::new(AtomicUsize::new(0)));
        let (theirs, wire) = (count.clone(), device.clone());
        let (other, (first, seen)) = beside(
            move || command(&theirs, &wire, 2),
            move || {
                let first = count.begin();
                (first, device.load(Ordering::Relaxed))
            },
        );
        let is_counted = first != other && first != Count::default().look();
        assert!(!is_counted || !first.is_quiet() || seen == 2, "it had ended, and is not seen");
    });
}

#[test]
fn a_repeat_that_is_next_to_its_first_try_had_nothing_beside_it() {
    loom::model(|| {
        let (count, device) = (Arc::new(Count::default()), Arc::new(AtomicUsize::new(0)));
        let (theirs, wire) = (count.clone(), device.clone());
        let (_, (first, again, seen)) = beside(
            move || command(&theirs, &wire, 2),
            move || {
                let first = command(&count, &device, 1);
                let again = count.begin();
                (first, again, device.load(Ordering::Relaxed))
            },
        );
        let is_next = first.is_quiet() && again == first.and_one_more();
        // The other one may begin after the repeat has; then its turn has come.
        let is_before = first != Count::default().look();
        assert!(!(is_next && is_before) || seen == 1, "the device is not as the first try left it");
    });
}

#[test]
fn failures_of_before_do_not_count_against_a_core_that_is_back() {
    loom::model(|| {
        let fuse = Arc::new(Fuse::new());
        fuse.turn(State::Pass, State::Shut);
        fuse.turn(State::Shut, State::Probe);
        let (heals, fails) = (fuse.clone(), fuse.clone());
        let ((), was_out) = beside(
            move || heals.turn(State::Probe, State::Pass),
            move || {
                fails.failed(2);
                fails.state() != State::Pass
            },
        );
        fuse.failed(2);
        assert!(!was_out || fuse.state() == State::Pass, "one failure since then");
        fuse.failed(2);
        assert_eq!(fuse.state(), State::Shut, "two");
    });
}

#[test]
fn failures_at_once_are_all_counted_and_an_answer_changes_no_state() {
    loom::model(|| {
        let fuse = Arc::new(Fuse::new());
        let fails = |fuse: Arc<Fuse>| move || fuse.failed(2);
        beside(fails(fuse.clone()), fails(fuse.clone()));
        assert_eq!(fuse.state(), State::Shut);
        let (heals, answers) = (fuse.clone(), fuse.clone());
        fuse.turn(State::Shut, State::Probe);
        beside(move || heals.turn(State::Probe, State::Pass), move || answers.answered());
        assert_eq!(fuse.state(), State::Pass, "an answer changes no state");
    });
}

const CHAIN: u8 = 1;

/// When the database was asked: before all that happens here, or after.
fn looked(is_after: bool) -> Instant {
    let hour = Duration::from_hours(1);
    let now = Instant::now();
    if is_after { now + hour } else { now.checked_sub(hour).unwrap_or(now) }
}

#[test]
fn what_is_sent_is_behind_what_is_owed_or_remembered_when_that_becomes_known() {
    loom::model(|| {
        let chains = Arc::new(Chains::new(Vec::new()));
        let (sends, learns) = (chains.clone(), chains.clone());
        let (is_sent, recalled) = beside(
            move || sends.is_free(&CHAIN, |told: &mut Vec<u8>| told.push(CHAIN)),
            move || {
                learns.replace([CHAIN], looked(true));
                learns.recall(std::mem::take, |chain| *chain)
            },
        );
        assert_eq!(recalled.len(), usize::from(is_sent));
        assert!(chains.has(&CHAIN));
    });
}

#[test]
fn what_is_being_committed_is_owed_whatever_the_database_says_meanwhile() {
    loom::model(|| {
        let chains = Arc::new(Chains::new(()));
        let (marks, looks) = (chains.clone(), chains.clone());
        let (was_owed, _) = beside(
            move || {
                marks.mark(CHAIN);
                marks.has(&CHAIN)
            },
            move || looks.replace([], looked(true)),
        );
        assert!(was_owed && chains.has(&CHAIN), "before it is settled");
        let (settles, looks) = (chains.clone(), chains.clone());
        beside(move || settles.settle(&CHAIN), move || looks.replace([], looked(false)));
        assert!(chains.has(&CHAIN), "the database was asked before");
        chains.replace([], looked(true));
        assert!(!chains.is_any());
    });
}

#[test]
fn a_set_that_says_that_it_is_empty_is_empty() {
    loom::model(|| {
        let chains = Arc::new(Chains::new(()));
        let (one, other) = (chains.clone(), chains.clone());
        beside(move || one.replace([CHAIN], looked(true)), move || other.mark(2));
        assert!(chains.has(&CHAIN) && chains.has(&2));
        assert!(chains.has_any(|chain| *chain == 2));
    });
}
