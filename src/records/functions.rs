//! The functions that call records answer: CALLLIST, CALLUPDATE with RECORDID, and what CALLUPDATE with
//! UPDATE_IF_NOT_RECORDING does where no call is on.
//!
//! Where the reference is silent:
//! - A filter finds what was said to the letter. Case counts: an id that differs in nothing else is another's, and a
//!   recording of another caller must not be handed out.
//! - A blank value changes nothing, as in a core, so nothing can be made blank again.
//! - CALLDATESTART and CALLDATEEND are both part of the period.

mod list;
mod refuse;
mod update;

use std::sync::Arc;

use super::{Changes, Records, RecordsSettings};
use crate::command::{Call, Command, Refusal};
use crate::protocol::codes::Codes;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
pub use list::Listed;
pub use update::{last_of, later_changes};

/// What the functions are answered from. Clones share it.
#[derive(Clone, Debug)]
pub struct Functions {
    records: Records,
    max_rows: usize,
    playback_link: Option<Arc<str>>,
}

impl Functions {
    /// Answers from these records.
    #[must_use]
    pub fn new(records: Records, settings: &RecordsSettings) -> Self {
        let playback_link = settings.playback_link.as_deref().map(Arc::from);
        Self { records, max_rows: settings.max_rows, playback_link }
    }

    /// The records.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Answers CALLLIST, or CALLUPDATE with RECORDID. `from` is the client's address, which is noted in what it
    /// changes.
    ///
    /// # Errors
    /// [`Refusal`]: API_INVALID_MESSAGE_FORMAT, API_RECORDID_INVALID, API_DATABASE_QUERY_ERROR.
    pub async fn answer(&self, codes: &Codes, call: &Call, from: &str) -> Result<Reply, Refusal> {
        match call.function.command {
            Command::CallList => list::answer(self, codes, call, from).await,
            _ => update::answer(self, codes, call, from).await,
        }
    }

    /// The recordings that a CALLLIST asks for, for whoever writes them in another form.
    ///
    /// # Errors
    /// As [`Functions::answer`].
    pub async fn list(&self, request: &Request, from: &str) -> Result<Listed, Refusal> {
        list::find(self, request, from).await
    }

    /// Changes the newest recording of the first of `names` that has any: section "CALLUPDATE", "it will update the
    /// last call that was recorded for the given device".
    ///
    /// # Errors
    /// [`Refusal`]: API_RECORDID_INVALID where there is none, API_DATABASE_QUERY_ERROR.
    pub async fn update_last(
        &self,
        codes: &Codes,
        names: Vec<(Param, String)>,
        changes: Changes,
        from: &str,
    ) -> Result<Reply, Refusal> {
        update::last(self, codes, names, changes, from).await
    }
}
