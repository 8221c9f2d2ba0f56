//! A hash that is the same in every process and every version: it decides where a chat session lives, so all
//! copies of the proxy must agree, today's and tomorrow's.

/// FNV-1a over the bytes.
#[must_use]
pub fn stable_hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Two hashes to one, with every bit of the result depending on every bit of both (the finaliser of splitmix64).
#[must_use]
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(stable_hash(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(stable_hash(*b"82738"), stable_hash("82738".bytes()));
        assert_eq!(stable_hash(*b"a"), 0xaf63_dc4c_8601_ec8c, "a published value of FNV-1a");
        assert_eq!(mix(1, 0), 0x5692_161d_100b_05e5, "a published value of splitmix64's finaliser");
    }
}
