//! What is known of one recording.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::CoreId;
use crate::protocol::param::Param;

/// What was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A whole call.
    #[default]
    Call,
    /// The part of a call that RECORDSTART asked for.
    Partial,
    /// An agent's screen during a chat; there is no sound.
    Chat,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Call, Self::Partial, Self::Chat];

    /// The word for it in the database and in listings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Partial => "partial",
            Self::Chat => "chat",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One recording. The database keeps times to the millisecond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// IDENT, RECORDID: its number in the database; 0 until the database has given it one.
    #[serde(default)]
    pub ident: i64,
    /// GLOBALID: unique over all cores and for ever. The core makes it, so that writing a row twice is writing it
    /// once.
    pub global_id: String,
    /// COREIDENT of the core that recorded it.
    pub core: CoreId,
    /// What was recorded.
    pub kind: RecordKind,
    /// When it began: RECORDINGTIME.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub stopped: Option<Timestamp>,
    /// FILENAME: its key in the store of recordings; blank without sound.
    pub file: String,
    /// The size of its sound in the store, in bytes; 0 until it is there.
    pub bytes: u64,
    /// The times of which nothing may be heard, as half-open spans, sorted, none touching another.
    pub blackouts: Vec<(Timestamp, Timestamp)>,
    /// What requests said of it, never blank: DEVICEID, DEVICEALIAS, STATIONNAME, SYS_USER, CRM_USER, GROUP, GATE,
    /// ANI, DNIS, USER1–USER15, CALLID, CALLINSTANCE, CALLDIRECTION, SESSIONID, PRIORITY, MAXRECORDTIME,
    /// MAXRECORDSILENCE, AGENTINITIATED, CTIINITIATED, ARCHIVEACTION, KEEPDAYS.
    pub said: BTreeMap<Param, String>,
    /// The agent's FIRSTNAME and LASTNAME, found in the directory when the row was first written.
    #[serde(default)]
    pub agent: (String, String),
}

impl Record {
    /// DURATION: from its beginning to its end, in whole seconds; 0 while it has not ended.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        let millis = self.stopped.map_or(0, |end| end.as_millisecond() - self.started.as_millisecond());
        (millis.max(0) + 500) / 1000
    }
}
