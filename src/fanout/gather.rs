//! Waits for the legs of a call, and takes their ends as they come.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::tally::Ended;
use crate::command::{Call, Policy, Urgency};
use crate::model::{LegEnd, Outcome, Unsent};
use crate::route::{Aim, Plan, stable_hash};
use crate::upstream::{Board, Leg, LegFuture, Upstream, WakeOn};

/// What makes the legs of a call.
#[derive(Debug)]
struct Maker {
    requests: SmallVec<[Wire; 1]>,
    urgency: Urgency,
    started: Instant,
    deadline: Instant,
    board: Rc<Board>,
}

/// A request as cores get it, made once for all legs that go under the same name.
#[derive(Debug)]
struct Wire {
    /// The place among the plan's devices, or the request as it came.
    device: Option<usize>,
    bytes: Bytes,
    key: u64,
}

impl Maker {
    fn new(call: &Call, plan: &Plan, started: Instant) -> Self {
        let wake_on = if plan.policy == Policy::Any { WakeOn::Each } else { WakeOn::Last };
        let mut requests = SmallVec::<[Wire; 1]>::new();
        for leg in &plan.legs {
            if !requests.iter().any(|wire| wire.device == leg.device) {
                let device = plan.device(*leg);
                let key = stable_hash(device.unwrap_or_else(|| call.link_key()).as_bytes());
                requests.push(Wire { device: leg.device, bytes: call.wire(device), key });
            }
        }
        let urgency = call.function.priority;
        Self { requests, urgency, started, deadline: call.deadline, board: Board::new(wake_on) }
    }

    fn leg(&self, aim: Aim) -> Option<Leg> {
        let wire = self.requests.iter().find(|wire| wire.device == aim.device)?;
        let Self { urgency, started, deadline, .. } = *self;
        let (bytes, board) = (wire.bytes.clone(), self.board.clone());
        Some(Leg { wire: bytes, key: wire.key, urgency, started, deadline, board })
    }
}

fn ended(aim: Aim, end: LegEnd) -> Ended {
    Ended { core: aim.core.id, device: aim.device, end }
}

/// The legs of a call, under way since this was made.
#[derive(Debug)]
pub(super) struct Legs {
    first_ok_is_enough: bool,
    maker: Maker,
    /// For [`Policy::First`]: the legs that have not been tried, the next one last.
    spare: Vec<Aim>,
    open: SmallVec<[(Aim, LegFuture); 4]>,
    ended: Vec<Ended>,
}

impl Legs {
    /// Begins the legs of a plan. They are in the hands of the links when this returns, so that calls which
    /// are begun one after the other reach each core in that order.
    pub fn begin(upstream: &Upstream, call: &Call, plan: &Plan, started: Instant) -> Self {
        let mut legs = Self {
            first_ok_is_enough: plan.policy == Policy::Any,
            maker: Maker::new(call, plan, started),
            spare: Vec::new(),
            open: SmallVec::new(),
            ended: Vec::with_capacity(plan.legs.len()),
        };
        if plan.policy == Policy::First {
            legs.spare = plan.legs.iter().rev().copied().collect();
            legs.try_next(upstream);
        } else {
            plan.legs.iter().for_each(|aim| legs.start(upstream, *aim));
        }
        legs
    }

    fn start(&mut self, upstream: &Upstream, aim: Aim) {
        if let (Some(at), Some(leg)) = (aim.core.at, self.maker.leg(aim)) {
            self.open.push((aim, upstream.start(at, leg)));
            return;
        }
        let outcome = Outcome::NotSent(Unsent::Unknown);
        self.ended.push(ended(aim, LegEnd { outcome, reply: None, elapsed: Duration::ZERO }));
    }

    /// The ends of all legs, sorted by core; of those that are known where one confirmation is enough.
    pub async fn end(mut self, upstream: &Upstream) -> Vec<Ended> {
        loop {
            (&mut self).await;
            if !self.try_next(upstream) {
                break;
            }
        }
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_by_key(|e| e.core);
        if !self.open.is_empty() {
            // The answer is known, yet these legs go on to their ends and are counted.
            tokio::task::spawn_local(self.rest());
        }
        ended
    }

    /// The legs that nobody waits for any more.
    async fn rest(mut self) {
        (&mut self).await;
    }

    /// Begins the next core's leg, if nothing was sent to those before it.
    fn try_next(&mut self, upstream: &Upstream) -> bool {
        let was_sent = self.ended.last().is_some_and(|e| !matches!(e.end.outcome, Outcome::NotSent(_)));
        let is_late = !self.ended.is_empty() && self.maker.deadline <= Instant::now();
        if was_sent || is_late {
            return false;
        }
        let next = self.spare.pop();
        next.into_iter().for_each(|aim| self.start(upstream, aim));
        next.is_some()
    }
}

impl Future for &mut Legs {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let legs = &mut **self;
        let mut enough = false;
        let all_ended = &mut legs.ended;
        legs.open.retain(|(aim, leg)| match Pin::new(leg).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(end)) => {
                enough |= legs.first_ok_is_enough && end.outcome == Outcome::Ok;
                all_ended.push(ended(*aim, end));
                false
            }
        });
        if legs.open.is_empty() || enough { Poll::Ready(()) } else { Poll::Pending }
    }
}
