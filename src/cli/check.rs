//! `corecast check`: reads a configuration and says all that is wrong with it.

use super::configured::Configured;
use super::{Exit, output};
use crate::app::check_files;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    configured: Configured,
}

pub(super) fn run(args: &Args) -> Exit {
    match args.configured.load() {
        Ok(settings) => {
            if let Err(fault) = check_files(&settings) {
                errln!("corecast: {fault}");
                return Exit::Config;
            }
            let (file, cores, rules) =
                (args.configured.config.display(), settings.cores.len(), settings.rules.len());
            output::line(format_args!("{file}: good, with {cores} cores and {rules} rules"));
            Exit::Ok
        }
        Err(exit) => exit,
    }
}
