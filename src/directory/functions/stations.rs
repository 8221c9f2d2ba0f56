//! Section "STATIONS".

use super::job::Job;
use crate::command::Refusal;
use crate::directory::entity::Station;
use crate::protocol::result::Reply;
use crate::protocol::write::{close, element, number, open};

pub(super) async fn answer(job: &Job<'_>) -> Result<Reply, Refusal> {
    let stations = job.read(|read| Box::pin(read.stations())).await?;
    Ok(job.done(list(&stations)))
}

/// "A COUNT of number of stations, plus a STATIONS section".
fn list(stations: &[Station]) -> String {
    let mut out = String::new();
    number(&mut out, "COUNT", i64::try_from(stations.len()).unwrap_or(i64::MAX));
    open(&mut out, "STATIONS");
    for station in stations {
        open(&mut out, "STATION");
        element(&mut out, "STATIONNAME", &station.name);
        element(&mut out, "DEVICEID", &station.device);
        close(&mut out, "STATION");
    }
    close(&mut out, "STATIONS");
    out
}
