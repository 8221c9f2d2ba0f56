//! The cores: who owns the links, sends the legs, and knows which core is down.
//!
//! A [`CoreShared`] is what all threads share of one core: its breaker, its counters. An [`Upstream`] is one
//! thread's own links to all cores, so nothing on the way of a leg needs a lock.

mod backoff;
mod board;
mod breaker;
mod conversation;
mod dial;
mod errand;
mod flight;
mod left;
mod link;
mod probe;
mod queue;
mod roster;
mod shared;
mod stack;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use tower::Service;

use crate::command::Urgency;
use crate::model::CoreIndex;

pub(crate) use backoff::Backoff;
pub use board::{Board, Replies, WakeOn, Wires};
pub use breaker::{Breaker, BreakerSettings, State};
pub use dial::{Dial, Stream};
pub use errand::{Done, Errand};
pub use probe::keep_probing;
pub use roster::{Cores, Roster};
pub use shared::CoreShared;
pub use stack::{CoreStack, LegFuture};

/// The part of a call that goes to one core.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The place of its request among those of its board.
    pub wire: usize,
    /// What decides which link it travels on: what has the same key arrives in order.
    pub key: u64,
    /// What it yields to.
    pub urgency: Urgency,
    /// Whether it begins something, which a drained core is spared.
    pub begins: bool,
    /// When the leg began.
    pub started: Instant,
    /// When it must have ended, whatever happens.
    pub deadline: Instant,
    /// Where its end is reported.
    pub board: Rc<Board>,
}

/// Times of one core's links.
#[derive(Clone, Copy, Debug)]
pub struct LinkSettings {
    /// How long a leg may take, at most.
    pub leg_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// The largest reply in bytes.
    pub max_reply_bytes: usize,
    /// How many threads share a core's connections.
    pub threads: usize,
}

/// One thread's links to all cores.
#[derive(Debug)]
pub struct Upstream {
    /// By place; nothing where a core stood that is not in force any more.
    stacks: RefCell<Vec<Option<CoreStack>>>,
    settings: LinkSettings,
}

impl Upstream {
    /// Opens the links of this thread. They connect in the background: the proxy starts with every core down.
    ///
    /// # Panics
    /// Outside of a [`tokio::runtime::LocalRuntime`] or a [`tokio::task::LocalSet`].
    #[must_use]
    pub fn open(cores: &Cores, settings: LinkSettings) -> Self {
        let upstream = Self { stacks: RefCell::default(), settings };
        upstream.exchange(cores);
        upstream
    }

    /// Has links to these cores from now on. A core that was there before keeps the links that it has; one that is
    /// another now under its old number gets new ones, and they wait until what the old ones carry has ended, so that
    /// what is said of one device stays in order.
    ///
    /// # Panics
    /// As [`Upstream::open`].
    pub fn exchange(&self, cores: &Cores) {
        let mut stacks = self.stacks.borrow_mut();
        let mut before = std::mem::take(&mut *stacks);
        for core in cores.iter() {
            let at = core.place.at();
            if stacks.len() <= at {
                stacks.resize_with(at + 1, || None);
            }
            let old = before.get_mut(at).and_then(Option::take);
            stacks[at] = Some(match old {
                Some(old) if old.is_of(core) => old,
                old => {
                    let left = old.map(|old| old.leave(self.settings.leg_timeout));
                    stack::build(core, self.settings, left.as_ref())
                }
            });
        }
        before.into_iter().flatten().for_each(|gone| drop(gone.leave(self.settings.leg_timeout)));
    }

    /// Whether the core is thought to be there.
    #[must_use]
    pub fn passes(&self, core: CoreIndex) -> bool {
        let stacks = self.stacks.borrow();
        stacks.get(core.at()).and_then(Option::as_ref).is_some_and(CoreStack::passes)
    }

    /// Starts a leg. The stack is always ready: waiting for a turn is the link's affair. A core that has gone since the
    /// call was planned has none.
    #[must_use]
    pub fn start(&self, core: CoreIndex, leg: Leg) -> Option<LegFuture> {
        self.stacks.borrow_mut().get_mut(core.at())?.as_mut().map(|stack| stack.call(leg))
    }
}
