//! Figures of a venue: what happened in a period, counted from its records.
//!
//! Each formula that packs may name is here. A figure is a numerator and a denominator, so that two devices with the
//! same records agree exactly and a share of nothing is no figure rather than zero. Averages leave out what has no
//! value. Source: domain catalogue 10.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    id::{RecordId, StaffId},
    record::Record,
    time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    workflow::{Lookup, value_at},
};

/// From one instant to another, which does not belong to it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Millis,
    pub until: Millis,
}

impl Period {
    /// The period of the same length before.
    #[must_use]
    pub fn before(self) -> Self {
        Self { from: self.from.plus(-self.until.since(self.from)), until: self.from }
    }

    #[must_use]
    pub fn has(self, at: Millis) -> bool {
        self.from <= at && at < self.until
    }
}

/// Hands every record of a kind to a function.
pub type Each<'a> = &'a dyn Fn(&str, &mut dyn FnMut(&Record));

/// What figures are counted from.
#[derive(Clone, Copy)]
pub struct Count<'a> {
    pub period: Period,
    /// What is not due yet, and not done, is neither in time nor late.
    pub now: Millis,
    pub offset_minutes: i32,
    /// Every record of a kind that is not withdrawn.
    pub each: Each<'a>,
    pub lookup: Lookup<'a>,
    pub number: &'a dyn Fn(&str) -> Option<i64>,
    /// Only this outing's, and only what this colleague did.
    pub outing: Option<RecordId>,
    pub staff: Option<StaffId>,
    /// How many work in after-sales service.
    pub staff_count: i64,
}

impl std::fmt::Debug for Count<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Count").field("period", &self.period).finish_non_exhaustive()
    }
}

/// A figure. Percentages and averages are `numerator * 100 / denominator` in hundredths of the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    pub numerator: i64,
    pub denominator: i64,
    pub kind: FigureKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    Percent,
    Average,
    Number,
}

impl Figure {
    /// In hundredths of a percent, an hour, a star; `None` for a share or mean of nothing.
    #[must_use]
    pub fn hundredths(self) -> Option<i64> {
        let times = match self.kind {
            FigureKind::Percent => 10_000,
            FigureKind::Average | FigureKind::Number => 100,
        };
        (self.denominator != 0).then(|| self.numerator.saturating_mul(times) / self.denominator)
    }
}

/// Works out a formula; `None` if core has none of this name.
#[must_use]
pub fn figure(formula: &str, count: &Count<'_>) -> Option<Figure> {
    let hours = |key: &str, default: i64| (count.number)(key).unwrap_or(default) * HOUR_MS;
    Some(match formula {
        "numbers_per_outing" => {
            let mut phones = BTreeSet::new();
            (count.each)("person", &mut |person| {
                let by = person.text("captured_by").and_then(|text| text.parse().ok());
                let is_counted =
                    count.outing.is_none_or(|outing| person.get("outing").and_then(Value::as_id) == Some(outing))
                        && count.staff.is_none_or(|staff| by == Some(staff));
                if is_counted && person.get("outing").is_some() {
                    phones.extend(person.text("phone").map(str::to_owned));
                }
            });
            number(phones.len() as i64)
        }
        "outing_punctuality" => count.share(
            "outing",
            "actual_arrival",
            |_| true,
            |outing| outing.before("actual_arrival", "planned_arrival"),
        ),
        "tour_minutes" => count.mean("tour", "started_at", MINUTE_MS, |tour| tour.span("started_at", "ended_at")),
        "signed_on_first_visit" => count.share(
            "person",
            "first_visit.visit_at",
            |_| true,
            |person| {
                person.day("contract.signed_on").is_some()
                    && person.day("contract.signed_on") == person.day("first_visit.visit_at")
            },
        ),
        "signup_minutes" => count.mean("agreement", "delivered_at", MINUTE_MS, |agreement| {
            agreement.span("negotiation.ended_at", "delivered_at")
        }),
        "pt_contact_in_time" => {
            let due = |grant: &Row<'_, '_>| grant.ends("contact_due_at");
            count.in_time(
                "pt_grant",
                "contact_due_at",
                due,
                |_| true,
                |grant| grant.before("contacted_at", "contact_due_at"),
            )
        }
        "call_length_in_time" => {
            let limit = (count.number)("call.max_minutes").unwrap_or(3) * 60;
            let reached = |call: &Row<'_, '_>| call.is("contact_result", &["reached"]);
            let short = |call: &Row<'_, '_>| call.int("duration_s").is_some_and(|seconds| seconds <= limit);
            count.share("tracking", "call_at", reached, short).and(count.share("retention", "call_at", reached, short))
        }
        "complaint_reply_in_time" => count.in_time(
            "case",
            "reply_due_at",
            |case| case.ends("reply_due_at"),
            |case| case.is("kind", &["complaint", "suggestion", "opinion"]) || !case.has("kind"),
            |case| case.before("replied_at", "reply_due_at") || case.before("customer_told_at", "reply_due_at"),
        ),
        "trial_conversion" => count.share(
            "trial",
            "ended_at",
            |_| true,
            |trial| {
                trial.span("ended_at", "person.contract.delivered_at").is_some_and(|ms| (0..=30 * DAY_MS).contains(&ms))
            },
        ),
        "prospects_tracked" => {
            let contacts = count.contacts_by_person();
            count.in_time(
                "consultation",
                "captured_at",
                |row| Some(row.at("captured_at")?.plus(DAY_MS)),
                |row| !row.yes("first_deal") && !row.yes("no_contact_wanted"),
                |row| {
                    let Some(from) = row.at("captured_at") else { return false };
                    let person = row.value("person").as_ref().and_then(Value::as_id);
                    let times = person.and_then(|person| contacts.get(&person));
                    times.is_some_and(|times| times.range(from..=from.plus(DAY_MS)).next().is_some())
                },
            )
        }
        "consultations_registered" => Figure {
            numerator: count.number_of("consultation", "captured_at", |row| row.is("consult_mode", &["onsite"])),
            denominator: count.number_of("visit", "visit_at", |row| row.is("visit_purpose", &["tour"])),
            kind: FigureKind::Percent,
        },
        "assignments_on_time" => {
            let due = |row: &Row<'_, '_>| row.ends("required_by");
            count.in_time("assignment", "required_by", due, |_| true, |row| row.before("fed_back_at", "required_by"))
        }
        "satisfaction" => {
            count.share("rating", "rated_at", |_| true, |rating| rating.int("stars").is_some_and(|stars| stars >= 4))
        }
        "satisfaction_gain" => {
            let earlier = figure("satisfaction", &Count { period: count.period.before(), ..*count })?.hundredths();
            let now = figure("satisfaction", count)?.hundredths();
            match (now, earlier) {
                (Some(now), Some(earlier)) => {
                    Figure { numerator: now - earlier, denominator: 100, kind: FigureKind::Average }
                }
                _ => Figure { numerator: 0, denominator: 0, kind: FigureKind::Average },
            }
        }
        "complaint_rate" => Figure {
            // Whatever nobody has found to be groundless.
            numerator: count.number_of("case", "received_at", |case| {
                (case.is("kind", &["complaint"]) || !case.has("kind")) && !case.no("valid")
            }),
            denominator: count.active_memberships(),
            kind: FigureKind::Percent,
        },
        "response_within_limit" | "channel_response" => {
            let limit = hours("aftersales.response_max_hours", 24);
            count.in_time(
                "case",
                "received_at",
                |case| Some(case.at("received_at")?.plus(limit)),
                |_| true,
                |case| case.span("received_at", "first_response_at").is_some_and(|ms| ms <= limit),
            )
        }
        "response_hours" => {
            count.mean("case", "received_at", HOUR_MS, |case| case.span("received_at", "first_response_at"))
        }
        "resolution_rate" => count.in_time(
            "case",
            "received_at",
            |case| case.ends("resolve_due_at"),
            |_| true,
            |case| {
                case.has("resolved_at") && (!case.has("resolve_due_at") || case.before("resolved_at", "resolve_due_at"))
            },
        ),
        "records_on_the_day" => count.share(
            "interaction",
            "started_at",
            |row| row.has("entered_at"),
            |row| row.day("entered_at") == row.day("started_at"),
        ),
        "files_complete" => {
            let mut figure = Figure { numerator: 0, denominator: 0, kind: FigureKind::Percent };
            (count.each)("person", &mut |person| {
                if person.text("stage") == Some("won") {
                    figure.denominator += 1;
                    let whole = ["name", "phone", "birth_date", "address"].iter().all(|key| person.get(key).is_some());
                    figure.numerator += i64::from(whole);
                }
            });
            figure
        }
        "process_mastery" => Figure {
            numerator: count.distinct_staff("training", "attended_on", |row| row.yes("passed")),
            denominator: count.staff_count,
            kind: FigureKind::Percent,
        },
        "training_coverage" => Figure {
            numerator: count.distinct_staff("training", "attended_on", |_| true),
            denominator: count.staff_count,
            kind: FigureKind::Percent,
        },
        "channel_satisfaction" => {
            let of_contact = |rating: &Row<'_, '_>| {
                let subject = rating.value("subject").as_ref().and_then(Value::as_id).and_then(|id| (count.lookup)(id));
                subject.is_some_and(|subject| {
                    matches!(subject.kind().as_str(), "interaction" | "tracking" | "consultation")
                })
            };
            count.share("rating", "rated_at", of_contact, |rating| rating.int("stars").is_some_and(|stars| stars >= 4))
        }
        "professionalism" => count.mean("rating", "rated_at", 1, |rating| rating.int("professionalism")),
        "closed_loop" => {
            let due = |case: &Row<'_, '_>| case.ends("reply_due_at");
            count.in_time(
                "case",
                "reply_due_at",
                due,
                |_| true,
                |case| case.has("customer_told_at") && case.has("closed_at"),
            )
        }
        "handling_hours" => count.mean("case", "received_at", HOUR_MS, |case| case.span("received_at", "resolved_at")),
        "annual_performance" => {
            let in_period = |row: &Row<'_, '_>| {
                let month = row.value("month").and_then(|month| Day::parse(&format!("{}-01", month.as_text()?)));
                month.is_some_and(|day| count.period.has(day.begins(count.offset_minutes)))
            };
            let mut figure = Figure { numerator: 0, denominator: 0, kind: FigureKind::Percent };
            (count.each)("evaluation", &mut |record| {
                let row = Row { record, count };
                if in_period(&row) {
                    figure.denominator += 1;
                    figure.numerator += i64::from(!row.is("result", &["below"]));
                }
            });
            figure
        }
        "staff_satisfaction_gain" => {
            let mean = |period| {
                Count { period, ..*count }.mean("staff_survey", "held_on", 1, |row| row.int("score")).hundredths()
            };
            match (mean(count.period), mean(count.period.before())) {
                (Some(now), Some(earlier)) => {
                    Figure { numerator: now - earlier, denominator: earlier, kind: FigureKind::Percent }
                }
                _ => Figure { numerator: 0, denominator: 0, kind: FigureKind::Percent },
            }
        }
        "repurchase_rate" => {
            let mut paid: BTreeMap<RecordId, i64> = BTreeMap::new();
            (count.each)("agreement", &mut |record| {
                let row = Row { record, count };
                if row.at("paid_at").is_some_and(|at| count.period.has(at))
                    && let Some(person) = row.value("person").as_ref().and_then(Value::as_id)
                {
                    *paid.entry(person).or_default() += 1;
                }
            });
            let twice = paid.values().filter(|number| **number >= 2).count() as i64;
            Figure { numerator: twice, denominator: paid.len() as i64, kind: FigureKind::Percent }
        }
        "renewal_rate" => {
            // A renewed membership has a new end; that it was renewed says when the old one was.
            let renewed = count.number_of("membership", "renewed_on", |_| true);
            let ended =
                count.number_of("membership", "end_on", |row| row.is("state", &["expired"]) && !row.has("renewed_on"));
            Figure { numerator: renewed, denominator: renewed + ended, kind: FigureKind::Percent }
        }
        "repair_within_limit" => {
            let limit = hours("equipment.repair_max_hours", 6);
            count.share(
                "fault",
                "reported_at",
                |row| row.has("repaired_at"),
                |row| row.span("reported_at", "repaired_at").is_some_and(|ms| ms <= limit),
            )
        }
        "fault_response_hours" => {
            count.mean("fault", "reported_at", HOUR_MS, |row| row.span("reported_at", "responded_at"))
        }
        "equipment_running" => {
            let mut stopped = 0;
            (count.each)("fault", &mut |record| {
                let row = Row { record, count };
                if row.at("reported_at").is_some_and(|at| count.period.has(at)) {
                    stopped += row.span("reported_at", "repaired_at").unwrap_or(0) / MINUTE_MS;
                }
            });
            let mut number = 0;
            (count.each)("equipment", &mut |_| number += 1);
            let days = count.period.until.since(count.period.from) / DAY_MS;
            let minutes = number * days * (count.number)("equipment.open_minutes_per_day").unwrap_or(900);
            Figure { numerator: (minutes - stopped).max(0), denominator: minutes, kind: FigureKind::Percent }
        }
        "rectification_rate" => count.in_time(
            "improvement",
            "due_on",
            |row| row.ends("due_on"),
            |_| true,
            |row| row.is("state", &["verified"]) && row.day("done_on") <= row.day("due_on"),
        ),
        "major_complaints" => number(count.number_of("case", "received_at", |case| case.is("severity", &["major"]))),
        "referral_share" => count.share(
            "person",
            "contract.signed_on",
            |person| person.is("stage", &["won"]),
            |person| person.is("source", &["friend_referral"]),
        ),
        "low_ratings_followed" => {
            let (below, limit) =
                ((count.number)("rating.low_below_stars").unwrap_or(4), hours("rating.follow_hours", 24));
            count.in_time(
                "rating",
                "rated_at",
                |rating| Some(rating.at("rated_at")?.plus(limit)),
                |rating| rating.int("stars").is_some_and(|stars| stars < below),
                |rating| rating.span("rated_at", "handled_at").is_some_and(|ms| ms <= limit),
            )
        }
        "pt_used_up" => count.share("pt_grant", "handed_at", |_| true, |grant| grant.is("state", &["used_up"])),
        _ => return None,
    })
}

fn number(number: i64) -> Figure {
    Figure { numerator: number, denominator: 1, kind: FigureKind::Number }
}

impl Figure {
    /// Two shares of the same kind as one.
    fn and(self, other: Self) -> Self {
        Self { numerator: self.numerator + other.numerator, denominator: self.denominator + other.denominator, ..self }
    }
}

/// A record as formulas read it.
struct Row<'c, 'g> {
    record: &'c Record,
    count: &'c Count<'g>,
}

impl Row<'_, '_> {
    fn value(&self, path: &str) -> Option<Value> {
        value_at(self.record, path, self.count.lookup)
    }

    fn has(&self, path: &str) -> bool {
        self.value(path).is_some()
    }

    fn int(&self, path: &str) -> Option<i64> {
        self.value(path).as_ref().and_then(Value::as_int)
    }

    fn yes(&self, path: &str) -> bool {
        self.value(path).as_ref().and_then(Value::as_bool) == Some(true)
    }

    fn no(&self, path: &str) -> bool {
        self.value(path).as_ref().and_then(Value::as_bool) == Some(false)
    }

    fn is(&self, path: &str, codes: &[&str]) -> bool {
        self.value(path).as_ref().and_then(Value::as_text).is_some_and(|code| codes.contains(&code))
    }

    fn at(&self, path: &str) -> Option<Millis> {
        match self.value(path)? {
            Value::At(at) => Some(at),
            Value::Day(day) => Some(day.begins(self.count.offset_minutes)),
            _ => None,
        }
    }

    /// When a deadline is over: a day when the next begins.
    fn ends(&self, path: &str) -> Option<Millis> {
        match self.value(path)? {
            Value::At(at) => Some(at),
            Value::Day(day) => Some(day.begins(self.count.offset_minutes).plus(DAY_MS)),
            _ => None,
        }
    }

    fn day(&self, path: &str) -> Option<Day> {
        Some(self.at(path)?.day(self.count.offset_minutes))
    }

    /// Milliseconds from one field to another.
    fn span(&self, from: &str, to: &str) -> Option<i64> {
        Some(self.at(to)?.since(self.at(from)?))
    }

    /// Whether both are there and the first is not later.
    fn before(&self, first: &str, second: &str) -> bool {
        matches!((self.at(first), self.at(second)), (Some(first), Some(second)) if first <= second)
    }
}

type Ask<'a> = &'a dyn Fn(&Row<'_, '_>) -> bool;

impl Count<'_> {
    fn walk(&self, kind: &str, when: &str, f: &mut dyn FnMut(&Row<'_, '_>)) {
        (self.each)(kind, &mut |record| {
            let row = Row { record, count: self };
            if row.at(when).is_some_and(|at| self.period.has(at)) {
                f(&row);
            }
        });
    }

    fn share(
        &self,
        kind: &str,
        when: &str,
        counts: impl Fn(&Row<'_, '_>) -> bool,
        holds: impl Fn(&Row<'_, '_>) -> bool,
    ) -> Figure {
        self.share_of(kind, when, &counts, &holds)
    }

    /// The share of what was done in time; what is neither done nor over yet is left out.
    fn in_time(
        &self,
        kind: &str,
        when: &str,
        due: impl Fn(&Row<'_, '_>) -> Option<Millis>,
        counts: impl Fn(&Row<'_, '_>) -> bool,
        holds: impl Fn(&Row<'_, '_>) -> bool,
    ) -> Figure {
        let is_over = |row: &Row<'_, '_>| due(row).is_none_or(|due| due < self.now);
        self.share_of(kind, when, &|row| counts(row) && (holds(row) || is_over(row)), &holds)
    }

    fn share_of(&self, kind: &str, when: &str, counts: Ask<'_>, holds: Ask<'_>) -> Figure {
        let mut figure = Figure { numerator: 0, denominator: 0, kind: FigureKind::Percent };
        self.walk(kind, when, &mut |row| {
            if counts(row) {
                figure.denominator += 1;
                figure.numerator += i64::from(holds(row));
            }
        });
        figure
    }

    /// The mean of what rows have, in hundredths of `unit`.
    fn mean(&self, kind: &str, when: &str, unit: i64, value: impl Fn(&Row<'_, '_>) -> Option<i64>) -> Figure {
        let mut figure = Figure { numerator: 0, denominator: 0, kind: FigureKind::Average };
        self.walk(kind, when, &mut |row| {
            if let Some(value) = value(row) {
                figure.numerator += value;
                figure.denominator += unit;
            }
        });
        figure
    }

    fn number_of(&self, kind: &str, when: &str, counts: impl Fn(&Row<'_, '_>) -> bool) -> i64 {
        self.share_of(kind, when, &counts, &|_| true).denominator
    }

    fn distinct_staff(&self, kind: &str, when: &str, counts: impl Fn(&Row<'_, '_>) -> bool) -> i64 {
        let mut staff = BTreeSet::new();
        self.walk(kind, when, &mut |row| {
            if counts(row) {
                staff.extend(row.record.text("staff").map(str::to_owned));
            }
        });
        staff.len() as i64
    }

    /// Memberships that began before the period was over and did not end before it began.
    fn active_memberships(&self) -> i64 {
        let mut number = 0;
        (self.each)("membership", &mut |record| {
            let row = Row { record, count: self };
            let began = row.at("start_on").is_some_and(|at| at < self.period.until);
            let end = row.at("ended_on").or_else(|| row.at("end_on"));
            number += i64::from(began && end.is_none_or(|end| end.plus(DAY_MS) > self.period.from));
        });
        number
    }

    fn contacts_by_person(&self) -> BTreeMap<RecordId, BTreeSet<Millis>> {
        let mut contacts: BTreeMap<RecordId, BTreeSet<Millis>> = BTreeMap::new();
        for (kind, person, at) in [("tracking", "lead", "call_at"), ("interaction", "person", "started_at")] {
            (self.each)(kind, &mut |record| {
                let row = Row { record, count: self };
                if let (Some(Value::Id(person)), Some(at)) = (row.value(person), row.at(at)) {
                    contacts.entry(person).or_default().insert(at);
                }
            });
        }
        contacts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::{Edit, Key, Ranked},
        fixture,
        merge::{self, Records},
        schema,
        stamp::Stamp,
        work::{Target, Work},
    };

    fn put(records: &mut Records, number: u8, kind: &'static str, fields: Vec<(&str, Value)>) -> RecordId {
        let record = RecordId::from_bytes(fixture::id_bytes(number));
        let writes = fields.into_iter().map(|(key, value)| schema::write(kind, key, value)).collect();
        let edit = Edit { record, kind: Key::of(kind), writes, ..fixture::person_edit(0, Vec::new()) };
        let change = fixture::change(number, vec![edit]);
        merge::take_in(records, &Ranked::provisional(Stamp::at(Millis(1_000 + i64::from(number))), change));
        record
    }

    const PERIOD: Period =
        Period { from: Millis(fixture::NOW.0 - 7 * DAY_MS), until: Millis(fixture::NOW.0 + 7 * DAY_MS) };

    fn counted(records: &Records, formula: &str, outing: Option<RecordId>, staff: Option<StaffId>) -> Figure {
        counted_at(PERIOD.until, records, formula, outing, staff)
    }

    fn counted_at(
        now: Millis,
        records: &Records,
        formula: &str,
        outing: Option<RecordId>,
        staff: Option<StaffId>,
    ) -> Figure {
        let each = |kind: &str, f: &mut dyn FnMut(&Record)| {
            records.values().filter(|record| record.kind().as_str() == kind).for_each(f);
        };
        let lookup = |id: RecordId| records.get(&id).map(std::borrow::Cow::Borrowed);
        let count = Count {
            period: PERIOD,
            now,
            offset_minutes: 480,
            each: &each,
            lookup: &lookup,
            number: &|_| None,
            outing,
            staff,
            staff_count: 4,
        };
        figure(formula, &count).unwrap()
    }

    fn percent(records: &Records, formula: &str) -> Option<i64> {
        counted(records, formula, None, None).hundredths()
    }

    #[test]
    fn every_formula_that_packs_may_name_is_worked_out() {
        for formula in crate::named::FORMULAS {
            let nothing = counted(&Records::new(), formula, None, None);
            assert!(nothing.numerator == 0, "{formula}");
        }
        for kind in [crate::pack::VenueKind::Fitness, crate::pack::VenueKind::Sports] {
            assert!(Work::of(kind).kpis.iter().all(|kpi| crate::named::FORMULAS.contains(&&*kpi.formula)));
        }
    }

    #[test]
    fn numbers_of_an_outing_are_distinct_for_each_colleague_and_in_all() {
        // EX-04: 15 and 9, one of the 9 twice.
        let mut records = Records::new();
        let outing = RecordId::from_bytes(fixture::id_bytes(200));
        for number in 0..24_u8 {
            let (staff, phone) = if number < 15 { (1, number) } else { (2, number.min(22)) };
            put(
                &mut records,
                number,
                "person",
                vec![
                    ("outing", outing.into()),
                    ("captured_by", fixture::staff(staff).to_string().into()),
                    ("phone", format!("+86138001380{phone:02}").into()),
                ],
            );
        }
        let of = |staff: Option<u8>| {
            counted(&records, "numbers_per_outing", Some(outing), staff.map(fixture::staff)).numerator
        };
        assert_eq!((of(Some(1)), of(Some(2)), of(None)), (15, 8, 23));
        assert!(!Target::AtLeast(2_000).is_met(1_500));
        let other = RecordId::from_bytes(fixture::id_bytes(201));
        assert_eq!(counted(&records, "numbers_per_outing", Some(other), None).numerator, 0);
    }

    #[test]
    fn shares_and_means_count_what_the_period_holds() {
        let mut records = Records::new();
        let at = |hours: i64| Value::from(fixture::NOW.plus(hours * HOUR_MS));
        for (number, stars) in [5, 4, 3, 1].into_iter().enumerate() {
            put(
                &mut records,
                number as u8,
                "rating",
                vec![
                    ("stars", stars.into()),
                    ("rated_at", at(0)),
                    ("handled_at", at(if stars == 3 { 23 } else { 25 })),
                    ("professionalism", stars.into()),
                ],
            );
        }
        // Out of the period.
        put(&mut records, 9, "rating", vec![("stars", 1.into()), ("rated_at", at(24 * 30))]);
        assert_eq!(percent(&records, "satisfaction"), Some(5_000));
        assert_eq!(percent(&records, "low_ratings_followed"), Some(5_000));
        assert_eq!(percent(&records, "professionalism"), Some(325));
        // EX-06: answered after 2 hours, repaired after 7.
        put(&mut records, 10, "fault", vec![("reported_at", at(0)), ("responded_at", at(2)), ("repaired_at", at(7))]);
        assert_eq!(percent(&records, "repair_within_limit"), Some(0));
        assert_eq!(percent(&records, "fault_response_hours"), Some(200));
        put(
            &mut records,
            11,
            "case",
            vec![
                ("kind", "complaint".into()),
                ("received_at", at(0)),
                ("reply_due_at", at(24)),
                ("first_response_at", at(3)),
                ("replied_at", at(24)),
                ("resolved_at", at(30)),
                ("severity", "major".into()),
            ],
        );
        put(&mut records, 12, "case", vec![("received_at", at(0)), ("reply_due_at", at(24)), ("replied_at", at(25))]);
        assert_eq!(percent(&records, "complaint_reply_in_time"), Some(5_000));
        let complaints = |records: &Records| counted(records, "complaint_rate", None, None).numerator;
        let before = complaints(&records);
        put(&mut records, 13, "case", vec![("received_at", at(0)), ("kind", "complaint".into())]);
        put(
            &mut records,
            14,
            "case",
            vec![("received_at", at(0)), ("kind", "complaint".into()), ("valid", false.into())],
        );
        assert_eq!(complaints(&records), before + 1, "what was found to be groundless is none");
        assert_eq!(percent(&records, "response_hours"), Some(300));
        assert_eq!(percent(&records, "handling_hours"), Some(3_000));
        assert_eq!(counted(&records, "major_complaints", None, None).numerator, 1);
        assert_eq!(percent(&Records::new(), "satisfaction"), None);
    }

    #[test]
    fn a_visit_turned_into_a_contract_on_the_spot_is_told_from_one_that_came_back() {
        let mut records = Records::new();
        let today = Value::from(fixture::NOW.day(480));
        for (number, signed) in [(1, Some(today)), (2, Some(Day::parse("2026-11-25").unwrap().into())), (3, None)] {
            let visit = put(&mut records, number, "visit", vec![("visit_at", fixture::NOW.into())]);
            let mut fields = vec![("first_visit", visit.into())];
            if let Some(signed) = signed {
                fields.push((
                    "contract",
                    put(&mut records, 20 + number, "agreement", vec![("signed_on", signed)]).into(),
                ));
            }
            put(&mut records, 40 + number, "person", fields);
        }
        let figure = counted(&records, "signed_on_first_visit", None, None);
        assert_eq!((figure.numerator, figure.denominator), (1, 3));
    }

    #[test]
    fn what_is_not_due_yet_is_neither_in_time_nor_late() {
        let mut records = Records::new();
        let at = |hours: i64| fixture::NOW.plus(hours * HOUR_MS);
        let rate =
            |records: &Records, now: i64, formula: &str| counted_at(at(now), records, formula, None, None).hundredths();
        let case = vec![("received_at", at(0).into()), ("reply_due_at", at(24).into())];
        put(&mut records, 1, "case", case.clone());
        let due = at(48).day(480);
        put(&mut records, 2, "improvement", vec![("due_on", due.into())]);
        for formula in ["complaint_reply_in_time", "response_within_limit", "closed_loop"] {
            assert_eq!(rate(&records, 23, formula), None, "{formula}");
            assert_eq!(rate(&records, 25, formula), Some(0), "{formula}");
        }
        // A day is over when the next begins.
        let evening = due.begins(480).since(fixture::NOW) / HOUR_MS + 23;
        assert_eq!(rate(&records, evening, "rectification_rate"), None);
        assert_eq!(rate(&records, evening + 2, "rectification_rate"), Some(0));
        // What was done early counts at once.
        put(&mut records, 3, "case", [case, vec![("replied_at", at(1).into())]].concat());
        assert_eq!(rate(&records, 2, "complaint_reply_in_time"), Some(10_000));
        assert_eq!(rate(&records, 25, "complaint_reply_in_time"), Some(5_000));
    }

    #[test]
    fn an_enquiry_is_tracked_when_somebody_calls_within_a_day() {
        let mut records = Records::new();
        for (number, hours) in [(1, 23), (2, 25)] {
            let person = put(&mut records, number, "person", vec![("name", "李娜".into())]);
            put(
                &mut records,
                10 + number,
                "consultation",
                vec![("person", person.into()), ("captured_at", fixture::NOW.into()), ("first_deal", false.into())],
            );
            put(
                &mut records,
                20 + number,
                "tracking",
                vec![("lead", person.into()), ("call_at", fixture::NOW.plus(hours * HOUR_MS).into())],
            );
        }
        assert_eq!(percent(&records, "prospects_tracked"), Some(5_000));
    }
}
