//! The Parsons form of an exercise: its solution's lines, to be put in order and indented.
//!
//! D. Parsons and P. Haden, "Parson's Programming Puzzles: A Fun and Effective Learning Tool for First
//! Programming Courses", ACE 2006.

use crate::{bank::Exercise, present};

/// The task with shuffled lines.
pub fn write(exercise: &Exercise) -> String {
    format!(
        "{}\n\nThese are the lines of a program that does it, in a wrong order and without indentation. \
         Put them in order, indent them, and submit the result:\n\n```python\n{}\n```\n\n{}",
        present::heading(exercise),
        shuffled(exercise).join("\n"),
        present::examples(exercise),
    )
}

/// The lines of the solution without comments and indentation, in an order that depends on nothing but the
/// exercise and is not the right one.
pub fn shuffled(exercise: &Exercise) -> Vec<String> {
    let lines: Vec<&str> = exercise
        .solution
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    // Sorting by a hash of text and place is a shuffle that needs no random numbers (FNV-1a, 64 bits).
    let hash = |salt: u64, at: usize, line: &str| {
        let seed = 0xcbf2_9ce4_8422_2325 ^ salt.wrapping_mul(31) ^ at as u64;
        line.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    for salt in 0..16 {
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_by_key(|at| hash(salt, *at, lines[*at]));
        let shuffled: Vec<String> = order.iter().map(|at| lines[*at].to_owned()).collect();
        if shuffled != lines {
            return shuffled;
        }
    }
    lines.into_iter().map(str::to_owned).collect()
}
