//! CSV (RFC 4180) that spreadsheets open without running anything in it.

/// A table as CSV.
pub(crate) struct Csv(String);

impl Csv {
    /// A table with the names of its columns.
    pub(crate) fn new<S: AsRef<str>>(columns: &[S]) -> Self {
        // Excel takes a file without this mark for another encoding.
        let mut csv = Self("\u{feff}".to_owned());
        csv.row(columns);
        csv
    }

    /// Adds a row.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
        self.0.push_str(&cells.join(","));
        self.0.push_str("\r\n");
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// A cell in quotes. What a spreadsheet would take for a formula gets an apostrophe in front, which makes it text
/// (OWASP, "CSV Injection"); a plain number is none.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && cell.parse::<f64>().is_err();
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('\0', "").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_run() {
        for formula in ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert!(quoted(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!(quoted("-1.5"), "\"-1.5\"");
        assert_eq!(quoted("a \"b\", c\nd"), "\"a \"\"b\"\", c\nd\"");
        // A quote cannot hide what follows it.
        assert_eq!(quoted("x\",=1"), "\"x\"\",=1\"");
    }
}
