//! Speaking to SQLite. Everything here blocks, and runs on the engine's own thread.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use super::{Column, EachRow, Result, Row, Value};

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(number) => (*number).into(),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Column<'_> {
    fn at(&self, row: usize) -> ToSqlOutput<'_> {
        match self {
            Self::Ints(ints) => ints[row].into(),
            Self::Texts(texts) => ToSqlOutput::Borrowed(ValueRef::Text(texts[row].as_bytes())),
        }
    }
}

fn statement<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>> {
    Ok(connection.prepare_cached(&sql.replace("= ANY($1)", "= ?1").replace('$', "?"))?)
}

fn rows(statement: &mut CachedStatement<'_>, values: impl rusqlite::Params, row: EachRow<'_>) -> Result<()> {
    let mut rows = statement.query(values)?;
    while let Some(next) = rows.next()? {
        row(&Row::Sqlite(next))?;
    }
    Ok(())
}

pub(super) fn each(connection: &Connection, sql: &str, values: &[Value<'_>], row: EachRow<'_>) -> Result<()> {
    rows(&mut statement(connection, sql)?, params_from_iter(values), row)
}

pub(super) fn execute(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<u64> {
    Ok(statement(connection, sql)?.execute(params_from_iter(values))? as u64)
}

pub(super) fn each_for(
    connection: &Connection,
    sql: &str,
    keys: &Column<'_>,
    row: EachRow<'_>,
) -> Result<()> {
    let mut statement = statement(connection, sql)?;
    (0..keys.len()).try_for_each(|key| rows(&mut statement, [keys.at(key)], row))
}

pub(super) fn execute_for(
    connection: &Connection,
    sql: &str,
    keys: &Column<'_>,
    rest: &[Value<'_>],
) -> Result<u64> {
    let mut statement = statement(connection, sql)?;
    let mut changed = 0;
    for key in 0..keys.len() {
        let rest = rest.iter().map(ToSql::to_sql);
        let values = std::iter::once(Ok(keys.at(key))).chain(rest).collect::<rusqlite::Result<Vec<_>>>()?;
        changed += statement.execute(params_from_iter(values))?;
    }
    Ok(changed as u64)
}

pub(super) fn insert(connection: &Connection, sql: &str, columns: &[Column<'_>]) -> Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut changed = 0;
    for row in 0..columns.first().map_or(0, Column::len) {
        changed += statement.execute(params_from_iter(columns.iter().map(|column| column.at(row))))?;
    }
    Ok(changed as u64)
}
