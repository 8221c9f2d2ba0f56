//! What was measured, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::load::{Load, Measured};
use super::render::Speech;
use super::tally::Tally;

/// The percentiles that are told, with their names.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// All rounds of one address as one.
struct Sum<'m> {
    load: &'m Load,
    rounds: &'m [Measured],
    tally: Tally,
}

impl<'m> Sum<'m> {
    fn of((load, rounds): (&'m Load, &'m Vec<Measured>)) -> Self {
        let mut tally = Tally::new();
        rounds.iter().for_each(|round| tally.add(&round.tally));
        Self { load, rounds, tally }
    }

    #[allow(clippy::cast_precision_loss, reason = "for people")]
    fn per_second(&self) -> f64 {
        self.tally.answers() as f64 / (self.load.duration.as_secs_f64() * self.rounds.len() as f64)
    }

    fn cpu(&self) -> Option<f64> {
        median(self.rounds.iter().filter_map(|round| round.cpu).collect())
    }
}

/// In microseconds.
#[allow(clippy::cast_precision_loss, reason = "for people")]
fn latency(tally: &Tally, quantile: f64) -> f64 {
    tally.latency.value_at_quantile(quantile) as f64 / 1000.0
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The first address's figures in relation to the second's: the median over the rounds.
fn ratios(rounds: &[Vec<Measured>]) -> Vec<(&'static str, f64)> {
    let [first, second] = rounds else { return Vec::new() };
    let ratio = |figure: &dyn Fn(&Measured) -> Option<f64>| {
        let pairs = first.iter().zip(second).filter_map(|(a, b)| Some(figure(a)? / figure(b)?));
        median(pairs.filter(|ratio| ratio.is_finite()).collect())
    };
    let mut ratios: Vec<_> = QUANTILES
        .iter()
        .filter_map(|(name, quantile)| Some((*name, ratio(&|m| Some(latency(&m.tally, *quantile)))?)))
        .collect();
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    ratios.extend(ratio(&|m| Some(m.tally.answers() as f64)).map(|answers| ("answers", answers)));
    ratios.extend(ratio(&|m| m.cpu).map(|cpu| ("cpu", cpu)));
    ratios
}

/// As a table.
pub(super) fn text(loads: &[Load], rounds: &[Vec<Measured>]) -> String {
    let mut out = String::new();
    for sum in loads.iter().zip(rounds).map(Sum::of) {
        write_sum(&mut out, &sum).unwrap_or_default();
    }
    if let [first, second] = loads {
        let pairs = ratios(rounds).into_iter().map(|(name, ratio)| format!("   {name} {ratio:.2}"));
        let pairs = pairs.collect::<String>();
        writeln!(out, "{} to {}:{pairs}", first.address, second.address).unwrap_or_default();
    }
    out
}

fn write_sum(out: &mut String, sum: &Sum<'_>) -> std::fmt::Result {
    let Load { address, connections, pipeline, duration, rate, .. } = sum.load;
    let rate = rate.map_or("as many as are answered".into(), |rate| format!("{rate} a second"));
    let (protocol, rounds) = (protocol(sum.load), sum.rounds.len());
    writeln!(
        out,
        "{address} over {protocol}: {rate}, {connections} connections of {pipeline} at once, {duration:?} × {rounds}"
    )?;
    let tally = &sum.tally;
    writeln!(out, "  answered   {} ({:.0} a second)", tally.answers(), sum.per_second())?;
    for (label, count) in &tally.labels {
        writeln!(out, "             {count} {label}")?;
    }
    for (count, what) in no_answers(tally) {
        if count > 0 {
            writeln!(out, "  NO ANSWER  {count} {what}")?;
        }
    }
    let quantiles = QUANTILES.map(|(name, quantile)| format!("{name} {:.0}", latency(tally, quantile)));
    writeln!(out, "  latency    {} µs", quantiles.join("   "))?;
    writeln!(out, "  bytes      {} sent, {} received", tally.sent_bytes, tally.received_bytes)?;
    if let Some(cpu) = sum.cpu() {
        writeln!(out, "  CPU        {cpu:.1} µs a request")?;
    }
    Ok(())
}

const fn protocol(load: &Load) -> &'static str {
    match load.renderer.speech {
        Speech::Xml => "TCP",
        Speech::Http => "HTTP",
    }
}

const fn no_answers(tally: &Tally) -> [(u64, &'static str); 4] {
    [
        (tally.timed_out, "timed out"),
        (tally.lost, "lost with their connection"),
        (tally.unsent, "could not be sent in time"),
        (tally.mistaken, "got a reply to something else"),
    ]
}

/// As JSON; latencies in microseconds.
pub(super) fn json(loads: &[Load], rounds: &[Vec<Measured>]) -> Value {
    let results: Vec<_> = loads.iter().zip(rounds).map(|pair| describe(&Sum::of(pair))).collect();
    let ratios: serde_json::Map<_, _> =
        ratios(rounds).into_iter().map(|(name, ratio)| (name.to_owned(), json!(ratio))).collect();
    json!({ "results": results, "ratios": ratios })
}

fn describe(sum: &Sum<'_>) -> Value {
    let Tally { timed_out, lost, unsent, mistaken, sent_bytes, received_bytes, .. } = sum.tally;
    let quantiles = QUANTILES.map(|(name, quantile)| (name.to_owned(), json!(latency(&sum.tally, quantile))));
    let labels = sum.tally.labels.iter().map(|(label, count)| (label.clone(), json!(count)));
    json!({
        "address": sum.load.address.to_string(),
        "protocol": protocol(sum.load),
        "rate": sum.load.rate,
        "connections": sum.load.connections,
        "pipeline": sum.load.pipeline,
        "seconds": sum.load.duration.as_secs_f64(),
        "rounds": sum.rounds.len(),
        "answers": sum.tally.answers(),
        "per_second": sum.per_second(),
        "results": labels.collect::<serde_json::Map<_, _>>(),
        "timed_out": timed_out,
        "lost": lost,
        "unsent": unsent,
        "mistaken": mistaken,
        "latency_us": quantiles.into_iter().collect::<serde_json::Map<_, _>>(),
        "sent_bytes": sent_bytes,
        "received_bytes": received_bytes,
        "cpu_us": sum.cpu(),
    })
}
