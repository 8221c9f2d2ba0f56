//! The command line.

/// Prints a line on standard error. Nobody may be reading there any more, which is no reason to stop.
macro_rules! errln {
    ($($text:tt)*) => { crate::cli::output::error_line(format_args!($($text)*)) };
}

mod audit;
mod bench;
mod call;
mod cav;
mod check;
mod configured;
mod cti;
mod demo;
mod directory;
mod functions;
mod logs;
mod output;
mod params;
mod records;
mod route;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A stateless fan-out proxy in front of call recorders: API_OK means that every owner confirmed.
#[derive(Debug, Parser)]
#[command(version, about, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit status: 0 done · 1 failed, or a core refused · 2 wrong usage · 3 only some cores confirmed · \
69 nobody could be reached · 78 the configuration is wrong";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show it at work: three cores and a proxy in one process
    Demo(demo::Args),
    /// Run the proxy
    Serve(serve::Args),
    /// Read a configuration and say all that is wrong with it
    Check(check::Args),
    /// Run a CTI core: it remembers calls, records them, and blacks out what must not be kept
    Core(Box<cti::Args>),
    /// Send one command and print the result
    Call(call::Args),
    /// Say where a command would go, and why
    Route(route::Args),
    /// Fill, save and look at the directory: who, what and where
    #[command(subcommand)]
    Directory(directory::Command),
    /// List call records, and remove recordings whose time is over
    #[command(subcommand)]
    Records(records::Command),
    /// Look at the ledger of blackouts, and check that nobody has changed it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Open an exported CAV file
    Cav(cav::Args),
    /// List the functions of the API
    Functions(functions::Args),
    /// Load an API socket or a WebAPI at a steady rate, and measure how long answers take
    Bench(Box<bench::Args>),
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// It failed, or a core refused.
    Failure = 1,
    /// Some cores confirmed, not all.
    Partial = 3,
    /// Nobody could be reached.
    Unavailable = 69,
    /// The configuration is wrong.
    Config = 78,
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Core(args) => cti::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Route(args) => route::run(&args),
        Command::Directory(command) => directory::run(&command),
        Command::Cav(args) => cav::run(&args),
        Command::Audit(command) => audit::run(&command),
        Command::Records(command) => records::run(&command),
        Command::Functions(args) => functions::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    ExitCode::from(exit as u8)
}

/// Runs something on the runtime for all that is not a worker's.
fn block_on<F: Future<Output = Exit>>(work: F) -> Exit {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            errln!("corecast: no runtime can be started: {error}");
            Exit::Failure
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
