//! `spin:postgres` 4.2 on tokio-postgres, with a pool of connections for each address.

#![allow(
    clippy::result_large_err,
    reason = "the error is spin:postgres's own type, and the WIT gives it its size"
)]

mod address;
mod interface;
mod numeric;
mod parameter;
mod pool;
mod range;
mod session;
mod span;
mod value;

pub(crate) use pool::Pools;
pub(crate) use session::Session;

use std::sync::Arc;

/// A component's handle on a connection.
pub struct Connection(pub(crate) Arc<Session>);

/// A connection that a component is about to open.
pub struct ConnectionBuilder {
    pub(crate) address: String,
}
