//! Adds up what test programs say at their end.

/// Tests that passed and failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    /// The first words of each failure.
    pub failures: Vec<String>,
    /// A sentence about each thing that this machine could not try.
    pub left_out: Vec<String>,
}

/// Lines of a failure that are told again at the end.
const FAILURE_LINES: usize = 4;
/// Characters of such a line.
const FAILURE_CHARACTERS: usize = 240;

impl Tally {
    /// Sums every `test result: ok. 3 passed; 0 failed; …` among `lines`.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let sum = lines.clone().into_iter().filter_map(one).fold(Self::default(), Self::and);
        let failures = if sum.failed == 0 { Vec::new() } else { failures(lines) };
        Self { failures, ..sum }
    }

    /// A step that failed without a test of its own.
    pub fn failure(sentence: String) -> Self {
        Self { failed: 1, failures: vec![sentence], ..Self::default() }
    }

    /// The same, each failure with where it was.
    pub fn said_of(mut self, place: &str) -> Self {
        self.failures.iter_mut().for_each(|failure| failure.insert_str(0, &format!("{place}: ")));
        self
    }

    pub fn and(mut self, other: Self) -> Self {
        self.failures.extend(other.failures);
        self.left_out.extend(other.left_out);
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed, ..self }
    }
}

/// What threads and tests in browsers said when they panicked; a test that was meant to panic is among them only if others failed.
fn failures<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut lines = lines.into_iter().peekable();
    let mut failures = Vec::new();
    while let Some(line) = lines.next() {
        let in_browser = line.starts_with("---- ") && line.ends_with(" output ----");
        if in_browser {
            lines.next_if(|next| next.trim() == "error output:");
        } else if !(line.starts_with("thread '") && line.contains("panicked at")) {
            continue;
        }
        let mut told = vec![line];
        while told.len() < FAILURE_LINES
            && let Some(next) = lines.next_if(|next| !next.is_empty() && !next.starts_with("stack backtrace:"))
        {
            told.push(next);
        }
        let cut = |line: &str| line.chars().take(FAILURE_CHARACTERS).collect::<String>();
        failures.push(told.into_iter().map(cut).collect::<Vec<_>>().join("\n    "));
    }
    failures
}

fn one(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some(Tally { passed: count(" passed")?, failed: count(" failed")?, ..Tally::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_several_programs_add_up() {
        let told = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test a::b ... FAILED\n\
            test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 1.20s\n";
        assert_eq!(Tally::of(told.lines()), Tally { passed: 13, failed: 2, ..Tally::default() });
    }

    #[test]
    fn a_failure_is_told_by_its_first_words() {
        let told = "thread 'a::b' (7) panicked at src/a.rs:4:5:\n\
            assertion `left == right` failed\n  left: 1\n right: 2\nstack backtrace:\n   0: a\n\
            thread 'a::c' (8) panicked at src/a.rs:9:5:\nno\n\n\
            test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 1.20s\n";
        let failures = Tally::of(told.lines()).failures;
        assert_eq!(failures[0].lines().count(), 4);
        assert!(failures[0].ends_with("right: 2"));
        assert_eq!(failures[1], "thread 'a::c' (8) panicked at src/a.rs:9:5:\n    no");
        assert!(Tally::of(told.lines().take(8)).failures.is_empty(), "nothing is told of tests that passed");
    }

    #[test]
    fn a_failure_in_a_browser_is_told_by_its_name_and_first_words() {
        let told = "failures:\n\n---- browser::tests::a output ----\n    error output:\n        panicked at src/a.rs:4:5:\n        \
            assertion failed: no\n\n        Stack:\n\n        Error\n\nfailures:\n\n    browser::tests::a\n\n\
            test result: FAILED. 70 passed; 1 failed; 0 ignored; 0 filtered out; finished in 41.00s\n\
            console output:\n    panicked at src/a.rs:4:5:\n";
        let told = Tally::of(told.lines()).said_of("Firefox");
        let lines: Vec<&str> = told.failures.iter().flat_map(|failure| failure.lines()).map(str::trim).collect();
        assert_eq!(
            lines,
            ["Firefox: ---- browser::tests::a output ----", "panicked at src/a.rs:4:5:", "assertion failed: no"]
        );
    }

    #[test]
    fn words_that_look_alike_do_not_count() {
        let told = "my test result: ok. 3 passed; 0 failed\ntest result: who knows\n7 passed\n";
        assert_eq!(Tally::of(told.lines()), Tally::default());
    }
}
