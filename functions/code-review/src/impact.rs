//! Which findings matter most to a learner.

use crate::Finding;

/// From what breaks programs to what only reads badly. The first prefix that fits a rule decides.
pub(crate) const ORDER: &[(&str, u8)] = &[
    ("invalid-syntax", 0),
    ("F8", 1),   // undefined and redefined names
    ("B006", 1), // mutable default arguments
    ("B", 2),
    ("PLE", 2),
    ("F6", 2),
    ("F7", 2),
    ("E711", 2),
    ("E712", 3),
    ("E722", 2),
    ("quadratic", 2),
    ("nested-loops", 3),
    ("repeated", 2),
    ("front-of-list", 3),
    ("list-copying", 3),
    ("recomputed", 2),
    ("string-building", 3),
    ("A", 3),
    ("PLW", 3),
    ("PERF", 4),
    ("C901", 4),
    ("long-function", 4),
    ("index-loop", 4),
    ("SIM", 5),
    ("C4", 5),
    ("RET", 5),
    ("PLR", 5),
    ("F401", 5),
    ("F", 3),
    ("ARG", 6),
    ("N", 6),
    ("UP", 7),
];
const LEAST: u8 = 8;

/// The findings of highest impact, at most one for each rule.
pub fn most_important(findings: &[Finding], limit: usize) -> Vec<&Finding> {
    let mut ordered: Vec<&Finding> = findings.iter().collect();
    ordered.sort_by_key(|finding| (rank(&finding.rule), finding.line));
    let mut chosen: Vec<&Finding> = Vec::with_capacity(limit);
    for finding in ordered {
        if chosen.len() == limit {
            break;
        }
        if chosen.iter().all(|earlier| earlier.rule != finding.rule) {
            chosen.push(finding);
        }
    }
    chosen
}

/// What kind of thing a rule is about, which says neither where nor what to do. The longest prefix that fits decides.
pub fn theme(rule: &str) -> &'static str {
    const THEMES: &[(&str, &str)] = &[
        ("invalid-syntax", "a place that Python cannot read"),
        ("F", "something that does not do what it looks like"),
        ("F401", "something that is not needed"),
        ("F841", "something that is not needed"),
        ("ARG", "something that is not needed"),
        ("ERA", "something that is not needed"),
        ("B", "something that can go wrong"),
        ("E7", "something that can go wrong"),
        ("PLE", "something that can go wrong"),
        ("PLW", "something that can go wrong"),
        ("RET", "something that can go wrong"),
        ("A", "names"),
        ("N", "names"),
        ("E741", "names"),
        ("quadratic", "work that is done more often than needed"),
        ("repeated", "work that is done more often than needed"),
        ("front-of-list", "work that is done more often than needed"),
        ("list-copying", "work that is done more often than needed"),
        ("recomputed", "work that is done more often than needed"),
        ("string-building", "work that is done more often than needed"),
        ("nested-loops", "work that is done more often than needed"),
        ("PERF", "work that is done more often than needed"),
        ("C901", "the shape of the program"),
        ("long-function", "the shape of the program"),
    ];
    let fits = THEMES.iter().filter(|(prefix, _)| rule.starts_with(prefix));
    fits.max_by_key(|(prefix, _)| prefix.len()).map_or("a simpler way to say the same", |(_, theme)| theme)
}

fn rank(rule: &str) -> u8 {
    // F401 is a special case of F that the list names later, so the longest prefix wins.
    let fits = ORDER.iter().filter(|(prefix, _)| rule.starts_with(prefix));
    fits.max_by_key(|(prefix, _)| prefix.len()).map_or(LEAST, |(_, rank)| *rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_comes_before_what_reads_badly() {
        let finding = |rule: &str, line| Finding {
            line,
            rule: rule.to_owned(),
            name: String::new(),
            message: String::new(),
            fix: None,
        };
        let findings = [finding("N802", 1), finding("F401", 2), finding("B006", 3), finding("B006", 9)];
        let rules: Vec<_> = most_important(&findings, 3).iter().map(|f| (f.rule.as_str(), f.line)).collect();
        assert_eq!(rules, [("B006", 3), ("F401", 2), ("N802", 1)]);
    }
}
