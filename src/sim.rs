//! A simulated recorder core: it answers the API socket's dialect from memory.
//!
//! It shares `protocol` and `command` with the proxy and nothing else, so it cannot hide the proxy's
//! faults.

pub mod dispatch;
pub mod host;
pub mod state;
