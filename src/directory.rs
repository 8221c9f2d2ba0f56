//! Who, what and where: devices, agents, stations, groups and roles, in a database that many proxies share, and a
//! picture of it in memory that the way of a call looks things up in.

pub mod fold;
pub mod snapshot;
