//! What is known of names: which cores there are, and where their links have to go. Pure: it is told all answers.
//!
//! Whoever owns a device must not be forgotten because of a name server's mistake: a blackout would then be confirmed by
//! fewer cores than record. So a core that a SRV name lists no more stays an owner for a while, and an answer that is
//! empty or at fault changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::{Answers, CoreSrv, Target};
use crate::model::{Core, CoreId, CoreTls};

/// What is known of names.
#[derive(Debug, Default)]
pub struct Found {
    /// By SRV name.
    listed: BTreeMap<String, BTreeMap<CoreId, Listed>>,
    /// By `host:port`: where links have to go.
    places: BTreeMap<String, Vec<SocketAddr>>,
}

/// A core that a SRV name lists, or did.
#[derive(Debug)]
struct Listed {
    target: Target,
    last: Instant,
}

impl Found {
    /// Whether cores of a SRV name have ever been known.
    #[must_use]
    pub fn knows(&self, srv: &CoreSrv) -> bool {
        self.listed.get(&srv.name).is_some_and(|listed| !listed.is_empty())
    }

    /// Forgets names that nobody asks for any more.
    pub fn keep_only(&mut self, configured: &[Core], lists: &[CoreSrv]) {
        self.listed.retain(|name, _| lists.iter().any(|srv| srv.name == *name));
        let cores = self.cores(configured, lists);
        self.places.retain(|address, _| cores.iter().any(|core| core.address == *address));
    }

    /// Takes what SRV names list.
    ///
    /// # Errors
    /// What could not be looked up or cannot be used, a sentence for each; the rest is taken.
    pub fn hear(&mut self, lists: &[CoreSrv], answers: Answers, forget: Duration) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for (name, answer) in answers.targets {
            match (lists.iter().find(|srv| srv.name == name), answer) {
                (Some(srv), Ok(targets)) => {
                    faults.extend(self.hear_targets(srv, &targets, forget, Instant::now()))
                }
                (Some(_), Err(error)) => faults.push(format!("core_srv {name} cannot be looked up: {error}")),
                (None, _) => {}
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// A SRV name lists these; what is wrong with the answer comes back, a sentence for each fault.
    pub fn hear_targets(
        &mut self,
        srv: &CoreSrv,
        targets: &[Target],
        forget: Duration,
        now: Instant,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let mut heard = BTreeSet::new();
        let listed = self.listed.entry(srv.name.clone()).or_default();
        for target in targets {
            match number(&target.host).and_then(|number| id(srv, number)) {
                Some(id) if heard.insert(id) => {
                    listed.insert(id, Listed { target: target.clone(), last: now });
                }
                Some(id) => faults.push(format!("{}: {} is core {id} for the second time", srv.name, target.host)),
                None => faults.push(format!(
                    "{}: {} has no number at the end of its first label that makes a COREIDENT from 1 to 9999",
                    srv.name, target.host
                )),
            }
        }
        listed.retain(|_, core| now.saturating_duration_since(core.last) <= forget);
        faults
    }

    /// A core's name stands for these addresses, of which there is one at least; a link was made to `reached` last. Links
    /// that are well where they are stay.
    pub fn hear_addresses(&mut self, address: &str, answer: &[SocketAddr], reached: Option<SocketAddr>) {
        let known = self.places.get(address);
        let has_no_place = reached.is_none() && known.is_none();
        let is_elsewhere = reached.is_some_and(|reached| !answer.contains(&reached));
        let is_stale = known.is_some_and(|known| known.iter().any(|at| !answer.contains(at)));
        if has_no_place || is_elsewhere || is_stale {
            self.places.insert(address.to_owned(), answer.to_vec());
        }
    }

    /// All cores there are, sorted by number: those that are configured, and those that are listed.
    #[must_use]
    pub fn cores(&self, configured: &[Core], lists: &[CoreSrv]) -> Vec<Core> {
        let mut cores: BTreeMap<_, _> = configured.iter().map(|core| (core.id, core.clone())).collect();
        for srv in lists {
            for (id, listed) in self.listed.get(&srv.name).into_iter().flatten() {
                // A number that is taken is another core's, whatever a name server says.
                cores.entry(*id).or_insert_with(|| core(srv, *id, &listed.target));
            }
        }
        cores.into_values().map(|core| self.placed(core)).collect()
    }

    fn placed(&self, core: Core) -> Core {
        let at = self.places.get(&core.address).cloned().unwrap_or_default();
        Core { at, ..core }
    }
}

fn core(srv: &CoreSrv, id: CoreId, target: &Target) -> Core {
    let own_name = ServerName::try_from(target.host.clone()).ok().filter(|_| srv.has_own_certificate);
    let tls = srv.like.tls.clone();
    Core {
        id,
        name: first_label(&target.host).into(),
        address: format!("{}:{}", target.host, target.port),
        tls: tls.map(|tls| CoreTls { server_name: own_name.unwrap_or(tls.server_name.clone()), ..tls }),
        ..srv.like.clone()
    }
}

fn first_label(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

/// The number at the end of the first label: 12 of `recorder-12.hq.example`.
fn number(host: &str) -> Option<u16> {
    let label = first_label(host);
    let digits = label.len() - label.bytes().rev().take_while(u8::is_ascii_digit).count();
    label[digits..].parse().ok()
}

fn id(srv: &CoreSrv, number: u16) -> Option<CoreId> {
    let id = number.checked_add(srv.first_id)?;
    (1..=9999).contains(&id).then_some(CoreId(id))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const FORGET: Duration = Duration::from_mins(10);

    fn like() -> Core {
        Core {
            id: CoreId(0),
            name: String::new(),
            site: "hq".into(),
            address: String::new(),
            at: Vec::new(),
            connections: 4,
            pipeline: 1,
            queue: 10,
            tls: None,
        }
    }

    fn srv() -> CoreSrv {
        let name = "_cti._tcp.hq.example".into();
        CoreSrv { name, first_id: 1, like: like(), has_own_certificate: true }
    }

    fn target(host: &str) -> Target {
        Target { host: host.into(), port: 5620 }
    }

    fn shown(cores: &[Core]) -> Vec<(u16, &str, &str)> {
        cores.iter().map(|core| (core.id.0, &*core.name, &*core.address)).collect()
    }

    #[test]
    fn each_target_is_a_core_with_the_number_of_its_name() {
        let (mut found, now) = (Found::default(), Instant::now());
        assert!(!found.knows(&srv()));
        let hosts = [
            "rec-1.hq.example",
            "rec-0.hq.example",
            "rec.hq.example",
            "other-1.example",
            "x-9999.a",
            "x-70000.a",
        ];
        let faults = found.hear_targets(&srv(), &hosts.map(target), FORGET, now);
        assert!(found.knows(&srv()));
        let cores = found.cores(&[], &[srv()]);
        assert_eq!(
            shown(&cores),
            [(1, "rec-0", "rec-0.hq.example:5620"), (2, "rec-1", "rec-1.hq.example:5620")]
        );
        assert!(cores.iter().all(|core| core.site == "hq" && core.connections == 4));
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[1].contains("other-1.example is core 2 for the second time"), "{faults:?}");
    }

    #[test]
    fn a_list_without_a_usable_core_is_not_known() {
        let mut found = Found::default();
        found.hear_targets(&srv(), &[target("nameless.a")], FORGET, Instant::now());
        assert!(!found.knows(&srv()));
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let (mut found, start) = (Found::default(), Instant::now());
        let at = ["10.0.0.1:5620".parse().expect("an address")];
        found.hear_targets(&srv(), &[target("rec-0.a"), target("rec-1.a")], FORGET, start);
        for name in ["rec-0.a:5620", "rec-1.a:5620"] {
            found.hear_addresses(name, &at, None);
        }
        found.hear_targets(&srv(), &[target("rec-0.a")], FORGET, start + FORGET * 2);
        found.keep_only(&[], &[srv()]);
        assert_eq!(found.places.keys().collect::<Vec<_>>(), ["rec-0.a:5620"]);
        found.keep_only(&[], &[]);
        assert!(!found.knows(&srv()) && found.places.is_empty());
    }

    #[test]
    fn a_number_that_is_configured_is_not_a_name_servers_to_give() {
        let mut found = Found::default();
        found.hear_targets(&srv(), &[target("rec-0.a"), target("rec-1.a")], FORGET, Instant::now());
        let own = Core { id: CoreId(2), name: "own".into(), address: "10.0.0.2:5620".into(), ..like() };
        let cores = found.cores(&[own], &[srv()]);
        assert_eq!(shown(&cores), [(1, "rec-0", "rec-0.a:5620"), (2, "own", "10.0.0.2:5620")]);
    }

    #[test]
    fn a_core_that_is_listed_no_more_stays_an_owner_for_a_while() {
        let (mut found, start) = (Found::default(), Instant::now());
        let mut hear = |hosts: &[&str], later: Duration| {
            let targets: Vec<_> = hosts.iter().map(|host| target(host)).collect();
            assert!(found.hear_targets(&srv(), &targets, FORGET, start + later).is_empty());
            found.cores(&[], &[srv()]).iter().map(|core| core.id.0).collect::<Vec<_>>()
        };
        assert_eq!(hear(&["rec-0.a", "rec-1.a"], Duration::ZERO), [1, 2]);
        assert_eq!(hear(&["rec-0.a"], Duration::from_secs(1)), [1, 2]);
        assert_eq!(hear(&["rec-0.a"], FORGET), [1, 2]);
        assert_eq!(hear(&["rec-0.a"], FORGET + Duration::from_secs(1)), [1]);
        assert_eq!(
            hear(&["rec-1.a"], FORGET * 2),
            [1, 2],
            "it is back, the other one is missing since just now"
        );
    }

    #[test]
    fn links_move_when_they_are_where_the_name_points_no_more() {
        let [a, b, c] = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"].map(|at| at.parse().expect("an address"));
        let own = Core { id: CoreId(1), address: "rec.a:1".into(), ..like() };
        let mut found = Found::default();
        let mut hear = |answer: &[SocketAddr], reached| {
            found.hear_addresses("rec.a:1", answer, reached);
            found.cores(std::slice::from_ref(&own), &[])[0].at.clone()
        };
        assert_eq!(hear(&[a], Some(a)), [], "the system has found it by itself");
        assert_eq!(hear(&[a, b], Some(a)), []);
        assert_eq!(hear(&[b, c], Some(a)), [b, c]);
        assert_eq!(hear(&[b, c, a], Some(c)), [b, c], "one more is no reason");
        assert_eq!(hear(&[c], Some(c)), [c], "nobody connects any more to what is gone");
    }

    #[test]
    fn whoever_was_never_reached_is_where_its_name_points() {
        let [a, b] = ["10.0.0.1:1", "10.0.0.2:1"].map(|at| at.parse().expect("an address"));
        let mut found = Found::default();
        let own = Core { id: CoreId(1), address: "rec.a:1".into(), ..like() };
        let mut hear = |answer: &[SocketAddr]| {
            found.hear_addresses("rec.a:1", answer, None);
            found.cores(std::slice::from_ref(&own), &[])[0].at.clone()
        };
        assert_eq!(hear(&[a]), [a]);
        assert_eq!(hear(&[b]), [b]);
    }

    #[test]
    fn each_shows_a_certificate_with_its_own_name_unless_all_have_one() {
        let tls = CoreTls {
            ca_file: PathBuf::from("ca.pem"),
            server_name: "cores.example".try_into().expect("a name"),
            identity: None,
        };
        for (has_own_certificate, name) in [(true, "rec-0.a"), (false, "cores.example")] {
            let like = Core { tls: Some(tls.clone()), ..like() };
            let (mut found, srv) = (Found::default(), CoreSrv { like, has_own_certificate, ..srv() });
            found.hear_targets(&srv, &[target("rec-0.a")], FORGET, Instant::now());
            let cores = found.cores(&[], &[srv]);
            let shown = cores[0].tls.as_ref().map(|tls| tls.server_name.to_str().into_owned());
            assert_eq!(shown.as_deref(), Some(name));
        }
    }
}
