//! The host side of Spin's interfaces, generated from `wit/`.
#![allow(missing_docs, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "learnflow:spin-host/imports",
    imports: { default: async | trappable },
    with: {
        "spin:postgres/postgres.connection": crate::postgres::Connection,
        "spin:postgres/postgres.connection-builder": crate::postgres::ConnectionBuilder,
    },
});
