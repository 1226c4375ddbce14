//! Running other programs so that people see what is going on: one line at the start, a sign of life while it takes
//! long, the time it took, and the program's own words only when it failed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Why a command ends early: one sentence for the person at the keyboard, with what to type.
#[derive(Debug)]
pub struct Stop(pub String);

pub type Outcome<T> = Result<T, Stop>;

/// Time between two signs of life. Long enough not to flood the record of a test run.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);

/// Lines of a failed program that are shown: a compiler's errors fit, a thousand crates' names do not.
const SHOWN_LINES_MAX: usize = 200;

/// Runs a program that may take minutes. Its last line is shown now and then; the end of what it said, if it fails.
pub fn long(command: &mut Command, what: &str) -> Outcome<()> {
    let (status, lines) = watched(command, what)?;
    if status.success() {
        return Ok(());
    }
    show_end(&lines);
    Err(Stop(format!("{what}: this failed ({status}), its own words are above: {}", words(command))))
}

/// The same for programs whose words are of use afterwards: how it ended and every line.
pub fn watched(command: &mut Command, what: &str) -> Outcome<(ExitStatus, Vec<String>)> {
    let began = Instant::now();
    println!("{what} …");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let receiver = lines_of(&mut child);
    let mut lines: Vec<String> = Vec::new();
    let mut shown_at = began;
    loop {
        match receiver.recv_timeout(SIGN_OF_LIFE_EVERY) {
            Ok(line) => lines.push(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if shown_at.elapsed() >= SIGN_OF_LIFE_EVERY {
            shown_at = Instant::now();
            println!("  {}: {}", seconds(began.elapsed()), lines.last().map_or("", |line| line.trim()));
        }
    }
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    println!("{what}: {}", seconds(began.elapsed()));
    Ok((status, lines))
}

/// Shows the end of what a program said.
pub fn show_end(lines: &[String]) {
    for line in lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES_MAX)) {
        eprintln!("  {line}");
    }
}

/// Runs a program for its answer, without a word unless it fails.
pub fn quiet(command: &mut Command) -> Outcome<String> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(Stop(format!("`{}` failed: {}", words(command), told.trim())))
}

pub fn output(command: &mut Command) -> Outcome<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))
}

/// Whether a program ends well within `at_most`; what it says is dropped, and past that time it is ended.
pub fn succeeds_within(command: &mut Command, at_most: Duration) -> bool {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = spawned else { return false };
    let began = Instant::now();
    while began.elapsed() < at_most {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(Duration::from_millis(100)),
            Err(_) => break,
        }
    }
    // Nothing to do about a child that cannot be ended: the caller goes another way in any case.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Where a program is on PATH.
pub fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// PATH with `folders` before all others.
pub fn path_with<'a>(folders: impl IntoIterator<Item = &'a Path>) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.into_iter().map(Path::to_owned).chain(std::env::split_paths(&path));
    std::env::join_paths(all).unwrap_or(path)
}

/// A time as people read it: `0.4 s`, `73 s`, `7 min 30 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        whole @ 10..120 => format!("{whole} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// The command as one could type it.
pub fn words(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn lines_of(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                // Nobody listens any more: then nobody needs the line.
                let _ = sender.send(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        });
    }
    receiver
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Stop {
    Stop(format!("{} cannot be started: {error}", command.get_program().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(73_900)), "73 s");
        assert_eq!(seconds(Duration::from_secs(450)), "7 min 30 s");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended_in_time() {
        let began = Instant::now();
        assert!(!succeeds_within(Command::new("sleep").arg("30"), Duration::from_millis(300)));
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let Stop(sentence) = quiet(&mut Command::new("no-such-program")).expect_err("not there");
        assert!(sentence.starts_with("no-such-program cannot be started"), "{sentence}");
    }
}
