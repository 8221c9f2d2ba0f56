//! DEVICELIST, DEVICESTATUS, DEVICERECORDINGSTATUS, CHANNELS.

use jiff::Timestamp;

use super::ask::Ask;
use super::sections::{date, device_with_call, device_with_recordings, section};
use super::{Answer, Answered};
use crate::command::Refusal;
use crate::cti::recorder::Phase;
use crate::cti::state::call::PhoneCall;
use crate::cti::state::device::Device;
use crate::protocol::param::Param;
use crate::protocol::write::{element, number};

pub fn devices(ask: &Ask<'_>) -> Answer {
    let devices = ask.state.devices().map(|device| (device, device.call(None)));
    Answer::elements(list(ask, &devices.collect::<Vec<_>>()))
}

pub fn status(ask: &Ask<'_>) -> Answered {
    let known = known(ask)?;
    let shown: Vec<_> = match ask.request.get(Param::CallId) {
        None => known.into_iter().map(|device| (device, device.call(None))).collect(),
        Some(id) => known.into_iter().filter_map(|device| with_call_id(device, id)).collect(),
    };
    if shown.is_empty() {
        return Err(ask.not_in_call());
    }
    Ok(Answer { message: "Found the following matching devices".into(), body: list(ask, &shown) })
}

/// A device with its last call of this CALLID, if there is one.
fn with_call_id<'s>(device: &'s Device, id: &str) -> Option<(&'s Device, Option<&'s PhoneCall>)> {
    let call = device.calls.iter().rfind(|call| call.call_id() == id)?;
    Some((device, Some(call)))
}

fn list(ask: &Ask<'_>, devices: &[(&Device, Option<&PhoneCall>)]) -> String {
    let mut body = String::new();
    section(&mut body, "DEVICES", |out| {
        count(out, devices.len());
        for (device, call) in devices {
            device_with_call(out, ask, device, *call);
        }
    });
    body
}

pub fn recordings(ask: &Ask<'_>) -> Answered {
    let known = known(ask)?;
    let found = if known.iter().any(|device| device.open().next().is_some()) { "Following" } else { "No" };
    let message = format!(
        "{found} active call instances found for specified deviceID, devicealias, crm_user or sys_user"
    );
    let mut body = String::new();
    for device in known {
        device_with_recordings(&mut body, ask, device);
    }
    Ok(Answer { message: message.into(), body })
}

/// The devices that are asked for. To show one, a core must have seen a call on it.
fn known<'s>(ask: &'s Ask<'_>) -> Result<Vec<&'s Device>, Refusal> {
    let known = ask.state.known(&ask.who());
    if known.is_empty() {
        return Err(Refusal::no_device());
    }
    Ok(known)
}

/// Where channels are counted, each that was ever used; else every device in a call has one of its own.
pub fn channels(ask: &Ask<'_>) -> Answer {
    let shown: Vec<_> = match ask.state.channels().most() {
        Some(_) => counted(ask),
        None => ask.state.devices().filter_map(|device| of_device(ask, device)).collect(),
    };
    let mut body = String::new();
    count(&mut body, shown.len());
    section(&mut body, "CHANNELS", |out| shown.iter().for_each(|channel| channel.write(out)));
    Answer::elements(body)
}

/// What is shown of one channel.
struct Shown<'s> {
    id: u32,
    state: &'static str,
    alias: &'s str,
    device: &'s str,
    since: Timestamp,
}

fn counted<'s>(ask: &'s Ask<'_>) -> Vec<Shown<'s>> {
    let shown = ask.state.channels().iter().zip(1..).map(|(channel, id)| {
        let device = ask.state.device(&channel.device);
        let mut takes = device.into_iter().flat_map(|device| &device.calls).flat_map(PhoneCall::takes);
        let take = takes.find(|take| take.id == channel.take).filter(|_| channel.is_busy(ask.now));
        Shown {
            id,
            state: take.map_or("Idle", |take| state(ask.booth.phase(take))),
            alias: device.map_or("", |device| device.name(Param::DeviceAlias)),
            device: &channel.device,
            since: channel.last_change(ask.now),
        }
    });
    shown.collect()
}

fn of_device<'s>(ask: &Ask<'_>, device: &'s Device) -> Option<Shown<'s>> {
    let since = device.busy_since()?;
    let on = device.open().flat_map(PhoneCall::takes).filter(|take| take.is_on(ask.now));
    let states = on.map(|take| state(ask.booth.phase(take)));
    Some(Shown {
        id: device.channel,
        // "Recording" comes behind the others in the alphabet: one recording is enough for it.
        state: states.max().unwrap_or("Idle"),
        alias: device.name(Param::DeviceAlias),
        device: &device.id,
        since,
    })
}

const fn state(phase: Option<Phase>) -> &'static str {
    match phase {
        Some(Phase::Preparing) => "PreparingToRecord",
        Some(Phase::Recording | Phase::Masked) => "Recording",
        Some(Phase::Ended(_)) | None => "Idle",
    }
}

impl Shown<'_> {
    fn write(&self, out: &mut String) {
        section(out, "CHANNEL", |out| {
            number(out, "ID", i64::from(self.id));
            element(out, "STATE", self.state);
            element(out, "PLAYBACKEXTENSION", "");
            element(out, "RECORDINGDEVICEALIAS", self.alias);
            element(out, "RECORDINGDEVICE", self.device);
            element(out, "LASTSTATECHANGE", &date(self.since));
            number(out, "LASTSTATECHANGEUNIXTIME", self.since.as_second());
        });
    }
}

fn count(out: &mut String, count: usize) {
    number(out, "COUNT", i64::try_from(count).unwrap_or(i64::MAX));
}
