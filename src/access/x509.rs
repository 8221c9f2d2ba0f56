//! The little that is read of a certificate beyond what checking it needs: its names, and when it ends.
//!
//! Whether it can be trusted is decided before, by rustls. What is read here is only what stands there.

use std::net::IpAddr;

use jiff::civil::Date;

/// What a certificate says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The subject's common names, then the alternative names: hosts, mail addresses, URIs, IP addresses.
    pub names: Vec<String>,
    /// The last second of its validity, in seconds since 1970.
    pub ends: i64,
}

// Tags of DER, X.690 and RFC 5280.
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
/// UTF8String, PrintableString, T61String, IA5String.
const TEXTS: [u8; 4] = [0x0C, 0x13, 0x14, 0x16];
/// rfc822Name, dNSName, uniformResourceIdentifier.
const TEXT_NAMES: [u8; 3] = [0x81, 0x82, 0x86];
const IP_NAME: u8 = 0x87;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];

/// Elements in a row.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element, if it has this tag.
    fn enter(&mut self, tag: u8) -> Option<Der<'a>> {
        let (found, content, rest) = element(self.0)?;
        (found == tag).then(|| {
            self.0 = rest;
            Der(content)
        })
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, Der<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, content, rest) = element(self.0)?;
        self.0 = rest;
        Some((tag, Der(content)))
    }
}

/// An element's tag and content, and what stands behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7F => (usize::from(*short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            (digits.iter().fold(0, |n, digit| n << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// What a certificate in DER says; `None` if it is none.
pub(super) fn read(certificate: &[u8]) -> Option<Facts> {
    let mut signed = Der(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    signed.enter(VERSION);
    signed.enter(INTEGER)?;
    let (_algorithm, _issuer) = (signed.enter(SEQUENCE)?, signed.enter(SEQUENCE)?);
    let (mut validity, subject) = (signed.enter(SEQUENCE)?, signed.enter(SEQUENCE)?);
    let (tag, ends) = validity.nth(1)?;
    let mut names = common_names(subject);
    let extensions = signed.find(|(tag, _)| *tag == EXTENSIONS).and_then(|(_, mut all)| all.enter(SEQUENCE));
    names.extend(extensions.into_iter().flatten().filter_map(|(_, e)| alt_names(e)).flatten());
    Some(Facts { names, ends: time(tag, ends.0)? })
}

fn common_names(subject: Der<'_>) -> Vec<String> {
    let attributes = subject.filter(|(tag, _)| *tag == SET).flat_map(|(_, set)| set);
    attributes.filter_map(|(_, attribute)| common_name(attribute)).collect()
}

fn common_name(mut attribute: Der<'_>) -> Option<String> {
    let is_one = attribute.enter(OID)?.0 == COMMON_NAME;
    let (tag, value) = attribute.next()?;
    (is_one && TEXTS.contains(&tag)).then(|| text(&value))
}

fn alt_names(mut extension: Der<'_>) -> Option<Vec<String>> {
    let is_it = extension.enter(OID)?.0 == SUBJECT_ALT_NAME;
    let (_, mut value) = extension.find(|(tag, _)| is_it && *tag == OCTETS)?;
    Some(value.enter(SEQUENCE)?.filter_map(|(tag, name)| alt_name(tag, &name)).collect())
}

fn alt_name(tag: u8, name: &Der<'_>) -> Option<String> {
    match tag {
        IP_NAME => match name.0.len() {
            4 => <[u8; 4]>::try_from(name.0).ok().map(|v4| IpAddr::from(v4).to_string()),
            _ => <[u8; 16]>::try_from(name.0).ok().map(|v6| IpAddr::from(v6).to_string()),
        },
        tag => TEXT_NAMES.contains(&tag).then(|| text(name)),
    }
}

fn text(value: &Der<'_>) -> String {
    String::from_utf8_lossy(value.0).into_owned()
}

/// `YYMMDDHHMMSSZ`, the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, written: &[u8]) -> Option<i64> {
    let digits = str::from_utf8(written).ok()?.strip_suffix('Z')?;
    let (year, rest) = digits.split_at_checked(if tag == GENERALIZED_TIME { 4 } else { 2 })?;
    let year: i16 = year.parse().ok()?;
    let year = match tag {
        UTC_TIME => year + if year < 50 { 2000 } else { 1900 },
        GENERALIZED_TIME => year,
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let date = Date::new(year, two(0)?, two(2)?).ok()?;
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_secs();
    Some(days + i64::from(two(4)?) * 3600 + i64::from(two(6)?) * 60 + i64::from(two(8)?))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.example".into(), "10.1.2.3".into(), "::1".into()])
            .expect("good names");
        params.subject_alt_names.push(SanType::URI("spiffe://x/y".try_into().unwrap()));
        params.distinguished_name.push(DnType::OrganizationName, "Org");
        params.distinguished_name.push(DnType::CommonName, "Zoë");
        params.not_after = date_time_ymd(year, 3, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_and_end_are_read() {
        for (year, ends) in [(2031, 1_930_089_600), (2100, 4_107_542_400), (9999, 253_375_862_400)] {
            let facts = read(&certificate(year)).unwrap();
            assert_eq!(facts.names, ["Zoë", "a.example", "10.1.2.3", "::1", "spiffe://x/y"]);
            assert_eq!(facts.ends, ends, "{year}");
        }
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_no_panic() {
        let good = certificate(2031);
        for end in 0..good.len() {
            assert_eq!(read(&good[..end]), None);
            let mut garbled = good.clone();
            garbled[end] ^= 0xFF;
            drop(read(&garbled));
        }
    }
}
