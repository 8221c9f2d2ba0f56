//! Runs the simulation of whole proxies: `cargo run --release --example simulate -- --seeds 10000`. See
//! `docs/simulation.md`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program for developers, and its tests"
)]

#[path = "../tests/sim/lib.rs"]
#[allow(clippy::pedantic, reason = "shared with the tests")]
mod sim;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

#[derive(Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this seed only, and print what happened.
    #[arg(long)]
    seed: Option<u64>,
    /// Go on after a seed that fails.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(seed) = args.seed {
        let ran = sim::play_seed(seed);
        ran.trace.iter().for_each(|line| println!("{line}"));
        return if ran.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (begun, mut requests, mut failed, mut overtaken) = (Instant::now(), 0, 0, 0);
    for seed in args.from..args.from + args.seeds {
        let ran = sim::play_seed(seed);
        requests += ran.requests;
        overtaken += usize::from(ran.is_replayed || !ran.overtaken.is_empty());
        if !ran.broken.is_empty() {
            failed += 1;
            println!("seed {seed}: {}", ran.broken.join("\n    "));
            if !args.keep_going {
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{} seeds, {failed} failed, {overtaken} out of order, {requests} requests, in {:?}",
        args.seeds,
        begun.elapsed()
    );
    ExitCode::SUCCESS
}
