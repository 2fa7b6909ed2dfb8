//! Reading the summary lines of the test runners.

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed, timed out or cancelled.
    pub failed: u64,
}

impl Counts {
    /// Adds another runner's.
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// A runner that failed without a failed test (it did not build, say) counts as one.
    pub(super) fn or_failed(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

/// `Summary [ 1.0s] 12 tests run: 11 passed (1 slow), 1 failed, 3 skipped`
pub(super) fn nextest(lines: &[String]) -> Counts {
    let Some((run, results)) = lines.iter().rev().find_map(|line| split_summary(line)) else {
        return Counts::default();
    };
    let passed = number_before(results, "passed");
    Counts {
        passed,
        failed: run.saturating_sub(passed),
    }
}

/// Number of tests run, and the results after the colon. A run that was cut short says
/// `7/12 tests run`.
fn split_summary(line: &str) -> Option<(u64, &str)> {
    let (head, results) = line.split_once(" run: ")?;
    let head = head
        .strip_suffix(" tests")
        .or_else(|| head.strip_suffix(" test"))?;
    let run = head.split_whitespace().last()?.rsplit('/').next_back()?;
    Some((run.parse().ok()?, results))
}

/// `test result: ok. 3 passed; 0 failed; ...`, one line for each crate.
pub(super) fn libtest(lines: &[String]) -> Counts {
    let mut counts = Counts::default();
    for line in lines.iter().filter(|line| line.starts_with("test result:")) {
        counts.add(Counts {
            passed: number_before(line, "passed"),
            failed: number_before(line, "failed"),
        });
    }
    counts
}

/// `# pass 12` (TAP) or `ℹ pass 12` (spec), one set of lines for each run of Node.
pub(super) fn node(lines: &[String]) -> Counts {
    let mut counts = Counts::default();
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        let &["#" | "ℹ", what, number] = words.as_slice() else {
            continue;
        };
        let number = number.trim().parse().unwrap_or(0);
        match what {
            "pass" => counts.passed += number,
            "fail" | "cancelled" => counts.failed += number,
            _ => {}
        }
    }
    counts
}

fn number_before(text: &str, word: &str) -> u64 {
    let words: Vec<_> = text
        .split([' ', ',', ';'])
        .filter(|w| !w.is_empty())
        .collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_did_not_pass_in_nextest_has_failed() {
        let all = lines(
            "     Summary [   0.2s] 25 tests run: 22 passed (1 slow), 2 failed, 1 timed out, 4 skipped\nerror: test run failed",
        );
        assert_eq!(
            nextest(&all),
            Counts {
                passed: 22,
                failed: 3
            }
        );
        assert_eq!(
            nextest(&lines("Summary [ 0.1s] 1 test run: 1 passed, 0 skipped")).passed,
            1
        );
        assert_eq!(
            nextest(&lines("Summary [ 0.1s] 7/12 tests run: 6 passed, 1 failed")),
            Counts {
                passed: 6,
                failed: 1
            }
        );
    }

    #[test]
    fn both_reporters_of_node_are_read_and_runs_are_added() {
        let all =
            lines("# tests 3\n# pass 2\n# fail 1\nℹ pass 5\nℹ fail 0\nℹ cancelled 1\n    # pass 9");
        assert_eq!(
            node(&all),
            Counts {
                passed: 7,
                failed: 2
            }
        );
    }

    #[test]
    fn doc_tests_of_all_crates_are_added() {
        let all = lines(
            "test result: ok. 3 passed; 0 failed; 0 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored",
        );
        assert_eq!(
            libtest(&all),
            Counts {
                passed: 4,
                failed: 2
            }
        );
    }

    #[test]
    fn a_run_that_did_not_build_counts_as_one_failure() {
        assert_eq!(Counts::default().or_failed(false).failed, 1);
        assert_eq!(
            Counts {
                passed: 1,
                failed: 2
            }
            .or_failed(false)
            .failed,
            2
        );
    }
}
