//! Seeds: each makes a world and its steps, replays exactly, and shrinks when it fails.

use std::{
    cell::Cell,
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, Once,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use yingke_core::{
    chance::{Chance, Seeded},
    probe,
};

use crate::{
    check,
    world::{Step, World},
};

/// Steps of a seed, at least.
pub const STEPS_MIN: u64 = 200;

/// How often each decision went which way.
pub type Counts = BTreeMap<&'static str, [u64; 2]>;

/// A seed that does not hold, made as small as it gets.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub fault: String,
    pub steps: Vec<String>,
}

#[must_use]
pub fn steps(seed: u64) -> Vec<Step> {
    let mut dice = Seeded::new(seed);
    let count = STEPS_MIN + dice.below(60);
    (0..count).map(|_| Step(dice.next_u64())).collect()
}

/// One world from its beginning to its rest; the story is told where it is asked for.
///
/// # Errors
/// Says what did not hold, or how the program died.
pub fn play(seed: u64, steps: &[Step], mut story: Option<&mut Vec<String>>) -> Result<(), String> {
    let mut world = World::new(seed);
    world.story = story.as_ref().map(|_| Vec::new());
    hush();
    PLAYING.set(true);
    let played = panic::catch_unwind(AssertUnwindSafe(|| {
        steps.iter().for_each(|step| world.step(*step));
        check::all(&mut world)
    }));
    PLAYING.set(false);
    if let (Some(told), Some(story)) = (&mut story, world.story.take()) {
        told.extend(story);
    }
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap_or_default())
    })
}

thread_local! {
    static PLAYING: Cell<bool> = const { Cell::new(false) };
}

/// A panic while a world is played is a finding like another, told in its place.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !PLAYING.get() {
                usual(info);
            }
        }));
    });
}

/// Leaves out steps for as long as it still fails.
fn shrunk(seed: u64, mut steps: Vec<Step>) -> Vec<Step> {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(fewer.len()));
            if play(seed, &fewer, None).is_err() {
                steps = fewer;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    steps
}

/// Plays one seed; a failure is shrunk.
///
/// # Errors
/// [`Failure`]
pub fn seed(seed: u64) -> Result<(), Box<Failure>> {
    let all = steps(seed);
    if play(seed, &all, None).is_ok() {
        return Ok(());
    }
    let few = shrunk(seed, all);
    let mut story = Vec::new();
    let fault = play(seed, &few, Some(&mut story)).expect_err("the same steps fail again");
    Err(Box::new(Failure { seed, fault, steps: story }))
}

/// Plays seeds on all cores until one fails. What was counted, and how many seeds were played.
///
/// # Errors
/// [`Failure`] of the first that was found.
pub fn seeds(from: u64, count: u64) -> Result<Counts, Box<Failure>> {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let sum: Mutex<Counts> = Mutex::default();
    let failure: Mutex<Option<Box<Failure>>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                probe::reset();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= from + count {
                        break;
                    }
                    if let Err(found) = seed(number) {
                        stop.store(true, Ordering::Relaxed);
                        failure.lock().expect("nobody panics with it").get_or_insert(found);
                    }
                }
                let mut sum = sum.lock().expect("nobody panics with it");
                for (name, [no, yes]) in probe::counts() {
                    let both = sum.entry(name).or_default();
                    *both = [both[0] + no, both[1] + yes];
                }
            });
        }
    });
    match failure.into_inner().expect("nobody panicked with it") {
        Some(failure) => Err(failure),
        None => Ok(sum.into_inner().expect("nobody panicked with it")),
    }
}
