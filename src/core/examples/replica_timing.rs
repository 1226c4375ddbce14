//! Question: does a search answer within a millisecond or so at 100,000 people, natively?
//!
//! `cargo run --release -p yingke-core --example replica_timing [people]`. Prints medians; asserts nothing.

use std::{hint::black_box, time::Instant};

use yingke_core::{
    audience::Audience,
    chance::{Chance, Seeded},
    change::{Change, Edit, Header, Key, Op, Ranked, Write},
    fixture,
    id::{ChangeId, DeviceNumber, RecordId},
    merge::{self, Records},
    replica::Replica,
    search::Scope,
    stamp::Stamp,
    value::Value,
};

const SURNAMES: &str =
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎";
const GIVEN: &str =
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂丹萍鑫顺利思琳时来诗兰世龙升亮子涵宇轩欣怡浩然梓雨晨";

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let mut chance = Seeded::new(1);
    let (surnames, given): (Vec<char>, Vec<char>) = (SURNAMES.chars().collect(), GIVEN.chars().collect());
    let pick = |from: &[char], chance: &mut Seeded| from[chance.below(from.len() as u64) as usize];
    let mut changes = Vec::new();
    for number in 0..count {
        let now = fixture::NOW.plus(number as i64 * 60_000);
        let mut name = String::from(pick(&surnames, &mut chance));
        (0..=chance.below(2)).for_each(|_| name.push(pick(&given, &mut chance)));
        let owner = fixture::staff(chance.below(20) as u8).to_string();
        let stages = ["new", "contacted", "tracking", "won", "lost"];
        let writes: [(&'static str, Op); 7] = [
            ("captured_at", Op::First(now.into())),
            ("name", Op::Latest(name.into())),
            ("next_contact_at", Op::Latest(now.plus(chance.below(1 << 32) as i64).into())),
            ("outing", Op::First(Value::Id(RecordId::from_bytes(fixture::id_bytes((number / 500) as u8))))),
            ("owner", Op::First(owner.into())),
            ("phone", Op::Latest(format!("+861{:010}", 3_000_000_000 + chance.below(6_000_000_000)).into())),
            ("stage", Op::Latest(stages[chance.below(5) as usize].into())),
        ];
        let edit = Edit {
            record: RecordId::new(now, &mut chance),
            kind: Key::of("person"),
            audience: Audience::Desk(fixture::venue()),
            salt: [0; 8],
            writes: writes.map(|(key, op)| Write { key: Key::of(key), op }).into(),
        };
        let header = Header {
            id: ChangeId::new(now, &mut chance),
            organisation: fixture::organisation(),
            author: fixture::staff(1),
            device: DeviceNumber(7),
            made_at: now,
            clock_offset_ms: 0,
            pack: 1,
            form: "F-03".into(),
        };
        changes.push(Ranked::provisional(Stamp::at(now), Change::new(header, vec![edit], &mut chance)));
    }
    let mut records = Records::new();
    changes.iter().for_each(|change| merge::take_in(&mut records, change));
    let records: Vec<_> = records.into_values().collect();

    let mut replica = Replica::new();
    let began = Instant::now();
    replica.load_block(records);
    println!("load {count} records: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);

    let scope = Scope { me: fixture::staff(1), mine_only: false };
    for typed in
        ["", "1", "138", "8000", "13812345678", "张", "顺利", "z", "zsl", "zhangshunli", "zhang s", "zs138", "smith"]
    {
        median(&format!("search {typed:?} of {}", replica.search(typed, &scope, 20).total), || {
            black_box(replica.search(black_box(typed), &scope, 20));
        });
    }
    let me = fixture::staff(1).to_string();
    median("due, first 50", || {
        drop(black_box(replica.due(&me, fixture::NOW.plus(1 << 40)).take(50).collect::<Vec<_>>()))
    });
    median("counts by stage", || drop(black_box(replica.counts_by_stage(None, Some(fixture::venue())))));
    median("people, all in order", || drop(black_box(replica.people(&scope))));
    let again: Vec<_> = changes.iter().step_by(changes.len() / 100).collect();
    median("100 accepted changes", || again.iter().for_each(|change| drop(black_box(replica.take_in(change)))));
    black_box(chance.next_u64());
}

fn median(what: &str, mut run: impl FnMut()) {
    let mut times: Vec<f64> = (0..21)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{what}: {:.3} ms, at best {:.3} ms", times[10], times[0]);
}
