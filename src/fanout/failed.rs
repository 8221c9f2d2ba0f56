//! The last legs that did not confirm: a bounded memory for people, which calls that go well never touch.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::tally::Ended;
use crate::command::{Call, Policy, named};
use crate::ledger::clean;
use crate::model::{CoreId, Outcome};
use crate::protocol::codes::Codes;
use crate::route::Plan;

/// Legs that are kept of each kind: those that a core refused, and those that it did not answer. So refusals, which may
/// be a client's everyday fault, never drive out what a core missed.
const KEPT: usize = 25;

/// Legs that are noted in one second, some microseconds each; of more nobody could read.
const A_SECOND: u64 = 25;

/// A leg that did not confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLeg {
    /// When it was known, in UNIX milliseconds.
    pub at: i64,
    /// The core.
    pub core: CoreId,
    /// The function.
    pub function: &'static str,
    /// How the request names the device, agent or chat, with what could be a card number covered.
    pub device: String,
    /// The OUTCOME.
    pub outcome: &'static str,
    /// The REASON, covered likewise.
    pub reason: String,
    /// From the call taken in to the leg's end.
    pub milliseconds: u64,
}

/// The last legs that did not confirm, of all threads.
#[derive(Debug, Default)]
pub struct FailedLegs {
    /// The second that legs were noted in last, and how many.
    noted: AtomicU64,
    kept: Mutex<[VecDeque<FailedLeg>; 2]>,
}

impl FailedLegs {
    /// None so far.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Notes those of a call's legs that did not confirm. Costs a call that went well one look at each of its legs.
    pub(super) fn note(&self, call: &Call, plan: &Plan, ended: &[Ended], codes: &Codes) {
        if ended.iter().any(|leg| leg.end.outcome != Outcome::Ok) {
            self.keep(call, plan, ended, codes);
        }
    }

    #[cold]
    fn keep(&self, call: &Call, plan: &Plan, ended: &[Ended], codes: &Codes) {
        for leg in ended.iter().filter(|leg| !is_expected(plan, leg, codes)) {
            let now = Timestamp::now();
            if self.is_room(now.as_second().cast_unsigned()) {
                self.push(describe(call, plan, leg, now), leg.end.outcome.is_answer());
            }
        }
    }

    /// Whether one more may be noted in this second.
    fn is_room(&self, second: u64) -> bool {
        let next = |noted: u64| match (noted >> 32 == second, noted & 0xFFFF_FFFF) {
            (false, _) => Some(second << 32 | 1),
            (true, count) => (count < A_SECOND).then_some(noted + 1),
        };
        self.noted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    fn push(&self, leg: FailedLeg, is_refused: bool) {
        let kept = &mut self.kept.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(is_refused)];
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(leg);
    }

    /// What is kept, the newest first.
    #[must_use]
    pub fn last(&self) -> Vec<FailedLeg> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last: Vec<_> = kept.iter().flatten().cloned().collect();
        last.sort_by_key(|leg| std::cmp::Reverse(leg.at));
        last
    }
}

/// Whether an end is no failure, as verdicts have it: confirmed, or "not mine" where nobody knows the owner.
pub(super) fn is_expected(plan: &Plan, leg: &Ended, codes: &Codes) -> bool {
    match (&leg.end.outcome, plan.policy) {
        (Outcome::Ok, _) | (Outcome::Rejected(_), Policy::Any) => true,
        (Outcome::Rejected(rejection), Policy::Merge(_)) => codes.is_not_mine(rejection),
        (Outcome::Rejected(rejection), _) => plan.forgives(leg.core) && codes.is_not_mine(rejection),
        _ => false,
    }
}

fn describe(call: &Call, plan: &Plan, leg: &Ended, now: Timestamp) -> FailedLeg {
    let found = plan.device_at(leg.device).map(String::from);
    let device = found.or_else(|| named(call.function, &call.request)).unwrap_or_default();
    FailedLeg {
        at: now.as_millisecond(),
        core: leg.core,
        function: call.function.name,
        device: clean(&device),
        outcome: leg.end.outcome.detail(),
        reason: clean(&leg.end.outcome.reason()),
        milliseconds: u64::try_from(leg.end.elapsed.as_millis()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(at: i64, outcome: &'static str) -> FailedLeg {
        let (device, reason) = (String::new(), String::new());
        FailedLeg { at, core: CoreId(1), function: "CALLSTOP", device, outcome, reason, milliseconds: 0 }
    }

    #[test]
    fn refusals_never_drive_out_what_a_core_missed() {
        let failed = FailedLegs::default();
        failed.push(leg(0, "TIMED_OUT"), false);
        (1..100).for_each(|at| failed.push(leg(at, "REJECTED"), true));
        let last = failed.last();
        assert_eq!(last.len(), KEPT + 1);
        assert_eq!((last[0].at, last[KEPT].outcome), (99, "TIMED_OUT"));
    }

    #[test]
    fn a_flood_costs_no_more_than_so_many_a_second() {
        let failed = FailedLegs::default();
        let noted = |second| (0..100).filter(|_| failed.is_room(second)).count();
        assert_eq!([7, 7, 8].map(noted), [25, 0, 25]);
    }
}
