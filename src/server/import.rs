//! People out of another program's file: looked at first, taken all or not at all.
//!
//! Each row becomes one ordinary change, judged by the same rules as a tablet's. What is wrong is said by row, and
//! nothing is written until no row is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use yingke_core::{
    audience::Audience,
    capture::{self, Scene},
    change::{Change, Edit, Header, Key, Ranked, Write},
    id::{ChangeId, ENDPOINT_DEVICE, RecordId, StaffId},
    name::PersonName,
    pack::{Language, Pack},
    phone::{PhoneNumber, Region},
    schema::{self, Holds, LEAD_STAGES},
    stamp::Stamper,
    time::{Day, Millis},
    typed,
    value::Value,
    wire::v1::{Staff, Venue, Verdict},
};

use crate::{
    exchange, handed_in,
    house::House,
    keys::SystemChance,
    ledger::{Batch, Candidate, Database, LedgerError},
    sheet::{self, Sheet, SheetCell, SheetError},
};

/// Records read at once.
const RECORDS_MAX: usize = 2_000;
/// Faults that are said one by one.
const FAULTS_SHOWN_MAX: usize = 50;
/// Rows of the preview.
const ROWS_SHOWN: usize = 3;

/// The columns that are taken, by the names that other programs give them. The first column that fits is taken.
const FIELDS: &[(&str, &[&str])] = &[
    ("name", &["姓名", "名字", "客户姓名", "会员姓名", "客戶姓名", "會員姓名", "name", "full name"]),
    (
        "phone",
        &[
            "电话",
            "手机",
            "手机号",
            "手机号码",
            "联系电话",
            "電話",
            "手機",
            "手機號碼",
            "聯絡電話",
            "phone",
            "mobile",
            "telephone",
        ],
    ),
    ("gender", &["性别", "性別", "gender", "sex"]),
    ("birth_date", &["生日", "出生日期", "birth date", "birthday", "date of birth"]),
    ("address", &["地址", "住址", "address"]),
    ("owner", &["顾问", "会籍顾问", "所属顾问", "负责人", "顧問", "會籍顧問", "負責人", "owner", "consultant"]),
    ("source", &["来源", "客户来源", "來源", "客戶來源", "source"]),
    ("stage", &["阶段", "状态", "階段", "狀態", "stage", "status"]),
    ("interests", &["兴趣", "兴趣项目", "意向项目", "興趣", "興趣項目", "interests"]),
    ("intent", &["意向", "意向程度", "意向程度", "intent"]),
    ("consent_contact", &["同意联系", "同意聯絡", "consent"]),
    ("do_not_contact", &["勿扰", "拒绝联系", "請勿聯絡", "do not contact"]),
    ("note", &["备注", "说明", "備註", "說明", "note", "notes", "remark"]),
];

/// The code list of a field, where it has one.
const LISTS: &[(&str, &str)] =
    &[("gender", "gender"), ("source", "lead_source"), ("interests", "interest"), ("intent", "intent_level")];

/// What somebody wants to bring in.
#[derive(Debug)]
pub struct Wish<'a> {
    pub file: &'a Path,
    /// Columns by name, and the field each goes to; an empty one is left out.
    pub map: &'a [(String, String)],
    /// Whether people whose number the club knows already are left out, or are a fault.
    pub skip_known: bool,
}

/// A file that was read and judged, and nothing written yet.
#[derive(Debug)]
pub struct Plan {
    pub told: String,
    pub faults: usize,
    pub changes: Vec<Ranked>,
}

/// Why nothing was brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}")]
    Sheet(#[from] SheetError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("there is no column {0} in the file")]
    NoColumn(String),
    #[error("there is no field {0}; there are {fields}", fields = FIELDS.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", "))]
    NoField(String),
    #[error("no column of the file is one of names or phone numbers; say which with --map COLUMN=name")]
    NoOne,
    #[error("row {row} was not taken: {detail}; nothing was written")]
    Refused { row: usize, detail: String },
}

/// Who brings it in, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Into<'a> {
    pub house: &'a House,
    pub author: &'a Staff,
    pub venue: &'a Venue,
}

/// Reads a file and says what would become of it.
///
/// # Errors
/// [`ImportError`], when it is no table of people at all. What is wrong with a row is in the plan.
pub async fn plan(ledger: &dyn Database, into: Into<'_>, wish: &Wish<'_>, now: Millis) -> Result<Plan, ImportError> {
    let sheet = sheet::read(wish.file)?;
    let columns = columns(&sheet, wish.map)?;
    let known = known(ledger, into.house).await?;
    let mut judge = Judge::new(into, now);
    let mut told = format!("{}: {}, {} rows\n", wish.file.display(), sheet.form, sheet.rows.len());
    for (place, name) in sheet.names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let field = columns.iter().find(|(_, at)| *at == place).map_or("left out", |(field, _)| field);
        let _ = writeln!(told, "  {name} → {field}");
    }
    let mut plan = Plan { told: String::new(), faults: 0, changes: Vec::new() };
    let (mut skipped, mut row_by_phone) = (0, BTreeMap::<String, usize>::new());
    let mut shown = String::new();
    for row in &sheet.rows {
        let mut faults = Vec::new();
        if row.cells.len() > sheet.names.len()
            && row.cells[sheet.names.len()..].iter().any(|cell| *cell != SheetCell::Empty)
        {
            faults.push("it has more cells than there are names".to_owned());
        }
        let cell = |place: usize| row.cells.get(place).unwrap_or(&SheetCell::Empty);
        let read = judge.person(columns.iter().map(|(field, place)| (*field, cell(*place))), &mut faults);
        if let Some(phone) = &read.phone {
            if let Some(first) = row_by_phone.get(phone) {
                faults.push(format!("the same phone number as in row {first}"));
            } else if known.phones.contains(phone) {
                if wish.skip_known {
                    skipped += 1;
                    continue;
                }
                faults.push("the club knows this phone number already".into());
            }
            row_by_phone.insert(phone.clone(), row.number);
        } else if wish.skip_known && read.name.as_ref().is_some_and(|name| known.names.contains(name)) {
            skipped += 1;
            continue;
        }
        if faults.is_empty() {
            let ranked = judge.change(read);
            match exchange::check(into.house, &ranked, now) {
                Ok(()) => plan.changes.push(ranked),
                Err(refusal) => faults.push(handed_in::why(&refusal)),
            }
        }
        for fault in faults {
            plan.faults += 1;
            if plan.faults <= FAULTS_SHOWN_MAX {
                let _ = writeln!(shown, "row {}: {fault}", row.number);
            }
        }
    }
    if plan.faults > FAULTS_SHOWN_MAX {
        let _ = writeln!(shown, "… and {} more", plan.faults - FAULTS_SHOWN_MAX);
    }
    for ranked in plan.changes.iter().take(ROWS_SHOWN) {
        told += &preview(ranked);
    }
    told += &shown;
    if skipped > 0 {
        let _ = writeln!(told, "{skipped} rows are left out: the club knows their phone numbers");
    }
    plan.told = told;
    Ok(plan)
}

/// Writes what was planned, in one transaction.
///
/// # Errors
/// [`ImportError`]; nothing was written.
pub async fn write(ledger: &dyn Database, house: &House, plan: Plan, now: Millis) -> Result<usize, ImportError> {
    // One that would be refused now spoils all, so they are judged as they stand and not half.
    for (place, ranked) in plan.changes.iter().enumerate() {
        exchange::check(house, ranked, now)
            .map_err(|refusal| ImportError::Refused { row: place + 1, detail: handed_in::why(&refusal) })?;
    }
    let count = plan.changes.len();
    let candidates = plan.changes.into_iter().map(|ranked| Candidate::new(ranked, None)).collect();
    let verdicts = ledger.append(house.organisation, Batch { pushed: None, candidates, now }).await?;
    assert!(
        verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { had: false, .. })),
        "ids are new and nothing was refused"
    );
    Ok(count)
}

/// Which column each field is taken from.
fn columns(sheet: &Sheet, map: &[(String, String)]) -> Result<Vec<(&'static str, usize)>, ImportError> {
    let mut columns: Vec<(&'static str, usize)> = Vec::new();
    let mut said: BTreeSet<usize> = BTreeSet::new();
    for (column, field) in map {
        let place = sheet.names.iter().position(|name| name == column);
        let place = place.ok_or_else(|| ImportError::NoColumn(column.clone()))?;
        said.insert(place);
        if !field.is_empty() {
            let known = FIELDS.iter().find(|(key, _)| key == field);
            columns.push((known.ok_or_else(|| ImportError::NoField(field.clone()))?.0, place));
        }
    }
    for (field, names) in FIELDS {
        if columns.iter().any(|(taken, _)| taken == field) {
            continue;
        }
        let fits = |name: &String| name == field || names.contains(&name.to_lowercase().trim());
        let found = sheet.names.iter().enumerate().find(|(place, name)| !said.contains(place) && fits(name));
        columns.extend(found.map(|(place, _)| (*field, place)));
    }
    if columns.iter().any(|(field, _)| matches!(*field, "name" | "phone")) {
        Ok(columns)
    } else {
        Err(ImportError::NoOne)
    }
}

/// Who is here already.
#[derive(Debug, Default)]
struct Known {
    phones: BTreeSet<String>,
    /// Of those without a phone number: they come again by no other mark.
    names: BTreeSet<String>,
}

async fn known(ledger: &dyn Database, house: &House) -> Result<Known, LedgerError> {
    let mut known = Known::default();
    let mut after = None;
    loop {
        let records = ledger.records(house.organisation, Some("person"), after, RECORDS_MAX).await?;
        let Some(last) = records.last() else { return Ok(known) };
        after = Some(last.id);
        for record in &records {
            match (record.text("phone"), record.text("name")) {
                (Some(phone), _) => known.phones.insert(phone.to_owned()),
                (None, Some(name)) => known.names.insert(name.to_owned()),
                (None, None) => false,
            };
        }
    }
}

/// A row that was read: what it sets, and who will look after the person.
struct Person {
    writes: Vec<Write>,
    name: Option<String>,
    phone: Option<String>,
    owner: StaffId,
}

struct Judge<'a> {
    into: Into<'a>,
    pack: &'a Pack,
    now: Millis,
    today: Day,
    stamper: Stamper,
}

impl<'a> Judge<'a> {
    fn new(into: Into<'a>, now: Millis) -> Self {
        let pack = into.house.pack(Some(into.venue));
        Self { into, pack, now, today: now.day(into.venue.utc_offset_minutes), stamper: Stamper::default() }
    }

    fn person<'c>(
        &self,
        cells: impl Iterator<Item = (&'static str, &'c SheetCell)>,
        faults: &mut Vec<String>,
    ) -> Person {
        let mut person = Person { writes: Vec::new(), name: None, phone: None, owner: self.into.author.id };
        let mut set: BTreeSet<&str> = BTreeSet::new();
        for (field, cell) in cells.filter(|(_, cell)| **cell != SheetCell::Empty) {
            match self.values(field, cell) {
                Ok(values) => {
                    for value in values {
                        if field == "owner" {
                            person.owner = value.as_text().and_then(|id| id.parse().ok()).unwrap_or(person.owner);
                        }
                        let text = || value.as_text().map(str::to_owned);
                        match field {
                            "name" => person.name = text(),
                            "phone" => person.phone = text(),
                            _ => {}
                        }
                        set.insert(field);
                        person.writes.push(schema::write("person", field, value));
                    }
                }
                Err(fault) => faults.push(format!("{field}: {fault}")),
            }
        }
        if !set.contains("name") && !set.contains("phone") && faults.is_empty() {
            faults.push("neither a name nor a phone number".into());
        }
        let mut put = |field: &'static str, value: Value| {
            if !set.contains(field) {
                person.writes.push(schema::write("person", field, value));
            }
        };
        put("owner", person.owner.to_string().into());
        put("source", "other".into());
        put("stage", "new".into());
        put("captured_by", self.into.author.id.to_string().into());
        put("captured_at", self.now.into());
        person
    }

    /// The values that a cell sets its field to: several for a set.
    fn values(&self, field: &str, cell: &SheetCell) -> Result<Vec<Value>, String> {
        if let SheetCell::Fault(fault) = cell {
            return Err(fault.clone());
        }
        let spec = schema::field("person", field).expect("each field of the list is one of the schema");
        let text = text_of(cell);
        let one = |value: Result<Value, String>| value.map(|value| vec![value]);
        match spec.holds {
            Holds::Name => {
                one(PersonName::parse(&text).map(|name| name.as_str().into()).map_err(|error| error.to_string()))
            }
            Holds::Phone => {
                let phone = PhoneNumber::parse(&text, Region::China).map_err(|error| error.to_string());
                one(phone.map(|phone| phone.e164().into()))
            }
            Holds::Day => one(self.day(cell, &text).map(Value::Day)),
            Holds::Bool => one(yes_or_no(cell, &text).map(Value::Bool)),
            Holds::Staff => one(self.staff(&text).map(|staff| staff.to_string().into())),
            Holds::OneOf(states) => {
                let found = states.iter().find(|state| **state == text);
                one(found
                    .map(|state| (*state).into())
                    .ok_or_else(|| format!("one of {} is expected", LEAD_STAGES.join(", "))))
            }
            Holds::Code => {
                let list = LISTS.iter().find(|(key, _)| *key == field).map_or("", |(_, list)| *list);
                let parts: Vec<&str> = if spec.merge == yingke_core::record::CellTag::Set {
                    text.split([',', ';', '、', '，', '；', '/'])
                        .map(str::trim)
                        .filter(|part| !part.is_empty())
                        .collect()
                } else {
                    vec![&text]
                };
                parts.into_iter().map(|part| self.code(list, part)).collect()
            }
            Holds::Text { max } => one(typed::lines(&text, max).map(Value::Text).map_err(|error| error.to_string())),
            Holds::Int { .. }
            | Holds::Money
            | Holds::At
            | Holds::Record
            | Holds::Signature
            | Holds::List
            | Holds::Own
            | Holds::Group(_) => {
                unreachable!("no field of the list holds that")
            }
        }
    }

    /// A code by itself, or by what it is called in any language.
    fn code(&self, list: &str, text: &str) -> Result<Value, String> {
        let items = self.pack.list(list);
        let called = |item: &&yingke_core::pack::Item| {
            *item.key == *text || Language::ALL.iter().any(|language| item.words.in_language(*language) == text)
        };
        items.iter().find(called).map(|item| Value::text(&*item.key)).ok_or_else(|| {
            let words: Vec<&str> = items.iter().map(|item| item.words.in_language(Language::ZhHans)).collect();
            format!("one of {} is expected", words.join(", "))
        })
    }

    fn day(&self, cell: &SheetCell, text: &str) -> Result<Day, String> {
        let day = match cell {
            SheetCell::Day(day) => Some(*day),
            SheetCell::Number(serial) => sheet::day_of_serial(*serial),
            _ => typed::day(text),
        };
        let day = day.ok_or("a day such as 1990-05-17 is expected")?;
        if day > self.today { Err(format!("{day} is still to come")) } else { Ok(day) }
    }

    fn staff(&self, text: &str) -> Result<StaffId, String> {
        let mut found = self.into.house.staff.values().filter(|staff| {
            staff.active && staff.venue == self.into.venue.id && (staff.name == text || staff.id.to_string() == text)
        });
        match (found.next(), found.next()) {
            (Some(staff), None) => Ok(staff.id),
            (Some(_), Some(_)) => Err("several people of this venue are called that; write the id".into()),
            (None, _) => Err("nobody who works at this venue is called that".into()),
        }
    }

    fn change(&mut self, person: Person) -> Ranked {
        let Person { writes, owner, .. } = person;
        let house = self.into.house;
        let role_of = |id: StaffId| house.active(id).map(|staff| staff.role);
        let scene = Scene {
            now: self.now,
            offset_minutes: self.into.venue.utc_offset_minutes,
            venue: self.into.venue.id,
            me: self.into.author.id,
            role_of: &role_of,
            pack: self.pack,
            paper_number: None,
        };
        let audience: Audience = capture::audience_for(owner, &scene);
        let mut chance = SystemChance;
        let header = Header {
            id: ChangeId::new(self.now, &mut chance),
            organisation: house.organisation,
            author: self.into.author.id,
            device: ENDPOINT_DEVICE,
            made_at: self.now,
            clock_offset_ms: 0,
            pack: self.pack.version,
            form: "import".into(),
        };
        let record = RecordId::new(self.now, &mut chance);
        let edit = Edit { record, kind: Key::of("person"), audience, salt: [0; 8], writes };
        Ranked::provisional(self.stamper.next(self.now), Change::new(header, vec![edit], &mut chance))
    }
}

/// A cell as somebody would have typed it. A phone number in a column of numbers is one all the same.
fn text_of(cell: &SheetCell) -> String {
    match cell {
        SheetCell::Text(text) | SheetCell::Fault(text) => text.clone(),
        SheetCell::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        SheetCell::Number(number) => number.to_string(),
        SheetCell::Bool(yes) => yes.to_string(),
        SheetCell::Day(day) => day.to_string(),
        SheetCell::Empty => String::new(),
    }
}

fn yes_or_no(cell: &SheetCell, text: &str) -> Result<bool, String> {
    match (cell, text.to_lowercase().as_str()) {
        (SheetCell::Bool(yes), _) => Ok(*yes),
        (_, "是" | "有" | "yes" | "y" | "true" | "1") => Ok(true),
        (_, "否" | "无" | "無" | "no" | "n" | "false" | "0") => Ok(false),
        _ => Err("yes or no is expected".into()),
    }
}

/// One person as they would be kept.
fn preview(ranked: &Ranked) -> String {
    let edits = ranked.change.edits().flat_map(|edit| &edit.writes);
    let shown = edits.filter_map(|write| {
        use yingke_core::change::Op;
        let (Op::Latest(value) | Op::First(value) | Op::Sticky(value) | Op::Add(value)) = &write.op else {
            return None;
        };
        let text = match value {
            Value::Text(text) => text.to_string(),
            Value::Day(day) => day.to_string(),
            Value::Bool(yes) => yes.to_string(),
            _ => return None,
        };
        let is_own = FIELDS.iter().any(|(field, _)| *field == write.key.as_str());
        is_own.then(|| format!("{}={text}", write.key))
    });
    format!("  e.g. {}\n", shown.collect::<Vec<_>>().join(", "))
}
