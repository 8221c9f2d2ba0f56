//! The ends of a call's legs as its story tells them.

use std::time::Duration;

use super::failed::is_expected;
use super::tally::Ended;
use crate::command::Policy;
use crate::model::Outcome;
use crate::protocol::codes::Codes;
use crate::route::Plan;
use crate::trail::LegStory;

/// Each leg, in the order in which they ended. All begin at once; where cores are tried one after the other, each begins
/// when the one before has ended.
pub(super) fn legs(plan: &Plan, ended: &[Ended], codes: &Codes) -> impl Iterator<Item = LegStory> {
    let mut begun = Duration::ZERO;
    ended.iter().map(move |leg| {
        let told = tell(plan, leg, codes, begun);
        if plan.policy == Policy::First {
            begun = told.elapsed;
        }
        told
    })
}

fn tell(plan: &Plan, leg: &Ended, codes: &Codes, begun: Duration) -> LegStory {
    let outcome = &leg.end.outcome;
    LegStory {
        core: leg.core,
        outcome: outcome.label(),
        code: if let Outcome::Rejected(rejection) = outcome { Some(rejection.code) } else { None },
        has_failed: !is_expected(plan, leg, codes),
        is_earlier: leg.is_earlier,
        begun,
        elapsed: leg.end.elapsed,
        sent: leg.end.sent,
    }
}
