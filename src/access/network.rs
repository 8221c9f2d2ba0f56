//! Networks, as `10.0.0.0/8`, and lists of them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address, or all that share its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many of its first bits count: up to 32 for IPv4, 128 for IPv6.
    bits: u8,
}

impl Network {
    /// Whether an address is in it. An IPv4 address in the clothes of IPv6 (`::ffff:10.0.0.1`), as a socket
    /// on `[::]` shows it, is the IPv4 address that it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == number(self.address)
    }

    /// Whether all of another network is in it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.contains(other.address)
    }
}

/// The address as a number, its first bit the number's first.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn masked(address: IpAddr, bits: u8) -> u128 {
    number(address) & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let (address, bits) = written.split_once('/').map_or((written, None), |(a, b)| (a, Some(b)));
        let bad = || {
            format!("is no network: \"{written}\"; write an address, or address/bits such as \"10.0.0.0/8\"")
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| bad())?;
        if bits > most {
            return Err(format!("is no network: \"{written}\": there are {most} bits"));
        }
        if address != address.to_canonical() {
            return Err(format!("is IPv4 in IPv6's clothes: \"{written}\"; write it as IPv4"));
        }
        if masked(address, bits) != number(address) {
            return Err(format!("is no network: \"{written}\" has bits set behind its first {bits}"));
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Some networks. None at all means everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<Network>);

impl Networks {
    /// Whether an address is in one of them. An address that is not known is in none.
    #[must_use]
    pub fn contain(&self, address: Option<IpAddr>) -> bool {
        self.0.is_empty() || address.is_some_and(|a| self.0.iter().any(|network| network.contains(a)))
    }

    /// Whether each of the others is in one of these.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        let is_in = |other| self.0.iter().any(|network| network.covers(other));
        self.0.is_empty() || (!others.0.is_empty() && others.0.iter().all(is_in))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(written: &[&str]) -> Networks {
        Networks(written.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn an_address_is_in_a_network_or_not() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("10.1.2.4/31", "10.1.2.5", "10.1.2.6"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "fe80::1", "10.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.9.9.9", "::ffff:11.9.9.9"),
            ("fd00:1::/32", "fd00:1:ffff::7", "fd00:2::7"),
            ("::1", "::1", "::2"),
        ] {
            let networks = networks(&[network]);
            assert!(networks.contain(Some(inside.parse().unwrap())), "{network} {inside}");
            assert!(!networks.contain(Some(outside.parse().unwrap())), "{network} {outside}");
        }
    }

    #[test]
    fn no_network_is_everywhere_and_an_unknown_address_is_nowhere_else() {
        assert!(networks(&[]).contain(None));
        assert!(!networks(&["0.0.0.0/0", "::/0"]).contain(None));
    }

    #[test]
    fn what_is_no_network_says_why() {
        for (written, part) in [
            ("10.0.0.0/33", "there are 32 bits"),
            ("::/129", "there are 128 bits"),
            ("10.0.0.0/-1", "is no network"),
            ("10.0.0.0/256", "is no network"),
            ("10.0.0.0/", "is no network"),
            ("10.0.0/8", "is no network"),
            ("10.1.2.3/8", "has bits set behind its first 8"),
            ("fd00::1/64", "has bits set behind its first 64"),
            ("::ffff:10.0.0.0/104", "write it as IPv4"),
            ("localhost", "write an address"),
            ("", "is no network"),
        ] {
            let error = written.parse::<Network>().unwrap_err();
            assert!(error.contains(part), "{written}: {error}");
        }
    }

    #[test]
    fn networks_cover_what_lies_within_them() {
        for (these, others, is_so) in [
            (&["10.0.0.0/8", "::1"][..], &["10.1.0.0/16", "10.2.3.4", "::1"][..], true),
            (&["10.1.0.0/16"], &["10.0.0.0/8"], false),
            (&["10.0.0.0/8"], &["10.0.0.0/8", "11.0.0.0/8"], false),
            (&["0.0.0.0/0"], &["::1"], false),
            (&[], &["10.0.0.0/8"], true),
            (&["10.0.0.0/8"], &[], false),
            (&[], &[], true),
        ] {
            assert_eq!(networks(these).cover(&networks(others)), is_so, "{these:?} {others:?}");
        }
    }
}
