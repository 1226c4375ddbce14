//! How often somebody may guess: each failure doubles the wait, per account, per tablet and per address.

use std::{collections::HashMap, hash::Hash, sync::Mutex};

use yingke_core::time::{HOUR_MS, MINUTE_MS, Millis, SECOND_MS};

/// Failures are forgotten after this long without another.
const FORGET_MS: i64 = HOUR_MS;
const WAIT_MAX_MS: i64 = 15 * MINUTE_MS;
/// Entries kept at most; beyond that the oldest go. 64 bytes each.
const ENTRIES_MAX: usize = 10_000;
const UNHARMED: &str = "nobody panics while holding the tries";

/// Tries by account, tablet or address.
#[derive(Debug)]
pub struct Tries<K> {
    /// Failures that cost no wait.
    free: u32,
    kept: Mutex<HashMap<K, Tried>>,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    failures: u32,
    last: Millis,
    until: Millis,
}

/// A try that counts as failed until it is given back.
#[derive(Debug)]
#[must_use]
pub struct Try<K> {
    key: K,
    at: Millis,
    /// When the failure before it was.
    before: Millis,
}

impl<K: Hash + Eq + Clone> Tries<K> {
    #[must_use]
    pub fn new(free: u32) -> Self {
        Self { free, kept: Mutex::default() }
    }

    /// Counts a try as failed before it is made, so that tries side by side are not free.
    ///
    /// # Errors
    /// The seconds to wait, when it is too early.
    pub fn begin(&self, key: K, now: Millis) -> Result<Try<K>, u64> {
        let mut kept = self.kept.lock().expect(UNHARMED);
        if kept.len() >= ENTRIES_MAX {
            forget(&mut kept, now);
        }
        let fresh = Tried { failures: 0, last: now, until: Millis(i64::MIN) };
        let tried = kept.entry(key.clone()).or_insert(fresh);
        if now.since(tried.last) > FORGET_MS {
            *tried = fresh;
        }
        if now < tried.until {
            return Err(u64::try_from(tried.until.since(now)).unwrap_or(0).div_ceil(SECOND_MS as u64));
        }
        let before = std::mem::replace(&mut tried.last, now);
        tried.count(tried.failures.saturating_add(1), self.free);
        Ok(Try { key, at: now, before })
    }

    /// What succeeded, or came to nothing, costs nothing. What failed before it still does: whoever knows one secret is not
    /// free to guess others.
    pub fn give_back(&self, given: Try<K>) {
        let mut kept = self.kept.lock().expect(UNHARMED);
        let Some(tried) = kept.get_mut(&given.key) else { return };
        if tried.last == given.at {
            tried.last = given.before;
        }
        tried.count(tried.failures.saturating_sub(1), self.free);
    }

    /// Forgets every failure.
    pub fn forgive(&self, key: &K) {
        self.kept.lock().expect(UNHARMED).remove(key);
    }
}

impl Tried {
    fn count(&mut self, failures: u32, free: u32) {
        self.failures = failures;
        self.until = self.last.plus(wait_ms(failures, free));
    }
}

fn wait_ms(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None | Some(0) => 0,
        Some(beyond) => (SECOND_MS << beyond.min(20)).min(WAIT_MAX_MS),
    }
}

fn forget<K: Hash + Eq + Clone>(kept: &mut HashMap<K, Tried>, now: Millis) {
    kept.retain(|_, tried| now.since(tried.last) <= FORGET_MS);
    if kept.len() >= ENTRIES_MAX {
        let mut times: Vec<Millis> = kept.values().map(|tried| tried.last).collect();
        times.sort_unstable();
        let middle = times[times.len() / 2];
        kept.retain(|_, tried| tried.last > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(s: i64) -> Millis {
        Millis(s * 1_000)
    }

    /// The seconds that a try has to wait; one that need not fails.
    fn wait_s(tries: &Tries<u32>, key: u32, now: Millis) -> u64 {
        tries.begin(key, now).err().unwrap_or(0)
    }

    #[test]
    fn each_failure_doubles_the_wait_until_it_is_forgiven() {
        let tries = Tries::new(2);
        for _ in 0..3 {
            assert_eq!(wait_s(&tries, 1, at(0)), 0);
        }
        assert_eq!(wait_s(&tries, 1, at(0)), 2);
        assert_eq!(wait_s(&tries, 2, at(0)), 0, "another account does not wait");
        assert_eq!(wait_s(&tries, 1, at(2)), 0);
        assert_eq!(wait_s(&tries, 1, at(3)), 3);
        tries.forgive(&1);
        assert_eq!(wait_s(&tries, 1, at(3)), 0);
    }

    #[test]
    fn a_try_that_is_given_back_leaves_all_as_it_was() {
        let tries = Tries::new(2);
        assert_eq!(wait_s(&tries, 1, at(0)), 0);
        assert_eq!(wait_s(&tries, 1, at(1)), 0);
        for s in 2..10 {
            tries.give_back(tries.begin(1, at(s)).unwrap());
        }
        assert_eq!(wait_s(&tries, 1, at(10)), 0, "the third failure");
        assert_eq!(wait_s(&tries, 1, at(10)), 2);
        assert_eq!(wait_s(&tries, 1, at(12)), 0, "the fourth");
        // They count from the last failure on, however many successes came in between.
        let later = at(12).plus(FORGET_MS);
        tries.give_back(tries.begin(1, later).unwrap());
        for _ in 0..3 {
            assert_eq!(wait_s(&tries, 1, later.plus(1)), 0);
        }
        assert_eq!(wait_s(&tries, 1, later.plus(1)), 2);
    }

    #[test]
    fn of_tries_side_by_side_each_gives_back_its_own() {
        let tries = Tries::new(2);
        let (one, other) = (tries.begin(1, at(0)).unwrap(), tries.begin(1, at(1)).unwrap());
        assert_eq!(wait_s(&tries, 1, at(2)), 0, "the third fails");
        tries.give_back(one);
        assert_eq!(wait_s(&tries, 1, at(2)), 0, "as the second");
        tries.give_back(other);
        assert_eq!(wait_s(&tries, 1, at(2)), 0, "and as the second again");
        assert_eq!(wait_s(&tries, 1, at(2)), 2);
    }

    #[test]
    fn a_wait_is_bounded_and_forgotten() {
        let tries = Tries::new(0);
        let mut now = Millis(0);
        for _ in 0..100 {
            let wait = wait_s(&tries, 1, now);
            assert!(wait <= WAIT_MAX_MS as u64 / 1_000);
            now = now.plus(wait as i64 * 1_000);
        }
        assert_eq!(wait_s(&tries, 1, now.plus(FORGET_MS + 1)), 0);
        assert_eq!(wait_s(&tries, 1, now.plus(FORGET_MS + 1)), 2);
    }

    #[test]
    fn many_addresses_take_bounded_room() {
        let tries = Tries::new(0);
        for address in 0..3 * ENTRIES_MAX {
            let _ = tries.begin(address, Millis(address as i64));
        }
        assert!(tries.kept.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
