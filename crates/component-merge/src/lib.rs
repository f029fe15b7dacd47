//! The shared libraries of a WebAssembly component as one core module.
//!
//! A component that was linked from position-independent libraries ([DynamicLinking.md]) has a core module for each of
//! them. They import one memory, one function table and hundreds of globals that say where things are, and call each
//! other through imports. An engine can then fill the table only when it instantiates the component, keeps an instance
//! for each library, and compiles code that finds memory, table and addresses behind pointers. [`merge`] links these
//! modules once more, statically: into a module that defines its memory, table and globals, in which addresses are
//! constants and calls are direct.
//!
//! What is merged of a component ([Binary.md]) is one set of its core instances; nested components are merged each for
//! itself. A core instance is in the set when
//!
//! - its module is defined in the component and instantiated there once, and nothing else uses the module;
//! - nothing that it imports depends on the set by another way than through the set itself. A function that is lowered
//!   with the memory of the set does; such functions come in later, through a table, and the module that puts them there
//!   stays apart;
//! - nobody can tell that it is instantiated at the time of the others: no start function, and no segment that goes to
//!   a shared table or memory, changes its place in relation to another one's. Of a start function and what follows it
//!   in the set the order is kept by the merged module's own start function;
//! - the set has no second memory because of it, so that the result needs no more of an engine than the component did.
//!
//! [Binary.md]: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
//! [DynamicLinking.md]: https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md

mod component;
mod emit;
mod error;
mod facts;
mod group;
mod module;
mod plan;
mod rewrite;
mod segments;

pub use error::Error;

use component::Component;

/// An equivalent component with fewer and larger core modules: the same imports and exports, and the same behaviour of
/// every call, a call that traps included. A component of which nothing can be merged is returned as it is.
///
/// Two things are not kept. Names and other custom sections of what is merged, and of the component that it is in, are
/// gone. What an engine counts — instructions, bytes of stack — is less, since calls that only pass on are skipped and
/// addresses are not computed.
///
/// # Errors
/// [`Error::Invalid`] and [`Error::Module`] when `component` is not a valid component. [`Error::Unsupported`] when what would be merged uses
/// something that this crate does not know how to link: exceptions, shared memory, types of the garbage collection
/// proposal. Both are returned rather than a component that might behave in another way; the result is validated, too.
pub fn merge(component: &[u8]) -> Result<Vec<u8>, Error> {
    validate(component).map_err(Error::Invalid)?;
    if !wasmparser::Parser::is_component(component) {
        return Err(Error::Module);
    }
    let Some(merged) = merge_one(component)? else { return Ok(component.to_vec()) };
    validate(&merged).map_err(Error::Result)?;
    Ok(merged)
}

fn validate(component: &[u8]) -> Result<(), wasmparser::Error> {
    wasmparser::Validator::new().validate_all(component).map(drop)
}

/// The component with its sets merged, or nothing when it has none.
fn merge_one(bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut component = Component::parse(bytes)?;
    let mut changed = false;
    for nested in component.nested_mut() {
        if let Some(merged) = merge_one(nested)? {
            *nested = merged.into();
            changed = true;
        }
    }
    let plan = plan::choose(&component)?;
    if plan.is_none() && !changed {
        return Ok(None);
    }
    rewrite::rewrite(&component, plan.as_ref()).map(Some)
}
