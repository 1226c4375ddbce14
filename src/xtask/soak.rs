//! What takes too long for every test run: the same tests, at the size that is promised.

use std::process::ExitCode;

use crate::dist::Finish;
use crate::postgres::{self, Cluster};
use crate::run;
use crate::shell::{Outcome, Stop};
use crate::summary::Tally;
use crate::test;
use crate::workspace::Workspace;

/// Tests that ask the environment how long they should go on, and what they are told.
const TESTS: &[&str] = &[
    "process::killed_under_load_it_has_everything_that_it_acknowledged",
    "writers::eight_writers_on_several_processes_and_no_number_seen_late",
    "copies::a_long_table_comes_in_at_once",
];
const SIZES: &[(&str, &str)] =
    &[("YINGKE_KILLS", "100"), ("YINGKE_F5_CHANGES", "100000"), ("YINGKE_IMPORT_ROWS", "100000")];

/// Runs one soak by name.
pub fn run(workspace: &Workspace, name: Option<&str>, runs: Option<u64>, finish: Finish) -> Outcome<ExitCode> {
    let tally = match name {
        None | Some("endpoint") => endpoint(workspace)?,
        Some("kills") => test::kills(workspace, runs.unwrap_or(KILLS), finish)?,
        Some("fuzz") => fuzz(workspace, runs.unwrap_or(1))?,
        Some(other) => return Err(Stop(format!("there is no soak {other}; there are endpoint, kills and fuzz"))),
    };
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Altered bytes to every decoder of core, so many minutes each.
fn fuzz(workspace: &Workspace, minutes: u64) -> Outcome<Tally> {
    let mut tests = workspace.cargo();
    tests.args(["test", "--package", "yingke-core", "--all-features", "--lib", "--locked", "--no-fail-fast"]);
    tests.args(["--config", "profile.dev.package.yingke-core.opt-level=3", "--", "fuzz::"]);
    tests.env("ARBTEST_BUDGET_MS", (minutes * 60_000).to_string());
    test::tallied(&mut tests, "altered bytes")
}

/// Kills of the browser, unless another number is asked for. Source: the goals, F1.
const KILLS: u64 = 1_000;

/// 100 kills under load, 100,000 changes by 8 writers, a table of 100,000 people: on both databases.
fn endpoint(workspace: &Workspace) -> Outcome<Tally> {
    run::build_server(workspace)?;
    let cluster = Cluster::start()?;
    let mut tally = Tally::default();
    for (what, url) in [("SQLite", None), ("PostgreSQL", Some(cluster.url()))] {
        let mut tests = workspace.cargo();
        tests.args(["test", "--package", "yingke-tests", "--test", "server", "--locked", "--no-fail-fast", "--"]);
        tests.args(["--exact", "--nocapture", "--test-threads=1"]).args(TESTS);
        tests.envs(SIZES.iter().copied()).env("YINGKE_SERVER", workspace.server());
        tests.envs(url.map(|url| (postgres::VARIABLE, url)));
        tally = tally.and(test::tallied(&mut tests, &format!("the endpoint's soak on {what}"))?);
    }
    Ok(tally)
}
