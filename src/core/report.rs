//! Reports of a pack: the days they cover, their tables, and the same as a file for a spreadsheet.
//!
//! A table holds the records of one kind that fall into the days by a time of their own, grouped and summed as the
//! pack says. Source: domain catalogue 12.

use std::collections::BTreeMap;

use crate::{
    id::RecordId,
    kpi::{Each, Period},
    pack::Pack,
    record::Record,
    time::{Day, Millis},
    value::Value,
    work::ReportPart,
    workflow::{Facts, Lookup, Numbers, holds, value_at},
};

// ---- Days -----------------------------------------------------------------------------------------------------

/// What a report or a board looks at in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Day,
    /// Monday to Sunday.
    Week,
    Month,
    Quarter,
}

/// Days in a row, the last one among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub first: Day,
    pub last: Day,
}

impl Span {
    /// By when a report is due, as packs write it.
    #[must_use]
    pub fn of_due(due: &str) -> Self {
        match due {
            "shift_end" | "day_end" | "same_day" | "after_outing" => Self::Day,
            "weekly" => Self::Week,
            "quarterly" => Self::Quarter,
            _ => Self::Month,
        }
    }

    /// The span that a day falls into.
    #[must_use]
    pub fn around(self, day: Day) -> Days {
        let (year, month, _) = day.ymd();
        let from_month = |month: u32| Day::from_ymd(year, month, 1).unwrap_or(day);
        let until_month = |month: u32| {
            let (year, month) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
            Day::from_ymd(year, month, 1).map_or(day, |next| Day::from_number(next.number() - 1))
        };
        match self {
            Self::Day => Days { first: day, last: day },
            Self::Week => {
                let first = day.number() - i32::try_from(day.weekday()).expect("a weekday is less than 7");
                Days { first: Day::from_number(first), last: Day::from_number(first + 6) }
            }
            Self::Month => Days { first: from_month(month), last: until_month(month + 1) },
            Self::Quarter => {
                let begins = (month - 1) / 3 * 3 + 1;
                Days { first: from_month(begins), last: until_month(begins + 3) }
            }
        }
    }

    #[must_use]
    pub fn before(self, days: Days) -> Days {
        self.around(Day::from_number(days.first.number() - 1))
    }

    #[must_use]
    pub fn after(self, days: Days) -> Days {
        self.around(Day::from_number(days.last.number() + 1))
    }

    /// As much of the span before as has passed of this one by `today`: the first nine days of a month are set against
    /// the first nine of the last.
    #[must_use]
    pub fn compared(self, days: Days, today: Day) -> Days {
        let before = self.before(days);
        if today >= days.last {
            return before;
        }
        let passed = (today.number() - days.first.number()).max(0);
        let last = (before.first.number() + passed).min(before.last.number());
        Days { first: before.first, last: Day::from_number(last) }
    }
}

impl Days {
    /// The same as instants, where clocks are so many minutes ahead of UTC.
    #[must_use]
    pub fn period(self, offset_minutes: i32) -> Period {
        let end = Day::from_number(self.last.number() + 1);
        Period { from: self.first.begins(offset_minutes), until: end.begins(offset_minutes) }
    }
}

// ---- Tables ---------------------------------------------------------------------------------------------------

/// What tables are made from.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub period: Period,
    pub now: Millis,
    pub offset_minutes: i32,
    /// Every record of a kind that is not withdrawn and that whoever asks may see.
    pub each: Each<'a>,
    pub lookup: Lookup<'a>,
    pub number: Numbers<'a>,
    pub pack: &'a Pack,
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("period", &self.period).finish_non_exhaustive()
    }
}

/// A part of a report, worked out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Fields of the records: the part's columns, then what it sums beside them.
    pub columns: Vec<Box<str>>,
    /// The largest first; one of no name where the part does not group.
    pub groups: Vec<Group>,
    /// For each column its sum; `None` where it is not summed.
    pub sums: Vec<Option<i64>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// What its rows have in common; `None` where they have nothing there.
    pub of: Option<Value>,
    /// By their time.
    pub rows: Vec<Row>,
    pub sums: Vec<Option<i64>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub record: RecordId,
    pub at: Millis,
    pub cells: Vec<Option<Value>>,
}

impl Table {
    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.rows.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// Kinds whose records have a time of their own, the first field that holds one. Others count from when they were made.
/// A membership counts on the day it ends: reports of memberships look ahead.
const OWN_TIMES: [(&str, &[&str]); 17] = [
    ("agreement", &["signed_on"]),
    ("audit", &["at"]),
    ("case", &["received_at"]),
    ("consultation", &["captured_at"]),
    ("evaluation", &["month"]),
    ("export", &["done_at"]),
    ("fault", &["reported_at"]),
    ("give_back", &["date"]),
    ("incident", &["found_at"]),
    ("inspection", &["done_at", "due_at"]),
    ("membership", &["end_on"]),
    ("outing", &["outing_date"]),
    ("payment", &["paid_at"]),
    ("person", &["captured_at"]),
    ("rating", &["rated_at"]),
    ("ticket", &["entered_at"]),
    ("visit", &["visit_at"]),
];

/// When a record happened: by its own time, else when it was made.
#[must_use]
pub fn own_time(record: &Record, offset_minutes: i32) -> Millis {
    let kind = record.kind().as_str();
    let fields = OWN_TIMES.iter().find(|(other, _)| *other == kind).map_or(&[][..], |(_, fields)| fields);
    let nothing = |_: RecordId| None;
    let at = fields.iter().find_map(|field| match value_at(record, field, &nothing)? {
        Value::At(at) => Some(at),
        Value::Day(day) => Some(day.begins(offset_minutes)),
        // A month, 2026-11.
        Value::Text(month) => Day::parse(&format!("{month}-01")).map(|day| day.begins(offset_minutes)),
        _ => None,
    });
    at.unwrap_or_else(|| record.begun().stamp.millis())
}

/// Works a part of a report out.
#[must_use]
pub fn table(part: &ReportPart, ask: &Ask<'_>) -> Table {
    let mut columns = part.columns.clone();
    for sum in &part.sum {
        if !columns.contains(sum) {
            columns.push(sum.clone());
        }
    }
    let mut found: BTreeMap<Option<Value>, Vec<Row>> = BTreeMap::new();
    (ask.each)(&part.record, &mut |record| {
        let at = own_time(record, ask.offset_minutes);
        if !ask.period.has(at) || !is_wanted(part, record, ask) {
            return;
        }
        let read = |path: &str| value_at(record, path, ask.lookup);
        let of = if part.group.is_empty() { None } else { read(&part.group) };
        let cells = columns.iter().map(|column| read(column)).collect();
        found.entry(of).or_default().push(Row { record: record.id, at, cells });
    });
    let sums = |rows: &mut dyn Iterator<Item = &Row>| -> Vec<Option<i64>> {
        let mut sums: Vec<Option<i64>> = columns.iter().map(|column| part.sum.contains(column).then_some(0)).collect();
        for row in rows {
            for (sum, cell) in sums.iter_mut().zip(&row.cells) {
                if let (Some(sum), Some(number)) = (sum, cell.as_ref().and_then(Value::as_int)) {
                    *sum = sum.saturating_add(number);
                }
            }
        }
        sums
    };
    let mut groups: Vec<Group> = found
        .into_iter()
        .map(|(of, mut rows)| {
            rows.sort_by_key(|row| (row.at, row.record));
            Group { sums: sums(&mut rows.iter()), of, rows }
        })
        .collect();
    // What nobody filled in stands last, however much of it there is.
    groups.sort_by_key(|group| (group.of.is_none(), std::cmp::Reverse(group.rows.len())));
    let sums = sums(&mut groups.iter().flat_map(|group| &group.rows));
    Table { columns, groups, sums }
}

fn is_wanted(part: &ReportPart, record: &Record, ask: &Ask<'_>) -> bool {
    let read = |path: &str| value_at(record, path, ask.lookup);
    let facts = Facts {
        now: ask.now,
        offset_minutes: ask.offset_minutes,
        read: &read,
        number: ask.number,
        pack: ask.pack,
        reason: None,
        court_free: false,
    };
    part.when.iter().all(|guard| holds(guard, &facts))
}

// ---- From the first number to the contract ----------------------------------------------------------------------

/// How far people have come whose number was taken in some days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    pub captured: usize,
    pub visited: usize,
    pub signed: usize,
}

/// Numbers by day, and how far those people have come, in all and by whoever keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prospects {
    pub by_day: BTreeMap<Day, usize>,
    pub all: Way,
    /// By the id of the colleague, as records hold it.
    pub by_staff: BTreeMap<Box<str>, Way>,
}

impl Prospects {
    /// Counts a person whose number was taken in the period.
    pub fn count(&mut self, person: &Record, period: Period, offset_minutes: i32) {
        let at = own_time(person, offset_minutes);
        if !period.has(at) {
            return;
        }
        *self.by_day.entry(at.day(offset_minutes)).or_default() += 1;
        let keeper = person.text("owner").or_else(|| person.text("captured_by"));
        let of_staff = keeper.map(|keeper| self.by_staff.entry(keeper.into()).or_default());
        let signed = person.get("contract").is_some() || person.text("stage") == Some("won");
        // Whoever signed has been here, whether somebody wrote the visit down or not.
        let visited = signed || person.get("first_visit").is_some();
        for way in [Some(&mut self.all), of_staff].into_iter().flatten() {
            way.captured += 1;
            way.visited += usize::from(visited);
            way.signed += usize::from(signed);
        }
    }
}

// ---- A file for a spreadsheet -------------------------------------------------------------------------------------

/// Kinds that never leave the screen. Source.
#[must_use]
pub fn may_leave_the_screen(kind: &str) -> bool {
    !matches!(kind, "product" | "offer" | "parameter")
}

/// Lines of cells as a file that spreadsheets open: RFC 4180, with the mark by which they know UTF-8.
#[must_use]
pub fn csv(lines: &[Vec<String>]) -> String {
    let mut text = String::from('\u{feff}');
    for line in lines {
        for (place, cell) in line.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            put_cell(&mut text, cell);
        }
        text.push_str("\r\n");
    }
    text
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe; a number below zero is none.
/// Source: OWASP, CSV injection.
fn put_cell(text: &mut String, cell: &str) {
    let is_number = cell
        .strip_prefix(['-', '+'])
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',')));
    let is_formula = !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let is_quoted = cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    if is_quoted {
        text.push('"');
    }
    if is_formula {
        text.push('\'');
    }
    if is_quoted {
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::{Edit, Key, Ranked},
        fixture,
        merge::{self, Records},
        pack::VenueKind,
        schema,
        stamp::Stamp,
        time::HOUR_MS,
        work::{Call, Work},
    };

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn days(days: Days) -> (String, String) {
        (days.first.to_string(), days.last.to_string())
    }

    #[test]
    fn spans_follow_the_calendar() {
        for (span, of, first, last) in [
            (Span::Day, "2026-11-22", "2026-11-22", "2026-11-22"),
            // A Sunday belongs to the week that began on the Monday before.
            (Span::Week, "2026-11-22", "2026-11-16", "2026-11-22"),
            (Span::Week, "2026-11-23", "2026-11-23", "2026-11-29"),
            (Span::Month, "2028-02-03", "2028-02-01", "2028-02-29"),
            (Span::Month, "2026-12-31", "2026-12-01", "2026-12-31"),
            (Span::Quarter, "2026-11-22", "2026-10-01", "2026-12-31"),
            (Span::Quarter, "2026-04-01", "2026-04-01", "2026-06-30"),
        ] {
            assert_eq!(days(span.around(day(of))), (first.to_owned(), last.to_owned()), "{span:?} {of}");
        }
        let month = Span::Month.around(day("2026-01-15"));
        assert_eq!(days(Span::Month.before(month)), ("2025-12-01".into(), "2025-12-31".into()));
        assert_eq!(days(Span::Month.after(month)), ("2026-02-01".into(), "2026-02-28".into()));
    }

    #[test]
    fn a_span_that_is_not_over_is_set_against_as_much_of_the_one_before() {
        let compared = |of: &str, today: &str| days(Span::Month.compared(Span::Month.around(day(of)), day(today)));
        assert_eq!(compared("2026-11-09", "2026-11-09"), ("2026-10-01".into(), "2026-10-09".into()));
        // March has a 30th, February has not.
        assert_eq!(compared("2026-03-30", "2026-03-30"), ("2026-02-01".into(), "2026-02-28".into()));
        assert_eq!(compared("2026-10-09", "2026-11-09"), ("2026-09-01".into(), "2026-09-30".into()));
    }

    #[test]
    fn days_are_the_venues() {
        let period = Days { first: day("2026-11-22"), last: day("2026-11-22") }.period(480);
        assert_eq!(period.from, day("2026-11-22").begins(480));
        assert!(period.has(period.from.plus(24 * HOUR_MS - 1)) && !period.has(period.from.plus(24 * HOUR_MS)));
    }

    fn put(records: &mut Records, number: u8, kind: &'static str, fields: Vec<(&str, Value)>) -> RecordId {
        let record = RecordId::from_bytes(fixture::id_bytes(number));
        let writes = fields.into_iter().map(|(key, value)| schema::write(kind, key, value)).collect();
        let edit = Edit { record, kind: Key::of(kind), writes, ..fixture::person_edit(0, Vec::new()) };
        let stamp = Stamp::at(fixture::NOW.plus(i64::from(number)));
        merge::take_in(records, &Ranked::provisional(stamp, fixture::change(number, vec![edit])));
        record
    }

    fn worked_out(records: &Records, part: &ReportPart) -> Table {
        let each = |kind: &str, f: &mut dyn FnMut(&Record)| {
            records.values().filter(|record| record.kind().as_str() == kind).for_each(f);
        };
        let lookup = |id: RecordId| records.get(&id).map(std::borrow::Cow::Borrowed);
        let today = fixture::NOW.day(480);
        let ask = Ask {
            period: Span::Day.around(today).period(480),
            now: fixture::NOW,
            offset_minutes: 480,
            each: &each,
            lookup: &lookup,
            number: &|_| None,
            pack: Pack::of(VenueKind::Sports),
        };
        table(part, &ask)
    }

    #[test]
    fn a_table_holds_the_days_records_grouped_and_summed() {
        let mut records = Records::new();
        for (number, method, fen, hours) in
            [(1, Some("cash"), 100, 2), (2, Some("wechat"), 250, 1), (3, Some("wechat"), 50, 0), (4, None, 7, 0)]
        {
            let mut fields: Vec<(&str, Value)> =
                vec![("paid_at", fixture::NOW.plus(-hours * HOUR_MS).into()), ("total", fen.into())];
            fields.extend(method.map(|method| ("method", method.into())));
            put(&mut records, number, "payment", fields);
        }
        // The day before, and one that the guard leaves out.
        let yesterday = fixture::NOW.plus(-24 * HOUR_MS);
        put(&mut records, 5, "payment", vec![("paid_at", yesterday.into()), ("total", 9_999.into())]);
        put(&mut records, 6, "payment", vec![("paid_at", fixture::NOW.into()), ("total", 0.into())]);
        let part = ReportPart {
            title: Work::of(VenueKind::Sports).reports[0].title.clone(),
            record: "payment".into(),
            columns: vec!["method".into()],
            when: vec![Call { name: "positive".into(), arguments: vec!["total".into()] }],
            group: "method".into(),
            sum: vec!["total".into()],
        };
        let table = worked_out(&records, &part);
        assert_eq!(table.columns, [Box::from("method"), "total".into()]);
        let groups: Vec<_> =
            table.groups.iter().map(|group| (group.of.clone(), group.rows.len(), group.sums[1])).collect();
        let of = |method: &str| Some(Value::from(method));
        assert_eq!(groups, [(of("wechat"), 2, Some(300)), (of("cash"), 1, Some(100)), (None, 1, Some(7))]);
        assert_eq!(table.sums, [None, Some(407)]);
        assert_eq!(table.len(), 4);
        // By their time.
        assert!(table.groups[0].rows[0].at < table.groups[0].rows[1].at);
    }

    #[test]
    fn a_record_without_a_time_of_its_own_counts_when_it_was_made() {
        let mut records = Records::new();
        let end = fixture::NOW.day(480);
        let (with, without) = (
            put(&mut records, 1, "case", vec![("received_at", Value::from(Millis(5)))]),
            put(&mut records, 2, "transfer", vec![("reason", "搬家".into())]),
        );
        let month = put(&mut records, 3, "evaluation", vec![("month", "2026-11".into())]);
        assert_eq!(own_time(&records[&with], 480), Millis(5));
        assert_eq!(own_time(&records[&without], 480), fixture::NOW.plus(2));
        assert_eq!(own_time(&records[&month], 480), day("2026-11-01").begins(480));
        assert!(end > day("2026-11-01"));
    }

    #[test]
    fn own_times_are_fields_of_their_kinds() {
        for (kind, fields) in OWN_TIMES {
            for field in fields {
                let of_record = schema::field(kind, field).is_some();
                let of_group = matches!(schema::field(kind, crate::workflow::PROGRESS).map(|spec| spec.holds),
                    Some(schema::Holds::Group(members)) if members.iter().any(|(member, _)| member == field));
                assert!(of_record || of_group, "{kind}.{field}");
            }
        }
    }

    #[test]
    fn every_table_of_the_packs_can_be_worked_out() {
        for kind in [VenueKind::Fitness, VenueKind::Sports] {
            for part in Work::of(kind).reports.iter().flat_map(|report| &report.parts) {
                assert!(worked_out(&Records::new(), part).is_empty());
                assert!(may_leave_the_screen(&part.record), "{}", part.record);
            }
        }
        assert!(!may_leave_the_screen("product"));
    }

    #[test]
    fn prospects_are_counted_by_day_and_by_how_far_they_have_come() {
        let mut records = Records::new();
        let visit = put(&mut records, 90, "visit", vec![("visit_at", fixture::NOW.into())]);
        let (one, two) = (fixture::staff(1).to_string(), fixture::staff(2).to_string());
        let at = |hours: i64| Value::from(fixture::NOW.plus(hours * HOUR_MS));
        put(&mut records, 1, "person", vec![("captured_at", at(0)), ("owner", (&*one).into())]);
        put(
            &mut records,
            2,
            "person",
            vec![("captured_at", at(0)), ("owner", (&*one).into()), ("first_visit", visit.into())],
        );
        put(
            &mut records,
            3,
            "person",
            vec![("captured_at", at(-24)), ("captured_by", (&*two).into()), ("stage", "won".into())],
        );
        put(&mut records, 4, "person", vec![("captured_at", at(-24 * 40)), ("owner", (&*two).into())]);
        let today = fixture::NOW.day(480);
        let week = Days { first: Day::from_number(today.number() - 6), last: today }.period(480);
        let mut prospects = Prospects::default();
        for person in records.values().filter(|record| record.kind().as_str() == "person") {
            prospects.count(person, week, 480);
        }
        assert_eq!(prospects.all, Way { captured: 3, visited: 2, signed: 1 });
        assert_eq!(prospects.by_day[&today], 2);
        assert_eq!(prospects.by_day.len(), 2);
        assert_eq!(prospects.by_staff[&*one], Way { captured: 2, visited: 1, signed: 0 });
        assert_eq!(prospects.by_staff[&*two], Way { captured: 1, visited: 1, signed: 1 });
    }

    #[test]
    fn a_spreadsheet_reads_text_as_text() {
        let cell = |cell: &str| csv(&[vec![cell.to_owned()]]);
        for (written, expected) in [
            ("张顺利", "张顺利"),
            ("a,b", "\"a,b\""),
            ("她说“好”，\"ok\"", "\"她说“好”，\"\"ok\"\"\""),
            ("两\n行", "\"两\n行\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+86 138", "'+86 138"),
            ("-x", "'-x"),
            ("=HYPERLINK(\"http://a\",\"b\")", "\"'=HYPERLINK(\"\"http://a\"\",\"\"b\"\")\""),
            ("-12.5", "-12.5"),
            ("-", "'-"),
            ("", ""),
        ] {
            assert_eq!(cell(written), format!("\u{feff}{expected}\r\n"), "{written}");
        }
        let lines = [vec!["甲".to_owned(), "乙".into()], vec!["1".into(), String::new()]];
        assert_eq!(csv(&lines), "\u{feff}甲,乙\r\n1,\r\n");
    }
}
