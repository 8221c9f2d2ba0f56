//! Telling somebody of a blackout's start that a core has not confirmed in time.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::interval;

use super::store::{Alert, When};
use super::webhook::{PATIENCE, Teller};
use super::{About, Action, Compensation, Result, Went, since};
use crate::ledger::clean;
use crate::model::Unsent;
use crate::owed::books::milliseconds;
use crate::upstream::Roster;

/// How often it is looked for what is due, unless the limit is shorter.
const LOOK: Duration = Duration::from_secs(1);
/// Alerts that are on their way at once; more wait in the database.
const AT_ONCE: usize = 16;
/// How often an alert is tried.
const TRIES: i64 = 6;
/// The wait after the first try that failed; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// What ended unconfirmed so long ago is told of. What ended before was over when this was switched on.
const RECENT: Duration = Duration::from_mins(10);
/// How long noting how it went may take.
const NOTING: Duration = Duration::from_secs(1);

/// Tells a webhook; one for each process.
#[derive(Debug)]
pub struct Alarms {
    compensation: Arc<Compensation>,
    cores: Arc<Roster>,
    teller: Teller,
}

impl Alarms {
    /// What tells of starts that these cores have not confirmed, if somebody is to be told.
    #[must_use]
    pub fn of(compensation: &Arc<Compensation>, cores: Arc<Roster>) -> Option<Self> {
        let Action::Webhook(hook) = &compensation.safety.action else { return None };
        let teller = Teller::new(hook.clone());
        Some(Self { compensation: compensation.clone(), cores, teller })
    }

    /// Tells of what is due, for ever.
    pub async fn keep_telling(self) {
        let mut ticks = interval(LOOK.min(self.compensation.safety.exposure_limit));
        let mut was_well = true;
        loop {
            ticks.tick().await;
            let done = self.tell_all().await;
            if let Err(error) = &done
                && was_well
            {
                tracing::warn!(%error, "the database does not say which blackouts are unconfirmed for too long");
            }
            was_well = done.is_ok();
        }
    }

    /// Tells of all that is due at this moment.
    pub(super) async fn tell_all(&self) -> Result<()> {
        loop {
            let now = self.compensation.now();
            let when = When {
                now,
                limit: self.compensation.limit(now),
                recent: now.saturating_sub(milliseconds(RECENT)),
                leased: milliseconds(PATIENCE + NOTING),
            };
            let alerts = self.compensation.store.claim(when, AT_ONCE).await?;
            let told = join_all(alerts.iter().map(|alert| self.tell(alert))).await;
            told.into_iter().collect::<Result<()>>()?;
            if alerts.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn tell(&self, alert: &Alert) -> Result<()> {
        if !matches!(&*alert.state, "pending" | "refused" | "expired") {
            return self.settle(alert, Went::Needless, "the core has confirmed it meanwhile").await;
        }
        match self.teller.tell(self.json(alert)).await {
            Ok(words) => self.settle(alert, Went::Done, &words).await,
            Err(words) => self.fails(alert, &words).await,
        }
    }

    async fn fails(&self, alert: &Alert, words: &str) -> Result<()> {
        let (host, core) = (self.teller.host(), alert.core.0);
        if alert.attempts + 1 >= TRIES {
            tracing::error!(host, core, words, "a webhook was not told of an unconfirmed blackout: given up");
            return self.settle(alert, Went::Failed, words).await;
        }
        tracing::warn!(host, core, words, "a webhook was not told of an unconfirmed blackout: tried again");
        self.compensation.count(alert.core, Went::Failed);
        let wait = milliseconds(FIRST_WAIT) << alert.attempts.clamp(0, TRIES);
        self.compensation
            .store
            .put_off(alert.obligation, words, self.compensation.now().saturating_add(wait))
            .await
    }

    async fn settle(&self, alert: &Alert, went: Went, words: &str) -> Result<()> {
        if self.compensation.store.settle(alert.obligation, went, words, self.compensation.now()).await? {
            self.compensation.count(alert.core, went);
            let Alert { core, command, device, asked, .. } = alert;
            self.compensation.note(About { core: *core, command, device, asked: *asked }, went, None);
        }
        Ok(())
    }

    /// What is told. What could be a card number is covered, as in the ledger.
    fn json(&self, alert: &Alert) -> String {
        let cores = self.cores.now();
        let core = cores.of(alert.core);
        let asked = Timestamp::from_millisecond(alert.asked).unwrap_or_default();
        let exposed = since(alert.asked, self.compensation.now());
        json!({
            "alert": "blackout_unconfirmed",
            "id": alert.obligation,
            "core": alert.core,
            "core_name": core.map(|core| &core.core.name),
            "site": core.map(|core| &core.core.site),
            "reachable": core.is_some_and(|core| core.breaker.passes()),
            "device": clean(&alert.device),
            "function": alert.command,
            "asked": asked.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "exposed_seconds": exposed.as_secs_f64(),
            "state": alert.state,
            "stop_owed": alert.is_over,
            "answer": if alert.reply.is_empty() { Unsent::Breaker.reason().into() } else { clean(&alert.reply) },
        })
        .to_string()
    }
}
