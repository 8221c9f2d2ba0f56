//! The data of several cores in one answer, in the documented form.

use std::collections::HashMap;

use jiff::civil::DateTime;

use super::tally::{Ended, Tally};
use crate::command::Merge;
use crate::model::CoreId;
use crate::protocol::fields::{Field, Fields};
use crate::protocol::markup::children;
use crate::protocol::param::Param;
use crate::protocol::write::{close, element, number, open};
use crate::protocol::xml::{RESULT_BOUNDS, read};

/// How results write a point in time.
const TIME: &str = "%m/%d/%Y %I:%M:%S %p";

/// What cores answered, read.
pub(super) struct Data {
    replies: Vec<(CoreId, Fields)>,
    /// Cores that confirmed with a reply that cannot be read.
    pub unread: Vec<CoreId>,
}

/// What each core said of itself, for the CORES section.
pub(super) type PerCore = Vec<(CoreId, String)>;

impl Data {
    /// Reads the replies of cores that confirmed, the lowest core's first. A reply that cannot be read to its end is
    /// as good as none: its core becomes a missing one.
    pub fn read(tally: &mut Tally<'_>) -> Self {
        let (mut replies, mut unread) = (Vec::with_capacity(tally.confirmed.len()), Vec::new());
        tally.confirmed.retain(|leg| {
            if let Some(fields) = fields(leg) {
                replies.push((leg.core, fields));
                return true;
            }
            tally.missing.push(leg);
            unread.push(leg.core);
            false
        });
        tally.missing.sort_by_key(|leg| leg.core);
        Self { replies, unread }
    }

    /// The lowest core's RESULTMSG.
    pub fn message(&self) -> String {
        let message = self.replies.first().and_then(|(_, fields)| fields.get(Param::ResultMessage));
        message.unwrap_or("API_OK").to_owned()
    }

    /// The elements behind RESULTMSG, and for [`Merge::System`] over several cores each one's own.
    pub fn merge(&self, how: Merge) -> (String, Option<PerCore>) {
        let mut body = String::new();
        match how {
            Merge::Devices => counted_devices(&mut body, &self.sections("DEVICES", "DEVICE")),
            Merge::ActiveDevice => {
                counted_devices(&mut body, &most_active(self.sections("DEVICES", "DEVICE")))
            }
            Merge::Recordings => {
                self.sections("DEVICES", "DEVICE").iter().for_each(|device| body.push_str(device))
            }
            Merge::Channels => counted_channels(&mut body, &self.sections("CHANNELS", "CHANNEL")),
            Merge::FirstKnown => body = self.flat(0),
            Merge::System => return self.system(),
        }
        (body, None)
    }

    /// Every `<inner>` of every core, whether it stands in an `<outer>` or by itself.
    fn sections(&self, outer: &str, inner: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for field in self.replies.iter().flat_map(|(_, fields)| fields.iter()) {
            let Some(markup) = field.markup else { continue };
            if field.name == inner {
                found.push(markup);
            } else if field.name == outer {
                found.extend(
                    children(markup).into_iter().filter(|(name, _)| *name == inner).map(|(_, all)| all),
                );
            }
        }
        found
    }

    /// One core's elements behind RESULTMSG as they are.
    fn flat(&self, reply: usize) -> String {
        let mut out = String::new();
        let fields = self.replies.get(reply).map(|(_, fields)| fields);
        for field in fields.into_iter().flat_map(Fields::iter).filter(|field| !is_head(field)) {
            match field.markup {
                Some(markup) => out.push_str(markup),
                None => element(&mut out, field.name, field.value),
            }
        }
        out
    }

    /// The lowest core's flat fields, and with several cores all of them one by one.
    fn system(&self) -> (String, Option<PerCore>) {
        let flat: PerCore =
            self.replies.iter().enumerate().map(|(n, (core, _))| (*core, self.flat(n))).collect();
        let lowest =
            flat.iter().min_by_key(|(core, _)| *core).map(|(_, flat)| flat.clone()).unwrap_or_default();
        (lowest, (flat.len() > 1).then_some(flat))
    }
}

fn fields(leg: &Ended) -> Option<Fields> {
    read(leg.end.reply.as_ref()?, "RESULT", RESULT_BOUNDS).ok()
}

/// The five elements that every RESULT has.
fn is_head(field: &Field<'_>) -> bool {
    use Param::{RequestId, ResultCode, ResultMessage, ResultType, Type};
    matches!(field.param, Some(Type | RequestId | ResultType | ResultCode | ResultMessage))
}

fn counted_devices(body: &mut String, devices: &[&str]) {
    open(body, "DEVICES");
    count(body, devices);
    close(body, "DEVICES");
}

/// CHANNELS counts outside of the list that it counts: so does the reference.
fn counted_channels(body: &mut String, channels: &[&str]) {
    number(body, "COUNT", i64::try_from(channels.len()).unwrap_or(i64::MAX));
    open(body, "CHANNELS");
    channels.iter().for_each(|channel| body.push_str(channel));
    close(body, "CHANNELS");
}

fn count(body: &mut String, sections: &[&str]) {
    number(body, "COUNT", i64::try_from(sections.len()).unwrap_or(i64::MAX));
    sections.iter().for_each(|section| body.push_str(section));
}

/// Of each device the one section that is in a call, else the one that was last.
fn most_active(sections: Vec<&str>) -> Vec<&str> {
    let mut best: Vec<(Activity, &str)> = Vec::new();
    let mut places = HashMap::new();
    for section in sections {
        let activity = Activity::of(section);
        let place = *places.entry(text(section, "DEVICEID")).or_insert(best.len());
        match best.get_mut(place) {
            Some(known) if known.0 < activity => *known = (activity, section),
            Some(_) => {}
            None => best.push((activity, section)),
        }
    }
    best.into_iter().map(|(_, section)| section).collect()
}

/// How recently a device was in a call: a call under way before any that has ended, then the later one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Activity {
    is_active: bool,
    last: Option<DateTime>,
}

impl Activity {
    fn of(section: &str) -> Self {
        let (start, stop) = (time(section, "STARTTIME"), time(section, "STOPTIME"));
        Self { is_active: start.is_some() && stop.is_none(), last: stop.or(start) }
    }
}

fn time(section: &str, name: &str) -> Option<DateTime> {
    DateTime::strptime(TIME, text(section, name)).ok()
}

/// The text of an element right inside a section.
fn text(section: &str, name: &str) -> String {
    let element = children(section).into_iter().find(|(n, _)| *n == name).map_or("", |(_, all)| all);
    let inner =
        element.split_once('>').and_then(|(_, rest)| rest.rsplit_once('<')).map_or("", |(inner, _)| inner);
    inner.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{LegEnd, Outcome};

    const HEAD: &str = "<RESULT><REQUESTTYPE>X</REQUESTTYPE><REQUESTID>1</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE>\
                        <RESULTCODE>20</RESULTCODE><RESULTMSG>fine</RESULTMSG>";

    fn merged(how: Merge, bodies: &[&str]) -> (String, Option<PerCore>) {
        let ended: Vec<_> = (0..)
            .zip(bodies)
            .map(|(core, body)| {
                let reply = Some(format!("{HEAD}{body}</RESULT>").into());
                let end = LegEnd { outcome: Outcome::Ok, reply, elapsed: Duration::ZERO, sent: None };
                Ended { core: CoreId(core), device: None, chain: 0, is_earlier: false, end }
            })
            .collect();
        let data = Data::read(&mut Tally::of(&ended, |_, _| false));
        assert_eq!(data.message(), "fine");
        data.merge(how)
    }

    fn device(id: &str, start: &str, stop: &str) -> String {
        format!(
            "<DEVICE><DEVICEID>{id}</DEVICEID><STARTTIME>{start}</STARTTIME><STOPTIME>{stop}</STOPTIME></DEVICE>"
        )
    }

    #[test]
    fn devices_of_all_cores_are_counted_together() {
        let (a, b) = (device("1", "", ""), device("2", "", ""));
        let one = format!("<DEVICES><COUNT>1</COUNT>{a}</DEVICES>");
        let two = format!("\r\n<DEVICES>\r\n<COUNT>1</COUNT>\r\n{b}</DEVICES>");
        let (body, _) = merged(Merge::Devices, &[&one, "<DEVICES><COUNT>0</COUNT></DEVICES>", &two]);
        assert_eq!(body, format!("<DEVICES><COUNT>2</COUNT>{a}{b}</DEVICES>"));
    }

    #[test]
    fn of_a_device_the_active_call_counts_else_the_latest() {
        let old = device("7", "2/1/2011 9:00:00 AM", "2/1/2011 12:30:00 PM");
        let late = device("7", "2/1/2011 11:49:32 AM", "2/1/2011 1:00:00 PM");
        let active = device("7", "1/31/2011 8:00:00 AM", "");
        let other = device("8", "", "");
        let list = |devices: &[&String]| {
            let all: String = devices.iter().map(|d| d.as_str()).collect();
            format!("<DEVICES><COUNT>{}</COUNT>{all}</DEVICES>", devices.len())
        };
        for (cores, expected) in [
            (vec![&old, &late], vec![&late]),
            (vec![&late, &old], vec![&late]),
            (vec![&late, &active, &old], vec![&active]),
            (vec![&old, &other], vec![&old, &other]),
        ] {
            let bodies: Vec<_> = cores.iter().map(|d| list(&[d])).collect();
            let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
            assert_eq!(merged(Merge::ActiveDevice, &bodies).0, list(&expected));
        }
    }

    #[test]
    fn recordings_keep_their_devices_and_channels_their_count() {
        let device = "<DEVICE><COREIDENT>8</COREIDENT><RECORDING><ANI>1 &amp; 2</ANI></RECORDING></DEVICE>";
        assert_eq!(merged(Merge::Recordings, &[device, "", device]).0, device.repeat(2));
        let channel = "<CHANNEL><ID>1</ID></CHANNEL>";
        let one = format!("<COUNT>1</COUNT><CHANNELS>{channel}</CHANNELS>");
        let expected = format!("<COUNT>2</COUNT><CHANNELS>{}</CHANNELS>", channel.repeat(2));
        assert_eq!(merged(Merge::Channels, &[&one, &one]).0, expected);
    }

    #[test]
    fn one_core_keeps_the_flat_form_and_several_get_sections_too() {
        let (a, b) = ("<RAM>1 &lt; 2</RAM><P0><MHZ>5</MHZ></P0>", "<RAM>2</RAM>");
        assert_eq!(merged(Merge::System, &[a]), (a.into(), None));
        let (flat, per_core) = merged(Merge::System, &[a, b]);
        assert_eq!(flat, a);
        assert_eq!(per_core, Some(vec![(CoreId(0), a.into()), (CoreId(1), b.into())]));
    }
}
