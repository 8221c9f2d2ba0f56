//! One connection to either database, and the few ways in which the store speaks to it.
//!
//! Statements are written once, with `$1` for parameters. The SQLite side is synchronous: its futures are ready at
//! once, and they run on a thread of their own, where waiting for a disk holds up nobody.

mod postgres;
mod sqlite;
mod upsert;

use std::borrow::Cow;

use super::error::StoreError;
pub(crate) use upsert::{Insert, Kind, Upsert};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A connection with at most one transaction on it.
#[derive(Debug)]
pub(crate) enum Session {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Int(i64),
    Text(Cow<'a, str>),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// The parameters of many rows, by column.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    Ints(Vec<i64>),
    Texts(Vec<Cow<'a, str>>),
}

impl<'a> Column<'a> {
    pub(crate) fn texts<T: Into<Cow<'a, str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Texts(texts) => texts.len(),
        }
    }
}

/// A row of an answer.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str> {
        match self {
            Self::Sqlite(row) => row.get_ref(column)?.as_str().map_err(|e| StoreError::Failed(e.to_string())),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    pub(crate) fn string(&self, column: usize) -> Result<String> {
        self.text(column).map(str::to_owned)
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool> {
        self.int(column).map(|value| value != 0)
    }
}

/// What is done with each row of an answer.
pub(crate) type EachRow<'a> = &'a mut (dyn FnMut(&Row<'_>) -> Result<()> + Send);

impl Session {
    /// Runs statements that have no parameters and no answer.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(client) => Ok(client.batch_execute(sql).await?),
        }
    }

    /// Asks, and hands over the rows as they come: an answer of a million rows is never held whole.
    pub(crate) async fn each(&mut self, sql: &str, values: &[Value<'_>], row: EachRow<'_>) -> Result<()> {
        check(values)?;
        match self {
            Self::Sqlite(connection) => sqlite::each(connection, sql, values, row),
            Self::Postgres(client) => postgres::each(client, sql, values, row).await,
        }
    }

    /// All rows of an answer.
    pub(crate) async fn rows<T: Send>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        row: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(sql, values, &mut |next| row(next).map(|row| rows.push(row))).await?;
        Ok(rows)
    }

    /// All rows of an answer for many keys, for which `= ANY($1)` stands.
    pub(crate) async fn rows_for<T: Send>(
        &mut self,
        sql: &str,
        keys: &Column<'_>,
        row: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each_for(sql, keys, &mut |next| row(next).map(|row| rows.push(row))).await?;
        Ok(rows)
    }

    /// The first row of an answer.
    pub(crate) async fn row<T: Send>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        row: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Option<T>> {
        Ok(self.rows(sql, values, row).await?.into_iter().next())
    }

    /// The one number that a statement answers with.
    pub(crate) async fn number(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>> {
        self.row(sql, values, |row| row.int(0)).await
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        check(values)?;
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, values),
            Self::Postgres(client) => postgres::execute(client, sql, values).await,
        }
    }

    /// Runs a statement for many keys: `= ANY($1)` in it stands for the keys, `$2` and on for `rest`.
    pub(crate) async fn execute_for(
        &mut self,
        sql: &str,
        keys: &Column<'_>,
        rest: &[Value<'_>],
    ) -> Result<u64> {
        match self {
            Self::Sqlite(connection) => sqlite::execute_for(connection, sql, keys, rest),
            Self::Postgres(client) => postgres::execute_for(client, sql, keys, rest).await,
        }
    }

    /// Asks for many keys: `= ANY($1)` in the statement stands for them.
    pub(crate) async fn each_for(&mut self, sql: &str, keys: &Column<'_>, row: EachRow<'_>) -> Result<()> {
        match self {
            Self::Sqlite(connection) => sqlite::each_for(connection, sql, keys, row),
            Self::Postgres(client) => postgres::each_for(client, sql, keys, row).await,
        }
    }

    /// Writes many rows, and says how many were new or different. No key may stand twice in them.
    pub(crate) async fn upsert(&mut self, into: &Upsert, columns: &[Column<'_>]) -> Result<u64> {
        columns.iter().try_for_each(check_column)?;
        match self {
            Self::Sqlite(connection) => sqlite::insert(connection, &into.for_sqlite(), columns),
            Self::Postgres(client) => postgres::insert(client, &into.for_postgres(), columns).await,
        }
    }

    /// Writes many rows where [`Upsert`]'s rule is not the one. No key may stand twice in them.
    pub(crate) async fn insert(&mut self, into: &Insert<'_>, columns: &[Column<'_>]) -> Result<u64> {
        columns.iter().try_for_each(check_column)?;
        match self {
            Self::Sqlite(connection) => sqlite::insert(connection, &into.for_sqlite(), columns),
            Self::Postgres(client) => postgres::insert(client, &into.for_postgres(), columns).await,
        }
    }

    pub(crate) const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

/// PostgreSQL has no zero byte in a text; so neither has the directory.
fn check(values: &[Value<'_>]) -> Result<()> {
    values.iter().try_for_each(|value| match value {
        Value::Text(text) => check_text(text),
        Value::Int(_) => Ok(()),
    })
}

fn check_column(column: &Column<'_>) -> Result<()> {
    match column {
        Column::Texts(texts) => texts.iter().try_for_each(|text| check_text(text)),
        Column::Ints(_) => Ok(()),
    }
}

fn check_text(text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(StoreError::Invalid("a text with a zero byte cannot be stored".into()));
    }
    Ok(())
}
