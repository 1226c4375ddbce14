//! How often somebody may guess: each failure doubles the wait, per account and per address.

use std::{collections::HashMap, hash::Hash, sync::Mutex};

use yingke_core::time::{HOUR_MS, MINUTE_MS, Millis, SECOND_MS};

/// Failures are forgotten after this long without another.
const FORGET_MS: i64 = HOUR_MS;
const WAIT_MAX_MS: i64 = 15 * MINUTE_MS;
/// Entries kept at most; beyond that the oldest go. 64 bytes each.
const ENTRIES_MAX: usize = 10_000;

/// Tries by account or address.
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

impl<K: Hash + Eq + Clone> Tries<K> {
    #[must_use]
    pub fn new(free: u32) -> Self {
        Self { free, kept: Mutex::default() }
    }

    /// Counts a try as failed before it is made, so that tries side by side are not free.
    ///
    /// # Errors
    /// The seconds to wait, when it is too early.
    pub fn begin(&self, key: &K, now: Millis) -> Result<(), u64> {
        let mut kept = self.kept.lock().expect("nobody panics while holding the tries");
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
        tried.failures = tried.failures.saturating_add(1);
        tried.last = now;
        tried.until = now.plus(wait_ms(tried.failures, self.free));
        Ok(())
    }

    pub fn succeeded(&self, key: &K) {
        self.kept.lock().expect("nobody panics while holding the tries").remove(key);
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

    #[test]
    fn each_failure_doubles_the_wait_and_a_success_ends_it() {
        let tries = Tries::new(2);
        let at = |s: i64| Millis(s * 1_000);
        assert_eq!(tries.begin(&1, at(0)), Ok(()));
        assert_eq!(tries.begin(&1, at(0)), Ok(()));
        assert_eq!(tries.begin(&1, at(0)), Ok(()));
        assert_eq!(tries.begin(&1, at(0)), Err(2));
        assert_eq!(tries.begin(&2, at(0)), Ok(()), "another account does not wait");
        assert_eq!(tries.begin(&1, at(2)), Ok(()));
        assert_eq!(tries.begin(&1, at(3)), Err(3));
        tries.succeeded(&1);
        assert_eq!(tries.begin(&1, at(3)), Ok(()));
    }

    #[test]
    fn a_wait_is_bounded_and_forgotten() {
        let tries = Tries::new(0);
        let mut now = Millis(0);
        for _ in 0..100 {
            let wait = tries.begin(&1, now).err().unwrap_or(0);
            assert!(wait <= WAIT_MAX_MS as u64 / 1_000);
            now = now.plus(wait as i64 * 1_000);
        }
        assert_eq!(tries.begin(&1, now.plus(FORGET_MS + 1)), Ok(()));
        assert_eq!(tries.begin(&1, now.plus(FORGET_MS + 1)), Err(2));
    }

    #[test]
    fn many_addresses_take_bounded_room() {
        let tries = Tries::new(0);
        for address in 0..3 * ENTRIES_MAX {
            let _ = tries.begin(&address, Millis(address as i64));
        }
        assert!(tries.kept.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
