//! Lines that are broken on purpose, one at a time: each has to be noticed.
//!
//! Which there are is read from the sources themselves: every name that is passed to `probe::decide` or
//! `probe::step` in the code that ships.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use yingke_core::probe::{self, Way};

use crate::run::{self, Counts};

const SOURCES: [&str; 11] = [
    include_str!("../../src/core/merge.rs"),
    include_str!("../../src/core/sync.rs"),
    include_str!("../../src/core/journal/memory.rs"),
    include_str!("../../src/server/exchange.rs"),
    include_str!("../../src/server/ledger/settle.rs"),
    include_str!("../../src/server/ledger/memory.rs"),
    // What happens to a world, and what it should meet.
    include_str!("world.rs"),
    include_str!("edits.rs"),
    include_str!("endpoint.rs"),
    include_str!("check.rs"),
    include_str!("network.rs"),
];

/// Decisions that can go one way only while nothing is broken, and why.
const ONE_WAY: &[(&str, &str)] = &[
    ("sync: a verdict on what was not sent", "the exchange answers what it was asked"),
    ("sync: a page that is not complete", "the ledger keeps whole pages"),
    ("exchange: had, and the same", "ids are made of chance, so no two changes share one"),
];

/// Sabotages that nobody notices here, and why.
const UNNOTICED: &[(&str, &str)] =
    &[("journal: a stamp was set forward", TOLD), ("journal: a corrected stamp is remembered", TOLD)];

const TOLD: &str = "the ledger remembers it by itself, unless it was put back to an older copy while a tablet held unsent \
     what it had made before it heard; the journal's contract says it: a_stamp_that_was_set_forward_is_told_from_then_on";

/// Seeds after which a sabotage is called unnoticed.
const SEEDS_MAX: u64 = 1_500;

/// Names in the sources after `probe::<how>(`.
fn names(how: &str) -> BTreeSet<&'static str> {
    let call = format!("probe::{how}(");
    let mut names = BTreeSet::new();
    for source in SOURCES {
        for rest in source.split(call.as_str()).skip(1) {
            let quoted = rest.trim_start().strip_prefix('"').expect("a name comes first");
            names.insert(quoted.split('"').next().expect("a name ends"));
        }
    }
    names
}

/// What has never occurred: a step never taken, a decision that always went one way, a fault that never struck.
pub fn never(counts: &Counts) -> Vec<String> {
    let mut never = Vec::new();
    for name in names("decide") {
        let [no, yes] = counts.get(name).copied().unwrap_or_default();
        let one_way = ONE_WAY.iter().any(|(other, _)| *other == name);
        if (no == 0 || yes == 0) && !(one_way && no + yes > 0) {
            never.push(format!("{name}: {no} no, {yes} yes"));
        }
    }
    for name in names("step").into_iter().chain(names("note")) {
        if counts.get(name).is_none_or(|[_, yes]| *yes == 0) {
            never.push(name.into());
        }
    }
    never
}

/// Plays seeds with each line broken in turn; those that nobody noticed. A decision is turned round, and held to each of its
/// ways, since one wrong way may hide the other.
pub fn survivors() -> Vec<String> {
    let only = std::env::var("YINGKE_SIM_SABOTAGE").unwrap_or_default();
    let decisions =
        names("decide").into_iter().map(|name| (name, [Way::Turned, Way::Always(false), Way::Always(true)].as_slice()));
    let steps = names("step").into_iter().map(|name| (name, [Way::Turned].as_slice()));
    let all: Vec<(&'static str, &[Way])> =
        decisions.chain(steps).filter(|(name, _)| name.contains(only.as_str())).collect();
    let next = AtomicUsize::new(0);
    let survivors: Mutex<Vec<String>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, ways)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut broken = 0;
                    let mut played = (0..SEEDS_MAX).flat_map(|seed| ways.iter().map(move |way| (seed, *way)));
                    let caught = played.find_map(|(seed, way)| {
                        probe::sabotage(Some((*name, way)));
                        let fault = run::play(seed, &run::steps(seed), None).err();
                        broken += probe::broken();
                        probe::sabotage(None);
                        fault.map(|fault| (way, seed, fault))
                    });
                    let known = UNNOTICED.iter().any(|(other, _)| other == name);
                    match caught {
                        Some((way, seed, fault)) => println!("caught by seed {seed:>4}, {way:?}: {name}\n    {fault}"),
                        None if known => println!("unnoticed, as is known: {name}"),
                        None => survivors
                            .lock()
                            .expect("nobody panics with it")
                            .push(format!("{name} (fell another way {broken} times)")),
                    }
                }
            });
        }
    });
    survivors.into_inner().expect("nobody panicked with it")
}
