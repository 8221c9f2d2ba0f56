//! Speaking to PostgreSQL. Parameters travel with their types, so that a statement costs one round trip.

use std::pin::pin;

use futures::TryStreamExt;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::{Column, EachRow, Result, Row, Value};

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Value<'_> {
    fn parameter(&self) -> Parameter<'_> {
        match self {
            Self::Int(number) => (number, Type::INT8),
            Self::Text(text) => (text, Type::TEXT),
        }
    }
}

impl Column<'_> {
    fn parameter(&self) -> Parameter<'_> {
        match self {
            Self::Ints(ints) => (ints, Type::INT8_ARRAY),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
        }
    }
}

async fn rows(client: &Client, sql: &str, values: Vec<Parameter<'_>>, row: EachRow<'_>) -> Result<()> {
    let mut rows = pin!(client.query_typed_raw(sql, values).await?);
    while let Some(next) = rows.try_next().await? {
        row(&Row::Postgres(&next))?;
    }
    Ok(())
}

pub(super) async fn each(client: &Client, sql: &str, values: &[Value<'_>], row: EachRow<'_>) -> Result<()> {
    rows(client, sql, values.iter().map(Value::parameter).collect(), row).await
}

pub(super) async fn execute(client: &Client, sql: &str, values: &[Value<'_>]) -> Result<u64> {
    let values: Vec<_> = values.iter().map(Value::parameter).collect();
    Ok(client.execute_typed(sql, &values).await?)
}

pub(super) async fn each_for(client: &Client, sql: &str, keys: &Column<'_>, row: EachRow<'_>) -> Result<()> {
    rows(client, sql, vec![keys.parameter()], row).await
}

pub(super) async fn execute_for(
    client: &Client,
    sql: &str,
    keys: &Column<'_>,
    rest: &[Value<'_>],
) -> Result<u64> {
    let values: Vec<_> = std::iter::once(keys.parameter()).chain(rest.iter().map(Value::parameter)).collect();
    Ok(client.execute_typed(sql, &values).await?)
}

pub(super) async fn insert(client: &Client, sql: &str, columns: &[Column<'_>]) -> Result<u64> {
    let values: Vec<_> = columns.iter().map(Column::parameter).collect();
    Ok(client.execute_typed(sql, &values).await?)
}
