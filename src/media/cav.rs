//! CAV: a recording's sound and what is known of it in one file, encrypted on demand. `docs/cav.md` describes it to
//! the byte.
//!
//! A file is a head of fixed size and then chunks, each with a tag. A tag vouches for its chunk, for the chunk's place,
//! for whether it is the last, and for the head; so whatever was cut off, moved or changed is found, chunk by chunk,
//! without ever holding more than one.

mod guard;
mod head;
mod key;
mod open;
mod seal;

#[cfg(test)]
mod tests;

pub use open::{OpenError, Opened, Sealed};
pub use seal::seal;

/// The most that may be said of a recording, in bytes of JSON.
const MAX_ABOUT_BYTES: usize = 1 << 20;
