//! The tags: what makes a chunk sure, and with a password unreadable.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::error::Unspecified;

use super::head::HEAD_BYTES;

/// The size of a tag in bytes.
pub(super) const TAG_BYTES: usize = 16;

/// Where a chunk stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    /// Its number, from 0.
    pub number: u32,
    /// Whether nothing is behind it.
    pub is_last: bool,
}

impl Seat {
    /// STREAM's nonce: what is the file's own, the number, whether it is the last.
    fn nonce(self, prefix: [u8; 7]) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let parts = prefix.into_iter().chain(self.number.to_be_bytes()).chain([u8::from(self.is_last)]);
        nonce.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        nonce
    }
}

/// What makes and checks one file's tags.
pub(super) struct Guard {
    head: [u8; HEAD_BYTES],
    kind: Kind,
}

enum Kind {
    Digest,
    Cipher { key: Box<LessSafeKey>, prefix: [u8; 7] },
}

impl Guard {
    /// Against accidents.
    pub const fn digest(head: [u8; HEAD_BYTES]) -> Self {
        Self { head, kind: Kind::Digest }
    }

    /// Against anybody without the key.
    pub fn cipher(head: [u8; HEAD_BYTES], key: &[u8; 32], prefix: [u8; 7]) -> Result<Self, Unspecified> {
        let key = Box::new(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key)?));
        Ok(Self { head, kind: Kind::Cipher { key, prefix } })
    }

    /// Makes a chunk of what is in the buffer: the same size, and the tag behind it.
    pub fn seal(&self, seat: Seat, chunk: &mut Vec<u8>) -> Result<(), Unspecified> {
        match &self.kind {
            Kind::Digest => {
                let tag = self.sum(seat, chunk);
                chunk.extend_from_slice(&tag);
                Ok(())
            }
            Kind::Cipher { key, prefix } => {
                let nonce = Nonce::assume_unique_for_key(seat.nonce(*prefix));
                key.seal_in_place_append_tag(nonce, Aad::from(self.head), chunk)
            }
        }
    }

    /// What is in a chunk, if it is this file's chunk of this seat.
    pub fn open<'a>(&self, seat: Seat, chunk: &'a mut [u8]) -> Result<&'a [u8], Unspecified> {
        match &self.kind {
            Kind::Digest => {
                let (plain, tag) = chunk.split_last_chunk::<TAG_BYTES>().ok_or(Unspecified)?;
                if self.sum(seat, plain) == *tag { Ok(plain) } else { Err(Unspecified) }
            }
            Kind::Cipher { key, prefix } => {
                let nonce = Nonce::assume_unique_for_key(seat.nonce(*prefix));
                key.open_in_place(nonce, Aad::from(self.head), chunk).map(|plain| &*plain)
            }
        }
    }

    fn sum(&self, seat: Seat, plain: &[u8]) -> [u8; TAG_BYTES] {
        let mut sum = Context::new(&SHA256);
        sum.update(&self.head);
        sum.update(&seat.number.to_be_bytes());
        sum.update(&[u8::from(seat.is_last)]);
        sum.update(plain);
        let mut tag = [0; TAG_BYTES];
        tag.iter_mut().zip(sum.finish().as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }
}
