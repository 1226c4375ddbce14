//! A small club in which everything happens by chance: forms are read, papers begun, steps taken, numbers set otherwise,
//! tasks, tables and figures worked out, changes merged that come late.
//!
//! What is judged is told as one running hash. The browser's build and the native one have to tell the same of the same
//! actions: `cargo xtask test contract` asks both. Tests of the endpoint draw random histories from it.

use std::{borrow::Cow, collections::BTreeMap};

use sha2::{Digest, Sha256};

use crate::{
    audience::{Audience, Role, circle},
    capture::{self, Scene},
    chance::{Chance, Seeded},
    change::{Change, Edit, Header, Key, Ranked},
    clockwork, codec, duplicate, fixture,
    form::{self, Context},
    id::{ChangeId, DeviceNumber, RecordId, StaffId},
    kpi::{self, Count, Period},
    merge::{self, Records},
    pack::{Field, FieldType, Form, ListOf, Pack, Reference, Rule, VenueKind},
    paper,
    parameter::Parameters,
    record::Record,
    report, schema,
    stamp::Stamp,
    task::{self, Deed},
    time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    work::Work,
    workflow::Refusal,
};

/// How far the club's clocks are ahead of UTC.
pub const OFFSET_MINUTES: i32 = 480;

/// Actions that the builds are compared by, and the seed of them.
pub const ACTIONS: usize = 100_000;
pub const SEED: u64 = 1;
/// Actions after which it is told what was judged so far, so that a difference is found between two of them.
pub const STRETCH_ACTIONS: usize = 1_000;
/// Actions of one club: what is in it grows, and every table is worked out over all of it.
const CLUB_ACTIONS: usize = 125;

/// Clubs one after another, and the hash of all that was judged in them.
#[derive(Debug, Clone)]
pub struct Drill {
    chance: Seeded,
    told: Told,
}

impl Drill {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { chance: Seeded::new(seed), told: Told::default() }
    }

    /// A thousand more actions; the hash of all so far.
    pub fn stretch(&mut self) -> String {
        for club in 0..STRETCH_ACTIONS / CLUB_ACTIONS {
            let kind = [VenueKind::Fitness, VenueKind::Sports][club % 2];
            let mut club = Club::new(kind, self.chance.next_u64());
            (0..CLUB_ACTIONS).for_each(|_| club.act(&mut self.told));
            let records: Vec<Record> = club.records.into_values().collect();
            self.told.bytes(&codec::pack(&records));
        }
        let so_far: [u8; 32] = self.told.0.clone().finalize().into();
        so_far[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What was judged, in words and bytes that are the same wherever it is.
#[derive(Debug, Clone, Default)]
pub struct Told(Sha256);

impl Told {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// What shows all of itself in `Debug`: no values and no names do.
    fn shown(&mut self, what: &dyn std::fmt::Debug) {
        self.bytes(format!("{what:?}").as_bytes());
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Empty => self.bytes(b"empty"),
            Value::Text(text) => self.bytes(text.as_bytes()),
            Value::Id(id) => self.bytes(&id.bytes()),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::List(values) => {
                self.shown(&values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Bool(yes) => self.shown(yes),
            Value::Int(number) => self.shown(number),
            Value::At(at) => self.shown(at),
            Value::Day(day) => self.shown(&day.number()),
        }
    }
}

/// A club, its clock and all that was saved in it.
#[derive(Debug)]
pub struct Club {
    pub kind: VenueKind,
    pub now: Millis,
    pub records: Records,
    /// In the order in which they were let in, which is not always that of their ranks.
    pub changes: Vec<Ranked>,
    chance: Seeded,
}

impl Club {
    #[must_use]
    pub fn new(kind: VenueKind, seed: u64) -> Self {
        let mut chance = Seeded::new(seed);
        // Any day of four years, 29 February among them.
        let now = fixture::NOW.plus(chance.below(4 * 366 * 24 * 60) as i64 * MINUTE_MS);
        Self { kind, now, records: Records::new(), changes: Vec::new(), chance }
    }

    /// Something happens, and what came of it is told.
    pub fn act(&mut self, told: &mut Told) {
        let step_ms = [MINUTE_MS, HOUR_MS, 7 * HOUR_MS, 3 * DAY_MS][self.below(4)];
        self.now = self.now.plus(self.chance.below(step_ms as u64) as i64);
        match self.below(20) {
            0..8 => self.paper(told),
            8..12 => self.step(told),
            12 => self.parameter(),
            13 => self.late_change(),
            14 => self.deed(),
            15 => self.tasks(told),
            16 => self.owed(told),
            17 => self.table(told),
            18 => self.figure(told),
            _ => self.ruling(told),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.chance.below(bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    fn record(&mut self, is_wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        let wanted: Vec<RecordId> = self.records.values().filter(|it| is_wanted(it)).map(|it| it.id).collect();
        let id = *self.pick(&wanted)?;
        self.records.get(&id).cloned()
    }

    // ---- What is saved --------------------------------------------------------------------------------------------

    fn paper(&mut self, told: &mut Told) {
        let pack = Pack::of(self.kind);
        // Most papers are about somebody.
        let form = if self.below(5) == 0 { pack.form("person") } else { self.pick(&pack.forms) };
        let Some(form) = form else { return };
        let me = staff(self.below(Role::ALL.len()));
        let context = Context {
            now: self.now,
            offset_minutes: OFFSET_MINUTES,
            me,
            outing: None,
            venue: Some(fixture::venue()),
            pack,
            cards: None,
        };
        let about: Vec<Record> = (0..self.below(3))
            .filter_map(|_| self.record(|record| matches!(record.kind().as_str(), "person" | "membership" | "case")))
            .collect();
        let about: Vec<&Record> = about.iter().collect();
        let mut draft = form::begin(form, &context);
        paper::prefill(form, &about, &mut draft);
        for field in form.fields() {
            let stays = form::may_stay_empty(form, field, &draft, &context);
            if self.below(40) != 0 && (!stays || self.below(2) == 0) {
                let typed = self.typed(field);
                draft.set(&field.key, typed);
            }
        }
        let filled = match form::check(form, &draft, &context) {
            Ok(filled) => filled,
            Err(problems) => return told.shown(&problems),
        };
        filled.values().for_each(|(key, value)| {
            told.bytes(key.as_str().as_bytes());
            told.value(value);
        });
        let mut own = Seeded::new(self.chance.next_u64());
        let now = self.now;
        let mut ids = || RecordId::new(now, &mut own);
        let edits = self.ask(me, |scene, ground| match (filled.form(), &*form.record) {
            ("F-03", _) => Ok(capture::lead_edits(&filled, scene, &mut ids)),
            (_, "person") => Ok(capture::person_edits(&filled, scene, None, &mut ids)),
            (_, "visit") => Ok(capture::visit_edits(&filled, scene, None, &mut ids)),
            (_, "consultation") => Ok(capture::consultation_edits(&filled, scene, None, &mut ids)),
            (_, "outing") => Ok(capture::outing_edits(&filled, scene, None, &mut ids)),
            _ => paper::begin(&filled, &about, scene, ground, &mut ids),
        });
        self.save(me, form, edits, told);
    }

    fn step(&mut self, told: &mut Told) {
        let (pack, work) = (Pack::of(self.kind), Work::of(self.kind));
        let is_run = |record: &Record| work.machines_of(record.kind().as_str()).next().is_some();
        let Some(record) = self.record(is_run) else { return };
        let me = staff(self.below(Role::ALL.len()));
        let offered = self.ask(me, |scene, ground| {
            let offers = paper::offers(&record, scene, ground);
            offers.iter().map(|offer| (offer.machine.id.clone(), offer.step.key.clone())).collect::<Vec<_>>()
        });
        told.shown(&offered);
        let machines: Vec<_> = work.machines_of(record.kind().as_str()).collect();
        let Some(machine) = self.pick(&machines).copied() else { return };
        let Some(any) = self.pick(&machine.steps) else { return };
        let of_machine: Vec<_> = offered.iter().filter(|(id, _)| *id == machine.id).collect();
        let step = self.pick(&of_machine).map_or(&*any.key, |(_, step)| step).to_owned();
        let mut typed = BTreeMap::new();
        for guard in machine.step(&step).map_or(&[][..], |step| &step.needs) {
            for key in paper::asked_by(guard) {
                if let Some(field) = paper::field_of(pack, record.kind().as_str(), key)
                    && let Some(value) = self.value(field)
                {
                    typed.insert(field.key.clone(), value);
                }
            }
        }
        let reason = (self.below(3) > 0).then_some("因为");
        let mut own = Seeded::new(self.chance.next_u64());
        let now = self.now;
        let edits = self.ask(me, |scene, ground| {
            paper::step(&record, machine, &step, &typed, reason, scene, ground, &mut || RecordId::new(now, &mut own))
        });
        let Some(form) = pack.forms.iter().find(|form| *form.record == *record.kind().as_str()) else { return };
        self.save(me, form, edits, told);
    }

    /// The venue sets a number otherwise, from some day on and perhaps until another.
    fn parameter(&mut self) {
        let pack = Pack::of(self.kind);
        let all: Vec<_> = pack.parameters().collect();
        let Some((name, parameter)) = self.pick(&all).copied() else { return };
        let values = if parameter.values.is_empty() { &[1_000][..] } else { &parameter.values };
        let values = values.iter().map(|value| Value::Int(value + self.chance.below(5) as i64)).collect();
        let day = |days: i64, now: Millis| Value::from(now.plus(days * DAY_MS).day(OFFSET_MINUTES));
        let from = self.below(60) as i64 - 40;
        let mut fields =
            vec![("name", Value::from(name)), ("values", Value::List(values)), ("from", day(from, self.now))];
        if self.below(3) == 0 {
            fields.push(("until", day(from + self.below(30) as i64, self.now)));
        }
        let edit = Edit {
            record: RecordId::new(self.now, &mut self.chance),
            kind: Key::of("parameter"),
            audience: Audience::Circle(fixture::venue(), circle::HOUSE.into()),
            salt: [0; 8],
            writes: fields.into_iter().map(|(key, value)| schema::write("parameter", key, value)).collect(),
        };
        self.let_in(staff(0), "parameter", vec![edit], 0);
    }

    /// What somebody did earlier without having seen the rest comes only now.
    fn late_change(&mut self) {
        let Some(earlier) = self.pick(&self.changes.clone()).cloned() else { return };
        let edits: Vec<Edit> = earlier.change.edits().cloned().collect();
        let late_ms = self.chance.below(2 * DAY_MS as u64) as i64;
        self.let_in(earlier.change.header.author, "F-03", edits, late_ms);
    }

    fn deed(&mut self) {
        let Some(record) = self.record(|_| true) else { return };
        let tasks = self.on_ground(|ground| task::of_record(&record, ground));
        let Some(task) = self.pick(&tasks) else { return };
        let deed = match self.below(3) {
            0 => Deed::Done,
            1 => Deed::PutOff(self.now.plus(self.chance.below(3 * DAY_MS as u64) as i64)),
            _ => Deed::HandedTo(staff(self.below(Role::ALL.len()))),
        };
        let edit = task::deed_edit(task, record.audience(), deed, self.now);
        self.let_in(staff(0), "task", vec![edit], 0);
    }

    fn save(&mut self, me: StaffId, form: &Form, edits: Result<Vec<Edit>, Refusal>, told: &mut Told) {
        match edits {
            Ok(edits) => {
                let change = self.let_in(me, &form.id, edits, 0);
                told.shown(&change.change.hash());
            }
            Err(refusal) => told.shown(&refusal),
        }
    }

    fn let_in(&mut self, author: StaffId, form: &str, edits: Vec<Edit>, late_ms: i64) -> Ranked {
        let made_at = self.now.plus(-late_ms);
        let header = Header {
            id: ChangeId::new(made_at, &mut self.chance),
            organisation: fixture::organisation(),
            author,
            device: DeviceNumber(1 + self.below(3) as u32),
            made_at,
            clock_offset_ms: 0,
            pack: Pack::of(self.kind).version,
            form: form.into(),
        };
        let ranked = Ranked::provisional(Stamp::at(made_at), Change::new(header, edits, &mut self.chance));
        merge::take_in(&mut self.records, &ranked);
        self.changes.push(ranked.clone());
        ranked
    }

    // ---- What is worked out ---------------------------------------------------------------------------------------

    fn tasks(&self, told: &mut Told) {
        self.on_ground(|ground| {
            for record in self.records.values() {
                for task in task::of_record(record, ground) {
                    told.shown(&(&task, task.state(self.now)));
                }
            }
            told.shown(&task::of_calendar(fixture::venue(), self.now, ground));
        });
    }

    fn owed(&self, told: &mut Told) {
        let owed = |record: &Record, ground: &clockwork::Ground<'_>, told: &mut Told| {
            told.shown(&clockwork::look_again_at(record, ground));
            let Some(owed) = clockwork::owed(record, ground) else { return };
            told.bytes(owed.cause.as_bytes());
            for edit in &owed.edits {
                told.shown(&edit.hash());
            }
        };
        self.on_ground(|ground| {
            let task::Ground { work, pack, offset_minutes, numbers_on, lookup, .. } = *ground;
            let ground = clockwork::Ground { now: self.now, offset_minutes, work, pack, numbers_on, lookup };
            self.records.values().for_each(|record| owed(record, &ground, told));
        });
    }

    fn table(&mut self, told: &mut Told) {
        let work = Work::of(self.kind);
        let parts: Vec<_> = work.reports.iter().flat_map(|report| &report.parts).collect();
        let Some(part) = self.pick(&parts) else { return };
        let period = self.period();
        let parameters = self.parameters();
        let table = report::table(
            part,
            &report::Ask {
                period,
                now: self.now,
                offset_minutes: OFFSET_MINUTES,
                each: &|kind, f| self.each(kind, f),
                lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
                number: &|key| self.number(&parameters, key),
                pack: Pack::of(self.kind),
            },
        );
        told.shown(&table.sums);
        for group in &table.groups {
            told.value(group.of.as_ref().unwrap_or(&Value::Empty));
            told.shown(&group.sums);
            for row in &group.rows {
                told.shown(&(row.record, row.at));
                row.cells.iter().flatten().for_each(|cell| told.value(cell));
            }
        }
    }

    fn figure(&mut self, told: &mut Told) {
        let Some(kpi) = self.pick(&Work::of(self.kind).kpis) else { return };
        let (period, parameters) = (self.period(), self.parameters());
        let staff = (self.below(3) == 0).then(|| staff(self.below(Role::ALL.len())));
        let figure = kpi::figure(
            &kpi.formula,
            &Count {
                period,
                now: self.now,
                offset_minutes: OFFSET_MINUTES,
                each: &|kind, f| self.each(kind, f),
                lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
                number: &|key| self.number(&parameters, key),
                outing: None,
                staff,
                staff_count: 4,
            },
        );
        told.shown(&(&kpi.id, figure, figure.map(kpi::Figure::hundredths)));
    }

    fn ruling(&mut self, told: &mut Told) {
        let is_person = |record: &Record| record.kind().as_str() == "person";
        if let (Some(one), Some(other)) = (self.record(is_person), self.record(is_person)) {
            told.shown(&duplicate::rule(&one, &other));
        }
    }

    fn period(&mut self) -> Period {
        let from = self.now.plus(-(self.chance.below(60 * DAY_MS as u64) as i64));
        Period { from, until: self.now.plus(self.chance.below(2 * DAY_MS as u64) as i64) }
    }

    // ---- The ground of it -----------------------------------------------------------------------------------------

    /// What the venue has set.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        Parameters::of(self.records.values().filter(|record| record.kind().as_str() == "parameter"))
    }

    fn number(&self, parameters: &Parameters, key: &str) -> Option<i64> {
        parameters.number(Pack::of(self.kind), key, self.now.day(OFFSET_MINUTES))
    }

    fn each(&self, kind: &str, f: &mut dyn FnMut(&Record)) {
        self.records.values().filter(|it| it.kind().as_str() == kind && !it.is("withdrawn")).for_each(f);
    }

    fn on_ground<T>(&self, question: impl FnOnce(&task::Ground<'_>) -> T) -> T {
        let (pack, parameters) = (Pack::of(self.kind), self.parameters());
        question(&task::Ground {
            work: Work::of(self.kind),
            pack,
            offset_minutes: OFFSET_MINUTES,
            numbers_on: &|key, day| parameters.on(pack, key, day),
            lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
            now: self.now,
        })
    }

    fn ask<T>(&self, me: StaffId, question: impl FnOnce(&Scene<'_>, &paper::Ground<'_>) -> T) -> T {
        let parameters = self.parameters();
        let find =
            |kind: &str, field: &str, value: &Value| with(&self.records, kind, field, value).next().map(|it| it.id);
        let earlier = |kind: &str, of: RecordId| -> Vec<Record> {
            let by = |field: &str| with(&self.records, kind, field, &of.into()).cloned().collect::<Vec<_>>();
            [by("membership"), by("person")].concat()
        };
        let scene = Scene {
            now: self.now,
            offset_minutes: OFFSET_MINUTES,
            venue: fixture::venue(),
            me,
            role_of: &role_of,
            pack: Pack::of(self.kind),
            paper_number: None,
        };
        let ground = paper::Ground {
            work: Work::of(self.kind),
            number: &|key| self.number(&parameters, key),
            lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
            find: &find,
            earlier: &earlier,
            is_free: &|_, from, until, _| from < until,
        };
        question(&scene, &ground)
    }

    // ---- What is typed --------------------------------------------------------------------------------------------

    /// Mostly what the field takes.
    fn typed(&mut self, field: &Field) -> String {
        if self.below(60) == 0 {
            let odd = [
                "",
                " ",
                "0",
                "-1",
                "二〇二七年",
                "2027-02-29",
                "2028-02-29T24:00",
                "９９９９９９９９９９",
                "true",
                "😀\u{0}",
            ];
            return odd[self.below(odd.len())].into();
        }
        let pack = Pack::of(self.kind);
        let code = |list: &str, club: &mut Self| {
            club.pick(pack.list(list)).map(|item| item.key.to_string()).unwrap_or_default()
        };
        match &field.kind {
            FieldType::Text(_) if paper::is_identity(field) => "11010519491231002X".into(),
            FieldType::Text(_) if field.rule == Some(Rule::YearMonth) => "1990-05".into(),
            FieldType::Text(_) | FieldType::LongText => ["文字", "A1024", "１２ 号"][self.below(3)].into(),
            FieldType::Phone => format!("138{:08}", self.below(40)),
            FieldType::Name => ["李娜", "顾长风", "John Smith"][self.below(3)].into(),
            FieldType::Email => "li@example.com".into(),
            FieldType::Date | FieldType::Datetime => {
                let days = self.below(90) as i64 - if field.rules().any(|rule| *rule == Rule::Past) { 90 } else { 2 };
                let day: Day = self.now.plus(days * DAY_MS).day(OFFSET_MINUTES);
                let time = format!("T{:02}:{:02}", self.below(24), self.below(60));
                format!("{day}{}", if field.kind == FieldType::Date { "" } else { &time })
            }
            FieldType::Time => format!("{:02}:{:02}", self.below(24), self.below(60)),
            FieldType::Int(min, max) => (min + self.chance.below(max.abs_diff(*min).clamp(1, 400)) as i64).to_string(),
            FieldType::Decimal | FieldType::Money => format!("{}.{:02}", self.below(5_000), self.below(100)),
            FieldType::Bool => ["true", "true", "false"][self.below(3)].into(),
            FieldType::Enum(list) => code(list, self),
            FieldType::Multi(list) => format!("{},{}", code(list, self), code(list, self)),
            FieldType::Ref(to) | FieldType::List(ListOf::Refs(to)) => self.named(*to),
            FieldType::StaffList => staff(self.below(Role::ALL.len())).to_string(),
            FieldType::Checklist(id) => {
                let items = pack.checklist(id).map_or(&[][..], |checklist| &checklist.items);
                let ticked = items.iter().filter(|_| self.below(8) > 0).map(|item| &*item.key).collect::<Vec<_>>();
                ticked.join(",")
            }
            FieldType::ResidentId => "11010519491231002X".into(),
            FieldType::Passport => "E12345678".into(),
            FieldType::Signature => format!("{} {} 7 member 李娜", "a".repeat(64), self.now.0),
            FieldType::Photo | FieldType::File | FieldType::List(ListOf::Photos) => "a".repeat(64),
            FieldType::Rating => (1 + self.below(5)).to_string(),
            FieldType::Score => self.below(101).to_string(),
            FieldType::Stops(_) => {
                let stops = pack.routes.first().map_or(&[][..], |route| &route.stops);
                self.pick(stops).map(|stop| stop.key.to_string()).unwrap_or_default()
            }
            FieldType::List(ListOf::Texts) => "一\n二".into(),
            FieldType::List(ListOf::Numbers) => format!("{},{}", self.below(60), self.below(60)),
            FieldType::List(ListOf::Datetimes) => format!("{}T10:00", self.now.day(OFFSET_MINUTES)),
            FieldType::List(ListOf::Gifts) => format!("毛巾*{}", 1 + self.below(3)),
            FieldType::List(ListOf::Charges) => format!("遗失手牌={}", self.below(100)),
        }
    }

    fn named(&mut self, to: Reference) -> String {
        let pack = Pack::of(self.kind);
        match to {
            Reference::Staff => staff(self.below(Role::ALL.len())).to_string(),
            Reference::Venue => fixture::venue().to_string(),
            Reference::Department => {
                self.pick(pack.list("dept_kind")).map(|item| item.key.to_string()).unwrap_or_default()
            }
            Reference::Route => pack.routes.first().map(|route| route.key.to_string()).unwrap_or_default(),
            Reference::Prompt => pack.prompts.first().map(|prompt| prompt.id.to_string()).unwrap_or_default(),
            of_records => {
                let kinds = of_records.kinds();
                let found = self.record(|record| kinds.contains(&record.kind().as_str()));
                found.map_or_else(String::new, |record| record.id.to_string())
            }
        }
    }

    /// A value of the field's type, as a step is told it.
    fn value(&mut self, field: &Field) -> Option<Value> {
        Some(match &field.kind {
            FieldType::Date => self.now.plus(self.below(40) as i64 * DAY_MS).day(OFFSET_MINUTES).into(),
            FieldType::Datetime => self.now.plus(self.below(48) as i64 * HOUR_MS).into(),
            FieldType::Int(..) | FieldType::Time | FieldType::Decimal | FieldType::Rating | FieldType::Score => {
                Value::Int(self.below(100) as i64)
            }
            FieldType::Money => Value::Int(self.below(500_000) as i64),
            FieldType::Bool => (self.below(4) > 0).into(),
            FieldType::Enum(list) => {
                self.pick(Pack::of(self.kind).list(list)).map_or(Value::Empty, |item| (&*item.key).into())
            }
            FieldType::Ref(to) => {
                let named = self.named(*to);
                named.parse().map_or_else(|_| named.as_str().into(), |id: RecordId| id.into())
            }
            FieldType::Text(_) | FieldType::LongText | FieldType::Name => "文字".into(),
            FieldType::Phone
            | FieldType::Email
            | FieldType::Multi(_)
            | FieldType::StaffList
            | FieldType::Checklist(_)
            | FieldType::ResidentId
            | FieldType::Passport
            | FieldType::Signature
            | FieldType::Photo
            | FieldType::File
            | FieldType::Stops(_)
            | FieldType::List(_) => return None,
        })
    }
}

/// Records of a kind that hold this in a field.
pub(crate) fn with<'a>(
    records: &'a Records,
    kind: &'a str,
    field: &'a str,
    value: &Value,
) -> impl Iterator<Item = &'a Record> {
    let value = value.clone();
    let of_kind = records.values().filter(move |record| record.kind().as_str() == kind);
    of_kind.filter(move |record| record.get(field) == Some(&value))
}

/// One colleague for each post.
fn staff(post: usize) -> StaffId {
    fixture::staff(1 + post as u8)
}

pub(crate) fn role_of(who: StaffId) -> Option<Role> {
    (0..Role::ALL.len()).find(|post| staff(*post) == who).map(|post| Role::ALL[post])
}

#[cfg(test)]
mod tests;
