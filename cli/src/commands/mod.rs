//! One file a command: its arguments, then what it does.

pub mod ask;
pub mod debug;
pub mod doctor;
pub mod migrate;
pub mod replay;
pub mod review;
pub mod run;
pub mod send;
pub mod triage;
pub mod up;
