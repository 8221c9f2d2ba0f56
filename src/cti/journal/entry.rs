//! One entry of the journal as a line: `checksum {"number":…,"at":…,…}`.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::write::{close, element, open};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A command came: as XML.
    Command(String),
    /// A recording ended by itself, or never began.
    Ended {
        /// DEVICEID.
        device: Arc<str>,
        /// GLOBALID.
        take: Arc<str>,
        /// When it ended.
        at: Timestamp,
    },
    /// A recording's sound was given out of hand.
    Sealed {
        /// DEVICEID.
        device: Arc<str>,
        /// GLOBALID.
        take: Arc<str>,
    },
}

impl Event {
    /// A command, without secrets: they decide nothing of what a core does.
    #[must_use]
    pub fn command(request: &Request) -> Self {
        let mut xml = String::with_capacity(512);
        open(&mut xml, "REQUEST");
        for field in request.fields().iter().filter(|field| !is_secret(field.param, field.name)) {
            match field.markup {
                Some(markup) => xml.push_str(markup),
                None => element(&mut xml, field.name, field.value),
            }
        }
        close(&mut xml, "REQUEST");
        Self::Command(xml)
    }
}

/// Elements that the reference does not know may hold secrets too.
fn is_secret(param: Option<Param>, name: &str) -> bool {
    const SECRET: [&str; 4] = ["PASSW", "PASSPHRASE", "SECRET", "TOKEN"];
    let upper = name.to_ascii_uppercase();
    param.is_some_and(Param::is_secret) || SECRET.iter().any(|word| upper.contains(word))
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// They are counted from 1 and without a gap.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// The line, its end included.
    pub fn line(&self) -> io::Result<String> {
        let json = serde_json::to_string(self)?;
        Ok(format!("{} {json}\n", checksum(&json)))
    }

    /// The entry of a line; none if it is not whole.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let (sum, json) = line.split_once(' ')?;
        (checksum(json) == sum).then(|| serde_json::from_str(json).ok()).flatten()
    }
}

fn checksum(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::xml::Bounds;

    const BOUNDS: Bounds = Bounds { max_fields: 50, max_depth: 8 };

    #[test]
    fn a_command_comes_back_whole_on_one_line_and_without_secrets() {
        let request = Request::read(
            "<REQUEST><REQUESTTYPE>callstart</REQUESTTYPE><REQUESTID>1</REQUESTID><USER1>a &amp;\r\n\"é😀\"</USER1>\
             <PASSWORD>geheim</PASSWORD><myPassWord>geheim</myPassWord><X a='1'\n>t<Y>\n2</Y></X></REQUEST>"
                .as_bytes(),
            BOUNDS,
        )
        .expect("a request");
        let entry = Entry { number: 7, at: Timestamp::UNIX_EPOCH, event: Event::command(&request) };
        let line = entry.line().expect("a line");
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line}");
        assert!(!line.contains("geheim"), "{line}");
        assert_eq!(Entry::of_line(line.trim_end()).as_ref(), Some(&entry));
        let Event::Command(xml) = entry.event else { panic!("it is a command") };
        let again = Request::read(xml.as_bytes(), BOUNDS).expect("it can be read");
        let fields = |request: &Request| {
            let fields = request.fields().iter().filter(|f| !is_secret(f.param, f.name));
            fields
                .map(|f| (f.name.to_owned(), f.value.to_owned(), f.markup.map(str::to_owned)))
                .collect::<Vec<_>>()
        };
        assert_eq!(fields(&again), fields(&request));
    }

    #[test]
    fn what_is_not_whole_is_no_entry() {
        let event = Event::Sealed { device: "5".into(), take: "x".into() };
        let line = Entry { number: 1, at: Timestamp::UNIX_EPOCH, event }.line().expect("a line");
        let line = line.trim_end();
        assert!(Entry::of_line(line).is_some());
        for end in 0..line.len() {
            assert_eq!(Entry::of_line(&line[..end]), None);
        }
        assert_eq!(Entry::of_line(&line.replace("\"5\"", "\"6\"")), None);
    }
}
