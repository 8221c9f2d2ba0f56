//! One line of a CSV file → a row. Everything that is wrong with a line is told, not just the first of it.

use std::fmt::Display;

use csv::StringRecord;

use super::columns::{Header, Kind};
use super::rows::{DeviceRow, LocationRow, PhoneRow, Row, StationRow, UserRow};
use crate::directory::entity::Status;
use crate::model::CoreId;

/// The values of one line. Spaces around a value are no part of it.
struct Cells<'a> {
    header: &'a Header,
    record: &'a StringRecord,
    wrong: Vec<String>,
}

/// Makes a row of a line.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn row(header: &Header, record: &StringRecord) -> Result<Row, Vec<String>> {
    if record.len() != header.columns.len() {
        return Err(vec![uneven(header, record)]);
    }
    let mut cells = Cells { header, record, wrong: Vec::new() };
    let row = match header.kind {
        Kind::Devices => Row::Device(cells.device()),
        Kind::Users => Row::User(Box::new(cells.user())),
        Kind::Phones => Row::Phone(cells.phone()),
        Kind::Stations => Row::Station(cells.station()),
        Kind::Locations => Row::Location(cells.location()),
    };
    if cells.wrong.is_empty() { Ok(row) } else { Err(cells.wrong) }
}

fn uneven(header: &Header, record: &StringRecord) -> String {
    let advice = if record.iter().any(|value| value.contains('\n')) {
        "is a quotation mark never closed?"
    } else if record.len() > header.columns.len() {
        "a value with a comma or semicolon in it stands in quotes: \"1,2\""
    } else {
        "an empty value keeps its comma"
    };
    format!("has {} values for {} columns: {advice}", record.len(), header.columns.len())
}

impl<'a> Cells<'a> {
    /// The value of a column; `None` if the file has no such column.
    fn get(&self, column: &str) -> Option<&'a str> {
        let (header, record) = (self.header, self.record);
        header.place(column).and_then(|place| record.get(place)).map(str::trim)
    }

    /// A value, empty where there is none.
    fn text(&self, column: &str) -> String {
        self.get(column).unwrap_or_default().into()
    }

    fn optional(&self, column: &str) -> Option<String> {
        self.get(column).map(Into::into)
    }

    fn fault(&mut self, message: impl Display) {
        self.wrong.push(message.to_string());
    }

    /// A number; 0 where there is none.
    fn number(&mut self, column: &str) -> i64 {
        let text = self.get(column).filter(|text| !text.is_empty());
        text.map_or(0, |text| {
            text.parse().unwrap_or_else(|_| {
                self.fault(format_args!("{column} {text:?} is no whole number"));
                0
            })
        })
    }

    /// A number that must be there; where 0 is a number like any other.
    fn needed_number(&mut self, column: &str) -> i64 {
        if self.get(column).is_none_or(str::is_empty) {
            self.fault(format_args!("{column} is missing"));
        }
        self.number(column)
    }

    /// Cores: `1,2` or `1 2`.
    fn cores(&mut self) -> Option<Vec<CoreId>> {
        let text = self.get("CORES")?;
        let parts = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
        let mut cores = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            match part.parse() {
                Ok(id) => cores.push(CoreId(id)),
                Err(_) => self.fault(format_args!("CORES {text:?}: {part:?} is no number of a core")),
            }
        }
        Some(cores)
    }

    /// Phones: `1123,3343`. Spaces part none: a DEVICEID may have some.
    fn phones(&mut self) -> Option<Vec<String>> {
        let phones = phones_of(self.get("PHONES")?);
        let is_two =
            |phone: &&String| phone.contains(' ') && phone.bytes().all(|b| b == b' ' || b.is_ascii_digit());
        if let Some(phone) = phones.iter().find(is_two) {
            self.wrong.push(format!("PHONES {phone:?}: put commas between phones"));
        }
        Some(phones)
    }

    fn flag(&mut self, column: &str) -> Option<bool> {
        let text = self.get(column).filter(|text| !text.is_empty())?;
        let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is(&["true", "t", "yes", "y", "1"]) {
            return Some(true);
        }
        if !is(&["false", "f", "no", "n", "0"]) {
            self.fault(format_args!("{column} {text:?} is neither TRUE nor FALSE"));
        }
        Some(false)
    }

    fn status(&mut self) -> Option<Status> {
        let text = self.get("STATUS").filter(|text| !text.is_empty())?;
        let status = Status::from_letter(text);
        if status.is_none() {
            self.fault(format_args!("STATUS {text:?} is none of A (active), I (inactive), D (deleted)"));
        }
        status
    }

    fn device(&mut self) -> DeviceRow {
        DeviceRow {
            id: self.text("DEVICEID"),
            alias: self.optional("DEVICEALIAS"),
            site: self.optional("SITE"),
            cores: self.cores(),
        }
    }

    fn user(&mut self) -> UserRow {
        UserRow {
            id: self.number("USERID"),
            username: self.optional("USERNAME"),
            employee_id: self.optional("EMPLOYEEID"),
            first_name: self.optional("FIRSTNAME"),
            last_name: self.optional("LASTNAME"),
            is_agent: self.flag("AGENT"),
            status: self.status(),
            added: None,
            modified: None,
            sys_user: self.optional("SYS_USER"),
            sys_domain: self.optional("SYS_DOMAIN"),
            email: self.optional("EMAIL"),
            crm_user: self.optional("CRM_USER"),
            site_id: self.optional("SITEID"),
            phones: self.phones(),
        }
    }

    fn phone(&mut self) -> PhoneRow {
        PhoneRow {
            phone: self.text("PHONEID"),
            agent: self.number("AGENTID"),
            username: self.text("USERNAME"),
        }
    }

    fn station(&mut self) -> StationRow {
        StationRow {
            name: self.text("STATIONNAME"),
            device: self.text("DEVICEID"),
            location: self.needed_number("LOCATIONID"),
        }
    }

    fn location(&mut self) -> LocationRow {
        LocationRow {
            id: self.needed_number("LOCATIONID"),
            name: self.optional("NAME"),
            site: self.text("SITE"),
        }
    }
}

/// The phones of a list.
pub(super) fn phones_of(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|phone| !phone.is_empty()).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(columns: &[&str], values: &[&str]) -> Result<Row, Vec<String>> {
        let names: Vec<_> = columns.iter().map(|name| (*name).to_owned()).collect();
        row(&Header::read(&names, None).expect("known columns"), &StringRecord::from(values.to_vec()))
    }

    #[test]
    fn cores_are_parted_by_commas_or_spaces() {
        for text in ["1,2", "1 2", " 1 , 2 ", "1;2"] {
            let Ok(Row::Device(device)) = read(&["DEVICEID", "CORES"], &[" 7001 ", text]) else {
                panic!("{text} is readable")
            };
            assert_eq!((&*device.id, device.cores), ("7001", Some(vec![CoreId(1), CoreId(2)])), "{text}");
            assert_eq!(device.alias, None, "the file has no such column");
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_line_is_told() {
        let columns = ["USERID", "AGENT", "STATUS", "PHONES"];
        let wrong = read(&columns, &["x", "perhaps", "Z", "1123 3343"]).expect_err("four faults");
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        let wrong = read(&["DEVICEID", "CORES"], &["1", "1", "2"]).expect_err("one value too many");
        assert!(wrong[0].contains("3 values for 2 columns") && wrong[0].contains("in quotes"), "{wrong:?}");
    }
}
