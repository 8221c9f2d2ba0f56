//! What a call is to be done with.

use smallvec::SmallVec;

use crate::command::{Policy, Room};
use crate::model::{CoreId, CoreIndex};
use crate::protocol::write::digits;

/// Cores of one plan, as they are configured.
pub type Cores = SmallVec<[Owner; 8]>;

/// A core that is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Its number.
    pub id: CoreId,
    /// Where it stands among the configured cores; `None` if the directory names a core that this proxy does not
    /// know. It is an owner all the same, and one that cannot confirm.
    pub at: Option<CoreIndex>,
}

/// What a call is to be done with.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// It goes to cores.
    Cores(Plan),
    /// It is answered here.
    Here(Room),
}

/// One leg of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// The core.
    pub core: Owner,
    /// The place in [`Plan::devices`] of the device that the core is told of; `None` if the request goes as it
    /// came.
    pub device: Option<u32>,
}

/// Which cores get a call, and what their outcomes add up to.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The legs: sorted by core, or for [`Policy::First`] in the order in which they are tried.
    pub legs: SmallVec<[Aim; 8]>,
    /// The DEVICEIDs that the directory found for what the request names otherwise.
    pub devices: SmallVec<[Box<str>; 1]>,
    /// How outcomes become a verdict.
    pub policy: Policy,
    /// Why these cores.
    pub because: Because,
}

/// Why a plan has the cores it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The device has a row of its own in the directory, with its cores.
    Device,
    /// The rule at this place of the configuration names them.
    Rule(usize),
    /// They stand at the device's site.
    Site,
    /// They own one of the agent's devices; which one the command is about is theirs to know.
    Phones,
    /// They own the agent's devices, all of which are meant.
    Agent,
    /// Nothing owns the device, so all are asked.
    UnknownDevice,
    /// The function is for all cores.
    EveryCore,
    /// COREIDENT names the one.
    CoreIdent,
    /// The hash of SESSIONID puts them in this order.
    Session,
}

impl Plan {
    /// Every core of `cores` gets the request under the name of this device, or as it came.
    pub(super) fn of(cores: &[Owner], device: Option<&str>, policy: Policy, because: Because) -> Self {
        let devices = device.into_iter().map(Box::from).collect();
        let device = device.map(|_| 0);
        Self {
            legs: cores.iter().map(|core| Aim { core: *core, device }).collect(),
            devices,
            policy,
            because,
        }
    }

    /// The DEVICEID that a leg carries, where the directory found one.
    #[must_use]
    pub fn device(&self, leg: Aim) -> Option<&str> {
        self.device_at(leg.device)
    }

    /// The DEVICEID at a place among those that the directory found.
    #[must_use]
    pub fn device_at(&self, place: Option<u32>) -> Option<&str> {
        self.devices.get(usize::try_from(place?).ok()?).map(|device| &**device)
    }

    /// One more DEVICEID that the directory found: its place.
    pub(super) fn add_device(&mut self, id: &str) -> Option<u32> {
        self.devices.push(id.into());
        u32::try_from(self.devices.len() - 1).ok()
    }

    /// Whether these cores are asked without knowing which of them is meant: then a core that says "not mine" is
    /// no failure.
    #[must_use]
    pub const fn forgives_strangers(&self) -> bool {
        matches!(self.because, Because::UnknownDevice | Because::Phones)
    }

    /// Whether "not mine" from this core is no failure: where nobody knows which core is meant, and where an agent is
    /// named to a core that has none of its devices, for the screens that it may record.
    #[must_use]
    pub fn forgives(&self, core: CoreId) -> bool {
        let has_device = || self.legs.iter().any(|leg| leg.core.id == core && leg.device.is_some());
        self.forgives_strangers()
            || self.because == Because::Agent && !self.devices.is_empty() && !has_device()
    }

    /// Whether several legs may go to one core.
    #[must_use]
    pub const fn repeats_cores(&self) -> bool {
        matches!(self.because, Because::Agent)
    }

    /// The cores, each once.
    #[must_use]
    pub fn cores(&self) -> Vec<CoreId> {
        let mut cores: Vec<_> = self.legs.iter().map(|leg| leg.core.id).collect();
        if self.policy != Policy::First {
            cores.sort_unstable();
            cores.dedup();
        }
        cores
    }
}

/// The numbers of some cores as messages write them: `1,2,3`.
#[must_use]
pub fn list(cores: &[CoreId]) -> String {
    let mut list = String::with_capacity(cores.len() * 3);
    write_list(&mut list, cores.iter().copied());
    list
}

/// The same, behind something.
pub fn write_list(out: &mut String, cores: impl IntoIterator<Item = CoreId>) {
    let mut comma = "";
    for core in cores {
        out.push_str(comma);
        digits(out, core.0.into());
        comma = ",";
    }
}
