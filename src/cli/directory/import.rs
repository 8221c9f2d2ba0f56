//! `corecast directory import`: a file → the directory, all of it or nothing.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::sync::oneshot;

use super::Configured;
use super::apply::{Import, Outcome};
use super::check::Checker;
use super::columns::Kind;
use super::place::Place;
use super::progress::Progress;
use super::reader::{self, Format};
use super::trouble::Trouble;
use crate::cli::{Exit, output};
use crate::config::Settings;
use crate::directory::store::Write;
use crate::directory::{By, Store, StoreError};

/// Arguments of `directory import`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Args {
    /// A CSV file, whose first line names the columns; or a JSON file, as `export` writes it
    #[arg(value_name = "FILE", value_parser = file)]
    file: (PathBuf, Format),
    /// What the rows of a CSV file are, where the columns do not tell
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    pub configured: Configured,
    /// Read and check the file and print what would change; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Columns, in any order and case. A column that the file does not have leaves what is there; an
empty value clears it. Spaces around a value are no part of it.
  devices    DEVICEID, DEVICEALIAS, SITE, CORES (\"1,2\" in quotes, or 1 2)
  users      USERID or USERNAME, EMPLOYEEID, FIRSTNAME, LASTNAME, AGENT, STATUS, SYS_USER,
             SYS_DOMAIN, EMAIL, CRM_USER, SITEID, PHONES (\"1123,3343\")
  phones     PHONEID, AGENTID or USERNAME
  stations   STATIONNAME, DEVICEID, LOCATIONID
  locations  LOCATIONID, NAME, SITE
Nothing is deleted. What a row names moves: a phone from its agent, a device from its station.";

fn file(path: &str) -> Result<(PathBuf, Format), String> {
    let path = PathBuf::from(path);
    let format = Format::of(&path).ok_or("a file to import ends in .csv or .json")?;
    Ok((path, format))
}

/// Imports a file and tells how it went.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let outcome = import(args, settings).await?;
    let place = Place::of(&settings.directory.url);
    if args.json {
        output::line(for_programs(args, &outcome));
    } else {
        for_people(args, &outcome, &place);
    }
    Ok(if outcome.faults.is_empty() { Exit::Ok } else { Exit::Failure })
}

async fn import(args: &Args, settings: &Settings) -> Result<Outcome, Trouble> {
    let (path, format) = &args.file;
    let place = Place::of(&settings.directory.url);
    let (file, size) = open(path)?;
    // What does not exist is not made for a rehearsal.
    let is_nowhere = args.dry_run && place.is_missing();
    let url = if is_nowhere { "sqlite::memory:" } else { &settings.directory.url };
    let store = Store::open(url).map_err(|error| Trouble::no_url(&error))?;
    let checker = Checker::new(settings.cores.iter().map(|core| core.id).collect());
    let batches = reader::start(file, *format, args.kind, checker)
        .map_err(|error| Trouble::failure(format!("no thread to read {}: {error}", path.display())))?;
    let import = Import::new(batches, Progress::of(size), *format == Format::Json);
    write(&store, import, args.dry_run).await.map_err(|error| Trouble::of_store(&error, &place))
}

fn open(path: &Path) -> Result<(File, u64), Trouble> {
    let open = || {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok((file, size))
    };
    open()
        .map_err(|error: std::io::Error| Trouble::failure(format!("cannot read {}: {error}", path.display())))
}

/// One transaction: what is wrong with the file rolls it back, and is told beside it.
async fn write(store: &Store, import: Import, is_rehearsal: bool) -> Result<Outcome, StoreError> {
    let (tell, told) = oneshot::channel();
    let done = if is_rehearsal {
        store.rehearse(by(), move |tx| Box::pin(run_inside(import, tell, tx))).await
    } else {
        store.write_long(by(), move |tx| Box::pin(run_inside(import, tell, tx))).await
    };
    match (done, told.await) {
        (Ok(()), Ok(outcome)) => Ok(outcome),
        (Err(_), Ok(outcome)) if !outcome.faults.is_empty() => Ok(outcome),
        (Err(error), _) => Err(error),
        (Ok(()), Err(_)) => Err(StoreError::Failed("the import told nothing".into())),
    }
}

async fn run_inside(
    import: Import,
    tell: oneshot::Sender<Outcome>,
    tx: &mut Write<'_>,
) -> Result<(), StoreError> {
    let outcome = import.run(tx).await?;
    let is_good = outcome.faults.is_empty();
    // Whoever listens waits for the end of this work.
    let _ = tell.send(outcome);
    if is_good { Ok(()) } else { Err(StoreError::Invalid("the file has faults".into())) }
}

/// Who imports, for the audit trail.
fn by() -> By {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    By {
        who: user.unwrap_or_else(|| "unknown".into()),
        from: "command line".into(),
        function: "directory import".into(),
    }
}

fn for_people(args: &Args, outcome: &Outcome, place: &Place) {
    let file = args.file.0.display();
    if !outcome.faults.is_empty() {
        let faults = if outcome.faults.len() == 1 {
            "1 fault".into()
        } else {
            format!("{} faults", outcome.faults.len())
        };
        errln!("corecast: {file} has {faults}; nothing was imported:");
        outcome.faults.lines().for_each(|line| errln!("{line}"));
        return;
    }
    let done = if args.dry_run { "would be imported into" } else { "imported into" };
    output::line(format_args!("{file}: {} rows {done} {place}", outcome.rows));
    outcome.tally.lines().for_each(output::line);
    outcome.notes.iter().for_each(|note| output::line(format_args!("note: {note}")));
    if args.dry_run {
        output::line(output::styled("Changes:", "1"));
        outcome.tally.changes().for_each(output::line);
        output::line("Nothing was changed.");
    }
}

fn for_programs(args: &Args, outcome: &Outcome) -> serde_json::Value {
    let is_good = outcome.faults.is_empty();
    let mut report = outcome.tally.to_json();
    report["file"] = json!(args.file.0.display().to_string());
    report["dry_run"] = json!(args.dry_run);
    report["imported"] = json!(is_good && !args.dry_run);
    report["rows"] = json!(outcome.rows);
    report["notes"] = json!(outcome.notes);
    report["fault_count"] = json!(outcome.faults.len());
    report["faults"] = outcome.faults.to_json();
    report
}
