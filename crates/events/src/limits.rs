//! Limits on what comes from outside. One place, so that every door refuses the same things.

/// Longest message of a student, in bytes of UTF-8.
pub const QUERY_TEXT_BYTES: usize = 16 * 1024;
/// Longest program, in bytes of UTF-8, for each file.
pub const CODE_BYTES: usize = 64 * 1024;
/// Most files beside the main program.
pub const CODE_FILES: usize = 32;
/// Longest standard input, in bytes.
pub const STDIN_BYTES: usize = 64 * 1024;
/// Longest identifier (student, turn, trace), in bytes.
pub const ID_BYTES: usize = 255;
/// Largest event that is accepted, in bytes of its data; Knative's broker refuses 1 MiB.
pub const EVENT_BYTES: usize = 1024 * 1024 - 1;
/// Largest body of an HTTP request to a function or to the gateway, in bytes.
pub const BODY_BYTES: usize = 512 * 1024;
/// Longest stored answer, in bytes of UTF-8.
pub const ANSWER_BYTES: usize = 64 * 1024;
