//! Names of parameters, and the variants that the reference's own examples use for the same thing.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One line per parameter: variant, the name we write, then other names that we take.
macro_rules! params {
    ($($variant:ident $name:literal $($alias:literal)*;)*) => {
        /// A parameter that the reference knows, and ASKEDAT, which is ours. Any other travels as it came.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the names are the reference's own")]
        pub enum Param { $($variant),* }

        impl Param {
            /// Every parameter.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            const fn bytes(self) -> &'static [u8] {
                match self { $(Self::$variant => $name),* }
            }

            const fn of_upper(name: &[u8]) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

params! {
    Type b"TYPE" b"REQUESTTYPE";
    RequestId b"REQUESTID";
    Detail b"DETAIL";
    DeviceId b"DEVICEID";
    DeviceAlias b"DEVICEALIAS";
    StationName b"STATIONNAME" b"STATION" b"COMPUTERNAME";
    SysUser b"SYS_USER";
    CrmUser b"CRM_USER";
    CallInstance b"CALLINSTANCE";
    Group b"GROUP";
    Gate b"GATE";
    Ani b"ANI";
    Dnis b"DNIS";
    User1 b"USER1";
    User2 b"USER2";
    User3 b"USER3";
    User4 b"USER4";
    User5 b"USER5";
    User6 b"USER6";
    User7 b"USER7";
    User8 b"USER8";
    User9 b"USER9";
    User10 b"USER10";
    User11 b"USER11";
    User12 b"USER12";
    User13 b"USER13";
    User14 b"USER14";
    User15 b"USER15";
    CallId b"CALLID";
    Priority b"PRIORITY";
    CallDirection b"CALLDIRECTION";
    MaxRecordSilence b"MAXRECORDSILENCE";
    MaxRecordTime b"MAXRECORDTIME";
    AgentInitiated b"AGENTINITIATED";
    CtiInitiated b"CTIINITIATED";
    ArchiveAction b"ARCHIVEACTION";
    KeepDays b"KEEPDAYS";
    UpdateIfNotRecording b"UPDATE_IF_NOT_RECORDING";
    RecordId b"RECORDID";
    CoreIdent b"COREIDENT";
    CallCount b"CALLCOUNT";
    CallDateStart b"CALLDATESTART";
    CallDateEnd b"CALLDATEEND";
    PlaybackLink b"PLAYBACKLINK";
    SessionId b"SESSIONID";
    AgentId b"AGENTID";
    KeyName b"KEYNAME";
    KeyValue b"KEYVALUE";
    TimeOffset b"TIMEOFFSET";
    AskedAt b"ASKEDAT";
    Action b"ACTION";
    UserId b"USERID" b"USER_ID";
    EmployeeId b"EMPLOYEEID" b"EMPLOYEE_ID";
    FirstName b"FIRSTNAME" b"FIRST_NAME";
    LastName b"LASTNAME" b"LAST_NAME";
    Status b"STATUS";
    AddTime b"ADD_TIME";
    ModTime b"MOD_TIME";
    Domain b"DOMAIN" b"SYS_DOMAIN";
    Email b"EMAIL";
    Password b"PASSWORD";
    SiteId b"SITEID" b"SITE_ID";
    UserName b"USERNAME";
    Phones b"PHONES";
    PhoneId b"PHONEID";
    LocationId b"LOCATIONID";
    UniqueField b"UNIQUEFIELD";
    UniqueId b"UNIQUEID";
    MediaFormat b"MEDIA_FORMAT";
    Encrypt b"ENCRYPT";
    Ident b"IDENT";
    GroupName b"GROUPNAME";
    GroupId b"GROUPID";
    RoleName b"ROLENAME";
    RoleId b"ROLEID";
    Description b"DESCRIPTION";
    SystemUserName b"SYSTEMUSERNAME";
    PermissionName b"PERMISSIONNAME";
    ToAddress b"TOADDRESS";
    ToName b"TONAME";
    FromAddress b"FROMADDRESS";
    FromName b"FROMNAME";
    ResultType b"RESULTTYPE";
    ResultCode b"RESULTCODE";
    ResultMessage b"RESULTMSG";
}

impl Param {
    /// USER1 to USER15, in order.
    pub const USERS: [Self; 15] = [
        Self::User1,
        Self::User2,
        Self::User3,
        Self::User4,
        Self::User5,
        Self::User6,
        Self::User7,
        Self::User8,
        Self::User9,
        Self::User10,
        Self::User11,
        Self::User12,
        Self::User13,
        Self::User14,
        Self::User15,
    ];

    /// Longer than any known name.
    const LONGEST: usize = 32;

    /// The name as the reference writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match std::str::from_utf8(self.bytes()) {
            Ok(name) => name,
            Err(_) => "",
        }
    }

    /// The parameter of this name or variant, without regard to case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_bytes(name.as_bytes())
    }

    /// The same for a name that is not known to be text yet.
    pub(super) fn from_bytes(name: &[u8]) -> Option<Self> {
        let mut upper = [0; Self::LONGEST];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        Self::of_upper(upper)
    }

    /// Whether the value must never be shown in a log, a metric or an error text.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Password)
    }
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(from)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format!("{name} is no known parameter")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_parameter_in_any_case() {
        for param in Param::ALL {
            assert_eq!(Param::from_name(param.name()), Some(*param));
            assert_eq!(Param::from_name(&param.name().to_lowercase()), Some(*param));
            assert!(!param.name().is_empty() && param.name().len() < Param::LONGEST);
        }
    }

    #[test]
    fn variants_of_a_name_are_one_parameter() {
        for (name, param) in [
            ("USER_ID", Param::UserId),
            ("employee_id", Param::EmployeeId),
            ("Station", Param::StationName),
            ("COMPUTERNAME", Param::StationName),
            ("SYS_DOMAIN", Param::Domain),
            ("REQUESTTYPE", Param::Type),
        ] {
            assert_eq!(Param::from_name(name), Some(param));
        }
    }

    #[test]
    fn other_names_are_nobodys() {
        for name in ["", "USER16", "USER0", "X", &"N".repeat(500)] {
            assert_eq!(Param::from_name(name), None);
        }
    }
}
