//! Components as they are and merged do the same.

mod random;
mod support;

use learnflow_component_merge::{Error, merge};
use support::{Outcome, check, instantiations, parse};
use wasmtime::component::Val;

/// Two libraries as `wasm-ld -shared` makes them, and the module that gives them memory, table and addresses.
const LIBRARIES: &str = include_str!("libraries.wat");

#[test]
fn libraries_with_one_memory_and_table_become_one_module() {
    let merged = check(
        LIBRARIES,
        &[("call-each", &[]), ("count", &[]), ("count", &[]), ("address", &[]), ("pick", &[1])],
    );
    assert_eq!(instantiations(&merged.component), 1);
    // One calls the other directly and through the table; a counter behind an address lives from call to call.
    let expected = [1_042, 1, 2, 1_028, 42];
    assert_eq!(merged.outcomes, expected.map(|number| Outcome::Returned(vec![Val::U32(number)])));
}

#[test]
fn addresses_are_constants_in_the_merged_module() {
    let component = merge(&parse(LIBRARIES)).unwrap();
    let counted = count(&component);
    // Only the stack pointer is ever set.
    assert_eq!(counted.globals, 1);
    assert_eq!(counted.gets_of_globals, 2);
}

#[test]
fn a_call_through_a_slot_that_nothing_fills_traps_in_both() {
    let merged = check(LIBRARIES, &[("pick", &[7]), ("pick", &[1])]);
    assert!(
        matches!(&merged.outcomes[0], Outcome::Failed(why) if why.contains("uninitialized element")),
        "{merged:?}"
    );
}

#[test]
fn functions_lowered_with_the_memory_come_in_through_a_table() {
    let merged = check(include_str!("shims.wat"), &[("greet", &[]), ("greet", &[])]);
    // The module that fills the table of the shims needs the lowered function, and that the memory.
    assert_eq!(instantiations(&merged.component), 2);
    assert_eq!(merged.log, ["hello", "hello"]);
}

#[test]
fn what_a_start_function_sees_is_there_and_what_it_must_not_see_is_not() {
    let merged = check(include_str!("starts.wat"), &[("seen", &[0]), ("seen", &[1]), ("seen", &[2])]);
    assert_eq!(instantiations(&merged.component), 1);
    // The first start function sees its own data only; the second that of both, and what the first one wrote.
    let expected = [0x0001, 0x0003, 0x0103];
    assert_eq!(merged.outcomes, expected.map(|number| Outcome::Returned(vec![Val::U32(number)])));
}

#[test]
fn a_start_function_that_calls_what_comes_in_later_stays_apart() {
    let merged = check(include_str!("late_start.wat"), &[("started", &[])]);
    assert_eq!(merged.log, ["hello"]);
    assert_eq!(merged.outcomes, [Outcome::Returned(vec![Val::U32(1)])]);
}

#[test]
fn a_start_function_that_calls_what_is_not_yet_there_traps_in_both() {
    let merged = check(include_str!("early_start.wat"), &[]);
    assert!(
        matches!(&merged.outcomes[0], Outcome::Failed(why) if why.contains("uninitialized element")),
        "{merged:?}"
    );
}

#[test]
fn segments_for_the_same_slot_keep_their_order() {
    let merged = check(include_str!("overwritten.wat"), &[("call", &[])]);
    assert_eq!(instantiations(&merged.component), 3);
    assert_eq!(merged.outcomes, [Outcome::Returned(vec![Val::U32(1)])]);
    assert!(merged.log.is_empty());
}

#[test]
fn a_module_that_is_instantiated_twice_stays_apart() {
    let merged = check(include_str!("twice.wat"), &[("sum", &[])]);
    assert_eq!(instantiations(&merged.component), 3);
    assert_eq!(merged.outcomes, [Outcome::Returned(vec![Val::U32(3)])]);
}

#[test]
fn a_second_memory_stays_apart() {
    let merged = check(include_str!("memories.wat"), &[("both", &[])]);
    assert_eq!(instantiations(&merged.component), 2);
    assert_eq!(merged.outcomes, [Outcome::Returned(vec![Val::U32(12)])]);
}

#[test]
fn a_nested_component_is_merged_too() {
    let nested = format!(
        r#"(component {}
            (instance $i (instantiate $nested))
            (export "count" (func $i "count")))"#,
        LIBRARIES.replacen("(component", "(component $nested", 1)
    );
    let merged = check(&nested, &[("count", &[])]);
    assert_eq!(instantiations(&merged.component), 1);
}

#[test]
fn the_function_that_destroys_a_resource_does_not_keep_the_rest_from_being_merged() {
    let merged = check(include_str!("resource.wat"), &[("run", &[])]);
    assert_eq!(instantiations(&merged.component), 2);
    assert_eq!(merged.outcomes, [Outcome::Returned(vec![Val::U32(5)])]);
}

#[test]
fn nothing_to_merge_is_returned_as_it_is() {
    let component = parse("(component (core module $m) (core instance (instantiate $m)))");
    assert_eq!(merge(&component).unwrap(), component);
}

#[test]
fn what_is_not_a_component_is_an_error() {
    assert!(matches!(merge(b"\0asm"), Err(Error::Invalid(_))));
    assert!(matches!(merge(&parse("(module)")), Err(Error::Module)));
    assert!(matches!(merge(&parse("(component)")[..6]), Err(Error::Invalid(_))));
}

#[test]
fn what_cannot_be_linked_is_an_error() {
    for (what, module) in [("shared memory", "(memory 1 1 shared)"), ("exceptions", "(tag (param i32))")] {
        let text = format!(
            "(component
                (core module $a {module}) (core module $b)
                (core instance (instantiate $b)) (core instance (instantiate $a)))"
        );
        match merge(&parse(&text)) {
            Err(Error::Unsupported { what: found, place }) => {
                assert_eq!((found.as_str(), place.as_str()), (what, "core instance 1"));
            }
            other => panic!("{what} gave {other:?}"),
        }
    }
    let outer = parse("(component $c (core module $m) (component (alias outer $c $m (core module))))");
    assert!(matches!(merge(&outer), Err(Error::Unsupported { .. })));
}

/// What is counted in the only module of a component.
struct Counted {
    globals: u32,
    gets_of_globals: usize,
}

fn count(component: &[u8]) -> Counted {
    let mut counted = Counted { globals: 0, gets_of_globals: 0 };
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            wasmparser::Payload::GlobalSection(section) => counted.globals += section.count(),
            wasmparser::Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader().unwrap().into_iter();
                counted.gets_of_globals += operators
                    .filter(|operator| matches!(operator, Ok(wasmparser::Operator::GlobalGet { .. })))
                    .count();
            }
            _ => {}
        }
    }
    counted
}
