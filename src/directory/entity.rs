//! What the directory's database holds, row by row.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::CoreId;

/// A device. Its DEVICEID is unique without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Device {
    /// DEVICEID.
    pub id: String,
    /// DEVICEALIAS, or empty.
    #[serde(default)]
    pub alias: String,
    /// The name of the site it stands at, or empty.
    #[serde(default)]
    pub site: String,
    /// The cores that record it; empty where rules or the site decide.
    #[serde(default)]
    pub cores: Vec<CoreId>,
}

/// A location: a part of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Location {
    /// LOCATIONID.
    pub id: i64,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The name of its site.
    pub site: String,
}

/// A station and the device at it: sections "STATIONS" and "IMPORTWORKSTATION".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Station {
    /// STATIONNAME, unique without regard to case.
    pub name: String,
    /// DEVICEID; a device is at one station at most.
    pub device: String,
    /// LOCATIONID; it need not be one of the known locations.
    pub location: i64,
}

/// STATUS of a user, section "IMPORTUSER".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Status {
    /// A: active.
    #[default]
    #[serde(rename = "A")]
    Active,
    /// I: inactive.
    #[serde(rename = "I")]
    Inactive,
    /// D: deleted. The record stays, so that past records name their user.
    #[serde(rename = "D")]
    Deleted,
}

impl Status {
    /// The letter that stands for it.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Active => "A",
            Self::Inactive => "I",
            Self::Deleted => "D",
        }
    }

    /// The status that a letter stands for, in either case.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Deleted]
            .into_iter()
            .find(|s| s.letter().eq_ignore_ascii_case(letter))
    }
}

/// A moment with the offset from UTC that it was given with: ADD_TIME and MOD_TIME.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Stamp {
    /// UNIX time, seconds.
    pub seconds: i64,
    /// Seconds east of UTC.
    #[serde(default)]
    pub offset: i64,
}

impl Stamp {
    /// Now, at UTC.
    #[must_use]
    pub fn now() -> Self {
        Self { seconds: jiff::Timestamp::now().as_second(), offset: 0 }
    }
}

/// A password's hash. It is never printed, listed or exported.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A user, who may be an agent: section "IMPORTUSER". What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct User {
    /// USERID, AGENTID.
    pub id: i64,
    /// USERNAME, unique without regard to case among users who are not deleted.
    #[serde(default)]
    pub username: String,
    /// EMPLOYEEID.
    #[serde(default)]
    pub employee_id: String,
    /// FIRSTNAME.
    #[serde(default)]
    pub first_name: String,
    /// LASTNAME.
    #[serde(default)]
    pub last_name: String,
    /// AGENT.
    #[serde(default)]
    pub is_agent: bool,
    /// STATUS.
    #[serde(default)]
    pub status: Status,
    /// ADD_TIME.
    #[serde(default)]
    pub added: Stamp,
    /// MOD_TIME.
    #[serde(default)]
    pub modified: Stamp,
    /// SYS_USER.
    #[serde(default)]
    pub sys_user: String,
    /// SYS_DOMAIN, DOMAIN.
    #[serde(default)]
    pub sys_domain: String,
    /// EMAIL.
    #[serde(default)]
    pub email: String,
    /// CRM_USER.
    #[serde(default)]
    pub crm_user: String,
    /// SITEID.
    #[serde(default)]
    pub site_id: String,
    /// PHONES, in the order in which they were given.
    #[serde(default)]
    pub phones: Vec<String>,
}

/// What is known of a user when it is added, or to be changed: what is `None` is left empty, or as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `User`")]
pub struct UserFields {
    pub username: Option<String>,
    pub employee_id: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Without it, a user that is added is an agent if its status is active.
    pub is_agent: Option<bool>,
    pub status: Option<Status>,
    /// Without it, a user is added now.
    pub added: Option<Stamp>,
    /// Without it, a user is modified now.
    pub modified: Option<Stamp>,
    pub sys_user: Option<String>,
    pub sys_domain: Option<String>,
    pub email: Option<String>,
    pub crm_user: Option<String>,
    pub site_id: Option<String>,
    pub password: Option<PasswordHash>,
    /// All of the user's phones, in order.
    pub phones: Option<Vec<String>>,
}

/// How a user is named. Deleted users answer to none of these. Names are compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserKey {
    /// USERID, AGENTID.
    Id(i64),
    /// USERNAME.
    Username(String),
    /// FIRSTNAME and LASTNAME; an empty one is not looked at.
    Name {
        /// FIRSTNAME.
        first: String,
        /// LASTNAME.
        last: String,
    },
    /// EMPLOYEEID.
    Employee(String),
    /// SYS_USER, SYSTEMUSERNAME.
    SysUser(String),
    /// CRM_USER.
    CrmUser(String),
    /// One of its phones.
    Phone(String),
}

/// How a group or a role is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameKey {
    /// GROUPID, ROLEID.
    Id(i64),
    /// GROUPNAME, ROLENAME, without regard to case.
    Name(String),
}

/// A QA group: section "ADDGROUP".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Group {
    /// GROUPID.
    pub id: i64,
    /// GROUPNAME, unique without regard to case.
    pub name: String,
}

/// An agent's device in a group: section "MODIFYGROUPPERMISSION".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Member {
    /// GROUPID.
    pub group: i64,
    /// AGENTID.
    pub user: i64,
    /// DEVICEID or PHONEID.
    pub device: String,
}

/// A role: section "MODIFYROLE".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Role {
    /// ROLEID.
    pub id: i64,
    /// ROLENAME, unique without regard to case.
    pub name: String,
    /// DESCRIPTION.
    #[serde(default)]
    pub description: String,
}

/// What the site calls something: section "FETCHTERMINOLOGY".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Term {
    /// NAME.
    pub name: String,
    /// VALUE.
    pub value: String,
}

/// What can be done with a recording when it is archived: ARCHIVEACTION.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ArchiveAction {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
}

/// One transaction that changed the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuditEntry {
    /// The revision that it made.
    pub revision: i64,
    /// UNIX time, milliseconds.
    pub at: i64,
    /// Who asked for it.
    pub who: String,
    /// From where: an address, or "command line".
    pub from: String,
    /// The function: IMPORTUSER.
    pub function: String,
    /// What was changed, in words.
    pub what: String,
}
