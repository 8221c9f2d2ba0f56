//! DEVICELIST, DEVICESTATUS, DEVICERECORDINGSTATUS, CHANNELS.

use jiff::Timestamp;

use super::ask::Ask;
use super::sections::{date, device_with_call, device_with_recordings, section};
use super::{Answer, Answered};
use crate::command::Refusal;
use crate::cti::state::call::PhoneCall;
use crate::cti::state::device::Device;
use crate::protocol::param::Param;
use crate::protocol::result::number;
use crate::protocol::write::element;

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
            device_with_call(out, device, *call, ask.state.core());
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
        device_with_recordings(&mut body, device, ask.state.core(), ask.now);
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

pub fn channels(ask: &Ask<'_>) -> Answer {
    let busy: Vec<_> = ask.state.devices().filter_map(|d| Some((d, d.busy_since()?))).collect();
    let mut body = String::new();
    count(&mut body, busy.len());
    section(&mut body, "CHANNELS", |out| {
        for (device, since) in busy {
            channel(out, device, since);
        }
    });
    Answer::elements(body)
}

fn channel(out: &mut String, device: &Device, since: Timestamp) {
    section(out, "CHANNEL", |out| {
        number(out, "ID", i64::from(device.channel));
        element(out, "STATE", "Recording");
        element(out, "PLAYBACKEXTENSION", "");
        element(out, "RECORDINGDEVICEALIAS", device.name(Param::DeviceAlias));
        element(out, "RECORDINGDEVICE", &device.id);
        element(out, "LASTSTATECHANGE", &date(since));
        number(out, "LASTSTATECHANGEUNIXTIME", since.as_second());
    });
}

fn count(out: &mut String, count: usize) {
    number(out, "COUNT", i64::try_from(count).unwrap_or(i64::MAX));
}
