//! What files are called where they are saved.

use crate::protocol::param::Param;
use crate::records::Record;

/// As much of a device's name as a file's name takes, in characters.
const LONGEST: usize = 64;

/// A name for a recording without its ending: device and time, in letters that every system takes.
pub(super) fn stem(record: &Record) -> String {
    let device = record.said.get(&Param::DeviceId).map_or("", String::as_str);
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let device: String = device.trim().chars().take(LONGEST).map(safe).collect();
    let device = if device.is_empty() { "recording" } else { &device };
    format!("{device}-{}", record.started.strftime("%Y%m%dT%H%M%SZ"))
}

/// A name for several: that of the first, and how many more there are.
pub(super) fn joint_stem(records: &[Record]) -> String {
    match records {
        [] => "recordings".into(),
        [only] => stem(only),
        [first, rest @ ..] => format!("{}-and-{}-more", stem(first), rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tests::record;

    #[test]
    fn a_name_is_made_of_device_and_time() {
        let mut of = record(1, "x");
        assert_eq!(stem(&of), "7001-20261125T030405Z");
        assert_eq!(joint_stem(&[of.clone(), of.clone(), of.clone()]), "7001-20261125T030405Z-and-2-more");
        of.said.insert(Param::DeviceId, "../ü\"\r\n7".into());
        assert_eq!(stem(&of), "_______7-20261125T030405Z");
        of.said.insert(Param::DeviceId, "x".repeat(500));
        assert_eq!(stem(&of).len(), LONGEST + 17);
        of.said.remove(&Param::DeviceId);
        assert_eq!(stem(&of), "recording-20261125T030405Z");
    }
}
