//! What the ledger is told of a blackout, from its taking in to its answer.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::tally::Ended;
use crate::command::{Function, named};
use crate::ledger::{Entry, Event, Ledger, Leg};
use crate::model::Outcome;
use crate::protocol::codes::ResultType;
use crate::protocol::request::Request;
use crate::protocol::result::ReplyHead;
use crate::route::{Aim, Plan};

/// Sees one blackout to its end. If nobody waits for that, what was seen until then is noted.
pub(super) struct Witness {
    ledger: Ledger,
    is_start: bool,
    /// There until it is noted.
    entry: Option<Entry>,
}

impl Witness {
    pub fn new(
        ledger: &Ledger,
        function: &'static Function,
        request: &Request,
        from: Option<IpAddr>,
    ) -> Box<Self> {
        let entry = Entry {
            function: function.name,
            devices: named(function, request).into_iter().collect(),
            client: from.map_or_else(String::new, |address| address.to_string()),
            request_id: request.id().into(),
            ..Entry::new(Event::Blackout, Timestamp::now())
        };
        Box::new(Self { ledger: ledger.clone(), is_start: function.starts_blackout(), entry: Some(entry) })
    }

    /// The legs are on their way.
    pub fn sees_sent(&mut self, plan: &Plan) {
        let Some(entry) = &mut self.entry else { return };
        if plan.legs.iter().all(|leg| leg.device.is_some()) {
            entry.devices.clear();
        }
        entry.devices.extend(plan.devices.iter().map(|device| String::from(&**device)));
        let leg = |leg: &Aim| Leg::unanswered(leg.core.id, plan.device(*leg).unwrap_or(""));
        entry.legs = plan.legs.iter().map(leg).collect();
    }

    /// The legs have ended, so many as the answer waits for.
    pub fn sees_ended(&mut self, plan: &Plan, ended: &[Ended]) {
        let Some(entry) = &mut self.entry else { return };
        entry.legs = ended.iter().map(|ended| leg(plan, ended)).collect();
        for leg in
            ended.iter().filter(|leg| self.is_start && !leg.is_earlier && leg.end.outcome == Outcome::Ok)
        {
            self.ledger.exposed(leg.core, leg.end.elapsed);
        }
    }

    /// The answer is known. One that says that a core may not have done it is not given before that is written; any
    /// other is noted now, and so is a refusal of what nobody was sent: it may be one of very many.
    pub fn answered(mut self: Box<Self>, verdict: &str) -> Option<Unkept> {
        let mut entry = self.entry.take()?;
        verdict.clone_into(&mut entry.verdict);
        let all_heard = entry.legs.iter().all(|leg| leg.is_confirmed() || leg.code.is_some());
        if entry.legs.is_empty() || all_heard && verdict == ResultType::Ok.label() {
            self.ledger.note(entry);
            return None;
        }
        Some(Unkept { ledger: self.ledger.clone(), entry })
    }
}

/// What is to be written before it is answered.
pub(super) struct Unkept {
    ledger: Ledger,
    entry: Entry,
}

impl Unkept {
    /// Returns when it is written, its deadline has come, or the database is known to be down.
    pub async fn keep(self, deadline: Instant) {
        if !matches!(timeout_at(deadline, self.ledger.keep(self.entry)).await, Ok(Ok(()))) {
            self.ledger.was_late();
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.entry.take().into_iter().for_each(|entry| self.ledger.note(entry));
    }
}

fn leg(plan: &Plan, ended: &Ended) -> Leg {
    let device = plan.device_at(ended.device).unwrap_or("");
    let end = &ended.end;
    let head = end.reply.as_deref().and_then(ReplyHead::read);
    let reply = head.as_ref().map(|head| (head.code, &*head.label));
    let leg = Leg::ended(ended.core, device, &end.outcome, end.elapsed, reply);
    // What confirmed an earlier try was not sent this one.
    Leg { sent: leg.sent && !ended.is_earlier, ..leg }.sent_after(end.sent)
}
