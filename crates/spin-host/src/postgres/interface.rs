//! The functions that a component calls.
//!
//! The plain ones keep the whole instance waiting, the `-async` ones only their caller. Access to the store is never
//! held across an await.

use std::sync::Arc;

use learnflow_telemetry::TraceContext;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::{Connection, ConnectionBuilder, Session};
use crate::{
    bindings::spin::postgres::postgres::{
        Column, Error, Host, HostConnection, HostConnectionBuilder, HostConnectionBuilderWithStore,
        HostConnectionWithStore, ParameterValue, Row, RowSet,
    },
    instance::{ComponentContext, InstanceData},
};

type Trappable<T> = wasmtime::Result<Result<T, Error>>;

async fn open(component: &ComponentContext, address: &str) -> Result<Connection, Error> {
    let opened = component.postgres.open(address, &component.allowed_hosts).await;
    if let Err(Error::ConnectionFailed(reason)) = &opened {
        // For the operator: the component may show the student something kinder.
        tracing::warn!(component = &*component.name, "no connection to PostgreSQL: {reason}");
        if reason.ends_with("is not permitted") {
            component.metrics.denied(&component.name);
        }
    }
    opened.map(Connection)
}

impl InstanceData {
    /// A connection's session, and the trace that its statements are a part of.
    fn session(
        &self,
        connection: &Resource<Connection>,
    ) -> wasmtime::Result<(Arc<Session>, Option<TraceContext>)> {
        Ok((self.table.get(connection)?.0.clone(), self.outbound.trace.clone()))
    }
}

impl Host for InstanceData {}

impl HostConnectionBuilder for InstanceData {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        Ok(self.table.push(ConnectionBuilder { address })?)
    }

    async fn set_ca_root(&mut self, _: Resource<ConnectionBuilder>, _: String) -> Trappable<()> {
        Ok(Err(Error::Other(
            "this host connects to PostgreSQL without TLS, so it cannot use a certificate".to_owned(),
        )))
    }

    async fn build(&mut self, builder: Resource<ConnectionBuilder>) -> Trappable<Resource<Connection>> {
        let address = self.table.get(&builder)?.address.clone();
        HostConnection::open(self, address).await
    }

    async fn drop(&mut self, builder: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl HostConnection for InstanceData {
    async fn open(&mut self, address: String) -> Trappable<Resource<Connection>> {
        match open(&self.component, &address).await {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Trappable<RowSet> {
        let (session, trace) = self.session(&connection)?;
        let result = session.query(trace, &statement, parameters).await;
        Ok(result.map(|(columns, rows)| RowSet { columns, rows }))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Trappable<u64> {
        let (session, trace) = self.session(&connection)?;
        Ok(session.execute(trace, &statement, parameters).await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionBuilderWithStore<T> for HasSelf<InstanceData> {
    async fn build_async(
        accessor: &Accessor<T, Self>,
        builder: Resource<ConnectionBuilder>,
    ) -> Trappable<Resource<Connection>> {
        let address = accessor
            .with(|mut store| store.get().table.get(&builder).map(|builder| builder.address.clone()))?;
        Self::open_async(accessor, address).await
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for HasSelf<InstanceData> {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Trappable<Resource<Connection>> {
        let component = accessor.with(|mut store| store.get().component.clone());
        match open(&component, &address).await {
            Ok(connection) => Ok(Ok(accessor.with(|mut store| store.get().table.push(connection))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Trappable<(Vec<Column>, StreamReader<Row>, FutureReader<Result<(), Error>>)> {
        let (session, trace) = accessor.with(|mut store| store.get().session(&connection))?;
        let (columns, rows) = match session.query(trace, &statement, parameters).await {
            Ok(result) => result,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut store| {
            let rows = StreamReader::new(&mut store, rows)?;
            // All rows are here already, so nothing can fail any more.
            let end = FutureReader::new(&mut store, async { wasmtime::error::Ok(Ok(())) })?;
            Ok(Ok((columns, rows, end)))
        })
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Trappable<u64> {
        let (session, trace) = accessor.with(|mut store| store.get().session(&connection))?;
        Ok(session.execute(trace, &statement, parameters).await)
    }
}
