//! Everything that says whether the code is right, in one order here and in continuous integration.
//!
//! A step that fails does not keep the later ones from running, unless they need what it should have made.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::dist::{Builder, Finish};
use crate::engines;
use crate::postgres::{self, Cluster};
use crate::shell::{self, Outcome, Stop};
use crate::sim;
use crate::size;
use crate::summary::Tally;
use crate::system;
use crate::tools;
use crate::wasm_target::{TARGET, target_installed};
use crate::workspace::Workspace;

const TESTS: &str = "yingke-tests";
const E2E: &str = "e2e";
/// The test that kills the browser.
const KILLS: &str = "crash::what_was_ticked_is_there_after_a_kill_at_any_moment";
/// The test that fills a disk of its own.
const FULL_DISK: &str = "room::on_a_full_disk";
const ENDPOINT: &str = "server";
const SIM: &str = "sim";
const CORE: &str = "yingke-core";
const SERVER: &str = "yingke-server";
/// A test that needs a program of its own, and so is a step of its own.
const OPENAPI: &str = "openapi::no_answer_is_outside_the_document";

/// Those that need an ACME authority to ask.
const ACME: [&str; 2] = [
    "acme::a_certificate_comes_from_a_public_authority_and_is_renewed_while_we_serve",
    "acme::a_certificate_is_kept_for_the_next_start_when_no_authority_answers",
];

/// What the person asked for.
pub struct Wish {
    /// Which client the browsers get.
    pub finish: Finish,
    pub quick: bool,
    pub step: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Format,
    Lints,
    ClientLints,
    Dependencies,
    Units,
    Endpoint,
    Simulator,
    OpenApi,
    Contract,
    Size,
    Browsers,
}

const STEPS: [Step; 11] = [
    Step::Format,
    Step::Lints,
    Step::ClientLints,
    Step::Dependencies,
    Step::Units,
    Step::Endpoint,
    Step::Simulator,
    Step::OpenApi,
    Step::Contract,
    Step::Size,
    Step::Browsers,
];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Format => "fmt",
            Self::Lints => "clippy",
            Self::ClientLints => "clippy-client",
            Self::Dependencies => "deny",
            Self::Units => "unit",
            Self::Endpoint => "endpoint",
            Self::Simulator => SIM,
            Self::OpenApi => "openapi",
            Self::Contract => "contract",
            Self::Size => "size",
            Self::Browsers => E2E,
        }
    }

    /// Whether `--quick` has time for it.
    fn is_quick(self) -> bool {
        match self {
            Self::Format | Self::Lints | Self::ClientLints | Self::Units | Self::Endpoint | Self::Simulator => true,
            Self::Dependencies | Self::OpenApi | Self::Contract | Self::Size | Self::Browsers => false,
        }
    }

    fn run(self, workspace: &Workspace, finish: Finish) -> Outcome<Tally> {
        match self {
            Self::Format => plain(cargo(workspace, &["fmt", "--all", "--check"]), "format"),
            Self::Lints => {
                let mut clippy =
                    cargo(workspace, &["clippy", "--workspace", "--exclude", "yingke-app", "--all-targets"]);
                // The simulator is no target without its feature.
                clippy.args(["--features", "yingke-tests/sim", "--locked", "--", "--deny", "warnings"]);
                // Tests that a plain `cargo test` leaves out are none of all targets either.
                let mut browsers = cargo(workspace, &["clippy", "--package", TESTS, "--test", E2E]);
                browsers.args(["--locked", "--", "--deny", "warnings"]);
                plain(clippy, "lints").and_then(|_| plain(browsers, "lints of the browser tests"))
            }
            Self::ClientLints => client_lints(workspace),
            Self::Dependencies => dependencies(workspace),
            Self::Units => {
                let mut units =
                    cargo(workspace, &["test", "--workspace", "--exclude", TESTS, "--locked", "--no-fail-fast"]);
                let told = tallied(&mut units, "unit tests")?;
                let cluster = Cluster::start()?;
                let mut ledger = cargo(workspace, &["test", "--package", SERVER, "--lib", "--locked"]);
                ledger.args(["--", "--ignored"]).env(postgres::VARIABLE, cluster.url());
                tallied(&mut ledger, "the ledger's contract on PostgreSQL").map(|more| told.and(more))
            }
            Self::Endpoint => endpoint(workspace),
            Self::Simulator => sim::step(workspace),
            Self::OpenApi => openapi(workspace),
            Self::Contract => contract(workspace),
            Self::Size => size::report(workspace).and_then(|code| {
                if code == ExitCode::SUCCESS {
                    Ok(Tally::default())
                } else {
                    Err(Stop("the client is too large, see above".into()))
                }
            }),
            Self::Browsers => browsers(workspace, finish),
        }
    }
}

pub fn run(workspace: &Workspace, wish: &Wish) -> Outcome<ExitCode> {
    let steps: Vec<Step> = match &wish.step {
        Some(name) => STEPS.into_iter().filter(|step| step.name() == name).collect(),
        None => STEPS.into_iter().filter(|step| step.is_quick() || !wish.quick).collect(),
    };
    if steps.is_empty() {
        let names = STEPS.map(Step::name).join(", ");
        return Err(Stop(format!("there is no such step; there are {names}")));
    }
    let mut table: Vec<(Step, Duration, Tally, bool)> = Vec::new();
    for step in steps {
        println!("── {} ──", step.name());
        let began = Instant::now();
        let built = |of: Step| table.iter().all(|(other, _, _, well)| *other != of || *well);
        let outcome = if step == Step::Browsers && !built(Step::Size) && !workspace.dist().is_dir() {
            Err(Stop("there is no client to test, because the build failed".into()))
        } else {
            step.run(workspace, wish.finish)
        };
        let (tally, well) = match outcome {
            Ok(tally) => {
                let well = tally.failed == 0;
                (tally, well)
            }
            Err(Stop(sentence)) => {
                eprintln!("{}: {sentence}", step.name());
                (Tally::failure(sentence), false) // a step without tests counts as one when it fails
            }
        };
        table.push((step, began.elapsed(), tally, well));
    }
    println!("\n{:<14} {:>12} {:>8} {:>8}", "step", "time", "passed", "failed");
    for (step, time, tally, _) in &table {
        println!("{:<14} {:>12} {:>8} {:>8}", step.name(), shell::seconds(*time), tally.passed, tally.failed);
    }
    let is_well = table.iter().all(|(_, _, _, well)| *well);
    let all = table.into_iter().fold(Tally::default(), |sum, (_, _, tally, _)| sum.and(tally));
    all.left_out.iter().for_each(|sentence| println!("left out: {sentence}"));
    all.failures.iter().for_each(|failure| println!("failed: {failure}"));
    println!("{} passed, {} failed", all.passed, all.failed);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The client's own lints: for the browser where the toolchain can, else for this machine, where it compiles as well.
fn client_lints(workspace: &Workspace) -> Outcome<Tally> {
    let mut clippy = cargo(workspace, &["clippy", "--package", "yingke-app", "--features", "bench", "--locked"]);
    if target_installed(workspace) {
        clippy.args(["--target", TARGET]);
    } else {
        println!("your Rust toolchain lacks {TARGET}, so the client is checked as a native program");
        clippy.arg("--all-targets");
    }
    clippy.args(["--", "--deny", "warnings"]);
    plain(clippy, "lints of the client")
}

/// Licences, bans and sources of what we build on; `deny.toml` says why not more.
fn dependencies(workspace: &Workspace) -> Outcome<Tally> {
    let mut deny = Command::new(tools::cargo_deny(workspace)?);
    deny.arg("--manifest-path").arg(workspace.manifest()).args(["--locked", "check", "licenses", "bans", "sources"]);
    plain(deny, "licences, bans and sources of dependencies")
}

/// The tests crate without its browsers and its simulator, which are steps of their own.
fn endpoint(workspace: &Workspace) -> Outcome<Tally> {
    let mut tests = cargo(workspace, &["test", "--package", TESTS, "--lib", "--locked", "--no-fail-fast"]);
    for name in workspace.targets(TESTS, "test").filter(|&name| name != E2E && name != SIM) {
        tests.args(["--test", name]);
    }
    get_strace()?;
    tests.args(["--", "--include-ignored", "--skip", OPENAPI]);
    let mut left_out = Vec::new();
    // By the program that only this pebble brings: others have the name too.
    if shell::on_path("pebble-challtestsrv").is_none()
        && let Err(Stop(why)) = system::install(&["pebble"], "seeing that a certificate comes from an ACME authority")
    {
        tests.args(ACME.into_iter().flat_map(|test| ["--skip", test]));
        left_out.push(format!("no certificate is fetched from an ACME authority: {why}"));
    }
    let mut on_sqlite = tallied(&mut tests, "the endpoint's tests on SQLite")?;
    on_sqlite.left_out.extend(left_out);
    let cluster = Cluster::start()?;
    let mut tests = cargo(workspace, &["test", "--package", TESTS, "--test", ENDPOINT, "--locked", "--no-fail-fast"]);
    tests.env(postgres::VARIABLE, cluster.url());
    tallied(&mut tests, "the endpoint's tests on PostgreSQL").map(|more| on_sqlite.and(more))
}

/// With which tests see that what is acknowledged, or ticked, is on the disk.
fn get_strace() -> Outcome<()> {
    if system::has_apt() && shell::on_path("strace").is_none() {
        system::install(&["strace"], "seeing that what is acknowledged is on the disk")?;
    }
    Ok(())
}

/// The endpoint's OpenAPI document against the running program: a bounded run of schemathesis.
fn openapi(workspace: &Workspace) -> Outcome<Tally> {
    let program = tools::schemathesis(workspace)?;
    let mut tests = cargo(workspace, &["test", "--package", TESTS, "--test", ENDPOINT, "--locked"]);
    tests.args(["--", "--ignored", "--exact", OPENAPI]).env("YINGKE_SCHEMATHESIS", program);
    tallied(&mut tests, "the OpenAPI document")
}

/// What the client's storage promises, on the real database of each engine.
fn contract(workspace: &Workspace) -> Outcome<Tally> {
    let (engines, left_out) = engines::all(workspace)?;
    let builder = Builder::find(workspace, Finish::Rough)?;
    let drilled = drilled_natively(workspace)?;
    let tests = || {
        let mut tests = builder.cargo();
        tests.args(["test", "--package", "yingke-app", "--bin", "yingke", "--target", TARGET, "--locked"]);
        tests.env("YINGKE_DRILL", &drilled);
        tests.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", builder.test_runner());
        tests.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
        tests
    };
    shell::long(tests().arg("--no-run"), "building the storage's contract")?;
    let mut all = Tally { left_out, ..Tally::default() };
    for engine in engines {
        let mut tests = tests();
        // A browser that fails keeps no other from being tried.
        let told = engine
            .set_up(&mut tests)
            .and_then(|_screen| tallied(&mut tests, &format!("the storage's contract in {}", engine.name)))
            .unwrap_or_else(|Stop(sentence)| Tally::failure(sentence));
        println!("{}: {} passed, {} failed", engine.name, told.passed, told.failed);
        all = all.and(told.said_of(engine.name));
    }
    Ok(all)
}

/// What the native build makes of core's drill, to be held against what the browser's makes of it. Neither is optimised:
/// that takes longer than the hundred thousand actions.
fn drilled_natively(workspace: &Workspace) -> Outcome<String> {
    let mut drill = cargo(workspace, &["run", "--quiet", "--package", CORE, "--features", "full"]);
    drill.args(["--example", "drill", "--locked"]);
    let told = shell::quiet(&mut drill)?;
    Ok(told.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn browsers(workspace: &Workspace, finish: Finish) -> Outcome<Tally> {
    if !workspace.targets(TESTS, "test").any(|name| name == E2E) {
        println!("tests/Cargo.toml names no test `{E2E}` yet, so there is nothing to run in a browser");
        return Ok(Tally::default());
    }
    let (driver, chrome) = engines::chromium()?;
    let dist = crate::dist::build(workspace, finish)?;
    let mut tests = browser_tests(workspace, &dist)?;
    tests.arg("--no-fail-fast");
    tests.env("CHROMEDRIVER", driver).env("CHROME", chrome);
    get_strace()?;
    let mut left_out = Vec::new();
    tests.arg("--");
    if shell::on_path("strace").is_none() {
        tests.args(["--skip", "durable::"]);
        left_out.push("nobody has seen that a tick comes after its sync: there is no strace".to_owned());
    }
    if !system::may_mount() {
        tests.args(["--skip", FULL_DISK]);
        left_out.push("no disk was filled under a browser: mounting a small one is not allowed here".to_owned());
    }
    let mut tally = tallied(&mut tests, "browser tests")?;
    tally.left_out.extend(left_out);
    Ok(tally)
}

/// The browser is killed so many times while it works; nothing that was ticked may be lost.
pub fn kills(workspace: &Workspace, kills: u64, finish: Finish) -> Outcome<Tally> {
    let (driver, chrome) = engines::chromium()?;
    let dist = crate::dist::build(workspace, finish)?;
    let mut tests = browser_tests(workspace, &dist)?;
    tests.args(["--", "--exact", KILLS, "--nocapture"]).env("YINGKE_BROWSER_KILLS", kills.to_string());
    tests.env("CHROMEDRIVER", driver).env("CHROME", chrome);
    tallied(&mut tests, "kills of the browser")
}

/// The tests in a browser, with the endpoint as the other tests have built it: their waiting is the browser's.
fn browser_tests(workspace: &Workspace, dist: &Path) -> Outcome<Command> {
    shell::long(&mut cargo(workspace, &["build", "--package", SERVER, "--locked"]), "building the server")?;
    let mut tests = cargo(workspace, &["test", "--package", TESTS, "--test", E2E, "--locked"]);
    tests.env("YINGKE_APP", dist).env("YINGKE_SERVER", workspace.server_unoptimised());
    Ok(tests)
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.cargo();
    command.args(arguments);
    command
}

fn plain(mut command: Command, what: &str) -> Outcome<Tally> {
    shell::long(&mut command, what).map(|()| Tally::default())
}

pub fn tallied(command: &mut Command, what: &str) -> Outcome<Tally> {
    let (status, lines) = shell::watched(command, what)?;
    let tally = Tally::of(lines.iter().map(String::as_str));
    if status.success() {
        return Ok(tally);
    }
    shell::show_end(&lines);
    if tally.failed > 0 {
        return Ok(tally);
    }
    // It did not compile, or a test program died without a word.
    Err(Stop(format!("{what}: this failed ({status}), its own words are above: {}", shell::words(command))))
}
