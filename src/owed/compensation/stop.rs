//! Stopping a recording that a core does not silence.

use std::sync::Arc;
use std::time::Duration;

use super::super::Obligation;
use super::super::courier::ask;
use super::{About, Compensation, Result, Stop, Went, since};
use crate::command::{Identifiers, function};
use crate::ledger::Leg;
use crate::model::{Outcome, Unsent};
use crate::protocol::codes::Codes;
use crate::protocol::param::Param;
use crate::protocol::write::{close, element};
use crate::protocol::xml::{RESULT_BOUNDS, read};
use crate::upstream::{CoreShared, Errand, LinkSettings};

/// Tells one core to stop what it does not silence.
#[derive(Debug)]
pub(in crate::owed) struct Stopper {
    compensation: Arc<Compensation>,
    core: Arc<CoreShared>,
    links: LinkSettings,
    codes: Codes,
}

impl Stopper {
    pub const fn new(
        compensation: Arc<Compensation>,
        core: Arc<CoreShared>,
        links: LinkSettings,
        codes: Codes,
    ) -> Self {
        Self { compensation, core, links, codes }
    }

    /// How long [`Stopper::instead`] may keep a core's attention beyond the delivery that it follows.
    pub fn takes(&self) -> Duration {
        let once = self.links.connect_timeout + self.links.leg_timeout;
        self.compensation.stop().map_or(Duration::ZERO, |_| once)
    }

    /// What a core was owed has just failed to be delivered so. If a blackout that is to be on there is unconfirmed for
    /// too long, or refused `for_good`, the recording is stopped instead. Whether that is still to be done: then what is
    /// owed must stay owed, since both are tried again together.
    pub async fn instead(&self, owed: &Obligation, failed: &Outcome, for_good: bool) -> Result<bool> {
        let Some(stop) = self.compensation.stop() else { return Ok(false) };
        if matches!(failed, Outcome::NotSent(Unsent::Connect)) {
            return Ok(false);
        }
        let Some(start) = self.compensation.store.open(owed.core, owed.chain).await? else {
            return Ok(false);
        };
        let is_itself = start.ident == owed.ident;
        let is_due = start.asked <= self.compensation.limit(self.compensation.now()) || for_good && is_itself;
        // What is behind the one that failed gets its own turn.
        Ok(is_due && !self.stop(&start, stop).await? && is_itself)
    }

    /// Stops the recording. Whether that is over.
    async fn stop(&self, start: &Obligation, stop: Stop) -> Result<bool> {
        let Some(done) =
            ask(&mut Errand::new(&self.core, self.links), &self.core, || wire(start, stop)).await
        else {
            return Ok(false);
        };
        let now = self.compensation.now();
        let outcome = done.outcome;
        let went = match &outcome {
            Outcome::Ok => Went::Done,
            Outcome::Rejected(rejection) if self.codes.is_not_mine(rejection) => Went::Needless,
            _ => Went::Failed,
        };
        let (core, name, function, words) =
            (start.core.0, &self.core.core.name, stop.function(), outcome.reason());
        if went == Went::Failed {
            tracing::error!(core, name, function, words, "a core neither silences a recording nor stops it");
            self.compensation.count(start.core, went);
            return Ok(false);
        }
        if self.compensation.store.settle(start.ident, went, &words, now).await? {
            tracing::warn!(core, name, function, words, "a recording was stopped that was to be silent");
            self.settled(start, went, &outcome, now);
        }
        Ok(true)
    }

    fn settled(&self, start: &Obligation, went: Went, outcome: &Outcome, now: i64) {
        let Obligation { core, command, device, asked, .. } = start;
        let took = since(*asked, now);
        self.compensation.count(*core, went);
        if went == Went::Done {
            self.compensation.ledger.exposed(*core, took);
        }
        let about = About { core: *core, command, device, asked: *asked };
        self.compensation.note(about, went, Some(Leg::ended(*core, device, outcome, took, None)));
    }
}

/// The stop, from behind its REQUESTID to its end, for what a blackout's start names.
pub(super) fn wire(start: &Obligation, stop: Stop) -> String {
    let mut out = String::with_capacity(256);
    element(&mut out, Param::Type.name(), stop.function());
    let body = format!("<REQUEST>{}</REQUEST>", start.body);
    let fields = read(body.as_bytes(), "REQUEST", RESULT_BOUNDS);
    let identifiers = function(&start.command).map_or(Identifiers::None, |function| function.identifiers);
    for param in identifiers.params().iter().chain(&[Param::CallInstance]) {
        if let Some(value) = fields.as_ref().ok().and_then(|fields| fields.get(*param)) {
            element(&mut out, param.name(), value);
        }
    }
    close(&mut out, "REQUEST");
    out.push_str("\r\n");
    out
}
