//! How many calls may be under way, and how many bytes their requests may be.

use std::sync::Arc;

use crate::budget::{Budget, Part};
use crate::command::{Call, Refusal, Urgency};
use crate::protocol::codes::ResultType;
use crate::room::Room;

/// Calls in flight over all threads, and how many there may be.
#[derive(Debug)]
pub struct InFlight {
    now: Room,
    max: usize,
}

/// One call's place among them; dropping it makes room.
#[derive(Debug)]
pub(super) struct InFlightPlace {
    among: Arc<InFlight>,
    bytes: Option<Part>,
}

impl Drop for InFlightPlace {
    fn drop(&mut self) {
        self.among.now.give(1);
    }
}

impl InFlightPlace {
    /// Takes room for what the request and its copy for the cores weigh.
    pub(super) fn hold(&mut self, budget: &Arc<Budget>, call: &Call) -> Result<(), Refusal> {
        let mut part = budget.part();
        if !part.resize(2 * call.request.fields().weight(), call.function.priority) {
            return Err(overloaded("the requests under way have as many bytes as they may"));
        }
        self.bytes = Some(part);
        Ok(())
    }
}

impl InFlight {
    /// Room for `max` calls.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { now: Room::default(), max })
    }

    /// How many calls are under way.
    #[must_use]
    pub fn now(&self) -> usize {
        self.now.held()
    }

    pub(super) fn enter(self: &Arc<Self>, urgency: Urgency) -> Result<InFlightPlace, Refusal> {
        let room = urgency.room(self.max);
        if self.now.take(1, room) {
            return Ok(InFlightPlace { among: self.clone(), bytes: None });
        }
        Err(overloaded(&format!("{room} calls are under way, which is the limit")))
    }
}

/// There is no room for more of what clients have sent by half, or have not read.
#[must_use]
pub fn crowded() -> Refusal {
    overloaded("half-sent requests and unread answers take all the room that there is")
}

/// A bound was reached.
fn overloaded(what: &str) -> Refusal {
    Refusal::new(ResultType::ProcessingMessage, format!("overloaded: {what}; try again later"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_blackouts_when_there_is_none_for_calls() {
        let in_flight = InFlight::new(4);
        let calls: Vec<_> = (0..4).map(|_| in_flight.enter(Urgency::Normal).expect("room")).collect();
        assert!(in_flight.enter(Urgency::Normal).is_err() && in_flight.enter(Urgency::Background).is_err());
        let blackout = in_flight.enter(Urgency::Urgent).expect("a quarter more");
        assert!(in_flight.enter(Urgency::Urgent).is_err(), "which is a bound too");
        drop((calls, blackout));
        assert_eq!(in_flight.now(), 0);
    }
}
