//! The words of the command table.

use crate::protocol::param::Param;

/// A function's place in the [table](super::FUNCTIONS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the reference's own")]
pub enum Command {
    CallStart,
    CallStop,
    CallUpdate,
    RecordStart,
    RecordStop,
    DeviceList,
    DeviceStatus,
    DeviceRecordingStatus,
    SystemStatus,
    Channels,
    Stations,
    FetchTerminology,
    CallList,
    AgentWindow,
    ChatStart,
    ChatStop,
    ChatUpdate,
    BlackoutStart,
    BlackoutStop,
    AgentBlackoutStart,
    AgentBlackoutStop,
    ImportUser,
    ImportAgentPhone,
    ImportWorkstation,
    Export,
    CombinedExport,
    MultiExport,
    AddGroup,
    ModifyGroupPermission,
    ModifyRole,
    ModifyRoleGroupPermission,
    ModifyUserRole,
    ModifyRolePermission,
    Email,
    CombinedEmail,
    Test,
}

/// The reference's chapter that a function stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// "Call Handling Functions".
    Call,
    /// "Status Functions".
    Status,
    /// "Recording Control Functions".
    Recording,
    /// "Import Functions".
    Import,
    /// "Export Functions".
    Export,
    /// "User, Group, and Role Functions".
    Role,
}

impl Family {
    /// The chapter's name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Call => "Call Handling Functions",
            Self::Status => "Status Functions",
            Self::Recording => "Recording Control Functions",
            Self::Import => "Import Functions",
            Self::Export => "Export Functions",
            Self::Role => "User, Group, and Role Functions",
        }
    }
}

/// A parameter and whether it must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be there and not blank.
    Required(Param),
    /// At least one of these must be there and not blank.
    OneOf(&'static [Param]),
    /// It may be there.
    Optional(Param),
}

/// How a function says which device or agent it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifiers {
    /// It means none.
    None,
    /// One or more of these; DEVICEID counts first.
    AtLeastOne(&'static [Param]),
    /// Exactly one of these.
    ExactlyOne(&'static [Param]),
}

impl Identifiers {
    /// The parameters.
    #[must_use]
    pub const fn params(self) -> &'static [Param] {
        match self {
            Self::None => &[],
            Self::AtLeastOne(params) | Self::ExactlyOne(params) => params,
        }
    }
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The owners of the device.
    Device,
    /// The owners of all devices of the agent.
    Agent,
    /// One core for the chat session, chosen by hash.
    Session,
    /// All cores, or the one that COREIDENT names.
    AllCores,
    /// Answered here.
    Here(Room),
}

/// What answers the functions that need no core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// The proxy itself.
    Echo,
    /// The directory database.
    Directory,
    /// The call records.
    Records,
    /// The recordings.
    Media,
    /// The recordings and a mail server.
    Mail,
}

/// How outcomes add up to a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Every owner must confirm.
    All,
    /// One core after the other, and the next one only if nothing was sent.
    First,
    /// Any core's confirmation is enough: only one knows the session.
    Any,
    /// The cores' data is put together.
    Merge(Merge),
    /// No legs.
    None,
}

/// How the data of several cores becomes one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// All DEVICE sections of all cores.
    Devices,
    /// The one DEVICE section that is active, else the most recently active.
    ActiveDevice,
    /// All RECORDING sections of all cores.
    Recordings,
    /// All CHANNEL sections of all cores.
    Channels,
    /// The lowest core's flat fields, and a CORES section with each core's.
    System,
    /// The first core that knows the agent.
    FirstKnown,
}

/// What goes first where there is not room for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Blackouts and stops: a late one leaks a card number or records too much.
    Urgent,
    /// Calls.
    Normal,
    /// Status, media and administration.
    Background,
}

impl Urgency {
    /// Of `room` for all, how much there is for this: blackouts and stops have a quarter more, kept for them.
    #[must_use]
    pub const fn room(self, room: usize) -> usize {
        match self {
            Self::Urgent => room.saturating_add(room.div_ceil(4)),
            Self::Normal | Self::Background => room,
        }
    }
}

/// One function of the reference: everything that parsing, routing, help and docs need to know of it.
#[derive(Debug)]
pub struct Function {
    /// Which one.
    pub command: Command,
    /// Its name in TYPE.
    pub name: &'static str,
    /// The reference's chapter.
    pub family: Family,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Which device or agent it means.
    pub identifiers: Identifiers,
    /// Its parameters besides TYPE, REQUESTID and the identifiers.
    pub params: &'static [Need],
    /// Its values of ACTION, in upper case; empty if it has none.
    pub actions: &'static [&'static str],
    /// Where it goes.
    pub scope: Scope,
    /// What the outcomes add up to.
    pub policy: Policy,
    /// What it yields to.
    pub priority: Urgency,
    /// Whether doing it twice is the same as doing it once.
    pub repeatable: bool,
}

impl Function {
    /// Whether it has this parameter, besides its identifiers.
    #[must_use]
    pub fn takes(&self, param: Param) -> bool {
        self.params.iter().any(|need| match need {
            Need::Required(one) | Need::Optional(one) => *one == param,
            Need::OneOf(several) => several.contains(&param),
        })
    }

    /// Whether it begins something at a core: what a drained core is spared.
    #[must_use]
    pub const fn begins(&self) -> bool {
        matches!(self.command, Command::CallStart | Command::RecordStart | Command::ChatStart)
    }

    /// Whether it starts a blackout.
    #[must_use]
    pub const fn starts_blackout(&self) -> bool {
        matches!(self.command, Command::BlackoutStart | Command::AgentBlackoutStart)
    }

    /// Whether it starts or stops a blackout.
    #[must_use]
    pub const fn is_blackout(&self) -> bool {
        use Command::{AgentBlackoutStart, AgentBlackoutStop, BlackoutStart, BlackoutStop};
        matches!(self.command, BlackoutStart | BlackoutStop | AgentBlackoutStart | AgentBlackoutStop)
    }
}
