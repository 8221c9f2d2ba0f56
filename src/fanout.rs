//! A call to all of its cores at once, and one honest verdict from what comes back:
//! `Plan` → legs → outcomes → verdict → `Reply`.

mod desk;
mod detail;
mod failed;
mod fall_back;
mod gather;
mod in_flight;
mod late;
mod merge;
mod meter;
mod policy;
mod repeat;
mod rooms;
mod story;
mod tally;
mod turns;
mod witness;

pub use desk::{Answer, Arrived, Desk, Limits, Origin};
pub use failed::{FailedLeg, FailedLegs};
pub use in_flight::{InFlight, crowded};
pub use late::Deferred;
pub use meter::{Listener, Meter};
pub use policy::{Compat, Detail, Terms, Verdict};
pub use repeat::Repeats;
pub use rooms::Rooms;
pub use tally::Ended;
pub use turns::Turns;
