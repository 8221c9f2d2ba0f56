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
mod link;
mod probe;
mod queue;
mod shared;
mod stack;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tower::Service;

use crate::command::Urgency;
use crate::model::CoreIndex;

pub use board::{Board, Replies, WakeOn, Wires};
pub use breaker::{Breaker, BreakerSettings, State};
pub use dial::{Dial, Stream};
pub use errand::{Done, Errand};
pub use probe::keep_probing;
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
    stacks: Vec<RefCell<CoreStack>>,
}

impl Upstream {
    /// Opens the links of this thread. They connect in the background: the proxy starts with every core down.
    ///
    /// # Panics
    /// Outside of a [`tokio::runtime::LocalRuntime`] or a [`tokio::task::LocalSet`].
    #[must_use]
    pub fn open(cores: &[Arc<CoreShared>], settings: LinkSettings) -> Self {
        let stack = |core: &Arc<CoreShared>| RefCell::new(stack::build(core, settings));
        Self { stacks: cores.iter().map(stack).collect() }
    }

    /// Whether the core is thought to be there.
    #[must_use]
    pub fn passes(&self, core: CoreIndex) -> bool {
        self.stacks[core.at()].borrow().passes()
    }

    /// Starts a leg. The stack is always ready: waiting for a turn is the link's affair.
    #[must_use]
    pub fn start(&self, core: CoreIndex, leg: Leg) -> LegFuture {
        self.stacks[core.at()].borrow_mut().call(leg)
    }
}
