pub mod config;
pub mod model;
pub mod protocol;
pub mod route;
