//! The one table of a record's columns. The statements, the reading and writing of rows, the names that UNIQUEFIELD
//! takes and the filters of CALLLIST are made from it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use jiff::Timestamp;

use super::record::{Record, RecordKind};
use crate::database::{Column, Kind, Row, StoreError, Value};
use crate::model::CoreId;
use crate::protocol::param::Param;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Ident,
    GlobalId,
    Core,
    Kind,
    Started,
    Stopped,
    Duration,
    File,
    Bytes,
    Blackouts,
    FirstName,
    LastName,
    /// What requests said.
    Said(Param),
}

/// How rows are found by a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// Only by going through them.
    None,
    /// By an index on the column and the time of recording, which holds what is not blank.
    Key,
    /// By such an index, and CALLLIST filters by it.
    Filter,
}

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name in the database; in UNIQUEFIELD too.
    pub name: &'static str,
    /// Another name that UNIQUEFIELD takes.
    pub alias: &'static str,
    pub what: What,
    pub index: Index,
}

const fn own(what: What, name: &'static str, alias: &'static str) -> Field {
    Field { name, alias, what, index: Index::None }
}

const fn said(param: Param, name: &'static str, index: Index) -> Field {
    Field { name, alias: param.name(), what: What::Said(param), index }
}

/// Every column that a [`Record`] is made of.
pub(super) static FIELDS: &[Field] = &[
    own(What::Ident, "ident", "RECORDID"),
    own(What::GlobalId, "global_id", "GLOBALID"),
    own(What::Core, "core", "COREIDENT"),
    own(What::Kind, "kind", "KIND"),
    own(What::Started, "started", "RECORDINGTIME"),
    own(What::Stopped, "stopped", "STOPPED"),
    own(What::Duration, "duration", "DURATION"),
    Field { index: Index::Key, ..own(What::File, "filename", "FILENAME") },
    own(What::Bytes, "bytes", "BYTES"),
    own(What::Blackouts, "blackouts", "BLACKOUTS"),
    own(What::FirstName, "agent_first_name", "AGENTFIRSTNAME"),
    own(What::LastName, "agent_last_name", "AGENTLASTNAME"),
    said(Param::DeviceId, "device_id", Index::Filter),
    said(Param::DeviceAlias, "device_alias", Index::Filter),
    said(Param::StationName, "station", Index::Key),
    said(Param::SysUser, "sys_user", Index::Filter),
    said(Param::CrmUser, "crm_user", Index::Filter),
    said(Param::Group, "call_group", Index::Filter),
    said(Param::Gate, "gate", Index::Filter),
    said(Param::Ani, "ani", Index::Filter),
    said(Param::Dnis, "dnis", Index::Filter),
    said(Param::User1, "user1", Index::Filter),
    said(Param::User2, "user2", Index::Filter),
    said(Param::User3, "user3", Index::Filter),
    said(Param::User4, "user4", Index::Filter),
    said(Param::User5, "user5", Index::Filter),
    said(Param::User6, "user6", Index::Filter),
    said(Param::User7, "user7", Index::Filter),
    said(Param::User8, "user8", Index::Filter),
    said(Param::User9, "user9", Index::Filter),
    said(Param::User10, "user10", Index::Filter),
    said(Param::User11, "user11", Index::Filter),
    said(Param::User12, "user12", Index::Filter),
    said(Param::User13, "user13", Index::Filter),
    said(Param::User14, "user14", Index::Filter),
    said(Param::User15, "user15", Index::Filter),
    said(Param::CallId, "callid", Index::Key),
    said(Param::CallInstance, "call_instance", Index::None),
    said(Param::CallDirection, "call_direction", Index::None),
    said(Param::SessionId, "session_id", Index::Key),
    said(Param::Priority, "priority", Index::None),
    said(Param::MaxRecordTime, "max_record_time", Index::None),
    said(Param::MaxRecordSilence, "max_record_silence", Index::None),
    said(Param::AgentInitiated, "agent_initiated", Index::None),
    said(Param::CtiInitiated, "cti_initiated", Index::None),
    said(Param::ArchiveAction, "archive_action", Index::None),
    said(Param::KeepDays, "keep_days", Index::None),
];

/// The columns that are written: the number is the database's to give.
pub(super) fn written() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.what != What::Ident)
}

/// `SELECT` and every column of the table, in its order; [`read`] takes such a row.
pub(super) static SELECT: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
    format!("SELECT {} FROM records", names.join(", "))
});

/// The column of what requests say under this name.
pub(super) fn of_param(param: Param) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.what == What::Said(param))
}

/// The record in a row of [`SELECT`].
pub(super) fn read(row: &Row<'_>) -> Result<Record> {
    let mut record = Record {
        ident: 0,
        global_id: String::new(),
        core: CoreId(0),
        kind: RecordKind::Call,
        started: Timestamp::UNIX_EPOCH,
        stopped: None,
        file: String::new(),
        bytes: 0,
        blackouts: Vec::new(),
        said: BTreeMap::new(),
        agent: Default::default(),
    };
    FIELDS.iter().enumerate().try_for_each(|(at, field)| field.read(row, at, &mut record))?;
    Ok(record)
}

impl Field {
    pub(super) const fn kind(&self) -> Kind {
        use What::{Bytes, Core, Duration, Ident, Started, Stopped};
        match self.what {
            Ident | Core | Started | Stopped | Duration | Bytes => Kind::Int,
            _ => Kind::Text,
        }
    }

    /// What of a record stands in this column.
    pub(super) fn value<'a>(&self, record: &'a Record) -> Value<'a> {
        match self.what {
            What::Ident => record.ident.into(),
            What::GlobalId => text(&record.global_id),
            What::Core => i64::from(record.core.0).into(),
            What::Kind => record.kind.word().into(),
            What::Started => record.started.as_millisecond().into(),
            What::Stopped => record.stopped.map_or(0, Timestamp::as_millisecond).into(),
            What::Duration => record.seconds().into(),
            What::File => text(&record.file),
            What::Bytes => i64::try_from(record.bytes).unwrap_or(i64::MAX).into(),
            What::Blackouts => write_spans(&record.blackouts).into(),
            What::FirstName => text(&record.agent.0),
            What::LastName => text(&record.agent.1),
            What::Said(param) => record.said.get(&param).map_or_else(|| "".into(), |value| text(value)),
        }
    }

    /// This column of many records.
    pub(super) fn column<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Column<'a> {
        let values = records.map(|record| self.value(record));
        match self.kind() {
            Kind::Int => Column::Ints(
                values.filter_map(|v| if let Value::Int(int) = v { Some(int) } else { None }).collect(),
            ),
            Kind::Text => Column::Texts(
                values.filter_map(|v| if let Value::Text(text) = v { Some(text) } else { None }).collect(),
            ),
        }
    }

    fn read(&self, row: &Row<'_>, at: usize, record: &mut Record) -> Result<()> {
        match self.what {
            What::Ident => record.ident = row.int(at)?,
            What::GlobalId => record.global_id = row.string(at)?,
            What::Core => record.core = CoreId(u16::try_from(row.int(at)?).unwrap_or(u16::MAX)),
            What::Kind => record.kind = RecordKind::from_word(row.text(at)?).unwrap_or_default(),
            What::Started => record.started = moment(row.int(at)?)?,
            What::Stopped => {
                record.stopped = Some(row.int(at)?).filter(|at| *at != 0).map(moment).transpose()?;
            }
            // It is the time between the two.
            What::Duration => {}
            What::File => record.file = row.string(at)?,
            What::Bytes => record.bytes = u64::try_from(row.int(at)?).unwrap_or(0),
            What::Blackouts => record.blackouts = read_spans(row.text(at)?)?,
            What::FirstName => record.agent.0 = row.string(at)?,
            What::LastName => record.agent.1 = row.string(at)?,
            What::Said(param) => {
                let value = row.text(at)?;
                if !value.is_empty() {
                    record.said.insert(param, value.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// A text as the databases take it: PostgreSQL has no zero byte, and no recording is lost for one.
fn text(text: &str) -> Value<'_> {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}").into() } else { text.into() }
}

fn moment(millis: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(millis).map_err(|_| bad(millis))
}

fn bad(what: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("the table records holds {what}, which is no time"))
}

/// `from-to` with commas between.
fn write_spans(spans: &[(Timestamp, Timestamp)]) -> String {
    let mut out = String::new();
    for (from, to) in spans {
        let comma = if out.is_empty() { "" } else { "," };
        write!(out, "{comma}{}-{}", from.as_millisecond(), to.as_millisecond()).unwrap_or_default();
    }
    out
}

fn read_spans(text: &str) -> Result<Vec<(Timestamp, Timestamp)>> {
    let spans = text.split(',').filter(|span| !span.is_empty());
    let time = |text: &str| text.parse().map_err(|_| bad(text)).and_then(moment);
    spans
        .map(|span| {
            let (from, to) = span.split_once('-').ok_or_else(|| bad(span))?;
            Ok((time(from)?, time(to)?))
        })
        .collect()
}
