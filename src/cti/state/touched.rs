//! What a command touched: what has to be looked at again once it is done.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::State;
use super::chat::ChatOver;
use crate::protocol::request::Request;

/// What commands touched.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Devices, by DEVICEID.
    pub devices: BTreeSet<Arc<str>>,
    /// Chat sessions, by SESSIONID; some of them may be over.
    pub chats: BTreeSet<Box<str>>,
    /// Chat sessions that ended.
    pub over: Vec<ChatOver>,
}

impl State {
    /// Takes note that a command was worked on, whatever came of it.
    pub fn settle(&mut self, request: &Request, now: Timestamp) {
        for id in std::mem::take(&mut self.touched.devices) {
            if let Some(device) = self.devices.get_mut(&id) {
                device.heard.hear(request, now);
                self.refresh_channels(&id);
                self.touched.devices.insert(id);
            }
        }
        for session in &self.touched.chats {
            if let Some(chat) = self.chats.get_mut(session) {
                chat.heard.hear(request, now);
            }
        }
    }

    /// Touches everything.
    pub fn touch_all(&mut self) {
        self.touched.devices.extend(self.devices.keys().cloned());
        self.touched.chats.extend(self.chats.iter().map(|(session, _)| session.into()));
    }

    /// What was touched since this was last called.
    pub fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    /// Whether a blackout of what was touched asks for silence in a recording that was handed over. Told once.
    pub fn asks_too_late(&mut self) -> bool {
        let devices = &mut self.devices;
        let mut is_too_late = false;
        for id in &self.touched.devices {
            let calls = devices.get_mut(id).into_iter().flat_map(|device| &mut device.calls);
            is_too_late |= calls.filter_map(|call| call.asks_too_late().then_some(())).count() > 0;
        }
        is_too_late
    }

    /// A recording of this device ended by itself, or never began.
    pub fn end_take(&mut self, device: &str, take: &str, at: Timestamp) {
        self.change_take(device, take, |take| take.stop(at));
    }

    /// The sound of a recording is out of the recorder's hands: what is not silent in it by now never will be.
    pub fn seal_take(&mut self, device: &str, take: &str) {
        let calls = self.devices.get_mut(device).into_iter().flat_map(|device| &mut device.calls);
        for call in calls {
            let silence = call.blackouts.silence();
            for take in call.takes_mut().filter(|t| *t.id == *take) {
                let end = take.end().unwrap_or(Timestamp::MAX);
                take.sealed = Some(silence.within(take.started, end));
            }
        }
    }

    fn change_take(&mut self, device: &str, take: &str, change: impl Fn(&mut super::Take)) {
        let calls = self.devices.get_mut(device).into_iter().flat_map(|device| &mut device.calls);
        calls.flat_map(super::PhoneCall::takes_mut).filter(|t| *t.id == *take).for_each(change);
        self.refresh_channels(device);
    }

    /// Channels are free when what was recorded on them has ended.
    pub(super) fn refresh_channels(&mut self, device: &str) {
        let Some(known) = self.devices.get(device) else { return };
        let takes = || known.calls.iter().flat_map(super::PhoneCall::takes);
        self.channels.refresh(device, |id| takes().find(|take| *take.id == *id).map(super::Take::end));
    }
}
