//! Printing, without ever failing because the reader has gone (`corecast functions | head`).

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use tokio::io::Interest;
use tokio::net::unix::pipe;

/// Prints a line on standard output.
pub(super) fn line(text: impl std::fmt::Display) {
    // A closed pipe means that nobody wants to read on.
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Waits until nobody can read any more what is written there: the other end of its pipe is closed. What is no pipe
/// may always be read.
pub(super) async fn unread(out: impl AsFd) {
    // Nothing is written through it, so it may go on blocking: to change that would change it for every writer.
    let watched = out.as_fd().try_clone_to_owned().and_then(pipe::Sender::from_owned_fd_unchecked);
    if let Ok(watched) = watched
        && watched.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Prints a line on standard error.
pub(super) fn error_line(text: std::fmt::Arguments<'_>) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Whether what is written there may have colours: on a terminal, unless NO_COLOR says that somebody wants none.
pub(super) fn has_colours(out: &impl IsTerminal) -> bool {
    out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A text in an ANSI style, on a terminal; elsewhere as it is.
pub(super) fn styled(text: &str, code: &str) -> String {
    if has_colours(&io::stdout()) { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
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
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn elements_stand_on_lines_and_values_in_them() {
        let xml = "<RESULT><A>1 &gt; 2</A><B></B><C><D>x</D></C></RESULT>\r\n";
        let lines = "<RESULT>\n  <A>1 &gt; 2</A>\n  <B></B>\n  <C>\n    <D>x</D>\n  </C>\n</RESULT>";
        assert_eq!(indented(xml), lines);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_noticed_when_the_reader_goes_and_not_before() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut unread = std::pin::pin!(unread(writer));
        let hour = Duration::from_hours(1);
        assert!(timeout(hour, &mut unread).await.is_err(), "somebody may still read");
        drop(reader);
        unread.await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_always_read() {
        let file = std::fs::File::open("/dev/null").expect("a file");
        assert!(timeout(Duration::from_hours(1), unread(file)).await.is_err());
    }
}
