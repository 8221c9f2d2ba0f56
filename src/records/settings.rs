//! What the configuration says of call records.

/// `[records]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordsSettings {
    /// Recordings in one answer of CALLLIST, 1 to 100,000.
    pub max_rows: usize,
    /// PLAYBACKLINK, with `{recordid}` where the number belongs; `None` where there is nothing to play with.
    pub playback_link: Option<String>,
    /// How long recordings are kept.
    pub retention: Retention,
}

impl Default for RecordsSettings {
    fn default() -> Self {
        Self { max_rows: 1000, playback_link: None, retention: Retention::default() }
    }
}

/// How long recordings are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days after its end, for a recording that says nothing else by KEEPDAYS or ARCHIVEACTION; 0 is for ever.
    pub keep_days: u32,
    /// What the numbers of ARCHIVEACTION mean, each once.
    pub actions: Vec<ArchiveAction>,
}

/// What a number of ARCHIVEACTION means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveAction {
    /// The number.
    pub id: u32,
    /// What people call it.
    pub name: String,
    /// Days after its end, for a recording without KEEPDAYS; 0 is for ever.
    pub keep_days: u32,
    /// What becomes of it then.
    pub then: Then,
}

/// What becomes of a recording whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Its sound and its record are removed.
    #[default]
    Delete,
    /// Nothing: it is kept for ever, whatever KEEPDAYS says.
    Keep,
}
