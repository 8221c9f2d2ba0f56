//! Corecast: a stateless fan-out proxy in front of call recorders. API_OK means that every owner confirmed.
//!
//! Data flows one way, and a module uses only what stands above it in this list:
//!
//! | module | from → to |
//! |---|---|
//! | [`model`] | the words of the design |
//! | [`protocol`] | bytes → [`Request`](protocol::request::Request), and results → bytes |
//! | [`command`] | request → [`Call`](command::Call), by the one table of functions |
//! | [`route`] | call → [`Plan`](route::Plan): which cores, and what their outcomes add up to |
//! | [`database`] | the two databases behind one session |
//! | [`directory`] | who, what and where: the database's tables, and the snapshot of them |
//! | [`records`] | the call records in the same database |
//! | [`access`] | who may connect, who may call what; TLS |
//! | [`media`] | the store of recordings, formats, mail |
//! | [`names`] | names of cores → addresses, and the cores of a site |
//! | [`upstream`] | a leg → its core and back: links, breaker, probes |
//! | [`owed`] | what a core did not get → the database → its late delivery |
//! | [`trail`] | what a call leaves behind: its access line, its trace |
//! | [`fanout`] | plan → legs → outcomes → verdict → [`Reply`](protocol::result::Reply) |
//! | [`ledger`] | what became of each blackout, core by core, in a chain that shows a change |
//! | [`listen`] | the doors: the API socket and the WebAPI |
//! | [`ops`] | the admin address |
//! | [`config`] | the file → what all of the above is built from |
//! | [`app`] | puts it together |
//! | [`post`] | JSON to somebody who is told of something |
//! | [`lines`] | the log's way out |
//! | [`systemd`] | what a service manager is told, and what it gives |
//! | [`cli`] | the command line |
//!
//! [`cti`], the CTI core daemon, shares with the proxy how requests are read, where call records are written and
//! where recordings are put, and nothing of the way of a call, so it cannot hide the proxy's faults.

pub mod access;
pub mod app;
pub mod budget;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod cti;
pub mod database;
pub mod directory;
pub mod fanout;
pub mod ledger;
pub mod lines;
pub mod listen;
pub mod media;
pub mod metrics;
pub mod model;
pub mod names;
pub mod net;
pub mod ops;
pub mod owed;
pub mod post;
pub mod protocol;
pub mod records;
mod room;
pub mod route;
pub mod secret;
pub mod signal;
mod sync;
pub mod systemd;
pub mod trail;
pub mod upstream;
