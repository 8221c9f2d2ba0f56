//! How far a long import is, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Rows from which on there is something to look at.
const MANY: u64 = 10_000;

/// A bar on standard error, if that is a terminal and the file is long.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    bytes: u64,
}

impl Progress {
    /// For a file of this size.
    pub fn of(bytes: u64) -> Self {
        Self { bar: ProgressBar::hidden(), bytes }
    }

    /// This much is read.
    pub fn at(&mut self, rows: u64, bytes: u64) {
        if rows > MANY && self.bar.is_hidden() {
            self.bar = bar(self.bytes);
        }
        self.bar.set_position(bytes);
        self.bar.set_message(format!("{rows} rows"));
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// It draws nothing where standard error is no terminal.
fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
