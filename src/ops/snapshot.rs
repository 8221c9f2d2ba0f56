//! All there is to see at one moment, as JSON.

use serde_json::{Value, json};

use super::View;
use super::reading::Reading;
use crate::fanout::FailedLeg;
use crate::ledger::clean;
use crate::owed::Obligation;
use crate::upstream::{CoreShared, State};

/// A snapshot, with what is owed one by one and the newest point of the curves.
pub(super) fn snapshot(view: &View, reading: &Reading, owed: &[Value], point: Option<&Value>) -> Value {
    let with_debts = |core: &CoreShared| {
        let (pending, oldest) = reading.owed.get(&core.core.id).copied().unwrap_or_default();
        let mut shown = describe(core);
        (shown["owed"], shown["owed_seconds"]) = (json!(pending), json!(oldest));
        shown
    };
    json!({
        "copy": view.copy,
        "now": jiff::Timestamp::now().as_millisecond(),
        "unready": super::admin::unready(view),
        "in_flight": view.in_flight.now(),
        "requests": reading.all.total,
        "missed": reading.all.missed,
        "cores": view.cores.now().iter().map(|core| with_debts(core)).collect::<Vec<_>>(),
        "owed": owed,
        "failed": view.failed.last().iter().map(failed).collect::<Vec<_>>(),
        "changes": view.changes.last(),
        "point": point,
    })
}

/// A core as it is now.
pub(super) fn describe(core: &CoreShared) -> Value {
    json!({
        "id": core.core.id,
        "name": core.core.name,
        "site": core.core.site,
        "address": core.core.address,
        "reached": core.reached(),
        "state": state_of(core),
        "drained": core.is_drained(),
        "connections": core.connections(),
        "in_flight": core.in_flight(),
        "queued": core.queued(),
        "last_error": core.last_error(),
    })
}

/// The word for a breaker's state.
pub(super) fn state_of(core: &CoreShared) -> &'static str {
    let state = core.breaker.state();
    State::ALL.iter().find(|(s, _)| *s == state).map_or("", |(_, label)| label)
}

/// What is owed to one core.
pub(super) fn owed(owed: &Obligation) -> Value {
    json!({
        "core": owed.core,
        "function": owed.command,
        "device": clean(&owed.device),
        "asked": owed.asked,
        "attempts": owed.attempts,
    })
}

fn failed(leg: &FailedLeg) -> Value {
    json!({
        "at": leg.at,
        "core": leg.core,
        "function": leg.function,
        "device": leg.device,
        "outcome": leg.outcome,
        "reason": leg.reason,
        "milliseconds": leg.milliseconds,
    })
}
