//! `--config FILE` of every command that needs a configuration.

use std::io;
use std::path::PathBuf;

use super::{Exit, output};
use crate::config::Settings;

/// The configuration that a command works with.
#[derive(Debug, clap::Args)]
pub(super) struct Configured {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/corecast/corecast.toml")]
    pub config: PathBuf,
}

impl Configured {
    /// The settings; or all that is wrong with them, told on standard error.
    pub fn load(&self) -> Result<Settings, Exit> {
        Settings::load(&self.config).map_err(|faults| {
            if output::has_colours(&io::stderr()) {
                errln!("{faults:#}");
            } else {
                errln!("{faults}");
            }
            Exit::Config
        })
    }
}
