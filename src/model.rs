//! The words of the design as types: what every other module may name.

mod pattern;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;

pub use pattern::Pattern;

/// A recorder core's number, the COREIDENT of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct CoreId(pub u16);

impl fmt::Display for CoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of a core's links on each thread. Everything on the way of a call is indexed by it. A [`CoreId`] keeps its
/// place for as long as the process lives, whatever cores come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreIndex(pub u16);

impl CoreIndex {
    /// The index as an array index.
    #[must_use]
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// Why a leg never left: not one byte of it was written, so it is safe to try it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsent {
    /// No connection to the core could be made.
    Connect,
    /// The breaker is shut: the core is known to be down.
    Breaker,
    /// The core's queue is full.
    QueueFull,
    /// The core is being drained by an operator.
    Draining,
    /// The deadline came while the leg waited for its turn.
    Deadline,
    /// The directory names a core that the configuration does not have.
    Unknown,
    /// Something that was said of the same device before is still owed to the core, and goes first.
    Behind,
}

impl Unsent {
    /// A sentence's end for the DETAIL section, logs and the live page.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Connect => "could not connect to the core",
            Self::Breaker => "the core is known to be down",
            Self::QueueFull => "the core's queue is full",
            Self::Draining => "the core is being drained",
            Self::Deadline => "no turn before the deadline",
            Self::Unknown => {
                "the directory names this core, and the configuration has no [[core]] of this id"
            }
            Self::Behind => "an earlier command for the device is still owed to the core, and goes first",
        }
    }
}

/// A core's refusal, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// RESULTCODE.
    pub code: i32,
    /// RESULTTYPE, for example `API_DEVICE_NOT_IN_CALL`.
    pub label: String,
    /// RESULTMSG.
    pub message: String,
}

/// How a leg ended. *Sent or not sent* is the split that decides what is safe to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The core confirmed.
    Ok,
    /// The core answered, and refused.
    Rejected(Box<Rejection>),
    /// Sent, and no answer in time: unknown whether the core did it.
    TimedOut,
    /// Sent, and the connection was lost: unknown whether the core did it.
    Disconnected,
    /// Not one byte was written.
    NotSent(Unsent),
    /// Sent, and what came back was not an answer to it: unknown whether the core did it.
    BadReply,
}

impl Outcome {
    /// The `outcome` label of every kind, in the order of [`Outcome::kind`].
    pub const LABELS: [&'static str; 12] = [
        "ok",
        "rejected",
        "timed_out",
        "disconnected",
        "bad_reply",
        "not_sent_connect",
        "not_sent_breaker",
        "not_sent_queue_full",
        "not_sent_draining",
        "not_sent_deadline",
        "not_sent_unknown",
        "not_sent_behind",
    ];

    /// The index of this outcome's metric label in [`Outcome::LABELS`].
    #[must_use]
    pub const fn kind(&self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Rejected(_) => 1,
            Self::TimedOut => 2,
            Self::Disconnected => 3,
            Self::BadReply => 4,
            Self::NotSent(unsent) => 5 + *unsent as usize,
        }
    }

    /// The metric label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        Self::LABELS[self.kind()]
    }

    /// The OUTCOME element of the DETAIL section.
    #[must_use]
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Rejected(_) => "REJECTED",
            Self::TimedOut => "TIMED_OUT",
            Self::Disconnected => "DISCONNECTED",
            Self::NotSent(_) => "NOT_SENT",
            Self::BadReply => "BAD_REPLY",
        }
    }

    /// The REASON element of the DETAIL section: what a person needs to know beyond [`Outcome::detail`].
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Ok => String::new(),
            Self::Rejected(r) => format!("{} ({}): {}", r.label, r.code, r.message),
            Self::TimedOut => "sent, no answer in time: unknown whether it was done".into(),
            Self::Disconnected => "sent, the core closed the connection: unknown whether it was done".into(),
            Self::NotSent(unsent) => unsent.reason().into(),
            Self::BadReply => "sent, the answer could not be read: unknown whether it was done".into(),
        }
    }

    /// Whether the core gave a sensible answer: a business refusal is health too.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Ok | Self::Rejected(_))
    }
}

/// What the link reports of a leg: the outcome, the core's reply if there was one, and the time it took.
#[derive(Clone, Debug)]
pub struct LegEnd {
    /// How it ended.
    pub outcome: Outcome,
    /// The core's whole reply, for functions whose data is merged.
    pub reply: Option<Bytes>,
    /// From the moment the call was taken in to the leg's end.
    pub elapsed: Duration,
    /// From then to the moment in which the last byte of its request was written to the core, if that is known.
    pub sent: Option<Duration>,
}

/// How connections to a core are secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreTls {
    /// Who signs the core's certificate: a PEM file.
    pub ca_file: PathBuf,
    /// The name that must stand in it: a host's or an IP address.
    pub server_name: ServerName<'static>,
    /// What we show if the core asks for a certificate: the PEM files of it and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// One configured core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// COREIDENT, unique.
    pub id: CoreId,
    /// What people call it: in logs, on the live page.
    pub name: String,
    /// The site it stands at.
    pub site: String,
    /// `host:port` of its API socket.
    pub address: String,
    /// Where that is to be reached; none while the system is to say that, with each connection anew.
    pub at: Vec<SocketAddr>,
    /// Connections to it, over all threads together; each thread has at least one.
    pub connections: usize,
    /// Requests in flight on one connection: 1 for a server that answers before it reads on.
    pub pipeline: usize,
    /// Legs that may wait on one thread for a turn on its connections; more are refused at once.
    pub queue: usize,
    /// How connections to it are secured; `None` if they are not.
    pub tls: Option<CoreTls>,
}
