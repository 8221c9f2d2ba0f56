//! A CSV file → rows: UTF-8 with or without a mark, CR LF or LF, commas or semicolons, as spreadsheets write it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::cells;
use super::columns::{Header, Kind};
use super::reader::{Gone, Sink, without_mark};
use super::rows::Line;

/// Bytes of a first line at most: a file without any line end is no table.
const LONGEST_HEADER: u64 = 64 << 10;

/// Reads a whole file into `sink`.
pub(super) fn read(file: File, kind: Option<Kind>, sink: &mut Sink) -> Result<(), Gone> {
    let done = without_mark(file).and_then(|file| {
        let mut file = BufReader::with_capacity(1 << 16, file);
        let first = first_line(&mut file)?;
        Ok((separator(&first), io::Cursor::new(first).chain(file)))
    });
    match done {
        Ok((separator, file)) => read_rows(file, separator, kind, sink),
        Err(error) => {
            sink.fault(1, error.to_string());
            Ok(())
        }
    }
}

fn first_line(file: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    file.take(LONGEST_HEADER).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Semicolons where the first line has more of them: spreadsheets of half of Europe write those.
fn separator(first: &[u8]) -> u8 {
    let count = |separator| memchr::memchr_iter(separator, first).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

fn read_rows(file: impl Read, separator: u8, kind: Option<Kind>, sink: &mut Sink) -> Result<(), Gone> {
    let mut reader =
        ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(file);
    let (mut record, mut header) = (ByteRecord::new(), None);
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                sink.fault(line(reader.position()), format!("the file cannot be read on: {error}"));
                return Ok(());
            }
        }
        let at = line(record.position().unwrap_or(reader.position()));
        sink.at(reader.position().byte());
        match &header {
            None => match read_header(at, &record, kind, sink) {
                Some(first) => header = Some(first),
                None => return Ok(()),
            },
            Some(header) if !is_blank(&record) => sink.row(at, row(header, &mut record))?,
            Some(_) => {}
        }
    }
    if header.is_none() {
        sink.fault(1, "the file is empty: its first line names the columns, for example DEVICEID,CORES");
    }
    Ok(())
}

/// The columns; `None` if they are unusable, as `sink` then knows.
fn read_header(line: Line, record: &ByteRecord, kind: Option<Kind>, sink: &mut Sink) -> Option<Header> {
    let names: Vec<_> = record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let header = Header::read(&names, kind);
    header.map_err(|wrong| wrong.into_iter().for_each(|wrong| sink.fault(line, wrong))).ok()
}

/// Spreadsheets leave lines of separators behind a table.
fn is_blank(record: &ByteRecord) -> bool {
    record.iter().all(|value| value.trim_ascii().is_empty())
}

fn row(header: &Header, record: &mut ByteRecord) -> Result<super::rows::Row, Vec<String>> {
    let record = StringRecord::from_byte_record(std::mem::take(record)).map_err(|error| {
        let column = header.columns.get(error.utf8_error().field()).unwrap_or(&"a value");
        vec![format!("{column} is not UTF-8: save the file as UTF-8")]
    });
    cells::row(header, &record?)
}

/// The csv crate counts lines from 1.
fn line(position: &csv::Position) -> Line {
    Line::try_from(position.line()).unwrap_or(Line::MAX)
}
