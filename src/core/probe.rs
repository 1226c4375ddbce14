//! Where the simulator looks into decisions, counts which way they went, and breaks one of them on purpose.
//!
//! Merge, sync, journal and exchange pass their decisions through [`decide`] and the writes that must go together
//! through [`step`], each under a name. In everything that ships both are the plain value: the feature `sim` is
//! asked for by the simulator's own build and by nothing else. There each way of each decision has to have
//! occurred, and each of them, turned round, has to be noticed.

/// A decision: `holds`, as it is.
#[cfg(not(feature = "sim"))]
#[inline(always)]
#[must_use]
pub fn decide(_name: &'static str, holds: bool) -> bool {
    holds
}

/// Whether a step is taken: yes.
#[cfg(not(feature = "sim"))]
#[inline(always)]
#[must_use]
pub fn step(_name: &'static str) -> bool {
    true
}

#[cfg(feature = "sim")]
pub use simulated::{Way, broken, counts, decide, note, reset, sabotage, step};

#[cfg(feature = "sim")]
mod simulated {
    use std::{
        cell::{Cell, RefCell},
        collections::{BTreeMap, HashMap},
    };

    /// A decision's name, and how often it fell either way.
    type Count = (&'static str, [u64; 2]);

    /// How a decision is sabotaged.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Way {
        Turned,
        Always(bool),
    }

    thread_local! {
        static SABOTAGE: Cell<Option<(&'static str, Way)>> = const { Cell::new(None) };
        static BROKEN: Cell<u64> = const { Cell::new(0) };
        static COUNTS: RefCell<HashMap<(usize, usize), Count>> = RefCell::default();
    }

    /// A decision: `holds`, or something else while it is sabotaged.
    #[must_use]
    pub fn decide(name: &'static str, holds: bool) -> bool {
        note(name, holds);
        sabotaged(name, holds)
    }

    /// Whether a step is taken: yes, unless it is sabotaged.
    #[must_use]
    pub fn step(name: &'static str) -> bool {
        note(name, true);
        sabotaged(name, true)
    }

    /// Counts that something occurred, or that it did not.
    pub fn note(name: &'static str, yes: bool) {
        COUNTS.with_borrow_mut(|counts| {
            counts.entry((name.as_ptr() as usize, name.len())).or_insert((name, [0, 0])).1[usize::from(yes)] += 1;
        });
    }

    fn sabotaged(name: &str, holds: bool) -> bool {
        let now = match SABOTAGE.get() {
            Some((other, Way::Turned)) if other == name => !holds,
            Some((other, Way::Always(always))) if other == name => always,
            _ => holds,
        };
        BROKEN.set(BROKEN.get() + u64::from(now != holds));
        now
    }

    /// From here on, on this thread, the decision of this name falls another way; `None` for none.
    pub fn sabotage(what: Option<(&'static str, Way)>) {
        SABOTAGE.set(what);
        BROKEN.set(0);
    }

    /// How often the sabotaged decision fell another way than it should have.
    #[must_use]
    pub fn broken() -> u64 {
        BROKEN.get()
    }

    /// How often each decision of this thread was no and yes, by name.
    #[must_use]
    pub fn counts() -> BTreeMap<&'static str, [u64; 2]> {
        COUNTS.with_borrow(|counts| {
            let mut by_name = BTreeMap::<&'static str, [u64; 2]>::new();
            for (name, [no, yes]) in counts.values() {
                let sum = by_name.entry(name).or_default();
                *sum = [sum[0] + no, sum[1] + yes];
            }
            by_name
        })
    }

    /// Begins to count anew.
    pub fn reset() {
        COUNTS.with_borrow_mut(HashMap::clear);
    }
}
