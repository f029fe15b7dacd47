//! The host, with a real component in it: `tests/guest`, built by the first test that needs it.

mod bench;
mod guest;
mod isolation;
mod limits;
mod outbound;
mod postgres;
mod requests;
mod server;
mod streams;
