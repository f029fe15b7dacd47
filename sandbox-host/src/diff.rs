//! Differences as a beginner reads them.

use crate::bindings::Comparison;

/// Longest line that is shown whole, in characters.
const LINE_CHARS: usize = 200;

/// What differs between the expected and the printed output, or `None`. Spaces at the end of lines and empty
/// lines at the end do not count.
pub(crate) fn output(expected: &str, got: &str) -> Option<String> {
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    };
    let (expected, got) = (lines(expected), lines(got));
    if expected == got {
        return None;
    }
    if got.is_empty() {
        return Some(format!("The program printed nothing. Expected:\n  {}", shown(&expected[0])));
    }
    let same = expected.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let number = same + 1;
    Some(match (expected.get(same), got.get(same)) {
        (Some(expected), Some(got)) => {
            format!("Line {number} of the output differs.\n{}", pair(expected, got))
        }
        (Some(expected), None) => format!(
            "The output stops after {}. Line {number} should be:\n  {}",
            count(same, "line"),
            shown(expected)
        ),
        (None, Some(got)) => {
            format!("The output has a line too many. Line {number} should not be there:\n  {}", shown(got))
        }
        (None, None) => unreachable!("the outputs differ"),
    })
}

/// What differs between the value of a call and the expected value.
pub(crate) fn values(call: &str, comparison: &Comparison) -> String {
    let mut text = format!("{} should give\n", shown(call.trim()));
    text.push_str(&pair(&comparison.expected, &comparison.got));
    if comparison.got == "None" && comparison.expected != "None" {
        text.push_str("\nThe function gives None: does it print the result where it should return it?");
    } else if comparison.got_type != comparison.expected_type {
        let (got, expected) = (&comparison.got_type, &comparison.expected_type);
        text.push_str(&format!("\nThe types differ: expected {expected}, got {got}."));
    }
    text
}

fn pair(expected: &str, got: &str) -> String {
    let same = expected.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
    let start = same.saturating_sub(LINE_CHARS / 2);
    let cut = |text: &str| {
        let head = if start > 0 { "…" } else { "" };
        let part: String = text.chars().skip(start).take(LINE_CHARS).collect();
        let tail = if text.chars().count() > start + LINE_CHARS { "…" } else { "" };
        format!("{head}{part}{tail}")
    };
    let offset = same - start + usize::from(start > 0);
    // A mark helps only where the texts have something in common.
    let mark = if same > 0 { format!("\n            {}^", " ".repeat(offset)) } else { String::new() };
    format!("  expected: {}\n  got:      {}{mark}", cut(expected), cut(got))
}

fn shown(line: &str) -> String {
    if line.chars().count() <= LINE_CHARS {
        return line.to_owned();
    }
    format!("{}…", line.chars().take(LINE_CHARS).collect::<String>())
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_output_has_no_difference() {
        assert_eq!(output("a  \nb\n\n", "a\nb"), None);
    }

    #[test]
    fn the_first_difference_is_pointed_at() {
        insta::assert_snapshot!(output("Hello, Ada!\n", "Hello Ada!\n").unwrap(), @r"
        Line 1 of the output differs.
          expected: Hello, Ada!
          got:      Hello Ada!
                         ^
        ");
    }

    #[test]
    fn missing_and_superfluous_lines_are_named() {
        insta::assert_snapshot!(output("1\n2\n", "1\n").unwrap(), @r"
        The output stops after 1 line. Line 2 should be:
          2
        ");
        insta::assert_snapshot!(output("1\n", "1\n2\n").unwrap(), @r"
        The output has a line too many. Line 2 should not be there:
          2
        ");
        insta::assert_snapshot!(output("1\n", "").unwrap(), @r"
        The program printed nothing. Expected:
          1
        ");
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(a in ".{0,300}", b in ".{0,300}") {
            let _ = output(&a, &b);
            let _ = pair(&a, &b);
        }
    }
}
