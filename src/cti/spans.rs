//! Sets of times: what of a recording is to be silent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::recorder::Span;

/// A set of times: spans that are not empty, sorted, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The times that lie in any of these.
    #[must_use]
    pub fn union(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut sorted: Vec<_> = spans.into_iter().filter(|span| span.from < span.to).collect();
        sorted.sort_unstable_by_key(|span| span.from);
        let mut joined: Vec<Span> = Vec::with_capacity(sorted.len());
        for span in sorted {
            match joined.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                _ => joined.push(span),
            }
        }
        Self(joined)
    }

    /// The times of this that do not lie in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for span in &self.0 {
            let mut from = span.from;
            for hole in other.0.iter().filter(|hole| hole.from < span.to && hole.to > span.from) {
                if from < hole.from {
                    left.push(Span { from, to: hole.from });
                }
                from = from.max(hole.to);
            }
            if from < span.to {
                left.push(Span { from, to: span.to });
            }
        }
        Self(left)
    }

    /// The times of this from one moment up to, and without, another.
    #[must_use]
    pub fn within(&self, from: Timestamp, to: Timestamp) -> Self {
        Self::union(self.0.iter().map(|span| Span { from: span.from.max(from), to: span.to.min(to) }))
    }

    /// With this span.
    #[must_use]
    pub fn with(&self, span: Span) -> Self {
        Self::union(self.iter().chain([span]))
    }

    /// Without this span.
    #[must_use]
    pub fn without(&self, span: Span) -> Self {
        self.minus(&Self::union([span]))
    }

    /// Whether this moment is in it.
    #[must_use]
    pub fn covers(&self, moment: Timestamp) -> bool {
        self.0.iter().any(|span| span.from <= moment && moment < span.to)
    }

    /// The first moment behind this one at which a span begins or ends; the end of time is none.
    #[must_use]
    pub fn next_edge(&self, after: Timestamp) -> Option<Timestamp> {
        let edges = self.0.iter().flat_map(|span| [span.from, span.to]);
        edges.filter(|edge| *edge > after && *edge < Timestamp::MAX).min()
    }

    /// Whether there is no such time.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The spans.
    pub fn iter(&self) -> impl Iterator<Item = Span> {
        self.0.iter().copied()
    }

    /// As a call record has them.
    #[must_use]
    pub fn pairs(&self) -> Vec<(Timestamp, Timestamp)> {
        self.iter().map(|span| (span.from, span.to)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn t(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time in range")
    }

    fn spans(pairs: &[(i64, i64)]) -> Spans {
        Spans::union(pairs.iter().map(|(from, to)| Span { from: t(*from), to: t(*to) }))
    }

    #[test]
    fn what_overlaps_or_touches_is_one() {
        assert_eq!(spans(&[(5, 7), (0, 2), (2, 3), (6, 9), (4, 4), (8, 1)]), spans(&[(0, 3), (5, 9)]));
        assert_eq!(spans(&[(0, 10)]).minus(&spans(&[(2, 3), (5, 12)])), spans(&[(0, 2), (3, 5)]));
        assert_eq!(spans(&[(0, 10), (12, 14)]).within(t(8), t(13)), spans(&[(8, 10), (12, 13)]));
    }

    #[test]
    fn the_first_moment_is_in_and_the_last_is_not() {
        let masked = spans(&[(10, 20)]);
        assert_eq!([9, 10, 19, 20].map(|second| masked.covers(t(second))), [false, true, true, false]);
        assert_eq!([9, 10, 20].map(|second| masked.next_edge(t(second))), [Some(t(10)), Some(t(20)), None]);
        let for_ever = Spans::union([Span { from: t(0), to: Timestamp::MAX }]);
        assert_eq!(for_ever.next_edge(t(0)), None);
    }

    proptest! {
        #[test]
        fn a_time_is_in_the_difference_if_it_is_in_one_and_not_the_other(
            a in prop::collection::vec((0_i64..40, 0_i64..40), 0..8),
            b in prop::collection::vec((0_i64..40, 0_i64..40), 0..8),
        ) {
            let is_in = |pairs: &[(i64, i64)], n| pairs.iter().any(|(from, to)| (*from..*to).contains(&n));
            let left = spans(&a).minus(&spans(&b));
            for n in 0..40 {
                let found = left.iter().any(|span| span.from <= t(n) && t(n) < span.to);
                prop_assert_eq!(found, is_in(&a, n) && !is_in(&b, n));
            }
            prop_assert_eq!(&left, &Spans::union(left.iter()));
        }
    }
}
