//! Finding rows. What makes it fast whatever is asked: exactly one index can be gone by, the one of the filter with
//! the fewest rows, in the order that is asked for, so that as many rows are read as are given.

use jiff::Timestamp;

use super::field::{FIELDS, Field, Index, SELECT, What, of_param, read};
use super::record::Record;
use crate::database::{Kind, Session, StoreError, Value};
use crate::protocol::param::Param;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// So many rows of a filter are looked at to see how rare it is.
const FEW: i64 = 2000;
/// The letters of what the indexes hold, at most.
const LONGEST: usize = 500;

/// Which records are looked for: all that match every filter, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    equal: Vec<(&'static Field, String)>,
    from: i64,
    to: i64,
    limit: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The records, the newest first.
    pub records: Vec<Record>,
    /// Whether there are older ones that match too.
    pub is_more: bool,
}

impl Filter {
    /// The newest `limit` records.
    #[must_use]
    pub const fn newest(limit: usize) -> Self {
        Self { equal: Vec::new(), from: i64::MIN, to: i64::MAX, limit }
    }

    /// What records can be filtered by: the parameters of CALLLIST.
    pub fn params() -> impl Iterator<Item = Param> {
        FIELDS.iter().filter_map(|field| match (field.index, field.what) {
            (Index::Filter, What::Said(param)) => Some(param),
            _ => None,
        })
    }

    /// Only those of which requests said just this, to the letter.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for what CALLLIST does not filter by.
    pub fn with(mut self, param: Param, value: impl Into<String>) -> Result<Self> {
        let field = of_param(param).filter(|field| field.index == Index::Filter);
        let none = || StoreError::Invalid(format!("call records cannot be filtered by {}", param.name()));
        self.equal.push((field.ok_or_else(none)?, value.into()));
        Ok(self)
    }

    /// Only those that began at this moment or later.
    #[must_use]
    pub fn from(self, from: Timestamp) -> Self {
        Self { from: from.as_millisecond(), ..self }
    }

    /// Only those that began before this moment.
    #[must_use]
    pub fn before(self, to: Timestamp) -> Self {
        Self { to: to.as_millisecond(), ..self }
    }
}

/// The records that match.
pub(super) async fn search(session: &mut Session, filter: &Filter) -> Result<Found> {
    let driver = driver(session, filter).await?;
    let limit = filter.limit.saturating_add(1);
    let (sql, values) = statement(filter, driver, i64::try_from(limit).unwrap_or(i64::MAX));
    let mut records = session.rows(&sql, &values, read).await?;
    let is_more = records.len() > filter.limit;
    records.truncate(filter.limit);
    Ok(Found { records, is_more })
}

/// The place among the filters of the rarest: by looking, because what a database remembers of its
/// tables is old, and says little of a single value.
pub(super) async fn driver(session: &mut Session, filter: &Filter) -> Result<Option<usize>> {
    let usable = filter.equal.iter().enumerate().filter(|(_, (_, value))| is_indexed(value));
    let usable: Vec<_> = usable.map(|(place, _)| place).collect();
    if let [] | [_] = usable.as_slice() {
        return Ok(usable.first().copied());
    }
    let mut best = None;
    for place in usable {
        let rarity = rarity(session, filter, place).await?;
        if best.is_none_or(|(_, rarest)| rarity < rarest) {
            best = Some((place, rarity));
        }
    }
    Ok(best.map(|(place, _)| place))
}

fn is_indexed(value: &str) -> bool {
    !value.is_empty() && value.chars().nth(LONGEST).is_none()
}

/// How rare a filter is in the period, the rarest least: by its number of rows, or where it has [`FEW`] and more, by how
/// far back in time the newest of them reach.
async fn rarity(session: &mut Session, filter: &Filter, place: usize) -> Result<(bool, i64)> {
    let Some((field, value)) = filter.equal.get(place) else { return Ok((false, 0)) };
    let sql = format!(
        "SELECT COUNT(*), COALESCE(MIN(started), 0) FROM (SELECT started FROM records WHERE {} AND started >= $2 AND \
         started < $3 ORDER BY started DESC LIMIT {FEW}) AS newest",
        by_index(field, 1)
    );
    let values = [value.into(), filter.from.into(), filter.to.into()];
    let (count, oldest) =
        session.row(&sql, &values, |row| Ok((row.int(0)?, row.int(1)?))).await?.unwrap_or_default();
    Ok(if count < FEW { (false, count) } else { (true, oldest) })
}

/// The condition that a field is the `$n`th value, in the words that its index has.
pub(super) fn by_index(field: &Field, n: usize) -> String {
    let name = field.name;
    format!("{name} = ${n} AND length({name}) BETWEEN 1 AND {LONGEST}")
}

/// The statement, and its values. What is not to be gone by is put so that no index fits it.
pub(super) fn statement(filter: &Filter, driver: Option<usize>, limit: i64) -> (String, Vec<Value<'_>>) {
    let started = if driver.is_some() { "started" } else { "(started + 0)" };
    let mut values = vec![filter.from.into(), filter.to.into(), limit.into()];
    let mut conditions = vec![format!("purged = 0 AND {started} >= $1 AND {started} < $2")];
    for (place, (field, value)) in filter.equal.iter().enumerate() {
        values.push(value.into());
        let n = values.len();
        conditions.push(match driver {
            Some(driver) if driver == place => by_index(field, n),
            _ => format!("{} || '' = ${n}", field.name),
        });
    }
    let conditions = conditions.join(" AND ");
    (format!("{} WHERE {conditions} ORDER BY {started} DESC, ident DESC LIMIT $3", *SELECT), values)
}

/// A column that EXPORT may look for: UNIQUEFIELD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniqueField(&'static Field);

impl UniqueField {
    /// The column of this name, as the database or as the reference calls it, without regard to case and
    /// underscores: `user2`, `callid`, `device_id`, `GLOBALID`, `ident`, `recording_time`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let wanted = plain(name);
        let is_it = |field: &&Field| [field.name, field.alias].into_iter().any(|name| plain(name) == wanted);
        let alias = || Param::from_name(name).and_then(of_param);
        FIELDS.iter().find(is_it).or_else(alias).map(Self)
    }

    pub(super) async fn latest(self, session: &mut Session, value: &str) -> Result<Option<Record>> {
        latest(session, self.0, value).await
    }

    /// Every column.
    pub fn all() -> impl Iterator<Item = Self> {
        FIELDS.iter().map(Self)
    }

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }
}

/// The newest record in which a field has this value.
pub(super) async fn latest(session: &mut Session, field: &Field, value: &str) -> Result<Option<Record>> {
    let Some((sql, values)) = latest_statement(field, value) else { return Ok(None) };
    session.row(&sql, &values, read).await
}

/// The statement, and its value; `None` for a value that the field can never have.
pub(super) fn latest_statement<'a>(field: &Field, value: &'a str) -> Option<(String, Vec<Value<'a>>)> {
    let int = || value.parse::<i64>().ok();
    let name = field.name;
    let (by_time, by_index_in_time) = ("(started + 0) DESC, ident DESC", "started DESC, ident DESC");
    let (condition, order, values): (_, _, Vec<Value<'_>>) = match (field.what, field.kind()) {
        _ if value.is_empty() => return None,
        // There is one at most.
        (What::Ident, _) => ("ident = $1".into(), "", vec![int()?.into()]),
        (What::GlobalId, _) => ("global_id = $1".into(), "", vec![value.into()]),
        // UNIX seconds, as CALLLIST tells them.
        (What::Started, _) => {
            let from = int()?.checked_mul(1000)?;
            let second = "(started + 0) >= $1 AND (started + 0) < $2";
            (second.into(), by_time, vec![from.into(), from.checked_add(1000)?.into()])
        }
        (_, Kind::Int) => (format!("{name} = $1"), by_time, vec![int()?.into()]),
        _ if field.index != Index::None && is_indexed(value) => {
            (by_index(field, 1), by_index_in_time, vec![value.into()])
        }
        _ => (format!("{name} || '' = $1"), by_time, vec![value.into()]),
    };
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {order}") };
    Some((format!("{} WHERE purged = 0 AND {condition}{order} LIMIT 1", *SELECT), values))
}
