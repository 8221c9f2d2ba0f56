//! `corecast records purge`: what retention would do; with `--apply`, it does it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Configured, Trouble, open};
use crate::cli::{Exit, output};
use crate::config::Settings;
use crate::media::Vault;
use crate::records::Retention;
use crate::records::purge::{Fate, Lot, Removed, Survey};

/// Arguments of `records purge`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Remove the recordings whose time is over. Without it nothing is changed
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    pub configured: Configured,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks, and removes where it is told to.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let (records, place) = open(settings)?;
    let (retention, now) = (&settings.records.retention, Timestamp::now());
    let survey = records.survey(retention, now).await.map_err(|error| Trouble::of_store(&error, &place))?;
    if !args.json {
        tell(&survey, retention);
    }
    let removed = if args.apply {
        let removed = records.purge(retention, now, &store(settings).await?).await;
        Some(removed.map_err(|error| Trouble::of_store(&error, &place))?)
    } else {
        None
    };
    match &removed {
        _ if args.json => output::line(for_programs(&survey, removed.as_ref())),
        Some(removed) => {
            output::line(format_args!("removed {}, {} bytes", recordings(removed.recordings), removed.bytes));
        }
        None => output::line("nothing was changed; --apply removes what is over"),
    }
    Ok(removed.as_ref().map_or(Exit::Ok, conclude))
}

fn for_programs(survey: &Survey, removed: Option<&Removed>) -> Value {
    json!({
        "lots": survey.lots.iter().map(lot_for_programs).collect::<Vec<_>>(),
        "not_ended": survey.open,
        "still_to_be_removed": survey.begun,
        "over": over(survey),
        "removed": removed.map(|removed| json!({
            "recordings": removed.recordings, "bytes": removed.bytes, "left": removed.left,
        })),
    })
}

fn lot_for_programs(lot: &Lot) -> Value {
    let (first, last) = lot.ended.unzip();
    let (before, kept) = match &lot.fate {
        Fate::Removed { before } => (Some(before), None),
        Fate::Kept(reason) => (None, Some(reason.words())),
    };
    json!({
        "archive_action": lot.archive_action, "keep_days": lot.keep_days, "recordings": lot.count,
        "first_ended": first, "last_ended": last, "over_before": before, "kept": kept,
    })
}

/// The store of recordings. Were it not there, every sound would count as gone already, and every record would go.
async fn store(settings: &Settings) -> Result<Vault, Trouble> {
    let unusable = |error| Trouble::failure(format!("{error}: nothing was changed"));
    let vault = Vault::open(&settings.media.vault).map_err(unusable)?;
    vault.look().await.map_err(unusable)?;
    Ok(vault)
}

fn tell(survey: &Survey, retention: &Retention) {
    survey.lots.iter().for_each(|lot| output::line(describe(lot, retention)));
    if survey.open > 0 {
        output::line(format_args!("{} have not ended: kept", recordings(survey.open)));
    }
    if survey.begun > 0 {
        output::line(format_args!("{} of an earlier run are still to be removed", recordings(survey.begun)));
    }
    output::line(format_args!("{} are over", recordings(over(survey))));
}

fn over(survey: &Survey) -> u64 {
    let is_over = |lot: &&Lot| matches!(lot.fate, Fate::Removed { .. });
    survey.lots.iter().filter(is_over).map(|lot| lot.count).sum()
}

fn describe(lot: &Lot, retention: &Retention) -> String {
    let action = match (&*lot.archive_action, retention.action(&lot.archive_action)) {
        ("", _) => "no archive action".into(),
        (number, Some(action)) => format!("archive action {number} ({})", action.name),
        (number, None) => format!("archive action {number:?}"),
    };
    let days = match &*lot.keep_days {
        "" => String::new(),
        days => format!(", KEEPDAYS {days:?}"),
    };
    let span = lot.ended.map_or_else(String::new, |(first, last)| {
        format!(", ended {} to {}", first.strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d"))
    });
    let fate = match &lot.fate {
        Fate::Removed { before } => {
            format!("over, as they ended before {}", before.strftime("%Y-%m-%d %H:%M UTC"))
        }
        Fate::Kept(reason) if reason.is_wrong() => output::styled(reason.words(), "33"),
        Fate::Kept(reason) => reason.words().into(),
    };
    format!("{action}{days}: {}{span}: {fate}", recordings(lot.count))
}

fn recordings(count: u64) -> String {
    if count == 1 { "1 recording".into() } else { format!("{count} recordings") }
}

/// What could not be removed goes to standard error.
fn conclude(removed: &Removed) -> Exit {
    let Some(failure) = &removed.failure else { return Exit::Ok };
    errln!("corecast: the store of recordings fails: {failure}");
    let left = recordings(removed.left);
    errln!(
        "corecast: {left} could not be removed; they are hidden already, and the next run tries them first"
    );
    Exit::Failure
}
