//! The elements of the status functions, in the order in which the reference's examples have them.

use jiff::Timestamp;

use super::ask::Ask;
use crate::cti::record::key;
use crate::cti::recorder::Phase;
use crate::cti::state::call::{PhoneCall, Recording};
use crate::cti::state::device::Device;
use crate::protocol::param::Param;
use crate::protocol::write::{close, element, number, open};

/// Writes `<NAME>…</NAME>` with what `inside` writes.
pub fn section(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    open(out, name);
    inside(out);
    close(out, name);
}

/// A date as results have it: `2/1/2011 11:49:32 AM`. In UTC, so that several cores' dates can be compared.
pub fn date(time: Timestamp) -> String {
    time.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string()
}

/// The DEVICE section of DEVICELIST and DEVICESTATUS: a device with the one call that is shown of it.
pub fn device_with_call(out: &mut String, ask: &Ask<'_>, device: &Device, call: Option<&PhoneCall>) {
    section(out, "DEVICE", |out| {
        names(out, device);
        what_was_said(out, device, call);
        number(out, "COREIDENT", i64::from(ask.state.core().0));
        section(out, "RECORDING", |out| recording(out, ask, device, call));
    });
}

/// The DEVICE section of DEVICERECORDINGSTATUS: a device with all calls that are under way.
pub fn device_with_recordings(out: &mut String, ask: &Ask<'_>, device: &Device) {
    section(out, "DEVICE", |out| {
        names(out, device);
        number(out, "COREIDENT", i64::from(ask.state.core().0));
        for call in device.open() {
            section(out, "RECORDING", |out| {
                what_was_said(out, device, Some(call));
                recording(out, ask, device, Some(call));
                element(out, "STATUS", status(ask, call));
            });
        }
    });
}

fn status(ask: &Ask<'_>, call: &PhoneCall) -> &'static str {
    match call.recording(ask.now) {
        _ if !is_recorded(ask, call) => "stopped",
        Recording::On => "recording",
        Recording::Paused => "recordpaused",
        Recording::Ended => "stopped",
    }
}

/// Whether sound of a call, or the silence of a blackout, is being written.
fn is_recorded(ask: &Ask<'_>, call: &PhoneCall) -> bool {
    let is_written = |take| matches!(ask.booth.phase(take), Some(Phase::Recording | Phase::Masked));
    call.takes().any(|take| take.is_on(ask.now) && is_written(take))
}

fn names(out: &mut String, device: &Device) {
    element(out, "DEVICEID", &device.id);
    for param in [Param::DeviceAlias, Param::SysUser, Param::CrmUser] {
        element(out, param.name(), device.name(param));
    }
}

/// From GROUP to STOPTIME.
fn what_was_said(out: &mut String, device: &Device, call: Option<&PhoneCall>) {
    let value = |param| call.map_or("", |call| call.data.get(param));
    let head = [Param::Group, Param::Gate, Param::Ani, Param::Dnis];
    for param in head.into_iter().chain(Param::USERS).chain([Param::CallDirection]) {
        element(out, param.name(), value(param));
    }
    element(out, "ISTRUNK", call.map_or("", |call| call.data.named("ISTRUNK")));
    element(out, "STATION", device.name(Param::StationName));
    element(out, "STARTTIME", &call.map(|call| date(call.started)).unwrap_or_default());
    element(out, "STOPTIME", &call.and_then(|call| call.stopped).map(date).unwrap_or_default());
}

/// From ISRECORDING to CALLINSTANCE. A recording that is paused is a recording: it only holds silence.
fn recording(out: &mut String, ask: &Ask<'_>, device: &Device, call: Option<&PhoneCall>) {
    let is_recording = call.is_some_and(|call| is_recorded(ask, call));
    element(out, "ISRECORDING", if is_recording { "Y" } else { "N" });
    element(out, "ISRECORDINGVIDEO", "N");
    element(out, "FILENAME", &call.map(|call| file_name(ask, device, call)).unwrap_or_default());
    element(out, "CALLID", call.map_or("", PhoneCall::call_id));
    element(out, "SESSIONID", "");
    element(out, "CALLINSTANCE", call.map_or("", |call| &call.instance));
}

/// The key of a call's sound in the store of recordings: of the whole call, else of its last part.
fn file_name(ask: &Ask<'_>, device: &Device, call: &PhoneCall) -> String {
    if !ask.booth.records() {
        return vendors_name(device, call);
    }
    let take = call.whole.as_ref().or(call.partials.last());
    take.map(|take| key(&device.id, take)).unwrap_or_default()
}

/// Where the vendor's recorder would put it: `C:\Recordings\20110131\DESK1\DESK1-17-03-14.wav`.
fn vendors_name(device: &Device, call: &PhoneCall) -> String {
    let alias = device.name(Param::DeviceAlias);
    let name = if alias.is_empty() { &*device.id } else { alias };
    let is_safe = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | ' ');
    let name: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let (day, time) = (call.started.strftime("%Y%m%d"), call.started.strftime("%H-%M-%S"));
    format!(r"C:\Recordings\{day}\{name}\{name}-{time}.wav")
}
