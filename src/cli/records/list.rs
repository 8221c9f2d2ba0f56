//! `corecast records list`: CALLLIST for people.

use super::super::params::pair;
use super::{Configured, Trouble, open};
use crate::cli::{Exit, output};
use crate::command::Command;
use crate::config::Settings;
use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::write::{close, element, open as open_element};
use crate::protocol::xml::Bounds;
use crate::records::Record;
use crate::records::functions::Functions;

/// Arguments of `records list`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Filters of CALLLIST, for example DEVICEID=7001 CALLDATESTART=1764000000 CALLCOUNT=20
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    #[command(flatten)]
    pub configured: Configured,
    /// Print JSON: one recording to a line
    #[arg(long)]
    json: bool,
}

/// Lists recordings.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let request = request(&args.params)?;
    let (records, _) = open(settings)?;
    let functions = Functions::new(records, &settings.records);
    let refused = |refusal: crate::command::Refusal| {
        Trouble::failure(format!("{}: {}", refusal.result.label(), refusal.message))
    };
    let listed = functions.list(&request, "command line").await.map_err(refused)?;
    if args.json {
        listed.found.records.iter().try_for_each(tell_json)?;
    } else {
        tell(&listed.found.records);
    }
    if listed.is_cut() {
        errln!("corecast: {}", listed.message(listed.found.records.len()));
    }
    Ok(Exit::Ok)
}

/// What was typed, as CALLLIST reads it. Unlike there, a name that is no filter is told: it may be misspelt, and all
/// recordings would then be listed.
fn request(params: &[(String, String)]) -> Result<Request, Trouble> {
    let known = Command::CallList.function();
    let mut xml = String::new();
    open_element(&mut xml, "REQUEST");
    for (name, value) in params {
        if !Param::from_name(name).is_some_and(|param| known.takes(param)) {
            let message =
                format!("{name} is no filter of CALLLIST; `corecast functions CALLLIST` lists them");
            return Err(Trouble::failure(message));
        }
        element(&mut xml, name, value);
    }
    close(&mut xml, "REQUEST");
    let bounds = Bounds { max_fields: params.len() + 1, max_depth: 2 };
    Request::read(xml.as_bytes(), bounds).map_err(|bad| Trouble::failure(bad.reason))
}

fn tell_json(record: &Record) -> Result<(), Trouble> {
    let json = serde_json::to_string(record).map_err(|error| Trouble::failure(error.to_string()))?;
    output::line(json);
    Ok(())
}

/// What a row shows of a recording, and how wide it is.
const COLUMNS: [(&str, usize); 9] = [
    ("RECORDID", 9),
    ("RECORDINGTIME", 20),
    ("DURATION", 8),
    ("CORE", 4),
    ("DEVICEID", 10),
    ("AGENT", 20),
    ("ANI", 14),
    ("DNIS", 14),
    ("FILENAME", 0),
];

fn tell(records: &[Record]) {
    let row = |cells: [String; 9]| {
        let cells = cells.iter().zip(COLUMNS).map(|(cell, (_, width))| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    output::line(output::styled(&row(COLUMNS.map(|(name, _)| name.into())), "1"));
    for record in records {
        let said = |param| plain(record.said.get(&param).map_or("", String::as_str));
        let (first, last) = &record.agent;
        output::line(row([
            record.ident.to_string(),
            record.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            record.seconds().to_string(),
            record.core.to_string(),
            said(Param::DeviceId),
            plain(format!("{first} {last}").trim()),
            said(Param::Ani),
            said(Param::Dnis),
            plain(&record.file),
        ]));
    }
}

/// A value of somebody else's, without what could move a terminal's cursor.
fn plain(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
