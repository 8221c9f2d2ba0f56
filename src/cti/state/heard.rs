//! What was last heard of an agent, for AGENTWINDOW.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::protocol::request::Request;

/// The elements of a request that tell of an agent's window, in the order of [`Heard::window`].
pub const WINDOW: [&str; 3] = ["DOMAIN", "IPADDRESS", "APPLICATIONTITLE"];

/// What commands told of an agent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Heard {
    /// When the last one came, if any did.
    pub at: Option<Timestamp>,
    /// What they said of [`WINDOW`]; blank where none did.
    pub window: [Box<str>; WINDOW.len()],
}

impl Heard {
    /// A command came.
    pub fn hear(&mut self, request: &Request, now: Timestamp) {
        self.at = Some(now);
        for (name, known) in WINDOW.into_iter().zip(&mut self.window) {
            let mut said = request.fields().iter().filter(|field| is_named(field.name, name));
            if let Some(field) = said.find(|field| !field.value.is_empty()) {
                *known = field.value.into();
            }
        }
    }
}

/// SYS_DOMAIN is another name for DOMAIN.
fn is_named(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known) || (known == "DOMAIN" && name.eq_ignore_ascii_case("SYS_DOMAIN"))
}
