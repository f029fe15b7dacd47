//! The gateway against a real PostgreSQL and the real event log. Behind it stands a recorder that answers as it
//! is told, in the place of functions, sandbox and broker.

mod accounts;
mod authorisation;
mod code;
mod dead_letters;
mod erasure;
mod harness;
mod history;
mod outages;
mod proxy;
mod sockets;
mod sweep;
mod turns;
mod web;
