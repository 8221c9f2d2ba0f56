//! Who may call which functions.

use crate::access::gate::Client;
use crate::access::network::Networks;
use crate::command::{FUNCTIONS, Function};

/// A set of functions, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Functions(u64);

const _: () = assert!(FUNCTIONS.len() < 64, "a set of functions has a bit for each");

impl Functions {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self((1 << FUNCTIONS.len()) - 1);

    /// The functions of a name, or of all names that begin with what stands in front of a `*`, in any case of
    /// letters; `None` if there are none.
    #[must_use]
    pub fn named(pattern: &str) -> Option<Self> {
        let pattern = pattern.to_ascii_uppercase();
        let fits = |f: &&Function| match pattern.strip_suffix('*') {
            Some(prefix) => f.name.starts_with(prefix),
            None => f.name == pattern,
        };
        let found = FUNCTIONS.iter().filter(fits).fold(Self::NONE, |all, f| all.and(Self::of(f)));
        (found != Self::NONE).then_some(found)
    }

    const fn of(function: &Function) -> Self {
        Self(1 << function.command as u64)
    }

    /// Whether a function is among them.
    #[must_use]
    pub const fn contain(self, function: &Function) -> bool {
        self.0 & Self::of(function).0 != 0
    }

    /// These and others.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

/// Names of a certificate: one, or all that begin and end with what stands around a `*`. Letters count in any
/// case, as they do in the names of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    before: String,
    /// What stands behind the `*`, if there is one.
    behind: Option<String>,
}

impl NamePattern {
    /// Whether a name fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        match &self.behind {
            None => name == self.before,
            Some(behind) => name
                .strip_prefix(&self.before)
                .is_some_and(|rest| rest.len() >= behind.len() && rest.ends_with(behind)),
        }
    }
}

impl std::str::FromStr for NamePattern {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let written = written.trim().to_lowercase();
        match written.split_once('*') {
            _ if written.is_empty() => Err("must not be empty".into()),
            Some((_, behind)) if behind.contains('*') => Err("has more than one `*`".into()),
            Some((before, behind)) => Ok(Self { before: before.into(), behind: Some(behind.into()) }),
            None => Ok(Self { before: written, behind: None }),
        }
    }
}

/// Some functions for some clients: allowed, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where the client is; none means anywhere.
    pub from: Networks,
    /// A name in the client's certificate, which it then must have; `None` means whether it has one or not.
    pub certificate: Option<NamePattern>,
    /// Which functions it is about.
    pub functions: Functions,
    /// Whether they may be called.
    pub allow: bool,
}

impl Rule {
    fn is_about(&self, client: &Client) -> bool {
        let is_named =
            |pattern: &NamePattern| client.certificate.iter().flatten().any(|name| pattern.fits(name));
        self.from.contain(client.address) && self.certificate.as_ref().is_none_or(is_named)
    }

    /// Whether it is about every client that the other is about.
    fn covers_clients_of(&self, other: &Self) -> bool {
        self.from.cover(&other.from) && (self.certificate.is_none() || self.certificate == other.certificate)
    }

    /// Whether earlier rules leave nothing for this one to decide.
    #[must_use]
    pub fn is_decided_by(&self, earlier: &[Self]) -> bool {
        let covering = earlier.iter().filter(|rule| rule.covers_clients_of(self));
        let decided = covering.fold(Functions::NONE, |all, rule| all.and(rule.functions));
        self.functions.without(decided) == Functions::NONE
    }
}

/// What a client may call: the first rule about it and a function decides, `is_open` where there is none.
pub(super) fn allowed(rules: &[Rule], is_open: bool, client: &Client) -> Functions {
    let (mut decided, mut allowed) = (Functions::NONE, Functions::NONE);
    for rule in rules.iter().filter(|rule| rule.is_about(client)) {
        if rule.allow {
            allowed = allowed.and(rule.functions.without(decided));
        }
        decided = decided.and(rule.functions);
    }
    if is_open { allowed.and(Functions::ALL.without(decided)) } else { allowed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::function;

    fn rule(from: &str, certificate: &str, functions: &str, allow: bool) -> Rule {
        Rule {
            from: Networks(from.split_whitespace().map(|n| n.parse().unwrap()).collect()),
            certificate: (!certificate.is_empty()).then(|| certificate.parse().unwrap()),
            functions: functions
                .split(' ')
                .fold(Functions::NONE, |all, name| all.and(Functions::named(name).unwrap())),
            allow,
        }
    }

    fn client(address: &str, certificate: Option<&str>) -> Client {
        let names = |names: &str| names.split(' ').map(str::to_owned).collect();
        Client { address: Some(address.parse().unwrap()), certificate: certificate.map(names) }
    }

    #[test]
    fn functions_have_names_and_beginnings_of_names() {
        let names = |set: Functions| {
            FUNCTIONS.iter().filter(|f| set.contain(f)).map(|f| f.name).collect::<Vec<_>>().join(" ")
        };
        for (pattern, expected) in [
            ("BLACKOUT*", "BLACKOUTSTART BLACKOUTSTOP"),
            ("callstart", "CALLSTART"),
            ("Chat*", "CHATSTART CHATSTOP CHATUPDATE"),
        ] {
            assert_eq!(names(Functions::named(pattern).unwrap()), expected);
        }
        assert_eq!(Functions::named("*"), Some(Functions::ALL));
        for nothing in ["NOPE", "NOPE*", "", "CALL", "*START"] {
            assert_eq!(Functions::named(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn each_function_has_a_bit_of_its_own() {
        let all = FUNCTIONS.iter().map(|f| Functions::of(f).0);
        assert_eq!(all.clone().fold(0, |all, bit| all | bit), Functions::ALL.0);
        assert_eq!(all.map(u64::count_ones).sum::<u32>() as usize, FUNCTIONS.len());
    }

    #[test]
    fn patterns_of_names_have_one_star_at_most() {
        for (pattern, fitting, others) in [
            ("crm-1", &["crm-1", "CRM-1"][..], &["crm-10", "crm", ""][..]),
            ("*.crm.example", &["a.crm.example", ".CRM.example"], &["crm.example", "a.crm.example.evil"]),
            ("crm-*", &["crm-", "crm-7"], &["xcrm-7"]),
            ("ab*ba", &["abba", "abxba"], &["aba"]),
            ("*", &["", "x"], &[]),
        ] {
            let pattern: NamePattern = pattern.parse().unwrap();
            assert!(fitting.iter().all(|name| pattern.fits(name)), "{pattern:?}");
            assert!(!others.iter().any(|name| pattern.fits(name)), "{pattern:?}");
        }
        assert!("a*b*".parse::<NamePattern>().is_err() && " ".parse::<NamePattern>().is_err());
    }

    #[test]
    fn the_first_rule_about_a_client_and_a_function_decides() {
        let rules = [
            rule("10.1.0.9", "", "*", false),
            rule("10.1.0.0/16", "", "BLACKOUT* CALLSTART", true),
            rule("", "pay-*", "BLACKOUT*", true),
            rule("", "", "BLACKOUT* EMAIL", false),
        ];
        for (client, function_name, closed, open) in [
            (client("10.1.2.3", None), "BLACKOUTSTART", true, true),
            (client("10.1.2.3", None), "CALLSTOP", false, true),
            (client("10.1.2.3", None), "EMAIL", false, false),
            (client("10.1.0.9", None), "BLACKOUTSTART", false, false),
            (client("10.9.0.1", None), "BLACKOUTSTART", false, false),
            (client("10.9.0.1", Some("x pay-1")), "BLACKOUTSTOP", true, true),
            (client("10.9.0.1", Some("x")), "BLACKOUTSTOP", false, false),
            (client("10.9.0.1", Some("pay-1")), "CALLSTART", false, true),
        ] {
            let function = function(function_name).unwrap();
            for (is_open, expected) in [(false, closed), (true, open)] {
                let is_allowed = allowed(&rules, is_open, &client).contain(function);
                assert_eq!(is_allowed, expected, "{client} {function_name} {is_open}");
            }
        }
        assert_eq!(allowed(&[], true, &client("::1", None)), Functions::ALL);
        assert_eq!(allowed(&[], false, &client("::1", None)), Functions::NONE);
    }

    #[test]
    fn a_rule_may_leave_nothing_to_decide() {
        let earlier =
            [rule("10.0.0.0/8", "", "CALL*", true), rule("", "", "CHAT*", true), rule("", "a*", "*", true)];
        for (rule, is_so) in [
            (rule("10.0.0.0/8", "", "CALLSTART", false), true),
            (rule("10.1.2.3", "b", "CALLSTART CHATSTOP", true), true),
            (rule("10.1.2.3", "", "CALLSTART TEST", true), false),
            (rule("", "", "CALLSTART", true), false),
            (rule("11.0.0.0/8", "a*", "TEST", true), true),
            (rule("11.0.0.0/8", "b*", "TEST", true), false),
        ] {
            assert_eq!(rule.is_decided_by(&earlier), is_so, "{rule:?}");
        }
    }
}
