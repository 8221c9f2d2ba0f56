//! Whether a core is worth sending to. A core that is known to be down fails a leg at once, so that nobody
//! waits for it; it is asked with TEST until it answers.

mod fuse;

use std::time::Duration;

use crate::model::Outcome;
use crate::signal::{Signal, Watcher};
use fuse::Fuse;
pub use fuse::State;

/// When a breaker shuts, and how often a shut one is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Time-outs and lost answers in a row that shut it.
    pub failures: u32,
    /// The first wait before a TEST.
    pub probe_min: Duration,
    /// The longest wait between two TESTs.
    pub probe_max: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 3, probe_min: Duration::from_millis(100), probe_max: Duration::from_secs(2) }
    }
}

/// One core's breaker, shared by all threads.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    /// The state as every leg reads it: no lock on the way of a leg.
    fuse: Fuse,
    /// The same for those who wait for changes.
    shown: Signal<State>,
}

impl Breaker {
    /// A breaker that passes.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, fuse: Fuse::new(), shown: Signal::new(State::Pass) }
    }

    /// When it shuts and probes.
    #[must_use]
    pub const fn settings(&self) -> BreakerSettings {
        self.settings
    }

    /// Whether legs pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.state() == State::Pass
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        self.fuse.state()
    }

    /// A way to wait for changes of the state.
    #[must_use]
    pub fn watch(&self) -> Watcher<State> {
        self.shown.watch()
    }

    /// Learns from the end of a leg. An answer is health, a refusal too; what was never sent says nothing.
    pub fn learn(&self, outcome: &Outcome) {
        match outcome {
            outcome if outcome.is_answer() => self.fuse.answered(),
            Outcome::TimedOut | Outcome::Disconnected | Outcome::BadReply => self.failed(),
            _ => {}
        }
    }

    /// One failure: several in a row shut it.
    pub fn failed(&self) {
        self.fuse.failed(self.settings.failures);
        self.show();
    }

    /// The core cannot be there: connecting to it was refused.
    pub fn shut(&self) {
        self.turn(State::Pass, State::Shut);
    }

    /// A TEST is under way.
    pub fn probing(&self) {
        self.turn(State::Shut, State::Probe);
    }

    /// How the TEST ended.
    pub fn probed(&self, is_alive: bool) {
        self.turn(State::Probe, if is_alive { State::Pass } else { State::Shut });
    }

    fn turn(&self, from: State, to: State) {
        self.fuse.turn(from, to);
        self.show();
    }

    /// Whoever took the last step shows the last state, since it is read while nobody else can show one.
    fn show(&self) {
        self.shown.modify(|shown| {
            let before = std::mem::replace(shown, self.fuse.state());
            before != *shown
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Rejection, Unsent};

    fn breaker() -> Breaker {
        let (probe_min, probe_max) = (Duration::from_millis(1), Duration::from_millis(2));
        Breaker::new(BreakerSettings { failures: 3, probe_min, probe_max })
    }

    fn rejection() -> Outcome {
        Outcome::Rejected(Box::new(Rejection { code: 7, label: String::new(), message: String::new() }))
    }

    #[test]
    fn failures_in_a_row_shut_it_and_any_answer_between_them_keeps_it_open() {
        use Outcome::{Disconnected, Ok, TimedOut};
        for (outcomes, expected) in [
            (vec![TimedOut, TimedOut], State::Pass),
            (vec![TimedOut, Disconnected, Outcome::BadReply], State::Shut),
            (vec![TimedOut, TimedOut, Ok, TimedOut, TimedOut], State::Pass),
            (vec![TimedOut, TimedOut, rejection(), TimedOut, TimedOut], State::Pass),
            (vec![TimedOut, TimedOut, Outcome::NotSent(Unsent::Deadline), TimedOut], State::Shut),
            (vec![Outcome::NotSent(Unsent::QueueFull); 9], State::Pass),
        ] {
            let breaker = breaker();
            outcomes.iter().for_each(|outcome| breaker.learn(outcome));
            assert_eq!(breaker.state(), expected, "{outcomes:?}");
        }
    }

    #[test]
    fn only_a_probe_opens_it_again() {
        let breaker = breaker();
        breaker.shut();
        breaker.learn(&Outcome::Ok);
        breaker.probed(true);
        assert_eq!(breaker.state(), State::Shut, "nobody probed");
        breaker.probing();
        assert_eq!(breaker.state(), State::Probe);
        breaker.probed(false);
        assert_eq!(breaker.state(), State::Shut);
        breaker.probing();
        breaker.probed(true);
        assert_eq!(breaker.state(), State::Pass);
    }

    #[test]
    fn a_healed_core_gets_its_full_number_of_failures_again() {
        let breaker = breaker();
        (0..3).for_each(|_| breaker.failed());
        breaker.probing();
        breaker.probed(true);
        breaker.failed();
        assert_eq!(breaker.state(), State::Pass);
    }
}
