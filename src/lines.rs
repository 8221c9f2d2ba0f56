//! Lines of the log on their way out. A thread of their own writes them, so that nobody who has something to say waits
//! for whoever reads it; what there is no room for is left out and counted.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that may wait to be written.
const ROOM: usize = 4 << 20;

/// How long the last lines may take at the end.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// What a line is worth when there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// What the program has to say.
    Word,
    /// One of very many: it may take half of the room, so that they never crowd out a word.
    Access,
}

impl Worth {
    const fn room(self) -> usize {
        match self {
            Self::Word => ROOM,
            Self::Access => ROOM / 2,
        }
    }
}

/// Where lines are put. Clones share it; the default leads nowhere.
#[derive(Clone, Debug, Default)]
pub struct Lines(Option<Arc<Waiting>>);

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    held: Mutex<Held>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    text: Vec<u8>,
    /// Lines left out since the start.
    left_out: u64,
    is_end: bool,
}

/// The thread that writes. When this is dropped, all that waits is written, unless nobody reads it.
#[derive(Debug)]
pub struct Writer {
    waiting: Arc<Waiting>,
    has_ended: Receiver<()>,
}

impl Lines {
    /// Starts to write there. `tell` makes the line that says how many were left out.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(
        out: impl Write + Send + 'static,
        tell: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<(Self, Writer)> {
        let waiting = Arc::<Waiting>::default();
        let (ends, has_ended) = channel();
        let written = waiting.clone();
        thread::Builder::new().name("corecast-log".into()).spawn(move || {
            written.write(out, tell);
            drop(ends);
        })?;
        Ok((Self(Some(waiting.clone())), Writer { waiting, has_ended }))
    }

    /// Puts lines down to be written, each with its line end. They are left out if there is no room.
    pub fn put(&self, lines: &[u8], worth: Worth) {
        if let Some(waiting) = &self.0 {
            waiting.put(lines, worth);
        }
    }

    /// Lines that were left out since the start.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.0.as_ref().map_or(0, |waiting| waiting.held().left_out)
    }
}

impl Waiting {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, lines: &[u8], worth: Worth) {
        let mut held = self.held();
        if held.text.len() + lines.len() > worth.room() {
            held.left_out += 1;
            return;
        }
        let was_idle = held.text.is_empty();
        held.text.extend_from_slice(lines);
        drop(held);
        if was_idle {
            self.more.notify_one();
        }
    }

    /// Until the end. A reader that has gone stops the log, and nothing else.
    fn write(&self, mut out: impl Write, tell: impl Fn(u64) -> String) {
        let (mut text, mut told) = (Vec::new(), 0);
        while let Some(left_out) = self.take(&mut text) {
            drop(out.write_all(&text));
            if left_out > told {
                drop(out.write_all(tell(left_out - told).as_bytes()));
                told = left_out;
            }
            drop(out.flush());
        }
    }

    /// All that waits, and how much was left out; `None` at the end.
    fn take(&self, text: &mut Vec<u8>) -> Option<u64> {
        text.clear();
        let is_idle = |held: &mut Held| held.text.is_empty() && !held.is_end;
        let mut held = self.more.wait_while(self.held(), is_idle).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut held.text, text);
        (!text.is_empty()).then_some(held.left_out)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.waiting.held().is_end = true;
        self.waiting.more.notify_one();
        // It ends without a word; or whoever should read does not, and is not waited for any longer.
        self.has_ended.recv_timeout(LAST_LINES).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;

    /// A reader that reads so many times and then lets the writer wait until it is told to go on.
    struct Slow {
        read: Arc<Mutex<Vec<u8>>>,
        begun: Sender<()>,
        go_on: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(()).unwrap_or_default();
            self.go_on.recv().unwrap_or_default();
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What it has read, when it begins to, and what lets it go on.
    struct Reader {
        read: Arc<Mutex<Vec<u8>>>,
        begun: Receiver<()>,
        go_on: Sender<()>,
    }

    fn slow() -> (Slow, Reader) {
        let ((begins, begun), (go_on, told)) = (channel(), channel());
        let read = Arc::<Mutex<Vec<u8>>>::default();
        (Slow { read: read.clone(), begun: begins, go_on: told }, Reader { read, begun, go_on })
    }

    #[test]
    fn nothing_is_lost_at_an_orderly_end() {
        let (out, Reader { read, begun: _begun, go_on }) = slow();
        drop(go_on);
        let (lines, writer) = Lines::start(out, |_| String::new()).unwrap();
        (0..10_000).for_each(|number| lines.put(format!("{number}\n").as_bytes(), Worth::Word));
        drop(writer);
        let expected: String = (0..10_000).map(|number| format!("{number}\n")).collect();
        assert_eq!(String::from_utf8_lossy(&read.lock().unwrap()), expected);
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_is_left_out_is_told() {
        let (out, Reader { read, begun, go_on }) = slow();
        let (lines, writer) = Lines::start(out, |count| format!("{count} left out\n")).unwrap();
        lines.put(b"first\n", Worth::Word);
        begun.recv().unwrap();
        // The writer waits for its reader now; access lines fill their half and words the rest.
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        (0..ROOM / 1024).for_each(|_| lines.put(&line, Worth::Access));
        assert_eq!(lines.left_out(), 2048);
        (0..ROOM / 1024).for_each(|_| lines.put(&line, Worth::Word));
        assert_eq!(lines.left_out(), 4096);
        drop(go_on);
        drop(writer);
        let read = read.lock().unwrap();
        assert!(read.starts_with(b"first\nxx") && read.ends_with(b"x\n4096 left out\n"));
        assert_eq!(read.len(), "first\n".len() + ROOM + "4096 left out\n".len());
    }

    #[test]
    fn lines_that_lead_nowhere_cost_nothing() {
        Lines::default().put(b"x\n", Worth::Word);
        assert_eq!(Lines::default().left_out(), 0);
    }
}
