//! `corecast man`: the man pages, made of the same table as the help.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Cli, Exit};

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder into which they are written, one for each command; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args) -> Exit {
    match write(&args.folder) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            errln!("corecast: no man pages in {}: {error}", args.folder.display());
            Exit::Failure
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}
