//! Sets of times: what is masked.

use jiff::Timestamp;

use crate::cti::recorder::Span;

/// Spans in the order of time, none touching another, none empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    pub fn of<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Self {
        let mut all = Self::default();
        all.extend(spans);
        all
    }

    pub fn extend<'a>(&mut self, spans: impl IntoIterator<Item = &'a Span>) {
        spans.into_iter().for_each(|span| self.add(*span));
    }

    pub fn iter(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, span: Span) {
        if span.from >= span.to {
            return;
        }
        let apart = |other: &Span| other.to < span.from || span.to < other.from;
        let (mut rest, touching): (Vec<Span>, Vec<Span>) = self.0.iter().partition(|other| apart(other));
        let from = touching.iter().map(|other| other.from).fold(span.from, Timestamp::min);
        let to = touching.iter().map(|other| other.to).fold(span.to, Timestamp::max);
        rest.push(Span { from, to });
        rest.sort_by_key(|span| span.from);
        self.0 = rest;
    }

    pub fn remove(&mut self, span: Span) {
        if span.from >= span.to {
            return;
        }
        let left = |other: &Span| Span { from: other.from, to: other.to.min(span.from) };
        let right = |other: &Span| Span { from: other.from.max(span.to), to: other.to };
        let kept = self.0.iter().flat_map(|other| [left(other), right(other)]);
        self.0 = kept.filter(|span| span.from < span.to).collect();
    }

    pub fn covers(&self, moment: Timestamp) -> bool {
        self.0.iter().any(|span| span.from <= moment && moment < span.to)
    }

    /// Whether a packet is covered, of whose time of capture only the microsecond is known: if any moment of it is.
    pub fn cover_capture(&self, captured: Timestamp) -> bool {
        let captured = captured.as_microsecond();
        let covers = |span: &Span| {
            span.from.as_microsecond() <= captured && i128::from(captured) * 1000 < span.to.as_nanosecond()
        };
        self.0.iter().any(covers)
    }

    /// The first moment behind this one at which a span begins or ends.
    pub fn next_edge(&self, after: Timestamp) -> Option<Timestamp> {
        let edges = self.0.iter().flat_map(|span| [span.from, span.to]);
        edges.filter(|edge| *edge > after && *edge < Timestamp::MAX).min()
    }
}

#[cfg(test)]
mod tests;
