//! The gateway: where people meet LearnFlow.
//!
//! * Accounts and access tokens ([`token`]), and who may do what.
//! * The agents' HTTP triggers and the sandbox, proxied for whoever is logged in.
//! * Turns: their state, waiting for an answer, history, feedback, export and erasure.
//! * Real time: events of the log become Socket.IO events, in rooms.
//! * Dead letters: kept, the student told, replayed by an operator; and a sweep below that.
//!
//! The library starts it in a process ([`Gateway::start`]), which is what the runner does; the binary `gateway`
//! reads its configuration from the environment ([`env`]), which is what a cluster does.

mod accounts;
mod activity;
mod app;
mod audit;
mod code;
pub mod config;
mod dead_letters;
mod docs;
pub mod env;
mod erasure;
mod health;
mod history;
mod identity;
mod limits;
mod live;
mod live_run;
mod metrics;
mod operator;
mod outbound;
mod password;
mod problem;
mod proxy;
mod run_record;
mod security;
mod server;
mod sockets;
mod sweep;
pub mod token;
mod trace_context;
mod turns;
mod waiters;
mod web;

pub use config::{GatewayConfig, Rate, RateConfig, SweepConfig};
pub use server::{Gateway, GatewayHandle, StartError, openapi};
