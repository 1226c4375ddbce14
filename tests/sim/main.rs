//! Many tablets and an endpoint in one process: the code that ships, with networks, disks, clocks and people that fail
//! it, by seed.
//!
//! `cargo xtask sim --seeds N --from S` plays seeds, `--sabotage` breaks named lines one at a time. A failing seed
//! prints itself and the few steps that it takes.

mod check;
mod edits;
mod endpoint;
mod network;
mod reckon;
mod run;
mod sabotage;
mod tablet;
mod world;

use std::fmt::Write as _;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number of seeds"))
}

/// So many seeds that everything has occurred.
const SEEDS: u64 = 400;

#[test]
fn every_seed_comes_to_rest_and_is_right() {
    let (from, count) = (number("YINGKE_SIM_FROM", 0), number("YINGKE_SIM_SEEDS", SEEDS));
    let began = std::time::Instant::now();
    let counts = run::seeds(from, count).unwrap_or_else(|failure| {
        panic!(
            "seed {} fails: {}\n{}\nAgain: cargo xtask sim --seeds 1 --from {}",
            failure.seed,
            failure.fault,
            failure.steps.join("\n"),
            failure.seed
        )
    });
    let mut table = format!("{count} seeds from {from} in {:.1} s\n", began.elapsed().as_secs_f64());
    for (name, [no, yes]) in &counts {
        writeln!(table, "{no:>12} {yes:>12}  {name}").expect("a string takes it");
    }
    println!("{table}");
    if count >= SEEDS {
        let never = sabotage::never(&counts);
        assert!(never.is_empty(), "never occurred: {never:#?}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    let story = |seed| {
        let mut story = Vec::new();
        let played = run::play(seed, &run::steps(seed), Some(&mut story));
        (played, story)
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
    assert!(run::steps(7).len() as u64 >= run::STEPS_MIN);
}

#[test]
fn every_sabotage_is_caught() {
    let survivors = sabotage::survivors();
    assert!(survivors.is_empty(), "broken, and nobody noticed: {survivors:#?}");
}
