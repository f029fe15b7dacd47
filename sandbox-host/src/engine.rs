//! The wasmtime engine that student code runs in: as little as CPython needs, everything else off.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use sha2::{Digest, Sha256};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures,
    component::{Component, InstancePre, Linker},
};

use crate::{
    bindings::{SandboxPre, learnflow::sandbox::host},
    error::ExecutorError,
    guest::Guest,
    memory,
};

/// Raised whenever [`config`], or what is done to the component before, changes in a way that wasmtime's own
/// compatibility check does not see.
const CONFIG_VERSION: u32 = 4;
/// Largest linear memory of an interpreter, in bytes: what is reserved for each, not what is used.
pub(crate) const MEMORY_MAX_BYTES: usize = 512 << 20;
/// Core instances of an interpreter.
const CORE_INSTANCES: u32 = 2;
/// Tables of an interpreter.
const TABLES: u32 = 2;
/// Slots of each: CPython has some 5,700 functions that are called through one.
pub(crate) const TABLE_ELEMENTS: usize = 8_192;
/// Wasm frames of a run, in bytes. Python's recursion limit is reached well before.
const WASM_STACK_BYTES: usize = 12 << 20;
/// The fiber of a run, in bytes: the wasm frames and the host functions they call.
const FIBER_STACK_BYTES: usize = 14 << 20;
/// Memory of an interpreter that the next one in its place gets without asking the kernel for it, in bytes: what was
/// written is written over from the image, which costs a fraction of the page faults that it saves.
const KEPT_BYTES: usize = 2 << 20;
/// How often the epoch advances while a program runs, in milliseconds.
pub(crate) const TICK_MS: u64 = 1;

/// WebAssembly proposals that CPython in a component does not need. The crate is built with some of them,
/// because the functions' host uses them; here they are refused.
fn not_needed() -> WasmFeatures {
    WasmFeatures::THREADS
        | WasmFeatures::SHARED_EVERYTHING_THREADS
        | WasmFeatures::STACK_SWITCHING
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::GC
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_GC
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM64
}

/// What is measured of a program while it runs. Each has machine code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// Processor time.
    Time,
    /// Processor time, and every WebAssembly instruction, for runs with `fuel`.
    Instructions,
}

/// The configuration of the engine for up to `instances` interpreters at a time.
pub fn config(instances: u32, metering: Metering) -> Config {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed);
    config.epoch_interruption(true);
    config.consume_fuel(metering == Metering::Instructions);

    config.wasm_component_model(true);
    config.concurrency_support(false);
    config.shared_memory(false);
    config.wasm_features(not_needed(), false);

    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);
    config.native_unwind_info(false);

    config.memory_init_cow(true);
    config.memory_guaranteed_dense_image_size(256 << 20);
    config.memory_reservation(4 << 30);
    config.memory_reservation_for_growth(0);
    config.memory_guard_size(32 << 20);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);

    // An interpreter is one module with its memory, its function table and that of the functions it gets later, and a
    // small module that puts those there.
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances * CORE_INSTANCES);
    pool.total_memories(instances);
    pool.total_tables(instances * TABLES);
    pool.total_stacks(instances + 8);
    pool.max_core_instances_per_component(CORE_INSTANCES);
    pool.max_memories_per_component(1);
    pool.max_tables_per_component(TABLES);
    pool.max_tables_per_module(TABLES);
    pool.table_elements(TABLE_ELEMENTS);
    pool.max_component_instance_size(1 << 20);
    pool.max_core_instance_size(1 << 20);
    pool.max_memory_size(MEMORY_MAX_BYTES);
    pool.linear_memory_keep_resident(KEPT_BYTES);
    pool.table_keep_resident(KEPT_BYTES);
    pool.pagemap_scan(Enabled::Auto);
    pool.max_unused_warm_slots(instances.min(100));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Compiles the guest component ahead of time; the result loads only where [`artifact_key`] is the same. The
/// interpreter that counts instructions belongs at [`counting_path`].
///
/// # Errors
/// When `wasm` is not a component that this configuration accepts.
pub fn precompile(wasm: &[u8], metering: Metering) -> Result<Vec<u8>, ExecutorError> {
    let engine = Engine::new(&config(1, metering)).map_err(ExecutorError::engine)?;
    engine.precompile_component(wasm).map_err(ExecutorError::engine)
}

/// Where the interpreter that counts instructions lies: beside the one that does not.
pub fn counting_path(cwasm: &Path) -> PathBuf {
    cwasm.with_extension("counting.cwasm")
}

/// A text that changes whenever an artifact made by [`precompile`] has to be made again: another
/// wasmtime, another configuration of the engine, another kind of machine.
pub fn artifact_key() -> Result<String, ExecutorError> {
    use std::hash::{Hash, Hasher};

    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }

    let mut sha = Sha(Sha256::new());
    for metering in [Metering::Time, Metering::Instructions] {
        let engine = Engine::new(&config(1, metering)).map_err(ExecutorError::engine)?;
        engine.precompile_compatibility_hash().hash(&mut sha);
    }
    CONFIG_VERSION.hash(&mut sha);
    Ok(sha.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// An engine with the guest loaded and linked, ready to be instantiated.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    /// What its machine code measures.
    pub(crate) metering: Metering,
    pub(crate) guest: SandboxPre<Guest>,
    component: Component,
    digest: OnceLock<String>,
}

impl Loaded {
    /// Loads a component that [`precompile`] made.
    pub(crate) fn open(cwasm: &Path, instances: u32, metering: Metering) -> Result<Self, ExecutorError> {
        let engine = Engine::new(&config(instances, metering)).map_err(ExecutorError::engine)?;
        // SAFETY: the file is made by `precompile` from our own component and lies in a directory that
        // only its owner writes; wasmtime checks version and configuration.
        let component = unsafe { Component::deserialize_file(&engine, cwasm) }
            .map_err(|error| ExecutorError::Load { path: cwasm.to_owned(), reason: format!("{error:#}") })?;
        let mut linker: Linker<Guest> = Linker::new(&engine);
        host::add_to_linker::<_, wasmtime::component::HasSelf<Guest>>(&mut linker, |guest| guest)
            .map_err(ExecutorError::engine)?;
        memory::add_to_linker(&mut linker).map_err(ExecutorError::engine)?;
        let pre: InstancePre<Guest> = linker.instantiate_pre(&component).map_err(ExecutorError::engine)?;
        let guest = SandboxPre::new(pre).map_err(ExecutorError::engine)?;
        Ok(Self { engine, metering, guest, component, digest: OnceLock::new() })
    }

    /// SHA-256 of the compiled guest: which interpreter a run used. Takes some tenths of a second once.
    pub(crate) fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let image = self.component.image_range();
            let length = image.end.addr() - image.start.addr();
            // SAFETY: wasmtime documents this range as the component's image, mapped for as long as the
            // component lives, and `self` keeps it.
            let bytes = unsafe { std::slice::from_raw_parts(image.start, length) };
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_code_gets_nothing_that_cpython_does_not_need() {
        let shown = format!("{:?}", config(1, Metering::Time)).to_lowercase();
        let is = |field: &str, value: bool| {
            assert!(shown.contains(&format!("{field}: {value}")), "{field} is not {value} in {shown}");
        };
        is("wasm_component_model", true);
        for (name, _) in not_needed().iter_names() {
            is(&format!("wasm_{}", name.to_lowercase()), false);
        }
        is("concurrency_support", false);
        is("epoch_interruption", true);
    }

    #[test]
    fn the_artifact_key_is_stable_within_a_build() {
        assert_eq!(artifact_key().unwrap(), artifact_key().unwrap());
    }
}
