//! What a core's recorder really does, as status functions see it.

use std::fmt;
use std::path::Path;

use crate::cti::recorder::Phase;
use crate::cti::state::take::Take;

/// Who knows what is really recorded.
pub trait Booth: fmt::Debug {
    /// Where recordings are written.
    fn path(&self) -> &Path;

    /// Whether anything is recorded at all.
    fn records(&self) -> bool;

    /// How a recording stands; `None` for one that the recorder does not have, or has no more.
    fn phase(&self, take: &Take) -> Option<Phase>;
}

/// No recorder: what should be recorded is taken for what is.
#[derive(Clone, Copy, Debug)]
pub struct Empty;

impl Booth for Empty {
    fn path(&self) -> &Path {
        Path::new(".")
    }

    fn records(&self) -> bool {
        false
    }

    fn phase(&self, _: &Take) -> Option<Phase> {
        Some(Phase::Recording)
    }
}
