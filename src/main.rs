//! The `corecast` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    corecast::cli::main()
}
