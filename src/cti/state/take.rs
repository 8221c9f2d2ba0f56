//! Recordings: which calls are recorded, and what of each is to be sound and what silence.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::blackout::limit;
use super::data::Data;
use crate::cti::spans::Spans;
use crate::model::Pattern;
use crate::protocol::param::Param;

/// The parameters that concern one recording, and not the call: those of RECORDSTART are the partial's alone.
pub const OF_ONE_TAKE: [Param; 7] = [
    Param::Priority,
    Param::MaxRecordSilence,
    Param::MaxRecordTime,
    Param::AgentInitiated,
    Param::CtiInitiated,
    Param::ArchiveAction,
    Param::KeepDays,
];

/// One recording: of a whole call, or of the part that RECORDSTART asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Its GLOBALID.
    pub id: Arc<str>,
    /// When it began.
    pub started: Timestamp,
    /// When it was ended, if it was.
    pub stopped: Option<Timestamp>,
    /// MAXRECORDTIME: how long it may last.
    pub max_length: Option<SignedDuration>,
    /// MAXRECORDSILENCE: how long it may be silent.
    pub max_silence: Option<SignedDuration>,
    /// What RECORDSTART said of this recording alone.
    pub said: Data,
    /// The times that are silent in it, once its sound is out of the recorder's hands and nothing more can be
    /// silenced.
    pub sealed: Option<Spans>,
}

impl Take {
    /// One that begins, as these parameters say.
    #[must_use]
    pub fn new(id: Arc<str>, started: Timestamp, said: &Data) -> Self {
        let limit = |param| seconds(said.get(param));
        Self {
            id,
            started,
            stopped: None,
            max_length: limit(Param::MaxRecordTime),
            max_silence: limit(Param::MaxRecordSilence),
            said: Data::default(),
            sealed: None,
        }
    }

    /// When it ended, or will by itself.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        let by_itself = self.max_length.map(|longest| limit(self.started, longest));
        self.stopped.into_iter().chain(by_itself).min()
    }

    /// Whether it is under way at this moment.
    #[must_use]
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.started <= at && self.end().is_none_or(|end| end > at)
    }

    /// Ends it. One that has ended stays as it is.
    pub fn stop(&mut self, at: Timestamp) {
        self.stopped.get_or_insert(at.max(self.started));
    }
}

/// A positive number of whole seconds; what is none limits nothing.
fn seconds(text: &str) -> Option<SignedDuration> {
    let seconds: u32 = text.parse().ok()?;
    (seconds > 0).then(|| SignedDuration::from_secs(seconds.into()))
}

/// The scheduler's rule: which calls are recorded without being asked to. CALLSTART forces none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// Every call.
    #[default]
    All,
    /// None.
    None,
    /// Those on the devices that any of these speaks of.
    Devices(Vec<Pattern>),
}

impl Schedule {
    /// Whether a call on this device is recorded.
    #[must_use]
    pub fn wants(&self, device: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Devices(patterns) => patterns.iter().any(|pattern| pattern.matches(device)),
        }
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            _ => text
                .split(',')
                .map(|part| part.parse().map_err(|why| format!("\"{part}\" {why}")))
                .collect::<Result<_, _>>()
                .map(Self::Devices),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::None => f.write_str("none"),
            Self::Devices(patterns) => {
                let texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_written_as_it_is_read() {
        for text in ["all", "none", "7000-7999,61*,4711"] {
            assert_eq!(text.parse::<Schedule>().map(|s| s.to_string()).as_deref(), Ok(text));
        }
        let schedule: Schedule = "7000-7999,61*".parse().expect("a schedule");
        assert_eq!(["7001", "6155", "8000"].map(|d| schedule.wants(d)), [true, true, false]);
        assert_eq!("7999-7000".parse::<Schedule>(), Err("\"7999-7000\" ends before it begins".to_owned()));
    }

    #[test]
    fn a_recording_ends_at_its_stop_or_at_its_longest_length() {
        let t = |second| Timestamp::from_second(second).expect("a time in range");
        let mut said = Data::default();
        said.add("MAXRECORDTIME", "60");
        said.add("MAXRECORDSILENCE", "soon");
        let mut take = Take::new("x".into(), t(100), &said);
        assert_eq!((take.end(), take.max_silence), (Some(t(160)), None));
        assert_eq!([99, 100, 159, 160].map(|s| take.is_on(t(s))), [false, true, true, false]);
        take.stop(t(130));
        take.stop(t(140));
        assert_eq!(take.end(), Some(t(130)));
    }
}
