//! Printing, without ever failing because the reader has gone (`corecast functions | head`).

use std::io::{self, IsTerminal, Write};

/// Prints a line on standard output.
pub(super) fn line(text: impl std::fmt::Display) {
    // A closed pipe means that nobody wants to read on.
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints a line on standard error.
pub(super) fn error_line(text: std::fmt::Arguments<'_>) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Standard error as the log writes to it: a reader that has gone stops the log, and nothing else.
#[derive(Debug)]
pub(super) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(io::stderr().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text in an ANSI style, on a terminal; elsewhere as it is.
pub(super) fn styled(text: &str, code: &str) -> String {
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// One-line XML with each element on a line of its own, for people.
pub(super) fn indented(xml: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut was_open = false;
    for piece in xml.trim().split_inclusive('>') {
        let (text, tag) = piece.split_at(piece.find('<').unwrap_or(0));
        let is_close = tag.starts_with("</");
        out.push_str(text);
        depth -= usize::from(is_close && depth > 0);
        if !(out.is_empty() || is_close && was_open) {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
        out.push_str(tag);
        was_open = !is_close && !tag.ends_with("/>");
        depth += usize::from(was_open);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_on_lines_and_values_in_them() {
        let xml = "<RESULT><A>1 &gt; 2</A><B></B><C><D>x</D></C></RESULT>\r\n";
        let lines = "<RESULT>\n  <A>1 &gt; 2</A>\n  <B></B>\n  <C>\n    <D>x</D>\n  </C>\n</RESULT>";
        assert_eq!(indented(xml), lines);
    }
}
