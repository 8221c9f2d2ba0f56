//! `corecast top`: the cores as the copies of the proxy see them, now.

mod copy;
mod exposition;
mod figures;
mod screen;
mod table;

use std::io::{self, IsTerminal};
use std::time::Duration;

use futures::future::join_all;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

use super::params::time;
use super::serve::until_told_to_stop;
use super::{Exit, block_on, output};
use copy::{Copy, Sample};
use figures::Figures;
use screen::{Screen, keys};
use table::Paper;

/// Arguments of `top`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The admin address of each copy of the proxy
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9620")]
    copies: Vec<String>,
    /// How often they are asked, and the time that a rate or a latency is of; 100ms at least
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time)]
    every: Duration,
    /// Print it once and end, on a terminal too
    #[arg(long)]
    once: bool,
    /// Print JSON, once, and end
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
MISSED are commands that not every owner confirmed, and legs that a core neither confirmed nor refused. P50 and P99 are
of the time since the last look. OWED is what the core is still to get, and OLDEST since when.
q or Ctrl-C ends it. Where an admin address asks for a token, it is taken from CORECAST__ACCESS__ADMIN_TOKEN.";

/// The least time between two looks.
const LEAST: Duration = Duration::from_millis(100);

/// The first figures are those of so short a time, so that there is something to look at.
const FIRST: Duration = Duration::from_millis(500);

pub(super) fn run(args: &Args) -> Exit {
    let copies: Result<Vec<_>, _> = args.copies.iter().map(|url| Copy::new(url)).collect();
    let watch = match copies {
        Ok(copies) => Watch { before: vec![None; copies.len()], copies },
        Err(why) => {
            errln!("corecast: {why}");
            return Exit::Usage;
        }
    };
    let every = args.every.max(LEAST);
    block_on(async move {
        if args.once || args.json || !io::stdout().is_terminal() {
            tell(watch, every, args.json).await
        } else {
            live(watch, every).await
        }
    })
}

/// The copies, and what each told last.
struct Watch {
    copies: Vec<Copy>,
    before: Vec<Option<Sample>>,
}

impl Watch {
    /// Asks all copies, and compares with what they told last.
    async fn look(&mut self) -> Figures {
        let samples = join_all(self.copies.iter().map(Copy::sample)).await;
        let pair = |((copy, before), sample): ((&Copy, &mut Option<Sample>), Result<Sample, String>)| {
            let pair = sample.map(|now| (before.replace(now.clone()).unwrap_or_else(|| now.clone()), now));
            (copy.url.clone(), pair)
        };
        let pairs: Vec<_> = self.copies.iter().zip(&mut self.before).zip(samples).map(pair).collect();
        Figures::of(&pairs)
    }

    /// Looks again and again, until nobody wants to know.
    async fn go_on(mut self, every: Duration, tell: Sender<Figures>) {
        self.look().await;
        sleep(every.min(FIRST)).await;
        while tell.send(self.look().await).await.is_ok() {
            sleep(every).await;
        }
    }
}

/// Figures of one span of time, for a file or a program.
async fn tell(mut watch: Watch, every: Duration, as_json: bool) -> Exit {
    watch.look().await;
    sleep(every).await;
    let figures = watch.look().await;
    if as_json {
        match serde_json::to_string(&figures) {
            Ok(json) => output::line(json),
            Err(error) => {
                errln!("corecast: {error}");
                return Exit::Failure;
            }
        }
    } else {
        let paper = Paper { has_colours: output::has_colours(&io::stdout()), width: usize::MAX };
        table::lines(&figures, paper).iter().for_each(output::line);
    }
    let is_silent = figures.copies.iter().all(|copy| copy.error.is_some());
    if is_silent { Exit::Unavailable } else { Exit::Ok }
}

/// On a terminal, until somebody has seen enough.
async fn live(watch: Watch, every: Duration) -> Exit {
    let (tell, figures) = channel(1);
    let looking = tokio::spawn(watch.go_on(every, tell));
    let watched = show(figures, every).await;
    looking.abort();
    match watched {
        Ok(()) => Exit::Ok,
        Err(error) => {
            errln!("corecast: the terminal cannot be used: {error}");
            Exit::Failure
        }
    }
}

async fn show(mut figures: Receiver<Figures>, every: Duration) -> io::Result<()> {
    let screen = Screen::take(every)?;
    let (mut keys, mut resized) = (keys(), signal(SignalKind::window_change())?);
    let mut stop = std::pin::pin!(until_told_to_stop());
    let mut last = None;
    loop {
        tokio::select! {
            Some(newer) = figures.recv() => last = Some(newer),
            Some(()) = resized.recv() => {}
            Some(key) = keys.recv() => if matches!(key, b'q' | b'Q') { return Ok(()) },
            () = &mut stop => return Ok(()),
        }
        if let Some(figures) = &last {
            screen.show(figures)?;
        }
    }
}
