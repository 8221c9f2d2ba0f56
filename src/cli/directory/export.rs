//! `corecast directory export`: the directory → a file that `import` takes. It reads one state of the directory,
//! a page of devices at a time. Passwords are no part of what the store gives.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::columns::Kind;
use super::place::Place;
use super::trouble::Trouble;
use super::{Configured, export_csv, export_json};
use crate::cli::Exit;
use crate::config::Settings;
use crate::directory::entity::Device;
use crate::directory::store::Read;
use crate::directory::{Store, StoreError};

/// Arguments of `directory export`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Where to; standard output without it
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// json: the whole directory. csv: the rows of one kind, without ADD_TIME and MOD_TIME
    #[arg(long, value_enum, default_value = "json")]
    format: Written,
    /// What is written as CSV
    #[arg(long, value_enum, required_if_eq("format", "csv"))]
    kind: Option<Kind>,
    #[command(flatten)]
    pub configured: Configured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Written {
    Json,
    Csv,
}

/// Devices that are read in one go.
const PAGE: u32 = 20_000;

/// Why an export ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The database failed.
    Store(StoreError),
    /// What is written to failed.
    File(io::Error),
    /// It cannot be written in this format.
    Unwritable(String),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// What is written to.
pub(super) type Out = BufWriter<Box<dyn io::Write + Send>>;

/// Writes the directory to a file or to standard output.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let place = Place::of(&settings.directory.url);
    if place.is_missing() {
        return Err(Trouble::unavailable(&place, "there is no such file"));
    }
    let kind = match (args.format, args.kind) {
        (Written::Json, Some(_)) => {
            return Err(Trouble::failure("--kind is for --format csv: a JSON file holds all kinds"));
        }
        (_, kind) => kind,
    };
    let store = Store::open(&settings.directory.url).map_err(|error| Trouble::no_url(&error))?;
    let Some(path) = &args.file else {
        let out: Out = BufWriter::new(Box::new(io::stdout()));
        return match write(&store, kind, out).await {
            // Nobody wants to read on.
            Err(Broken::File(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
            done => done.map_err(|broken| trouble(broken, &place, "standard output")).map(|()| Exit::Ok),
        };
    };
    let done = to_file(&store, kind, path).await;
    done.map_err(|broken| trouble(broken, &place, &path.display().to_string())).map(|()| Exit::Ok)
}

/// Writes beside the file first, so that an export that fails leaves an older one as it is.
async fn to_file(store: &Store, kind: Option<Kind>, path: &Path) -> Result<(), Broken> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let out: Out = BufWriter::new(Box::new(File::create(&part)?));
    let done = match write(store, kind, out).await {
        Ok(()) => fs::rename(&part, path).map_err(Into::into),
        failed => failed,
    };
    if done.is_err() {
        // It is of no use to anybody, and the fault itself is told.
        let _ = fs::remove_file(&part);
    }
    done
}

/// Writes one state of the directory.
async fn write(store: &Store, kind: Option<Kind>, out: Out) -> Result<(), Broken> {
    store.read_long(move |read| Box::pin(run_inside(read, kind, out))).await?
}

/// The outer result is the database's, the inner one that of what is written.
async fn run_inside(
    read: &mut Read<'_>,
    kind: Option<Kind>,
    mut out: Out,
) -> Result<Result<(), Broken>, StoreError> {
    let done = match kind {
        Some(kind) => export_csv::write(read, kind, &mut out).await,
        None => export_json::write(read, &mut out).await,
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Err(Broken::Store(error)) => Err(error),
        done => Ok(done),
    }
}

/// The next devices after `last`, none at the end.
pub(super) async fn page(read: &mut Read<'_>, last: &str) -> Result<Vec<Device>, StoreError> {
    read.devices_after(last, PAGE).await
}

fn trouble(broken: Broken, place: &Place, file: &str) -> Trouble {
    match broken {
        Broken::Store(error) => Trouble::of_store(&error, place),
        Broken::File(error) => Trouble::failure(format!("cannot write {file}: {error}")),
        Broken::Unwritable(why) => Trouble::failure(why),
    }
}
