//! ADD_TIME and MOD_TIME, "Date/time offset": `10/30/2006 4:05:38 PM -05:00`.

use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};

use crate::directory::entity::Stamp;

/// The form of the reference's example.
const FORM: &str = "%-m/%-d/%Y %-I:%M:%S %p %:z";
/// What we take: that form, the same without an offset, and what machines write.
const FORMS: [&str; 4] = [FORM, "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M:%S%.fZ"];

/// The moment that a text names; without an offset it is taken as UTC.
pub(super) fn read(text: &str) -> Option<Stamp> {
    let time = FORMS.iter().find_map(|form| BrokenDownTime::parse(form, text).ok())?;
    let offset = time.offset().unwrap_or(Offset::UTC);
    let moment = offset.to_timestamp(time.to_datetime().ok()?).ok()?;
    Some(Stamp { seconds: moment.as_second(), offset: offset.seconds().into() })
}

/// A moment in the form of the reference; nothing for one that no calendar has.
pub(super) fn write(stamp: Stamp) -> String {
    try_write(stamp).unwrap_or_default()
}

fn try_write(stamp: Stamp) -> Option<String> {
    let offset = Offset::from_seconds(stamp.offset.try_into().ok()?).ok()?;
    let moment = ZonedDateTime::new(Timestamp::from_second(stamp.seconds).ok()?, TimeZone::fixed(offset));
    strtime::format(FORM, &moment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_times_come_back_as_they_were() {
        for text in
            ["10/30/2006 4:05:38 PM -05:00", "3/27/2008 12:34:43 AM +05:30", "1/1/2024 12:00:00 PM +00:00"]
        {
            assert_eq!(read(text).map(write).as_deref(), Some(text));
        }
        assert_eq!(
            read("10/30/2006 4:05:38 PM -05:00"),
            Some(Stamp { seconds: 1_162_242_338, offset: -18_000 })
        );
    }

    #[test]
    fn other_forms_name_the_same_moment() {
        for text in ["10/30/2006 9:05:38 PM", "10/30/2006 09:05:38 pm +00:00", "2006-10-30T21:05:38Z"] {
            assert_eq!(read(text), Some(Stamp { seconds: 1_162_242_338, offset: 0 }), "{text}");
        }
        assert_eq!(read("2006-10-30T16:05:38-05:00").map(|stamp| stamp.seconds), Some(1_162_242_338));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "soon", "13/30/2006 4:05:38 PM -05:00", "2/30/2006 4:05:38 PM", "10/30/2006 14:05:38 PM"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(write(Stamp { seconds: i64::MAX, offset: 0 }), "");
        assert_eq!(write(Stamp { seconds: 0, offset: i64::MAX }), "");
    }
}
