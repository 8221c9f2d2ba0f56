//! A core's memory as it stands at one moment: for tests, and as JSON at the control address.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::state::State;
use super::state::blackout::{Blackouts, Reach};
use super::state::call::{PhoneCall, Recording};
use super::state::device::Device;
use super::state::names::NAMES;
use crate::model::CoreId;

/// Everything that a core remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Whose memory it is.
    pub core: CoreId,
    /// When it stood so.
    #[serde(serialize_with = "text")]
    pub now: Timestamp,
    /// Every device that ever was in a call, in the order of their DEVICEIDs.
    pub devices: Vec<DeviceView>,
    /// Every chat session that is being recorded.
    pub chats: Vec<ChatView>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// DEVICEID.
    pub id: String,
    /// What else it goes by, with the parameter that says so: `("SYS_USER", "jsmith")`.
    pub names: Vec<(&'static str, String)>,
    /// The calls that are remembered, in the order in which they began.
    pub calls: Vec<CallView>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallView {
    /// CALLINSTANCE.
    pub instance: String,
    /// When it began.
    #[serde(serialize_with = "text")]
    pub started: Timestamp,
    /// When it ended, if it has.
    #[serde(serialize_with = "text_or_null")]
    pub stopped: Option<Timestamp>,
    /// Whether it is under way.
    pub open: bool,
    /// Whether its recording is silenced at this moment.
    pub paused: bool,
    /// Whether a partial recording, begun by RECORDSTART, is on.
    pub recording_partly: bool,
    /// How many partial recordings there were.
    pub partial_recordings: usize,
    /// The blackouts, in the order in which they were started.
    pub blackouts: Vec<BlackoutView>,
    /// Every parameter that was given and not blank, in the order of their names.
    pub data: Vec<(String, String)>,
}

/// One blackout of a call or a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BlackoutView {
    /// What it was asked for.
    pub reach: Reach,
    /// When it began.
    #[serde(serialize_with = "text")]
    pub start: Timestamp,
    /// When it ended, or will end if no stop arrives.
    #[serde(serialize_with = "text")]
    pub end: Timestamp,
    /// Whether a stop arrived.
    pub stopped: bool,
    /// Whether it is on at this moment.
    pub on: bool,
}

/// One chat session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChatView {
    /// SESSIONID.
    pub session: String,
    /// When it began.
    #[serde(serialize_with = "text")]
    pub started: Timestamp,
    /// The blackouts of its agent.
    pub blackouts: Vec<BlackoutView>,
    /// Every parameter that was given and not blank.
    pub data: Vec<(String, String)>,
}

impl Snapshot {
    /// The memory as it stands now.
    #[must_use]
    pub fn of(state: &State, now: Timestamp) -> Self {
        let chats = state.chats().map(|(session, chat)| ChatView {
            session: session.into(),
            started: chat.started,
            blackouts: blackouts(&chat.blackouts, now),
            data: pairs(chat.data.iter()),
        });
        let devices = state.devices().map(|device| DeviceView::of(device, now));
        Self { core: state.core(), now, devices: devices.collect(), chats: chats.collect() }
    }

    /// The device with this DEVICEID.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<&DeviceView> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// The last call of this device and instance; of any instance, if none is given.
    #[must_use]
    pub fn call(&self, device: &str, instance: Option<&str>) -> Option<&CallView> {
        let is_meant = |call: &&CallView| instance.is_none_or(|i| i == call.instance);
        self.device(device)?.calls.iter().rev().find(is_meant)
    }

    /// The chat session with this SESSIONID.
    #[must_use]
    pub fn chat(&self, session: &str) -> Option<&ChatView> {
        self.chats.iter().find(|chat| chat.session == session)
    }
}

impl CallView {
    /// The value of a parameter, by the reference's name for it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.data.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn of(call: &PhoneCall, now: Timestamp) -> Self {
        Self {
            instance: call.instance.as_ref().into(),
            started: call.started,
            stopped: call.stopped,
            open: call.is_open(),
            paused: call.recording(now) == Recording::Paused,
            recording_partly: call.partials.last().is_some_and(|partial| partial.stopped.is_none()),
            partial_recordings: call.partials.len(),
            blackouts: blackouts(&call.blackouts, now),
            data: pairs(call.data.iter()),
        }
    }
}

impl DeviceView {
    fn of(device: &Device, now: Timestamp) -> Self {
        let names = NAMES.iter().zip(&device.names);
        Self {
            id: device.id.as_ref().into(),
            names: names.filter_map(|(p, n)| Some((p.name(), n.as_deref()?.into()))).collect(),
            calls: device.calls.iter().map(|call| CallView::of(call, now)).collect(),
        }
    }
}

fn blackouts(list: &Blackouts, now: Timestamp) -> Vec<BlackoutView> {
    list.iter()
        .map(|b| BlackoutView {
            reach: b.reach,
            start: b.start,
            end: b.end(),
            stopped: b.stop.is_some(),
            on: b.is_on(now),
        })
        .collect()
}

fn pairs<'d>(data: impl Iterator<Item = (&'d str, &'d str)>) -> Vec<(String, String)> {
    data.map(|(name, value)| (name.into(), value.into())).collect()
}

fn text<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn text_or_null<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(to)
}
