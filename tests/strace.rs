//! What `strace -f` wrote, call by call.

use std::collections::BTreeMap;

/// A call of the system, whole, also where another thread's came in between and it is told in two lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The lines in which it begins and ends.
    pub began: usize,
    pub ended: usize,
    /// As it is told, without the thread.
    pub text: String,
}

/// The calls of a trace, in the order in which they ended. One that did not end is none.
#[must_use]
pub fn calls(trace: &str) -> Vec<Call> {
    let mut begun: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut calls = Vec::new();
    for (ended, line) in trace.lines().enumerate() {
        let Some((thread, told)) = line.trim_start().split_once(' ') else { continue };
        let told = told.trim_start();
        if let Some(head) = told.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (ended, head.trim_end()));
        } else if let Some((_, tail)) = told.split_once("<... ").and_then(|(_, rest)| rest.split_once(" resumed>")) {
            let Some((began, head)) = begun.remove(thread) else { continue };
            calls.push(Call { began, ended, text: format!("{head}{tail}") });
        } else {
            calls.push(Call { began: ended, ended, text: told.into() });
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_two_lines_is_one() {
        let trace = "\
            7 1.5 fdatasync(9</d/a.log> <unfinished ...>\n\
            8  1.6 fsync(3</d/b>) = 0 <0.1>\n\
            7 1.9 <... fdatasync resumed>) = 0 <0.4>\n\
            9 2.0 fsync(4</d/c> <unfinished ...>\n\
            6 2.1 <... fsync resumed>) = 0\n";
        let call = |began, ended, text: &str| Call { began, ended, text: text.into() };
        let expected = [call(1, 1, "1.6 fsync(3</d/b>) = 0 <0.1>"), call(0, 2, "1.5 fdatasync(9</d/a.log>) = 0 <0.4>")];
        assert_eq!(calls(trace), expected);
    }
}
