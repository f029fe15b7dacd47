//! The gateway against a real PostgreSQL and the real event log. Behind it stands a recorder that answers as it
//! is told, in the place of functions, sandbox and broker.

mod accounts;
mod audit;
mod authorisation;
mod classes;
mod code;
mod dead_letters;
mod documents;
mod driver;
mod erasure;
mod exercises;
mod harness;
mod history;
mod identity_provider;
mod oidc;
mod outages;
mod proxy;
mod queries;
mod quotas;
mod sockets;
mod stillness;
mod sweep;
mod teachers;
mod turns;
mod web;
