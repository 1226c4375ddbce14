//! The simulator: thousands of small worlds, each from a seed, in an optimised build of the code that ships.

use std::process::{Command, ExitCode};

use crate::shell::{Outcome, Stop};
use crate::workspace::Workspace;

/// Seeds in one run of all tests: two minutes on two cores.
pub const SEEDS: u64 = 10_000;

/// What the person asked for.
pub struct Wish {
    pub seeds: Option<u64>,
    pub from: Option<u64>,
    pub sabotage: bool,
}

/// Crates whose time it is. Everything else is taken as the other tests have built it.
const OPTIMISED: [&str; 11] = [
    "yingke-core",
    "yingke-server",
    "yingke-tests",
    "p256",
    "primeorder",
    "elliptic-curve",
    "crypto-bigint",
    "ff",
    "group",
    "subtle",
    "generic-array",
];

pub fn run(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let mut tests = command(workspace, wish.seeds.unwrap_or(SEEDS), wish.from.unwrap_or(0));
    let name = if wish.sabotage { "every_sabotage_is_caught" } else { "every_seed_comes_to_rest_and_is_right" };
    tests.args(["--", "--exact", name, "--nocapture"]);
    let status = tests.status().map_err(|error| Stop(format!("cargo cannot be started: {error}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Its tests; what follows `--` is the caller's.
pub fn command(workspace: &Workspace, seeds: u64, from: u64) -> Command {
    let mut tests = workspace.cargo();
    tests.args(["test", "--package", "yingke-tests", "--test", "sim", "--features", "sim", "--locked"]);
    for package in OPTIMISED {
        tests.arg("--config").arg(format!("profile.dev.package.{package}.opt-level=3"));
    }
    tests.env("YINGKE_SIM_SEEDS", seeds.to_string()).env("YINGKE_SIM_FROM", from.to_string());
    tests
}
