//! Programs that are not Python: which line a repair names, and whether it is the repair that was meant.
//!
//! `syntax.toml` has mistakes as beginners make them, by hand; the programs of tests/programs are broken in the same
//! few ways, all over. `cargo test --release -p debug --test syntax -- --nocapture` prints what is not found.

use std::{fs, path::Path};

use debug::{repair::repairs, source::Program};

/// Line named first and text as meant, by hand and by machine: per cent that must be reached.
const BY_HAND: [usize; 2] = [95, 95];
const BY_MACHINE: [usize; 2] = [93, 85];

struct Case {
    name: String,
    wrong: String,
    right: String,
    line: u32,
    kind: Option<String>,
}

fn by_hand() -> Vec<Case> {
    let table: toml::Table = include_str!("syntax.toml").parse().unwrap();
    let cases = table["case"].as_array().unwrap();
    let text = |case: &toml::Value, field: &str| case[field].as_str().unwrap().to_owned();
    cases
        .iter()
        .map(|case| Case {
            name: text(case, "name"),
            wrong: text(case, "wrong"),
            right: text(case, "right"),
            line: u32::try_from(case["line"].as_integer().unwrap()).unwrap(),
            kind: Some(text(case, "kind")),
        })
        .collect()
}

/// One line of a right program, broken in one way.
fn by_machine() -> Vec<Case> {
    let mut cases = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let right = fs::read_to_string(folder.join("right.py")).unwrap();
        for (at, line) in right.lines().enumerate() {
            for (how, broken) in broken(line) {
                let mut lines: Vec<&str> = right.lines().collect();
                lines[at] = &broken;
                let wrong = lines.join("\n") + "\n";
                if Program::parse(&wrong).is_err() {
                    let name = format!("{}:{} {how}", folder.file_name().unwrap().to_string_lossy(), at + 1);
                    let line = u32::try_from(at + 1).unwrap();
                    cases.push(Case { name, wrong, right: right.clone(), line, kind: None });
                }
            }
        }
    }
    cases
}

fn broken(line: &str) -> Vec<(&'static str, String)> {
    let mut broken = Vec::new();
    if let Some(rest) = line.strip_suffix(':') {
        broken.push(("colon", rest.to_owned()));
        if let Some((before, after)) = line.split_once("==") {
            broken.push(("equals", format!("{before}={after}")));
        }
    }
    for (how, sign) in
        [("closing )", ')'), ("closing ]", ']'), ("closing }", '}'), ("opening (", '('), ("quote", '"')]
    {
        if let Some(at) = line.rfind(sign) {
            // Who forgets the bracket that opens leaves a space.
            let gap = if sign == '(' { " " } else { "" };
            broken.push((how, format!("{}{gap}{}", &line[..at], &line[at + 1..])));
        }
    }
    if let Some(rest) = line.strip_prefix("    ") {
        broken.push(("too far left", rest.to_owned()));
    }
    if !line.is_empty() {
        broken.push(("too far right", format!("  {line}")));
    }
    for (word, typo) in [
        ("return ", "retrun "),
        ("while ", "whlie "),
        ("for ", "fro "),
        ("elif ", "else if "),
        ("def ", "dfe "),
    ] {
        if line.contains(word) {
            broken.push((word, line.replace(word, typo)));
        }
    }
    if let Some(at) = line.find(", ") {
        broken.push(("comma", format!("{} {}", &line[..at], &line[at + 2..])));
    }
    broken
}

fn measure(what: &str, cases: &[Case], floors: [usize; 2]) {
    let mut sums = [0; 2];
    for case in cases {
        let found = repairs(&case.wrong, None);
        let first = found.first();
        let line = first.is_some_and(|repair| {
            repair.lines.contains(&case.line)
                && case.kind.as_ref().is_none_or(|kind| repair.kinds.contains(&kind.as_str()))
        });
        let meant = first.is_some_and(|repair| repair.program == case.right);
        sums[0] += usize::from(line);
        sums[1] += usize::from(meant);
        if !line || !meant {
            println!(
                "{what}: {} line {}{}: {:?}",
                case.name,
                case.line,
                if line { " (named)" } else { "" },
                first.map(|repair| (&repair.lines, &repair.kinds, changed(&case.wrong, &repair.program)))
            );
        }
        for repair in &found {
            assert!(Program::parse(&repair.program).is_ok(), "{}", case.name);
        }
    }
    let shares = sums.map(|sum| 100 * sum / cases.len());
    println!("{what}: {} programs, line first {} %, as meant {} %", cases.len(), shares[0], shares[1]);
    assert!(shares.iter().zip(floors).all(|(reached, floor)| *reached >= floor), "{shares:?} of {floors:?}");
}

fn changed<'a>(wrong: &str, program: &'a str) -> Vec<&'a str> {
    program.lines().filter(|line| !wrong.lines().any(|known| known == *line)).collect()
}

#[test]
fn mistakes_of_beginners_are_named_and_mended() {
    let cases = by_hand();
    assert!(cases.len() >= 60);
    measure("by hand", &cases, BY_HAND);
}

#[test]
fn programs_broken_in_one_place_are_mended() {
    let cases = by_machine();
    assert!(cases.len() >= 200);
    measure("by machine", &cases, BY_MACHINE);
}
