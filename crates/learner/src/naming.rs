//! Which topics a message names.

use crate::curriculum;

/// Topics whose id, title or alias stands in a text; those with the longest names first. Words that a longer name
/// has used do not count again (“list comprehension” does not name lists). A module's title names its topics when
/// nothing else is named.
pub fn topics_named_in(text: &str) -> Vec<&'static str> {
    let text = normalised(text);
    let mut names: Vec<(String, &'static str)> = curriculum::topics()
        .flat_map(|topic| {
            let own = [topic.title.to_owned(), topic.id.to_owned()];
            topic.aliases.iter().map(|alias| (*alias).to_owned()).chain(own).map(move |name| (name, topic.id))
        })
        .map(|(name, topic)| (normalised(&name), topic))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut rest = format!(" {text} ");
    let mut found = Vec::new();
    for (name, topic) in names {
        let padded = format!(" {name} ");
        if rest.contains(&padded) {
            rest = rest.replace(&padded, " ");
            if !found.contains(&topic) {
                found.push(topic);
            }
        }
    }
    if found.is_empty() {
        let modules =
            curriculum::modules().iter().filter(|module| has_words(&text, &normalised(module.title)));
        found.extend(modules.flat_map(|module| module.topics).map(|topic| topic.id));
    }
    found
}

/// Whether a normalised text has these normalised words in a row.
pub fn has_words(text: &str, words: &str) -> bool {
    format!(" {text} ").contains(&format!(" {words} "))
}

/// Lower-case words with single spaces; signs that are no part of names become spaces.
pub fn normalised(text: &str) -> String {
    text.to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '*' | '@' | '\'')))
        .map(|word| word.trim_matches(['_', '\'']))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
