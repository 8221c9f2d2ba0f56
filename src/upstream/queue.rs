//! The legs that wait for a turn on one connection.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::board::Place;
use crate::model::{LegEnd, Outcome};

/// A leg in the hands of a link.
#[derive(Debug)]
pub(super) struct Waiting {
    pub wire: Bytes,
    pub started: Instant,
    pub deadline: Instant,
    place: Place,
}

impl Waiting {
    /// A leg that ends by `deadline`, and reports to `place`.
    pub const fn new(wire: Bytes, started: Instant, deadline: Instant, place: Place) -> Self {
        Self { wire, started, deadline, place }
    }

    /// The leg has ended.
    pub fn end(self, outcome: Outcome, reply: Option<Bytes>, now: Instant) {
        self.place.report(LegEnd { outcome, reply, elapsed: now.saturating_duration_since(self.started) });
    }
}

/// The legs that wait for a turn on one connection, not one byte of them written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    legs: VecDeque<Waiting>,
    /// No leg that waits or is in flight must be looked at before this.
    next_event: Option<Instant>,
    task: Option<Waker>,
}

impl Queue {
    /// How many legs wait.
    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Nobody will take them: all legs that wait.
    pub fn take_all(&mut self) -> VecDeque<Waiting> {
        std::mem::take(&mut self.legs)
    }

    /// The leg whose turn it is.
    pub fn pop(&mut self) -> Option<Waiting> {
        self.legs.pop_front()
    }

    /// Legs that were handed to a connection, but not written, come back to the front in their order.
    pub fn put_back(&mut self, legs: Vec<Waiting>) {
        for leg in legs.into_iter().rev() {
            self.expect_event(leg.deadline);
            self.legs.push_front(leg);
        }
    }

    pub fn push(&mut self, leg: Waiting) {
        self.expect_event(leg.deadline);
        self.legs.push_back(leg);
        if let Some(task) = &self.task {
            task.wake_by_ref();
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
        let (due, left): (Vec<_>, Vec<_>) = self.legs.drain(..).partition(|leg| leg.deadline <= now);
        self.legs = left.into();
        self.next_event = self.legs.iter().map(|leg| leg.deadline).min();
        due
    }
}

#[cfg(test)]
impl Waiting {
    /// A leg that nobody waits for.
    pub fn for_test(deadline: Instant) -> Self {
        let board = super::board::Board::new(super::board::WakeOn::Last);
        Self { wire: Bytes::new(), started: deadline, deadline, place: board.ticket().0 }
    }
}
