//! The one table of functions. Parsing, routing, help, `corecast functions` and the docs read it.
//!
//! "Section" in a comment is the heading in the vendor's reference that a row was taken from, where it is
//! not the function's own name.

use Need::{OneOf, Optional, Required};
use Param::*;

use super::function::*;
use crate::protocol::param::Param;

const DEVICE: Identifiers = Identifiers::AtLeastOne(&[DeviceId, StationName, DeviceAlias, SysUser, CrmUser]);
const ONE_DEVICE: Identifiers = Identifiers::ExactlyOne(&[DeviceId, DeviceAlias, CrmUser, SysUser]);
const AGENT: &[Param] = &[AgentId, FirstName, LastName];
const ROLE: Need = OneOf(&[RoleId, RoleName]);

/// Optional parameters, in a row.
macro_rules! optional {
    ($($param:ident)*) => { &[$(Optional($param)),*] };
}

/// Some needs, and optional parameters behind them.
macro_rules! with {
    ($($need:expr),*; $($param:ident)*) => { &[$($need,)* $(Optional($param)),*] };
}

const CALL_DETAILS: &[Need] = optional![
    CallInstance Group Gate Ani Dnis User1 User2 User3 User4 User5 User6 User7 User8 User9 User10 User11 User12
    User13 User14 User15 CallId Priority CallDirection MaxRecordSilence MaxRecordTime AgentInitiated CtiInitiated
    ArchiveAction
];

/// What most functions share; a row names what differs.
const BASE: Function = Function {
    command: Command::Test,
    name: "",
    family: Family::Call,
    summary: "",
    identifiers: Identifiers::None,
    params: &[],
    actions: &[],
    scope: Scope::Device,
    policy: Policy::All,
    priority: Urgency::Normal,
    repeatable: false,
};
const STATUS: Function = Function {
    family: Family::Status,
    scope: Scope::AllCores,
    priority: Urgency::Background,
    repeatable: true,
    ..BASE
};
const CHAT: Function = Function {
    family: Family::Recording,
    params: &[Required(SessionId)],
    scope: Scope::AllCores,
    policy: Policy::Any,
    ..BASE
};
const BLACKOUT: Function = Function {
    family: Family::Recording,
    identifiers: ONE_DEVICE,
    params: optional![TimeOffset CallInstance],
    priority: Urgency::Urgent,
    ..BASE
};
const AGENT_BLACKOUT: Function = Function { scope: Scope::Agent, params: optional![TimeOffset], ..BLACKOUT };
const HERE: Function = Function {
    scope: Scope::Here(Room::Directory),
    policy: Policy::None,
    priority: Urgency::Background,
    ..BASE
};
const IMPORT: Function = Function { family: Family::Import, ..HERE };
const ROLES: Function = Function { family: Family::Role, ..HERE };
const MEDIA: Function =
    Function { family: Family::Export, scope: Scope::Here(Room::Media), repeatable: true, ..HERE };

/// Every function of the reference, in the order of [`Command`].
pub static FUNCTIONS: &[Function] = &[
    Function {
        command: Command::CallStart,
        name: "CALLSTART",
        summary: "A device has started a call",
        identifiers: DEVICE,
        params: CALL_DETAILS,
        ..BASE
    },
    Function {
        command: Command::CallStop,
        name: "CALLSTOP",
        summary: "A device has ended a call",
        identifiers: DEVICE,
        params: optional![CallInstance],
        priority: Urgency::Urgent,
        repeatable: true,
        ..BASE
    },
    // Sections "CALLUPDATE" and "CALLUPDATE – Post-Recording": with RECORDID it is about a record.
    Function {
        command: Command::CallUpdate,
        name: "CALLUPDATE",
        summary: "Update the data of a call, or with RECORDID of a finished recording",
        identifiers: DEVICE,
        params: optional![
            CallInstance Group Gate Ani Dnis User1 User2 User3 User4 User5 User6 User7 User8 User9 User10 User11
            User12 User13 User14 User15 CallDirection ArchiveAction KeepDays UpdateIfNotRecording RecordId
        ],
        repeatable: true,
        ..BASE
    },
    Function {
        command: Command::RecordStart,
        name: "RECORDSTART",
        summary: "Start an additional, partial recording of a call",
        identifiers: DEVICE,
        params: CALL_DETAILS,
        ..BASE
    },
    Function {
        command: Command::RecordStop,
        name: "RECORDSTOP",
        summary: "Stop a recording that RECORDSTART began",
        identifiers: DEVICE,
        params: optional![
            CallInstance User1 User2 User3 User4 User5 User6 User7 User8 User9 User10 User11 User12 User13 User14
            User15
        ],
        priority: Urgency::Urgent,
        repeatable: true,
        ..BASE
    },
    Function {
        command: Command::DeviceList,
        name: "DEVICELIST",
        summary: "List every device with its current call",
        policy: Policy::Merge(Merge::Devices),
        ..STATUS
    },
    Function {
        command: Command::DeviceStatus,
        name: "DEVICESTATUS",
        summary: "Show the call of a device that is active or was last",
        identifiers: ONE_DEVICE,
        params: optional![CallId],
        scope: Scope::Device,
        policy: Policy::Merge(Merge::ActiveDevice),
        ..STATUS
    },
    Function {
        command: Command::DeviceRecordingStatus,
        name: "DEVICERECORDINGSTATUS",
        summary: "Show every call of a device and its recording state",
        identifiers: ONE_DEVICE,
        scope: Scope::Device,
        policy: Policy::Merge(Merge::Recordings),
        ..STATUS
    },
    Function {
        command: Command::SystemStatus,
        name: "SYSTEMSTATUS",
        summary: "Show the health of the recorders: disk, memory, processors",
        params: optional![CoreIdent],
        policy: Policy::Merge(Merge::System),
        ..STATUS
    },
    Function {
        command: Command::Channels,
        name: "CHANNELS",
        summary: "List the recording channels and their states",
        policy: Policy::Merge(Merge::Channels),
        ..STATUS
    },
    Function {
        command: Command::Stations,
        name: "STATIONS",
        summary: "List the stations and their devices",
        repeatable: true,
        family: Family::Status,
        ..HERE
    },
    Function {
        command: Command::FetchTerminology,
        name: "FETCHTERMINOLOGY",
        summary: "List what this site calls things",
        repeatable: true,
        family: Family::Status,
        ..HERE
    },
    Function {
        command: Command::CallList,
        name: "CALLLIST",
        summary: "List recordings that match all filters",
        family: Family::Status,
        params: optional![
            DeviceId CrmUser SysUser DeviceAlias Group Gate Ani Dnis User1 User2 User3 User4 User5 User6 User7 User8
            User9 User10 User11 User12 User13 User14 User15 CallCount CallDateStart CallDateEnd PlaybackLink
        ],
        scope: Scope::Here(Room::Records),
        repeatable: true,
        ..HERE
    },
    Function {
        command: Command::AgentWindow,
        name: "AGENTWINDOW",
        summary: "Show what an agent's screen shows",
        family: Family::Role,
        params: &[OneOf(&[StationName, UserName])],
        policy: Policy::Merge(Merge::FirstKnown),
        ..STATUS
    },
    Function {
        command: Command::ChatStart,
        name: "CHATSTART",
        summary: "Start recording an agent's screen for a chat",
        params: with![Required(SessionId); AgentId KeyName KeyValue],
        scope: Scope::Session,
        policy: Policy::First,
        ..CHAT
    },
    Function {
        command: Command::ChatStop,
        name: "CHATSTOP",
        summary: "Stop recording a chat",
        priority: Urgency::Urgent,
        repeatable: true,
        ..CHAT
    },
    Function {
        command: Command::ChatUpdate,
        name: "CHATUPDATE",
        summary: "Update the data of a chat's recording",
        params: with![Required(SessionId);
            DeviceAlias Group Gate Ani Dnis User1 User2 User3 User4 User5 User6 User7 User8 User9 User10 User11 User12
            User13 User14 User15 CallDirection CallId
        ],
        repeatable: true,
        ..CHAT
    },
    // Section "BLACKOUTSTART/AGENTBLACKOUTSTART".
    Function {
        command: Command::BlackoutStart,
        name: "BLACKOUTSTART",
        summary: "Start a blackout of one call: nothing of it may be heard or seen",
        ..BLACKOUT
    },
    // Section "BLACKOUTSTOP/AGENTBLACKOUTSTOP".
    Function {
        command: Command::BlackoutStop,
        name: "BLACKOUTSTOP",
        summary: "End a blackout of one call",
        ..BLACKOUT
    },
    Function {
        command: Command::AgentBlackoutStart,
        name: "AGENTBLACKOUTSTART",
        summary: "Start a blackout of all calls and screens of an agent",
        ..AGENT_BLACKOUT
    },
    Function {
        command: Command::AgentBlackoutStop,
        name: "AGENTBLACKOUTSTOP",
        summary: "End a blackout of all calls and screens of an agent",
        ..AGENT_BLACKOUT
    },
    Function {
        command: Command::ImportUser,
        name: "IMPORTUSER",
        summary: "Add, change, delete or list users",
        params: optional![
            UserId EmployeeId FirstName LastName Status AddTime ModTime SysUser Domain Email CrmUser Password SiteId
            UserName Phones
        ],
        actions: &["ADD", "MODIFY", "DELETE", "LIST"],
        ..IMPORT
    },
    Function {
        command: Command::ImportAgentPhone,
        name: "IMPORTAGENTPHONE",
        summary: "Give a phone to an agent, or take it away",
        params: with![Required(PhoneId), OneOf(AGENT); FirstName LastName],
        actions: &["ADD", "DELETE"],
        ..IMPORT
    },
    Function {
        command: Command::ImportWorkstation,
        name: "IMPORTWORKSTATION",
        summary: "Tie a station to a device",
        params: &[Required(DeviceId), Required(StationName), Required(LocationId)],
        repeatable: true,
        ..IMPORT
    },
    Function {
        command: Command::Export,
        name: "EXPORT",
        summary: "Fetch one recording",
        params: with![Required(UniqueField), Required(UniqueId), Required(MediaFormat); Encrypt Password],
        ..MEDIA
    },
    Function {
        command: Command::CombinedExport,
        name: "COMBINEDEXPORT",
        summary: "Fetch several recordings as one",
        params: &[Required(Ident), Required(MediaFormat)],
        ..MEDIA
    },
    Function {
        command: Command::MultiExport,
        name: "MULTIEXPORT",
        summary: "Fetch several recordings in a ZIP",
        params: &[Required(Ident), Required(MediaFormat)],
        ..MEDIA
    },
    Function {
        command: Command::AddGroup,
        name: "ADDGROUP",
        summary: "Add a QA group",
        params: &[Required(GroupName)],
        repeatable: true,
        ..ROLES
    },
    Function {
        command: Command::ModifyGroupPermission,
        name: "MODIFYGROUPPERMISSION",
        summary: "Put an agent's device into a QA group, or take it out",
        params: with![
            OneOf(&[PhoneId, DeviceId]), OneOf(&[GroupName, GroupId]), OneOf(AGENT); FirstName LastName
        ],
        actions: &["ADD", "DELETE"],
        ..ROLES
    },
    Function {
        command: Command::ModifyRole,
        name: "MODIFYROLE",
        summary: "Add, change or delete a role",
        params: with![Required(RoleName); Description],
        actions: &["ADD", "MODIFY", "DELETE"],
        ..ROLES
    },
    Function {
        command: Command::ModifyRoleGroupPermission,
        name: "MODIFYROLEGROUPPERMISSION",
        summary: "Let a role see a QA group, or no longer",
        params: &[ROLE, Required(GroupName)],
        actions: &["ADD", "DELETE"],
        ..ROLES
    },
    Function {
        command: Command::ModifyUserRole,
        name: "MODIFYUSERROLE",
        summary: "Give a user a role, or take it away",
        params: &[ROLE, OneOf(&[UserId, LastName, FirstName, SystemUserName, UserName])],
        actions: &["ADD", "MODIFY", "DELETE"],
        ..ROLES
    },
    Function {
        command: Command::ModifyRolePermission,
        name: "MODIFYROLEPERMISSION",
        summary: "Give a role a permission, or take it away",
        params: &[ROLE, Required(PermissionName)],
        actions: &["ADD", "DELETE"],
        ..ROLES
    },
    Function {
        command: Command::Email,
        name: "EMAIL",
        summary: "Mail recordings",
        family: Family::Role,
        params: &[Required(Ident), Required(ToAddress), Required(MediaFormat)],
        scope: Scope::Here(Room::Mail),
        repeatable: false,
        ..MEDIA
    },
    Function {
        command: Command::CombinedEmail,
        name: "COMBINEDEMAIL",
        summary: "Mail several recordings as one",
        family: Family::Role,
        // MEDIA_FORMAT is ours: the reference does not say what it mails.
        params: with![
            Required(ToAddress), Required(ToName), Required(FromAddress), Required(FromName), Required(Ident),
            Required(UniqueId); MediaFormat
        ],
        scope: Scope::Here(Room::Mail),
        repeatable: false,
        ..MEDIA
    },
    // Not in the reference's list; other pages of the vendor's name it.
    Function {
        command: Command::Test,
        name: "TEST",
        family: Family::Status,
        summary: "Get the request's own parameters back",
        scope: Scope::Here(Room::Echo),
        repeatable: true,
        ..HERE
    },
];

/// The function of this name, without regard to case.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name.eq_ignore_ascii_case(name))
}

impl Command {
    /// This function's row.
    #[must_use]
    pub fn function(self) -> &'static Function {
        &FUNCTIONS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list, which is the reference's with TEST.
    const NAMES: &str = "CALLSTART CALLSTOP CALLUPDATE RECORDSTART RECORDSTOP DEVICELIST DEVICESTATUS \
        DEVICERECORDINGSTATUS SYSTEMSTATUS CHANNELS STATIONS FETCHTERMINOLOGY CALLLIST AGENTWINDOW CHATSTART CHATSTOP \
        CHATUPDATE BLACKOUTSTART BLACKOUTSTOP AGENTBLACKOUTSTART AGENTBLACKOUTSTOP IMPORTUSER IMPORTAGENTPHONE \
        IMPORTWORKSTATION EXPORT COMBINEDEXPORT MULTIEXPORT ADDGROUP MODIFYGROUPPERMISSION MODIFYROLE \
        MODIFYROLEGROUPPERMISSION MODIFYUSERROLE MODIFYROLEPERMISSION EMAIL COMBINEDEMAIL TEST";

    #[test]
    fn every_function_of_the_reference_has_one_row_in_its_place() {
        let names: Vec<_> = FUNCTIONS.iter().map(|f| f.name).collect();
        assert_eq!(names, NAMES.split_whitespace().collect::<Vec<_>>());
        for (place, row) in FUNCTIONS.iter().enumerate() {
            assert_eq!(row.command as usize, place, "{}", row.name);
            assert_eq!(function(&row.name.to_lowercase()).map(|f| f.command), Some(row.command));
        }
    }

    #[test]
    fn rows_make_sense() {
        for row in FUNCTIONS {
            let is_here = matches!(row.scope, Scope::Here(_));
            assert_eq!(is_here, row.policy == Policy::None, "{}: who answers it?", row.name);
            let needs_device = matches!(row.scope, Scope::Device | Scope::Agent);
            assert_eq!(needs_device, row.identifiers != Identifiers::None, "{}: which device?", row.name);
            assert!(!row.summary.is_empty() && !row.summary.ends_with('.'), "{}", row.name);
            assert!(row.actions.iter().all(|a| *a == a.to_uppercase()), "{}", row.name);
        }
    }

    #[test]
    fn what_protects_a_caller_goes_first() {
        let urgent: Vec<_> =
            FUNCTIONS.iter().filter(|f| f.priority == Urgency::Urgent).map(|f| f.name).collect();
        let expected =
            "CALLSTOP RECORDSTOP CHATSTOP BLACKOUTSTART BLACKOUTSTOP AGENTBLACKOUTSTART AGENTBLACKOUTSTOP";
        assert_eq!(urgent, expected.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_blackout_is_not_repeatable_because_its_time_counts_from_receipt() {
        for row in FUNCTIONS.iter().filter(|f| f.name.contains("BLACKOUT")) {
            assert!(!row.repeatable, "{}", row.name);
        }
    }
}
