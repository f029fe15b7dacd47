//! What a better version might look like. Whether it does the same is for a run to show.

use lint::Edit;

use super::index_loop;

/// Rounds of mending: one mend makes room for another.
const ROUNDS: usize = 6;
/// Rules whose mends Ruff does not vouch for in every case (an object may define its own `==`), and which a run checks.
const CHECKED_BY_A_RUN: [&str; 9] = ["SIM", "C4", "PERF", "RET", "PIE", "E71", "FURB", "PLR", "UP"];

/// Versions worth trying, the boldest first; none equals the program or another.
pub fn of(code: &str) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for bold in [true, false] {
        let version = mended(code, bold);
        if version != code && !versions.contains(&version) {
            versions.push(version);
        }
    }
    versions
}

fn mended(code: &str, bold: bool) -> String {
    let mut code = code.to_owned();
    for _ in 0..ROUNDS {
        let edits = edits(&code, bold);
        if edits.is_empty() {
            break;
        }
        let next = applied(&code, &edits);
        if next == code {
            break;
        }
        code = next;
    }
    code
}

/// Edits that can be made at once.
fn edits(code: &str, bold: bool) -> Vec<Edit> {
    let mut groups: Vec<Vec<Edit>> = lint::lint(code)
        .into_iter()
        .filter_map(|found| found.fix.map(|fix| (found.code, fix)))
        .filter(|(rule, fix)| {
            fix.safe || (bold && CHECKED_BY_A_RUN.iter().any(|prefix| rule.starts_with(prefix)))
        })
        .map(|(_, fix)| fix.edits)
        .collect();
    if bold {
        groups.extend(index_loop::mends(code));
    }
    groups.sort_by_key(|edits| edits.first().map_or(0, |edit| edit.start));
    let mut chosen: Vec<Edit> = Vec::new();
    for group in groups {
        // A mend is made whole or not at all.
        let free = group
            .iter()
            .all(|edit| chosen.iter().all(|other| edit.end <= other.start || other.end <= edit.start));
        let fits = group.iter().all(|edit| code.get(edit.start..edit.end).is_some());
        if free && fits {
            chosen.extend(group);
        }
    }
    chosen.sort_by_key(|edit| (edit.start, edit.end));
    chosen
}

fn applied(code: &str, edits: &[Edit]) -> String {
    let mut result = String::with_capacity(code.len());
    let mut at = 0;
    for edit in edits {
        // Two insertions at one place would meet here.
        if edit.start < at {
            continue;
        }
        result.push_str(&code[at..edit.start]);
        result.push_str(&edit.text);
        at = edit.end;
    }
    result.push_str(&code[at..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_and_careful_versions() {
        let code = "import os\nx = 3\nif x == None:\n    print('none')\n";
        let versions = of(code);
        assert_eq!(
            versions,
            ["x = 3\nif x is None:\n    print('none')\n", "x = 3\nif x == None:\n    print('none')\n"]
        );
        assert_eq!(of("print('fine')\n"), Vec::<String>::new());
    }
}
