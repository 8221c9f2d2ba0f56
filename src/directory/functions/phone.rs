//! Section "IMPORTAGENTPHONE".

use super::find::Person;
use super::job::Job;
use super::parse::{Action, bad, required};
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::store::Write;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use crate::protocol::write::number;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let change = Change::parse(job.request)?;
    let agent = job.write(move |tx| Box::pin(change.apply(tx))).await?;
    let mut body = String::new();
    number(&mut body, "AGENTID", agent);
    Ok(job.done(body))
}

struct Change {
    is_add: bool,
    agent: Person,
    phone: String,
}

impl Change {
    fn parse(request: &Request) -> Result<Self, Refusal> {
        let is_add = Action::is_add(request)?;
        let phone = required(request, Param::PhoneId)?;
        // PHONES is a list with commas: such a phone would be listed as two.
        if is_add && phone.contains(',') {
            return Err(bad(format!("PHONEID {phone} has a comma: give one phone at a time")));
        }
        Ok(Self { is_add, agent: Person::agent_by_id_first(request)?, phone })
    }

    /// "An error will be returned if the AGENTID does not exist, or if you try to add a new phone ID that is
    /// already assigned to another agent."
    async fn apply(self, tx: &mut Write<'_>) -> Result<i64, StoreError> {
        let agent = self.agent.find(tx).await?.id;
        if self.is_add {
            tx.add_phone(agent, &self.phone).await?;
        } else {
            tx.remove_phone(agent, &self.phone).await?;
        }
        Ok(agent)
    }
}
