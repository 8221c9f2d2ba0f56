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
mod completions;
mod configured;
mod cti;
mod demo;
mod directory;
mod exit;
mod functions;
mod logs;
mod man;
mod output;
mod params;
mod records;
mod result_json;
mod route;
mod serve;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use exit::Exit;

/// A stateless fan-out proxy in front of call recorders: API_OK means that every owner confirmed.
#[derive(Debug, Parser)]
#[command(version, about, disable_help_subcommand = true)]
#[command(after_help = exit::help(), after_long_help = exit::long_help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show it at work: three cores and a proxy in one process
    Demo(demo::Args),
    /// Run the proxy
    Serve(serve::Args),
    /// Read a configuration and say all that is wrong with it
    Check(check::Args),
    /// Run a CTI core, which records calls and blacks out what must not be kept
    Core(Box<cti::Args>),
    /// Send one command and print the result
    Call(call::Args),
    /// Say where a command would go, and why
    Route(route::Args),
    /// Watch the cores, as one or several copies of the proxy see them
    Top(top::Args),
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
    /// Print what a shell needs to complete the arguments of this program
    Completions(completions::Args),
    /// Write the man pages
    Man(man::Args),
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
        Command::Top(args) => top::run(&args),
        Command::Directory(command) => directory::run(&command),
        Command::Cav(args) => cav::run(&args),
        Command::Audit(command) => audit::run(&command),
        Command::Records(command) => records::run(&command),
        Command::Functions(args) => functions::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
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
