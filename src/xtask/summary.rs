//! Adds up what test programs say at their end.

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    /// Sums every `test result: ok. 3 passed; 0 failed; …` among `lines`.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        lines.into_iter().filter_map(one).fold(Self::default(), Self::and)
    }

    pub fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

fn one(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some(Tally { passed: count(" passed")?, failed: count(" failed")? })
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
        assert_eq!(Tally::of(told.lines()), Tally { passed: 13, failed: 2 });
    }

    #[test]
    fn words_that_look_alike_do_not_count() {
        let told = "my test result: ok. 3 passed; 0 failed\ntest result: who knows\n7 passed\n";
        assert_eq!(Tally::of(told.lines()), Tally::default());
    }
}
