//! Figures as lines of a terminal or of a file.

use std::fmt::Write;
use std::time::Duration;

use super::figures::{CopyFigures, CoreFigures, Figures};

const BOLD: &str = "1";
const RED: &str = "31;1";
const YELLOW: &str = "33";
const PLAIN: &str = "";

/// A piece of a line.
struct Cell {
    text: String,
    style: &'static str,
}

impl Cell {
    /// Without what could move a terminal's cursor: some of it is others' words.
    fn new(text: impl Into<String>, style: &'static str) -> Self {
        let text: String = text.into();
        Self { text: text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(), style }
    }

    fn plain(text: &(impl ToString + ?Sized)) -> Self {
        Self::new(text.to_string(), PLAIN)
    }

    /// A number that should be 0.
    fn unwanted(text: String, is_there: bool, style: &'static str) -> Self {
        Self::new(text, if is_there { style } else { PLAIN })
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A column's title; numbers stand to the right.
type Column = (&'static str, bool);

const LEFT: bool = false;
const RIGHT: bool = true;

const COPIES: [Column; 8] = [
    ("COPY", LEFT),
    ("VERSION", LEFT),
    ("CLIENTS", RIGHT),
    ("COMMANDS/S", RIGHT),
    ("MISSED/S", RIGHT),
    ("SHED/S", RIGHT),
    ("P50 MS", RIGHT),
    ("P99 MS", RIGHT),
];

const CORES: [Column; 14] = [
    ("CORE", RIGHT),
    ("NAME", LEFT),
    ("SITE", LEFT),
    ("BREAKER", LEFT),
    ("LEGS/S", RIGHT),
    ("MISSED/S", RIGHT),
    ("P50 MS", RIGHT),
    ("P99 MS", RIGHT),
    ("FLIGHT", RIGHT),
    ("QUEUED", RIGHT),
    ("OWED", RIGHT),
    ("OLDEST", RIGHT),
    ("LINKS", RIGHT),
    ("LAST ERROR", LEFT),
];

/// How lines are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paper {
    pub has_colours: bool,
    /// Where lines are cut.
    pub width: usize,
}

/// Both tables.
pub(super) fn lines(figures: &Figures, paper: Paper) -> Vec<String> {
    let copies = table(&COPIES, figures.copies.iter().map(copy).collect(), paper);
    let cores = table(&CORES, figures.cores.iter().map(core).collect(), paper);
    copies.into_iter().chain([String::new()]).chain(cores).collect()
}

/// What stands above them while they are watched.
pub(super) fn title(figures: &Figures, every: Duration, paper: Paper) -> String {
    let time = jiff::Timestamp::now().strftime("%H:%M:%S UTC");
    let many =
        |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let (copies, cores) = (figures.copies.len(), figures.cores.len());
    let (copies, cores) = (many(copies, "copy", "copies"), many(cores, "core", "cores"));
    let text = format!("corecast top   {copies}, {cores}   {time}, every {every:?}   q quits");
    line(&[(Cell::new(text, BOLD), 0, LEFT)], paper)
}

fn copy(copy: &CopyFigures) -> Vec<Cell> {
    if let Some(error) = &copy.error {
        return vec![Cell::plain(&copy.url), Cell::new(error, RED)];
    }
    vec![
        Cell::plain(&copy.url),
        Cell::plain(&copy.version),
        Cell::plain(&copy.clients),
        Cell::plain(&tenths(copy.rate)),
        Cell::unwanted(tenths(copy.missed), copy.missed > 0.0, RED),
        Cell::unwanted(tenths(copy.shed), copy.shed > 0.0, RED),
        Cell::plain(&latency(copy.p50_ms)),
        Cell::plain(&latency(copy.p99_ms)),
    ]
}

fn core(core: &CoreFigures) -> Vec<Cell> {
    let style = match &*core.state {
        "pass" => PLAIN,
        "shut" => RED,
        _ => YELLOW,
    };
    let is_owed = core.owed > 0.0;
    vec![
        Cell::plain(&core.id),
        Cell::plain(&core.name),
        Cell::plain(&core.site),
        Cell::new(state(core), style),
        Cell::plain(&tenths(core.rate)),
        Cell::unwanted(tenths(core.missed), core.missed > 0.0, RED),
        Cell::plain(&latency(core.p50_ms)),
        Cell::plain(&latency(core.p99_ms)),
        Cell::plain(&core.in_flight),
        Cell::unwanted(core.queued.to_string(), core.queued > 0, YELLOW),
        Cell::unwanted(core.owed.to_string(), is_owed, YELLOW),
        Cell::plain(&if is_owed { format!("{:.0}s", core.owed_oldest_seconds) } else { "-".into() }),
        Cell::plain(&core.connections),
        Cell::plain(&core.last_error),
    ]
}

/// Where copies differ, how many have it in this state.
fn state(core: &CoreFigures) -> String {
    let CoreFigures { state, copies_in_state, copies, .. } = core;
    if copies_in_state == copies { state.clone() } else { format!("{state} {copies_in_state}/{copies}") }
}

fn tenths(rate: f64) -> String {
    format!("{rate:.1}")
}

fn latency(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "-".into(), |milliseconds| format!("{milliseconds:.1}"))
}

fn table(columns: &[Column], rows: Vec<Vec<Cell>>, paper: Paper) -> Vec<String> {
    let head = columns.iter().map(|(title, _)| Cell::new(*title, BOLD)).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(rows).collect();
    let width = |at: usize| {
        // What a copy says instead of figures takes the room of them all.
        let cells = rows.iter().filter(|row| row.len() == columns.len());
        let first =
            if at == 0 { rows.iter().filter_map(|row| row.first()).map(Cell::width).max() } else { None };
        first.or_else(|| cells.map(|row| row[at].width()).max()).unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let write = |row: Vec<Cell>| {
        let cells = row.into_iter().zip(&widths).zip(columns);
        line(&cells.map(|((cell, width), (_, side))| (cell, *width, *side)).collect::<Vec<_>>(), paper)
    };
    rows.into_iter().map(write).collect()
}

/// Cells side by side, each with its width and side, as far as there is room.
fn line(cells: &[(Cell, usize, bool)], paper: Paper) -> String {
    let (mut out, mut room) = (String::new(), paper.width);
    for (at, (cell, width, side)) in cells.iter().enumerate() {
        let gap = if at == 0 { "" } else { "  " };
        let pad = " ".repeat(width.saturating_sub(cell.width()));
        let is_last = at + 1 == cells.len();
        let (before, after) = match side {
            &RIGHT => (pad, String::new()),
            _ if is_last => (String::new(), String::new()),
            _ => (String::new(), pad),
        };
        for (text, style) in [(gap, PLAIN), (&*before, PLAIN), (&*cell.text, cell.style), (&*after, PLAIN)] {
            let shown: String = text.chars().take(room).collect();
            room -= shown.chars().count();
            if style == PLAIN || shown.is_empty() || !paper.has_colours {
                out.push_str(&shown);
            } else {
                write!(out, "\x1b[{style}m{shown}\x1b[0m").unwrap_or_default();
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_are_cut() {
        let figures = Figures {
            copies: vec![],
            cores: ["a", "longer"].into_iter().zip(1..).map(|(name, id)| row(name, id)).collect(),
        };
        let paper = Paper { has_colours: false, width: 22 };
        assert_eq!(
            lines(&figures, paper)[2..],
            ["CORE  NAME    SITE  BR", "   1  a       hq    sh", "   2  longer  hq    sh"]
        );
        let coloured = lines(&figures, Paper { has_colours: true, ..paper });
        assert!(coloured[3].ends_with("hq    \x1b[31;1msh\x1b[0m"), "{coloured:?}");
    }

    fn row(name: &str, id: u16) -> CoreFigures {
        CoreFigures {
            id,
            name: name.into(),
            site: "hq".into(),
            address: String::new(),
            state: "shut".into(),
            copies_in_state: 1,
            copies: 2,
            rate: 0.0,
            missed: 0.0,
            p50_ms: None,
            p99_ms: None,
            in_flight: 0,
            queued: 0,
            connections: 0,
            owed: 0.0,
            owed_oldest_seconds: 0.0,
            last_error: "x\x1b[2J".into(),
        }
    }
}
