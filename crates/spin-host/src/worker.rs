//! Instances and their lifetimes.
//!
//! A request's time is enforced twice. A guest that waits is cut off by the future of `on_request_start`; a guest
//! that is busy keeps that future from being polled, but gives way at each tick of the clock, and then
//! [`Lifetime`] ends the instance.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use learnflow_telemetry::TraceContext;
use tokio::time::Sleep;
use uuid::Uuid;
use wasmtime::{Engine, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    WasiHttpView,
    handler::{HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus},
};

use crate::instance::{ComponentContext, InstanceData, Turn};

/// A component that is ready to be instantiated.
pub(crate) struct ComponentHandler {
    pub engine: Engine,
    pub pre: ProxyPre<InstanceData>,
    pub component: Arc<ComponentContext>,
}

/// What an instance is told about a request beside the request.
pub(crate) struct RequestContext {
    pub id: Uuid,
    /// What the component does for the request is a part of this trace.
    pub trace: Option<TraceContext>,
    pub turn: Turn,
    /// Filled with the flag of the instance that takes the request.
    pub fate: Fate,
}

/// Whether the instance that took a request has failed. A body that such an instance was writing ends without an
/// error, so whoever reads it must ask here whether it is complete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate(Arc<OnceLock<Arc<AtomicBool>>>);

impl Fate {
    pub(crate) fn failed(&self) -> bool {
        self.0.get().is_some_and(|failed| failed.load(Ordering::Acquire))
    }
}

impl HandlerState for ComponentHandler {
    type StoreData = InstanceData;
    type WorkerExpiration = Lifetime;
    type WorkerState = Policy;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceData, Lifetime, Policy>> {
        let mut store = InstanceData::new_store(&self.engine, &self.component);
        let proxy = self.pre.instantiate_async(&mut store).await?;
        let expired = Arc::new(AtomicBool::new(false));
        let limits = &self.component.limits;
        Ok(Instance {
            store,
            proxy,
            view: <InstanceData as WasiHttpView>::http,
            expiration: Lifetime {
                request: limits.request_timeout,
                stream: limits.stream_timeout,
                idle: self.component.reuse.idle,
                expired: expired.clone(),
                timer: None,
            },
            state: Policy { component: self.component.clone(), expired },
        })
    }
}

/// When an instance ends.
pub(crate) struct Lifetime {
    request: Duration,
    stream: Duration,
    idle: Duration,
    /// A request of this instance has run out of time.
    expired: Arc<AtomicBool>,
    /// Made when it is first needed, and set again when the status changes.
    timer: Option<(WorkerStatus, Instant, Pin<Box<Sleep>>)>,
}

impl WorkerExpiration for Lifetime {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if status == WorkerStatus::PostReturn && self.expired.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let limit = match status {
            WorkerStatus::Idle => self.idle,
            WorkerStatus::Requests => self.request,
            WorkerStatus::PostReturn => self.stream,
        };
        let deadline = tokio::time::Instant::from_std(start) + limit;
        let timer = match &mut self.timer {
            Some((of, since, timer)) => {
                if (*of, *since) != (status, start) {
                    (*of, *since) = (status, start);
                    timer.as_mut().reset(deadline);
                }
                timer
            }
            none => &mut none.insert((status, start, Box::pin(tokio::time::sleep_until(deadline)))).2,
        };
        timer.as_mut().poll(cx)
    }
}

/// Which requests an instance takes.
pub(crate) struct Policy {
    component: Arc<ComponentContext>,
    expired: Arc<AtomicBool>,
}

impl WorkerState for Policy {
    type StoreData = InstanceData;
    type RequestData = RequestContext;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.component.reuse.requests {
            ShouldAccept::Never
        } else if concurrent >= self.component.reuse.concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, InstanceData>,
        request: RequestContext,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        let data = store.data_mut();
        data.request = Some(request.id);
        if self.component.reuse.requests == 1 {
            data.turn = Some(request.turn);
        }
        // A request is taken once, so the cell is empty.
        let _ = request.fate.0.set(data.failed.clone());
        // With several requests at a time nobody can say which of them makes a request.
        data.outbound.trace = request.trace.filter(|_| self.component.reuse.concurrent == 1);
        let (limit, expired) = (self.component.limits.request_timeout, self.expired.clone());
        Box::pin(async move {
            tokio::time::sleep(limit).await;
            expired.store(true, Ordering::Relaxed);
        })
    }

    fn drop(&self, store: Store<InstanceData>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            let data = store.data();
            // Before the store is dropped, which ends the bodies that it was writing.
            data.failed.store(true, Ordering::Release);
            let request = data.request.map(tracing::field::display);
            self.component.metrics.failed(&self.component.name);
            tracing::warn!(component = &*data.component.name, request, "the instance failed: {error:?}");
        }
    }
}
