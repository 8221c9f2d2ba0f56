//! Changing rows, as CALLUPDATE does.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;

use super::field::{Field, of_param};
use super::search::latest;
use crate::database::{Session, StoreError, Value};
use crate::protocol::param::Param;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What is to be different about a record: parameters with their new values. A blank one changes nothing, as in a
/// core, so an application that sends every field of its form wipes nothing out.
pub type Changes = BTreeMap<Param, String>;

/// Changes a record; whether there is one.
pub(super) async fn update(session: &mut Session, ident: i64, changes: &Changes, by: &str) -> Result<bool> {
    let columns = changes.iter().filter(|(_, value)| !value.is_empty());
    let columns = columns.map(|(param, value)| Ok((column(*param)?, value))).collect::<Result<Vec<_>>>()?;
    let mut values: Vec<Value<'_>> = vec![ident.into(), Timestamp::now().as_millisecond().into(), by.into()];
    let mut set = String::new();
    for (field, value) in columns {
        values.push(value.into());
        write!(set, ", {} = ${}", field.name, values.len()).unwrap_or_default();
    }
    let sql =
        format!("UPDATE records SET updated = $2, updated_by = $3{set} WHERE ident = $1 AND purged = 0");
    Ok(session.execute(&sql, &values).await? > 0)
}

fn column(param: Param) -> Result<&'static Field> {
    of_param(param).ok_or_else(|| StoreError::Invalid(format!("a call record has no {}", param.name())))
}

/// Changes the newest record that the first of these names has, and gives its number.
pub(super) async fn update_last_of(
    session: &mut Session,
    names: &[(Param, String)],
    changes: &Changes,
    by: &str,
) -> Result<Option<i64>> {
    for (param, value) in names {
        let Some(record) = latest(session, column(*param)?, value).await? else { continue };
        return Ok(update(session, record.ident, changes, by).await?.then_some(record.ident));
    }
    Ok(None)
}
