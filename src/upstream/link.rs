//! The connections of one thread to one core, and the life of each: connect, talk, lose, connect again.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tower::Service;

use super::backoff::Backoff;
use super::board::Ticket;
use super::breaker::State;
use super::conversation::{Conversation, Lost};
use super::dial::{Dialed, dial};
use super::left::Left;
use super::queue::{Queue, Waiting};
use super::shared::{CoreShared, Local};
use super::{Leg, LinkSettings};
use crate::command::Urgency;
use crate::model::{LegEnd, Outcome, Unsent};
use crate::signal::Watcher;

/// Waits between attempts to connect, as long as the breaker lets them be made.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// One thread's connections to one core: the innermost service of the stack.
#[derive(Debug)]
pub struct Links {
    core: Local,
    queues: Vec<Rc<RefCell<Queue>>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Links {
    pub(super) fn open(core: &Arc<CoreShared>, settings: LinkSettings, before: Option<&Left>) -> Self {
        let core = Local::of(core);
        let connections = core.core.connections.div_ceil(settings.threads.max(1)).max(1);
        let queues: Vec<_> = (0..connections).map(|_| Rc::new(RefCell::new(Queue::default()))).collect();
        let task = |queue: &Rc<RefCell<Queue>>| {
            let link = Link { core: core.clone(), settings, queue: queue.clone(), before: before.cloned() };
            AbortOnDropHandle::new(tokio::task::spawn_local(link.run()))
        };
        let tasks = queues.iter().map(task).collect();
        Self { core, queues, _tasks: tasks }
    }

    fn is_full(&self, urgency: Urgency) -> bool {
        let waiting = self.queues.iter().map(|queue| queue.borrow().len()).sum::<usize>();
        waiting >= urgency.room(self.core.core.queue)
    }

    /// The same key is always the same link, so that order holds.
    fn queue_for(&self, key: u64) -> &RefCell<Queue> {
        let at = key % self.queues.len() as u64;
        &self.queues[usize::try_from(at).unwrap_or(0)]
    }
}

impl Service<Leg> for Links {
    type Response = LegEnd;
    type Error = Infallible;
    type Future = Ticket;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, leg: Leg) -> Ticket {
        let (is_full, started) = (self.is_full(leg.urgency), leg.started);
        let (waiting, ticket) = Waiting::new(leg);
        if is_full {
            waiting.end(Outcome::NotSent(Unsent::QueueFull), None, started);
        } else {
            self.core.queued.fetch_add(1, Ordering::Relaxed);
            self.queue_for(waiting.key).borrow_mut().push(waiting);
        }
        ticket
    }
}

/// One connection's life.
struct Link {
    core: Local,
    settings: LinkSettings,
    queue: Rc<RefCell<Queue>>,
    before: Option<Left>,
}

impl Link {
    async fn run(self) {
        if let Some(before) = &self.before {
            self.meanwhile(before.is_at_rest()).await;
        }
        let mut backoff = Backoff::new(RECONNECT.0, RECONNECT.1);
        let mut states = self.core.breaker.watch();
        loop {
            self.meanwhile(passing(&mut states)).await;
            match self.meanwhile(dial(&self.core, self.settings.connect_timeout)).await {
                Ok(dialed) => {
                    let since = Instant::now();
                    let was_heard = match dialed {
                        Dialed::Plain(stream) => self.talk(stream, &mut states).await,
                        Dialed::Secured(stream) => self.talk(stream, &mut states).await,
                        Dialed::Other(stream) => self.talk(stream, &mut states).await,
                    };
                    if was_heard || since.elapsed() > RECONNECT.1 {
                        // It was a good connection, perhaps one that the core closed for idleness.
                        backoff.reset();
                        continue;
                    }
                }
                Err(error) => self.no_connection(&error),
            }
            self.meanwhile(sleep(backoff.next())).await;
        }
    }

    /// Refused: the core is not there, and whoever waits is told at once. A connection that takes too long may
    /// be a lost packet, so it takes several of them.
    fn no_connection(&self, error: &io::Error) {
        self.core.note_error(format!("could not connect: {error}"));
        if error.kind() == io::ErrorKind::TimedOut {
            self.core.breaker.failed();
        } else {
            self.core.breaker.shut();
        }
        if !self.core.breaker.passes() {
            let now = Instant::now();
            let legs = self.queue.borrow_mut().take_all();
            self.end_unsent(legs, Unsent::Connect, now);
        }
    }

    fn end_unsent(&self, legs: impl IntoIterator<Item = Waiting>, reason: Unsent, now: Instant) {
        for leg in legs {
            self.core.queued.fetch_sub(1, Ordering::Relaxed);
            leg.end(Outcome::NotSent(reason), None, now);
        }
    }

    /// Talks over a connection until it is lost; whether anything sensible was ever heard on it.
    async fn talk<S>(&self, stream: S, states: &mut Watcher<State>) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.core.connections.fetch_add(1, Ordering::Relaxed);
        let mut talk = Conversation::new(stream, &self.core, self.settings, &self.queue);
        let lost = loop {
            tokio::select! {
                biased;
                lost = poll_fn(|cx| talk.poll(cx)) => break lost,
                () = healed(states) => {
                    // The core answers again, but on this connection it still owes replies: it may have
                    // forgotten them, and would never get to what is sent behind them.
                    if talk.has_overdue() {
                        break Lost::stalled();
                    }
                }
            }
        };
        self.core.lose();
        self.core.connections.fetch_sub(1, Ordering::Relaxed);
        let was_heard = talk.was_heard();
        self.core.note_error(lost.reason.clone());
        talk.lose(&lost);
        was_heard
    }

    /// Waits for something that needs no connection, while the legs that wait keep their time.
    async fn meanwhile<F: Future>(&self, future: F) -> F::Output {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.next_event() => {
                    let now = Instant::now();
                    let due = self.queue.borrow_mut().expire(now);
                    self.end_unsent(due, Unsent::Deadline, now);
                }
            }
        }
    }

    /// The first deadline of those that wait, also of those that come in while it waits.
    async fn next_event(&self) {
        let mut timer = std::pin::pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            self.queue.borrow_mut().register(cx);
            let Some(at) = self.queue.borrow().next_event() else { return Poll::Pending };
            if timer.deadline() != at {
                timer.as_mut().reset(at);
            }
            timer.as_mut().poll(cx)
        })
        .await
    }
}

/// Until the breaker passes.
async fn passing(states: &mut Watcher<State>) {
    states.until(|state| state == State::Pass).await;
}

/// Until the breaker has been shut and passes again.
async fn healed(states: &mut Watcher<State>) {
    states.until(|state| state != State::Pass).await;
    passing(states).await;
}
