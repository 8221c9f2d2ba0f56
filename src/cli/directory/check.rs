//! What can be said of a row without the database: whether it names itself, whether its cores are configured, and
//! whether it stands in the file twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;

use super::rows::{DeviceRow, Line, LocationRow, PhoneRow, RestRow, Row, StationRow, UserRow};
use crate::directory::entity::Status;
use crate::directory::fold::{hash, hash_number};
use crate::model::CoreId;
use crate::route::list;

/// What may stand in a file once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Once {
    Device,
    UserId,
    Username,
    Phone,
    Station,
    Seat,
    Location,
    Group,
    Role,
}

/// The lines on which names stand. It holds hashes instead of a million names: that two of them share one by
/// chance happens once in a million imports of this size, and then says so, before anything is imported.
type Seen = HashMap<(Once, u64), Line, RandomState>;

/// Checks the rows of one file.
#[derive(Debug)]
pub(super) struct Checker {
    cores: Vec<CoreId>,
    seen: Seen,
}

impl Checker {
    /// A checker for a configuration with these cores.
    pub fn new(cores: Vec<CoreId>) -> Self {
        Self { cores, seen: Seen::default() }
    }

    /// Everything that is wrong with a row.
    pub fn wrong(&mut self, line: Line, row: &Row) -> Vec<String> {
        let mut wrong = Vec::new();
        if texts(row).iter().any(|text| text.contains('\0')) {
            wrong.push("has a zero byte in it, which no database can store".into());
        }
        match row {
            Row::Device(row) => self.device(line, row, &mut wrong),
            Row::User(row) => self.user(line, row, &mut wrong),
            Row::Phone(row) => self.phone(line, row, &mut wrong),
            Row::Station(row) => self.station(line, row, &mut wrong),
            Row::Location(row) => self.location(line, row, &mut wrong),
            Row::Rest(row) => self.rest(line, row, &mut wrong),
        }
        wrong
    }

    fn device(&mut self, line: Line, row: &DeviceRow, wrong: &mut Vec<String>) {
        self.name(Once::Device, "DEVICEID", &row.id, line, wrong);
        for core in row.cores.iter().flatten().filter(|core| !self.cores.contains(core)) {
            wrong.push(format!("core {core} is not in the configuration, which has {}", list(&self.cores)));
        }
    }

    fn user(&mut self, line: Line, row: &UserRow, wrong: &mut Vec<String>) {
        let username = row.username.as_deref().unwrap_or_default();
        if row.id < 0 {
            wrong.push(format!("USERID {} is less than 1", row.id));
        } else if row.id > 0 {
            wrong.extend(self.once(Once::UserId, hash_number(row.id), line, || format!("USERID {}", row.id)));
        } else if username.is_empty() {
            wrong.push("USERID and USERNAME are missing: one of them must say who it is".into());
        }
        let is_deleted = row.status == Some(Status::Deleted);
        // The names of the deleted are free for others.
        if !username.is_empty() && !is_deleted {
            wrong.extend(self.once(Once::Username, hash(username), line, || format!("USERNAME {username}")));
        }
        let phones = row.phones.as_deref().unwrap_or_default();
        if is_deleted && !phones.is_empty() {
            wrong.push("STATUS D: a deleted user has no PHONES".into());
        }
        phones.iter().for_each(|phone| self.name(Once::Phone, "PHONES: phone", phone, line, wrong));
    }

    fn phone(&mut self, line: Line, row: &PhoneRow, wrong: &mut Vec<String>) {
        self.name(Once::Phone, "PHONEID", &row.phone, line, wrong);
        if row.agent == 0 && row.username.is_empty() {
            wrong.push("AGENTID and USERNAME are missing: one of them must say whose phone it is".into());
        }
    }

    fn station(&mut self, line: Line, row: &StationRow, wrong: &mut Vec<String>) {
        self.name(Once::Station, "STATIONNAME", &row.name, line, wrong);
        self.name(Once::Seat, "DEVICEID", &row.device, line, wrong);
    }

    fn location(&mut self, line: Line, row: &LocationRow, wrong: &mut Vec<String>) {
        wrong.extend(
            self.once(Once::Location, hash_number(row.id), line, || format!("LOCATIONID {}", row.id)),
        );
        if row.site.is_empty() {
            wrong.push("SITE is missing: a location is a part of a site".into());
        }
    }

    fn rest(&mut self, line: Line, row: &RestRow, wrong: &mut Vec<String>) {
        wrong.extend(match row {
            RestRow::Group(group) => {
                self.once(Once::Group, hash_number(group.id), line, || format!("group {}", group.id))
            }
            RestRow::Role(role) => {
                self.once(Once::Role, hash_number(role.id), line, || format!("role {}", role.id))
            }
            _ => None,
        });
    }

    /// A name that must be there, and once.
    fn name(&mut self, what: Once, column: &str, name: &str, line: Line, wrong: &mut Vec<String>) {
        if name.is_empty() {
            wrong.push(format!("{column} is missing"));
        } else {
            wrong.extend(self.once(what, hash(name), line, || format!("{column} {name}")));
        }
    }

    fn once(&mut self, what: Once, hash: u64, line: Line, name: impl Fn() -> String) -> Option<String> {
        match self.seen.entry((what, hash)) {
            Entry::Vacant(free) => {
                free.insert(line);
                None
            }
            Entry::Occupied(taken) if *taken.get() == line => Some(format!("{} stands twice here", name())),
            Entry::Occupied(taken) => Some(format!("{} stands on line {} already", name(), taken.get())),
        }
    }
}

/// The texts of a row.
fn texts(row: &Row) -> Vec<&str> {
    match row {
        Row::Device(row) => [Some(&row.id), row.alias.as_ref(), row.site.as_ref()]
            .into_iter()
            .flatten()
            .map(|t| &**t)
            .collect(),
        Row::User(row) => user_texts(row),
        Row::Phone(row) => vec![&row.phone, &row.username],
        Row::Station(row) => vec![&row.name, &row.device],
        Row::Location(row) => vec![&row.site, row.name.as_deref().unwrap_or_default()],
        Row::Rest(row) => rest_texts(row),
    }
}

fn user_texts(row: &UserRow) -> Vec<&str> {
    let texts = [
        &row.username,
        &row.employee_id,
        &row.first_name,
        &row.last_name,
        &row.sys_user,
        &row.sys_domain,
        &row.email,
        &row.crm_user,
        &row.site_id,
    ];
    texts.into_iter().flatten().chain(row.phones.iter().flatten()).map(String::as_str).collect()
}

fn rest_texts(row: &RestRow) -> Vec<&str> {
    match row {
        RestRow::Group(group) => vec![&group.name],
        RestRow::Member(member) => vec![&member.device],
        RestRow::Role(role) => vec![&role.name, &role.description],
        RestRow::RolePermission((_, permission)) => vec![permission],
        RestRow::Term(term) => vec![&term.name, &term.value],
        RestRow::ArchiveAction(action) => vec![&action.name],
        RestRow::RoleGroup(_) | RestRow::UserRole(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, cores: &[u16]) -> Row {
        let cores = Some(cores.iter().copied().map(CoreId).collect());
        Row::Device(DeviceRow { id: id.into(), cores, ..DeviceRow::default() })
    }

    #[test]
    fn what_stands_twice_is_told_with_its_first_line() {
        let mut checker = Checker::new(vec![CoreId(1), CoreId(2)]);
        assert!(checker.wrong(2, &device("Desk", &[1, 2])).is_empty());
        assert_eq!(checker.wrong(5, &device("dESK", &[1])), ["DEVICEID dESK stands on line 2 already"]);
    }

    #[test]
    fn cores_must_be_configured_and_names_be_there() {
        let wrong = Checker::new(vec![CoreId(1), CoreId(2)]).wrong(2, &device("", &[1, 9]));
        assert_eq!(wrong, ["DEVICEID is missing", "core 9 is not in the configuration, which has 1,2"]);
    }

    #[test]
    fn a_phone_belongs_to_one_agent() {
        let user = |id, status, phones: &[&str]| {
            let phones = Some(phones.iter().map(|phone| (*phone).into()).collect());
            Row::User(Box::new(UserRow { id, status, phones, ..UserRow::default() }))
        };
        let mut checker = Checker::new(vec![]);
        assert!(checker.wrong(2, &user(1, None, &["10"])).is_empty());
        assert_eq!(checker.wrong(3, &user(2, None, &["10"])), ["PHONES: phone 10 stands on line 2 already"]);
        assert_eq!(checker.wrong(4, &user(3, None, &["7", "7"])), ["PHONES: phone 7 stands twice here"]);
        assert_eq!(checker.wrong(5, &user(4, Some(Status::Deleted), &["8"])).len(), 1);
        assert_eq!(checker.wrong(6, &user(0, None, &[])).len(), 1);
    }
}
