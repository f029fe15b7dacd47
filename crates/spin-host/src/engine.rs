//! The WebAssembly engine: one configuration for compiling and for running, and the clock that interrupts guests.

use std::{thread, time::Duration};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::HostError;

/// How often a busy guest gives way to others.
const TICK: Duration = Duration::from_millis(10);
/// Kept in memory between two uses of a slot, so that the next instance has fewer page faults. Together with
/// `pagemap_scan`, which resets only the pages that were written, it halved the time of a request in a fresh instance
/// (167 to 83 µs, [`bench`](crate::bench)); four times as much made it slower.
const KEEP_MEMORY_BYTES: usize = 512 << 10;
const KEEP_STACK_BYTES: usize = 128 << 10;
const KEEP_TABLE_BYTES: usize = 32 << 10;

/// What the pools of the allocator must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Instances alive at a time, of all components.
    pub instances: u32,
    /// The largest linear memory of any of them.
    pub memory_bytes: usize,
}

pub(crate) fn new_engine(capacity: Capacity) -> Result<Engine, HostError> {
    // A component is a handful of core modules (the program, adapters, composed libraries).
    let core = capacity.instances.saturating_mul(6);
    let mut pools = PoolingAllocationConfig::default();
    pools
        .total_component_instances(capacity.instances)
        .total_core_instances(core)
        .total_memories(capacity.instances.saturating_mul(2))
        .total_tables(core)
        .total_stacks(capacity.instances.saturating_mul(2))
        .max_memory_size(capacity.memory_bytes)
        .linear_memory_keep_resident(KEEP_MEMORY_BYTES)
        .async_stack_keep_resident(KEEP_STACK_BYTES)
        .table_keep_resident(KEEP_TABLE_BYTES)
        // Where the kernel has it (Linux 6.7).
        .pagemap_scan(Enabled::Auto)
        .decommit_batch_size(1);
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pools));
    let engine = Engine::new(&config).map_err(|error| HostError::Engine(format!("{error:#}")))?;
    start_ticker(&engine)?;
    Ok(engine)
}

/// Advances the epoch until the engine is gone.
fn start_ticker(engine: &Engine) -> Result<(), HostError> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("guest-clock".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map(drop)
        .map_err(|error| HostError::Engine(format!("no thread for the clock: {error}")))
}
