//! Section "MODIFYROLE".

use super::job::Job;
use super::parse::{Action, required};
use super::sent;
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::entity::NameKey;
use crate::directory::store::Write;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let change = Change::parse(job.request)?;
    let message = change.message()?;
    job.write(move |tx| Box::pin(change.apply(tx))).await?;
    let params = [Param::Action, Param::RoleName, Param::Description];
    Ok(job.ok(message, sent::parameters(job.request, &params, &[])))
}

struct Change {
    action: Action,
    name: String,
    description: Option<String>,
}

impl Change {
    /// A DESCRIPTION that is blank takes the old one away; one that is absent leaves it.
    fn parse(request: &Request) -> Result<Self, Refusal> {
        let is_there = request.fields().has(Param::Description);
        let description = request.get(Param::Description).unwrap_or_default();
        Ok(Self {
            action: Action::of(request)?,
            name: required(request, Param::RoleName)?,
            description: is_there.then(|| description.to_owned()),
        })
    }

    fn message(&self) -> Result<&'static str, Refusal> {
        match self.action {
            Action::Add => Ok("Role Added"),
            Action::Modify => Ok("Role Modified"),
            Action::Delete => Ok("Role Deleted"),
            Action::List => Err(Action::unknown("LIST")),
        }
    }

    async fn apply(self, tx: &mut Write<'_>) -> Result<(), StoreError> {
        let description = self.description.as_deref();
        if self.action == Action::Add {
            return tx.add_role(&self.name, description.unwrap_or_default()).await.map(drop);
        }
        let role = tx.role(&NameKey::Name(self.name)).await?;
        if self.action == Action::Delete {
            return tx.delete_role(role.id).await;
        }
        // What is the same is no change, and so nothing for the audit trail.
        match description.filter(|new| *new != role.description) {
            Some(new) => tx.modify_role(role.id, None, Some(new)).await.map(drop),
            None => Ok(()),
        }
    }
}
