//! The project's own commands: build the client, run everything, test everything, measure.
//!
//! Each command starts from a bare machine. What it lacks it gets, saying what and why; what it cannot get, it names in
//! one sentence, together with what to type.

mod bench;
mod dist;
mod engines;
mod fingerprint;
mod postgres;
mod precache;
mod run;
mod shell;
mod sim;
mod size;
mod soak;
mod styles;
mod summary;
mod system;
mod test;
mod tools;
mod wasm_target;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

use crate::dist::Finish;
use crate::shell::{Outcome, Stop};
use crate::workspace::Workspace;

const HELP: &str = "\
cargo xtask run    builds what is missing, starts the server with a demo club and says where
    --empty          start with no data but the organisation
    --port PORT      8080 unless said otherwise
    --data DIR       where the server keeps its data; target/demo, or target/empty
    --rough          a client that is built in a minute and is some times larger, to look at a change; dist and test e2e take it too
cargo xtask test   format, lints, unit tests, the endpoint's tests, the simulator, the build, its size, browsers
    --quick          without the build and the browsers
    STEP             only this one: fmt, clippy, clippy-client, deny, unit, endpoint, sim, openapi, contract, size, e2e
cargo xtask soak   the endpoint's tests at the size that is promised, on both databases; takes long
cargo xtask soak kills
                   a browser is killed while somebody works in it, and has everything that was ticked
    --runs N         how often; 1000 unless said otherwise
cargo xtask soak fuzz
                   altered bytes to everything that is read; --runs N minutes each, 1 unless said otherwise
cargo xtask sim    many tablets and an endpoint in one process, with faults, by seed
    --seeds N        how many worlds; 10000 unless said otherwise
    --from S         the first seed
    --sabotage       breaks named lines one at a time instead: each has to be noticed
cargo xtask dist   builds the client into target/dist
cargo xtask size   the same, then says what a first visit fetches, byte by byte
cargo xtask bench core
                   lists, search, counts and merge at 100,000 people, natively
    --sizes N,N,…    how each cost grows
    --data FILE      people as JSON, one a line, instead of the generator's
cargo xtask bench client
                   saving, starting, lists and search in Chromium, beside raw IndexedDB and what a team would pick instead
    --only A,B       only these: floor, ours, dexie, rxdb, tinybase, sqlite
    --sizes, --data  as above; --rough says nothing about ours but that it runs
cargo xtask bench server
                   what the endpoint takes in, how fast it answers, what a fresh tablet and open streams cost; on both databases
cargo xtask styles joins style/ into target/style/app.css

    --yes            install what is missing without asking";

/// What was asked for on the command line.
#[derive(Default)]
struct Asked {
    command: Option<String>,
    step: Option<String>,
    empty: bool,
    quick: bool,
    rough: bool,
    yes: bool,
    sabotage: bool,
    help: bool,
    port: Option<u16>,
    data: Option<PathBuf>,
    sizes: Option<String>,
    only: Option<String>,
    seeds: Option<u64>,
    from: Option<u64>,
    runs: Option<u64>,
}

fn main() -> ExitCode {
    match asked(lexopt::Parser::from_env()).and_then(obey) {
        Ok(code) => code,
        Err(Stop(sentence)) => {
            eprintln!("xtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn obey(asked: Asked) -> Outcome<ExitCode> {
    let Some(command) = asked.command.as_deref().filter(|_| !asked.help) else {
        println!("{HELP}");
        return Ok(if asked.help { ExitCode::SUCCESS } else { ExitCode::from(2) });
    };
    let workspace = Workspace::find()?;
    system::assume_yes(asked.yes);
    let finish = if asked.rough { Finish::Rough } else { Finish::Shipped };
    match command {
        "dist" => dist::build(&workspace, finish).map(|_| ExitCode::SUCCESS),
        "size" => size::report(&workspace),
        "soak" => soak::run(&workspace, asked.step.as_deref(), asked.runs, finish),
        "styles" => styles::write(&workspace).map(|_| ExitCode::SUCCESS),
        "run" => run::serve(&workspace, &run::Wish { empty: asked.empty, finish, port: asked.port, data: asked.data }),
        "sim" => sim::run(&workspace, &sim::Wish { seeds: asked.seeds, from: asked.from, sabotage: asked.sabotage }),
        "test" => test::run(&workspace, &test::Wish { finish, quick: asked.quick, step: asked.step }),
        "bench" => {
            let Asked { step: what, data, sizes, only, .. } = asked;
            bench::run(&workspace, &bench::Wish { what, data, sizes, only, finish })
        }
        other => Err(Stop(format!("there is no command {other}; `cargo xtask --help` lists them"))),
    }
}

fn asked(mut arguments: lexopt::Parser) -> Outcome<Asked> {
    let mut asked = Asked::default();
    let wrong = |error: lexopt::Error| Stop(format!("{error}; `cargo xtask --help` lists what there is"));
    while let Some(argument) = arguments.next().map_err(wrong)? {
        match argument {
            Long("empty") => asked.empty = true,
            Long("quick") => asked.quick = true,
            Long("rough") => asked.rough = true,
            Long("sabotage") => asked.sabotage = true,
            Long("seeds") => asked.seeds = Some(arguments.value().and_then(|value| value.parse()).map_err(wrong)?),
            Long("runs") => asked.runs = Some(arguments.value().and_then(|value| value.parse()).map_err(wrong)?),
            Long("from") => asked.from = Some(arguments.value().and_then(|value| value.parse()).map_err(wrong)?),
            Long("yes") | Short('y') => asked.yes = true,
            Long("help") | Short('h') => asked.help = true,
            Long("port") => asked.port = Some(arguments.value().and_then(|value| value.parse()).map_err(wrong)?),
            Long("data") => asked.data = Some(arguments.value().map_err(wrong)?.into()),
            Long("sizes") => asked.sizes = Some(arguments.value().and_then(|value| value.string()).map_err(wrong)?),
            Long("only") => asked.only = Some(arguments.value().and_then(|value| value.string()).map_err(wrong)?),
            Value(value) if asked.command.is_none() => asked.command = Some(value.string().map_err(wrong)?),
            Value(value) if asked.step.is_none() => asked.step = Some(value.string().map_err(wrong)?),
            other => return Err(wrong(other.unexpected())),
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &[&str]) -> Result<Asked, String> {
        asked(lexopt::Parser::from_args(typed)).map_err(|Stop(sentence)| sentence)
    }

    #[test]
    fn a_port_that_is_no_number_is_refused_in_a_sentence() {
        let sentence = check(&["run", "--port", "http"]).err().expect("refused");
        assert!(sentence.contains("cannot parse") && sentence.contains("--help"), "{sentence}");
    }

    #[test]
    fn one_step_can_be_named() {
        let asked = check(&["test", "unit", "--yes"]).expect("understood");
        assert_eq!((asked.step.as_deref(), asked.yes), (Some("unit"), true));
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        assert!(check(&["run", "--fast"]).is_err());
        assert!(check(&["test", "unit", "e2e"]).is_err());
    }
}
