//! Who may connect, who may call what, and how often; TLS for clients and towards cores.
//!
//! Everything is decided as early as it can be: the address when a connection is taken, the functions when it
//! is known who is there, and so a request costs one look at a set of bits. With neither rules nor a rate it
//! costs one branch.

pub mod files;
mod gate;
mod network;
mod rate;
mod rules;
pub mod tls;
pub mod token;
mod x509;

pub use files::{FileFault, Live, Watched};
pub use gate::{Client, Doorkeeper, Gate, Pass};
pub use network::{Network, Networks};
pub use rate::RateLimit;
pub use rules::{Functions, NamePattern, Rule};

use token::TokenSettings;

/// The target of the log lines that say who was refused what, and who changed something. Their field `audit` says
/// what it is about: `connection`, `certificate`, `function`, `token` or `change`.
pub const AUDIT: &str = "audit";

/// Who may do what. By default everybody may do everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who may connect to the API socket; empty means everybody.
    pub api: Networks,
    /// Who may connect to the WebAPI.
    pub webapi: Networks,
    /// Who may connect to the admin address.
    pub admin: Networks,
    /// Who may call which functions; the first that fits decides.
    pub rules: Vec<Rule>,
    /// Whether what no rule decides is allowed.
    pub is_open: bool,
    /// Requests per client address; `None` is as many as come.
    pub rate: Option<RateLimit>,
    /// What the admin address asks for.
    pub token: Option<TokenSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api: Networks::default(),
            webapi: Networks::default(),
            admin: Networks::default(),
            rules: Vec::new(),
            is_open: true,
            rate: None,
            token: None,
        }
    }
}
