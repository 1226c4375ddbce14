//! What the native build makes of the drill: a hash after each stretch, a line each. `cargo xtask test contract` hands them to
//! the browser's build.

use yingke_core::drill::{ACTIONS, Drill, SEED, STRETCH_ACTIONS};

fn main() {
    let mut drill = Drill::new(SEED);
    (0..ACTIONS / STRETCH_ACTIONS).for_each(|_| println!("{}", drill.stretch()));
}
