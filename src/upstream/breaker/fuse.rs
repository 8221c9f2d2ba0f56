//! A breaker's state and its count of failures in one word: each step is taken as a whole or not at all.

use crate::sync::atomic::{AtomicU32, Ordering};

/// What the breaker does with legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They pass.
    Pass,
    /// They fail at once, and a TEST is under way.
    Probe,
    /// They fail at once.
    Shut,
}

impl State {
    /// All states with their metric labels.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Pass, "pass"), (Self::Probe, "probe"), (Self::Shut, "shut")];

    /// The word of a breaker that has just come into this state.
    const fn word(self) -> u32 {
        match self {
            Self::Pass => 0,
            Self::Probe => 1,
            Self::Shut => 2,
        }
    }

    const fn of(word: u32) -> Self {
        match word % Fuse::ONE {
            0 => Self::Pass,
            1 => Self::Probe,
            _ => Self::Shut,
        }
    }
}

/// The state in the two lowest bits; above them the failures in a row, which are counted only while legs pass.
#[derive(Debug)]
pub(super) struct Fuse(AtomicU32);

impl Fuse {
    const ONE: u32 = 4;

    /// One that lets legs pass.
    pub fn new() -> Self {
        Self(AtomicU32::new(State::Pass.word()))
    }

    pub fn state(&self) -> State {
        State::of(self.0.load(Ordering::Relaxed))
    }

    /// The failures in a row are over. Only looks, as long as there were none.
    pub fn answered(&self) {
        self.step(|word| (State::of(word) == State::Pass && word >= Self::ONE).then_some(State::Pass.word()));
    }

    /// One failure, of which so many in a row shut it.
    pub fn failed(&self, most: u32) {
        let one_more = |word: u32| {
            let failures = word / Self::ONE + 1;
            if failures >= most { State::Shut.word() } else { word + Self::ONE }
        };
        self.step(|word| (State::of(word) == State::Pass).then(|| one_more(word)));
    }

    /// From one state into another one, if it is in that; without failures then.
    pub fn turn(&self, from: State, to: State) {
        self.step(|word| (State::of(word) == from).then_some(to.word()));
    }

    fn step(&self, next: impl FnMut(u32) -> Option<u32>) {
        // Where there is no step to take, nothing changes.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}
