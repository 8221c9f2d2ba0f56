//! A JSON file, as `export` writes it → rows. The document is read a row at a time; a row that is wrong is told
//! with its line, and the next one read.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::reader::{Gone, Sink, without_mark};
use super::rows::{Line, RestRow, Row};

/// How far the file is read.
#[derive(Clone, Debug, Default)]
struct At {
    line: Rc<Cell<Line>>,
    byte: Rc<Cell<u64>>,
}

/// A file that knows on which line it is read. serde_json takes it byte by byte, so that is where the next row
/// begins.
struct Counted<R> {
    file: R,
    at: At,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes)?;
        let lines = memchr::memchr_iter(b'\n', &bytes[..read]).count();
        self.at.line.set(self.at.line.get().saturating_add(Line::try_from(lines).unwrap_or(Line::MAX)));
        self.at.byte.set(self.at.byte.get() + read as u64);
        Ok(read)
    }
}

/// Reads a whole file into `sink`.
pub(super) fn read(file: File, sink: &mut Sink) -> Result<(), Gone> {
    let file = match without_mark(BufReader::with_capacity(1 << 16, file)) {
        Ok(file) => file,
        Err(error) => {
            sink.fault(1, error.to_string());
            return Ok(());
        }
    };
    let at = At { line: Rc::new(Cell::new(1)), ..At::default() };
    let mut json = serde_json::Deserializer::from_reader(Counted { file, at: at.clone() });
    let mut document = Document { sink, at, gone: false };
    let done = document.deserialize(&mut json).and_then(|()| json.end());
    if document.gone {
        return Err(Gone);
    }
    if let Err(error) = done {
        let line = Line::try_from(error.line()).unwrap_or(Line::MAX);
        sink.fault(line.max(1), format!("the file is no JSON that export writes: {error}"));
    }
    Ok(())
}

/// The whole document: an object with a list per kind.
struct Document<'s> {
    sink: &'s mut Sink,
    at: At,
    gone: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with lists: devices, users, …")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if let Some(read) = reader_of(&name) {
                map.next_value_seed(List { document: self, read })?;
            } else {
                let line = self.at.line.get();
                self.sink.fault(
                    line,
                    format!("{name:?} is no list of the directory: {}", LISTS.map(|l| l.0).join(", ")),
                );
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Makes a row of what a list holds.
type ReadRow = fn(Value) -> serde_json::Result<Row>;

const LISTS: [(&str, ReadRow); 12] = [
    ("locations", |row| of(row, Row::Location)),
    ("devices", |row| of(row, Row::Device)),
    ("users", |row| of(row, |row| Row::User(Box::new(row)))),
    ("stations", |row| of(row, Row::Station)),
    ("groups", |row| of(row, |row| Row::Rest(RestRow::Group(row)))),
    ("members", |row| of(row, |row| Row::Rest(RestRow::Member(row)))),
    ("roles", |row| of(row, |row| Row::Rest(RestRow::Role(row)))),
    ("role_groups", |row| of(row, |row| Row::Rest(RestRow::RoleGroup(row)))),
    ("role_permissions", |row| of(row, |row| Row::Rest(RestRow::RolePermission(row)))),
    ("user_roles", |row| of(row, |row| Row::Rest(RestRow::UserRole(row)))),
    ("terminology", |row| of(row, |row| Row::Rest(RestRow::Term(row)))),
    ("archive_actions", |row| of(row, |row| Row::Rest(RestRow::ArchiveAction(row)))),
];

fn of<T: DeserializeOwned>(row: Value, into: impl FnOnce(T) -> Row) -> serde_json::Result<Row> {
    serde_json::from_value(row).map(into)
}

fn reader_of(list: &str) -> Option<ReadRow> {
    LISTS.into_iter().find_map(|(name, read)| (name == list).then_some(read))
}

/// One list.
struct List<'d, 's> {
    document: &'d mut Document<'s>,
    read: ReadRow,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let at = self.document.at.clone();
        while let Some((line, value)) = list.next_element_seed(Placed(&at))? {
            let row = (self.read)(value).map_err(|error| vec![error.to_string()]);
            self.document.sink.at(at.byte.get());
            if self.document.sink.row(line, row).is_err() {
                self.document.gone = true;
                return Err(serde::de::Error::custom("the import has ended"));
            }
        }
        Ok(())
    }
}

/// A row and the line on which it begins.
struct Placed<'a>(&'a At);

impl<'de> DeserializeSeed<'de> for Placed<'_> {
    type Value = (Line, Value);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        let line = self.0.line.get();
        Ok((line, Value::deserialize(json)?))
    }
}
