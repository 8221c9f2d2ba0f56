//! Section "IMPORTWORKSTATION".

use super::job::Job;
use super::parse::{bad, number, required};
use crate::command::Refusal;
use crate::database::error::StoreError;
use crate::directory::entity::Station;
use crate::directory::store::Write;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::result::Reply;
use crate::protocol::write::element;

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let new = parse(job.request)?;
    let name = new.name.clone();
    match job.write(move |tx| Box::pin(apply(tx, new))).await {
        Ok(stored) => Ok(job.done(body(&stored.device, &name))),
        Err(refusal) => explain(job, refusal, name).await,
    }
}

fn parse(request: &Request) -> Result<Station, Refusal> {
    let location = number(request, Param::LocationId)?;
    Ok(Station {
        name: required(request, Param::StationName)?,
        device: required(request, Param::DeviceId)?,
        location: location.ok_or_else(|| bad("LOCATIONID is missing or blank"))?,
    })
}

/// "A delete will be done for entries containing either the DEVICEID or STATIONNAME", unless the entry is there
/// already: then there is nothing to do, and nothing for the audit trail.
async fn apply(tx: &mut Write<'_>, new: Station) -> Result<Station, StoreError> {
    match tx.station(&new.name).await {
        Ok(stored) if stored == new => return Ok(stored),
        Ok(_) | Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    tx.replace_station(&new).await
}

/// "The result will contain the STATIONNAME that was sent from the request; however the DEVICEID that is returned is
/// the value that is actually stored in the database."
fn body(stored_device: &str, sent_name: &str) -> String {
    let mut out = String::new();
    element(&mut out, "DEVICEID", stored_device);
    element(&mut out, "STATIONNAME", sent_name);
    out
}

/// "If an error occurs adding the new entry, the result DEVICEID may be an old value. This design allows for easier
/// troubleshooting." A database that cannot be reached cannot be asked for it either.
async fn explain(job: &Job<'_>, refusal: Refusal, name: String) -> Result<Reply, Refusal> {
    if refusal.result != ResultType::DatabaseQueryError {
        return Err(refusal);
    }
    let asked = name.clone();
    match job.read(move |read| Box::pin(async move { read.station(&asked).await })).await {
        Ok(old) => Ok(job.refused(refusal, body(&old.device, &name))),
        Err(_) => Err(refusal),
    }
}
