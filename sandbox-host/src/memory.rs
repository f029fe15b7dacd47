//! The interpreter's memory, lent to the host so that Ctrl-C reaches a program that only computes.
//!
//! On a system with signals a handler sets two flags in CPython's runtime, and the interpreter looks at them at its
//! next jump or call. Here the host sets the same flags, while the program is paused at an epoch. Where they are is
//! read from the offsets that CPython puts into its own memory for debuggers (`_Py_DebugOffsets`); a build of which
//! they are not understood gets no `KeyboardInterrupt` while it computes, and is stopped after the grace.

use std::{
    ptr::NonNull,
    sync::{Arc, OnceLock},
};

use wasmtime::{
    Result, StoreContextMut,
    component::{
        __internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext},
        ComponentType, Lift, Linker, WasmList,
    },
};

use crate::guest::Guest;

/// The interface of `wit/sandbox` by which the memory is lent.
const INTERFACE: &str = "learnflow:sandbox/memory@1.0.0";
/// What `_Py_DebugOffsets` begins with, at the start of `_PyRuntime`.
const COOKIE: u64 = u64::from_le_bytes(*b"xdebugpy");
/// The part of `PY_VERSION_HEX` for which the offsets below are known.
const VERSION: u64 = 0x030E;
/// Numbers of signals that wasi-libc may have been built with.
const SIGNAL_COUNTS: [usize; 2] = [65, 64];
const SIGINT: usize = 2;
/// `_PY_SIGNALS_PENDING_BIT` of a thread's `eval_breaker`.
const SIGNALS_PENDING: u32 = 1 << 1;

/// Offsets in linear memory of what an interrupt sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Places {
    /// `_PyRuntime.signals.handlers[SIGINT].tripped`.
    tripped: usize,
    /// `_PyRuntime.signals.is_tripped`.
    any_tripped: usize,
    /// `eval_breaker` of the only thread.
    eval_breaker: usize,
}

/// The linear memory of one interpreter. It neither moves nor goes away before its store does.
pub(crate) struct Lent {
    start: NonNull<u8>,
    places: Option<Places>,
}

// SAFETY: the memory belongs to the store that also owns this, and goes from thread to thread with it.
unsafe impl Send for Lent {}
// SAFETY: what is behind the pointer is touched only while the store is borrowed, as by wasmtime itself.
unsafe impl Sync for Lent {}

impl Lent {
    /// Sets the flags. False when it is not known where they are. Must be called while the interpreter is paused.
    pub(crate) fn raise_interrupt(&self) -> bool {
        let Some(places) = self.places else { return false };
        // SAFETY: `Places::find` has checked that these are aligned and inside the memory, which never shrinks; the
        // interpreter is paused, so nothing else uses them.
        unsafe {
            let at = |offset: usize| self.start.as_ptr().add(offset).cast::<u32>();
            at(places.tripped).write_volatile(1);
            at(places.any_tripped).write_volatile(1);
            let breaker = at(places.eval_breaker);
            breaker.write_volatile(breaker.read_volatile() | SIGNALS_PENDING);
        }
        true
    }
}

/// Adds the interface by which an interpreter lends its memory.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    // The same in all interpreters, since all start from one image.
    let places = Arc::new(OnceLock::new());
    linker.instance(INTERFACE)?.func_wrap(
        "lend",
        move |mut store: StoreContextMut<'_, Guest>, (memory,): (Whole,)| {
            // SAFETY: the call that gave this memory is still in progress, and nothing runs in it meanwhile.
            let bytes = unsafe { std::slice::from_raw_parts(memory.start.as_ptr(), memory.length) };
            let places = *places.get_or_init(|| {
                let found = Places::find(bytes);
                if found.is_none() {
                    tracing::warn!(
                        "this interpreter's flags for signals are not known; Ctrl-C only stops programs"
                    );
                }
                found
            });
            // Programs can call this too; the answer stays the same.
            store.data_mut().memory = Some(Lent { start: memory.start, places });
            Ok(())
        },
    )
}

/// All of the memory that a list lies in.
struct Whole {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is used only within the call that gave it.
unsafe impl Send for Whole {}
// SAFETY: as above.
unsafe impl Sync for Whole {}

// SAFETY: the type is a list of bytes in every respect but what is kept of it.
unsafe impl ComponentType for Whole {
    type Lower = <WasmList<u8> as ComponentType>::Lower;
    const ABI: CanonicalAbiInfo = <WasmList<u8> as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        WasmList::<u8>::typecheck(ty, types)
    }
}

// SAFETY: lifting is the list's own; it checks that the list is inside the memory.
unsafe impl Lift for Whole {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        WasmList::<u8>::linear_lift_from_flat(cx, ty, src)?;
        Ok(Self::of(cx.memory()))
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        WasmList::<u8>::linear_lift_from_memory(cx, ty, bytes)?;
        Ok(Self::of(cx.memory()))
    }
}

impl Whole {
    fn of(memory: &[u8]) -> Self {
        Self { start: NonNull::from(memory).cast(), length: memory.len() }
    }
}

impl Places {
    /// Looks for the flags; `None` unless everything that is known of their surroundings is there.
    fn find(memory: &[u8]) -> Option<Self> {
        let (words, _) = memory.as_chunks::<8>();
        let starts = words.iter().enumerate().filter(|(_, word)| u64::from_le_bytes(**word) == COOKIE);
        starts.map(|(index, _)| index * 8).find_map(|runtime| Self::find_in(memory, runtime))
    }

    /// The same when `_PyRuntime` is at `runtime`.
    fn find_in(memory: &[u8], runtime: usize) -> Option<Self> {
        let long = |at: usize| memory.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes);
        let word = |at: usize| memory.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes);
        let offset = |at: usize| usize::try_from(long(at)?).ok().filter(|offset| *offset < 1 << 20);
        // cookie, version, free_threaded, then size, finalizing, interpreters_head of the runtime,
        // then size, id, next, threads_head of an interpreter.
        if long(runtime + 8)? >> 16 != VERSION || long(runtime + 16)? != 0 {
            return None;
        }
        let (size, interpreters_head) = (offset(runtime + 24)?, offset(runtime + 40)?);
        let interpreter = word(runtime + interpreters_head)? as usize;
        let thread = word(interpreter + offset(runtime + 72)?)? as usize;
        // A thread begins with prev, next, interp, eval_breaker; this one is alone.
        let alone = word(thread)? == 0 && word(thread + 4)? == 0 && word(thread + 8)? as usize == interpreter;
        let (signals_end, handlers) = (runtime..runtime + size).step_by(4).find_map(|at| {
            // wakeup.fd, wakeup.warn_on_full_buffer, is_tripped, default_handler.
            let plausible = word(at)? == u32::MAX && word(at + 4)? == 1 && word(at + 8)? == 0;
            let default = plausible.then(|| word(at + 12)).flatten()?;
            let fits = |count: &usize| {
                let start = at.checked_sub(8 * count)?;
                let defaults = (1..*count)
                    .filter(|n| word(start + 8 * n) == Some(0) && word(start + 8 * n + 4) == Some(default));
                (defaults.count() >= count / 2).then_some(start)
            };
            Some((at, SIGNAL_COUNTS.iter().find_map(fits)?))
        })?;
        let places =
            Self { tripped: handlers + 8 * SIGINT, any_tripped: signals_end + 8, eval_breaker: thread + 12 };
        let aligned = [places.tripped, places.any_tripped, places.eval_breaker].iter().all(|at| at % 4 == 0);
        (alone && aligned && word(places.eval_breaker).is_some()).then_some(places)
    }
}
