//! Section "MODIFYROLEPERMISSION".

use super::find::Named;
use super::job::Job;
use super::parse::{Action, required};
use super::sent;
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::entity::Role;
use crate::directory::store::Write;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let change = Change::parse(job.request)?;
    let message = if change.is_add { "Permission Added" } else { "Permission Deleted" };
    let role = job.write(move |tx| Box::pin(change.apply(tx))).await?;
    let params = [Param::RoleId, Param::RoleName, Param::PermissionName, Param::Action];
    Ok(job.ok(message, sent::parameters(job.request, &params, &[(Param::RoleId, role.id)])))
}

/// The reference's table of permission names is the vendor's and may grow, so any name is taken.
struct Change {
    is_add: bool,
    role: Named,
    permission: String,
}

impl Change {
    fn parse(request: &Request) -> Result<Self, Refusal> {
        Ok(Self {
            is_add: Action::is_add(request)?,
            role: Named::role(request)?,
            permission: required(request, Param::PermissionName)?,
        })
    }

    async fn apply(self, tx: &mut Write<'_>) -> Result<Role, StoreError> {
        let role = self.role.find_role(tx).await?;
        if self.is_add {
            tx.add_permission(role.id, &self.permission).await?;
        } else {
            tx.remove_permission(role.id, &self.permission).await?;
        }
        Ok(role)
    }
}
