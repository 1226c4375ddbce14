//! The people of a bench: drawn from a seed, or read from a file.

use std::fmt;

use serde::{Deserialize, Serialize};
use yingke_core::{
    audience::Audience,
    chance::{Chance, Seeded},
    change::{Change, Edit, Header, Key, Op, Ranked, Write},
    fixture,
    id::{ChangeId, DeviceNumber, RecordId, StaffId, VenueId},
    stamp::Stamp,
    time::{DAY_MS, MINUTE_MS, Millis},
    value::Value,
};

const SURNAMES: &str =
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎";
const GIVEN: &str =
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂丹萍鑫顺利思琳时来诗兰世龙升亮子涵宇轩欣怡浩然梓雨晨";
const STAGES: [&str; 6] = ["new", "contacted", "tracking", "visited", "won", "lost"];
const SOURCES: [&str; 6] = ["outing", "walk_in", "phone", "referral", "online", "event"];
const NOTES: [&str; 6] =
    ["想办年卡，等发工资", "", "下班后来，七点以后", "问过瑜伽课", "", "朋友推荐，对私教有兴趣，周末联系"];
const STAFF: u64 = 50;
const VENUES: u64 = 2;

/// One person, as a file has them; its ids are not ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    #[serde(default)]
    pub id: String,
    pub name: String,
    /// E.164, or the digits of a mobile number of China.
    pub phone: String,
    #[serde(default)]
    pub gender: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub stage: String,
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub venue: String,
    /// Milliseconds since 1970; none for nothing to do.
    #[serde(default)]
    pub next_due: Option<i64>,
    #[serde(default)]
    pub created_at: i64,
    #[serde(default)]
    pub notes: String,
    #[serde(default)]
    pub consent: bool,
}

/// Where people come from.
#[derive(Debug)]
pub enum Source {
    Seeded,
    Given(Vec<Row>),
}

impl Source {
    /// The first `size` of them; a file may have fewer.
    pub fn rows(&self, size: usize) -> Vec<Row> {
        match self {
            Self::Seeded => seeded(1, size),
            Self::Given(rows) => rows.iter().take(size).cloned().collect(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seeded => ", seed 1",
            Self::Given(_) => " of the file",
        })
    }
}

/// What is asked of a bench of people.
#[derive(Debug)]
pub struct Asked {
    pub source: Source,
    pub sizes: Vec<usize>,
}

impl Asked {
    /// The program's arguments. `takes` is asked about each option that not every bench has, with its value.
    ///
    /// # Errors
    /// What cannot be done, and `help`.
    pub fn read(help: &str, mut takes: impl FnMut(&str, &str) -> bool) -> Result<Self, String> {
        let mut asked = Self { source: Source::Seeded, sizes: vec![100_000] };
        let mut arguments = std::env::args().skip(1);
        while let Some(option) = arguments.next() {
            if option == "--bench" {
                continue; // cargo's own
            }
            let value = arguments.next().ok_or_else(|| format!("{option} needs a value\n{help}"))?;
            match option.as_str() {
                "--data" => {
                    let text = std::fs::read_to_string(&value).map_err(|error| format!("{value}: {error}"))?;
                    asked.source = Source::Given(read(&text)?);
                }
                "--sizes" => {
                    let sizes = value.split(',').map(str::parse).collect::<Result<Vec<_>, _>>();
                    asked.sizes = sizes.map_err(|error| format!("--sizes: {error}\n{help}"))?;
                }
                _ if takes(&option, &value) => {}
                _ => return Err(format!("{option} is not known here\n{help}")),
            }
        }
        Ok(asked)
    }
}

/// # Errors
/// The line that is no person, and why.
pub fn read(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(place, line)| {
        let mut row: Row = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", place + 1))?;
        if !row.phone.starts_with('+') && !row.phone.is_empty() {
            row.phone.insert_str(0, "+86");
        }
        Ok(row)
    });
    rows.collect()
}

pub fn now() -> Millis {
    fixture::NOW
}

pub fn staff(number: u64) -> StaffId {
    StaffId::from_bytes(named(b"staff", number))
}

pub fn venue() -> VenueId {
    venue_of("0")
}

/// The venue that a row names.
pub fn venue_of(text: &str) -> VenueId {
    VenueId::from_bytes(named(b"venue", number_of(text)))
}

/// So many people of one seed, the earliest captured first.
pub fn seeded(seed: u64, size: usize) -> Vec<Row> {
    let mut chance = Seeded::new(seed);
    let (surnames, given): (Vec<char>, Vec<char>) = (SURNAMES.chars().collect(), GIVEN.chars().collect());
    let pick = |from: &[char], chance: &mut Seeded| from[chance.below(from.len() as u64) as usize];
    let spacing_ms = 2 * 365 * DAY_MS / size.max(1) as i64;
    let row = |number: usize| {
        let created_at = fixture::NOW.0 - (size - number) as i64 * spacing_ms;
        let mut name = String::from(pick(&surnames, &mut chance));
        (0..=chance.below(2)).for_each(|_| name.push(pick(&given, &mut chance)));
        let mut one_of = |texts: &[&str]| texts[chance.below(texts.len() as u64) as usize].to_owned();
        let (gender, source) = (one_of(&["male", "female"]), one_of(&SOURCES));
        let (stage, notes) = (one_of(&STAGES), one_of(&NOTES));
        // Calls are planned for full quarters of an hour.
        let due_ms = (chance.below(120) as i64 - 60) * DAY_MS + chance.below(96) as i64 * 15 * MINUTE_MS;
        Row {
            id: format!("{seed}-{number:07}"),
            name,
            phone: format!("+861{:010}", 3_000_000_000 + chance.below(6_000_000_000)),
            gender,
            source,
            stage,
            owner: chance.below(STAFF).to_string(),
            venue: chance.below(VENUES).to_string(),
            next_due: (chance.below(4) > 0).then_some(fixture::NOW.0 + due_ms),
            created_at,
            notes,
            consent: chance.below(10) > 0,
        }
    };
    (0..size).map(row).collect()
}

/// Each person as the change that captured them; rows of another seed need another one here, too.
pub fn changes(rows: &[Row], seed: u64) -> impl Iterator<Item = Ranked> {
    let mut chance = Seeded::new(1 + seed);
    rows.iter().map(move |row| {
        let captured_at = Millis(row.created_at);
        let mut writes: Vec<(&'static str, Op)> = vec![
            ("captured_at", Op::First(captured_at.into())),
            ("captured_by", Op::First(staff_of(&row.owner).to_string().into())),
            ("consent_contact", Op::Latest(row.consent.into())),
            ("name", Op::Latest(row.name.as_str().into())),
            ("owner", Op::First(staff_of(&row.owner).to_string().into())),
            ("phone", Op::Latest(row.phone.as_str().into())),
            ("stage", Op::Latest(row.stage.as_str().into())),
        ];
        writes.extend(row.next_due.map(|due| ("next_contact_at", Op::Latest(Millis(due).into()))));
        for (key, text) in [("gender", &row.gender), ("note", &row.notes)] {
            writes.extend((!text.is_empty()).then(|| (key, Op::Latest(text.as_str().into()))));
        }
        writes.extend((!row.source.is_empty()).then(|| ("source", Op::First(row.source.as_str().into()))));
        let record = RecordId::new(captured_at, &mut chance);
        ranked(record, row, captured_at.plus(chance.below(60_000) as i64), writes, &mut chance)
    })
}

/// Some of these people as later edits leave them, scattered over all of them, each round others and later: their
/// places, when, and what they are then.
pub fn edited(rows: &[Row], count: usize, round: usize) -> impl Iterator<Item = (usize, Millis, Row)> {
    let mut chance = Seeded::new(1_000 + round as u64);
    let count = count.min(rows.len());
    (0..count).map(move |place| {
        let number = (place * rows.len() / count + round) % rows.len();
        let at = fixture::NOW.plus((round * count + place) as i64 * 1_000);
        let row = Row {
            next_due: Some(at.plus(chance.below(30) as i64 * DAY_MS).0),
            notes: "电话已打，约周六下午来看".into(),
            stage: STAGES[place % STAGES.len()].into(),
            ..rows[number].clone()
        };
        (number, at, row)
    })
}

/// The same edits as changes. `records` are the rows' records: [`records`].
pub fn edits(rows: &[Row], records: &[RecordId], count: usize, round: usize) -> impl Iterator<Item = Ranked> {
    let mut chance = Seeded::new(2_000 + round as u64);
    edited(rows, count, round).map(move |(number, at, row)| {
        let writes: Vec<(&'static str, Op)> = vec![
            ("next_contact_at", Op::Latest(Millis(row.next_due.unwrap_or_default()).into())),
            ("note", Op::Latest(Value::from(row.notes.as_str()))),
            ("stage", Op::Latest(row.stage.as_str().into())),
        ];
        ranked(records[number], &row, at, writes, &mut chance)
    })
}

/// Which record each of these changes captured.
pub fn records<'a>(captures: impl Iterator<Item = &'a Ranked>) -> Vec<RecordId> {
    captures.flat_map(|change| change.change.edits().next().map(|edit| edit.record)).collect()
}

fn ranked(record: RecordId, row: &Row, at: Millis, writes: Vec<(&'static str, Op)>, chance: &mut Seeded) -> Ranked {
    let edit = Edit {
        record,
        kind: Key::of("person"),
        audience: Audience::Desk(venue_of(&row.venue)),
        salt: [0; 8],
        writes: writes.into_iter().map(|(key, op)| Write { key: Key::of(key), op }).collect(),
    };
    let header = Header {
        id: ChangeId::new(at, chance),
        organisation: fixture::organisation(),
        author: staff_of(&row.owner),
        device: DeviceNumber(1 + (chance.next_u64() % 20) as u32),
        made_at: at,
        clock_offset_ms: 0,
        pack: 1,
        form: "F-03".into(),
    };
    Ranked::provisional(Stamp::at(at), Change::new(header, vec![edit], chance))
}

/// The member of staff that a row names.
pub fn staff_of(text: &str) -> StaffId {
    staff(number_of(text))
}

/// The number that a text is, or one that stands for it.
fn number_of(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| text.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte)))
}

fn named(kind: &[u8; 5], number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..5].copy_from_slice(kind);
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes[0] &= 0x7f;
    bytes
}
