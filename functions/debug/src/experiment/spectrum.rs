//! Spectrum-based ranking: lines that failing tests run, and passing tests do not, are suspicious.
//!
//! The formula is Ochiai's: e_f / sqrt((e_f + n_f) (e_f + e_p)), where e_f and e_p are the failing and passing
//! tests that run the line and n_f the failing tests that do not. A. Ochiai, Bull. Japan. Soc. Sci. Fish. 22 (1957);
//! for programs: R. Abreu, P. Zoeteweij, A. van Gemund, "On the accuracy of spectrum-based fault localization",
//! TAIC PART 2007.

use std::collections::BTreeMap;

use super::driver::Baseline;

/// Suspicion of each line that a failing test ran, 0 to 1.
pub(crate) fn ochiai(baseline: &Baseline) -> BTreeMap<u32, f64> {
    let failing = baseline.failing().count() as f64;
    let mut counts: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for test in &baseline.tests {
        for line in &test.lines {
            let count = counts.entry(*line).or_default();
            if test.wrong.is_some() {
                count.0 += 1.0;
            } else {
                count.1 += 1.0;
            }
        }
    }
    counts
        .into_iter()
        .filter(|(_, (failed, _))| *failed > 0.0)
        .map(|(line, (failed, passed))| (line, failed / (failing * (failed + passed)).sqrt()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::driver::{Tested, Wrong};

    #[test]
    fn what_only_failing_tests_run_comes_first() {
        let test = |lines: &[u32], fails: bool| Tested {
            lines: lines.to_vec(),
            wrong: fails.then(|| Wrong("AssertionError".to_owned(), String::new(), None, None)),
            ..Tested::default()
        };
        let tests = vec![test(&[1, 2], false), test(&[1, 3], true), test(&[1, 2, 3], true)];
        let ranked = ochiai(&Baseline { tests, ..Baseline::default() });
        assert_eq!(ranked[&3], 1.0);
        assert!((ranked[&1] - 2.0 / 6.0_f64.sqrt()).abs() < 1e-9);
        assert!((ranked[&2] - 0.5).abs() < 1e-9);
    }
}
