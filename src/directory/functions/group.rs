//! Section "ADDGROUP".

use super::job::Job;
use super::parse::required;
use crate::command::Refusal;
use crate::protocol::param::Param;
use crate::protocol::result::Reply;
use crate::protocol::write::{element, number};

/// "If a group with the same name already exists, the function will still return as normal without modifying any
/// data": in the same words, with the name that is stored.
pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let name = required(job.request, Param::GroupName)?;
    let (group, _) = job.write(move |tx| Box::pin(async move { tx.add_group(&name).await })).await?;
    let mut body = String::new();
    number(&mut body, "GROUPID", group.id);
    element(&mut body, "GROUPNAME", &group.name);
    Ok(job.ok(format!("group: {} has been added", group.name), body))
}
