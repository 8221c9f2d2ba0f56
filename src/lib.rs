pub mod command;
pub mod fanout;
pub mod metrics;
pub mod model;
pub mod net;
pub mod protocol;
pub mod route;
pub mod upstream;
