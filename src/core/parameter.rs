//! Numbers that are in force: a pack's, or what the venue has set from some day on.
//!
//! A venue's own numbers are records of kind `parameter` in its circle `house`. Each says from which day it counts,
//! so a deadline that began under an old number keeps it. Source: domain catalogue 1.4, R-145.

use std::collections::BTreeMap;

use crate::{pack::Pack, record::Record, time::Day, value::Value};

/// What a venue has set otherwise than its pack.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// By name, sorted by the day from which each counts; the later of two that were set for one day stands behind.
    set_by_name: BTreeMap<Box<str>, Vec<Setting>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    from: Day,
    until: Option<Day>,
    values: Vec<i64>,
}

impl Parameters {
    /// From the venue's records; what is withdrawn or says no number is passed over.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut found: Vec<_> = records
            .filter(|record| !record.is("withdrawn"))
            .filter_map(|record| {
                let values = match record.get("values")? {
                    Value::List(values) => values.iter().map(Value::as_int).collect::<Option<Vec<_>>>()?,
                    _ => return None,
                };
                let from = record.get("from").and_then(Value::as_day).unwrap_or(Day::from_number(0));
                let until = record.get("until").and_then(Value::as_day);
                let set_at = record.last_rank();
                Some((from, set_at, Box::from(record.text("name")?), Setting { from, until, values }))
            })
            .filter(|(.., setting)| !setting.values.is_empty())
            .collect();
        found.sort_by_key(|(from, set_at, ..)| (*from, *set_at));
        let mut parameters = Self::default();
        for (_, _, name, setting) in found {
            parameters.set_by_name.entry(name).or_default().push(setting);
        }
        parameters
    }

    /// The numbers in force on a day; none where each venue must set its own and this one has not.
    #[must_use]
    pub fn on(&self, pack: &Pack, name: &str, day: Day) -> Vec<i64> {
        match self.in_force(name, day) {
            Some(setting) => setting.values.clone(),
            None => pack.parameter(name).map(|parameter| parameter.values.clone()).unwrap_or_default(),
        }
    }

    /// Whether the venue has ever set it.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.set_by_name.contains_key(name)
    }

    /// Since when the venue's own setting holds that is in force on a day; `None` where the pack's does.
    #[must_use]
    pub fn since(&self, name: &str, day: Day) -> Option<Day> {
        self.in_force(name, day).map(|setting| setting.from)
    }

    fn in_force(&self, name: &str, day: Day) -> Option<&Setting> {
        let in_force = |setting: &&Setting| setting.from <= day && setting.until.is_none_or(|until| day <= until);
        self.set_by_name.get(name).into_iter().flatten().rev().find(in_force)
    }

    /// The first of the numbers in force on a day.
    #[must_use]
    pub fn number(&self, pack: &Pack, name: &str, day: Day) -> Option<i64> {
        self.on(pack, name, day).first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::{Edit, Key, Ranked},
        fixture, merge,
        pack::VenueKind,
        schema,
        stamp::Stamp,
    };

    fn setting(number: u8, name: &str, values: &[i64], from: i32, until: Option<i32>) -> Record {
        let mut fields: Vec<(&str, Value)> = vec![
            ("name", name.into()),
            ("values", Value::List(values.iter().map(|value| Value::Int(*value)).collect())),
            ("from", Day::from_number(from).into()),
        ];
        fields.extend(until.map(|until| ("until", Day::from_number(until).into())));
        let edit = Edit {
            kind: Key::of("parameter"),
            writes: fields.into_iter().map(|(key, value)| schema::write("parameter", key, value)).collect(),
            ..fixture::person_edit(number, Vec::new())
        };
        let ranked = Ranked::provisional(Stamp::from_number(u64::from(number)), fixture::change(number, vec![edit]));
        let mut records = merge::Records::new();
        merge::take_in(&mut records, &ranked);
        records.into_values().next().unwrap()
    }

    #[test]
    fn the_venues_number_counts_from_its_day_on() {
        let pack = Pack::of(VenueKind::Fitness);
        let of_pack = pack.number("refund.level_hours", -1);
        let records = [
            setting(1, "refund.level_hours", &[12], 100, None),
            setting(2, "refund.level_hours", &[6], 200, Some(210)),
            setting(3, "refund.level_hours", &[8], 100, None),
            setting(4, "transfer.fee", &[20_000], 50, None),
            setting(5, "transfer.fee", &[], 60, None),
        ];
        let parameters = Parameters::of(records.iter());
        let on = |name: &str, day| parameters.number(pack, name, Day::from_number(day));
        assert_eq!(on("refund.level_hours", 99), Some(of_pack));
        // Of two for one day the later save stands.
        assert_eq!(on("refund.level_hours", 100), Some(8));
        assert_eq!(on("refund.level_hours", 205), Some(6));
        assert_eq!(on("refund.level_hours", 211), Some(8));
        assert_eq!(on("transfer.fee", 49), None);
        assert_eq!(on("transfer.fee", 70), Some(20_000));
        assert_eq!(on("no.such", 70), None);
    }
}
