//! Reading the summary lines of the test runners.

/// How many tests passed and failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed, timed out or cancelled.
    pub failed: u64,
    /// What the runners call those that failed, as far as that is known.
    pub names: Vec<String>,
}

impl Counts {
    /// Adds another runner's.
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.names.extend(other.names);
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
        names: after(lines, |line| split_summary(line).is_some(), nextest_name),
    }
}

/// `FAIL [ 0.1s] ( 7/12) crate::binary name`, also `TIMEOUT`, `SIGSEGV` and so on.
fn nextest_name(line: &str) -> Option<&str> {
    let (_, test) = line.split_once("] ")?;
    Some(test.split_once(") ").map_or(test, |(_, name)| name))
}

/// `✖ name (1.2ms)`; what is marked as to do has its reason behind it, and does not count.
fn node_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix("✖ ")?;
    name.ends_with("ms)").then_some(name)
}

/// What `name` finds in the lines after the one that `begins` them.
fn after(
    lines: &[String],
    begins: impl Fn(&str) -> bool,
    name: impl Fn(&str) -> Option<&str>,
) -> Vec<String> {
    let lines = lines.iter().map(String::as_str);
    let listed = lines.skip_while(|line| !begins(line)).skip(1);
    listed.filter_map(name).map(str::to_owned).collect()
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
            ..Counts::default()
        });
    }
    counts
}

/// `# pass 12` (TAP) or `ℹ pass 12` (spec), one set of lines for each run of Node.
pub(super) fn node(lines: &[String]) -> Counts {
    let mut counts = Counts {
        names: after(lines, |line| line == "✖ failing tests:", node_name),
        ..Counts::default()
    };
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

    fn counts(passed: u64, failed: u64) -> Counts {
        Counts {
            passed,
            failed,
            ..Counts::default()
        }
    }

    #[test]
    fn what_did_not_pass_in_nextest_has_failed() {
        let all = lines(
            "     Summary [   0.2s] 25 tests run: 22 passed (1 slow), 2 failed, 1 timed out, 4 skipped\nerror: test run failed",
        );
        assert_eq!(nextest(&all), counts(22, 3));
        let one = nextest(&lines("Summary [ 0.1s] 1 test run: 1 passed, 0 skipped"));
        assert_eq!(one, counts(1, 0));
        let cut = nextest(&lines("Summary [ 0.1s] 7/12 tests run: 6 passed, 1 failed"));
        assert_eq!(cut, counts(6, 1));
    }

    #[test]
    fn those_that_failed_are_named() {
        let all = lines(
            "        FAIL [   0.1s] (2/3) early::it once\n     Summary [   0.2s] 3 tests run: 1 passed, 2 failed\n        FAIL [   0.1s] (2/3) a::it some_test\n     TIMEOUT [   9.0s] b::it other::test\nerror: test run failed",
        );
        assert_eq!(
            nextest(&all).names,
            ["a::it some_test", "b::it other::test"]
        );
        let all = lines(
            "✖ a rule to do (1ms)\nℹ fail 1\n✖ failing tests:\n\ntest at a.test.js:1:1\n✖ it holds (2ms)\n  AssertionError\n✖ a rule to do (1ms) # not yet",
        );
        assert_eq!(node(&all).names, ["it holds (2ms)"]);
    }

    #[test]
    fn both_reporters_of_node_are_read_and_runs_are_added() {
        let all =
            lines("# tests 3\n# pass 2\n# fail 1\nℹ pass 5\nℹ fail 0\nℹ cancelled 1\n    # pass 9");
        assert_eq!(node(&all), counts(7, 2));
    }

    #[test]
    fn doc_tests_of_all_crates_are_added() {
        let all = lines(
            "test result: ok. 3 passed; 0 failed; 0 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored",
        );
        assert_eq!(libtest(&all), counts(4, 2));
    }

    #[test]
    fn a_run_that_did_not_build_counts_as_one_failure() {
        assert_eq!(Counts::default().or_failed(false).failed, 1);
        assert_eq!(counts(1, 2).or_failed(false).failed, 2);
    }
}
