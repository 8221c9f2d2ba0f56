//! The table of columns: against the database, against the reference, and against itself.

use std::collections::BTreeSet;

use super::super::field::{FIELDS, Index, What};
use super::*;
use crate::command::{Command, Need};
use crate::database::Value;

/// Columns that a record does not show.
const MARKS: [&str; 3] = ["updated", "updated_by", "purged"];

async fn names(records: &Records, sqlite: &'static str, postgres: &'static str) -> BTreeSet<String> {
    direct(records, Lane::Read, move |session| {
        Box::pin(async move {
            let sql = if session.is_postgres() { postgres } else { sqlite };
            session.rows(sql, &[], |row| row.string(0)).await
        })
    })
    .await
    .expect("asked")
    .into_iter()
    .collect()
}

on_both! {
    async fn the_database_has_just_these_columns_and_indexes(place: &Place) {
        let records = records(place);
        let columns = names(
            &records,
            "SELECT name FROM pragma_table_info('records')",
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'records'",
        ).await;
        let known: BTreeSet<_> = FIELDS.iter().map(|field| field.name).chain(MARKS).map(str::to_owned).collect();
        assert_eq!(columns, known);
        let indexes = names(
            &records,
            "SELECT name FROM sqlite_schema WHERE tbl_name = 'records' AND type = 'index' AND sql IS NOT NULL",
            "SELECT indexname::text FROM pg_indexes WHERE tablename = 'records' AND indexdef NOT LIKE 'CREATE UNIQUE%'",
        ).await;
        let found_by = FIELDS.iter().filter(|field| field.index != Index::None).map(|field| field.name);
        let known: BTreeSet<_> =
            found_by.chain(["started", "retention", "purged"]).map(|name| format!("records_{name}")).collect();
        assert_eq!(indexes, known);
    }
}

#[test]
fn calllist_filters_by_what_the_reference_says() {
    use Param::{CallCount, CallDateEnd, CallDateStart, PlaybackLink};
    let needs = Command::CallList.function().params.iter().map(|need| match need {
        Need::Optional(param) => *param,
        other => panic!("{other:?}"),
    });
    let others = [CallCount, CallDateStart, CallDateEnd, PlaybackLink];
    let expected: BTreeSet<_> = needs.filter(|param| !others.contains(param)).collect();
    assert_eq!(Filter::params().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn names_and_parameters_stand_once() {
    let names: BTreeSet<_> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(names.len(), FIELDS.len());
    let params: BTreeSet<_> = FIELDS
        .iter()
        .filter_map(|f| if let What::Said(param) = f.what { Some(param) } else { None })
        .collect();
    assert_eq!(params.len(), 35, "{params:?}");
}

#[test]
fn a_value_has_the_type_of_its_column() {
    let record = record("a", 0, &[]);
    for field in FIELDS {
        let is_int = matches!(field.value(&record), Value::Int(_));
        assert_eq!(is_int, field.kind() == crate::database::Kind::Int, "{}", field.name);
    }
}

/// The reference's page of parameters names these; so do the examples of EXPORT.
#[test]
fn uniquefield_takes_the_references_names_in_any_form() {
    for (name, column) in [
        ("ani", "ani"),
        ("callid", "callid"),
        ("device_alias", "device_alias"),
        ("DEVICEALIAS", "device_alias"),
        ("Device_Id", "device_id"),
        ("dnis", "dnis"),
        ("duration", "duration"),
        ("filename", "filename"),
        ("gate", "gate"),
        ("globalid", "global_id"),
        ("ident", "ident"),
        ("RECORDID", "ident"),
        ("recording_time", "started"),
        ("GROUP", "call_group"),
        ("call_group", "call_group"),
        ("COMPUTERNAME", "station"),
        ("CALLINSTANCE", "call_instance"),
        ("user1", "user1"),
        ("USER15", "user15"),
    ] {
        assert_eq!(UniqueField::from_name(name).map(UniqueField::name), Some(column), "{name}");
    }
    for name in ["", "user16", "password", "purged", "updated_by", "ident; --", "_"] {
        assert_eq!(UniqueField::from_name(name), None, "{name}");
    }
}
