//! A client's reading of a RESULT, by hand: it shares nothing with the proxy.

use std::fmt;

/// A RESULT.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// REQUESTTYPE.
    pub kind: String,
    /// REQUESTID.
    pub id: String,
    /// RESULTTYPE.
    pub label: String,
    /// The CORES section.
    pub cores: Vec<Leg>,
}

/// One core of the CORES section.
#[derive(Clone, Debug)]
pub struct Leg {
    /// COREIDENT.
    pub core: u16,
    /// OUTCOME.
    pub outcome: String,
    /// REASON.
    pub reason: String,
    /// MILLISECONDS.
    pub milliseconds: u64,
    /// DEFERRED.
    pub deferred: String,
}

/// The text of the first element of this name.
pub fn text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let open = format!("<{name}>");
    let begin = xml.find(&open)? + open.len();
    let end = xml[begin..].find(&format!("</{name}>"))?;
    Some(&xml[begin..begin + end])
}

impl Answer {
    /// Reads one message.
    pub fn read(xml: &str) -> Self {
        let own = |xml: &str, name| text(xml, name).unwrap_or_default().to_owned();
        let number = |xml: &str, name| text(xml, name).and_then(|text| text.parse().ok()).unwrap_or_default();
        let leg = |xml: &str| Leg {
            core: number(xml, "COREIDENT") as u16,
            outcome: own(xml, "OUTCOME"),
            reason: own(xml, "REASON"),
            milliseconds: number(xml, "MILLISECONDS"),
            deferred: own(xml, "DEFERRED"),
        };
        let cores = text(xml, "CORES").unwrap_or_default();
        Self {
            kind: own(xml, "REQUESTTYPE"),
            id: own(xml, "REQUESTID"),
            label: own(xml, "RESULTTYPE"),
            cores: cores.split("<CORE>").skip(1).map(leg).collect(),
        }
    }

    /// The cores that get it later.
    pub fn deferred(&self) -> impl Iterator<Item = u16> {
        self.cores.iter().filter(|leg| leg.deferred == "Y").map(|leg| leg.core)
    }

    /// The cores that were not sent a byte.
    pub fn not_sent(&self) -> impl Iterator<Item = u16> {
        self.cores.iter().filter(|leg| leg.outcome == "NOT_SENT").map(|leg| leg.core)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        for leg in &self.cores {
            write!(f, ", {}: {} in {} ms", leg.core, leg.outcome, leg.milliseconds)?;
            if leg.outcome == "NOT_SENT" {
                write!(f, " ({})", leg.reason)?;
            }
            if !leg.deferred.is_empty() {
                write!(f, ", deferred {}", leg.deferred)?;
            }
        }
        Ok(())
    }
}
