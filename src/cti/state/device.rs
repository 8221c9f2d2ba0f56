//! One device, and the calls on it that are remembered.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::call::PhoneCall;
use super::heard::Heard;
use super::names::NAMES;
use crate::command::Refusal;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;

/// How many ended calls of a device are remembered.
pub const MOST_ENDED: usize = 8;
/// How many calls one device can be in at once.
pub const MOST_OPEN: usize = 16;

/// One device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Device {
    /// DEVICEID.
    pub id: Arc<str>,
    /// The channel that its calls are recorded on.
    pub channel: u32,
    /// What else it goes by, in the order of [`NAMES`].
    pub names: [Option<Box<str>>; NAMES.len()],
    /// The calls, in the order in which they began.
    pub calls: Vec<PhoneCall>,
    /// What was last heard of its agent.
    pub heard: Heard,
}

impl Device {
    /// A device that was in no call yet.
    #[must_use]
    pub fn new(id: Arc<str>, channel: u32) -> Self {
        Self { id, channel, names: Default::default(), calls: Vec::new(), heard: Heard::default() }
    }

    /// What it goes by under this parameter, or blank.
    #[must_use]
    pub fn name(&self, param: Param) -> &str {
        NAMES.iter().position(|n| *n == param).and_then(|at| self.names[at].as_deref()).unwrap_or("")
    }

    /// The calls that are under way.
    #[must_use]
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &PhoneCall> {
        self.calls.iter().filter(|call| call.is_open())
    }

    /// The call that is meant: the last of this instance or, without one, the last of the device. One that
    /// is under way counts before any that has ended, as the reference has it for DEVICESTATUS.
    #[must_use]
    pub fn call(&self, instance: Option<&str>) -> Option<&PhoneCall> {
        self.place(instance).map(|at| &self.calls[at])
    }

    /// The same, to change it.
    pub fn call_mut(&mut self, instance: Option<&str>) -> Option<&mut PhoneCall> {
        self.place(instance).map(|at| &mut self.calls[at])
    }

    fn place(&self, instance: Option<&str>) -> Option<usize> {
        let is_meant = |call: &PhoneCall| instance.is_none_or(|i| *i == *call.instance);
        let open = self.calls.iter().rposition(|call| call.is_open() && is_meant(call));
        open.or_else(|| self.calls.iter().rposition(is_meant))
    }

    /// A call of this instance that is still under way has ended unseen: another one begins.
    pub fn end_unseen(&mut self, instance: &str, now: Timestamp) {
        let is_same = |old: &&mut PhoneCall| old.is_open() && *old.instance == *instance;
        self.calls.iter_mut().filter(is_same).for_each(|old| old.stop(now));
    }

    /// A call begins.
    ///
    /// # Errors
    /// A refusal if the device is in too many calls.
    pub fn begin(&mut self, call: PhoneCall) -> Result<(), Refusal> {
        self.end_unseen(&call.instance, call.started);
        if self.open().count() >= MOST_OPEN {
            let message = format!("device {} is in {MOST_OPEN} calls already", self.id);
            return Err(Refusal::new(ResultType::NoFreeChannels, message));
        }
        self.calls.push(call);
        self.forget();
        Ok(())
    }

    /// Forgets the oldest ended calls beyond [`MOST_ENDED`].
    pub fn forget(&mut self) {
        let mut ended = self.calls.iter().filter(|call| !call.is_open()).count();
        self.calls.retain(|call| {
            let is_kept = call.is_open() || ended <= MOST_ENDED;
            ended -= usize::from(!call.is_open() && ended > 0);
            is_kept
        });
    }

    /// When the first of its present calls began.
    #[must_use]
    pub fn busy_since(&self) -> Option<Timestamp> {
        self.open().map(|call| call.started).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::Data;
    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time in range")
    }

    fn device() -> Device {
        Device::new("555".into(), 1)
    }

    fn begin(device: &mut Device, instance: &str, second: i64) -> bool {
        device.begin(PhoneCall::new(instance, Data::default(), t(second))).is_ok()
    }

    fn meant(device: &Device, instance: Option<&str>) -> Option<i64> {
        device.call(instance).map(|call| call.started.as_second() - 1_700_000_000)
    }

    #[test]
    fn an_absent_instance_means_the_last_call_and_open_ones_count_first() {
        let mut device = device();
        assert_eq!(meant(&device, None), None);
        begin(&mut device, "a", 1);
        begin(&mut device, "b", 2);
        assert_eq!(
            [None, Some("a"), Some("b"), Some("")].map(|i| meant(&device, i)),
            [Some(2), Some(1), Some(2), None]
        );
        device.call_mut(None).expect("b").stop(t(3));
        assert_eq!([None, Some("b")].map(|i| meant(&device, i)), [Some(1), Some(2)]);
        device.call_mut(None).expect("a").stop(t(4));
        assert_eq!(meant(&device, None), Some(2));
    }

    #[test]
    fn a_second_start_of_an_instance_is_a_new_call() {
        let mut device = device();
        begin(&mut device, "a", 1);
        begin(&mut device, "a", 5);
        let times: Vec<_> = device.calls.iter().map(|call| (call.started, call.stopped)).collect();
        assert_eq!(times, [(t(1), Some(t(5))), (t(5), None)]);
        assert_eq!(device.busy_since(), Some(t(5)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut device = device();
        for n in 0..100 {
            assert!(begin(&mut device, "a", n));
        }
        let kept: Vec<_> = device.calls.iter().map(|call| call.started).collect();
        assert_eq!(kept, (91..100).map(t).collect::<Vec<_>>());
        let begun = (0..100).filter(|n| begin(&mut device, &format!("i{n}"), 100)).count();
        assert_eq!(begun, MOST_OPEN - 1);
    }
}
