//! Writing rows, as cores do: at a recording's beginning, while it lasts, at its end, and again if they are not sure.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::agents;
use super::field::{What, written};
use super::record::Record;
use crate::database::{Insert, Kind, Session, StoreError};

type Result<T, E = StoreError> = std::result::Result<T, E>;

static COLUMNS: LazyLock<Vec<(&'static str, Kind)>> =
    LazyLock::new(|| written().map(|field| (field.name, field.kind())).collect());

/// What becomes of a row that is there: a newer value takes the place of an older one, a blank one does not, and once
/// the recording has ended nothing changes but its sound, which may come after it.
static CONFLICT: LazyLock<String> = LazyLock::new(|| {
    let set: Vec<_> = written()
        .filter(|field| field.what != What::GlobalId)
        .map(|field| {
            let (name, blank) = (field.name, if field.kind() == Kind::Int { "0" } else { "''" });
            let (old, new) = (format!("records.{name}"), format!("excluded.{name}"));
            let takes_new = match field.what {
                What::File | What::Bytes => {
                    format!("{new} <> {blank} AND (records.stopped = 0 OR {old} = {blank})")
                }
                What::FirstName | What::LastName => format!("records.stopped = 0 AND {old} = {blank}"),
                // Only the core knows these: that there are none any more is news too.
                What::Blackouts => "records.stopped = 0".into(),
                _ => format!("records.stopped = 0 AND {new} <> {blank}"),
            };
            format!("{name} = CASE WHEN {takes_new} THEN {new} ELSE {old} END")
        })
        .collect();
    format!(
        "ON CONFLICT (global_id) DO UPDATE SET {} WHERE records.stopped = 0 OR records.filename = '' AND \
         excluded.filename <> '' OR records.bytes = 0 AND excluded.bytes <> 0",
        set.join(", ")
    )
});

/// Writes records, inside a transaction.
pub(super) async fn put(session: &mut Session, records: Vec<Record>) -> Result<()> {
    for mut round in rounds(records)? {
        agents::name(session, &mut round).await?;
        let columns: Vec<_> = written().map(|field| field.column(round.values())).collect();
        let into = Insert { table: "records", columns: &COLUMNS, conflict: &CONFLICT };
        session.insert(&into, &columns).await?;
    }
    Ok(())
}

/// Records in their order, none twice in one statement; sorted, so that two writers never wait for each other.
fn rounds(records: Vec<Record>) -> Result<Vec<BTreeMap<String, Record>>> {
    let mut rounds: Vec<BTreeMap<String, Record>> = Vec::new();
    for record in records {
        if record.global_id.is_empty() {
            return Err(StoreError::Invalid("a call record has no GLOBALID".into()));
        }
        let key = record.global_id.clone();
        match rounds.iter_mut().find(|round| !round.contains_key(&key)) {
            Some(round) => drop(round.insert(key, record)),
            None => rounds.push(BTreeMap::from([(key, record)])),
        }
    }
    Ok(rounds)
}
