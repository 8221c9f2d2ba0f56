//! Retention: which recordings' time is over, and their removal.
//!
//! A recording is removed in three steps: its row is marked, from when on nobody sees it; its sound is removed; its row
//! is removed. Whoever stops in between leaves marks, with which the next run begins, on whichever machine: a sound that
//! is gone already is no error, nor is a row. So two runs at once do no harm.

mod fate;
mod remove;

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::Result;
use crate::database::{Lane, Session, Value};
use crate::media::{MediaError, Vault};
use crate::records::{Records, Retention};
pub use fate::{Fate, Reason};
pub use remove::Removed;

/// How long the database has for counting, or for one batch.
const LIMIT: std::time::Duration = std::time::Duration::from_mins(15);

/// Where sounds lie, and can be removed from.
pub trait Sounds: Send + Sync {
    /// Removes the sound of this key. [`MediaError::NotFound`] is as good as done.
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), MediaError>>;
}

impl Sounds for Vault {
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), MediaError>> {
        Box::pin(self.delete(key))
    }
}

/// Recordings that retention treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// ARCHIVEACTION, as it was sent.
    pub archive_action: String,
    /// KEEPDAYS, as it was sent.
    pub keep_days: String,
    /// What is to become of them.
    pub fate: Fate,
    /// How many there are: of those that are removed in their time, how many whose time is over.
    pub count: u64,
    /// When the first and the last of them ended.
    pub ended: Option<(Timestamp, Timestamp)>,
}

/// All recordings, as retention sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Those that have ended, by ARCHIVEACTION and KEEPDAYS.
    pub lots: Vec<Lot>,
    /// Those that have no end, and are kept.
    pub open: u64,
    /// Those that an earlier run has begun to remove.
    pub begun: u64,
}

impl Records {
    /// What retention would do now. It changes nothing.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn survey(&self, retention: &Retention, now: Timestamp) -> Result<Survey> {
        let retention = retention.clone();
        self.0.transact(Lane::Read, LIMIT, move |session| Box::pin(survey(session, retention, now))).await
    }

    /// Removes the recordings whose time is over, in batches, and those that an earlier run has begun with.
    ///
    /// # Errors
    /// Those of the database. What was removed until then is removed. A store of recordings that fails is no error
    /// of this: [`Removed`] says so.
    pub async fn purge(&self, retention: &Retention, now: Timestamp, sounds: &dyn Sounds) -> Result<Removed> {
        let mut removed = remove::begun(self, sounds).await?;
        for lot in self.survey(retention, now).await?.lots {
            if removed.failure.is_none() && lot.count > 0 {
                remove::lot(self, &lot, now, sounds, &mut removed).await?;
            }
        }
        Ok(removed)
    }
}

async fn survey(session: &mut Session, retention: Retention, now: Timestamp) -> Result<Survey> {
    let mut survey = Survey::default();
    let mut pair = next_pair(session, None).await?;
    while let Some((archive_action, keep_days)) = pair {
        let fate = retention.fate(&archive_action, &keep_days, now);
        let (open, count, ended) = count(session, &archive_action, &keep_days, &fate).await?;
        survey.open += open;
        pair = next_pair(session, Some((&archive_action, &keep_days))).await?;
        survey.lots.push(Lot { archive_action, keep_days, fate, count, ended });
    }
    let begun = session.number("SELECT COUNT(*) FROM records WHERE purged > 0", &[]).await?;
    survey.begun = begun.unwrap_or_default().unsigned_abs();
    Ok(survey)
}

/// What the index on these holds.
const INDEXED: &str = "length(archive_action) <= 100 AND length(keep_days) <= 100";

/// The next pair of ARCHIVEACTION and KEEPDAYS in the database's order: each costs one look, however many recordings
/// have it.
async fn next_pair(session: &mut Session, after: Option<(&str, &str)>) -> Result<Option<(String, String)>> {
    let (condition, values): (_, Vec<Value<'_>>) = match after {
        Some((action, days)) => {
            (" AND (archive_action, keep_days) > ($1, $2)", vec![action.into(), days.into()])
        }
        None => ("", vec![]),
    };
    let order = "ORDER BY archive_action, keep_days LIMIT 1";
    let sql = format!("SELECT archive_action, keep_days FROM records WHERE {INDEXED}{condition} {order}");
    session.row(&sql, &values, |row| Ok((row.string(0)?, row.string(1)?))).await
}

/// How many of a pair have no end, and how many there are else, with the first and the last end.
async fn count(
    session: &mut Session,
    action: &str,
    days: &str,
    fate: &Fate,
) -> Result<(u64, u64, Option<(Timestamp, Timestamp)>)> {
    let before = match fate {
        Fate::Removed { before } => before.as_millisecond(),
        Fate::Kept(_) => i64::MAX,
    };
    let of_pair = format!("FROM records WHERE {INDEXED} AND archive_action = $1 AND keep_days = $2");
    let open = format!("SELECT COUNT(*) {of_pair} AND stopped = 0");
    let open = session.number(&open, &[action.into(), days.into()]).await?.unwrap_or_default();
    let sql = format!(
        "SELECT COUNT(*), COALESCE(MIN(stopped), 0), COALESCE(MAX(stopped), 0) {of_pair} AND stopped > 0 AND stopped < $3"
    );
    let values = [action.into(), days.into(), before.into()];
    let ended = session.row(&sql, &values, |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?))).await?;
    let (count, first, last) = ended.unwrap_or_default();
    let moments = Timestamp::from_millisecond(first).ok().zip(Timestamp::from_millisecond(last).ok());
    Ok((open.unsigned_abs(), count.unsigned_abs(), moments.filter(|_| count > 0)))
}
