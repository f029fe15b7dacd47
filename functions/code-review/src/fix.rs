//! A finding's mend as an editor applies it.

use serde::Serialize;

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What the edits do, for a button.
    pub title: String,
    /// The edits, in the order of the program.
    pub edits: Vec<Edit>,
}

/// A piece of a program that is replaced. Columns count UTF-16 code units, as editors in browsers do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Where it starts: line, from 1.
    pub line: u32,
    /// Where it starts: column, from 1.
    pub column: u32,
    /// Where it ends: line, from 1.
    pub end_line: u32,
    /// Where it ends: column, from 1.
    pub end_column: u32,
    /// What stands there afterwards.
    pub text: String,
}

/// What Ruff would do about a finding, when it vouches for it.
pub fn of(found: &lint::Finding, code: &str) -> Option<Fix> {
    let fix = found.fix.as_ref().filter(|fix| fix.safe)?;
    let edits = fix.edits.iter().map(|edit| {
        let (line, column) = place(code, edit.start);
        let (end_line, end_column) = place(code, edit.end);
        Edit { line, column, end_line, end_column, text: edit.text.clone() }
    });
    let title = found.help.clone().unwrap_or_else(|| found.message.clone());
    Some(Fix { title, edits: edits.collect() })
}

/// The line that a fix changes, as it reads afterwards; empty when the line goes. `None` when the fix is about several.
pub fn mended_line(fix: &Fix, code: &str) -> Option<String> {
    let [Edit { line, column, end_line, end_column, text }] = fix.edits.as_slice() else { return None };
    let goes = text.is_empty() && *end_line == line + 1 && (*column, *end_column) == (1, 1);
    if goes {
        return Some(String::new());
    }
    if line != end_line || text.contains('\n') {
        return None;
    }
    let units: Vec<u16> =
        code.lines().nth(usize::try_from(*line).ok()?.checked_sub(1)?)?.encode_utf16().collect();
    let at = |column: u32| usize::try_from(column).ok()?.checked_sub(1);
    let (before, behind) = (units.get(..at(*column)?)?, units.get(at(*end_column)?..)?);
    let (before, behind) = (String::from_utf16(before).ok()?, String::from_utf16(behind).ok()?);
    Some(format!("{before}{text}{behind}").trim().to_owned())
}

/// Line and column of an offset in bytes.
fn place(code: &str, offset: usize) -> (u32, u32) {
    let before = code.get(..offset).unwrap_or(code);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_an_editor() {
        assert_eq!(place("a\nb🎈c", "a\nb🎈".len()), (2, 4));
    }

    #[test]
    fn an_unused_import_is_taken_out_and_an_unsafe_mend_is_not_offered() {
        let code = "import os\nx = [1]\nif x == None:\n    print(x)\n";
        let fixes: Vec<_> = lint::lint(code)
            .iter()
            .filter_map(|found| of(found, code).map(|fix| (found.code.clone(), fix)))
            .collect();
        let edit = Edit { line: 1, column: 1, end_line: 2, end_column: 1, text: String::new() };
        assert_eq!(mended_line(&fixes[0].1, code).as_deref(), Some(""));
        let sure = "x = \"ä🎈\" == None\n";
        let compares = Edit { line: 1, column: 11, end_line: 1, end_column: 13, text: "is".to_owned() };
        let fix = Fix { title: String::new(), edits: vec![compares] };
        assert_eq!(mended_line(&fix, sure).as_deref(), Some("x = \"ä🎈\" is None"));
        let fix = Fix { title: "Remove unused import: `os`".to_owned(), edits: vec![edit] };
        assert_eq!(fixes, [("F401".to_owned(), fix)]);
    }
}
