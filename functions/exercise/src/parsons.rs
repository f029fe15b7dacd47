//! The Parsons form of an exercise: its solution's lines, to be put in order and indented, with lines from typical wrong
//! answers among them that do not belong (distractors).
//!
//! D. Parsons and P. Haden, "Parson's Programming Puzzles: A Fun and Effective Learning Tool for First
//! Programming Courses", ACE 2006.
//!
//! The form shows every line of a solution, so it is no form for every exercise and every course. A solution of a few
//! lines would be given away: there is hardly an order to find ([`LEAST_LINES`]). And lines of a solution are a part of
//! the way, worked out: a course whose policy ends below [`NEEDED_TIER`] does not have the form.

use learnflow_events::payload::HintTier;

use crate::{bank::Exercise, present};

/// The shortest solution, in lines without comments, that is set in this form.
pub const LEAST_LINES: usize = 4;
/// What the policy must allow.
pub const NEEDED_TIER: HintTier = HintTier::WorkedPart;
/// Most lines that do not belong: to find the few that are wrong is the point, not to read many.
const MOST_DISTRACTORS: usize = 4;

/// Whether an exercise can be set in this form without being given away.
pub fn suits(exercise: &Exercise) -> bool {
    lines(exercise.solution).count() >= LEAST_LINES
}

/// The task with shuffled lines.
pub fn write(exercise: &Exercise) -> String {
    let others = match distractors(exercise).len() {
        0 => "",
        1 => ", and one that does not belong",
        _ => ", and some that do not belong",
    };
    format!(
        "{}\n\nThese are the lines of a program that does it, in a wrong order and without indentation{others}. \
         Put them in order, indent them, and submit the result:\n\n```python\n{}\n```\n\n{}",
        present::heading(exercise),
        shuffled(exercise).join("\n"),
        present::examples(exercise),
    )
}

/// Lines of the authored wrong answers that the solution does not have, in the order of their authors, a few.
pub fn distractors(exercise: &Exercise) -> Vec<&'static str> {
    let own: Vec<&str> = lines(exercise.solution).chain(lines(exercise.starter)).collect();
    let mut found: Vec<&'static str> = Vec::new();
    for line in exercise.wrong.iter().flat_map(|wrong| lines(wrong.code)) {
        if !own.contains(&line) && !found.contains(&line) {
            found.push(line);
        }
    }
    found.truncate(MOST_DISTRACTORS);
    found
}

/// The solution's lines and the distractors without indentation, in an order that depends on nothing but the exercise;
/// the solution's lines are not in their right one.
pub fn shuffled(exercise: &Exercise) -> Vec<&'static str> {
    let solution: Vec<&'static str> = lines(exercise.solution).collect();
    let mut all = solution.clone();
    all.extend(distractors(exercise));
    // Sorting by a hash of text and place is a shuffle that needs no random numbers (FNV-1a, 64 bits).
    let hash = |salt: u64, at: usize| {
        let seed = 0xcbf2_9ce4_8422_2325 ^ salt.wrapping_mul(31) ^ at as u64;
        all[at].bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    for salt in 0..16 {
        order.sort_by_key(|at| hash(salt, *at));
        let right = order.iter().filter(|at| **at < solution.len()).map(|at| all[*at]);
        if !right.eq(solution.iter().copied()) {
            break;
        }
    }
    order.into_iter().map(|at| all[at]).collect()
}

/// The lines of a program without indentation, comments and blank lines.
fn lines(program: &'static str) -> impl Iterator<Item = &'static str> {
    program.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
