//! The world of `wit/sandbox` as Rust.
#![allow(missing_docs, reason = "generated from WIT, where it is documented")]

wasmtime::component::bindgen!({
    path: "../wit/sandbox",
    world: "sandbox",
    imports: {
        "learnflow:sandbox/host.read-line": async | trappable,
        "learnflow:sandbox/host.sleep": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
