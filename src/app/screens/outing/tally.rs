//! What an outing has brought in: numbers that count towards the goal, passes, and the pace.
//!
//! A number counts once, for whoever took it first. Source: domain catalogue K-01, R-031, EX-04.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    phone::PhoneNumber,
    record::Record,
    time::{HOUR_MS, Millis},
};

/// An arrival that lies further ahead is no forecast.
const FORECAST_MS: i64 = 8 * HOUR_MS;

/// Counted from the leads of one outing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Distinct valid mobiles, by the member of staff who took them first.
    pub by_staff: BTreeMap<String, usize>,
    /// Trial passes that were promised.
    pub passes: usize,
    /// When the first contact began and when the last one was saved.
    pub first_at: Option<Millis>,
    pub last_at: Option<Millis>,
}

impl Tally {
    /// Of people in the order in which they were captured.
    pub fn of<'a>(people: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut tally = Self::default();
        let mut seen = BTreeSet::new();
        for person in people {
            let captured_at = person.get("captured_at").and_then(|at| at.as_at());
            let lasted_s = person.get("contact_duration_s").and_then(|s| s.as_int()).unwrap_or(0);
            let begun = captured_at.map(|at| at.plus(-lasted_s * 1_000));
            tally.first_at = tally.first_at.into_iter().chain(begun).min();
            tally.last_at = tally.last_at.into_iter().chain(captured_at).max();
            tally.passes += usize::from(person.is("trial_pass_promised"));
            let phone = person.text("phone").and_then(PhoneNumber::from_e164).filter(PhoneNumber::is_mobile);
            if let Some(phone) = phone
                && seen.insert(phone)
            {
                *tally.by_staff.entry(person.text("captured_by").unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        tally
    }

    /// Distinct numbers of everyone.
    pub fn all(&self) -> usize {
        self.by_staff.values().sum()
    }

    /// Numbers of one member of staff.
    pub fn of_staff(&self, staff: &str) -> usize {
        self.by_staff.get(staff).copied().unwrap_or_default()
    }
}

/// How fast numbers come in, and when the goal is reached at that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub each_ms: i64,
    pub goal_at: Option<Millis>,
}

/// From the beginning of the work to the latest of `count` numbers. One number alone makes no pace.
pub fn pace(begun: Millis, latest: Millis, count: usize, goal: usize) -> Option<Pace> {
    let spent_ms = latest.since(begun);
    if count < 2 || spent_ms <= 0 {
        return None;
    }
    let each_ms = spent_ms / i64::try_from(count).ok()?;
    let ahead_ms = each_ms.saturating_mul(i64::try_from(goal.saturating_sub(count)).ok()?);
    let goal_at = (goal > count && ahead_ms <= FORECAST_MS).then(|| latest.plus(ahead_ms));
    Some(Pace { each_ms, goal_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::{
        change::{Op, Ranked},
        fixture, merge, schema,
        stamp::Stamper,
        time::MINUTE_MS,
    };

    fn lead(number: u8, staff: &str, phone: &str, pass: bool) -> Record {
        let mut edit = fixture::person_edit(number, vec![("phone", Op::Latest(phone.into()))]);
        edit.writes.extend([
            schema::write("person", "captured_by", staff),
            schema::write("person", "captured_at", Millis(i64::from(number) * MINUTE_MS)),
            schema::write("person", "trial_pass_promised", pass),
        ]);
        let stamp = Stamper::default().next(Millis(1));
        let change = Ranked::provisional(stamp, fixture::change(number, vec![edit.clone()]));
        let mut record = merge::begin(change.rank(), &edit);
        merge::apply(&mut record, change.rank(), &edit);
        record
    }

    /// EX-04: two staff, 24 numbers, 15 and 9, one of the 9 taken before: 15 and 8, and 23 in all.
    #[test]
    fn a_number_counts_once_for_whoever_took_it_first() {
        let mobile = |number: u8| format!("+86138001380{number:02}");
        let mut leads: Vec<Record> = (0..15).map(|number| lead(number, "lin", &mobile(number), number < 3)).collect();
        leads.extend((15..23).map(|number| lead(number, "zhou", &mobile(number), false)));
        leads.push(lead(23, "zhou", &mobile(22), false));
        let tally = Tally::of(&leads);
        assert_eq!((tally.of_staff("lin"), tally.of_staff("zhou"), tally.all()), (15, 8, 23));
        assert_eq!(tally.passes, 3);
        assert_eq!((tally.first_at, tally.last_at), (Some(Millis(0)), Some(Millis(23 * MINUTE_MS))));
    }

    #[test]
    fn landlines_are_kept_and_do_not_count() {
        assert_eq!(Tally::of(&[lead(1, "lin", "+8657188888888", false)]).all(), 0);
    }

    #[test]
    fn the_pace_says_when_the_goal_is_reached() {
        let begun = Millis(0);
        let found = pace(begun, begun.plus(14 * 4 * MINUTE_MS), 14, 20).unwrap();
        assert_eq!(found, Pace { each_ms: 4 * MINUTE_MS, goal_at: Some(begun.plus(20 * 4 * MINUTE_MS)) });
    }

    #[test]
    fn there_is_no_forecast_without_a_pace() {
        assert_eq!(pace(Millis(0), Millis(60_000), 1, 20), None);
        assert_eq!(pace(Millis(60_000), Millis(0), 5, 20), None);
        let reached = pace(Millis(0), Millis(60_000), 20, 20).unwrap();
        assert_eq!(reached.goal_at, None);
        assert_eq!(pace(Millis(0), Millis(3 * HOUR_MS), 2, 20).unwrap().goal_at, None);
    }
}
