//! Messages that say the same: what a model is measured on must not be what it was trained on.

use std::collections::HashMap;

use crate::train::Example;

/// Messages say the same when of the words of both together at least this share, in percent, is in either.
const SAME: usize = 80;

/// The pairs of a measured message and a known one that have the same words, or nearly the same. Case, punctuation,
/// space and the order of words do not matter.
pub fn shared<'a>(measured: &'a [Example], known: &'a [Example]) -> Vec<(&'a Example, &'a Example)> {
    let mut numbers = HashMap::new();
    let known: Vec<_> = known.iter().map(|example| (example, bag(&example.text, &mut numbers))).collect();
    let mut pairs = Vec::new();
    for example in measured {
        let words = bag(&example.text, &mut numbers);
        let alike = known.iter().filter(|(_, others)| say_the_same(&words, others));
        pairs.extend(alike.map(|(other, _)| (example, *other)));
    }
    pairs
}

/// The words of a text as sorted numbers.
fn bag(text: &str, numbers: &mut HashMap<String, usize>) -> Vec<usize> {
    let lower = text.to_lowercase();
    let mut words: Vec<usize> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let next = numbers.len();
            *numbers.entry(word.to_owned()).or_insert(next)
        })
        .collect();
    words.sort_unstable();
    words
}

/// Jaccard's index of two bags of words, against [`SAME`].
fn say_the_same(a: &[usize], b: &[usize]) -> bool {
    // Already the lengths rule out most pairs.
    if a.len().min(b.len()) * 100 < a.len().max(b.len()) * SAME {
        return false;
    }
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    common * 100 >= (a.len() + b.len() - common) * SAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use learnflow_events::Route;

    fn examples(texts: &[&str]) -> Vec<Example> {
        let example = |text: &&str| Example {
            text: (*text).to_owned(),
            code: None,
            route: Route::Concepts,
            vague: false,
        };
        texts.iter().map(example).collect()
    }

    #[test]
    fn case_punctuation_and_space_do_not_tell_messages_apart() {
        let known = examples(&["what is  a list?", "Что такое список"]);
        assert_eq!(shared(&examples(&["What is a list", "что такое список?!"]), &known).len(), 2);
        assert_eq!(shared(&examples(&["What is a tuple", "что такое кортеж", "list"]), &known).len(), 0);
    }

    #[test]
    fn one_word_more_in_a_long_message_is_the_same_message() {
        let known = examples(&["what does the loop do here"]);
        assert_eq!(shared(&examples(&["so what does the loop do here"]), &known).len(), 1);
        assert_eq!(shared(&examples(&["so what does the second loop do here"]), &known).len(), 0);
    }
}
