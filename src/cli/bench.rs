//! `corecast bench`: a load at a steady rate, and how long the answers take.
//!
//! The load is open: requests are due at times that are fixed before the first is sent, and each latency is counted
//! from the time at which the request was due. A server that stalls is charged for every request that it kept from being
//! sent meanwhile (what is called coordinated omission cannot occur).

mod alarm;
mod connection;
mod cpu;
mod drive;
mod load;
mod mix;
mod render;
mod replies;
mod report;
mod schedule;
mod tally;

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use jiff::SignedDuration;

use super::params::pair;
use super::{Exit, output};
use load::{Load, Measured};
use mix::{Devices, Mix};
use render::{Renderer, Speech};

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Args {
    /// An API socket, or with --http a WebAPI; for example 127.0.0.1:5620
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Measure this one too, in turn with the first, and print the ratios of the first to it
    #[arg(long, value_name = "ADDRESS")]
    against: Option<String>,
    /// How often each of the two is measured
    #[arg(long, value_name = "N", default_value_t = 3, requires = "against", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Requests a second, over all connections
    #[arg(long, value_name = "N", default_value_t = 1000.0, value_parser = rate)]
    rate: f64,
    /// As many as are answered instead: each answer is followed by the next request at once
    #[arg(long, conflicts_with = "rate")]
    closed: bool,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = whole(1, 100_000))]
    connections: usize,
    /// Requests of one connection that may be under way at once; more wait, and their waiting counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1, 65_536))]
    pipeline: usize,
    /// How long it is measured
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    duration: Duration,
    /// How long it is loaded before that
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    warm_up: Duration,
    /// How long an answer is waited for; then the connection is made anew
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    timeout: Duration,
    /// Which functions, and how often each in relation to the others
    #[arg(long, value_name = "TYPE=N,…", default_value = "BLACKOUTSTART=1,BLACKOUTSTOP=1,CALLUPDATE=8")]
    mix: Mix,
    /// The devices, taken at random: a range, or a file with one DEVICEID a line
    #[arg(long, value_name = "RANGE|FILE", default_value = "7000-7999")]
    devices: Devices,
    /// A parameter of every request, for example USER1=something
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    /// By URL over HTTP, instead of XML over TCP
    #[arg(long)]
    http: bool,
    /// Threads of the load itself, each with its share of the connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1, 256))]
    threads: usize,
    /// Print what this process spends on a request, from /proc; of several, the sum
    #[arg(long, value_name = "PID")]
    cpu_of: Vec<u32>,
    /// The same for --against
    #[arg(long, value_name = "PID", requires = "against")]
    against_cpu_of: Vec<u32>,
    /// Fail unless every answer is API_OK
    #[arg(long)]
    expect_ok: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXIT_CODES: &str = "\
Exit status: 0 every request was answered · 1 some were not, or with --expect-ok some answer was not API_OK · \
2 wrong usage · 69 nobody could be reached";

fn time(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("{text} is no time such as 10s or 500ms");
    text.parse::<SignedDuration>().map_err(wrong)?.try_into().map_err(wrong)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=10_000_000.0).contains(rate));
    rate.ok_or_else(|| format!("{text} is no number of requests a second, 0.001 to 10000000"))
}

/// Whole numbers between these.
fn whole(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("{text} is no number from {least} to {most}"))
    }
}

pub(super) fn run(args: &Args) -> Exit {
    let loads = match loads(args) {
        Ok(loads) => loads,
        Err(why) => {
            errln!("corecast: {why}");
            return Exit::Unavailable;
        }
    };
    let mut rounds: Vec<Vec<Measured>> = loads.iter().map(|_| Vec::new()).collect();
    for _ in 0..if loads.len() > 1 { args.rounds } else { 1 } {
        for (load, measured) in loads.iter().zip(&mut rounds) {
            match load.measure() {
                Ok(round) => measured.push(round),
                Err(error) => {
                    errln!("corecast: no load on {}: {error}", load.address);
                    return Exit::Unavailable;
                }
            }
        }
    }
    if args.json {
        output::line(report::json(&loads, &rounds));
    } else {
        output::line(report::text(&loads, &rounds).trim_end());
    }
    exit(args, rounds.iter().flatten())
}

/// The load on each address, alike but for that.
fn loads(args: &Args) -> Result<Vec<Load>, String> {
    let mut loads = vec![load(args, &args.address, &args.cpu_of)?];
    if let Some(against) = &args.against {
        loads.push(load(args, against, &args.against_cpu_of)?);
    }
    Ok(loads)
}

fn load(args: &Args, address: &str, cpu_of: &[u32]) -> Result<Load, String> {
    let speech = if args.http { Speech::Http } else { Speech::Xml };
    Ok(Load {
        address: resolve(address)?,
        renderer: Renderer::new(speech, address, &args.mix, &args.devices, &args.params),
        rate: (!args.closed).then_some(args.rate),
        connections: args.connections,
        pipeline: args.pipeline,
        threads: args.threads.min(args.connections),
        warm_up: args.warm_up,
        duration: args.duration,
        timeout: args.timeout,
        cpu_of: cpu_of.to_vec(),
    })
}

fn resolve(address: &str) -> Result<SocketAddr, String> {
    let mut found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?;
    found.next().ok_or_else(|| format!("{address} has no address"))
}

fn exit<'m>(args: &Args, mut rounds: impl Iterator<Item = &'m Measured>) -> Exit {
    let is_fine = |m: &Measured| m.tally.unanswered() == 0 && (!args.expect_ok || m.tally.all_ok());
    if rounds.all(is_fine) { Exit::Ok } else { Exit::Failure }
}
