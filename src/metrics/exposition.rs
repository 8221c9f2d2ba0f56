//! Prometheus' text format read back, as we write it, for `corecast top`; and what can be reckoned of buckets, for the
//! live page too. No label's value of ours has a quotation mark in it.

/// One series with its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Its name and labels.
    pub series: &'a str,
    pub value: f64,
}

impl<'a> Line<'a> {
    /// `None` of a comment, and of what cannot be read.
    pub fn read(line: &'a str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
        Some(Self { series, value: value.parse().ok()? })
    }
}

/// The value of a label of a series.
pub(crate) fn label_of<'a>(series: &'a str, label: &str) -> Option<&'a str> {
    let begins = |at: &usize| series[..*at].ends_with(['{', ',']);
    let name = format!("{label}=\"");
    let (at, _) = series.match_indices(&name).find(|(at, _)| begins(at))?;
    series[at + name.len()..].split('"').next()
}

/// How many took no longer than each bound, in seconds, the lowest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// Adds what one series has counted up to a bound.
    pub fn add(&mut self, bound: f64, count: f64) {
        match self.0.binary_search_by(|(other, _)| other.total_cmp(&bound)) {
            Ok(at) => self.0[at].1 += count,
            Err(at) => self.0.insert(at, (bound, count)),
        }
    }

    /// What was counted since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        earlier.0.iter().for_each(|(bound, count)| since.add(*bound, -count));
        since
    }

    /// The time in seconds that this part took no longer than, evenly within its bucket as Prometheus reckons it; beyond the
    /// last bound, the last bound. `None` if nothing was counted.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let (_, all) = self.0.last().filter(|(_, all)| *all > 0.0)?;
        let rank = part * all;
        let at = self.0.iter().position(|(_, count)| *count >= rank)?;
        let (low, below) = at.checked_sub(1).map_or((0.0, 0.0), |before| self.0[before]);
        let (high, count) = self.0[at];
        let is_exact = high.is_finite() && count > below;
        Some(if is_exact { low + (high - low) * (rank - below) / (count - below) } else { low })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_one_of_this_whole_name() {
        let line = Line::read("corecast_legs_total{score=\"9\",core=\"1\"} 3").expect("a series");
        assert_eq!((label_of(line.series, "core"), label_of(line.series, "outcome")), (Some("1"), None));
        assert!(Line::read("# HELP x y 1").is_none() && Line::read("x y").is_none());
    }
}
