//! The kinds that our manifests may contain, field by field.
//!
//! A field that is not named here is refused. Most are read only so that they are checked: the runner executes what
//! [`crate::assemble`] takes out of them.
#![allow(dead_code, reason = "fields that nothing reads are still checked while the document is read")]

pub(crate) mod argo;
pub(crate) mod eventing;
pub(crate) mod kubernetes;
pub(crate) mod meta;
pub(crate) mod monitoring;
pub(crate) mod network;
pub(crate) mod pod;
pub(crate) mod secrets;
pub(crate) mod serving;
pub(crate) mod strimzi;
