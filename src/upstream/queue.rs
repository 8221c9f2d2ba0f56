//! The legs that wait for a turn on one connection.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use tokio::time::Instant;

use super::Leg;
#[cfg(test)]
use super::board::{Board, Replies, WakeOn, Wires};
use super::board::{Place, Ticket};
use crate::command::Urgency;
use crate::model::{LegEnd, Outcome};

/// A leg in the hands of a link.
#[derive(Debug)]
pub(super) struct Waiting {
    wire: usize,
    pub key: u64,
    pub started: Instant,
    pub deadline: Instant,
    /// When its last byte was written to a connection.
    pub sent: Option<Instant>,
    urgency: Urgency,
    place: Place,
}

impl Waiting {
    /// A leg, and what waits for its end.
    pub fn new(leg: Leg) -> (Self, Ticket) {
        let Leg { wire, key, urgency, started, deadline, board, .. } = leg;
        let (place, ticket) = board.ticket();
        (Self { wire, key, started, deadline, sent: None, urgency, place }, ticket)
    }

    /// The request from behind its REQUESTID to its end.
    pub fn wire(&self) -> &str {
        self.place.wire(self.wire)
    }

    /// The leg has ended.
    pub fn end(self, outcome: Outcome, reply: Option<&[u8]>, now: Instant) {
        let since = |at: Instant| at.saturating_duration_since(self.started);
        let (elapsed, sent) = (since(now), self.sent.map(since));
        self.place.report(LegEnd { outcome, reply: None, elapsed, sent }, reply);
    }
}

/// The legs that wait for a turn on one connection, not one byte of them written. Blackouts and stops have a lane of
/// their own; what was said of the same device before goes with them, so that its order stays.
#[derive(Debug, Default)]
pub(super) struct Queue {
    fast: VecDeque<Waiting>,
    slow: VecDeque<Waiting>,
    /// No leg that waits or is in flight must be looked at before this.
    next_event: Option<Instant>,
    task: Option<Waker>,
}

impl Queue {
    /// How many legs wait.
    pub fn len(&self) -> usize {
        self.fast.len() + self.slow.len()
    }

    /// Nobody will take them: all legs that wait.
    pub fn take_all(&mut self) -> VecDeque<Waiting> {
        let mut legs = std::mem::take(&mut self.fast);
        legs.append(&mut self.slow);
        legs
    }

    /// The leg whose turn it is.
    pub fn pop(&mut self) -> Option<Waiting> {
        self.fast.pop_front().or_else(|| self.slow.pop_front())
    }

    /// Legs that were handed to a connection, but not written, come back to the front in their order.
    pub fn put_back(&mut self, legs: Vec<Waiting>) {
        for leg in legs.into_iter().rev() {
            self.expect_event(leg.deadline);
            self.fast.push_front(leg);
        }
    }

    pub fn push(&mut self, leg: Waiting) {
        self.expect_event(leg.deadline);
        if leg.urgency == Urgency::Urgent {
            self.hurry(leg.key);
            self.fast.push_back(leg);
        } else {
            self.slow.push_back(leg);
        }
        // Once is enough until it looks again.
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Moves what waits under this key to the fast lane.
    fn hurry(&mut self, key: u64) {
        if self.slow.iter().any(|leg| leg.key == key) {
            let (hurried, left): (VecDeque<_>, _) = self.slow.drain(..).partition(|leg| leg.key == key);
            self.fast.extend(hurried);
            self.slow = left;
        }
    }

    /// Whoever works on the queue is woken when something comes in.
    pub fn register(&mut self, cx: &Context<'_>) {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
        }
    }

    pub fn expect_event(&mut self, at: Instant) {
        self.next_event = Some(self.next_event.map_or(at, |next| next.min(at)));
    }

    pub const fn next_event(&self) -> Option<Instant> {
        self.next_event
    }

    /// Takes out the legs whose time is up, and finds the next event among those that are left.
    pub fn expire(&mut self, now: Instant) -> Vec<Waiting> {
        let mut due = Vec::new();
        for lane in [&mut self.fast, &mut self.slow] {
            let (over, left): (VecDeque<_>, _) = lane.drain(..).partition(|leg| leg.deadline <= now);
            *lane = left;
            due.extend(over);
        }
        self.next_event = self.fast.iter().chain(&self.slow).map(|leg| leg.deadline).min();
        due
    }
}

#[cfg(test)]
impl Waiting {
    /// A leg that nobody waits for.
    pub fn for_test(deadline: Instant) -> Self {
        Self::about(0, Urgency::Normal, deadline)
    }

    fn about(key: u64, urgency: Urgency, deadline: Instant) -> Self {
        let board = Board::new(Wires::new(), WakeOn::Last, Replies::Dropped, 1);
        Self::new(Leg { wire: 0, key, urgency, begins: false, started: deadline, deadline, board }).0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Pushes legs about these devices, those in capitals urgent; each has a deadline of its own to know it by.
    fn queue(devices: &str, now: Instant) -> Queue {
        let mut queue = Queue::default();
        for (at, device) in (1..).zip(devices.chars()) {
            let urgency = if device.is_ascii_uppercase() { Urgency::Urgent } else { Urgency::Normal };
            let key = u64::from(u32::from(device.to_ascii_lowercase()));
            queue.push(Waiting::about(key, urgency, now + Duration::from_secs(at)));
        }
        queue
    }

    fn order(queue: &mut Queue, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|leg| (leg.deadline - now).as_secs()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_urgent_goes_first_and_takes_along_what_was_said_of_its_device() {
        let now = Instant::now();
        for (devices, expected) in [
            ("abc", vec![1, 2, 3]),
            ("abC", vec![3, 1, 2]),
            ("abaB", vec![2, 4, 1, 3]),
            ("aabAaA", vec![1, 2, 4, 5, 6, 3]),
            ("ABa", vec![1, 2, 3]),
        ] {
            assert_eq!(order(&mut queue(devices, now), now), expected, "{devices}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_back_goes_before_what_is_urgent_since_it_had_its_turn() {
        let now = Instant::now();
        let mut queue = queue("abC", now);
        let (urgent, first) = (queue.pop().expect("a leg"), queue.pop().expect("a leg"));
        queue.push(Waiting::about(9, Urgency::Urgent, now + Duration::from_secs(4)));
        queue.put_back(vec![urgent, first]);
        assert_eq!(order(&mut queue, now), [3, 1, 4, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_up_in_both_lanes() {
        let now = Instant::now();
        let mut queue = queue("aBcD", now);
        assert_eq!(queue.expire(now + Duration::from_secs(2)).len(), 2);
        assert_eq!((queue.len(), queue.next_event()), (2, Some(now + Duration::from_secs(3))));
        assert_eq!(queue.take_all().len(), 2);
    }
}
