//! What of a call is owed to cores, once its legs have ended.

use tokio::time::Instant;

use super::tally::Ended;
use crate::command::{Call, Policy};
use crate::model::{CoreId, Outcome};
use crate::owed::{Obligation, Owed};
use crate::protocol::codes::Codes;
use crate::route::Plan;

/// What becomes of what cores did not confirm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Deferred {
    /// Nothing is owed.
    #[default]
    Nothing,
    /// These cores get it as soon as they can.
    Kept(Vec<CoreId>),
    /// These cores should get it later, and nobody can promise that they do.
    NotKept(Vec<CoreId>),
}

impl Deferred {
    /// The DEFERRED element of a core in the DETAIL section.
    #[must_use]
    pub fn word(&self, core: CoreId) -> Option<&'static str> {
        match self {
            Self::Kept(cores) if cores.contains(&core) => Some("Y"),
            Self::NotKept(cores) if cores.contains(&core) => Some("N"),
            _ => None,
        }
    }

    /// What a RESULTMSG ends in, where a client must know.
    #[must_use]
    pub const fn warning(&self) -> &'static str {
        match self {
            Self::NotKept(_) => {
                "; it is not kept for late delivery either, since the database did not take it in time"
            }
            Self::Nothing | Self::Kept(_) => "",
        }
    }
}

/// What cores are owed that did not confirm, if there are any. A refusal is an answer, and nothing is owed then; but for
/// the start of a blackout, where something is to be done about what stays unconfirmed.
pub(super) fn obligations(
    owed: &Owed,
    codes: &Codes,
    call: &Call,
    plan: &Plan,
    ended: &[Ended],
    asked: i64,
) -> Option<Vec<Obligation>> {
    let missing = missing(owed, codes, call, plan, ended);
    let obligation = |leg: &&Ended| {
        let device = plan.device_at(leg.device);
        Obligation::of(call, device, leg.chain, leg.core, asked, plan.forgives(leg.core))
    };
    (!missing.is_empty()).then(|| missing.iter().map(obligation).collect())
}

/// Has it committed, before anybody is told of it.
pub(super) async fn keep(owed: &Owed, obligations: Vec<Obligation>, until: Instant) -> Deferred {
    let cores = obligations.iter().map(|owing| owing.core).collect();
    if owed.keep(obligations, until).await { Deferred::Kept(cores) } else { Deferred::NotKept(cores) }
}

fn missing<'a>(owed: &Owed, codes: &Codes, call: &Call, plan: &Plan, ended: &'a [Ended]) -> Vec<&'a Ended> {
    let keeps_refusals = owed.keeps_refusals() && call.function.starts_blackout();
    let is_over = |leg: &Ended| match &leg.end.outcome {
        // Nothing of it is recorded there.
        Outcome::Rejected(rejection) => !keeps_refusals || codes.is_not_mine(rejection),
        outcome => *outcome == Outcome::Ok,
    };
    let is_enough = plan.policy == Policy::Any && ended.iter().any(|leg| leg.end.outcome == Outcome::Ok);
    if !owed.is_on() || is_enough || !Obligation::is_for(call.function) || ended.iter().all(is_over) {
        return Vec::new();
    }
    ended.iter().filter(|leg| !is_over(leg)).collect()
}
