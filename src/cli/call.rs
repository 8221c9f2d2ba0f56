//! `corecast call`: one command, its result, and an exit status by its verdict.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::timeout;

use super::params::Typed;
use super::{Exit, block_on, output, result_json};
use crate::client::Client;
use crate::protocol::codes::ResultType;
use crate::protocol::result::ReplyHead;

/// Arguments of `call`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The API socket, for example 127.0.0.1:5620
    #[arg(value_name = "ADDRESS")]
    address: String,
    #[command(flatten)]
    command: Typed,
    /// Print the result as it came, on one line
    #[arg(long)]
    raw: bool,
    /// Print the result as JSON: sections are lists, all else is text
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    /// How many seconds to wait for the result
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

pub(super) fn run(args: &Args) -> Exit {
    block_on(async {
        let limit = Duration::from_secs(args.timeout);
        match timeout(limit, ask(args)).await.unwrap_or_else(|late| Err(late.into())) {
            Ok(answer) => show(&answer, args),
            Err(error) => {
                errln!("corecast: no result from {}: {error}", args.address);
                Exit::Unavailable
            }
        }
    })
}

async fn ask(args: &Args) -> io::Result<String> {
    let address = tokio::net::lookup_host(&args.address).await?.next();
    let address =
        address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
    let answer = Client::connect(address).await?.ask(args.command.to_xml().as_bytes()).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn show(answer: &str, args: &Args) -> Exit {
    if args.json {
        let Some(json) = result_json::of(answer) else {
            errln!("corecast: {} answered with what is no RESULT", args.address);
            return Exit::Failure;
        };
        output::line(json);
    } else if args.raw || !io::stdout().is_terminal() {
        output::line(answer.trim_end());
    } else {
        output::line(output::indented(answer));
    }
    ReplyHead::read(answer.as_bytes()).map_or(Exit::Failure, |head| exit_of(&head))
}

/// The exit status that a result stands for.
fn exit_of(head: &ReplyHead<'_>) -> Exit {
    match ResultType::from_label(&head.label) {
        _ if head.is_ok() => Exit::Ok,
        Some(ResultType::PartialCoreResponse) => Exit::Partial,
        Some(ResultType::RecorderNotRunning) => Exit::Unavailable,
        _ => Exit::Failure,
    }
}
