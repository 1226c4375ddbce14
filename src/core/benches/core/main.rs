//! Question: does every list, search and count of the screens answer at once at 100,000 people, and what does a
//! person cost in memory and on the disk?
//!
//! `cargo xtask bench core`. Prints medians and, where there were several runs, the best of them, which a busy machine
//! disturbs least; beside every size but the first how much more than there it took. Asserts nothing by time.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use yingke_core::{
    change::Ranked,
    codec,
    merge::{self, Records},
    record::Record,
    replica::{Extent, Replica},
    search::Scope,
};

mod people;

use people::{Asked, Row};

const HELP: &str = "\
cargo xtask bench core
    --sizes N,N,…   how many people; 100000 unless said otherwise
    --data FILE     people as JSON, one a line, instead of the generator's: id, name, phone, gender, source, stage,
                    owner, venue, next_due, created_at, notes, consent";

fn main() -> Result<(), String> {
    let asked = Asked::read(HELP, |_, _| false)?;
    let mut first: Option<Vec<Measure>> = None;
    for size in asked.sizes {
        let rows = asked.source.rows(size);
        println!("\n{} people{}", rows.len(), asked.source);
        let measures = measure(&rows);
        for (place, Measure { what, amount, best, unit }) in measures.iter().enumerate() {
            let before = first.as_ref().and_then(|first| first.get(place)).filter(|before| before.amount > 0.0);
            let more = before.map_or(String::new(), |before| format!("   x {:.2}", amount / before.amount));
            let best = best.map_or(String::new(), |best| format!("   at best {best:.3}"));
            println!("{what:<48} {amount:>12.3} {unit:<5}{best}{more}");
        }
        first.get_or_insert(measures);
    }
    Ok(())
}

struct Measure {
    what: String,
    amount: f64,
    /// The best of several runs.
    best: Option<f64>,
    unit: &'static str,
}

/// Records in one block, as the journal cuts them.
const BLOCK_RECORDS: usize = 4_096;
/// Changes that one page brings.
const PULLED: usize = 1_000;
/// How often everything is opened.
const OPENINGS: usize = 5;

fn measure(rows: &[Row]) -> Vec<Measure> {
    let mut measures = Vec::new();
    let mut put = |what: &str, amount: f64, best: Option<f64>, unit| {
        measures.push(Measure { what: what.into(), amount, best, unit });
    };

    let blocks: Vec<Vec<u8>> = {
        let mut records = Records::new();
        people::changes(rows, 1).for_each(|change| merge::take_in(&mut records, &change));
        let records: Vec<Record> = records.into_values().collect();
        let began = Instant::now();
        let blocks = records.chunks(BLOCK_RECORDS).map(codec::pack).collect();
        put("write down as blocks", ms_since(began), None, "ms");
        blocks
    };
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    put("blocks on the disk, unsealed", bytes as f64 / 1e6, None, "MB");

    let mut replica = Replica::new();
    let (mut before, mut opening_ms) = (0, Vec::new());
    for _ in 0..OPENINGS {
        replica = Replica::new();
        before = HELD.load(Relaxed);
        PEAK.store(before, Relaxed);
        let began = Instant::now();
        replica.make_room(rows.len());
        for block in &blocks {
            replica.load(block.clone(), Extent::Whole).expect("what was just written reads back");
        }
        opening_ms.push(ms_since(began));
    }
    opening_ms.sort_by(f64::total_cmp);
    put("open", opening_ms[OPENINGS / 2], Some(opening_ms[0]), "ms");
    let (held, peak) = (HELD.load(Relaxed) - before, PEAK.load(Relaxed) - before);
    put("memory", held as f64 / 1e6, None, "MB");
    put("memory at most while opening", peak as f64 / 1e6, None, "MB");
    put("memory per record", held as f64 / rows.len().max(1) as f64, None, "bytes");

    let mut say = |what: &str, (median, best): (f64, f64)| put(what, median, Some(best), "ms");
    let me = people::staff(1);
    let scope = Scope { me, mine_only: false };
    for (what, typed) in [
        ("nothing typed", ""),
        ("phone digits", "138"),
        ("phone digits, last four", "8000"),
        ("phone digits, whole", "13812345678"),
        ("one character", "张"),
        ("rare", "欧阳顺利"),
        ("nobody", "smith"),
        ("one letter", "z"),
        ("pinyin initials", "zsl"),
        ("pinyin in full", "zhangshunli"),
        ("mixed", "zs138"),
        ("mixed, with a space", "zhang s"),
    ] {
        let total = replica.search(typed, &scope, 20).total;
        say(
            &format!("search, {what} ({total} fit)"),
            median(101, || drop(black_box(replica.search(black_box(typed), &scope, 20)))),
        );
    }
    let (owner, now) = (me.to_string(), people::now());
    say("due, the first 50", median(101, || drop(black_box(replica.due(&owner, now).take(50).collect::<Vec<_>>()))));
    let venue = Some(people::venue());
    say("counts by stage of a venue", median(101, || drop(black_box(replica.counts_by_stage(None, venue)))));
    say("people, all in order", median(11, || drop(black_box(replica.people(&scope)))));
    let someone = rows.get(rows.len() / 2).map(|row| row.phone.clone()).unwrap_or_default();
    say(
        "who has a phone number",
        median(101, || {
            black_box(replica.by_phone(&someone).count());
        }),
    );
    let ids: Vec<_> = replica.by_kind("person").step_by((rows.len() / 100).max(1)).take(100).collect();
    say("100 records, one by one", median(21, || ids.iter().for_each(|id| drop(black_box(replica.record(*id))))));

    let captures: Vec<Ranked> = people::changes(rows, 1).collect();
    let pulled: Vec<Ranked> = people::edits(rows, &people::records(captures.iter()), PULLED, 0).collect();
    let began = Instant::now();
    for change in &pulled {
        black_box(replica.take_in(change));
    }
    put(&format!("take in {} scattered changes", pulled.len()), ms_since(began), None, "ms");
    measures
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// The median of so many runs and the best of them, in milliseconds.
fn median(runs: usize, mut run: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            ms_since(began)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[runs / 2], times[0])
}

// ---- What the program holds ---------------------------------------------------------------------------------

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting the bytes that were asked for.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one hands everything on to the system's")]
// SAFETY: each call is passed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
