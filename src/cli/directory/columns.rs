//! What a CSV file holds, by the columns that its first line names.

/// What the rows of a CSV file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// DEVICEID, DEVICEALIAS, SITE, CORES
    Devices,
    /// USERID, USERNAME, EMPLOYEEID, FIRSTNAME, LASTNAME, AGENT, STATUS, SYS_USER, SYS_DOMAIN, EMAIL, CRM_USER,
    /// SITEID, PHONES
    Users,
    /// PHONEID, and AGENTID or USERNAME
    Phones,
    /// STATIONNAME, DEVICEID, LOCATIONID
    Stations,
    /// LOCATIONID, NAME, SITE
    Locations,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Devices, Self::Users, Self::Phones, Self::Stations, Self::Locations];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Users => "users",
            Self::Phones => "phones",
            Self::Stations => "stations",
            Self::Locations => "locations",
        }
    }

    /// Its columns, in the order in which they are written.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Devices => &["DEVICEID", "DEVICEALIAS", "SITE", "CORES"],
            Self::Users => &[
                "USERID",
                "USERNAME",
                "EMPLOYEEID",
                "FIRSTNAME",
                "LASTNAME",
                "AGENT",
                "STATUS",
                "SYS_USER",
                "SYS_DOMAIN",
                "EMAIL",
                "CRM_USER",
                "SITEID",
                "PHONES",
            ],
            Self::Phones => &["PHONEID", "AGENTID", "USERNAME"],
            Self::Stations => &["STATIONNAME", "DEVICEID", "LOCATIONID"],
            Self::Locations => &["LOCATIONID", "NAME", "SITE"],
        }
    }

    /// The columns without which a row says nothing: of each group at least one.
    const fn required(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Devices => &[&["DEVICEID"]],
            Self::Users => &[&["USERID", "USERNAME"]],
            Self::Phones => &[&["PHONEID"], &["AGENTID", "USERNAME"]],
            Self::Stations => &[&["STATIONNAME"], &["DEVICEID"], &["LOCATIONID"]],
            Self::Locations => &[&["LOCATIONID"], &["SITE"]],
        }
    }

    /// The column of this name, without regard to case and underscores.
    fn column(self, name: &str) -> Option<&'static str> {
        let name = bare(name);
        // The reference's section on IMPORTUSER calls it so in requests.
        let name = if self == Self::Users && name == "DOMAIN" { "SYSDOMAIN" } else { &name };
        self.columns().iter().copied().find(|column| bare(column) == name)
    }

    /// How many of these are its columns, if those that it needs are among them.
    fn fit(self, names: &[String]) -> Option<usize> {
        let known: Vec<_> = names.iter().filter_map(|name| self.column(name)).collect();
        let is_there = |group: &&[&str]| group.iter().any(|column| known.contains(column));
        self.required().iter().all(is_there).then_some(known.len())
    }

    /// The one kind that these columns fit best.
    fn guess(names: &[String]) -> Result<Self, String> {
        let fits = || Self::ALL.into_iter().filter_map(|kind| Some((kind, kind.fit(names)?)));
        let best = fits().map(|(_, known)| known).max().unwrap_or_default();
        let mut kinds = fits().filter(|(_, known)| *known == best).map(|(kind, _)| kind);
        match (kinds.next(), kinds.next()) {
            (Some(kind), None) => Ok(kind),
            (Some(one), Some(other)) => Err(format!(
                "these columns could be those of {} and of {}: say which with --kind",
                one.name(),
                other.name()
            )),
            (None, _) => {
                Err(format!("{:?} name nothing that the directory knows; {}", names, known_columns()))
            }
        }
    }
}

fn known_columns() -> String {
    let kinds = Kind::ALL.map(|kind| format!("\n    {}: {}", kind.name(), kind.columns().join(", ")));
    format!("it knows{}", kinds.concat())
}

fn bare(name: &str) -> String {
    name.trim().chars().filter(|c| *c != '_').flat_map(char::to_uppercase).collect()
}

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What the rows are.
    pub kind: Kind,
    /// The columns in their order.
    pub columns: Vec<&'static str>,
}

impl Header {
    /// Reads the names of the first line; `kind` is what the caller says that the rows are.
    ///
    /// # Errors
    /// Everything that is wrong with the line.
    pub fn read(names: &[String], kind: Option<Kind>) -> Result<Self, Vec<String>> {
        let kind = kind.map_or_else(|| Kind::guess(names), Ok).map_err(|wrong| vec![wrong])?;
        let (mut columns, mut wrong) = (Vec::new(), Vec::new());
        for name in names {
            match kind.column(name) {
                None => wrong.push(format!(
                    "{name:?} is no column of {}: {}",
                    kind.name(),
                    kind.columns().join(", ")
                )),
                Some(column) if columns.contains(&column) => wrong.push(format!("{column} stands twice")),
                Some(column) => columns.push(column),
            }
        }
        let is_missing = |group: &&&[&str]| !group.iter().any(|column| columns.contains(column));
        let missing = kind.required().iter().filter(is_missing);
        wrong.extend(
            missing.map(|group| format!("{} is missing, which {} need", group.join(" or "), kind.name())),
        );
        if wrong.is_empty() { Ok(Self { kind, columns }) } else { Err(wrong) }
    }

    /// Where a column stands.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| *name == column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, kind: Option<Kind>) -> Result<Header, Vec<String>> {
        Header::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), kind)
    }

    #[test]
    fn columns_tell_what_the_rows_are() {
        for (line, kind) in [
            ("DeviceId Cores", Kind::Devices),
            ("user_id user_name sys_user Domain", Kind::Users),
            ("USERNAME PHONES", Kind::Users),
            ("PHONE_ID USERNAME", Kind::Phones),
            ("STATIONNAME DEVICEID LOCATIONID", Kind::Stations),
            ("LOCATIONID NAME SITE", Kind::Locations),
            ("DEVICEID CORESS", Kind::Devices),
        ] {
            let names: Vec<_> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(Kind::guess(&names), Ok(kind), "{line}");
        }
    }

    #[test]
    fn what_could_be_two_things_is_asked_for() {
        let wrong = read("DEVICEID LOCATIONID SITE", None).expect_err("it is ambiguous");
        assert!(wrong[0].contains("--kind"), "{wrong:?}");
        let wrong =
            read("DEVICEID LOCATIONID SITE", Some(Kind::Devices)).expect_err("LOCATIONID is no column");
        assert!(wrong[0].starts_with("\"LOCATIONID\" is no column of devices"), "{wrong:?}");
    }

    #[test]
    fn all_that_is_wrong_with_a_line_is_told() {
        let wrong = read("PHONEID PHONE_ID HAIR", Some(Kind::Phones)).expect_err("three faults");
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(read("A B", None).expect_err("nothing known")[0].contains("it knows\n    devices: DEVICEID"));
    }
}
