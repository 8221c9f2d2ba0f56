//! The ends of a call's legs as its story tells them.

use super::failed::is_expected;
use super::tally::Ended;
use crate::model::Outcome;
use crate::protocol::codes::Codes;
use crate::route::Plan;
use crate::trail::LegStory;

/// Each leg, in the order in which they ended.
pub(super) fn legs(plan: &Plan, ended: &[Ended], codes: &Codes) -> impl Iterator<Item = LegStory> {
    ended.iter().map(|leg| LegStory {
        core: leg.core,
        outcome: leg.end.outcome.label(),
        code: if let Outcome::Rejected(rejection) = &leg.end.outcome { Some(rejection.code) } else { None },
        has_failed: !is_expected(plan, leg, codes),
        is_earlier: leg.is_earlier,
        elapsed: leg.end.elapsed,
        sent: leg.end.sent,
    })
}
