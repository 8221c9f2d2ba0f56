//! A transaction that reads.

use futures::future::BoxFuture;

use super::{Result, end};
use crate::database::{Column, Row, Session, Value};

/// The directory as it was at one moment. Its methods stand with what they read: users, phones, stations, …
#[derive(Debug)]
pub struct Read<'s> {
    pub(super) session: &'s mut Session,
}

pub(super) async fn run<T, F>(session: &mut Session, work: F) -> Result<T>
where
    F: for<'a, 's> FnOnce(&'a mut Read<'s>) -> BoxFuture<'a, Result<T>>,
{
    let done = work(&mut Read { session }).await;
    end(session, false).await?;
    done
}

impl Read<'_> {
    /// All rows of an answer.
    pub(super) async fn rows<T: Send>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        row: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        self.session.rows(sql, values, row).await
    }

    /// All rows of an answer for many keys, for which `= ANY($1)` stands.
    pub(super) async fn rows_for<T: Send>(
        &mut self,
        sql: &str,
        keys: &Column<'_>,
        row: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        self.session.rows_for(sql, keys, row).await
    }

    /// The first row of an answer.
    pub(super) async fn row<T: Send>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        row: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Option<T>> {
        self.session.row(sql, values, row).await
    }

    /// The one number that a statement answers with.
    pub(super) async fn number(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>> {
        self.session.number(sql, values).await
    }

    pub(super) async fn state(&mut self, name: &'static str) -> Result<i64> {
        let value = self.number("SELECT value FROM state WHERE name = $1", &[name.into()]).await?;
        Ok(value.unwrap_or_default())
    }
}
