//! Rows one by one into a layer.

use std::collections::HashMap;

use super::SnapshotFull;
use super::layer::{AgentRow, DeviceRow, Layer, Link, PhoneRow, Rows, StationRow};
use super::texts::Text;
use crate::model::CoreId;

/// An agent as it is read from wherever agents are kept. Empty texts are texts that it does not have.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgentRecord<'a> {
    /// USERID, which requests also call AGENTID.
    pub id: i64,
    /// USERNAME.
    pub username: &'a str,
    /// EMPLOYEEID.
    pub employee_id: &'a str,
    /// FIRSTNAME.
    pub first_name: &'a str,
    /// LASTNAME.
    pub last_name: &'a str,
    /// SYS_USER.
    pub sys_user: &'a str,
    /// CRM_USER.
    pub crm_user: &'a str,
    /// SITEID, the name of a site.
    pub site: &'a str,
    /// STATUS is A.
    pub active: bool,
}

/// Collects the rows of a new snapshot or of a change.
#[derive(Debug, Default)]
pub struct Builder {
    rows: Rows,
    sites: HashMap<Box<str>, Text>,
    core_sets: HashMap<Box<[CoreId]>, u32>,
}

impl Builder {
    /// Adds a device: DEVICEID, DEVICEALIAS, the name of its site, its own cores.
    ///
    /// # Errors
    /// [`SnapshotFull`].
    pub fn device(
        &mut self,
        id: &str,
        alias: &str,
        site: &str,
        cores: &[CoreId],
    ) -> Result<(), SnapshotFull> {
        let cores = self.core_set(cores)?;
        let site = self.site(site)?;
        let texts = &mut self.rows.texts;
        self.rows.devices.push(DeviceRow {
            id: texts.push_name(id)?,
            alias: texts.push(alias)?,
            site,
            cores,
        });
        Ok(())
    }

    /// Adds a station: STATIONNAME, the DEVICEID of the device at it, LOCATIONID.
    ///
    /// # Errors
    /// [`SnapshotFull`].
    pub fn station(&mut self, name: &str, device: &str, location: i64) -> Result<(), SnapshotFull> {
        let texts = &mut self.rows.texts;
        self.rows.stations.push(StationRow {
            name: texts.push(name)?,
            device: Link::to(texts.push(device)?),
            location,
        });
        Ok(())
    }

    /// Adds an agent with its phones, which are DEVICEIDs.
    ///
    /// # Errors
    /// [`SnapshotFull`].
    pub fn agent<'p>(
        &mut self,
        agent: &AgentRecord<'_>,
        phones: impl IntoIterator<Item = &'p str>,
    ) -> Result<(), SnapshotFull> {
        let first = self.rows.phones.len();
        let row = number(self.rows.agents.len())?;
        for phone in phones {
            let device = Link::to(self.rows.texts.push(phone)?);
            self.rows.phones.push(PhoneRow { device, agent: row });
        }
        let phones = (number(first)?, number(self.rows.phones.len() - first)?);
        let site = self.site(agent.site)?;
        let texts = &mut self.rows.texts;
        self.rows.agents.push(AgentRow {
            id: agent.id,
            username: texts.push(agent.username)?,
            employee: texts.push(agent.employee_id)?,
            first_name: texts.push(agent.first_name)?,
            last_name: texts.push(agent.last_name)?,
            sys_user: texts.push(agent.sys_user)?,
            crm_user: texts.push(agent.crm_user)?,
            site,
            active: agent.active,
            phones,
        });
        Ok(())
    }

    fn site(&mut self, site: &str) -> Result<Text, SnapshotFull> {
        if let Some(text) = self.sites.get(site) {
            return Ok(*text);
        }
        let text = self.rows.texts.push(site)?;
        self.sites.insert(site.into(), text);
        Ok(text)
    }

    fn core_set(&mut self, cores: &[CoreId]) -> Result<u32, SnapshotFull> {
        if let Some(place) = self.core_sets.get(cores) {
            return Ok(*place);
        }
        let place = number(self.rows.core_sets.len())?;
        self.rows.core_sets.push(cores.into());
        self.core_sets.insert(cores.into(), place);
        Ok(place)
    }

    /// The layer of all that was added.
    pub(super) fn layer(mut self) -> Layer {
        self.rows.texts.shrink();
        self.rows.devices.shrink_to_fit();
        self.rows.stations.shrink_to_fit();
        self.rows.agents.shrink_to_fit();
        self.rows.phones.shrink_to_fit();
        Layer::over(self.rows)
    }
}

fn number(rows: usize) -> Result<u32, SnapshotFull> {
    u32::try_from(rows).map_err(|_| SnapshotFull)
}
