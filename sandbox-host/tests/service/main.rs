//! The service as its clients see it: HTTP, streams, tests, CloudEvents and MCP.

#[path = "../support/mod.rs"]
mod support;

mod events;
mod harness;
mod mcp;
mod requests;
mod streams;
mod verdicts;
