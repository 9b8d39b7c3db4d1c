//! Counts tests from the output of `cargo test -- --show-output` while it streams through.
//!
//! A test that cannot run here (no corpus, no root, no network) says so by printing a line that
//! begins with `SKIPPED` and returns. The test runner calls that passed; here it is counted as
//! skipped and shown, so that "N passed" means N that did their work.

use std::collections::BTreeSet;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Did their work and found nothing wrong.
    pub passed: usize,
    /// Found something wrong, or broke.
    pub failed: usize,
    /// Ignored, or could not run here.
    pub skipped: usize,
}

/// Reads the output line by line.
#[derive(Default)]
pub struct Reader {
    counts: Counts,
    /// Inside the section that repeats what passing tests printed.
    in_successes: bool,
    /// The passing test whose output is being repeated.
    test: String,
    /// Tests of the current binary that said they could not run.
    said_skipped: BTreeSet<String>,
}

impl Reader {
    /// Takes one line; returns what to show of it.
    pub fn line(&mut self, line: &str) -> Option<String> {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.take_result(result);
            return Some(line.to_owned());
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ if !self.in_successes => return Some(line.to_owned()),
            _ => return self.success_line(line),
        }
        (!self.in_successes).then(|| line.to_owned())
    }

    fn success_line(&mut self, line: &str) -> Option<String> {
        let header = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = header {
            name.clone_into(&mut self.test);
            return None;
        }
        if line.trim_start().starts_with("SKIPPED") {
            self.said_skipped.insert(self.test.clone());
            return Some(format!("  {}: {}", self.test, line.trim()));
        }
        None
    }

    fn take_result(&mut self, result: &str) {
        let number = |unit: &str| {
            result
                .split([';', '.'])
                .filter_map(|part| part.trim().strip_suffix(unit))
                .find_map(|part| part.trim().parse::<usize>().ok())
                .unwrap_or(0)
        };
        let said = std::mem::take(&mut self.said_skipped).len();
        self.counts.passed += number("passed").saturating_sub(said);
        self.counts.failed += number("failed");
        self.counts.skipped += number("ignored") + said;
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Counts {
    /// The closing line.
    pub fn closing_line(self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 5 tests
test a ... ok
test b ... ok
test c ... ok
test d ... ignored
test e ... FAILED

successes:

---- b stdout ----
SKIPPED: no corpus
SKIPPED: still none

---- c stdout ----
chatter

successes:
    a
    b
    c

failures:

---- e stdout ----
boom

failures:
    e

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s
";

    #[test]
    fn results_add_up_and_a_test_that_said_skipped_is_not_passed() {
        let mut reader = Reader::default();
        let shown: Vec<String> = OUTPUT.lines().filter_map(|line| reader.line(line)).collect();
        assert_eq!(reader.counts(), Counts { passed: 14, failed: 1, skipped: 2 });
        assert_eq!(reader.counts().closing_line(), "14 passed, 1 failed, 2 skipped");
        assert!(shown.iter().any(|line| line == "  b: SKIPPED: no corpus"));
        assert!(shown.iter().any(|line| line == "boom"));
        assert!(!shown.iter().any(|line| line == "chatter"));
    }

    #[test]
    fn no_output_counts_nothing() {
        assert_eq!(Reader::default().counts(), Counts::default());
    }
}
