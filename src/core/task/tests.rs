use arbitrary::Unstructured;

use super::*;
use crate::{
    chance::{Chance, Seeded},
    change::{Edit, Key, Ranked, Write},
    fixture,
    merge::{self, Records},
    pack::VenueKind,
    schema,
    stamp::Stamp,
};

fn id(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

/// Merges one edit into the records.
fn put(records: &mut Records, at: i64, record: RecordId, kind: &'static str, writes: Vec<Write>) {
    let edit = Edit { record, kind: Key::of(kind), ..fixture::person_edit(0, Vec::new()) };
    let edit = Edit { writes, ..edit };
    let change = fixture::change((at % 200) as u8, vec![edit]);
    let ranked = Ranked::provisional(Stamp::at(Millis(1_000_000 + at)), change);
    merge::take_in(records, &ranked);
}

fn progress(kind: &str, records: &Records, record: RecordId, values: &[(&'static str, Value)]) -> Write {
    let replaces = records.get(&record).map(|record| record.head_changes("progress")).unwrap_or_default();
    let values = values.iter().map(|(key, value)| (Key::of(key), value.clone())).collect();
    schema::write_group(kind, "progress", values, replaces)
}

fn numbers(key: &str) -> Vec<i64> {
    Pack::of(VenueKind::Fitness).parameter(key).map(|parameter| parameter.values.clone()).unwrap_or_default()
}

fn on_ground<T>(records: &Records, question: impl FnOnce(&Ground<'_>) -> T) -> T {
    let lookup = |id: RecordId| records.get(&id).map(std::borrow::Cow::Borrowed);
    question(&Ground {
        work: Work::of(VenueKind::Fitness),
        pack: Pack::of(VenueKind::Fitness),
        offset_minutes: 480,
        numbers_on: &|key, _| numbers(key),
        lookup: &lookup,
        now: Millis(0),
    })
}

fn tasks_at(records: &Records, record: RecordId, now: Millis) -> Vec<Task> {
    on_ground(records, |ground| of_record(&records[&record], &Ground { now, ..*ground }))
}

fn tasks_of(records: &Records, record: RecordId) -> Vec<Task> {
    on_ground(records, |ground| of_record(&records[&record], ground))
}

fn at(day: &str, hour: i64, minute: i64) -> Millis {
    Day::parse(day).unwrap().begins(480).plus(hour * HOUR_MS + minute * MINUTE_MS)
}

#[test]
fn free_lessons_are_called_within_24_hours() {
    // EX-01.
    let mut records = Records::new();
    let handed = at("2026-03-02", 20, 25);
    let due = handed.plus(24 * HOUR_MS);
    put(
        &mut records,
        1,
        id(1),
        "pt_grant",
        vec![schema::write("pt_grant", "handed_at", handed), schema::write("pt_grant", "contact_due_at", due)],
    );
    let tasks = tasks_of(&records, id(1));
    let task = tasks.iter().find(|task| &*task.template == "T-020").unwrap();
    assert_eq!(task.due_at, at("2026-03-03", 20, 25));
    assert_eq!(task.state(due), TaskState::Open);
    assert_eq!(task.state(due.plus(MINUTE_MS)), TaskState::Escalated { minutes: 1, to: "pt_manager".into() });
    let later = due.plus(4 * HOUR_MS + MINUTE_MS);
    assert_eq!(task.state(later), TaskState::Escalated { minutes: 241, to: "store_manager".into() });
    put(&mut records, 2, id(1), "pt_grant", vec![schema::write("pt_grant", "contacted_at", handed)]);
    assert_eq!(tasks_of(&records, id(1))[0].state(later), TaskState::Done { late: false });
}

#[test]
fn a_complaint_is_answered_in_24_hours_and_escalates_four_later() {
    // EX-02.
    let mut records = Records::new();
    put(&mut records, 1, id(1), "case", vec![schema::write("case", "received_at", at("2026-05-08", 18, 30))]);
    let tasks = tasks_of(&records, id(1));
    assert_eq!(tasks[0].due_at, at("2026-05-09", 18, 30));
    assert_eq!(tasks[0].state(at("2026-05-09", 22, 30)), TaskState::Overdue { minutes: 240 });
    let TaskState::Escalated { to, .. } = tasks[0].state(at("2026-05-09", 22, 31)) else { panic!() };
    assert_eq!(&*to, "supervisor");
}

#[test]
fn three_stars_are_followed_up_and_four_are_not() {
    // EX-05.
    for (stars, expected) in [(3, 1), (4, 0)] {
        let mut records = Records::new();
        put(
            &mut records,
            1,
            id(1),
            "rating",
            vec![schema::write("rating", "stars", stars), schema::write("rating", "rated_at", at("2026-05-08", 10, 0))],
        );
        let tasks = tasks_of(&records, id(1));
        assert_eq!(tasks.len(), expected);
        assert!(tasks.iter().all(|task| task.due_at == at("2026-05-09", 10, 0)));
    }
}

#[test]
fn a_membership_is_talked_of_60_30_and_7_days_before_its_end() {
    let mut records = Records::new();
    let write = progress(
        "membership",
        &records,
        id(1),
        &[("state", "active".into()), ("end_on", Day::parse("2026-03-31").unwrap().into())],
    );
    put(&mut records, 1, id(1), "membership", vec![write]);
    let due: Vec<String> = tasks_of(&records, id(1)).iter().map(|task| task.due_at.day(480).to_string()).collect();
    assert_eq!(due, ["2026-01-30", "2026-03-01", "2026-03-24"]);
    // A renewed one has other talks, and what was done stays under its own id.
    let before: BTreeSet<RecordId> = tasks_of(&records, id(1)).iter().map(|task| task.id).collect();
    let write = progress(
        "membership",
        &records,
        id(1),
        &[("state", "active".into()), ("end_on", Day::parse("2027-03-31").unwrap().into())],
    );
    put(&mut records, 2, id(1), "membership", vec![write]);
    assert!(tasks_of(&records, id(1)).iter().all(|task| !before.contains(&task.id)));
}

#[test]
fn calls_are_moved_into_the_hours_before() {
    // EX-12's rule, on a prospect who said late in the evening.
    let mut records = Records::new();
    let agreed =
        |at: Millis| vec![schema::write("person", "stage", "visited"), schema::write("person", "next_contact_at", at)];
    for (number, (asked, due)) in [
        (at("2026-04-11", 22, 10), at("2026-04-11", 20, 30)),
        (at("2026-04-11", 7, 0), at("2026-04-10", 20, 30)),
        (at("2026-04-11", 9, 0), at("2026-04-11", 9, 0)),
    ]
    .into_iter()
    .enumerate()
    {
        put(&mut records, number as i64, id(1), "person", agreed(asked));
        assert_eq!(tasks_of(&records, id(1))[0].due_at, due);
    }
    put(&mut records, 7, id(1), "person", vec![schema::write("person", "do_not_contact", true)]);
    assert!(tasks_of(&records, id(1)).is_empty(), "R-150: nobody is called who asked not to be");
}

#[test]
fn what_people_do_to_a_task_is_kept_under_its_id() {
    let mut records = Records::new();
    put(&mut records, 1, id(1), "case", vec![schema::write("case", "received_at", at("2026-05-08", 18, 30))]);
    let task = tasks_of(&records, id(1)).remove(0);
    put(
        &mut records,
        2,
        task.id,
        "task",
        vec![
            schema::write("task", "put_off_until", at("2026-05-10", 9, 0)),
            schema::write("task", "assignee", fixture::staff(7).to_string()),
        ],
    );
    let put_off = tasks_of(&records, id(1)).remove(0);
    assert_eq!((put_off.id, put_off.due_at), (task.id, at("2026-05-10", 9, 0)));
    assert_eq!(put_off.assignee, Some(fixture::staff(7)));
    put(&mut records, 3, task.id, "task", vec![schema::write("task", "done_at", at("2026-05-10", 9, 1))]);
    assert_eq!(tasks_of(&records, id(1))[0].state(at("2026-06-01", 0, 0)), TaskState::Done { late: true });
}

#[test]
fn the_calendar_asks_once_a_period() {
    let records = Records::new();
    let lookup = |id: RecordId| records.get(&id).map(std::borrow::Cow::Borrowed);
    let ground = |kind| Ground {
        work: Work::of(kind),
        pack: Pack::of(kind),
        offset_minutes: 480,
        numbers_on: &|key, _| match key {
            "report.month_day" => vec![5],
            "report.quarter_day" => vec![15],
            _ => vec![22 * 60],
        },
        lookup: &lookup,
        now: Millis(0),
    };
    let at_day = |kind, day: &str| of_calendar(fixture::venue(), at(day, 12, 0), &ground(kind));
    let ids = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.id).collect::<BTreeSet<_>>();
    let due = |tasks: &[Task], template: &str| {
        tasks.iter().find(|task| &*task.template == template).map(|task| task.due_at.day(480).to_string())
    };
    let november = at_day(VenueKind::Fitness, "2026-11-22");
    assert_eq!(due(&november, "T-072").as_deref(), Some("2026-11-05"));
    assert_eq!(due(&november, "T-073").as_deref(), Some("2026-10-15"));
    assert_eq!(ids(november), ids(at_day(VenueKind::Fitness, "2026-11-30")));
    assert_ne!(ids(at_day(VenueKind::Fitness, "2026-11-30")), ids(at_day(VenueKind::Fitness, "2026-12-01")));
    assert_eq!(due(&at_day(VenueKind::Sports, "2026-11-22"), "T-070").as_deref(), Some("2026-11-22"));
}

/// Random lives of members, cases, leads and what people do to their tasks.
fn live(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let kind = *u.choose(&[VenueKind::Fitness, VenueKind::Sports])?;
    let mut records = Records::new();
    let mut board = Board::default();
    let mut hours = 24;
    let steps = u.int_in_range(1..=12)?;
    for step in 0..steps {
        let subject = id(u.int_in_range(1..=4)?);
        let when = fixture::NOW.plus(u.int_in_range(-60..=60)? * 7 * HOUR_MS);
        let mut touched = subject;
        match u.int_in_range(0..=7)? {
            0 => put(&mut records, step, subject, "case", vec![schema::write("case", "received_at", when)]),
            1 => put(&mut records, step, subject, "case", vec![schema::write("case", "replied_at", when)]),
            2 => {
                let state = *u.choose(&["active", "expiring", "expired", "refunded"])?;
                let write = progress(
                    "membership",
                    &records,
                    id(9),
                    &[("state", state.into()), ("end_on", when.day(480).into()), ("start_on", when.day(480).into())],
                );
                touched = id(9);
                put(
                    &mut records,
                    step,
                    touched,
                    "membership",
                    vec![write, schema::write("membership", "person", id(8))],
                );
            }
            3 => {
                touched = id(8);
                put(
                    &mut records,
                    step,
                    touched,
                    "person",
                    vec![
                        schema::write("person", "owner", fixture::staff(u.int_in_range(1..=3)?).to_string()),
                        schema::write("person", "stage", *u.choose(&["new", "visited", "tracking", "won"])?),
                        schema::write("person", "captured_at", when),
                    ],
                );
            }
            4 => {
                touched = id(8);
                put(&mut records, step, touched, "person", vec![schema::write("person", "do_not_contact", true)]);
            }
            5 => {
                let Some(task) = board.tasks().nth(u.int_in_range(0..=5)?).map(|task| task.id) else { continue };
                touched = task;
                put(&mut records, step, task, "task", vec![schema::write("task", "done_at", when)]);
            }
            6 => {
                // Another number is in force: whoever keeps a board begins it anew.
                hours = *u.choose(&[12, 24, 48])?;
                board = Board::default();
                with_ground(&records, kind, hours, |ground| records.keys().for_each(|id| board.take_in(*id, ground)));
                continue;
            }
            _ => put(&mut records, step, subject, "case", vec![schema::write("case", "customer_told_at", when)]),
        }
        with_ground(&records, kind, hours, |ground| board.take_in(touched, ground));
    }
    let mut anew: Vec<Task> = Vec::new();
    with_ground(&records, kind, hours, |ground| {
        records.values().rev().for_each(|record| anew.extend(of_record(record, ground)));
    });
    let mut kept: Vec<Task> = board.tasks().cloned().collect();
    kept.sort_by_key(|task| task.id);
    anew.sort_by_key(|task| task.id);
    assert_eq!(kept, anew);
    assert!(kept.windows(2).all(|pair| pair[0].id != pair[1].id), "two tasks of one id");
    Ok(())
}

#[test]
fn a_kept_board_is_what_working_all_out_anew_gives() {
    for seed in 0..10_000_u64 {
        let mut bytes = [0; 400];
        Seeded::new(seed).fill(&mut bytes);
        let lived = std::panic::catch_unwind(|| live(&mut Unstructured::new(&bytes)));
        assert!(lived.is_ok(), "seed {seed}");
    }
}

fn with_ground(records: &Records, kind: VenueKind, hours: i64, f: impl FnOnce(&Ground<'_>)) {
    let lookup = |id: RecordId| records.get(&id).map(std::borrow::Cow::Borrowed);
    let numbers_on = |key: &str, _: Day| match key {
        "complaint.reply_hours" => vec![hours],
        key => Pack::of(kind).parameter(key).map(|parameter| parameter.values.clone()).unwrap_or_default(),
    };
    f(&Ground {
        work: Work::of(kind),
        pack: Pack::of(kind),
        offset_minutes: 480,
        numbers_on: &numbers_on,
        lookup: &lookup,
        now: Millis(0),
    });
}

#[test]
fn of_calls_that_come_round_the_last_is_due_and_a_deed_ends_it() {
    let mut records = Records::new();
    let start = Day::parse("2026-01-15").unwrap();
    let values: [(&str, Value); 2] = [("state", "active".into()), ("start_on", start.into())];
    let group = progress("membership", &records, id(1), &values);
    put(&mut records, 1, id(1), "membership", vec![group]);
    let due = |records: &Records, until| on_ground(records, |ground| due_by(&records[&id(1)], until, ground));
    assert!(due(&records, at("2026-02-10", 9, 0)).is_empty());
    let until = at("2026-04-20", 9, 0);
    let tasks = due(&records, until);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(tasks[0].due_at.day(480), Day::parse("2026-04-15").unwrap());
    // Put off, it is not due; done, it says so.
    let edit = deed_edit(&tasks[0], records[&id(1)].audience(), Deed::PutOff(at("2026-04-22", 10, 0)), until);
    put(&mut records, 2, edit.record, "task", edit.writes);
    assert!(due(&records, until).is_empty());
    let tasks = due(&records, at("2026-04-23", 9, 0));
    let edit = deed_edit(&tasks[0], records[&id(1)].audience(), Deed::Done, at("2026-04-23", 9, 0));
    put(&mut records, 3, edit.record, "task", edit.writes);
    let state = due(&records, at("2026-04-24", 9, 0))[0].state(at("2026-04-24", 9, 0));
    assert_eq!(state, TaskState::Done { late: true });
    // The next call is another task.
    let next = due(&records, at("2026-07-16", 9, 0));
    assert_eq!(next.len(), 1);
    assert_ne!(next[0].id, tasks[0].id);
    assert!(!matches!(next[0].state(at("2026-07-16", 9, 0)), TaskState::Done { .. }));
}

#[test]
fn a_card_that_ran_out_is_won_back_and_no_longer_renewed() {
    let mut records = Records::new();
    let card = |end: &str| {
        let end = Day::parse(end).unwrap();
        vec![("state", "active".into()), ("start_on", Day::parse("2026-01-15").unwrap().into()), ("end_on", end.into())]
    };
    let group = progress("membership", &records, id(1), &card("2026-07-14"));
    put(&mut records, 1, id(1), "membership", vec![group]);
    let has = |now: Millis, template: &str| {
        tasks_at(&records, id(1), now).into_iter().any(|task| &*task.template == template)
    };
    // Nobody wrote down that it ran out: the clock has brought it there all the same.
    let (before, after) = (at("2026-07-14", 12, 0), at("2026-07-16", 12, 0));
    assert_eq!((has(before, "T-030"), has(before, "T-031")), (true, false));
    assert_eq!((has(after, "T-030"), has(after, "T-031")), (false, true));
}
