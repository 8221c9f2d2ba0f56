//! Reading a file, chunk by chunk.

use std::io::{self, Read};

use serde_json::Value;

use super::MAX_ABOUT_BYTES;
use super::guard::{Guard, Seat, TAG_BYTES};
use super::head::{HEAD_BYTES, Head, Protection};
use super::key::derive;

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is something else.
    #[error("it is not a CAV file")]
    NotCav,
    /// It was written by a later version.
    #[error("it is a CAV file of version {0}, and this program knows version 1")]
    Version(u8),
    /// It is encrypted, and no password was given.
    #[error("it is encrypted, and no password was given")]
    NeedsPassword,
    /// The password does not open its first chunk.
    #[error("the password is wrong, or the file is damaged at its beginning")]
    WrongPassword,
    /// It asks for more memory or time than a file may.
    #[error(
        "making its key would take more memory or time than a file may ask for: it is damaged, or hostile"
    )]
    TooCostly,
    /// It is not as it was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// A file whose head was read.
#[derive(Debug)]
pub struct Sealed<R> {
    head: Head,
    from: R,
}

impl<R: Read> Sealed<R> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn read(mut from: R) -> Result<Self, OpenError> {
        let mut head = [0; HEAD_BYTES];
        from.read_exact(&mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => OpenError::NotCav,
            _ => OpenError::Io(error),
        })?;
        Ok(Self { head: Head::read(&head)?, from })
    }

    /// Whether a password is needed.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        matches!(self.head.protection, Protection::Password { .. })
    }

    /// Reads what is known of the recording. Making the key takes some tenths of a second, and at most 256 MiB.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(self, password: Option<&str>) -> Result<Opened<R>, OpenError> {
        let guard = guard(self.head, password)?;
        let chunk_bytes = usize::try_from(self.head.chunk_bytes).unwrap_or(0);
        let mut chunks = Chunks {
            from: self.from,
            is_encrypted: matches!(self.head.protection, Protection::Password { .. }),
            guard,
            buffer: Vec::new(),
            size: chunk_bytes + TAG_BYTES,
            plain: Vec::new(),
            taken: 0,
            number: 0,
            is_over: false,
        };
        let about = chunks.about()?;
        Ok(Opened { about, chunks })
    }
}

fn guard(head: Head, password: Option<&str>) -> Result<Guard, OpenError> {
    let Protection::Password { cost, salt, prefix } = head.protection else {
        return Ok(Guard::digest(head.write()));
    };
    let password = password.ok_or(OpenError::NeedsPassword)?;
    let key = derive(password, &salt, cost).map_err(|_| OpenError::TooCostly)?;
    Guard::cipher(head.write(), &key, prefix).map_err(|_| OpenError::TooCostly)
}

/// A file that is being read. [`Read`] gives its sound; an error of it holds an [`OpenError`], and what was read
/// before is not to be used then.
pub struct Opened<R> {
    about: Value,
    chunks: Chunks<R>,
}

impl<R> std::fmt::Debug for Opened<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("about", &self.about).finish_non_exhaustive()
    }
}

impl<R> Opened<R> {
    /// What is known of the recording.
    #[must_use]
    pub const fn about(&self) -> &Value {
        &self.about
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.chunks.take(into).map_err(|error| match error {
            OpenError::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        })
    }
}

struct Chunks<R> {
    from: R,
    is_encrypted: bool,
    guard: Guard,
    /// A chunk as it was read; between chunks the first byte of the next.
    buffer: Vec<u8>,
    /// A chunk's size with its tag.
    size: usize,
    /// What is in the current chunk.
    plain: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
    /// The next chunk's number.
    number: u32,
    /// The current chunk is the last.
    is_over: bool,
}

impl<R: Read> Chunks<R> {
    fn about(&mut self) -> Result<Value, OpenError> {
        let mut size = [0; 4];
        self.take_exactly(&mut size)?;
        let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
        if size > MAX_ABOUT_BYTES {
            return Err(OpenError::Damaged(format!("it says {size} bytes about the recording")));
        }
        let mut about = vec![0; size];
        self.take_exactly(&mut about)?;
        serde_json::from_slice(&about).map_err(|error| {
            OpenError::Damaged(format!("what it says about the recording is no JSON: {error}"))
        })
    }

    fn take_exactly(&mut self, mut into: &mut [u8]) -> Result<(), OpenError> {
        while !into.is_empty() {
            match self.take(into)? {
                0 => return Err(OpenError::Damaged("it ends before the recording begins".into())),
                taken => into = into.get_mut(taken..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Some of what comes next; nothing at the end.
    fn take(&mut self, into: &mut [u8]) -> Result<usize, OpenError> {
        while self.taken == self.plain.len() && !self.is_over {
            self.next_chunk()?;
        }
        let rest = self.plain.get(self.taken..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.taken += count;
        Ok(count)
    }

    /// Reads a chunk and one byte of what is behind it, which tells whether it is the last.
    fn next_chunk(&mut self) -> Result<(), OpenError> {
        let missing = (self.size + 1 - self.buffer.len()) as u64;
        (&mut self.from).take(missing).read_to_end(&mut self.buffer)?;
        let behind = if self.buffer.len() > self.size { self.buffer.pop() } else { None };
        let seat = Seat { number: self.number, is_last: behind.is_none() };
        let Ok(plain) = self.guard.open(seat, &mut self.buffer) else { return Err(self.damage(seat)) };
        self.plain.clear();
        self.plain.extend_from_slice(plain);
        self.taken = 0;
        self.number = self.number.checked_add(1).ok_or_else(|| self.damage(seat))?;
        self.is_over = seat.is_last;
        self.buffer.clear();
        self.buffer.extend(behind);
        Ok(())
    }

    fn damage(&self, seat: Seat) -> OpenError {
        if seat.number == 0 && self.is_encrypted {
            return OpenError::WrongPassword;
        }
        let end = if seat.is_last { ", or what was behind it is missing" } else { "" };
        OpenError::Damaged(format!("chunk {} is not as it was written{end}", seat.number))
    }
}
