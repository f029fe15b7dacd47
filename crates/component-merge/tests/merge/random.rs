//! Libraries that nobody thought of, as they are and merged.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::support::{check, instantiations};

/// Slots of the table and bytes of the memory that a library has for itself.
const SLOTS: usize = 3;
const BYTES: usize = 16;

/// What one library is made of.
#[derive(Clone, Debug)]
struct Library {
    /// Whether it has a start function.
    starts: bool,
    /// Its data, where it has any; sometimes a little into that of the next library.
    data: Vec<u8>,
    data_at: usize,
    /// Its functions that are in the table, and where.
    slots: Vec<usize>,
    slots_at: usize,
    /// Its functions, each as what it does.
    functions: Vec<Vec<Step>>,
    got_is_set: bool,
}

/// What a function does with the number that it was given.
#[derive(Clone, Debug)]
enum Step {
    Add(i32),
    /// Adds where the library's memory begins, and something.
    AddBase(i32),
    /// Adds a byte of the memory.
    Load(usize),
    /// Writes a byte of the memory.
    Store(usize),
    /// Calls a function of an earlier library.
    Call(usize, usize),
    /// Calls through a slot of the table, which may be empty or have one that comes back here.
    CallSlot(usize),
    /// Counts in the global that all share.
    Count,
    /// Adds an address from a global.
    Got,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<i32>().prop_map(Step::Add),
        (0..100).prop_map(Step::AddBase),
        (0..4 * BYTES).prop_map(Step::Load),
        (0..4 * BYTES).prop_map(Step::Store),
        (any::<usize>(), any::<usize>()).prop_map(|(library, function)| Step::Call(library, function)),
        (0..4 * SLOTS).prop_map(Step::CallSlot),
        Just(Step::Count),
        Just(Step::Got),
    ]
}

fn library() -> impl Strategy<Value = Library> {
    (
        prop::bool::weighted(0.15),
        prop::collection::vec(any::<u8>(), 0..6),
        0..BYTES + 3,
        prop::collection::vec(any::<usize>(), 0..SLOTS),
        0..SLOTS,
        prop::collection::vec(prop::collection::vec(step(), 0..5), 1..4),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(starts, data, data_at, slots, slots_at, functions, got_is_set)| Library {
            starts,
            data,
            data_at,
            slots,
            slots_at,
            functions,
            got_is_set,
        })
}

/// A component of these libraries.
fn component(libraries: &[Library]) -> String {
    let mut text = format!(
        r#"(component
  (core module $env
    (memory (export "memory") 1)
    (table (export "table") {} funcref)
    (global (export "count") (mut i32) (i32.const 0))"#,
        libraries.len() * SLOTS + SLOTS,
    );
    for at in 0..libraries.len() {
        let (memory, table) = (at * BYTES, at * SLOTS);
        let _ = write!(
            text,
            r#"
    (global (export "memory_base{at}") i32 (i32.const {memory}))
    (global (export "table_base{at}") i32 (i32.const {table}))
    (global (export "got{at}") (mut i32) (i32.const {}))"#,
            memory + 7,
        );
    }
    text += r#")
  (core instance $env (instantiate $env))"#;
    for (at, library) in libraries.iter().enumerate() {
        text += &module(at, library, libraries);
    }
    for (at, library) in libraries.iter().enumerate() {
        for function in 0..library.functions.len() {
            let _ = write!(
                text,
                r#"
  (func (export "l{at}-f{function}") (param "n" u32) (result u32)
    (canon lift (core func $lib{at} "{function}")))"#
            );
        }
    }
    text + ")"
}

fn module(at: usize, library: &Library, libraries: &[Library]) -> String {
    let mut text = format!(
        r#"
  (core module $lib{at}
    (type $unary (func (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table $table 1 funcref))
    (import "env" "count" (global $count (mut i32)))
    (import "env" "memory_base{at}" (global $memory_base i32))
    (import "env" "table_base{at}" (global $table_base i32))
    (import "env" "got{at}" (global $got (mut i32)))"#
    );
    for (earlier, other) in libraries[..at].iter().enumerate() {
        for function in 0..other.functions.len() {
            let _ = write!(
                text,
                r#"
    (import "lib{earlier}" "{function}" (func $l{earlier}f{function} (type $unary)))"#
            );
        }
    }
    let _ = write!(text, "\n    (global $here i32 (i32.const {at}))");
    for (function, steps) in library.functions.iter().enumerate() {
        let _ =
            write!(text, "\n    (func $f{function} (export \"{function}\") (type $unary)\n      local.get 0");
        for step in steps {
            text += &instructions(step, at, libraries);
        }
        text += ")";
    }
    // A function that only passes on its parameter, and one that sets what is a constant otherwise.
    let slot = at * SLOTS;
    let _ = write!(
        text,
        "\n    (func $pass (type $unary) local.get 0 i32.const {slot} call_indirect (type $unary))"
    );
    if library.got_is_set {
        text += "\n    (func (export \"set\") global.get $here global.set $got)";
    }
    if library.starts {
        let set = if library.got_is_set { "i32.const 3 global.set $got" } else { "" };
        let _ = write!(text, "\n    (func $start {set} i32.const {at} call $f0 drop) (start $start)");
    }
    let functions: Vec<String> =
        library.slots.iter().map(|function| format!("$f{}", function % library.functions.len())).collect();
    let _ = write!(
        text,
        "\n    (elem (offset (i32.add (global.get $table_base) (i32.const {}))) func {} $pass)",
        library.slots_at,
        functions.join(" "),
    );
    let data: String = library.data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let _ = write!(
        text,
        "\n    (data (offset (i32.add (global.get $memory_base) (i32.const {}))) \"{data}\"))",
        library.data_at
    );
    let arguments: String =
        (0..at).map(|earlier| format!(" (with \"lib{earlier}\" (instance $lib{earlier}))")).collect();
    let _ = write!(
        text,
        "\n  (core instance $lib{at} (instantiate $lib{at} (with \"env\" (instance $env)){arguments}))"
    );
    text
}

fn instructions(step: &Step, at: usize, libraries: &[Library]) -> String {
    match step {
        Step::Add(number) => format!("\n      i32.const {number} i32.add"),
        Step::AddBase(number) => {
            format!("\n      global.get $memory_base i32.const {number} i32.add i32.add")
        }
        Step::Load(byte) => format!("\n      i32.const {byte} i32.load8_u i32.add"),
        Step::Store(byte) => format!("\n      local.tee 0 i32.const {byte} local.get 0 i32.store8"),
        Step::Call(library, function) if at > 0 => {
            let library = library % at;
            let function = function % libraries[library].functions.len();
            format!("\n      call $l{library}f{function}")
        }
        Step::CallSlot(slot) => {
            // Ends after some rounds: the counter is what traps when it is used up.
            let spend = "global.get $count i32.const 1 i32.add global.set $count";
            let check = "global.get $count i32.const 200 i32.gt_s if unreachable end";
            format!("\n      {spend} {check} i32.const {slot} call_indirect (type $unary)")
        }
        Step::Call(..) | Step::Count => {
            "\n      global.get $count i32.const 1 i32.add global.set $count".to_owned()
        }
        Step::Got => "\n      global.get $got i32.add".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_libraries_do_the_same_when_they_are_merged(libraries in prop::collection::vec(library(), 1..5)) {
        let names: Vec<String> = libraries
            .iter()
            .enumerate()
            .flat_map(|(at, library)| (0..library.functions.len()).map(move |function| format!("l{at}-f{function}")))
            .collect();
        let calls: Vec<(&str, &[u32])> = names.iter().map(|name| (name.as_str(), [5].as_slice())).collect();
        let merged = check(&component(&libraries), &calls);
        prop_assert_eq!(instantiations(&merged.component), 1);
    }
}
