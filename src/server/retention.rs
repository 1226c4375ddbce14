//! How long what is about people is kept, and what has been here for longer. Source: domain catalogue 17.4; R-151.
//!
//! The catalogue names the periods itself for want of a source; each can be set to what law says where the club is. What
//! it would make anonymous is emptied whole here: a ledger of changes keeps no half of a record. What is emptied goes the
//! way of somebody who asked to be erased (`erase.rs`), so nothing brings it back either. Its line for photos has nothing
//! here: pictures of guests are those of certificates, which go with their leave; all others are of equipment.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use yingke_core::{
    id::RecordId,
    lead::{self, Names},
    record::Record,
    time::{Day, Millis},
    value::Value,
    workflow::PROGRESS,
};

use crate::{
    erase::{self, KEPT_BY_LAW, Reach},
    ledger::mentions_of,
};

/// One line of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// Guests who never signed anything, since the last word from or about them, with all that is about them.
    Guests,
    /// Guests met outdoors who have not agreed to be called.
    Unagreed,
    /// Trial visits, with the ID numbers that were shown.
    Trials,
    /// Visits, consultations, tours and talks.
    Visits,
    /// Calls and follow-ups, since the guest's last card ended.
    Calls,
    /// Leaves with a certificate, since the leave ended.
    Certificates,
    /// Complaints that are closed, with what belongs to them.
    Complaints,
    /// Agreements, payments, deposits, commission.
    Contracts,
    /// The log of who saw and changed what.
    Log,
    /// Evaluations of staff.
    Evaluations,
}

/// All lines, their words on the command line, and after how many months.
const LINES: [(Line, &str, u32); 10] = [
    (Line::Guests, "guests", 24),
    (Line::Unagreed, "unagreed", 6),
    (Line::Trials, "trials", 3),
    (Line::Visits, "visits", 24),
    (Line::Calls, "calls", 24),
    (Line::Certificates, "certificates", 12),
    (Line::Complaints, "complaints", 36),
    (Line::Contracts, "contracts", 120),
    (Line::Log, "log", 36),
    (Line::Evaluations, "evaluations", 36),
];
/// Lines by which all goes that is about what they name.
const WITH_ALL_ABOUT: [Line; 3] = [Line::Guests, Line::Unagreed, Line::Complaints];
/// What nobody sets: longer than anybody lives.
const MONTHS_MAX: u32 = 1_200;

impl Line {
    #[must_use]
    pub fn word(self) -> &'static str {
        LINES.iter().find(|(line, ..)| *line == self).map_or("", |(_, word, _)| word)
    }
}

/// A line and after how many months what it names goes: `visits=36`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub line: Line,
    pub months: u32,
}

impl FromStr for Period {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let words = || LINES.map(|(_, word, _)| word).join(", ");
        let expected = || format!("LINE=MONTHS is expected, such as visits=36; the lines are {}", words());
        let (word, months) = typed.split_once('=').ok_or_else(expected)?;
        let (line, ..) = LINES.into_iter().find(|(_, known, _)| *known == word).ok_or_else(expected)?;
        let months = months.parse().ok().filter(|months| (1..=MONTHS_MAX).contains(months)).ok_or_else(expected)?;
        Ok(Self { line, months })
    }
}

/// After how many months each line is over.
#[derive(Debug, Clone)]
pub struct Schedule(BTreeMap<Line, u32>);

impl Schedule {
    /// The catalogue's, but for what is set.
    #[must_use]
    pub fn with(set: &[Period]) -> Self {
        let mut months: BTreeMap<Line, u32> = LINES.into_iter().map(|(line, _, months)| (line, months)).collect();
        months.extend(set.iter().map(|period| (period.line, period.months)));
        Self(months)
    }

    fn is_over(&self, line: Line, last: Day, today: Day) -> bool {
        let months = i32::try_from(self.0[&line]).unwrap_or(i32::MAX);
        months_before(today, months).is_some_and(|day| last <= day)
    }
}

/// The same day of the month so many months earlier, or the last that this month has.
fn months_before(day: Day, months: i32) -> Option<Day> {
    let (year, month, day) = day.ymd();
    let month = year.checked_mul(12)?.checked_add(i32::try_from(month).ok()? - 1)?.checked_sub(months)?;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12).unsigned_abs() + 1);
    (1..=day).rev().find_map(|day| Day::from_ymd(year, month, day))
}

/// Records whose time is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Over {
    /// By line: which were found, and all that goes with them.
    pub lines: BTreeMap<Line, Found>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The records that the line names.
    pub named: BTreeSet<RecordId>,
    /// Those, and what goes with them.
    pub all: BTreeSet<RecordId>,
}

impl Over {
    /// What the list of erasures says of them.
    pub fn noted(&self) -> impl Iterator<Item = (RecordId, Reach)> {
        let reach = |line: Line| if WITH_ALL_ABOUT.contains(&line) { Reach::About } else { Reach::Alone };
        self.lines.iter().flat_map(move |(line, found)| found.named.iter().map(move |record| (*record, reach(*line))))
    }

    /// Every record that goes.
    #[must_use]
    pub fn records(&self) -> BTreeSet<RecordId> {
        self.lines.values().flat_map(|found| &found.all).copied().collect()
    }
}

/// What of an organisation's records has been here for longer than its line allows.
#[must_use]
pub fn over(records: &[Record], schedule: &Schedule, today: Day) -> Over {
    let people: BTreeSet<RecordId> =
        records.iter().filter(|record| is(record, &["person"])).map(|one| one.id).collect();
    let names = records.iter().filter_map(|record| Names::of(record, mentions_of)).collect();
    let person_by_record = lead::about(names, &people);
    let about = People::of(records, &person_by_record);
    let mut over = Over::default();
    for record in records {
        let person = person_by_record.get(&record.id).copied().unwrap_or(record.id);
        let Some((line, last)) = line_of(record, person, &about) else { continue };
        if !schedule.is_over(line, last, today) {
            continue;
        }
        let found = over.lines.entry(line).or_default();
        found.named.insert(record.id);
        found.all.insert(record.id);
    }
    for line in WITH_ALL_ABOUT {
        if let Some(found) = over.lines.get_mut(&line) {
            found.all = erase::reach(records, &found.named).records;
        }
    }
    over
}

/// What is known of people from the records about them.
#[derive(Default)]
struct People {
    last_word: BTreeMap<RecordId, Day>,
    /// Who signed or paid something.
    customers: BTreeSet<RecordId>,
    /// When the last of their cards ended; none while one has no end.
    cards_ended: BTreeMap<RecordId, Option<Day>>,
}

impl People {
    fn of(records: &[Record], person_by_record: &BTreeMap<RecordId, RecordId>) -> Self {
        let mut people = Self::default();
        for record in records {
            let person = if is(record, &["person"]) {
                record.id
            } else {
                let Some(person) = person_by_record.get(&record.id) else { continue };
                *person
            };
            // That a call is late, or who looked, is no word from anybody.
            if !is(record, &["task", "audit"]) {
                let word = people.last_word.entry(person).or_insert(last(record));
                *word = last(record).max(*word);
            }
            if is(record, &["membership"]) {
                let ended = ended(record);
                let known = people.cards_ended.entry(person).or_insert(ended);
                *known = known.zip(ended).map(|(known, ended)| known.max(ended));
            }
            if is(record, &["membership"]) || is(record, &KEPT_BY_LAW) {
                people.customers.insert(person);
            }
        }
        people
    }
}

/// The line that a record is under, and the day from which its time counts. `None` of one that is kept.
fn line_of(record: &Record, person: RecordId, people: &People) -> Option<(Line, Day)> {
    let written = last(record);
    Some(match record.kind().as_str() {
        "person" if people.customers.contains(&record.id) => return None,
        "person" => {
            let word = people.last_word.get(&record.id).copied().unwrap_or(written);
            let is_unagreed = record.get("outing").is_some() && !record.is("consent_contact");
            // Whoever wants no calls is known for as long as any guest, or the next outing would begin anew.
            let line = if is_unagreed && !record.is("do_not_contact") { Line::Unagreed } else { Line::Guests };
            (line, word)
        }
        "trial" => (Line::Trials, written),
        "visit" | "consultation" | "tour" | "negotiation" => (Line::Visits, written),
        "tracking" | "retention" | "followup" | "callback" | "interaction" | "opportunity" | "appointment" => {
            (Line::Calls, people.cards_ended.get(&person).copied().flatten()?.max(written))
        }
        "leave" if record.get("evidence").is_some() => {
            let planned = record.get("planned_end_on").and_then(Value::as_day);
            (Line::Certificates, planned.map_or(written, |day| day.max(written)))
        }
        "case" if matches!(state(record), Some("closed" | "withdrawn")) => (Line::Complaints, written),
        "membership" => (Line::Contracts, ended(record)?.max(written)),
        "agreement" | "payment" | "deposit" | "refund" | "statement" | "give_back" | "transfer" | "card_change"
        | "store_transfer" | "renewal" => (Line::Contracts, written),
        "audit" | "export" => (Line::Log, written),
        "evaluation" | "grade_review" | "staff_survey" => (Line::Evaluations, written),
        _ => return None,
    })
}

fn is(record: &Record, kinds: &[&str]) -> bool {
    kinds.contains(&record.kind().as_str())
}

/// The day on which something was last said of it.
fn last(record: &Record) -> Day {
    record.last_rank().map_or(Millis(0), |rank| rank.stamp.millis()).day(0)
}

fn state(record: &Record) -> Option<&str> {
    record.guarded(PROGRESS)?.get("state")?.as_text()
}

/// When a card came to its end, whichever desk is right about it.
fn ended(card: &Record) -> Option<Day> {
    let by_desk = card.heads(PROGRESS).iter().map(|head| head.values.get("end_on").and_then(Value::as_day));
    by_desk.chain([card.get("ended_on").and_then(Value::as_day)]).flatten().max()
}

#[cfg(test)]
mod tests {
    use yingke_core::fixture;

    use super::*;

    const PERSON: u8 = 1;

    fn id(number: u8) -> RecordId {
        RecordId::from_bytes(fixture::id_bytes(number))
    }

    /// A record that names the person, written on the fixture's day.
    fn of(number: u8, kind: &'static str, state: Option<&str>, mut fields: Vec<(&'static str, Value)>) -> Record {
        fields.push(("person", id(PERSON).into()));
        fixture::record_of(number, kind, state, fields)
    }

    fn guest(fields: Vec<(&'static str, Value)>) -> Record {
        fixture::record_of(PERSON, "person", None, fields)
    }

    fn day_after(months: i32, more: i32) -> Day {
        let today = months_before(fixture::NOW.day(0), -months).unwrap();
        Day::from_number(today.number() + more)
    }

    /// What goes by each line so many days after those months.
    fn gone(records: &[Record], months: i32, more: i32) -> Vec<(&'static str, Vec<RecordId>)> {
        let over = over(records, &Schedule::with(&[]), day_after(months, more));
        over.lines.into_iter().map(|(line, found)| (line.word(), found.all.into_iter().collect())).collect()
    }

    #[test]
    fn each_line_keeps_to_its_last_day_and_no_longer() {
        let card = |state: &str| of(9, "membership", Some(state), vec![]);
        let evidence = vec![("evidence", Value::List(vec!["picture".into()]))];
        let cases: [(&str, i32, Record); 11] = [
            ("trials", 3, of(2, "trial", None, vec![])),
            ("visits", 24, of(2, "visit", None, vec![])),
            ("visits", 24, of(2, "consultation", None, vec![])),
            ("certificates", 12, of(2, "leave", None, evidence)),
            ("complaints", 36, of(2, "case", Some("closed"), vec![])),
            ("contracts", 120, of(2, "agreement", None, vec![])),
            ("contracts", 120, of(2, "payment", None, vec![])),
            ("log", 36, fixture::record_of(2, "audit", None, vec![])),
            ("evaluations", 36, fixture::record_of(2, "evaluation", None, vec![])),
            ("guests", 24, guest(vec![])),
            ("unagreed", 6, guest(vec![("outing", id(7).into())])),
        ];
        for (line, months, record) in cases {
            let person = if record.id == id(PERSON) { vec![] } else { vec![guest(vec![])] };
            // A card without an end keeps whoever has it, and hides no other line.
            let keeps = if person.is_empty() { vec![] } else { vec![card("active")] };
            let records = [vec![record.clone()], person, keeps].concat();
            assert_eq!(gone(&records, months, -1), [], "{line}");
            assert_eq!(gone(&records, months, 0), [(line, vec![record.id])]);
        }
    }

    #[test]
    fn what_is_still_needed_stays_however_old() {
        let open_case = of(2, "case", Some("in_progress"), vec![]);
        let plain_leave = of(3, "leave", None, vec![]);
        let calls = of(4, "tracking", None, vec![]);
        let card = of(5, "membership", Some("active"), vec![]);
        assert_eq!(gone(&[guest(vec![]), open_case, plain_leave, calls, card], 1_000, 0), []);
    }

    #[test]
    fn a_word_about_a_guest_is_a_word_from_them_and_all_of_it_goes_with_them() {
        let visit = of(2, "visit", None, vec![]);
        let of_the_visit = fixture::record_of(3, "tour", None, vec![("visit", visit.id.into())]);
        let records = [guest(vec![]), visit, of_the_visit];
        assert_eq!(gone(&records, 24, -1), []);
        let all = vec![id(PERSON), id(2), id(3)];
        assert_eq!(gone(&records, 24, 0)[0], ("guests", all));
        // Whoever signed is no such guest.
        let signed = [records.to_vec(), vec![of(4, "agreement", None, vec![])]].concat();
        assert_eq!(gone(&signed, 24, 0), [("visits", vec![id(2), id(3)])]);
    }

    #[test]
    fn whoever_wants_no_calls_is_known_as_long_as_any_guest() {
        let guest = guest(vec![("outing", id(7).into()), ("do_not_contact", true.into())]);
        assert_eq!(gone(std::slice::from_ref(&guest), 24, -1), []);
        assert_eq!(gone(&[guest], 24, 0), [("guests", vec![id(PERSON)])]);
    }

    #[test]
    fn calls_count_from_the_end_of_the_last_card() {
        let end = day_after(12, 0);
        let card = of(2, "membership", None, vec![("ended_on", end.into())]);
        let records = [guest(vec![]), card, of(3, "tracking", None, vec![])];
        assert_eq!(gone(&records, 36, -1), []);
        assert_eq!(gone(&records, 36, 0), [("calls", vec![id(3)])]);
        let other = of(4, "membership", None, vec![]);
        assert_eq!(gone(&[records.to_vec(), vec![other]].concat(), 100, 0), [], "one that has no end");
    }

    #[test]
    fn a_line_is_set_in_words_and_anything_else_is_told() {
        let set: Period = "visits=1".parse().unwrap();
        let records = [guest(vec![]), of(2, "visit", None, vec![]), of(9, "membership", None, vec![])];
        let over = over(&records, &Schedule::with(&[set]), day_after(1, 0));
        assert_eq!(over.records(), BTreeSet::from([id(2)]));
        for typed in ["visits", "visits=", "visits=0", "visits=-1", "visits=1201", "visit=3", "=3", "visits=3 "] {
            let said = typed.parse::<Period>().unwrap_err();
            assert!(said.contains("visits=36") && said.contains("complaints"), "{typed}: {said}");
        }
    }

    #[test]
    fn months_end_where_the_month_does() {
        let day = |text: &str| Day::parse(text).unwrap();
        for (today, months, before) in [
            ("2026-03-31", 1, "2026-02-28"),
            ("2028-03-31", 1, "2028-02-29"),
            ("2026-01-15", 1, "2025-12-15"),
            ("2026-11-28", 24, "2024-11-28"),
            ("2026-05-31", 6, "2025-11-30"),
        ] {
            assert_eq!(months_before(day(today), months), Some(day(before)), "{today}");
        }
        assert_eq!(months_before(day("2026-01-01"), i32::MAX), None);
    }
}
