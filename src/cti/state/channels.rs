//! Channels: how many recordings a core makes at once.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One channel that was ever used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The device that is recorded on it, or was last.
    pub device: Arc<str>,
    /// The GLOBALID of that recording.
    pub take: Arc<str>,
    /// When that recording began.
    pub since: Timestamp,
    /// When it ended, or will by itself.
    pub until: Option<Timestamp>,
}

impl Channel {
    /// Whether a recording is made on it at this moment.
    #[must_use]
    pub fn is_busy(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// When it last became busy or idle.
    #[must_use]
    pub fn last_change(&self, now: Timestamp) -> Timestamp {
        self.until.filter(|until| *until <= now).unwrap_or(self.since)
    }
}

/// The channels of a core, or none where recordings are not counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Channels {
    most: Option<usize>,
    used: Vec<Channel>,
}

impl Channels {
    /// How many there are, where they are counted.
    #[must_use]
    pub const fn most(&self) -> Option<usize> {
        self.most
    }

    /// Changes how many there are. Recordings under way go on.
    pub fn set_most(&mut self, most: Option<usize>) {
        self.most = most;
    }

    /// Those that were ever used, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.used.iter()
    }

    /// Puts a recording on the first free channel; whether there was one.
    pub fn occupy(&mut self, channel: Channel) -> bool {
        let Some(most) = self.most else { return true };
        let now = channel.since;
        let busy = self.used.iter().filter(|used| used.is_busy(now)).count();
        if busy >= most {
            return false;
        }
        match self.used.iter_mut().find(|used| !used.is_busy(now)) {
            Some(free) => *free = channel,
            None => self.used.push(channel),
        }
        true
    }

    /// What `end` says of the recordings of this device.
    pub fn refresh(&mut self, device: &str, end: impl Fn(&str) -> Option<Option<Timestamp>>) {
        for channel in self.used.iter_mut().filter(|channel| *channel.device == *device) {
            channel.until = end(&channel.take).unwrap_or(channel.until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_free_when_its_recording_has_ended() {
        let t = |second| Timestamp::from_second(second).expect("a time in range");
        let channel = |take: &str, since, until: Option<i64>| Channel {
            device: "5".into(),
            take: take.into(),
            since: t(since),
            until: until.map(t),
        };
        let mut channels = Channels { most: Some(2), used: Vec::new() };
        assert!(channels.occupy(channel("a", 0, Some(10))));
        assert!(channels.occupy(channel("b", 1, None)));
        assert!(!channels.occupy(channel("c", 9, None)));
        assert!(channels.occupy(channel("d", 10, None)));
        channels.refresh("5", |take| (take == "b").then_some(Some(t(20))));
        let states: Vec<_> =
            channels.iter().map(|c| (&*c.take, c.is_busy(t(20)), c.last_change(t(20)))).collect();
        assert_eq!(states, [("d", true, t(10)), ("b", false, t(20))]);
        channels.set_most(None);
        assert!(channels.occupy(channel("e", 20, None)), "they are not counted");
    }
}
