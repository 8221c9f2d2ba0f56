//! What must hold whatever a stranger sends: one property for each kind of input.
//!
//! The fuzz targets hold it against inputs that libFuzzer makes up, `tests/it/corpus.rs` against those that are kept
//! in `corpus/`. A property panics where it does not hold, and uses nothing but Corecast's public items.

pub mod cav;
pub mod configuration;
pub mod cti;
pub mod frames;
pub mod reply;
pub mod request;
pub mod strict;
pub mod url;

/// A kind of input and what must hold for it. `name` is the fuzz target's and the corpus folder's too.
pub struct Property {
    pub name: &'static str,
    pub check: fn(&[u8]),
}

/// All of them.
pub const PROPERTIES: [Property; 7] = [
    Property { name: "cav", check: cav::check },
    Property { name: "configuration", check: configuration::check },
    Property { name: "cti", check: cti::check },
    Property { name: "frames", check: frames::check },
    Property { name: "reply", check: reply::check },
    Property { name: "request", check: request::check },
    Property { name: "url", check: url::check },
];
