//! What hand-written synchronisation is made of. Files that use nothing else of this crate are also compiled into
//! `tests/models.rs`, where these names are those of a checker that tries every order of steps.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, atomic};
