//! Question: what do a bulk load, a save, a start, a list and a search cost in a real browser, and how does that compare with
//! raw IndexedDB, a row a record, and with the libraries that a team would pick instead?
//!
//! `cargo xtask bench client` makes the site that `YINGKE_BENCH_SITE` names and runs this. All in one run on the same data,
//! in rounds in which everybody has a turn with a profile of their own, so that a busy machine slows everybody alike.
//! Prints medians and the ratio to the floor, and beside every size but the first how much more than there it took.
//! Asserts nothing by time; an answer that differs from the floor's ends it.

#![expect(clippy::unwrap_used, reason = "a bench ends where something is not as it should be")]

mod browser;
#[path = "../../e2e/driver.rs"]
mod driver;
#[expect(dead_code, reason = "the bench of core uses more of it")]
#[path = "../../../src/core/benches/core/people.rs"]
mod people;
mod site;

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value as Json, json};

use crate::{
    browser::Browser,
    people::{Asked, Row},
    site::Site,
};

/// Who is measured: the page's name, and what it is called.
const CONTENDERS: [(&str, &str); 6] = [
    ("floor", "raw IndexedDB, a row a record"),
    ("ours", "ours, sealed, in wasm"),
    ("dexie", "Dexie"),
    ("rxdb", "RxDB on Dexie"),
    ("tinybase", "TinyBase on IndexedDB"),
    ("sqlite", "SQLite in wasm on OPFS"),
];
const ROUNDS: usize = 3;
const SAVES: usize = 100;
/// Pulled changes of one page, and pages a round.
const PULLED: usize = 1_000;
const PULLS: usize = 3;
const ASKED: usize = 200;
/// Starts of a browser a round, for the due list and for the first search.
const STARTS: usize = 2;
/// Above this the slowest libraries take hours or end: they stay away.
const PEERS_MAX: usize = 100_000;

const HELP: &str = "\
cargo xtask bench client
    --sizes N,N,…   how many people; 100000 unless said otherwise; above 100000 only the floor and ours
    --data FILE     people as JSON, one a line, instead of the generator's: id, name, phone, gender, source, stage,
                    owner, venue, next_due, created_at, notes, consent
    --only A,B      only these: floor, ours, dexie, rxdb, tinybase, sqlite";

#[tokio::main]
async fn main() -> Result<(), String> {
    let mut only: Vec<String> = Vec::new();
    let asked = Asked::read(HELP, |option, value| {
        let is_known = option == "--only";
        if is_known {
            only = value.split(',').map(str::to_owned).collect();
        }
        is_known
    })?;
    let site = std::env::var_os("YINGKE_BENCH_SITE").ok_or("`cargo xtask bench client` makes the pages first")?;
    let site = Site::serve(&PathBuf::from(site)).await;
    let (mut first, mut faults) = (None, Vec::new());
    for size in &asked.sizes {
        let rows = asked.source.rows(*size);
        if rows.len() < 100 {
            return Err(format!("{} people say nothing", rows.len()));
        }
        let here: Vec<_> = CONTENDERS
            .into_iter()
            .filter(|(who, _)| only.is_empty() || only.iter().any(|other| other == who))
            .filter(|(who, _)| rows.len() <= PEERS_MAX || ["floor", "ours"].contains(who))
            .collect();
        println!("\n{} people{}, {ROUNDS} rounds", rows.len(), asked.source);
        let figures = measured(&site, &rows, &here).await;
        figures.print(&here, first.as_ref());
        faults.extend(figures.faults.iter().map(|(who, fault)| format!("{who}: {fault}")));
        first.get_or_insert(figures);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

// ---- What is asked ------------------------------------------------------------------------------------------

/// The questions of one run, the same for everybody.
struct Questions {
    owner: String,
    venue: String,
    /// What is typed: some digits, one character, a whole name that few have.
    digits: String,
    character: String,
    rare: String,
}

impl Questions {
    fn of(rows: &[Row]) -> Self {
        let row = &rows[rows.len() / 2];
        let name = rows[rows.len() / 2..].iter().map(|row| &row.name).find(|name| name.chars().count() >= 3);
        Self {
            owner: row.owner.clone(),
            venue: row.venue.clone(),
            digits: row.phone.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect(),
            character: row.name.chars().next().map(String::from).unwrap_or_default(),
            rare: name.unwrap_or(&row.name).clone(),
        }
    }

    fn searches(&self) -> [(&'static str, &str); 3] {
        [
            ("D2 search, four digits", &self.digits),
            ("D2 search, one character", &self.character),
            ("D2 search, a whole name that few have", &self.rare),
        ]
    }
}

async fn measured(site: &Site, rows: &[Row], contenders: &[(&'static str, &'static str)]) -> Figures {
    let questions = Questions::of(rows);
    site.put("people.ndjson", &lines(rows.iter()));
    for round in 0..ROUNDS {
        let saved = people::seeded(site::SAVES_SEED + round as u64, SAVES);
        site.put(&format!("saves-{round}.ndjson"), &lines(saved.iter()));
    }
    for pull in 0..ROUNDS * PULLS {
        let edited: Vec<Row> = people::edited(rows, PULLED, pull).map(|(_, _, row)| row).collect();
        site.put(&format!("edits-{pull}.ndjson"), &lines(edited.iter()));
    }
    let mut figures = Figures::default();
    for round in 0..ROUNDS {
        for (who, name) in contenders {
            if figures.faults.contains_key(who) {
                continue;
            }
            println!("  round {}, {name} …", round + 1);
            if let Err(fault) = one(site, who, round, &questions, &mut figures).await {
                println!("  {name} is left out: {fault}");
                figures.faults.insert(who, fault);
            }
        }
    }
    figures
}

/// One contender's turn: a fresh profile is filled and asked, then opened by cold browsers.
async fn one(
    site: &Site,
    who: &'static str,
    round: usize,
    questions: &Questions,
    figures: &mut Figures,
) -> Result<(), String> {
    let Questions { owner, venue, .. } = questions;
    let now = people::now().0;
    let profile = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut browser = Browser::open(profile.path()).await;
    browser.go(&site.address(who)).await?;
    let loaded = browser.ask("load", &json!({})).await?;
    figures.add("A bulk load until durable", who, &[number(&loaded["ms"])]);
    if number(&loaded["idle"]) > 1.0 {
        figures.add("A … and what idle time does afterwards", who, &[number(&loaded["idle"])]);
    }
    let saved = browser.ask("save", &json!({ "round": round, "count": SAVES })).await?;
    figures.add("B one save until durable", who, &numbers(&saved["all"]));
    let rounds: Vec<usize> = (0..PULLS).map(|pull| round * PULLS + pull).collect();
    let wanted = json!({ "rounds": rounds, "count": PULLED, "owner": owner, "now": now });
    let pulled = browser.ask("pull", &wanted).await?;
    figures.add("E 1,000 pulled changes, durable and on show", who, &numbers(&pulled["all"]));
    let due = browser.ask("due", &json!({ "owner": owner, "now": now, "count": ASKED })).await?;
    figures.asked("D1 due list, top 50", who, &due);
    figures.agree(round, "D1 due list, top 50", &due["answer"]["dues"])?;
    for (what, typed) in questions.searches() {
        let found = browser.ask("search", &json!({ "typed": typed, "owner": owner, "count": ASKED })).await?;
        figures.asked(what, who, &found);
        let phones = found["answer"]["phones"].as_array().map_or(0, Vec::len);
        figures.agree(round, what, &json!(phones))?;
    }
    let counts = browser.ask("counts", &json!({ "venue": venue, "count": ASKED })).await?;
    figures.asked("D3 counts by stage for a venue", who, &counts);
    figures.agree(round, "D3 counts by stage for a venue", &counts["answer"]["counts"])?;
    browser.end().await?;

    for _ in 0..STARTS {
        let first = format!("first=due&owner={owner}&now={now}");
        let (ms, memory) = cold(site, who, profile.path(), &first).await?;
        figures.add("C1 cold browser, from navigation to the due list", who, &[ms]);
        figures.add("F memory after a start, JavaScript's heap and others'", who, &[memory]);
        let first = format!("first=search&owner={owner}&typed={}", questions.digits);
        let (ms, _) = cold(site, who, profile.path(), &first).await?;
        figures.add("C2 cold browser, from navigation to the first search", who, &[ms]);
    }
    figures.add("F on the disk", who, &[browser::stored_bytes(profile.path()) as f64 / 1e6]);
    Ok(())
}

/// A browser that starts on a profile, until its page has its first answer: milliseconds, and megabytes held then.
async fn cold(site: &Site, who: &str, profile: &std::path::Path, first: &str) -> Result<(f64, f64), String> {
    let mut browser = Browser::open(profile).await;
    browser.go(&format!("{}?{first}", site.address(who))).await?;
    let answered = browser.ask("first", &json!({})).await?;
    let memory = browser.ask("memory", &json!({})).await?;
    browser.end().await?;
    Ok((number(&answered["ms"]), (number(&memory["heap"]) + number(&memory["outside"])) / 1e6))
}

fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    rows.map(|row| serde_json::to_string(row).expect("a row is plain data") + "\n").collect()
}

fn number(value: &Json) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn numbers(value: &Json) -> Vec<f64> {
    value.as_array().into_iter().flatten().map(number).collect()
}

// ---- What came of it ----------------------------------------------------------------------------------------

/// Samples by measure and contender, in the order in which measures were met.
#[derive(Default)]
struct Figures {
    measures: Vec<&'static str>,
    samples: BTreeMap<(&'static str, &'static str), Vec<f64>>,
    /// Where single calls are below the clock's resolution: the time of one of a thousand.
    together: BTreeMap<(&'static str, &'static str), Vec<f64>>,
    /// What was answered first in each round.
    answers: BTreeMap<(usize, &'static str), Json>,
    /// Who could not go on, and why.
    faults: BTreeMap<&'static str, String>,
}

impl Figures {
    fn add(&mut self, measure: &'static str, who: &'static str, samples: &[f64]) {
        if !self.measures.contains(&measure) {
            self.measures.push(measure);
        }
        self.samples.entry((measure, who)).or_default().extend(samples);
    }

    fn asked(&mut self, measure: &'static str, who: &'static str, told: &Json) {
        self.add(measure, who, &numbers(&told["all"]));
        self.together.entry((measure, who)).or_default().extend(told["together"].as_f64());
    }

    /// Whoever answers something else than the first one answered has not answered the question.
    fn agree(&mut self, round: usize, measure: &'static str, answer: &Json) -> Result<(), String> {
        let first = self.answers.entry((round, measure)).or_insert_with(|| answer.clone());
        if first == answer { Ok(()) } else { Err(format!("{measure}: answers {answer}, and the first one {first}")) }
    }

    fn median(&self, measure: &'static str, who: &'static str) -> Option<f64> {
        let together = self.together.get(&(measure, who)).filter(|all| !all.is_empty());
        together.or_else(|| self.samples.get(&(measure, who))).map(|all| at(all, 0.5))
    }

    fn print(&self, contenders: &[(&'static str, &'static str)], first: Option<&Self>) {
        for measure in &self.measures {
            println!("\n{measure}, {}", if measure.starts_with('F') { "MB" } else { "ms" });
            let floor = self.median(measure, "floor");
            for (who, name) in contenders {
                let Some(median) = self.median(measure, who) else { continue };
                let samples = &self.samples[&(*measure, *who)];
                let p95 = if samples.len() >= 20 { format!("p95 {:>10.3}", at(samples, 0.95)) } else { " ".repeat(14) };
                let ratio = floor
                    .filter(|floor| *floor > 0.0)
                    .map_or(String::new(), |floor| format!("   x {:<8.3} of the floor", median / floor));
                let before = first.and_then(|first| first.median(measure, who)).filter(|before| *before > 0.0);
                let more =
                    before.map_or(String::new(), |before| format!("   x {:.2} of the first size", median / before));
                println!("  {name:<30} {median:>12.3}   {p95}{ratio}{more}");
            }
        }
    }
}

/// The sample at a part of all, from the smallest.
fn at(samples: &[f64], part: f64) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    let place = (samples.len() as f64 * part) as usize;
    samples.get(place.min(samples.len().saturating_sub(1))).copied().unwrap_or_default()
}
