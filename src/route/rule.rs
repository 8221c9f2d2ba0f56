//! Rules of the configuration: which devices belong to which cores.

use crate::model::CoreIndex;
pub use crate::model::Pattern;

/// Devices and their owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The devices.
    pub devices: Pattern,
    /// Their owners, sorted; from the rule's `cores`, or all cores of its `site`.
    pub owners: Vec<CoreIndex>,
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
