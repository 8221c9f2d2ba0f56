//! Delivering to one core.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::Obligation;
use super::books::{Books, milliseconds};
use super::store::End;
use crate::database::StoreError;
use crate::model::{Outcome, Rejection};
use crate::upstream::{CoreShared, LinkSettings, errand};

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
}

impl Courier {
    /// The courier of a core; one for each core and process.
    #[must_use]
    pub const fn new(books: Arc<Books>, core: Arc<CoreShared>, links: LinkSettings) -> Self {
        Self { books, core, links }
    }

    /// Delivers whatever is owed to the core while it can be reached, for ever.
    pub async fn keep_delivering(self) {
        let (mut changes, mut states) = (self.books.debts.changes(), self.core.breaker.watch());
        loop {
            if !self.is_due() {
                // Whichever comes first: a core that is back, or something new.
                tokio::select! {
                    biased;
                    () = changes.changed() => {}
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
        let leased = milliseconds(self.links.connect_timeout + self.links.leg_timeout + NOTING);
        let (core, now) = (&self.core.core, self.books.debts.now());
        let next = self.books.store.claim(core.id, core.connections, now, leased).await?;
        let done = join_all(next.iter().map(|owed| self.hand_over(owed))).await;
        self.books.debts.look();
        let is_well = !done.is_empty();
        done.into_iter().try_fold(is_well, |is_well, done| done.map(|reached| is_well && reached))
    }

    /// Delivers one command; whether the core can be reached.
    async fn hand_over(&self, owed: &Obligation) -> Result<bool, StoreError> {
        let sent = self.books.debts.now();
        match errand(&self.core, self.links, &owed.wire(sent)).await {
            Outcome::Ok => self.end(owed, End::Delivered, &Outcome::Ok).await.map(|()| true),
            Outcome::Rejected(rejection) => self.refused(owed, rejection).await.map(|()| true),
            outcome => self.put_off(owed, &outcome).await.map(|()| false),
        }
    }

    async fn refused(&self, owed: &Obligation, rejection: Box<Rejection>) -> Result<(), StoreError> {
        let is_stranger = self.books.codes.is_not_mine(&rejection);
        let outcome = Outcome::Rejected(rejection);
        // What is to be stopped and is not there has stopped: the core may have heard of it the first time.
        if is_stranger && (owed.forgives || owed.is_stop()) {
            return self.end(owed, End::Delivered, &outcome).await;
        }
        if is_stranger || owed.attempts >= REFUSALS {
            let (core, command, words) = (owed.core.0, &owed.command, outcome.reason());
            tracing::error!(core, command, words, "a core refuses what it is owed");
            return self.end(owed, End::Refused, &outcome).await;
        }
        self.put_off(owed, &outcome).await
    }

    /// It is tried again, unless it has become too old meanwhile: nobody else sees that while it is taken.
    async fn put_off(&self, owed: &Obligation, outcome: &Outcome) -> Result<(), StoreError> {
        if self.books.debts.now().saturating_sub(owed.asked) >= milliseconds(self.books.settings.expire) {
            return self.end(owed, End::Expired, outcome).await;
        }
        let again = self.books.debts.now().saturating_add(milliseconds(self.books.settings.retry));
        self.books.store.put_off(owed.ident, &outcome.reason(), again).await
    }

    async fn end(&self, owed: &Obligation, end: End, outcome: &Outcome) -> Result<(), StoreError> {
        let now = self.books.debts.now();
        self.books.store.end(owed.ident, end, &outcome.reason(), now).await?;
        self.books.ended(owed, end, Some(outcome), now);
        if end == End::Delivered {
            let (core, name, command) = (owed.core.0, &self.core.core.name, &owed.command);
            tracing::info!(core, name, command, late_ms = now - owed.asked, "delivered late");
        }
        Ok(())
    }
}
