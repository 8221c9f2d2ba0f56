//! What a look-up gives: a device or an agent, seen in its snapshot.

use super::index::By;
use super::layer::{AgentRow, DeviceRow, Layer, Link};
use super::texts::Text;
use super::{Snapshot, fold};
use crate::model::CoreId;

/// A row of one of a layer's tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) layer: &'a Layer,
    pub(super) row: u32,
}

impl Place<'_> {
    pub(super) fn agent_of_phone(self) -> Self {
        Self { row: self.layer.phone(self.row).agent, ..self }
    }
}

/// A device.
#[derive(Clone, Copy)]
pub struct Device<'a> {
    snapshot: &'a Snapshot,
    seen: Seen<'a>,
}

/// By what a device was found. What is behind it is read when it is asked for.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    /// Its own row.
    Row(Place<'a>),
    /// A station.
    Seat(Place<'a>),
    /// An agent's phone.
    Phone(Place<'a>),
}

impl<'a> Device<'a> {
    pub(super) const fn new(snapshot: &'a Snapshot, seen: Seen<'a>) -> Self {
        Self { snapshot, seen }
    }

    /// What names it, where that is not its own row.
    fn link(self) -> Option<(&'a Layer, &'a Link)> {
        match self.seen {
            Seen::Row(_) => None,
            Seen::Seat(Place { layer, row }) => Some((layer, &layer.station(row).device)),
            Seen::Phone(Place { layer, row }) => Some((layer, &layer.phone(row).device)),
        }
    }

    fn row(self) -> Option<(&'a Layer, &'a DeviceRow)> {
        let linked = self.link().and_then(|(layer, link)| self.snapshot.linked(layer, *link));
        let Place { layer, row } = if let Seen::Row(place) = self.seen { place } else { linked? };
        Some((layer, layer.device(row)))
    }

    /// DEVICEID.
    #[must_use]
    pub fn id(self) -> &'a str {
        let own = self.row().map(|(layer, row)| layer.name(&row.id));
        own.or_else(|| self.link().map(|(layer, link)| layer.text(link.id))).unwrap_or_default()
    }

    /// DEVICEALIAS.
    #[must_use]
    pub fn alias(self) -> Option<&'a str> {
        self.row().map(|(layer, row)| layer.text(row.alias)).filter(|alias| !alias.is_empty())
    }

    /// The cores that its own row names, sorted; empty if none are named there.
    #[must_use]
    pub fn cores(self) -> &'a [CoreId] {
        self.row().map_or(&[], |(layer, row)| layer.cores(row))
    }

    /// The site it stands at: its own row's, else that of the location of the station it is at, else that of the
    /// agent whose phone it is.
    #[must_use]
    pub fn site(self) -> Option<&'a str> {
        self.own_site().or_else(|| self.station_site()).or_else(|| self.agent()?.site())
    }

    fn own_site(self) -> Option<&'a str> {
        self.row().map(|(layer, row)| layer.text(row.site)).filter(|site| !site.is_empty())
    }

    fn station_site(self) -> Option<&'a str> {
        let place = self.station_place()?;
        self.snapshot.site_of_location(place.layer.station(place.row).location)
    }

    /// The name of the station it is at.
    #[must_use]
    pub fn station(self) -> Option<&'a str> {
        self.station_place().map(|Place { layer, row }| layer.text(layer.station(row).name))
    }

    /// A device is at one station at most.
    fn station_place(self) -> Option<Place<'a>> {
        let id = self.id();
        self.snapshot.found(By::Seat, id, fold::hash(id)).next()
    }

    /// The agent whose phone it is.
    #[must_use]
    pub fn agent(self) -> Option<Agent<'a>> {
        self.snapshot.agent_of(self.id())
    }
}

impl std::fmt::Debug for Device<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("id", &self.id()).field("cores", &self.cores()).finish_non_exhaustive()
    }
}

impl PartialEq for Device<'_> {
    fn eq(&self, other: &Self) -> bool {
        fold::same(self.id(), other.id())
    }
}

impl Eq for Device<'_> {}

/// An agent.
#[derive(Clone, Copy)]
pub struct Agent<'a> {
    snapshot: &'a Snapshot,
    place: Place<'a>,
}

impl<'a> Agent<'a> {
    pub(super) const fn of_row(snapshot: &'a Snapshot, place: Place<'a>) -> Self {
        Self { snapshot, place }
    }

    fn row(self) -> &'a AgentRow {
        self.place.layer.agent(self.place.row)
    }

    fn text(self, text: Text) -> Option<&'a str> {
        Some(self.place.layer.text(text)).filter(|text| !text.is_empty())
    }

    /// USERID, which requests also call AGENTID.
    #[must_use]
    pub fn id(self) -> i64 {
        self.row().id
    }

    /// USERNAME.
    #[must_use]
    pub fn username(self) -> Option<&'a str> {
        self.text(self.row().username)
    }

    /// EMPLOYEEID.
    #[must_use]
    pub fn employee_id(self) -> Option<&'a str> {
        self.text(self.row().employee)
    }

    /// FIRSTNAME.
    #[must_use]
    pub fn first_name(self) -> Option<&'a str> {
        self.text(self.row().first_name)
    }

    /// LASTNAME.
    #[must_use]
    pub fn last_name(self) -> Option<&'a str> {
        self.text(self.row().last_name)
    }

    /// SYS_USER.
    #[must_use]
    pub fn sys_user(self) -> Option<&'a str> {
        self.text(self.row().sys_user)
    }

    /// CRM_USER.
    #[must_use]
    pub fn crm_user(self) -> Option<&'a str> {
        self.text(self.row().crm_user)
    }

    /// SITEID, the name of a site.
    #[must_use]
    pub fn site(self) -> Option<&'a str> {
        self.text(self.row().site)
    }

    /// STATUS is A.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.row().active
    }

    /// The DEVICEIDs of its phones, in the order in which they were given.
    pub fn phones(self) -> impl Iterator<Item = &'a str> {
        let layer = self.place.layer;
        layer.phones(self.row()).iter().map(|phone| layer.text(phone.device.id))
    }

    /// Its devices: one per phone.
    pub fn devices(self) -> impl Iterator<Item = Device<'a>> {
        let (snapshot, layer) = (self.snapshot, self.place.layer);
        let (first, count) = self.row().phones;
        (first..first + count).map(move |row| Device::new(snapshot, Seen::Phone(Place { layer, row })))
    }
}

impl std::fmt::Debug for Agent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("id", &self.id())
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Agent<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Agent<'_> {}
