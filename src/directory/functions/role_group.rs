//! Section "MODIFYROLEGROUPPERMISSION".

use super::find::Named;
use super::job::Job;
use super::parse::{Action, required};
use super::sent;
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::entity::{Group, NameKey, Role};
use crate::directory::store::Write;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let change = Change::parse(job.request)?;
    let (is_add, name) = (change.is_add, change.group.clone());
    let (role, group) = job.write(move |tx| Box::pin(change.apply(tx))).await?;
    let params = [Param::Action, Param::RoleId, Param::RoleName, Param::GroupName];
    let body = sent::parameters(job.request, &params, &[(Param::RoleId, role.id)]);
    Ok(job.ok(message(is_add, &role, group.as_ref(), &name), body))
}

/// A group that there is not is told with API_OK, as in the reference's example.
fn message(is_add: bool, role: &Role, group: Option<&Group>, name: &str) -> String {
    match group {
        Some(group) if is_add => format!("Group {} is assigned to role {}", group.name, role.name),
        Some(group) => format!("Group {} is not assigned to role {}", group.name, role.name),
        None => format!("Group {name} does not exist or it is not active"),
    }
}

struct Change {
    is_add: bool,
    role: Named,
    group: String,
}

impl Change {
    fn parse(request: &Request) -> Result<Self, Refusal> {
        Ok(Self {
            is_add: Action::is_add(request)?,
            role: Named::role(request)?,
            group: required(request, Param::GroupName)?,
        })
    }

    async fn apply(self, tx: &mut Write<'_>) -> Result<(Role, Option<Group>), StoreError> {
        let role = self.role.find_role(tx).await?;
        let group = match tx.group(&NameKey::Name(self.group)).await {
            Ok(group) => group,
            Err(StoreError::NotFound(_)) => return Ok((role, None)),
            Err(error) => return Err(error),
        };
        if self.is_add {
            tx.add_role_group(role.id, group.id).await?;
        } else {
            tx.remove_role_group(role.id, group.id).await?;
        }
        Ok((role, Some(group)))
    }
}
