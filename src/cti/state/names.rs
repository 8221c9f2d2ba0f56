//! What devices go by besides their DEVICEID.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::protocol::param::Param;

/// The parameters that can name a device in place of DEVICEID, in the order in which they are tried.
pub const NAMES: [Param; 4] = [Param::StationName, Param::DeviceAlias, Param::SysUser, Param::CrmUser];

/// Those of [`NAMES`] that name an agent: a station is a desk, and not always the same person's.
pub const AGENT_NAMES: [Param; 3] = [Param::DeviceAlias, Param::SysUser, Param::CrmUser];

/// How a request says which device it means.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'r> {
    /// DEVICEID.
    pub id: Option<&'r str>,
    /// What else, in the order of [`NAMES`].
    pub names: [Option<&'r str>; NAMES.len()],
}

impl<'r> Who<'r> {
    /// What `get` gives for each identifying parameter.
    #[must_use]
    pub fn of(get: impl Fn(Param) -> Option<&'r str>) -> Self {
        Self { id: get(Param::DeviceId), names: NAMES.map(get) }
    }

    /// What was given in place of DEVICEID, in the order in which it is tried.
    pub fn given(&self) -> impl Iterator<Item = (Param, &'r str)> {
        NAMES.into_iter().zip(self.names).filter_map(|(param, name)| Some((param, name?)))
    }
}

/// The devices of one name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bearers {
    all: BTreeSet<Arc<str>>,
    last: Arc<str>,
}

/// Which devices go by which name. An agent may have several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Names(HashMap<Param, HashMap<Box<str>, Bearers>>);

impl Names {
    /// The device that last brought this name along.
    #[must_use]
    pub fn last(&self, param: Param, name: &str) -> Option<&Arc<str>> {
        self.bearers(param, name).map(|bearers| &bearers.last)
    }

    /// Every device that goes by this name.
    pub fn all(&self, param: Param, name: &str) -> impl Iterator<Item = &Arc<str>> {
        self.bearers(param, name).into_iter().flat_map(|bearers| &bearers.all)
    }

    fn bearers(&self, param: Param, name: &str) -> Option<&Bearers> {
        self.0.get(&param)?.get(name)
    }

    /// A device goes by this name from now on.
    pub fn add(&mut self, param: Param, name: &str, device: &Arc<str>) {
        let names = self.0.entry(param).or_default();
        let bearers = names
            .entry(name.into())
            .or_insert_with(|| Bearers { all: BTreeSet::new(), last: Arc::clone(device) });
        bearers.all.insert(Arc::clone(device));
        bearers.last = Arc::clone(device);
    }

    /// A device goes by this name no more.
    pub fn remove(&mut self, param: Param, name: &str, device: &str) {
        let Some(names) = self.0.get_mut(&param) else { return };
        let Some(bearers) = names.get_mut(name) else { return };
        bearers.all.remove(device);
        match bearers.all.last() {
            None => drop(names.remove(name)),
            Some(other) if &*bearers.last == device => bearers.last = Arc::clone(other),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_device_that_brought_it_last() {
        let mut names = Names::default();
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        let last = |names: &Names| names.last(Param::SysUser, "x").cloned();
        for device in [&b, &a] {
            names.add(Param::SysUser, "x", device);
        }
        assert_eq!(last(&names), Some(a.clone()));
        assert_eq!(names.all(Param::SysUser, "x").collect::<Vec<_>>(), [&a, &b]);
        assert_eq!(names.last(Param::CrmUser, "x"), None);
        names.remove(Param::SysUser, "x", "a");
        assert_eq!(last(&names), Some(b));
        names.remove(Param::SysUser, "x", "b");
        assert_eq!(last(&names), None);
        assert!(names.0[&Param::SysUser].is_empty());
    }
}
