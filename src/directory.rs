//! Who, what and where: devices, agents, stations, groups and roles, in a database that many proxies share, and a
//! picture of it in memory that the way of a call looks things up in.
//!
//! [`Store`] reads and writes the database.

mod engine;
pub mod entity;
pub mod error;
pub mod fold;
mod schema;
mod session;
pub mod snapshot;
pub mod store;

pub use error::StoreError;
pub use store::{By, Store};

#[cfg(test)]
mod tests;
