pub mod command;
pub mod directory;
pub mod model;
pub mod protocol;
pub mod route;
