//! The protocol: bytes to requests and results, and back. Shared by the proxy and the CTI core.

pub mod codes;
pub mod fields;
pub mod frame;
pub mod markup;
pub mod param;
mod plain;
pub mod refrain;
pub mod request;
pub mod result;
pub mod url;
pub mod write;
pub mod xml;
