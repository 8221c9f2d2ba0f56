pub mod command;
pub mod model;
pub mod protocol;
pub mod route;
pub mod sim;
