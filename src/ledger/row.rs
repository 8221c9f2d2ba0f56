//! One row of the table, and the hash that binds it to the row before.

use std::fmt::Write;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::clean::clean;
use super::entry::{Entry, Leg};
use crate::database::{Column, Kind, Row as Answer, StoreError};

/// The columns, in the order in which they are hashed; `prev` first and `hash` never are.
pub(super) const COLUMNS: [(&str, Kind); 15] = [
    ("writer", Kind::Text),
    ("seq", Kind::Int),
    ("at", Kind::Int),
    ("event", Kind::Text),
    ("function", Kind::Text),
    ("devices", Kind::Text),
    ("client", Kind::Text),
    ("request_id", Kind::Text),
    ("asked", Kind::Int),
    ("verdict", Kind::Text),
    ("legs", Kind::Text),
    ("note", Kind::Text),
    ("lost", Kind::Int),
    ("prev", Kind::Text),
    ("hash", Kind::Text),
];

/// A row as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Who wrote it: one run of one process.
    pub writer: String,
    /// Its place in the writer's chain, from 1.
    pub seq: i64,
    /// When it was made, in UNIX milliseconds.
    pub at: i64,
    /// [`Event::label`](super::Event::label).
    pub event: String,
    /// The function.
    pub function: String,
    /// [`Entry::devices`] as a list in JSON.
    pub devices: String,
    /// The client's address.
    pub client: String,
    /// REQUESTID.
    pub request_id: String,
    /// When it was asked for, in UNIX milliseconds.
    pub asked: i64,
    /// RESULTTYPE of the answer.
    pub verdict: String,
    /// A list of [`Leg`] in JSON.
    pub legs: String,
    /// For people.
    pub note: String,
    /// How many entries between the row before and this one were lost, because too many waited.
    pub lost: i64,
    /// The hash of the row before; empty in the first.
    pub prev: String,
    /// [`Row::digest`] when it was written.
    pub hash: String,
}

/// Where a writer's next row goes.
#[derive(Clone, Debug)]
pub(super) struct Tip {
    pub writer: String,
    pub seq: i64,
    pub hash: String,
}

impl Tip {
    /// The row of an entry, which is the tip from now on.
    pub fn add(&mut self, entry: &Entry, lost: u64, at: i64) -> Row {
        let mut row = Row {
            writer: self.writer.clone(),
            seq: self.seq + 1,
            at,
            event: entry.event.label().into(),
            function: entry.function.into(),
            devices: json(&entry.devices.iter().map(|device| clean(device)).collect::<Vec<_>>()),
            client: clean(&entry.client),
            request_id: clean(&entry.request_id),
            asked: entry.asked.as_millisecond(),
            verdict: clean(&entry.verdict),
            legs: json(&entry.legs.iter().map(cleaned).collect::<Vec<_>>()),
            note: clean(&entry.note),
            lost: lost.try_into().unwrap_or(i64::MAX),
            prev: self.hash.clone(),
            hash: String::new(),
        };
        row.hash = row.digest();
        (self.seq, self.hash) = (row.seq, row.hash.clone());
        row
    }
}

fn cleaned(leg: &Leg) -> Leg {
    Leg { device: clean(&leg.device), label: clean(&leg.label), ..leg.clone() }
}

/// Lists of texts and numbers: nothing in them can fail.
fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

impl Row {
    /// SHA-256 in hex over `prev` and then the columns in their order, each written as its length in bytes, a colon, its
    /// text and a comma, so that no two rows are written alike.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self { prev, writer, event, function, devices, client, request_id, .. } = self;
        let Self { verdict, legs, note, .. } = self;
        let texts = [prev, writer, event, function, devices, client, request_id, verdict, legs, note];
        // Lengths and numbers are short.
        let mut all = String::with_capacity(texts.iter().map(|text| text.len() + 8).sum::<usize>() + 128);
        [prev, writer].into_iter().for_each(|text| put(&mut all, text));
        [self.seq, self.at].into_iter().for_each(|number| put(&mut all, &number.to_string()));
        [event, function, devices, client, request_id].into_iter().for_each(|text| put(&mut all, text));
        put(&mut all, &self.asked.to_string());
        [verdict, legs, note].into_iter().for_each(|text| put(&mut all, text));
        put(&mut all, &self.lost.to_string());
        hex(digest(&SHA256, all.as_bytes()).as_ref())
    }

    /// Its legs; none if they cannot be read, which happens only to a row that was changed.
    #[must_use]
    pub fn legs(&self) -> Vec<Leg> {
        serde_json::from_str(&self.legs).unwrap_or_default()
    }

    /// Its devices, as [`Row::legs`].
    #[must_use]
    pub fn devices(&self) -> Vec<String> {
        serde_json::from_str(&self.devices).unwrap_or_default()
    }

    /// Whether it is about a device, in any case of letters; or about an agent, named as NAME=value.
    #[must_use]
    pub fn is_about(&self, device: &str) -> bool {
        let device = clean(device).to_lowercase();
        self.devices().iter().any(|one| one.to_lowercase() == device)
    }

    pub(super) fn read(row: &Answer<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            writer: row.string(0)?,
            seq: row.int(1)?,
            at: row.int(2)?,
            event: row.string(3)?,
            function: row.string(4)?,
            devices: row.string(5)?,
            client: row.string(6)?,
            request_id: row.string(7)?,
            asked: row.int(8)?,
            verdict: row.string(9)?,
            legs: row.string(10)?,
            note: row.string(11)?,
            lost: row.int(12)?,
            prev: row.string(13)?,
            hash: row.string(14)?,
        })
    }
}

/// Rows as the parameters of one INSERT.
pub(super) fn columns(rows: &[Row]) -> [Column<'_>; 15] {
    let ints = |of: fn(&Row) -> i64| Column::Ints(rows.iter().map(of).collect());
    let texts = |of: fn(&Row) -> &str| Column::texts(rows.iter().map(of));
    [
        texts(|row| &row.writer),
        ints(|row| row.seq),
        ints(|row| row.at),
        texts(|row| &row.event),
        texts(|row| &row.function),
        texts(|row| &row.devices),
        texts(|row| &row.client),
        texts(|row| &row.request_id),
        ints(|row| row.asked),
        texts(|row| &row.verdict),
        texts(|row| &row.legs),
        texts(|row| &row.note),
        ints(|row| row.lost),
        texts(|row| &row.prev),
        texts(|row| &row.hash),
    ]
}

/// One column as it is hashed.
fn put(all: &mut String, text: &str) {
    write!(all, "{}:", text.len()).unwrap_or_default();
    all.push_str(text);
    all.push(',');
}

/// Bytes as small letters of hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(*byte));
    }
    out
}
