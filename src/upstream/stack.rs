//! The service stack of one core, in one place.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder};

use super::board::Ticket;
use super::left::Left;
use super::link::Links;
use super::shared::{CoreShared, Local};
use super::{Leg, LinkSettings};
use crate::model::{LegEnd, Outcome, Unsent};

/// One thread's way to one core.
pub type CoreStack = Record<Guard<Deadline<Links>>>;

/// A leg under way: it has no task, timer or box of its own.
pub type LegFuture = Recorded<Guarded<Ticket>>;

/// Builds the stack, outside in. Its links connect once what was there before is at rest.
pub(super) fn build(core: &Arc<CoreShared>, settings: LinkSettings, before: Option<&Left>) -> CoreStack {
    let local = Local::of(core);
    ServiceBuilder::new()
        // Outermost, so that every leg is counted, also one that the layers below refuse.
        .layer(layer_fn(|inner| Record { core: local.clone(), inner }))
        // A core that is known to be down costs a leg nothing: no wait, no place in a queue.
        .layer(layer_fn(|inner| Guard { core: local.clone(), inner }))
        // Over waiting for a turn *and* the answer: the links keep the time that is set here.
        .layer(layer_fn(|inner| Deadline { leg_timeout: settings.leg_timeout, inner }))
        // Innermost, the connections with their queue of fixed size. That queue is the concurrency limit: it
        // must be the link's own, since what is said of one device has to stay in order.
        .service(Links::open(core, settings, before))
}

/// Counts and times every leg.
#[derive(Debug)]
pub struct Record<S> {
    core: Local,
    inner: S,
}

/// Refuses legs while the breaker is shut, and those that begin something while the core is drained; and tells it how the others end.
#[derive(Debug)]
pub struct Guard<S> {
    core: Local,
    inner: S,
}

impl<S> Record<S> {
    /// Whether the breaker lets legs pass.
    pub(super) fn passes(&self) -> bool {
        self.core.breaker.passes()
    }

    /// Whether these are the links to this core, and not to another of its number.
    pub(super) fn is_of(&self, core: &Arc<CoreShared>) -> bool {
        self.core.is(core)
    }
}

impl CoreStack {
    /// Nothing more is sent over it; what is under way there goes on until it has ended.
    pub(super) fn leave(self, patience: Duration) -> Left {
        let left = Left::now(self.core.shared(), patience);
        let rest = left.clone();
        drop(tokio::task::spawn_local(async move {
            rest.is_at_rest().await;
            drop(self);
        }));
        left
    }
}

/// Gives a leg its own, shorter time.
#[derive(Debug)]
pub struct Deadline<S> {
    leg_timeout: Duration,
    inner: S,
}

/// What all layers are: always ready, since waiting for a turn is the link's affair, and never failing, since
/// every end of a leg is an outcome.
macro_rules! leg_service {
    ($layer:ident, $future:ty, |$self:ident, $leg:ident| $call:expr) => {
        impl<S: Service<Leg, Response = LegEnd, Error = Infallible>> Service<Leg> for $layer<S> {
            type Response = LegEnd;
            type Error = Infallible;
            type Future = $future;

            fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                self.inner.poll_ready(cx)
            }

            fn call(&mut $self, $leg: Leg) -> Self::Future {
                $call
            }
        }
    };
}

leg_service!(Record, Recorded<S::Future>, |self, leg| {
    Recorded { core: self.core.clone(), inner: self.inner.call(leg) }
});

leg_service!(Guard, Guarded<S::Future>, |self, leg| {
    if !self.core.breaker.passes() {
        Guarded::Refused { why: Unsent::Breaker }
    } else if leg.begins && self.core.is_drained() {
        Guarded::Refused { why: Unsent::Draining }
    } else {
        Guarded::Passed { core: self.core.clone(), inner: self.inner.call(leg) }
    }
});

leg_service!(Deadline, S::Future, |self, leg| {
    let deadline = leg.deadline.min(leg.started + self.leg_timeout);
    self.inner.call(Leg { deadline, ..leg })
});

pin_project! {
    /// The future of [`Record`].
    #[derive(Debug)]
    pub struct Recorded<F> {
        core: Local,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<LegEnd, Infallible>>> Future for Recorded<F> {
    type Output = Result<LegEnd, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(end) = ready!(this.inner.poll(cx));
        this.core.record(&end);
        Poll::Ready(Ok(end))
    }
}

pin_project! {
    /// The future of [`Guard`].
    #[project = GuardedProjection]
    #[derive(Debug)]
    pub enum Guarded<F> {
        /// The breaker was shut, or the core is drained.
        Refused { why: Unsent },
        /// The leg went on.
        Passed {
            core: Local,
            #[pin]
            inner: F,
        },
    }
}

impl<F: Future<Output = Result<LegEnd, Infallible>>> Future for Guarded<F> {
    type Output = Result<LegEnd, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            GuardedProjection::Refused { why } => {
                let outcome = Outcome::NotSent(*why);
                Poll::Ready(Ok(LegEnd { outcome, reply: None, elapsed: Duration::ZERO, sent: None }))
            }
            GuardedProjection::Passed { core, inner } => {
                let Ok(end) = ready!(inner.poll(cx));
                core.breaker.learn(&end.outcome);
                Poll::Ready(Ok(end))
            }
        }
    }
}
