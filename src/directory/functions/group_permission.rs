//! Section "MODIFYGROUPPERMISSION".

use super::find::{Named, Person};
use super::job::Job;
use super::parse::{Action, bad};
use super::sent;
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::entity::{Group, Member};
use crate::directory::fold::same;
use crate::directory::store::Write;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let change = Change::parse(job.request)?;
    let is_add = change.is_add;
    let (group, member) = job.write(move |tx| Box::pin(change.apply(tx))).await?;
    let place = if is_add { "is in" } else { "is not in" };
    let message = format!("Device {} of agent {} {place} group {}", member.device, member.user, group.name);
    let found = [(Param::GroupId, group.id), (Param::AgentId, member.user)];
    Ok(job.ok(message, sent::parameters(job.request, &PARAMS, &found)))
}

const PARAMS: [Param; 8] = [
    Param::Action,
    Param::PhoneId,
    Param::DeviceId,
    Param::GroupName,
    Param::GroupId,
    Param::FirstName,
    Param::LastName,
    Param::AgentId,
];

struct Change {
    is_add: bool,
    device: String,
    group: Named,
    agent: Person,
}

impl Change {
    fn parse(request: &Request) -> Result<Self, Refusal> {
        Ok(Self {
            is_add: Action::is_add(request)?,
            device: device(request)?,
            group: Named::group(request)?,
            agent: Person::agent(request)?,
        })
    }

    async fn apply(self, tx: &mut Write<'_>) -> Result<(Group, Member), StoreError> {
        let group = self.group.find_group(tx).await?;
        let user = self.agent.find(tx).await?.id;
        let member = Member { group: group.id, user, device: self.device };
        if self.is_add {
            tx.add_member(&member).await?
        } else {
            tx.remove_member(&member).await?
        };
        Ok((group, member))
    }
}

/// "PHONEID OR DEVICEID", and "the DEVICEID can be a PHONEID".
fn device(request: &Request) -> Result<String, Refusal> {
    match (request.get(Param::DeviceId), request.get(Param::PhoneId)) {
        (Some(device), Some(phone)) if !same(device, phone) => {
            Err(bad(format!("DEVICEID {device} and PHONEID {phone} are two devices: give one of them")))
        }
        (Some(device), _) | (None, Some(device)) => Ok(device.into()),
        (None, None) => Err(bad("one of PHONEID, DEVICEID is missing or blank")),
    }
}
