//! Rules of the configuration: which devices belong to which cores.

use crate::model::CoreId;
pub use crate::model::Pattern;

/// Devices and their owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The devices.
    pub devices: Pattern,
    /// Their owners.
    pub owners: Owners,
}

/// Whom a rule makes owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owners {
    /// These, at least one, sorted.
    Cores(Vec<CoreId>),
    /// All that stand at a site.
    Site(String),
}

/// What becomes of a device that nothing owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownDevice {
    /// It is sent to all cores: the one that knows it will answer.
    #[default]
    Broadcast,
    /// It is refused with API_DEVICE_INVALID.
    Reject,
}
