//! Delivering to one core.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Obligation;
use super::books::{Books, milliseconds};
use super::compensation::{Compensation, Stopper};
use super::store::{End, Ended};
use super::told::Told;
use crate::database::StoreError;
use crate::metrics::Metrics;
use crate::model::{Outcome, Rejection};
use crate::signal::Watcher;
use crate::upstream::{CoreShared, Done, Errand, LinkSettings, State};

/// How long a round begins deliveries. So long, and a delivery's own time, nobody else delivers what it took.
const ROUND: Duration = Duration::from_millis(500);

/// How long noting how a round went may take.
const NOTING: Duration = Duration::from_millis(500);

/// How many devices' commands one connection has in a round.
const CHAINS: usize = 16;

/// A refusal may pass, as that of a core that is just starting; so often it is tried again.
const REFUSALS: i64 = 5;

/// TIMEOFFSET counts from when the core reads it. So a start is told to have been this much earlier, and is told again if
/// the core took longer: what was to be silent is, from its first moment.
const EXACT: Duration = Duration::from_millis(50);

/// What one core's courier works with.
#[derive(Debug)]
pub struct Courier {
    books: Arc<Books>,
    core: Arc<CoreShared>,
    links: LinkSettings,
    compensation: Arc<Compensation>,
    stopper: Stopper,
    /// How long the core took for the last two deliveries, the last one first.
    pace: Mutex<[Duration; 2]>,
}

/// How deliveries to some devices went.
#[derive(Debug, Default)]
struct Went {
    /// Whether the core could be reached each time.
    is_well: bool,
    /// What was not come to.
    left: Vec<i64>,
}

impl Courier {
    /// The courier of a core; one for each core and process.
    #[must_use]
    pub fn new(
        books: Arc<Books>,
        core: Arc<CoreShared>,
        links: LinkSettings,
        compensation: Arc<Compensation>,
        metrics: &Metrics,
    ) -> Self {
        books.meet(core.core.id, metrics);
        compensation.meet(core.core.id, metrics);
        let stopper = Stopper::new(compensation.clone(), core.clone(), links, books.codes.clone());
        Self { books, core, links, compensation, stopper, pace: Mutex::default() }
    }

    /// Delivers whatever is owed to the core while it can be reached, until it is told to leave; what it has begun then it
    /// ends.
    pub async fn keep_delivering(self, leave: CancellationToken) {
        let (mut changes, mut states) = (self.books.debts.changes(), self.core.breaker.watch());
        while !leave.is_cancelled() {
            if !self.is_due() {
                // Whichever comes first: a core that is back, or something new.
                tokio::select! {
                    biased;
                    () = changes.changed() => {}
                    _ = states.changed() => {}
                    () = leave.cancelled() => {}
                }
            } else if !self.deliver().await {
                // Not at once again: what failed may fail again, and what was put off has its time.
                leave.run_until_cancelled(sleep(self.books.settings.retry)).await.unwrap_or_default();
            }
        }
    }

    fn is_due(&self) -> bool {
        self.core.breaker.passes() && self.books.debts.owes_any(self.core.core.id)
    }

    /// Delivers what is next of many devices; whether there was any and all of it went well.
    async fn deliver(&self) -> bool {
        match self.round().await {
            Ok(is_well) => is_well,
            Err(error) => {
                tracing::warn!(core = self.core.core.id.0, %error, "what is owed to a core cannot be read or noted");
                false
            }
        }
    }

    /// Delivers over as many connections as the core takes, each device's commands one after the other.
    async fn round(&self) -> Result<bool, StoreError> {
        let (core, now, until) = (&self.core.core, self.books.now(), Instant::now() + ROUND);
        let (lanes, once) = (core.connections, self.links.connect_timeout + self.links.leg_timeout);
        let leased = milliseconds(once + self.stopper.takes() + ROUND + NOTING);
        let chains = self.books.store.claim(core.id, lanes * CHAINS, now, leased).await?;
        let is_any = !chains.is_empty();
        let mut shares: Vec<Vec<_>> = (0..lanes).map(|_| Vec::new()).collect();
        chains.into_iter().enumerate().for_each(|(n, chain)| shares[n % lanes].push(chain));
        let done = join_all(shares.into_iter().map(|share| self.go_round(share, until))).await;
        self.books.debts.look();
        let done: Vec<Went> = done.into_iter().collect::<Result<_, _>>()?;
        let is_well = is_any && done.iter().all(|went| went.is_well);
        self.books.store.give_back(done.into_iter().flat_map(|went| went.left).collect()).await?;
        Ok(is_well)
    }

    /// Delivers over one connection.
    async fn go_round(&self, share: Vec<Vec<Obligation>>, until: Instant) -> Result<Went, StoreError> {
        let mut errand = Errand::new(&self.core, self.links);
        let mut all = Went { is_well: true, left: Vec::new() };
        for chain in share {
            let went = if all.is_well && Instant::now() < until {
                self.deliver_chain(&mut errand, chain, until).await?
            } else {
                Went { is_well: all.is_well, left: chain.iter().map(|owed| owed.ident).collect() }
            };
            all.is_well = went.is_well;
            all.left.extend(went.left);
        }
        Ok(all)
    }

    /// Delivers what is owed of one device, up to what the core does not take. What became of it is noted together.
    async fn deliver_chain(
        &self,
        errand: &mut Errand<'_>,
        chain: Vec<Obligation>,
        until: Instant,
    ) -> Result<Went, StoreError> {
        let (mut ends, mut chain) = (Vec::new(), chain.into_iter());
        let mut went = Went { is_well: true, left: Vec::new() };
        for owed in chain.by_ref() {
            if Instant::now() >= until {
                went.left.push(owed.ident);
                break;
            }
            let Some(outcome) = self.hand_over(errand, &owed, until).await else {
                let now = self.books.now();
                self.books.store.put_off(owed.ident, "the core took too long, or is back", now).await?;
                break;
            };
            went.is_well = outcome.is_answer();
            if outcome != Outcome::Ok {
                // Whoever looks at the rows now is to find what was confirmed.
                self.note(std::mem::take(&mut ends)).await?;
            }
            let Some(end) = self.end_of(&owed, &outcome).await? else {
                self.put_off(&owed, &outcome).await?;
                break;
            };
            ends.push((owed, end, outcome, self.books.now()));
        }
        went.left.extend(chain.map(|owed| owed.ident));
        self.note(ends).await.map(|()| went)
    }

    /// Delivers one command, a start so that it is not too late by what the delivery takes. Nothing comes of it if it was
    /// cut off, or if there is no time to tell such a start again.
    async fn hand_over(&self, errand: &mut Errand<'_>, owed: &Obligation, until: Instant) -> Option<Outcome> {
        if owed.is_blackout() {
            let (core, chain, forgives) = (owed.core, owed.chain, owed.forgives);
            let (command, at) = (Arc::new(owed.clone()), self.books.now());
            self.books.debts.remembers(Told { core, chain, forgives, command, at, is_late: true });
        }
        loop {
            let early = if owed.is_start() { self.early() } else { Duration::ZERO };
            let wire = || owed.wire(self.books.now().saturating_add(milliseconds(early)));
            let done = ask(errand, &self.core, wire).await?;
            self.notes_pace(done.took);
            if !owed.is_start() || done.took <= early || done.outcome != Outcome::Ok {
                return Some(done.outcome);
            }
            if Instant::now() >= until {
                return None;
            }
        }
    }

    /// How much earlier a start is told to have been. A core that was slow once was perhaps just waking up; one that was
    /// slow twice has what it takes, and none takes longer than the time-out. So a start that was told too late is told in
    /// time sooner or later, if need be in another round.
    fn early(&self) -> Duration {
        let [last, before] = *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        (2 * last.min(before)).clamp(EXACT, self.links.leg_timeout.max(EXACT))
    }

    fn notes_pace(&self, took: Duration) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        *pace = [took, pace[0]];
    }

    /// How an obligation ends whose delivery went so; not yet, where it is to be tried again.
    async fn end_of(&self, owed: &Obligation, outcome: &Outcome) -> Result<Option<End>, StoreError> {
        let end = match outcome {
            Outcome::Ok => Some(End::Delivered),
            Outcome::Rejected(rejection) => self.end_of_refused(owed, outcome, rejection).await?,
            _ => self.stopper.instead(owed, outcome, false).await.map(|_| None)?,
        };
        Ok(end.or_else(|| self.is_too_old(owed).then_some(End::Expired)))
    }

    async fn end_of_refused(
        &self,
        owed: &Obligation,
        outcome: &Outcome,
        rejection: &Rejection,
    ) -> Result<Option<End>, StoreError> {
        let is_stranger = self.books.codes.is_not_mine(rejection);
        // What is to be stopped and is not there has stopped: the core may have heard of it the first time.
        if is_stranger && (owed.forgives || owed.is_stop()) {
            return Ok(Some(End::Delivered));
        }
        let for_good = owed.attempts >= REFUSALS;
        let is_open = !is_stranger && self.stopper.instead(owed, outcome, for_good).await?;
        if is_stranger || for_good && !is_open {
            let (core, command, words) = (owed.core.0, &owed.command, &rejection.message);
            tracing::error!(core, command, %words, "a core refuses what it is owed");
            return Ok(Some(End::Refused));
        }
        Ok(None)
    }

    /// Nobody else sees that while it is taken.
    fn is_too_old(&self, owed: &Obligation) -> bool {
        self.books.now().saturating_sub(owed.asked) >= milliseconds(self.books.settings.expire)
    }

    async fn put_off(&self, owed: &Obligation, outcome: &Outcome) -> Result<(), StoreError> {
        let again = self.books.now().saturating_add(milliseconds(self.books.settings.retry));
        self.books.store.put_off(owed.ident, &outcome.reason(), again).await
    }

    async fn note(&self, ends: Vec<(Obligation, End, Outcome, i64)>) -> Result<(), StoreError> {
        let row = |(owed, end, outcome, at): &(Obligation, End, Outcome, i64)| Ended {
            ident: owed.ident,
            end: *end,
            reply: outcome.reason(),
            at: *at,
        };
        self.books.store.end(ends.iter().map(row).collect()).await?;
        for (owed, end, outcome, at) in &ends {
            self.books.ended(owed, *end, Some(outcome), *at);
            if *end == End::Delivered {
                self.compensation.confirmed(owed, *at).await?;
                let (core, name, command) = (owed.core.0, &self.core.core.name, &owed.command);
                tracing::info!(core, name, command, late_ms = at - owed.asked, "delivered late");
            }
        }
        Ok(())
    }
}

/// Asks. Nothing comes of an errand during which the core was lost and is back: its connection is one of before, and would
/// have to time out.
pub(super) async fn ask(
    errand: &mut Errand<'_>,
    core: &CoreShared,
    request: impl FnOnce() -> String,
) -> Option<Done> {
    let states = core.breaker.watch();
    tokio::select! {
        biased;
        done = errand.ask(request) => Some(done),
        () = is_back(states) => None,
    }
}

/// Ends when the core was lost and has answered a probe.
async fn is_back(mut states: Watcher<State>) {
    states.until(|state| state != State::Pass).await;
    states.until(|state| state == State::Pass).await;
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::model::{Core, CoreId, CoreIndex};
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
            at: Vec::new(),
            connections: 1,
            pipeline: 1,
            queue: 1,
            tls: None,
        };
        let core = CoreShared::new(core, CoreIndex(0), BreakerSettings::default(), &Metrics::default());
        let links =
            LinkSettings { leg_timeout: LONG, connect_timeout: LONG, max_reply_bytes: 1024, threads: 1 };
        let mut errand = Errand::new(&core, links);
        let heal = async {
            let connection = hung.accept().await.expect("the errand");
            core.breaker.shut();
            core.breaker.probing();
            // Whoever waits sees each state, as it would with a probe's time between them.
            tokio::task::yield_now().await;
            core.breaker.probed(true);
            connection
        };
        let both = async {
            tokio::join!(ask(&mut errand, &core, || "<TYPE>TEST</TYPE></REQUEST>\r\n".into()), heal).0
        };
        assert_eq!(
            timeout(Duration::from_secs(20), both).await.expect("it is cut off").map(|done| done.outcome),
            None
        );
    }
}
