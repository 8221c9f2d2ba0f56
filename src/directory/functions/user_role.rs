//! Section "MODIFYUSERROLE".

use super::find::{Named, Person};
use super::job::Job;
use super::parse::Action;
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
    let is = if change.action == Action::Delete { "is not" } else { "is" };
    let (role, user) = job.write(move |tx| Box::pin(change.apply(tx))).await?;
    let found = [(Param::RoleId, role.id), (Param::UserId, user)];
    let body = sent::parameters(job.request, &PARAMS, &found);
    Ok(job.ok(format!("User {user} {is} assigned role {}", role.name), body))
}

const PARAMS: [Param; 8] = [
    Param::RoleId,
    Param::RoleName,
    Param::UserId,
    Param::LastName,
    Param::FirstName,
    Param::SystemUserName,
    Param::UserName,
    Param::Action,
];

struct Change {
    action: Action,
    role: Named,
    user: Person,
}

impl Change {
    fn parse(request: &Request) -> Result<Self, Refusal> {
        let action = Action::of(request)?;
        if action == Action::List {
            return Err(Action::unknown("LIST"));
        }
        Ok(Self { action, role: Named::role(request)?, user: Person::user(request)? })
    }

    /// MODIFY puts the role in the place of all that the user has.
    async fn apply(self, tx: &mut Write<'_>) -> Result<(Role, i64), StoreError> {
        let role = self.role.find_role(tx).await?;
        let user = self.user.find(tx).await?.id;
        match self.action {
            Action::Delete => tx.remove_user_role(role.id, user).await.map(drop)?,
            Action::Modify => tx.set_user_role(role.id, user).await?,
            Action::Add | Action::List => tx.add_user_role(role.id, user).await.map(drop)?,
        }
        Ok((role, user))
    }
}
