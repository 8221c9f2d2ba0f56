//! A part of all there is, such as one in a hundred.

use fastrand::Rng;

const WHOLE: u32 = 1_000_000;

/// A share in millionths, from none to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Everything.
    pub const ALL: Self = Self(WHOLE);

    /// So much of 1; `None` of what is below 0, above 1 or no number.
    #[must_use]
    pub fn of(part: f64) -> Option<Self> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to a million"
        )]
        let millionths = || (part * f64::from(WHOLE)).round() as u32;
        // What is asked for is never nothing.
        (0.0..=1.0).contains(&part).then(|| Self(if part > 0.0 { millionths().max(1) } else { 0 }))
    }

    /// As a part of 1.
    #[must_use]
    pub fn part(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// Whether one more is among it. Chance decides.
    pub(super) fn takes(self, random: &mut Rng) -> bool {
        match self.0 {
            0 => false,
            WHOLE => true,
            share => random.u32(0..WHOLE) < share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_none_and_all() {
        for (part, share) in [(0.0, 0), (0.01, 10_000), (1e-9, 1), (0.999_999_9, WHOLE), (1.0, WHOLE)] {
            assert_eq!(Share::of(part), Some(Share(share)), "{part}");
        }
        for part in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::of(part), None, "{part}");
        }
        assert!((Share::of(0.25).unwrap().part() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn chance_takes_as_many_as_it_should() {
        let mut random = Rng::with_seed(1);
        let taken = |share: Share, random: &mut Rng| (0..10_000).filter(|_| share.takes(random)).count();
        assert_eq!((taken(Share::NONE, &mut random), taken(Share::ALL, &mut random)), (0, 10_000));
        let tenth = taken(Share(100_000), &mut random);
        assert!((900..1100).contains(&tenth), "{tenth}");
    }
}
