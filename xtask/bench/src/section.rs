//! docs/benchmarks.md: each measurement has a section between two marks, which it replaces.

use std::path::Path;

use anyhow::{Context, Result};

/// Replaces the section called `name`, or adds it.
pub fn put(checkout: &Path, name: &str, text: &str) -> Result<()> {
    let file = checkout.join("docs/benchmarks.md");
    let old = std::fs::read_to_string(&file).unwrap_or_else(|_| "# Benchmarks\n".to_owned());
    std::fs::write(&file, replaced(&old, name, text))
        .with_context(|| format!("cannot write {}", file.display()))
}

fn replaced(old: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let section = format!("{begin}\n{text}{end}\n");
    match (old.split_once(&begin), old.split_once(&end)) {
        (Some((before, _)), Some((_, after))) => {
            format!("{before}{section}{}", after.strip_prefix('\n').unwrap_or(after))
        }
        _ => format!("{}\n\n{section}", old.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn a_section_is_added_once_and_then_replaced() {
        let first = replaced("# Benchmarks\n", "a", "one\n");
        let second = replaced(&first, "b", "two\n");
        let third = replaced(&second, "a", "three\n");
        assert_eq!(
            third,
            "# Benchmarks\n\n<!-- a: begin -->\nthree\n<!-- a: end -->\n\n<!-- b: begin -->\ntwo\n<!-- b: end -->\n"
        );
    }
}
