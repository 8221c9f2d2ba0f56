//! CALLUPDATE with UPDATE_IF_NOT_RECORDING where no call is on: "it will update the last call that was recorded for
//! the given device". Nothing else comes through here.

use std::net::IpAddr;

use tokio::time::timeout_at;

use super::desk::{Desk, lost_work};
use super::policy::Terms;
use super::tally::Ended;
use crate::command::{Call, Command, Refusal};
use crate::model::Outcome;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::result::Reply;
use crate::records::functions::{last_of, later_changes};
use crate::route::Plan;

/// Whether a call is to fall back on the database: every core was heard, and each said that the device is in no call; a
/// core that has looked for a last call of its own says API_RECORDID_INVALID. As long as one was not heard, nobody knows
/// whether a call is on.
pub(super) fn is_due(call: &Call, ended: &[Ended], terms: &Terms) -> bool {
    use ResultType::{DeviceInvalid, DeviceNotInCall, RecordIdInvalid};
    let is_idle = |leg: &Ended| match &leg.end.outcome {
        Outcome::Rejected(rejection) => {
            let result = terms.codes.understand(rejection);
            matches!(result, Some(DeviceNotInCall | DeviceInvalid | RecordIdInvalid))
        }
        _ => false,
    };
    call.function.command == Command::CallUpdate
        && call.request.get(Param::UpdateIfNotRecording).is_some_and(|wants| wants.eq_ignore_ascii_case("Y"))
        && !ended.is_empty()
        && ended.iter().all(is_idle)
}

impl Desk {
    /// The answer of the database, in place of the cores'; the section with what each core said stays.
    pub(super) async fn fall_back(
        &self,
        call: &Call,
        plan: &Plan,
        from: Option<IpAddr>,
        cores: Reply,
    ) -> Reply {
        let updated = self.update_last(call, plan, from).await;
        updated.unwrap_or_else(|refusal| self.rescue(refusal)).with_body(cores.body)
    }

    async fn update_last(&self, call: &Call, plan: &Plan, from: Option<IpAddr>) -> Result<Reply, Refusal> {
        let changes = later_changes(&call.request)?;
        let device = if let [only] = plan.devices.as_slice() { Some(&**only) } else { None };
        let names = last_of(&call.request, device);
        let (functions, codes) = (self.rooms.records.clone(), self.terms.codes.clone());
        let from = from.map_or_else(String::new, |peer| peer.to_string());
        let work = async move { functions.update_last(&codes, names, changes, &from).await };
        let done = timeout_at(call.deadline, self.background.spawn(work)).await;
        done.map_err(|_| too_late())?.unwrap_or_else(|lost| Err(lost_work(&lost)))
    }
}

fn too_late() -> Refusal {
    let message = "no core has a call of this device, and the database of call records did not answer in time: its \
                   last recording may or may not have been updated";
    Refusal::new(ResultType::DatabaseQueryError, message)
}
