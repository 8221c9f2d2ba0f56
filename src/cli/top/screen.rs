//! The terminal while it is watched: a screen of its own, and keys as they are typed.

use std::io::{self, Read, Write};
use std::time::Duration;

use console::Term;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc::{Receiver, channel};

use super::figures::Figures;
use super::table::{self, Paper};
use crate::cli::output::has_colours;

/// The other screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A terminal that is as it was before when this is dropped.
pub(super) struct Screen {
    every: Duration,
    before: Option<Termios>,
}

impl Screen {
    /// Takes the terminal, for figures that are renewed so often.
    ///
    /// # Errors
    /// What the system says.
    pub fn take(every: Duration) -> io::Result<Self> {
        // Without keys, for example with its input from a file, it can still be watched.
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut modes = before.clone();
            modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            tcsetattr(io::stdin(), OptionalActions::Now, &modes)?;
        }
        let screen = Self { every, before };
        write(ENTER)?;
        Ok(screen)
    }

    /// Shows figures, as many lines as there is room for.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub fn show(&self, figures: &Figures) -> io::Result<()> {
        let (height, width) = Term::stdout().size();
        let paper = Paper { has_colours: has_colours(&io::stdout()), width: width.into() };
        let title = table::title(figures, self.every, paper);
        let lines = [title, String::new()].into_iter().chain(table::lines(figures, paper));
        let lines: Vec<_> = lines.take(height.into()).map(|line| line + "\x1b[K").collect();
        write(&format!("\x1b[H{}\x1b[J", lines.join("\r\n")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If the terminal has gone, nothing is left to be put right.
        drop(write(LEAVE));
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What is typed. The thread that reads it ends with the program.
pub(super) fn keys() -> Receiver<u8> {
    let (typed, keys) = channel(16);
    let read = move || {
        let bytes = io::stdin().lock().bytes();
        bytes.map_while(Result::ok).take_while(|key| typed.blocking_send(*key).is_ok()).for_each(drop);
    };
    // Without the thread there are no keys: Ctrl-C ends it all the same.
    drop(std::thread::Builder::new().name("keys".into()).spawn(read));
    keys
}
