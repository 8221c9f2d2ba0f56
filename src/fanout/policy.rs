//! Outcomes → verdict. Pure: the design's table of verdicts, row by row.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::detail;
use super::late::Deferred;
use super::merge;
use super::tally::{Ended, Tally};
use crate::command::{Call, Policy};
use crate::model::{CoreId, Outcome};
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::result::Reply;
use crate::route::{Plan, list, write_list};

/// When the DETAIL section is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Never.
    Never,
    /// When the request has `DETAIL=Y`.
    #[default]
    OnRequest,
    /// Always.
    Always,
}

/// How close answers are to the vendor's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// The vendor's way: a blackout that reached only some cores is API_OK.
    pub blackout_partial_ok: bool,
    /// When outcomes are told core by core.
    pub detail: Detail,
}

/// What the configuration says of verdicts.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The numbers of result types.
    pub codes: Codes,
    /// What all desks share, and what may be exchanged meanwhile.
    pub compat: Arc<ArcSwap<Compat>>,
}

/// One call's verdict in the making.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// What was asked.
    pub call: &'a Call,
    /// Whom it was asked of.
    pub plan: &'a Plan,
    /// How the legs ended, sorted by core.
    pub ended: &'a [Ended],
    /// What the configuration says of verdicts.
    pub terms: &'a Terms,
    /// What becomes of what was not confirmed.
    pub deferred: &'a Deferred,
}

impl Verdict<'_> {
    /// What the outcomes add up to.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let reply = match self.plan.policy {
            Policy::All => self.all(),
            Policy::First | Policy::Any | Policy::None => self.any(),
            Policy::Merge(how) => return self.merged(how),
        };
        self.with_detail(reply)
    }

    /// Every owner must confirm. In a broadcast nobody knows the owner, so "not mine" counts neither for nor
    /// against; but as long as a core could not be asked, it is no proof that the device is nobody's.
    fn all(&self) -> Reply {
        let is_confirmed = |leg: &Ended| leg.end.outcome == Outcome::Ok;
        if !self.ended.is_empty() && self.ended.iter().all(is_confirmed) {
            return self.confirmed(self.ended);
        }
        let tally =
            Tally::of(self.ended, |core, r| self.plan.forgives(core) && self.terms.codes.is_not_mine(r));
        let unconfirmed = tally.unconfirmed();
        if tally.confirmed.is_empty() {
            return self.nobody(&tally, self.plan.forgives_strangers());
        }
        if unconfirmed.is_empty() {
            return self.confirmed(tally.confirmed);
        }
        let is_fine = self.terms.compat.load().blackout_partial_ok && self.call.function.is_blackout();
        self.partial(&unconfirmed, if is_fine { ResultType::Ok } else { ResultType::PartialCoreResponse })
    }

    /// One core is enough, since only one knows the session; the others' refusals are expected.
    fn any(&self) -> Reply {
        let tally = Tally::of(self.ended, |_, _| true);
        if tally.confirmed.is_empty() { self.nobody(&tally, true) } else { self.confirmed(tally.confirmed) }
    }

    /// The cores' data in one answer. A core that does not know the device has no data, which is no failure.
    fn merged(&self, how: crate::command::Merge) -> Reply {
        let mut tally = Tally::of(self.ended, |_, r| self.terms.codes.is_not_mine(r));
        let data = merge::Data::read(&mut tally);
        if tally.confirmed.is_empty() {
            return self.with_cores(self.nobody(&tally, false), None, &data.unread);
        }
        let unconfirmed = tally.unconfirmed();
        let reply = if unconfirmed.is_empty() {
            self.result(ResultType::Ok, data.message())
        } else {
            self.partial(&unconfirmed, ResultType::PartialCoreResponse)
        };
        let (body, per_core) = data.merge(how);
        self.with_cores(reply.with_body(body), per_core.as_deref(), &data.unread)
    }

    fn confirmed<'e>(&self, by: impl IntoIterator<Item = &'e Ended>) -> Reply {
        let mut message = String::with_capacity(128);
        message.push_str(self.call.function.name);
        message.push_str(" sent to all of the following cores: ");
        write_list(&mut message, by.into_iter().map(|leg| leg.core));
        self.result(ResultType::Ok, message)
    }

    fn partial(&self, unconfirmed: &[CoreId], result: ResultType) -> Reply {
        let cores = list(unconfirmed);
        let name = self.call.function.name;
        let rest = self.deferred.warning();
        self.result(result, format!("{name} could not be sent to the following cores: {cores}{rest}"))
    }

    /// Nobody confirmed: the lowest core's refusal, if that is the whole truth.
    fn nobody(&self, tally: &Tally<'_>, missing_outweighs_strangers: bool) -> Reply {
        let sure = |leg: &Ended| {
            !(missing_outweighs_strangers && !tally.missing.is_empty() && tally.is_stranger(leg))
        };
        if let Some((_, rejection)) = tally.rejected.iter().find(|(leg, _)| sure(leg)) {
            return Reply::rejection(rejection);
        }
        let cores = list(&cores_of(&tally.missing));
        let (name, rest) = (self.call.function.name, self.deferred.warning());
        let message = format!("{name} could not be sent to any of the following cores: {cores}{rest}");
        self.result(ResultType::RecorderNotRunning, message)
    }

    fn result(&self, result: ResultType, message: String) -> Reply {
        Reply::new(&self.terms.codes, result, message)
    }

    fn shows_detail(&self) -> bool {
        match self.terms.compat.load().detail {
            Detail::Never => false,
            Detail::OnRequest => self.call.wants_detail(),
            Detail::Always => true,
        }
    }

    fn with_detail(&self, reply: Reply) -> Reply {
        self.with_cores(reply, None, &[])
    }

    /// The CORES section, if there is to be one: outcomes where they are asked for, and what each core said of itself.
    fn with_cores(&self, mut reply: Reply, own: Option<&[(CoreId, String)]>, unread: &[CoreId]) -> Reply {
        let shows_detail = self.shows_detail();
        if shows_detail || own.is_some() {
            let (own, deferred) = (own.unwrap_or_default(), self.deferred);
            detail::write(&mut reply.body, self.ended, shows_detail, deferred, own, unread);
        }
        reply
    }
}

fn cores_of(legs: &[&Ended]) -> Vec<CoreId> {
    legs.iter().map(|leg| leg.core).collect()
}

#[cfg(test)]
mod tests;
