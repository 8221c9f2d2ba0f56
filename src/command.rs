//! Which function a request asks for, and whether it may be asked so: `Request` → [`Call`].

mod call;
mod function;
mod table;

pub use call::{Call, Refusal, check, check_as, named, named_by, wire_head};
pub use function::{Command, Family, Function, Identifiers, Merge, Need, Policy, Room, Scope, Urgency};
pub use table::{FUNCTIONS, function};
