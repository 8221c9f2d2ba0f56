//! `corecast audit show DEVICE`: each blackout of a device, as it was asked, and what each core made of it.

use serde_json::{Value, json};

use super::{Configured, Span, Trouble, open, time};
use crate::cli::{Exit, output};
use crate::config::Settings;
use crate::ledger::{Leg, Order, Row};

/// Arguments of `audit show`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The device as cores are told it, or an agent as requests name it, for example SYS_USER=jdoe
    device: String,
    #[command(flatten)]
    span: Span,
    /// Print JSON: one blackout to a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub configured: Configured,
}

/// Shows them; a row whose hash is not its own is told, and then the program fails.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let (book, place) = open(settings)?;
    let (mut shown, mut changed) = (0_u64, 0_u64);
    let show = |row: Row| {
        if row.is_about(&args.device) {
            shown += 1;
            changed += u64::from(!is_sound(&row));
            output::line(if args.json { as_json(&row).to_string() } else { describe(&row) });
        }
    };
    let read = book.read(Order::Asked, args.span.milliseconds(), show).await;
    read.map_err(|error| Trouble::of_store(&error, &place))?;
    if shown == 0 {
        errln!("corecast: the ledger has no blackout of {}", args.device);
    }
    if changed > 0 {
        errln!(
            "corecast: {changed} of these were changed after they were written; see `corecast audit verify`"
        );
        return Ok(Exit::Failure);
    }
    Ok(Exit::Ok)
}

fn is_sound(row: &Row) -> bool {
    row.digest() == row.hash
}

fn as_json(row: &Row) -> Value {
    json!({
        "asked": time(row.asked), "function": row.function, "devices": row.devices(), "client": row.client,
        "request_id": row.request_id, "verdict": row.verdict, "legs": row.legs(), "written": time(row.at),
        "writer": row.writer, "seq": row.seq, "sound": is_sound(row),
    })
}

fn describe(row: &Row) -> String {
    let Row { function, client, request_id, writer, seq, .. } = row;
    let verdict = if row.verdict.is_empty() { "not answered" } else { &row.verdict };
    let (asked, devices) = (time(row.asked), row.devices().join(", "));
    let head = format!("{asked}  {function}  {devices}: {verdict}");
    let mut lines = vec![output::styled(&head, "1")];
    lines.extend(row.legs().iter().map(describe_leg));
    if row.legs().is_empty() {
        lines.push("    nothing was sent to a core".into());
    }
    // What was done later was asked for by nobody.
    let asked = || format!("asked by {client} as REQUESTID {request_id}");
    let by = if row.note.is_empty() { asked() } else { row.note.clone() };
    lines.push(format!("    {by}; entry {seq} of {writer}"));
    if !is_sound(row) {
        lines.push(output::styled("    THIS ENTRY WAS CHANGED after it was written", "31;1"));
    }
    lines.join("\n")
}

fn describe_leg(leg: &Leg) -> String {
    let Leg { core, outcome, ms, .. } = leg;
    let device = if leg.device.is_empty() { String::new() } else { format!(" as {}", leg.device) };
    let sent = match (leg.sent, leg.sent_ms) {
        (false, _) => "NOT SENT".into(),
        (true, None) => "sent".into(),
        (true, Some(ms)) => format!("sent after {ms} ms"),
    };
    let end = match (leg.is_confirmed(), leg.code) {
        (true, code) => format!("confirmed after {ms} ms{}", reply(code, &leg.label)),
        (false, Some(_)) => format!("REFUSED after {ms} ms{}", reply(leg.code, &leg.label)),
        (false, None) => format!("NOT CONFIRMED: {outcome}, after {ms} ms"),
    };
    format!("    core {core}{device}: {sent}, {end}")
}

fn reply(code: Option<i32>, label: &str) -> String {
    code.map_or_else(String::new, |code| format!(" with {label} ({code})"))
}
