//! What is asked for, and about which devices.

use std::str::FromStr;

use crate::command::{Function, function};
use crate::model::Pattern;

/// Functions with their weights.
#[derive(Clone, Debug)]
pub(super) struct Mix(Vec<(&'static Function, u32)>);

/// The most that the weights may add up to.
const MAX_WEIGHT: u32 = 10_000;

impl Mix {
    /// The functions in the order in which they are asked for, again and again: each as often as its weight says, and
    /// spread as evenly as can be.
    pub fn cycle(&self) -> Vec<&'static Function> {
        let total: i64 = self.0.iter().map(|(_, weight)| i64::from(*weight)).sum();
        let mut credit = vec![0_i64; self.0.len()];
        let mut turn = || {
            credit.iter_mut().zip(&self.0).for_each(|(credit, (_, weight))| *credit += i64::from(*weight));
            let next = (0..credit.len()).max_by_key(|at| (credit[*at], std::cmp::Reverse(*at)))?;
            credit[next] -= total;
            Some(self.0[next].0)
        };
        (0..total).filter_map(|_| turn()).collect()
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mix = text.split(',').map(part).collect::<Result<Vec<_>, _>>()?;
        match mix.iter().map(|(_, weight)| weight).sum::<u32>() {
            1..=MAX_WEIGHT => Ok(Self(mix)),
            sum => Err(format!("the weights add up to {sum}, and may to 1 to {MAX_WEIGHT}")),
        }
    }
}

fn part(text: &str) -> Result<(&'static Function, u32), String> {
    let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
    let function = function(name.trim()).ok_or_else(|| format!("{name} is no function of this API"))?;
    let weight = weight.trim().parse().ok().filter(|weight| *weight <= MAX_WEIGHT);
    Ok((function, weight.ok_or_else(|| format!("{text} has no weight from 0 to {MAX_WEIGHT}"))?))
}

/// The devices that requests are about.
#[derive(Clone, Debug)]
pub(super) enum Devices {
    /// Numbers, both included, of at least so many digits.
    Range { first: u64, last: u64, digits: usize },
    /// These.
    List(Vec<String>),
}

impl Devices {
    /// Writes a DEVICEID taken at random.
    pub fn write(&self, random: &mut fastrand::Rng, out: &mut Vec<u8>) {
        match self {
            Self::Range { first, last, digits } => {
                super::render::number(out, random.u64(*first..=*last), *digits);
            }
            Self::List(devices) => out.extend_from_slice(devices[random.usize(..devices.len())].as_bytes()),
        }
    }
}

impl FromStr for Devices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(Pattern::Range { first, last, digits }) = text.parse() {
            return Ok(Self::Range { first, last, digits: digits.unwrap_or(0) });
        }
        let file = std::fs::read_to_string(text).map_err(|e| format!("no range, and no file: {e}"))?;
        let devices: Vec<String> =
            file.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
        if devices.is_empty() { Err("the file names no device".into()) } else { Ok(Self::List(devices)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(text: &str) -> Vec<&'static str> {
        let mix: Mix = text.parse().expect("a good mix");
        mix.cycle().iter().map(|function| function.name).collect()
    }

    #[test]
    fn functions_come_as_often_as_they_should_and_evenly() {
        assert_eq!(cycle("TEST"), ["TEST"]);
        assert_eq!(cycle("callstart=1,CALLSTOP=1"), ["CALLSTART", "CALLSTOP"]);
        assert_eq!(cycle("TEST=1, CALLUPDATE=3"), ["CALLUPDATE", "TEST", "CALLUPDATE", "CALLUPDATE"]);
    }

    #[test]
    fn a_wrong_mix_is_named() {
        for (text, why) in [
            ("", "no function"),
            ("CALLSTART,NOPE=2", "NOPE is no function"),
            ("TEST=x", "TEST=x has no weight"),
            ("TEST=0", "add up to 0"),
        ] {
            let error = text.parse::<Mix>().expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn devices_keep_their_digits() {
        let devices: Devices = "007-008".parse().expect("a range");
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20 {
            let mut out = Vec::new();
            devices.write(&mut random, &mut out);
            assert!([&b"007"[..], b"008"].contains(&&out[..]), "{out:?}");
        }
        assert!("/nowhere/devices".parse::<Devices>().is_err());
    }
}
