//! What was changed at this copy while it ran: a bounded memory for people; the audit log has it all.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// Changes that are kept.
const KEPT: usize = 20;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When, in UNIX milliseconds.
    pub at: i64,
    /// What.
    pub what: String,
    /// Who asked for it: an address, and the name in a certificate if there is one.
    pub by: String,
}

/// The last changes.
#[derive(Debug, Default)]
pub struct Changes(Mutex<VecDeque<Change>>);

impl Changes {
    /// Something was changed now.
    pub fn note(&self, what: String, by: String) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Change { at: Timestamp::now().as_millisecond(), what, by });
    }

    /// The newest first.
    #[must_use]
    pub fn last(&self) -> Vec<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}
