//! Waits for the legs of a call, and takes their ends as they come.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use tokio::time::Instant;

use super::tally::Ended;
use crate::command::{Call, Policy};
use crate::model::{CoreIndex, Outcome};
use crate::route::{Cores, Plan, stable_hash};
use crate::upstream::{Board, Leg, LegFuture, Upstream, WakeOn};

/// The legs of a call, under way since this was made.
#[derive(Debug)]
pub(super) struct Legs {
    first_ok_is_enough: bool,
    /// For [`Policy::First`]: the leg to begin again with, and the cores that have not been tried.
    spare: Option<(Leg, Cores)>,
    open: SmallVec<[(CoreIndex, LegFuture); 4]>,
    ended: Vec<Ended>,
}

impl Legs {
    /// Begins the legs of a plan. They are in the hands of the links when this returns, so that calls which
    /// are begun one after the other reach each core in that order.
    pub fn begin(upstream: &Upstream, call: &Call, plan: &Plan, started: Instant) -> Self {
        let is_any = plan.policy == Policy::Any;
        let leg = Leg {
            wire: call.wire(),
            key: stable_hash(call.link_key().as_bytes()),
            started,
            deadline: call.deadline,
            board: Board::new(if is_any { WakeOn::Each } else { WakeOn::Last }),
        };
        let (now, later) = match plan.policy {
            Policy::First => plan.cores.split_at(plan.cores.len().min(1)),
            _ => (&*plan.cores, &[][..]),
        };
        let open = now.iter().map(|core| (*core, upstream.start(*core, leg.clone()))).collect();
        let spare = (!later.is_empty()).then(|| (leg, Cores::from_slice(later)));
        Self { first_ok_is_enough: is_any, spare, open, ended: Vec::with_capacity(plan.cores.len()) }
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
        ended.sort_unstable_by_key(|e| e.core);
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

    /// Begins the next core's leg if the last one was not sent at all.
    fn try_next(&mut self, upstream: &Upstream) -> bool {
        let Some((leg, cores)) = &mut self.spare else { return false };
        let was_sent = self.ended.last().is_none_or(|e| !matches!(e.end.outcome, Outcome::NotSent(_)));
        if was_sent || cores.is_empty() || leg.deadline <= Instant::now() {
            return false;
        }
        let core = cores.remove(0);
        self.open.push((core, upstream.start(core, leg.clone())));
        true
    }
}

impl Future for &mut Legs {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let legs = &mut **self;
        let mut enough = false;
        let ended = &mut legs.ended;
        legs.open.retain(|(core, leg)| match Pin::new(leg).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(end)) => {
                enough |= legs.first_ok_is_enough && end.outcome == Outcome::Ok;
                ended.push(Ended { core: *core, end });
                false
            }
        });
        if legs.open.is_empty() || enough { Poll::Ready(()) } else { Poll::Pending }
    }
}
