//! The first bytes of a file.

use super::open::OpenError;

/// The size of a head in bytes.
pub(super) const HEAD_BYTES: usize = 52;

/// The beginning of every file. Its bytes do not survive a transfer that takes it for text.
const MAGIC: [u8; 8] = *b"\x89CAV\r\n\x1a\n";

const VERSION: u8 = 1;

/// Chunks that a reader agrees to, in bytes without their tags.
const CHUNK_BYTES: std::ops::RangeInclusive<u32> = 16..=1 << 20;

/// How a file is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Against accidents.
    Digest,
    /// Against readers and forgers, by a password.
    Password { cost: Cost, salt: [u8; 16], prefix: [u8; 7] },
}

/// What it costs to make a key of a password: Argon2id's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// What new files have: RFC 9106's second recommendation for memory and passes, in one lane.
    pub const NEW: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// Whether a reader agrees to pay. A file from a stranger must not take the machine.
    pub const fn is_bearable(self) -> bool {
        let Self { memory_kib, passes, lanes } = self;
        lanes >= 1
            && lanes <= 16
            && memory_kib >= 8 * lanes
            && memory_kib <= 256 * 1024
            && passes >= 1
            && passes <= 10
    }
}

/// What a file's first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub chunk_bytes: u32,
    pub protection: Protection,
}

impl Head {
    /// The bytes of it.
    pub fn write(&self) -> [u8; HEAD_BYTES] {
        let (kind, cost, salt, prefix) = match self.protection {
            Protection::Digest => (0, Cost { memory_kib: 0, passes: 0, lanes: 0 }, [0; 16], [0; 7]),
            Protection::Password { cost, salt, prefix } => (1, cost, salt, prefix),
        };
        let mut bytes = [0; HEAD_BYTES];
        let parts: [&[u8]; 10] = [
            &MAGIC,
            &[VERSION, kind],
            &[0; 2],
            &self.chunk_bytes.to_be_bytes(),
            &cost.memory_kib.to_be_bytes(),
            &cost.passes.to_be_bytes(),
            &cost.lanes.to_be_bytes(),
            &salt,
            &prefix,
            &[0],
        ];
        bytes.iter_mut().zip(parts.concat()).for_each(|(to, from)| *to = from);
        bytes
    }

    /// What these bytes say. Nothing but what [`Head::write`] writes is taken.
    pub fn read(bytes: &[u8; HEAD_BYTES]) -> Result<Self, OpenError> {
        let (magic, rest) = take::<8>(bytes);
        let ([version, kind, ..], rest) = take::<4>(rest);
        if magic != MAGIC {
            return Err(OpenError::NotCav);
        }
        if version != VERSION {
            return Err(OpenError::Version(version));
        }
        let (chunk_bytes, rest) = number(rest);
        let (memory_kib, rest) = number(rest);
        let (passes, rest) = number(rest);
        let (lanes, rest) = number(rest);
        let (salt, rest) = take::<16>(rest);
        let (prefix, _) = take::<7>(rest);
        let cost = Cost { memory_kib, passes, lanes };
        let protection =
            if kind == 0 { Protection::Digest } else { Protection::Password { cost, salt, prefix } };
        let head = Self { chunk_bytes, protection };
        if head.write() != *bytes || !CHUNK_BYTES.contains(&chunk_bytes) {
            return Err(OpenError::Damaged("its head makes no sense".into()));
        }
        if matches!(protection, Protection::Password { cost, .. } if !cost.is_bearable()) {
            return Err(OpenError::TooCostly);
        }
        Ok(head)
    }
}

/// The first bytes, and the rest.
fn take<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    bytes.split_first_chunk().map_or(([0; N], &[]), |(taken, rest)| (*taken, rest))
}

fn number(bytes: &[u8]) -> (u32, &[u8]) {
    let (taken, rest) = take(bytes);
    (u32::from_be_bytes(taken), rest)
}
