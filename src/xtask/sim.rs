//! The simulator: thousands of small worlds, each from a seed, in an optimised build of the code that ships.

use std::process::{Command, ExitCode};

use crate::shell::{self, Outcome, Stop};
use crate::summary::Tally;
use crate::workspace::Workspace;

/// Seeds in one run of all tests: two minutes on two cores.
pub const SEEDS: u64 = 10_000;

/// What the person asked for.
pub struct Wish {
    pub seeds: Option<u64>,
    pub from: Option<u64>,
    pub sabotage: bool,
}

/// Crates whose time it is, and how much each is optimised: of the server little is run, and most of it is SQL, which
/// takes minutes to optimise. Everything else is taken as the other tests have built it.
const OPTIMISED: [(&str, u8); 11] = [
    ("yingke-core", 3),
    ("yingke-server", 1),
    ("yingke-tests", 3),
    ("p256", 3),
    ("primeorder", 3),
    ("elliptic-curve", 3),
    ("crypto-bigint", 3),
    ("ff", 3),
    ("group", 3),
    ("subtle", 3),
    ("generic-array", 3),
];

pub fn run(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let mut tests = command(workspace, wish.seeds.unwrap_or(SEEDS), wish.from.unwrap_or(0));
    let name = if wish.sabotage { "every_sabotage_is_caught" } else { "every_seed_comes_to_rest_and_is_right" };
    tests.args(["--", "--exact", name, "--nocapture"]);
    let status = tests.status().map_err(|error| Stop(format!("cargo cannot be started: {error}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As a step of all tests: every seed, one of them twice, and how often everything has occurred.
pub fn step(workspace: &Workspace) -> Outcome<Tally> {
    let mut tests = command(workspace, SEEDS, 0);
    tests.args(["--", "--skip", "every_sabotage_is_caught", "--nocapture"]);
    let (status, lines) = shell::watched(&mut tests, "the simulator")?;
    let tally = Tally::of(lines.iter().map(String::as_str));
    if status.success() {
        lines.iter().filter(|line| is_count(line)).for_each(|line| println!("{line}"));
        return Ok(tally);
    }
    shell::show_end(&lines);
    if tally.failed > 0 { Ok(tally) } else { Err(Stop("the simulator does not compile, see above".into())) }
}

/// Whether a line says how often a decision went which way: two numbers and its name.
fn is_count(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let mut number = || words.next().is_some_and(|word| word.parse::<u64>().is_ok());
    (number() && number() && words.next().is_some_and(|name| name.ends_with(':'))) || line.contains(" seeds from ")
}

/// Its tests; what follows `--` is the caller's.
fn command(workspace: &Workspace, seeds: u64, from: u64) -> Command {
    let mut tests = workspace.cargo();
    tests.args(["test", "--package", "yingke-tests", "--test", "sim", "--features", "sim", "--locked"]);
    for (package, level) in OPTIMISED {
        tests.arg("--config").arg(format!("profile.dev.package.{package}.opt-level={level}"));
    }
    tests.env("YINGKE_SIM_SEEDS", seeds.to_string()).env("YINGKE_SIM_FROM", from.to_string());
    tests
}
