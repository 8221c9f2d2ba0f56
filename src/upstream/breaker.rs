//! Whether a core is worth sending to. A core that is known to be down fails a leg at once, so that nobody
//! waits for it; it is asked with TEST until it answers.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::model::Outcome;
use crate::signal::{Signal, Watcher};

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
}

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
    failures: AtomicU32,
    /// The state as every leg reads it: no lock on the way of a leg.
    passes: AtomicBool,
    state: Signal<State>,
}

impl Breaker {
    /// A breaker that passes.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        let (failures, passes) = (AtomicU32::new(0), AtomicBool::new(true));
        Self { settings, failures, passes, state: Signal::new(State::Pass) }
    }

    /// When it shuts and probes.
    #[must_use]
    pub const fn settings(&self) -> BreakerSettings {
        self.settings
    }

    /// Whether legs pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.passes.load(Ordering::Relaxed)
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// A way to wait for changes of the state.
    #[must_use]
    pub fn watch(&self) -> Watcher<State> {
        self.state.watch()
    }

    /// Learns from the end of a leg. An answer is health, a refusal too; what was never sent says nothing.
    pub fn learn(&self, outcome: &Outcome) {
        match outcome {
            outcome if outcome.is_answer() => self.answered(),
            Outcome::TimedOut | Outcome::Disconnected | Outcome::BadReply => self.failed(),
            _ => {}
        }
    }

    fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// One failure: several in a row shut it.
    pub fn failed(&self) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= self.settings.failures {
            self.shut();
        }
    }

    /// The core cannot be there: connecting to it was refused.
    pub fn shut(&self) {
        self.become_state(State::Shut, |now| now == State::Pass);
    }

    /// A TEST is under way.
    pub fn probing(&self) {
        self.become_state(State::Probe, |now| now == State::Shut);
    }

    /// How the TEST ended.
    pub fn probed(&self, is_alive: bool) {
        let next = if is_alive { State::Pass } else { State::Shut };
        if is_alive {
            self.failures.store(0, Ordering::Relaxed);
        }
        self.become_state(next, |now| now == State::Probe);
    }

    fn become_state(&self, next: State, from: impl FnOnce(State) -> bool) {
        // Whoever is woken by the change sees it here too.
        let from = |now| {
            let changes = from(now);
            if changes {
                self.passes.store(next == State::Pass, Ordering::Relaxed);
            }
            changes
        };
        self.state.set_if(next, from);
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
