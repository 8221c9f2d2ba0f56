//! Delivering to one core.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Obligation;
use super::books::{Books, milliseconds, now};
use super::compensation::{Compensation, Stopper};
use super::store::End;
use crate::database::StoreError;
use crate::model::{Outcome, Rejection};
use crate::upstream::{CoreShared, LinkSettings, State, errand};

/// How long noting how a delivery ended may take; until then nobody else delivers the same.
const NOTING: Duration = Duration::from_secs(1);

/// A refusal may pass, as that of a core that is just starting; so often it is tried again.
const REFUSALS: i64 = 5;

/// What one core's courier works with.
#[derive(Debug)]
pub struct Courier {
    books: Arc<Books>,
    core: Arc<CoreShared>,
    links: LinkSettings,
    compensation: Arc<Compensation>,
    stopper: Stopper,
}

impl Courier {
    /// The courier of a core; one for each core and process.
    #[must_use]
    pub fn new(
        books: Arc<Books>,
        core: Arc<CoreShared>,
        links: LinkSettings,
        compensation: Arc<Compensation>,
    ) -> Self {
        let stopper = Stopper::new(compensation.clone(), core.clone(), links, books.codes.clone());
        Self { books, core, links, compensation, stopper }
    }

    /// Delivers whatever is owed to the core while it can be reached, for ever.
    pub async fn keep_delivering(self) {
        let (mut changes, mut states) = (self.books.debts.changes(), self.core.breaker.watch());
        loop {
            if !self.is_due() {
                // Whichever comes first: a core that is back, or something new.
                tokio::select! {
                    _ = changes.changed() => {}
                    _ = states.changed() => {}
                }
            } else if !self.deliver().await {
                // Not at once again: what failed may fail again, and what was put off has its time.
                sleep(self.books.settings.retry).await;
            }
        }
    }

    fn is_due(&self) -> bool {
        self.core.breaker.passes() && self.books.debts.owes_any(self.core.core.id)
    }

    /// Delivers what is next of all chains; whether there was any and all of it went well.
    async fn deliver(&self) -> bool {
        match self.round().await {
            Ok(is_well) => is_well,
            Err(error) => {
                tracing::warn!(core = self.core.core.id.0, %error, "what is owed to a core cannot be read or noted");
                false
            }
        }
    }

    /// Delivers what is next of as many devices as the core takes connections.
    async fn round(&self) -> Result<bool, StoreError> {
        let takes = self.links.connect_timeout + self.links.leg_timeout + self.stopper.takes();
        let leased = milliseconds(takes + NOTING);
        let next =
            self.books.store.claim(self.core.core.id, self.core.core.connections, now(), leased).await?;
        let done = join_all(next.iter().map(|owed| self.hand_over(owed))).await;
        self.books.debts.look();
        let is_well = !done.is_empty();
        done.into_iter().try_fold(is_well, |is_well, done| done.map(|reached| is_well && reached))
    }

    /// Delivers one command; whether the core can be reached, so that what is next can follow at once.
    async fn hand_over(&self, owed: &Obligation) -> Result<bool, StoreError> {
        let sent = now();
        let Some(outcome) = ask(&self.core, self.links, &owed.wire(sent)).await else {
            self.books.store.put_off(owed.ident, "cut off: the core is back", now()).await?;
            return Ok(true);
        };
        match outcome {
            Outcome::Ok => self.end(owed, End::Delivered, &Outcome::Ok).await.map(|()| true),
            Outcome::Rejected(rejection) => self.refused(owed, rejection).await.map(|()| true),
            outcome => {
                self.stopper.instead(owed, &outcome, false).await?;
                self.put_off(owed, &outcome).await.map(|()| false)
            }
        }
    }

    async fn refused(&self, owed: &Obligation, rejection: Box<Rejection>) -> Result<(), StoreError> {
        let is_stranger = self.books.codes.is_not_mine(&rejection);
        let outcome = Outcome::Rejected(rejection);
        // What is to be stopped and is not there has stopped: the core may have heard of it the first time.
        if is_stranger && (owed.forgives || owed.is_stop()) {
            return self.end(owed, End::Delivered, &outcome).await;
        }
        let for_good = owed.attempts >= REFUSALS;
        let is_open = !is_stranger && self.stopper.instead(owed, &outcome, for_good).await?;
        if is_stranger || for_good && !is_open {
            let (core, command, words) = (owed.core.0, &owed.command, outcome.reason());
            tracing::error!(core, command, words, "a core refuses what it is owed");
            return self.end(owed, End::Refused, &outcome).await;
        }
        self.put_off(owed, &outcome).await
    }

    /// It is tried again, unless it has become too old meanwhile: nobody else sees that while it is taken.
    async fn put_off(&self, owed: &Obligation, outcome: &Outcome) -> Result<(), StoreError> {
        if now().saturating_sub(owed.asked) >= milliseconds(self.books.settings.expire) {
            return self.end(owed, End::Expired, outcome).await;
        }
        let again = now().saturating_add(milliseconds(self.books.settings.retry));
        self.books.store.put_off(owed.ident, &outcome.reason(), again).await
    }

    async fn end(&self, owed: &Obligation, end: End, outcome: &Outcome) -> Result<(), StoreError> {
        let now = now();
        self.books.store.end(owed.ident, end, &outcome.reason(), now).await?;
        self.books.ended(owed, end, Some(outcome), now);
        if end == End::Delivered {
            self.compensation.confirmed(owed, now).await?;
            let (core, name, command) = (owed.core.0, &self.core.core.name, &owed.command);
            tracing::info!(core, name, command, late_ms = now - owed.asked, "delivered late");
        }
        Ok(())
    }
}

/// Does an errand. Nothing comes of one during which the core was lost and is back: its connection is one of before, and
/// would have to time out.
pub(super) async fn ask(core: &CoreShared, links: LinkSettings, wire: &str) -> Option<Outcome> {
    let states = core.breaker.watch();
    tokio::select! {
        outcome = errand(core, links, wire) => Some(outcome),
        () = is_back(states) => None,
    }
}

/// Ends when the core was lost and has answered a probe.
async fn is_back(mut states: watch::Receiver<State>) {
    let lost = states.wait_for(|state| *state != State::Pass).await.is_ok();
    if !lost || states.wait_for(|state| *state == State::Pass).await.is_err() {
        // It is not told any more.
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::metrics::Metrics;
    use crate::model::{Core, CoreId};
    use crate::upstream::BreakerSettings;

    const LONG: Duration = Duration::from_mins(10);

    #[tokio::test]
    async fn what_hangs_on_a_core_that_is_back_is_cut_off() {
        let hung = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let core = Core {
            id: CoreId(1),
            name: "hung".into(),
            site: "hq".into(),
            address: hung.local_addr().expect("an address").to_string(),
            connections: 1,
            pipeline: 1,
            queue: 1,
            tls: None,
        };
        let core = CoreShared::new(core, BreakerSettings::default(), &Metrics::default());
        let links =
            LinkSettings { leg_timeout: LONG, connect_timeout: LONG, max_reply_bytes: 1024, threads: 1 };
        let heal = async {
            let connection = hung.accept().await.expect("the errand");
            core.breaker.shut();
            core.breaker.probing();
            // Whoever waits sees each state, as it would with a probe's time between them.
            tokio::task::yield_now().await;
            core.breaker.probed(true);
            connection
        };
        let both = async { tokio::join!(ask(&core, links, "<TYPE>TEST</TYPE></REQUEST>\r\n"), heal).0 };
        assert_eq!(timeout(Duration::from_secs(20), both).await.expect("it is cut off"), None);
    }
}
