//! The gateway: where people meet LearnFlow.
//!
//! * Accounts and access tokens ([`token`]), and who may do what.
//! * The agents' HTTP triggers and the sandbox, proxied for whoever is logged in.
//! * Classes: who teaches whom, what the course says, and the pages of teachers.
//! * Turns: their state, waiting for an answer, history, feedback, export and erasure.
//! * Real time: events of the log become Socket.IO events, in rooms.
//! * Dead letters: kept, the student told, replayed by an operator; and a sweep below that.
//!
//! The library starts it in a process ([`Gateway::start`]), which is what the runner does; the binary `gateway`
//! reads its configuration from the environment ([`env`]), which is what a cluster does.

mod access;
mod accounts;
mod activity;
mod alerts;
mod app;
mod archive;
mod audit;
mod authoring;
mod classes;
mod code;
pub mod config;
mod connections;
mod course;
mod dead_letters;
mod docs;
pub mod env;
mod erasure;
mod exercises;
mod export;
mod file_limit;
mod health;
mod health_report;
mod history;
mod identity;
mod learning;
mod limits;
mod live;
mod live_run;
mod metrics;
mod oidc;
mod operator;
mod outbound;
mod overview;
mod page;
mod password;
mod personal;
mod problem;
mod proxy;
mod quotas;
pub mod relay;
mod request_span;
mod run_record;
mod schema;
mod security;
mod server;
mod socket_span;
mod sockets;
mod stillness;
mod struggles;
mod students;
mod sweep;
mod table;
mod tasks;
pub mod token;
mod turns;
mod verification;
mod waiters;
mod web;

pub use config::{GatewayConfig, ModelOffer, OidcConfig, Rate, RateConfig, SweepConfig, WatchedGroup};
pub use file_limit::raise_file_limit;
pub use server::{Gateway, GatewayHandle, StartError, openapi};
