//! Pools: one for each connection string, made when it is first used.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::NoTls;

use super::{address::permitted, session::Session, span::Server};
use crate::{
    allowed_hosts::AllowedHosts, bindings::spin::postgres::postgres::Error, options::PostgresOptions,
};

/// More connection strings than this are not kept; the one unused for longest goes.
const MOST_POOLS: usize = 32;

/// The pools of a host.
#[derive(Debug)]
pub(crate) struct Pools {
    options: PostgresOptions,
    by_address: Mutex<HashMap<String, (Pool, Instant)>>,
}

impl Pools {
    pub(crate) fn new(options: PostgresOptions) -> Self {
        Self { options, by_address: Mutex::default() }
    }

    /// A connection to the address, if the component may go there. One that has died is replaced.
    pub(crate) async fn open(&self, address: &str, allowed: &AllowedHosts) -> Result<Arc<Session>, Error> {
        let config = permitted(address, allowed)?;
        let server = Server::of(&config);
        let pool = self.pool(address, config)?;
        let connection = pool.get().await.map_err(|error| Error::ConnectionFailed(describe(&error)))?;
        Ok(Arc::new(Session::new(connection, self.options.result_bytes, server)))
    }

    fn pool(&self, address: &str, mut config: tokio_postgres::Config) -> Result<Pool, Error> {
        let mut pools = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((pool, used)) = pools.get_mut(address) {
            *used = now;
            return Ok(pool.clone());
        }
        if config.get_application_name().is_none() {
            config.application_name("learnflow");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.options.connect_timeout);
        }
        // Fast: a connection is looked at, not asked; what may have changed its session never comes back.
        let manager =
            Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let limit = Some(self.options.connect_timeout);
        let pool = Pool::builder(manager)
            .max_size(self.options.connections)
            .timeouts(Timeouts { wait: limit, create: limit, recycle: limit })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::ConnectionFailed(error.to_string()))?;
        if pools.len() >= MOST_POOLS
            && let Some(oldest) = pools.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone())
        {
            pools.remove(&oldest);
        }
        pools.insert(address.to_owned(), (pool.clone(), now));
        Ok(pool)
    }
}

/// The whole chain of causes: "connection refused" is in the last.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = inner.source();
    }
    text
}
