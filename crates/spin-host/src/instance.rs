//! What belongs to one instance, and what all instances of a component share.

use std::sync::{Arc, atomic::AtomicBool};

use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;
use wasmtime::{
    Engine, Store,
    component::{HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    allowed_hosts::AllowedHosts,
    bindings::spin,
    guest_log::GuestLog,
    metrics::Metrics,
    options::{Limits, Reuse},
    outbound::{HttpClient, OutboundHttp},
    postgres::Pools,
    variables::ComponentVariables,
};

/// A request's place among those that its component handles at a time.
pub(crate) type Turn = Arc<OwnedSemaphorePermit>;

/// What all instances of a component share.
#[derive(Debug)]
pub(crate) struct ComponentContext {
    pub name: Arc<str>,
    pub variables: ComponentVariables,
    pub allowed_hosts: AllowedHosts,
    pub limits: Limits,
    pub reuse: Reuse,
    pub http: HttpClient,
    pub postgres: Arc<Pools>,
    pub metrics: Metrics,
}

/// The data of one instance's store. It has no files, no environment, no arguments and no sockets of its own.
pub(crate) struct InstanceData {
    pub table: ResourceTable,
    pub component: Arc<ComponentContext>,
    /// The request that it handles, or the last of them where it handles several.
    pub request: Option<Uuid>,
    /// The request's turn, which lasts as long as the instance where the instance lasts for one request: also when
    /// the caller has gone.
    pub turn: Option<Turn>,
    /// Set when the instance traps or is ended before its time.
    pub failed: Arc<AtomicBool>,
    pub outbound: OutboundHttp,
    wasi: WasiCtx,
    http: WasiHttpCtx,
}

impl InstanceData {
    pub(crate) fn new_store(engine: &Engine, component: &Arc<ComponentContext>) -> Store<Self> {
        let wasi = WasiCtxBuilder::new()
            .stdout(GuestLog::new(component.name.clone(), "stdout"))
            .stderr(GuestLog::new(component.name.clone(), "stderr"))
            .build();
        let data = Self {
            table: ResourceTable::new(),
            component: component.clone(),
            request: None,
            turn: None,
            failed: Arc::new(AtomicBool::new(false)),
            outbound: OutboundHttp::new(component.clone()),
            wasi,
            http: WasiHttpCtx::new(),
        };
        let mut store = Store::new(engine, data);
        // A busy guest gives way at each tick, so that its worker can see that its time is over.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

impl WasiView for InstanceData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// Everything that a component may import.
pub(crate) fn new_linker(engine: &Engine) -> wasmtime::Result<Linker<InstanceData>> {
    let mut linker = Linker::new(engine);
    // The standard library of wasm32-wasip2 still imports WASI 0.2.
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    spin::variables::variables::add_to_linker::<_, HasSelf<InstanceData>>(&mut linker, |data| data)?;
    spin::postgres::postgres::add_to_linker::<_, HasSelf<InstanceData>>(&mut linker, |data| data)?;
    Ok(linker)
}
