//! Who answers the functions that need no core. They run off the way of calls: none of them holds up a blackout.

use crate::command::{Call, Refusal, Room};
use crate::directory::{Directory, functions};
use crate::media::Download;
use crate::media::functions::Exports;
use crate::media::mail::Mail;
use crate::protocol::codes::{Codes, ResultType};
use crate::protocol::result::Reply;
use crate::records::functions::Functions;

/// What a call is given in the end.
#[derive(Debug)]
pub(super) enum Given {
    /// A RESULT.
    Reply(Reply),
    /// A file.
    Download(Download),
}

impl Given {
    /// RESULTTYPE.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Reply(reply) => &reply.label,
            Self::Download(_) => ResultType::Ok.label(),
        }
    }

    /// Whether it says that what was asked for is done.
    pub(super) fn is_confirmation(&self) -> bool {
        match self {
            Self::Reply(reply) => reply.is_confirmation(),
            Self::Download(_) => true,
        }
    }

    /// The type of the result.
    pub(super) const fn result(&self) -> Option<ResultType> {
        match self {
            Self::Reply(reply) => reply.result,
            Self::Download(_) => Some(ResultType::Ok),
        }
    }
}

/// Everything that answers without a core. Clones share it.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// Who, what and where.
    pub directory: Directory,
    /// The call records.
    pub records: Functions,
    /// Recordings as files.
    pub exports: Exports,
    /// Recordings as attachments.
    pub mail: Mail,
    /// The numbers of the result types.
    pub codes: Codes,
}

impl Rooms {
    /// The answer to a call that came from this address.
    pub(super) async fn answer(&self, room: Room, call: &Call, from: &str) -> Result<Given, Refusal> {
        match room {
            Room::Directory | Room::Echo => {
                functions::answer(self.directory.store(), &self.codes, call, from).await.map(Given::Reply)
            }
            Room::Records => self.records.answer(&self.codes, call, from).await.map(Given::Reply),
            Room::Mail => self.mail.answer(&self.codes, call, from).await.map(Given::Reply),
            Room::Media => self.exports.answer(call).await.map(Given::Download),
        }
    }
}
