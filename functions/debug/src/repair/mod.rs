//! Programs that are not Python yet: which small change makes them so.
//!
//! The parser names the place where it could not go on, which is often not the place of the mistake. Edits that
//! undo the mistakes which beginners make are tried around that place, as experiments are on programs that run: one
//! after which the text is Python names the line and the cause. Where no single edit is enough, the one that lets
//! the parser get furthest is made, and the search goes on.

mod blocks;
mod checked;
mod expressions;
mod marks;
mod names;
mod tokens;
pub(crate) mod words;

pub(crate) use self::checked::{Repaired, checked};
use self::tokens::Text;
use crate::source::Program;

/// Longer programs are not repaired: each edit is a parse of all of it.
const MOST_BYTES: usize = 20_000;
/// Edits that are parsed in one round, the likeliest first.
const MOST_EDITS: usize = 600;
/// Mistakes that are mended one after the other.
const ROUNDS: usize = 5;
/// Repairs that are reported.
const MOST_REPAIRS: usize = 6;

/// A change after which a text is Python.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// The lines that are changed, from 1, in the order in which they were mended.
    pub lines: Vec<u32>,
    /// The kind of each change (`colon`).
    pub kinds: Vec<&'static str>,
    /// How likely it is what was meant, 0 to 1.
    pub weight: f64,
    /// The whole program with the changes.
    pub program: String,
}

/// An edit of a text.
#[derive(Clone, Debug)]
struct Edit {
    change: Change,
    kind: &'static str,
    /// From 0.
    line: usize,
    prior: f64,
}

#[derive(Clone, Debug)]
enum Change {
    Span(usize, usize, String),
    Whole(String),
}

/// The edits to try.
#[derive(Default)]
struct Edits(Vec<Edit>);

impl Edits {
    fn replace(&mut self, start: usize, end: usize, text: &str, kind: &'static str, line: usize, prior: f64) {
        self.0.push(Edit { change: Change::Span(start, end, text.to_owned()), kind, line, prior });
    }

    fn insert(&mut self, at: usize, text: &str, kind: &'static str, line: usize, prior: f64) {
        self.replace(at, at, text, kind, line, prior);
    }

    fn remove(&mut self, start: usize, end: usize, kind: &'static str, line: usize, prior: f64) {
        self.replace(start, end, "", kind, line, prior);
    }

    fn whole(&mut self, program: String, kind: &'static str, line: usize, prior: f64) {
        self.0.push(Edit { change: Change::Whole(program), kind, line, prior });
    }

    /// Moves lines from one indentation to another; what is deeper stays deeper.
    fn reindent(
        &mut self,
        text: &Text<'_>,
        lines: &[usize],
        from: &str,
        to: &str,
        (kind, line, prior): (&'static str, usize, f64),
    ) {
        let mut program = String::new();
        for (at, content) in text.source.split('\n').enumerate() {
            match content.strip_prefix(from).filter(|_| lines.contains(&at)) {
                Some(rest) => {
                    program.push_str(to);
                    program.push_str(rest);
                }
                None => program.push_str(content),
            }
            program.push('\n');
        }
        program.pop();
        self.whole(program, kind, line, prior);
    }
}

impl Edit {
    fn apply(&self, source: &str) -> String {
        match &self.change {
            Change::Whole(program) => program.clone(),
            Change::Span(start, end, text) => format!("{}{text}{}", &source[..*start], &source[*end..]),
        }
    }
}

/// How far a text could be read.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Reach {
    /// Up to this line, from 1.
    Line(u32),
    /// To the end.
    All,
}

fn reach(source: &str) -> Reach {
    match Program::parse(source) {
        Ok(_) => Reach::All,
        Err(error) => Reach::Line(error.line),
    }
}

/// Repairs of a program that is not Python, likeliest first; none when nothing was found. `also` is the line that
/// CPython names, which sees more than the parser does (`return` outside of a function).
pub fn repairs(source: &str, also: Option<u32>) -> Vec<Repair> {
    if source.len() > MOST_BYTES {
        return Vec::new();
    }
    let readable = reach(source) == Reach::All;
    let start = Repair { lines: Vec::new(), kinds: Vec::new(), weight: 1.0, program: source.to_owned() };
    let mut current = start;
    for round in 0..ROUNDS {
        let hint = also.filter(|_| round == 0);
        let place = match reach(&current.program) {
            Reach::Line(line) => line,
            Reach::All if round == 0 => hint.unwrap_or(1),
            Reach::All => break,
        };
        let mut whole: Vec<Repair> = Vec::new();
        let mut further: Option<(u32, Repair)> = None;
        for edit in edits(&current.program, place, hint, readable) {
            let program = edit.apply(&current.program);
            if program == current.program || whole.iter().any(|known| known.program == program) {
                continue;
            }
            let (mut lines, mut kinds) = (current.lines.clone(), current.kinds.clone());
            lines.push(u32::try_from(edit.line).unwrap_or(u32::MAX - 1) + 1);
            kinds.push(edit.kind);
            match reach(&program) {
                Reach::All => {
                    let repair = Repair { lines, kinds, weight: current.weight * edit.prior, program };
                    whole.push(repair);
                    if whole.len() == MOST_REPAIRS {
                        return whole;
                    }
                }
                // The end of the text is no progress: what was opened is only closed later.
                Reach::Line(line) if line > place && edit.prior >= 0.5 => {
                    let value = line;
                    let better = further.as_ref().is_none_or(|(best, known)| {
                        let gain = f64::from(value.min(place + 3)) - f64::from((*best).min(place + 3));
                        current.weight * edit.prior * 0.8 + 0.1 * gain > known.weight
                    });
                    if better {
                        let weight = current.weight * edit.prior * 0.8;
                        further = Some((line, Repair { lines, kinds, weight, program }));
                    }
                }
                Reach::Line(_) => {}
            }
        }
        if !whole.is_empty() {
            return whole;
        }
        let Some((_, next)) = further else { return Vec::new() };
        current = next;
    }
    Vec::new()
}

/// The edits around a place, likeliest first. `readable`: the parser accepts the text and CPython does not, which is
/// about the place of a statement.
fn edits(source: &str, place: u32, also: Option<u32>, readable: bool) -> Vec<Edit> {
    let text = Text::new(source);
    if readable {
        let mut edits = Edits::default();
        let line = (place as usize).saturating_sub(1).min(text.lines.len() - 1);
        blocks::indentation(&text, line, true, &mut edits);
        blocks::tabs(&text, &mut edits);
        edits.0.sort_by(|a, b| b.prior.total_cmp(&a.prior));
        return edits.0;
    }
    let mut lines: Vec<(usize, f64)> = Vec::new();
    let add = |line: usize, nearness: f64, lines: &mut Vec<(usize, f64)>| {
        if line < text.lines.len() && !lines.iter().any(|(known, _)| *known == line) {
            lines.push((line, nearness));
        }
    };
    for (named, nearness) in [(Some(place), 1.0), (also, 1.0)] {
        let Some(line) = named.map(|line| (line as usize).saturating_sub(1).min(text.lines.len() - 1)) else {
            continue;
        };
        add(line, nearness, &mut lines);
        let mut before = text.before(line);
        for near in [0.98, 0.8] {
            let Some(line) = before else { break };
            add(line, nearness * near, &mut lines);
            before = text.before(line);
        }
        if let Some(after) = text.after(line) {
            add(after, nearness * 0.8, &mut lines);
        }
    }
    // A text or a bracket that never ends is noticed at the end only.
    for token in text.tokens.iter().filter(|token| token.kind == (tokens::Kind::Text { closed: false })) {
        add(token.line, 1.0, &mut lines);
    }
    let mut all: Vec<Edit> = Vec::new();
    for (line, nearness) in lines {
        let mut edits = Edits::default();
        blocks::openers(&text, line, &mut edits);
        blocks::indentation(&text, line, false, &mut edits);
        blocks::bodies(&text, line, &mut edits);
        marks::quotes(&text, line, &mut edits);
        names::words(&text, line, &mut edits);
        expressions::statements(&text, line, &mut edits);
        expressions::anything(&text, line, &mut edits);
        all.extend(edits.0.into_iter().map(|edit| Edit { prior: edit.prior * nearness, ..edit }));
    }
    let mut edits = Edits::default();
    marks::brackets(&text, &mut edits);
    blocks::odd_lines(&text, (place as usize).min(text.lines.len() - 1), &mut edits);
    blocks::tabs(&text, &mut edits);
    all.append(&mut edits.0);
    all.sort_by(|a, b| b.prior.total_cmp(&a.prior));
    all.truncate(MOST_EDITS);
    all
}
