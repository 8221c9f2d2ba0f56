//! Waits for the legs of a call, and takes their ends as they come.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::join_all;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::tally::Ended;
use crate::budget::Budget;
use crate::command::{Call, Policy, Urgency};
use crate::model::{CoreId, LegEnd, Outcome, Unsent};
use crate::owed::{Obligation, Owed};
use crate::route::{Aim, Plan, stable_hash};
use crate::upstream::{Board, Leg, LegFuture, Replies, Upstream, WakeOn};

/// What makes the legs of a call.
#[derive(Debug)]
struct Maker {
    requests: SmallVec<[Wire; 1]>,
    urgency: Urgency,
    begins: bool,
    started: Instant,
    deadline: Instant,
    /// Whether the order matters in which a core is told this and other things of a device.
    heeds_order: bool,
    /// Whether a core that does not get it is owed it.
    can_be_owed: bool,
    /// When it was asked for, in UNIX milliseconds; of what can be owed only.
    asked: i64,
    /// Until when it waits for what goes first.
    patience: Instant,
    board: Rc<Board>,
}

/// What all legs have in common that go under the same name. It has the place of their request on the board.
#[derive(Debug)]
struct Wire {
    /// The place among the plan's devices, or the request as it came.
    device: Option<u32>,
    key: u64,
    /// Of a blackout: how it is said again, if another copy owes something that goes before it.
    blackout: Option<Arc<Obligation>>,
}

impl Wire {
    fn of(call: &Call, plan: &Plan, aim: Aim, asked: Option<i64>) -> Self {
        let device = plan.device(aim);
        let key = stable_hash(device.unwrap_or_else(|| call.link_key()).bytes());
        let blackout =
            asked.map(|asked| Arc::new(Obligation::of(call, device, key, aim.core.id, asked, false)));
        Self { device: aim.device, key, blackout }
    }
}

impl Maker {
    fn new(owed: &Owed, call: &Call, plan: &Plan, started: Instant, data: &Arc<Budget>) -> Self {
        let can_be_owed = Obligation::is_for(call.function);
        let asked = if can_be_owed { owed.asked(started) } else { 0 };
        let is_remembered = owed.is_on() && can_be_owed && call.function.is_blackout();
        let wake_on = if plan.policy == Policy::Any { WakeOn::Each } else { WakeOn::Last };
        let mut requests = SmallVec::<[Wire; 1]>::new();
        for leg in &plan.legs {
            if !requests.iter().any(|wire| wire.device == leg.device) {
                requests.push(Wire::of(call, plan, *leg, is_remembered.then_some(asked)));
            }
        }
        let replies = match plan.policy {
            Policy::Merge(_) => Replies::Kept(data.part().into()),
            _ if call.function.is_blackout() => Replies::Heads,
            _ => Replies::Dropped,
        };
        let (urgency, begins) = (call.function.priority, call.function.begins());
        let deadline = if can_be_owed { owed.reserve(started, call.deadline) } else { call.deadline };
        let heeds_order = can_be_owed || plan.policy == Policy::All;
        let wires = requests.iter().map(|wire| call.wire(plan.device_at(wire.device))).collect();
        let board = Board::new(wires, wake_on, replies, plan.legs.len());
        // Half of the time is left for what goes behind.
        let patience = started + deadline.saturating_duration_since(started) / 2;
        Self {
            requests,
            urgency,
            begins,
            started,
            deadline,
            heeds_order,
            can_be_owed,
            asked,
            patience,
            board,
        }
    }

    fn wire(&self, aim: Aim) -> Option<(usize, &Wire)> {
        self.requests.iter().enumerate().find(|(_, wire)| wire.device == aim.device)
    }

    /// What the leg is about.
    fn chain(&self, aim: Aim) -> u64 {
        self.wire(aim).map_or(0, |(_, wire)| wire.key)
    }

    /// Whether nothing is owed that goes first.
    fn is_next(&self, owed: &Owed, plan: &Plan, aim: Aim) -> bool {
        let (core, chain) = (aim.core.id, self.chain(aim));
        match self.wire(aim).and_then(|(_, wire)| wire.blackout.as_ref()) {
            Some(blackout) => owed.tells(core, chain, plan.forgives(core), blackout),
            None => !owed.owes(core, chain),
        }
    }

    fn ended(&self, aim: Aim, end: LegEnd) -> Ended {
        Ended { core: aim.core.id, device: aim.device, chain: self.chain(aim), is_earlier: false, end }
    }

    fn leg(&self, aim: Aim) -> Option<Leg> {
        let (at, wire) = self.wire(aim)?;
        let Self { urgency, begins, started, deadline, .. } = *self;
        Some(Leg { wire: at, key: wire.key, urgency, begins, started, deadline, board: self.board.clone() })
    }
}

/// The legs of a call, under way since this was made.
#[derive(Debug)]
pub(super) struct Legs {
    first_ok_is_enough: bool,
    maker: Maker,
    /// For [`Policy::First`]: the legs that have not been tried, the next one last.
    spare: Vec<Aim>,
    open: SmallVec<[(Aim, LegFuture); 4]>,
    /// Those that go behind what is owed to their cores.
    behind: Vec<Aim>,
    ended: Vec<Ended>,
}

impl Legs {
    /// Begins the legs of a plan, but for the cores that have confirmed before. They are in the hands of the links when
    /// this returns, so that calls which are begun one after the other reach each core in that order.
    pub fn begin(
        upstream: &Upstream,
        owed: &Owed,
        call: &Call,
        plan: &Plan,
        mut confirmed: Vec<Ended>,
        started: Instant,
        data: &Arc<Budget>,
    ) -> Self {
        confirmed.reserve(plan.legs.len());
        let mut legs = Self {
            first_ok_is_enough: plan.policy == Policy::Any,
            maker: Maker::new(owed, call, plan, started, data),
            spare: Vec::new(),
            open: SmallVec::with_capacity(plan.legs.len()),
            behind: Vec::new(),
            ended: confirmed,
        };
        if plan.policy == Policy::First {
            legs.spare = plan.legs.iter().rev().copied().collect();
            legs.try_next(upstream);
        } else {
            let known: SmallVec<[CoreId; 4]> = legs.ended.iter().map(|leg| leg.core).collect();
            let due = plan.legs.iter().filter(|aim| !known.contains(&aim.core.id));
            due.for_each(|aim| legs.start_in_order(upstream, owed, plan, *aim));
        }
        legs
    }

    /// Starts a leg, unless something is owed to its core about the same device. What can be owed itself is not sent
    /// then: it is delivered in its turn. Anything else waits, if the core can be reached at all.
    fn start_in_order(&mut self, upstream: &Upstream, owed: &Owed, plan: &Plan, aim: Aim) {
        let is_behind = self.maker.heeds_order
            && !self.maker.is_next(owed, plan, aim)
            && aim.core.at.is_some_and(|at| upstream.passes(at));
        match (is_behind, self.maker.can_be_owed) {
            (false, _) => self.start(upstream, aim),
            (true, true) => self.never(aim, Unsent::Behind),
            (true, false) => self.behind.push(aim),
        }
    }

    fn start(&mut self, upstream: &Upstream, aim: Aim) {
        match aim.core.at.and_then(|at| upstream.start(at, self.maker.leg(aim)?)) {
            Some(leg) => self.open.push((aim, leg)),
            None => self.never(aim, Unsent::Unknown),
        }
    }

    fn never(&mut self, aim: Aim, why: Unsent) {
        let (outcome, elapsed) = (Outcome::NotSent(why), self.maker.started.elapsed());
        let end = LegEnd { outcome, reply: None, elapsed, sent: None };
        self.ended.push(self.maker.ended(aim, end));
    }

    /// When it was asked for, in UNIX milliseconds by the clock that copies share; of what can be owed only.
    pub const fn asked(&self) -> i64 {
        self.maker.asked
    }

    /// The ends of all legs, sorted by core; of those that are known where one confirmation is enough.
    pub async fn end(&mut self, upstream: &Upstream, owed: &Owed) -> Vec<Ended> {
        if !self.behind.is_empty() {
            Box::pin(self.start_behind(upstream, owed)).await;
        }
        loop {
            (&mut *self).await;
            if !self.try_next(upstream) {
                break;
            }
        }
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_by_key(|e| e.core);
        if !self.open.is_empty() {
            // The answer is known, yet these legs go on to their ends and are counted.
            tokio::task::spawn_local(join_all(self.open.drain(..).map(|(_, leg)| leg)));
        }
        ended
    }

    /// Starts the legs that wait for what is owed, as soon as nothing is; the others are on their way meanwhile.
    async fn start_behind(&mut self, upstream: &Upstream, owed: &Owed) {
        for aim in std::mem::take(&mut self.behind) {
            if owed.cleared(aim.core.id, self.maker.chain(aim), self.maker.patience).await {
                self.start(upstream, aim);
            } else {
                self.never(aim, Unsent::Behind);
            }
        }
    }

    /// Begins the next core's leg, if nothing was sent to those before it.
    fn try_next(&mut self, upstream: &Upstream) -> bool {
        let was_sent = |last: &Ended| !matches!(last.end.outcome, Outcome::NotSent(_));
        let is_late = || self.maker.deadline <= Instant::now();
        if self.ended.last().is_some_and(|last| was_sent(last) || is_late()) {
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
        if !legs.maker.board.is_time(cx) {
            return Poll::Pending;
        }
        let mut enough = false;
        let (ended, maker) = (&mut legs.ended, &legs.maker);
        legs.open.retain(|(aim, leg)| match Pin::new(leg).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(end)) => {
                enough |= legs.first_ok_is_enough && end.outcome == Outcome::Ok;
                ended.push(maker.ended(*aim, end));
                false
            }
        });
        if legs.open.is_empty() || enough { Poll::Ready(()) } else { Poll::Pending }
    }
}
