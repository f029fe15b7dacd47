//! Which exercises a question is about, whether or not it says so: leaving the name out, or giving another one, must not
//! open the way to a solution.
//!
//! Taking a question for one that is about an exercise costs little: its answer is complete before it is shown, and the
//! hidden tests run on what it says. What is missed costs a solution. So a program is recognised by few signs; a message
//! needs more of them, since explanations stream only where no exercise is meant.

use learnflow_agent::Guard;
use learnflow_events::payload::QuerySubmitted;

use crate::{Exercise, TestKind, bank, defines, draft, exercise};

/// Content words that a statement must have before a message can be a copy of it, and the share that must be there.
const STATEMENT_WORDS: usize = 6;
const STATEMENT_SHARE: f64 = 0.7;
/// Letters of a word that says something.
const CONTENT_LETTERS: usize = 4;
/// Words by which a message asks for a piece of work, in English and German.
const TASK_WORDS: &[&str] = &[
    "write",
    "solve",
    "solution",
    "implement",
    "program",
    "function",
    "code",
    "exercise",
    "task",
    "homework",
    "answer",
    "finish",
    "schreib",
    "schreibe",
    "löse",
    "lösung",
    "programm",
    "funktion",
    "aufgabe",
];

/// The exercises that a query is about: the one that it names, those that its program is a try at, and those that its
/// message asks for. Each once.
pub fn exercises_of(query: &QuerySubmitted) -> Vec<&'static Exercise> {
    let program = query.code.as_deref().unwrap_or_default();
    let message = Message::of(&query.query_text);
    let named = query.exercise_id.as_deref().and_then(exercise);
    let mut found: Vec<&'static Exercise> = named.into_iter().collect();
    let tried = all().filter(|exercise| exercise.is_tried_by(program) || exercise.reads_like(program));
    let asked = all().filter(|exercise| message.asks_for(exercise));
    for exercise in tried.chain(asked) {
        if !found.iter().any(|known| known.id == exercise.id) {
            found.push(exercise);
        }
    }
    found
}

/// The exercise whose tests say what the program should do: the named one, or the only one whose functions it defines.
/// A program that has all functions of another exercise and none of the named one is a try at the other.
pub fn exercise_of(query: &QuerySubmitted) -> Option<&'static Exercise> {
    let program = query.code.as_deref().unwrap_or_default();
    let mut tried = all().filter(|exercise| exercise.is_tried_by(program));
    let only = match (tried.next(), tried.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    let Some(named) = query.exercise_id.as_deref().and_then(exercise) else { return only };
    let strays = named.tests == TestKind::Call && !named.names().iter().any(|name| defines(program, name));
    if strays { only.or(Some(named)) } else { Some(named) }
}

/// The guard of everything that a query is about.
pub fn guard_of(query: &QuerySubmitted) -> Option<Guard> {
    let program = query.code.clone().unwrap_or_default();
    let mut guards = exercises_of(query).into_iter().map(|exercise| exercise.guard(program.clone()));
    let first = guards.next()?;
    Some(Guard { others: guards.collect(), ..first })
}

fn all() -> impl Iterator<Item = &'static Exercise> {
    bank().iter().chain(draft::all_adopted())
}

impl Exercise {
    /// Whether a program defines what the tests call.
    fn is_tried_by(&self, program: &str) -> bool {
        let names = self.names();
        !names.is_empty() && names.iter().all(|name| defines(program, name))
    }

    /// Whether a program that reads and prints looks like a try at this exercise, which has no function to know it by: it
    /// prints the words that the examples have, or it reads into the variables of the starter.
    fn reads_like(&self, program: &str) -> bool {
        if self.tests != TestKind::Io || !program.contains("input(") {
            return false;
        }
        let told = self.printed_words();
        let words: Vec<String> = words(program).collect();
        let shown =
            |sign: char| program.split(['"', '\'']).skip(1).step_by(2).any(|text| text.contains(sign));
        if told.iter().any(|word| !words.contains(word)) || !self.printed_signs().all(shown) {
            return false;
        }
        // One word that everybody prints says little.
        told.len() > 1 || self.reads_into_the_same_variables(program)
    }

    /// Words of the examples' outputs that do not come from their inputs.
    fn printed_words(&self) -> Vec<String> {
        let mut told: Vec<String> = self
            .shown
            .iter()
            .flat_map(|(given, expected)| {
                let given: Vec<String> = words(given).collect();
                words(expected).filter(move |word| !given.contains(word))
            })
            .filter(|word| word.len() > 2 && word.chars().all(char::is_alphabetic))
            .filter(|word| words(self.solution).any(|own| own == *word))
            .collect();
        told.sort();
        told.dedup();
        told
    }

    /// Signs of which the outputs are made, where they have no words.
    fn printed_signs(&self) -> impl Iterator<Item = char> {
        let drawn = self.shown.iter().all(|(given, expected)| {
            !expected.contains(char::is_alphanumeric) && !expected.chars().all(|c| given.contains(c))
        });
        let first = self.shown.first().filter(|_| drawn).map(|(_, expected)| *expected);
        first.unwrap_or_default().chars().filter(|c| !c.is_whitespace())
    }

    fn reads_into_the_same_variables(&self, program: &str) -> bool {
        let mut variables =
            self.starter.lines().filter(|line| line.contains("input(")).filter_map(target).peekable();
        variables.peek().is_some()
            && variables.all(|variable| {
                program.lines().any(|line| line.contains("input(") && target(line) == Some(variable))
            })
    }
}

/// The name that a line gives a value to.
fn target(line: &str) -> Option<&str> {
    let (target, _) = line.split_once('=')?;
    Some(target.trim()).filter(|target| !target.is_empty() && target.chars().all(is_part))
}

/// What a student writes, taken apart once.
struct Message<'a> {
    text: &'a str,
    /// Its words in order, in lower case, with a blank on both sides of each.
    spaced: String,
    words: Vec<String>,
    /// Whether it asks for a piece of work.
    is_task: bool,
}

impl<'a> Message<'a> {
    fn of(text: &'a str) -> Self {
        let words: Vec<String> = words(text).collect();
        Self {
            text,
            spaced: format!(" {} ", words.join(" ")),
            is_task: words.iter().any(|word| TASK_WORDS.contains(&word.as_str())),
            words,
        }
    }

    /// Whether it names the function of an exercise, its title, or repeats its statement.
    fn asks_for(&self, exercise: &Exercise) -> bool {
        exercise.names().iter().any(|name| self.names(name))
            || self.is_task && self.says(exercise.title)
            || self.repeats(exercise.statement)
    }

    /// A name of several words can mean nothing else; a single word has to be written as a name.
    fn names(&self, name: &str) -> bool {
        let parts = name.trim_matches('_').contains('_');
        let as_name = |at: usize| {
            let (before, behind) = (&self.text[..at], &self.text[at + name.len()..]);
            !before.ends_with(is_part)
                && !behind.starts_with(is_part)
                && (parts
                    || behind.starts_with('(')
                    || before.ends_with('`') && behind.starts_with('`')
                    || before.ends_with("def "))
        };
        self.text.match_indices(name).any(|(at, _)| as_name(at))
            || parts && self.is_task && self.says(&name.replace('_', " "))
    }

    fn says(&self, phrase: &str) -> bool {
        let phrase: Vec<String> = words(phrase).collect();
        phrase.len() > 1 && self.spaced.contains(&format!(" {} ", phrase.join(" ")))
    }

    fn repeats(&self, statement: &str) -> bool {
        if (self.words.len() as f64) < STATEMENT_SHARE * STATEMENT_WORDS as f64 {
            return false;
        }
        // Every statement of the bank is looked at for every question: in lower case at once, and not word by word.
        let statement = statement.to_lowercase();
        let mut content: Vec<&str> =
            split(&statement).filter(|word| word.chars().count() >= CONTENT_LETTERS).collect();
        content.sort_unstable();
        content.dedup();
        let there = content.iter().filter(|word| self.words.iter().any(|own| own == *word)).count();
        content.len() >= STATEMENT_WORDS && there as f64 >= STATEMENT_SHARE * content.len() as f64
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a text in lower case; a name in several parts is several words.
fn words(text: &str) -> impl Iterator<Item = String> {
    split(text).map(str::to_lowercase)
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, code: &str, id: Option<&str>) -> QuerySubmitted {
        QuerySubmitted {
            query_text: text.to_owned(),
            code: (!code.is_empty()).then(|| code.to_owned()),
            exercise_id: id.map(str::to_owned),
            ..QuerySubmitted::default()
        }
    }

    fn ids(query: &QuerySubmitted) -> Vec<&'static str> {
        exercises_of(query).iter().map(|exercise| exercise.id).collect()
    }

    #[test]
    fn a_program_betrays_its_exercise() {
        let tries = query("why?", "def digit_sum(n):\n    return 0\n", None);
        assert_eq!(ids(&tries), ["digit-sum"]);
        assert_eq!(exercise_of(&tries).map(|exercise| exercise.id), Some("digit-sum"));
        let guard = guard_of(&tries).expect("digit_sum is an exercise");
        assert_eq!((guard.exercise_id.as_str(), guard.names), ("digit-sum", vec!["digit_sum".to_owned()]));
        assert_eq!(ids(&query("why?", "print(1)\n", None)), Vec::<&str>::new());
    }

    #[test]
    fn another_exercise_cannot_be_named_in_its_place() {
        let strays = query("why?", "def digit_sum(n):\n    return 0\n", Some("factorial"));
        assert_eq!(ids(&strays), ["factorial", "digit-sum"]);
        assert_eq!(exercise_of(&strays).map(|exercise| exercise.id), Some("digit-sum"));
        assert_eq!(guard_of(&strays).expect("two are guarded").others[0].exercise_id, "digit-sum");
    }

    #[test]
    fn every_program_of_input_and_output_is_known_by_its_look() {
        for exercise in bank().iter().filter(|exercise| exercise.tests == TestKind::Io) {
            for code in [exercise.solution].into_iter().chain(exercise.wrong.iter().map(|wrong| wrong.code)) {
                assert!(ids(&query("why?", code, None)).contains(&exercise.id), "{}:\n{code}", exercise.id);
            }
        }
        let other = "age = int(input('How old? '))\nprint('In ten years:', age + 10)\n";
        assert_eq!(ids(&query("why?", other, None)), Vec::<&str>::new());
    }

    #[test]
    fn a_message_can_ask_for_an_exercise() {
        for (text, id) in [
            ("write digit_sum for me", "digit-sum"),
            ("how is `factorial` done?", "factorial"),
            ("please write the program Fizz and buzz", "fizz-buzz"),
            ("Schreibe die Aufgabe „A triangle of stars“", "star-triangle"),
            (
                "I have to write a program that reads two whole numbers, each on a line of its own, and prints their sum",
                "two-numbers-added",
            ),
        ] {
            assert!(ids(&query(text, "", None)).contains(&id), "{text}");
        }
        for text in
            ["what is a factorial?", "explain the average", "how do I print a sum?", "what is recursion?"]
        {
            assert_eq!(ids(&query(text, "", None)), Vec::<&str>::new(), "{text}");
        }
    }
}
