//! A transaction that writes.

use std::ops::{Deref, DerefMut};

use futures::future::BoxFuture;

use super::{End, Read, Result, end};
use crate::database::error::StoreError;
use crate::database::{Session, Value};

/// Who changes the directory, for the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// Who: a user, or what is known of a client.
    pub who: String,
    /// From where: an address, or "command line".
    pub from: String,
    /// With which function.
    pub function: String,
}

/// Letters of the audit's `what` at most; a longer one is cut.
const LONGEST: usize = 4000;

/// Changes that are made together. All methods of [`Read`] are here too, and see what was changed before them.
#[derive(Debug)]
pub struct Write<'s> {
    read: Read<'s>,
    /// The revision that this transaction makes.
    pub(super) revision: i64,
    what: String,
}

impl<'s> Deref for Write<'s> {
    type Target = Read<'s>;

    fn deref(&self) -> &Read<'s> {
        &self.read
    }
}

impl DerefMut for Write<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.read
    }
}

pub(super) async fn run<T, F>(session: &mut Session, by: By, at_end: End, work: F) -> Result<T>
where
    F: for<'a, 's> FnOnce(&'a mut Write<'s>) -> BoxFuture<'a, Result<T>>,
{
    let done = run_inside(session, &by, work).await;
    let is_good = matches!(done, Ok((_, true))) && at_end == End::Commit;
    end(session, is_good).await?;
    done.map(|(value, _)| value)
}

/// The value, and whether anything was changed.
async fn run_inside<T, F>(session: &mut Session, by: &By, work: F) -> Result<(T, bool)>
where
    F: for<'a, 's> FnOnce(&'a mut Write<'s>) -> BoxFuture<'a, Result<T>>,
{
    let mut write = Write { read: Read { session }, revision: 0, what: String::new() };
    write.revision = write.next("revision").await?;
    let value = work(&mut write).await?;
    let is_changed = !write.what.is_empty();
    if is_changed {
        write.record(by).await?;
    }
    Ok((value, is_changed))
}

impl Write<'_> {
    pub(super) async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        self.session.execute(sql, values).await
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Adds to what the audit trail says of this transaction. What says nothing has changed nothing.
    pub(super) fn note(&mut self, what: impl AsRef<str>) {
        if !self.what.is_empty() && self.what.len() < LONGEST {
            self.what.push_str("; ");
        }
        let room = LONGEST.saturating_sub(self.what.len());
        self.what.extend(what.as_ref().chars().take(room));
    }

    /// Counts one up, and locks the count until the end of the transaction.
    pub(super) async fn next(&mut self, name: &'static str) -> Result<i64> {
        self.next_many(name, 1).await
    }

    /// Counts this many up, and gives the last.
    pub(super) async fn next_many(&mut self, name: &'static str, count: i64) -> Result<i64> {
        let sql = "UPDATE state SET value = value + $2 WHERE name = $1 RETURNING value";
        let next = self.number(sql, &[name.into(), count.into()]).await?;
        next.ok_or_else(|| StoreError::Failed(format!("the table state has no {name}")))
    }

    /// Lets a count be at least this.
    pub(super) async fn raise(&mut self, name: &'static str, least: i64) -> Result<()> {
        let sql = "UPDATE state SET value = $2 WHERE name = $1 AND value < $2";
        self.execute(sql, &[name.into(), least.into()]).await.map(drop)
    }
}
