//! Requests that were handed to one connection and are not answered yet.
//!
//! Numbers are given out in order, so a reply finds its request by counting, not by hashing. A request whose
//! leg has timed out keeps its slot: its late reply is matched, counted and dropped, and never taken for
//! another's.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::queue::Waiting;

/// A REQUESTID of ours fits every integer that a core may keep it in: 1 to 2^31 - 1, then from 1 again.
const NUMBERS: u64 = (1 << 31) - 1;

/// Slots of one connection, answered ones behind one that is not included.
const MAX_SLOTS: usize = 65_536;

/// A leg that was handed to the connection.
#[derive(Debug)]
pub(super) struct Sent {
    /// The leg.
    pub waiting: Waiting,
    /// Where its request begins in all that was ever written to the connection.
    pub starts_at: u64,
}

#[derive(Debug)]
enum Slot {
    Open(Sent),
    Overdue { since: Instant },
    Done,
}

/// What a reply belongs to.
#[derive(Debug)]
pub(super) enum Answered {
    /// A leg that waits for it.
    Leg(Sent),
    /// A leg that has timed out.
    Late,
    /// Nothing that is known.
    Stray,
}

/// The requests in flight on one connection.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// The count of the request in the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    unanswered: usize,
    /// The count of the first request that is not wholly written.
    unwritten: u64,
}

impl Flight {
    /// How many requests have no answer yet, those that timed out included.
    pub const fn len(&self) -> usize {
        self.unanswered
    }

    /// Whether there is room for one more, be it behind a request that has had no answer for long.
    pub fn has_room(&self, pipeline: usize) -> bool {
        self.unanswered < pipeline && self.slots.len() < MAX_SLOTS
    }

    /// The number that the next request will have.
    pub fn next_number(&self) -> u32 {
        number_of(self.first + self.slots.len() as u64)
    }

    /// A request was handed to the connection, under [`Flight::next_number`].
    pub fn push(&mut self, sent: Sent) {
        self.slots.push_back(Slot::Open(sent));
        self.unanswered += 1;
    }

    /// All that was handed over is written by now.
    pub fn written(&mut self, now: Instant) {
        let from = usize::try_from(self.unwritten.saturating_sub(self.first)).unwrap_or(usize::MAX);
        for slot in self.slots.iter_mut().skip(from) {
            if let Slot::Open(sent) = slot {
                sent.waiting.sent = Some(now);
            }
        }
        self.unwritten = self.first + self.slots.len() as u64;
    }

    /// A reply to this number came.
    pub fn answer(&mut self, number: u32) -> Answered {
        let Some(slot) = self.place_of(number).and_then(|at| self.slots.get_mut(at)) else {
            return Answered::Stray;
        };
        let answered = match std::mem::replace(slot, Slot::Done) {
            Slot::Open(sent) => Answered::Leg(sent),
            Slot::Overdue { .. } => Answered::Late,
            Slot::Done => return Answered::Stray,
        };
        self.unanswered -= 1;
        self.drop_done();
        answered
    }

    fn place_of(&self, number: u32) -> Option<usize> {
        let behind = (u64::from(number) + NUMBERS).checked_sub(1 + self.first % NUMBERS)? % NUMBERS;
        usize::try_from(behind).ok()
    }

    fn drop_done(&mut self) {
        while let Some(Slot::Done) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Takes out the legs whose time is up; their slots stay.
    pub fn expire(&mut self, now: Instant) -> Vec<Sent> {
        let due = |slot: &mut Slot| match slot {
            Slot::Open(sent) if sent.waiting.deadline <= now => {
                match std::mem::replace(slot, Slot::Overdue { since: now }) {
                    Slot::Open(sent) => Some(sent),
                    Slot::Overdue { .. } | Slot::Done => None,
                }
            }
            _ => None,
        };
        self.slots.iter_mut().filter_map(due).collect()
    }

    /// When something is to be done next: a leg's time is up, or an overdue slot has waited for `patience`.
    pub fn next_event(&self, patience: Duration) -> Option<Instant> {
        let event = |slot: &Slot| match slot {
            Slot::Open(sent) => Some(sent.waiting.deadline),
            Slot::Overdue { since } => Some(*since + patience),
            Slot::Done => None,
        };
        self.slots.iter().filter_map(event).min()
    }

    /// Whether a request has waited for `patience` beyond its time.
    pub fn is_stalled(&self, now: Instant, patience: Duration) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Overdue { since } if *since + patience <= now))
    }

    /// Whether a request is overdue at all.
    pub fn has_overdue(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Overdue { .. }))
    }

    /// Gives up on replies that are overdue by `patience`: their slots are free again.
    pub fn forget_stalled(&mut self, now: Instant, patience: Duration) {
        for slot in &mut self.slots {
            if matches!(slot, Slot::Overdue { since } if *since + patience <= now) {
                *slot = Slot::Done;
                self.unanswered -= 1;
            }
        }
        self.drop_done();
    }

    /// The connection is lost: all legs that still wait, in their order.
    pub fn take_all(&mut self) -> Vec<Sent> {
        self.unanswered = 0;
        self.first += self.slots.len() as u64;
        let open = |slot| match slot {
            Slot::Open(sent) => Some(sent),
            Slot::Overdue { .. } | Slot::Done => None,
        };
        self.slots.drain(..).filter_map(open).collect()
    }
}

fn number_of(count: u64) -> u32 {
    u32::try_from(count % NUMBERS).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn sent(deadline: Instant) -> Sent {
        Sent { waiting: Waiting::for_test(deadline), starts_at: 0 }
    }

    /// A flight that begins at this count, with requests due after 1, 2, 3… seconds.
    fn flight(first: u64, requests: u64, now: Instant) -> Flight {
        let mut flight = Flight { first, ..Flight::default() };
        (1..=requests).for_each(|s| flight.push(sent(now + Duration::from_secs(s))));
        flight
    }

    #[test]
    fn replies_find_their_requests_in_any_order_also_where_the_numbers_begin_again() {
        let now = Instant::now();
        for first in [0, 5, NUMBERS - 2, NUMBERS, 3 * NUMBERS - 1] {
            let mut flight = flight(first, 4, now);
            let numbers: Vec<_> = (0..4).map(|n| number_of(first + n)).collect();
            assert!(numbers.iter().all(|n| (1..=0x7fff_ffff).contains(n)), "{numbers:?}");
            for at in [2, 0, 3, 1] {
                let Answered::Leg(sent) = flight.answer(numbers[at]) else { panic!("{at} from {first}") };
                assert_eq!(sent.waiting.deadline, now + Duration::from_secs(at as u64 + 1));
            }
            assert_eq!((flight.len(), flight.slots.len(), flight.first), (0, 0, first + 4));
        }
    }

    #[test]
    fn what_was_never_asked_is_a_stray() {
        let mut flight = flight(10, 2, Instant::now());
        for number in [0, 1, 10, 13, u32::MAX] {
            assert!(matches!(flight.answer(number), Answered::Stray), "{number}");
        }
        assert!(matches!(flight.answer(12), Answered::Leg(_)));
        assert!(matches!(flight.answer(12), Answered::Stray), "answered twice");
    }

    #[test]
    fn a_timed_out_request_keeps_its_slot_until_its_late_reply() {
        let now = Instant::now();
        let mut flight = flight(0, 2, now);
        let due = flight.expire(now + Duration::from_millis(1500));
        assert_eq!((due.len(), flight.len(), flight.has_overdue()), (1, 2, true));
        assert!(matches!(flight.answer(1), Answered::Late));
        assert_eq!((flight.len(), flight.has_overdue()), (1, false));
        assert!(matches!(flight.answer(2), Answered::Leg(_)));
    }

    #[test]
    fn each_request_was_sent_when_the_last_of_its_batch_was_written() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut flight = flight(5, 2, begin);
        flight.written(at(1));
        assert!(matches!(flight.answer(6), Answered::Leg(first) if first.waiting.sent == Some(at(1))));
        flight.push(sent(begin));
        flight.written(at(2));
        flight.push(sent(begin));
        let sent: Vec<_> = flight.take_all().iter().map(|sent| sent.waiting.sent).collect();
        assert_eq!(sent, [Some(at(1)), Some(at(2)), None]);
    }

    #[test]
    fn patience_ends() {
        let now = Instant::now();
        let mut flight = flight(0, 2, now);
        assert_eq!(flight.next_event(PATIENCE), Some(now + Duration::from_secs(1)));
        let expired = now + Duration::from_secs(1);
        flight.expire(expired);
        assert!(!flight.is_stalled(expired, PATIENCE));
        assert!(flight.is_stalled(expired + PATIENCE, PATIENCE));
        flight.forget_stalled(expired + PATIENCE, PATIENCE);
        assert_eq!((flight.len(), flight.has_overdue()), (1, false));
    }

    #[test]
    fn a_lost_connection_gives_back_what_waits_and_forgets_the_rest() {
        let now = Instant::now();
        let mut flight = flight(0, 3, now);
        flight.expire(now + Duration::from_secs(1));
        assert_eq!(flight.take_all().len(), 2);
        assert_eq!((flight.len(), flight.next_number()), (0, 4));
    }
}
