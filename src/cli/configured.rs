//! `--config FILE` of every command that needs a configuration.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::Exit;
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
            if io::stderr().is_terminal() {
                errln!("{faults:#}");
            } else {
                errln!("{faults}");
            }
            Exit::Config
        })
    }
}
