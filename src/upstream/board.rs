//! What the legs of one call have in common, and where they report their ends: one allocation and one waker for all of
//! them.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::budget::Part;
use crate::command::Urgency;
use crate::model::{LegEnd, Outcome};

/// Requests from behind their REQUESTID to their end, each of them shared by all legs that go under the same name.
pub type Wires = SmallVec<[String; 1]>;

/// When the call has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeOn {
    /// When the last leg has ended.
    Last,
    /// Whenever a leg has ended.
    Each,
}

/// So much of a reply is enough for its head, in bytes.
const HEAD: usize = 512;

/// What becomes of the cores' replies, which are held until the call has its verdict.
#[derive(Debug)]
pub enum Replies {
    /// Their outcomes say all that is needed.
    Dropped,
    /// Their heads are wanted for the ledger.
    Heads,
    /// Their data is wanted, as far as there is room in a budget.
    Kept(RefCell<Part>),
}

impl Replies {
    /// An end with a copy of as much of its reply as is to be held: the reply itself stands in the connection's buffer. Where
    /// there is no room for it, the leg brought nothing.
    fn keep(&self, end: LegEnd, reply: Option<&[u8]>) -> LegEnd {
        let Some(reply) = reply.filter(|_| end.outcome == Outcome::Ok) else { return end };
        match self {
            Self::Dropped => end,
            Self::Heads => {
                LegEnd { reply: Some(Bytes::copy_from_slice(&reply[..reply.len().min(HEAD)])), ..end }
            }
            Self::Kept(part) => {
                let mut part = part.borrow_mut();
                let bytes = part.bytes() + reply.len();
                if part.resize(bytes, Urgency::Normal) {
                    return LegEnd { reply: Some(Bytes::copy_from_slice(reply)), ..end };
                }
                LegEnd { outcome: Outcome::BadReply, ..end }
            }
        }
    }
}

/// One call's requests to cores, as they are written, and the ends of its legs.
#[derive(Debug)]
pub struct Board {
    wires: Wires,
    wake_on: WakeOn,
    replies: Replies,
    open: Cell<usize>,
    ends: RefCell<SmallVec<[Option<LegEnd>; 8]>>,
    waker: RefCell<Option<Waker>>,
}

impl Board {
    /// An empty board, with room for so many legs.
    #[must_use]
    pub fn new(wires: Wires, wake_on: WakeOn, replies: Replies, legs: usize) -> Rc<Self> {
        let (open, waker) = Default::default();
        Rc::new(Self { wires, wake_on, replies, open, ends: SmallVec::with_capacity(legs).into(), waker })
    }

    /// A place for one more leg: whoever owns the leg reports on it, the ticket waits for that.
    pub(super) fn ticket(self: Rc<Self>) -> (Place, Ticket) {
        let at = self.ends.borrow().len();
        self.ends.borrow_mut().push(None);
        self.open.set(self.open.get() + 1);
        (Place { board: Some(self.clone()), at }, Ticket { board: self, at })
    }

    /// Whether the call has something to do; it is woken when it has.
    pub fn is_time(&self, cx: &Context<'_>) -> bool {
        if self.wake_on == WakeOn::Each || self.open.get() == 0 {
            return true;
        }
        self.register(cx);
        false
    }

    fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn report(&self, at: usize, end: LegEnd, reply: Option<&[u8]>) {
        self.ends.borrow_mut()[at] = Some(self.replies.keep(end, reply));
        self.open.set(self.open.get() - 1);
        let is_time = self.wake_on == WakeOn::Each || self.open.get() == 0;
        if is_time && let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// The right to report on one leg, once. Whoever drops it unused has lost the leg: then it ends as
/// disconnected, so that no call ever waits for a leg that nobody has.
#[derive(Debug)]
pub(super) struct Place {
    board: Option<Rc<Board>>,
    at: usize,
}

impl Place {
    /// One of the call's requests.
    pub(super) fn wire(&self, at: usize) -> &str {
        self.board.as_ref().and_then(|board| board.wires.get(at)).map_or("", |wire| wire)
    }

    /// The leg has ended.
    pub(super) fn report(mut self, end: LegEnd, reply: Option<&[u8]>) {
        self.end(end, reply);
    }

    fn end(&mut self, end: LegEnd, reply: Option<&[u8]>) {
        if let Some(board) = self.board.take() {
            board.report(self.at, end, reply);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (outcome, elapsed) = (Outcome::Disconnected, Duration::ZERO);
        self.end(LegEnd { outcome, reply: None, elapsed, sent: None }, None);
    }
}

/// Waits for the end of one leg.
#[derive(Debug)]
pub struct Ticket {
    board: Rc<Board>,
    at: usize,
}

impl Future for Ticket {
    type Output = Result<LegEnd, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(end) = self.board.ends.borrow_mut()[self.at].take() {
            return Poll::Ready(Ok(end));
        }
        self.board.register(cx);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;
    use crate::budget::Budget;
    use crate::metrics::Metrics;

    fn ok() -> LegEnd {
        LegEnd { outcome: Outcome::Ok, reply: None, elapsed: Duration::ZERO, sent: None }
    }

    #[test]
    fn a_call_is_woken_once_when_the_last_leg_ends() {
        let board = Board::new(Wires::new(), WakeOn::Last, Replies::Dropped, 1);
        let ((first, one), (second, two)) = (board.clone().ticket(), board.ticket());
        let mut both = task::spawn(futures::future::join(one, two));
        assert_pending!(both.poll());
        second.report(ok(), None);
        assert!(!both.is_woken(), "one leg is still open");
        first.report(ok(), None);
        assert!(both.is_woken());
        let _both = assert_ready!(both.poll());
    }

    #[test]
    fn a_call_that_needs_only_one_is_woken_by_each() {
        let board = Board::new(Wires::new(), WakeOn::Each, Replies::Dropped, 1);
        let ((first, one), _second) = (board.clone().ticket(), board.ticket());
        let mut one = task::spawn(one);
        assert_pending!(one.poll());
        first.report(ok(), None);
        assert!(one.is_woken());
    }

    #[test]
    fn a_leg_that_is_lost_ends_all_the_same() {
        let board = Board::new(Wires::new(), WakeOn::Last, Replies::Dropped, 1);
        let (place, ticket) = board.ticket();
        drop(place);
        let Ok(end) = assert_ready!(task::spawn(ticket).poll());
        assert_eq!(end.outcome, Outcome::Disconnected);
    }

    #[test]
    fn replies_are_held_where_they_are_wanted_and_while_there_is_room() {
        let budget = Budget::new(10, "test", &Metrics::default());
        let end = |outcome| LegEnd { outcome, ..ok() };
        let kept = Replies::Kept(RefCell::new(budget.part()));
        assert_eq!(kept.keep(end(Outcome::Ok), Some(b"123456")).reply.as_deref(), Some(&b"123456"[..]));
        assert_eq!(kept.keep(end(Outcome::TimedOut), Some(b"1234")).reply, None, "no data");
        let late = kept.keep(end(Outcome::Ok), Some(b"12345"));
        assert_eq!((late.outcome, late.reply), (Outcome::BadReply, None), "no room");
        drop(kept);
        assert_eq!(budget.held(), 0);
        let head = Replies::Heads.keep(end(Outcome::Ok), Some(&[b'x'; 600]));
        assert_eq!((head.outcome, head.reply.map(|head| head.len())), (Outcome::Ok, Some(HEAD)));
        let dropped = Replies::Dropped.keep(end(Outcome::Ok), Some(b"1"));
        assert_eq!((dropped.outcome, dropped.reply), (Outcome::Ok, None));
    }
}
