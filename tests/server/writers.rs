//! Many writers and a reader that pulls all the while.

use std::collections::BTreeSet;

use yingke_core::{
    id::ChangeId,
    wire::v1::{Push, StreamMark, Verdict, WireChange},
};

use crate::{
    process,
    world::{Tablet, World, push},
};

const WRITERS: usize = 6;
const PUSHES: u64 = 12;
const CHANGES: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_beside_writers_misses_nothing() {
    let world = World::new().await;
    let reader = world.tablet_of(3).await;
    let mut writers = tokio::task::JoinSet::new();
    let mut sent: BTreeSet<ChangeId> = BTreeSet::new();
    for _ in 0..WRITERS {
        let tablet = world.tablet().await;
        let mut pushes = Vec::new();
        for counter in 1..=PUSHES {
            let changes: Vec<WireChange> = (0..CHANGES)
                .map(|_| {
                    tablet.change(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", "李娜")])
                })
                .map(|change| WireChange::from(&change))
                .collect();
            sent.extend(changes.iter().map(|change| change.id));
            pushes.push(push(counter, changes));
        }
        let (address, bearer) = (tablet.address, tablet.bearer());
        writers.spawn(async move {
            for push in pushes {
                let reply =
                    crate::world::post(address, "/v1/sync", &[("authorization", &bearer)], &push).await.unwrap();
                let answer: yingke_core::wire::v1::Answer = reply.json();
                assert!(answer.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { had: false, .. })));
            }
        });
    }
    // Core's own turn refuses a page whose count or digest does not fit.
    while reader.journal.kept().accepted.len() < sent.len() {
        reader.turn().await.unwrap();
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let read: BTreeSet<ChangeId> = reader.journal.kept().accepted.iter().map(|change| change.change.id()).collect();
    assert_eq!(read, sent);
    assert_eq!(world.findings().await.changes, sent.len() as u64);
}

/// The check can fail: a cursor that trusts the highest number it saw, and not the count, skips what came late.
#[tokio::test]
async fn a_page_with_a_change_left_out_does_not_fit_its_mark() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    for _ in 0..5 {
        let person = tablet.new_record(world.now());
        tablet.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    }
    tablet.turn().await.unwrap();
    let all = push(9, Vec::new());
    let page = tablet.push(&all).await.page.unwrap();
    let mark_of = |skip: usize| {
        let kept = page.changes.iter().enumerate().filter(|(place, _)| *place != skip).map(|(_, change)| change);
        kept.fold(StreamMark::default(), |mark, numbered| mark.with(numbered.number, numbered.change.id))
    };
    assert_eq!(mark_of(usize::MAX), page.streams[&world.own(1)]);
    for skip in 0..5 {
        assert_ne!(mark_of(skip).digest, page.streams[&world.own(1)].digest);
    }
}

// ---- Several processes --------------------------------------------------------------------------------------

/// How many changes: `cargo xtask soak` says 100,000.
fn changes_in_all() -> usize {
    std::env::var("YINGKE_F5_CHANGES").map_or(4_000, |changes| changes.parse().unwrap())
}

/// Commits take some milliseconds by chance, after the number was given: what a slow disk or network does.
async fn delay_commits(url: &str) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(
        "create function late() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(random() * 0.01); return null; end $$; \
         create constraint trigger late after insert on stream_head deferrable initially deferred \
         for each row execute function late(); \
         create constraint trigger late_again after update on stream_head deferrable initially deferred \
         for each row execute function late()",
    )
    .execute(&mut connection)
    .await
    .unwrap();
}

/// F5: 8 writers, two readers pulling all the while, on one process where the database is a file and on three where
/// it is PostgreSQL. Core's own turn refuses a page that does not prove itself, and a page with a change missing is
/// put before it on purpose.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_on_several_processes_and_no_number_seen_late() {
    const WRITERS: usize = 8;
    const BATCH: usize = 50;
    let place = process::demo().await;
    let mut servers = vec![process::serve(&place.data).await];
    if let Some(url) = &place.data.database {
        delay_commits(url).await;
        servers.push(process::serve(&place.data).await);
        servers.push(process::serve(&place.data).await);
    }
    let addresses: Vec<_> = servers.iter().map(|(_, address)| *address).collect();
    let pushes = changes_in_all() / WRITERS / BATCH;
    let expected = pushes * WRITERS * BATCH;
    let reader = async |address, staff: &str, pin: &str| {
        let mut tablet = Tablet::enrol(address).await;
        let id = tablet.enrolled.directory.staff.iter().find(|other| other.name == staff).unwrap().id;
        tablet.signed_in = Some(tablet.try_sign_in(id, pin).await.json());
        tablet
    };
    let (mut one, mut other) =
        (reader(addresses[0], "林悦", "260711").await, reader(addresses[0], "吴珊", "730416").await);
    // Those of the demo are read before the first writer begins.
    one.settle().await;
    other.settle().await;
    let begun = (one.journal.kept().accepted.len(), other.journal.kept().accepted.len());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let tablet = Tablet::enrol(addresses[writer % addresses.len()]).await;
        let addresses = addresses.clone();
        writers.spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let directory = tablet.enrolled.directory.clone();
            let author = directory.staff.iter().find(|staff| staff.name == "林悦").unwrap().clone();
            let own = yingke_core::audience::Audience::Own(author.venue, author.id);
            let now = tablet.enrolled.server_time;
            let mut sent = Vec::new();
            for counter in 1..=pushes as u64 {
                let change = |_| {
                    let record = tablet.new_record(now);
                    WireChange::from(&tablet.change_by(author.id, &own, record, now, &[("name", "李娜")]))
                };
                let push = push(counter, (0..BATCH).map(change).collect());
                // Each push to another process, as a balancer in front of them would do.
                let address = addresses[(writer + counter as usize) % addresses.len()];
                let bearer = tablet.bearer();
                let headers = [("authorization", bearer.as_str())];
                let reply = runtime.block_on(crate::world::post(address, "/v1/sync", &headers, &push)).unwrap();
                let answer: yingke_core::wire::v1::Answer = reply.json();
                for verdict in answer.verdicts {
                    let Verdict::Accepted { id, number, had: false, .. } = verdict else { panic!("{verdict:?}") };
                    sent.push((number, id));
                }
            }
            sent
        });
    }
    let (mut turns, mut read) = (0, [0, 0]);
    let mut sent: Vec<(u64, ChangeId)> = Vec::new();
    while read.iter().any(|read| *read < expected) {
        turns += 1;
        // One that failed ends the test, instead of being waited for.
        while let Some(writer) = writers.try_join_next() {
            sent.extend(writer.unwrap());
        }
        for (tablet, read) in [&mut one, &mut other].into_iter().zip(&mut read) {
            tablet.address = addresses[turns % addresses.len()];
            *read += tablet.turn().await.unwrap().pulled.len();
        }
    }
    while let Some(writer) = writers.join_next().await {
        sent.extend(writer.unwrap());
    }
    sent.sort_unstable();
    assert!(sent.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "numbers without holes, across all processes");
    for (tablet, begun) in [(&one, begun.0), (&other, begun.1)] {
        let read: Vec<ChangeId> =
            tablet.journal.kept().accepted[begun..].iter().map(|change| change.change.id()).collect();
        assert_eq!(
            read,
            sent.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
            "all of them, in the order of their numbers"
        );
    }
    assert!(process::done(&["verify"], &place.data).await.contains("all agree"));
    println!("{expected} changes on {} processes in {turns} turns of two readers", addresses.len());
}

/// An administrator looks while tablets send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_grows_is_not_called_damaged() {
    let world = std::sync::Arc::new(World::new().await);
    let (of, ends) = (world.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let ended = ends.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tablet = of.tablet_of(1).await;
            let person = tablet.new_record(of.now());
            for note in 0..40 {
                tablet.save(1, &of.own(1), person, of.now(), &[("note", &note.to_string())]).await;
                tablet.settle().await;
            }
        });
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let mut looks = 0;
    while !ends.load(std::sync::atomic::Ordering::SeqCst) {
        world.findings().await;
        looks += 1;
    }
    writer.await.unwrap();
    assert_eq!(world.findings().await.changes, 40);
    println!("{looks} looks");
}

/// A cursor that trusts the highest number it has seen skips what was committed late. Here one does so on purpose, on
/// a database that gives numbers from a sequence: the mark that was kept with each row gives it away.
#[tokio::test]
async fn a_naive_cursor_is_caught_by_the_digest() {
    let world = World::new().await;
    let (writer, reader) = (world.tablet_of(1).await, world.tablet_of(1).await);
    for _ in 0..6 {
        let person = writer.new_record(world.now());
        writer.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    }
    writer.settle().await;
    let naive = Naive { tablet: &reader, late: std::cell::Cell::new(Some(3)) };
    let missed = yingke_core::sync::turn(&reader.journal, &naive).await;
    assert!(matches!(missed, Err(yingke_core::sync::TurnError::Incomplete { .. })), "{missed:?}");
    assert!(reader.journal.kept().accepted.is_empty(), "nothing of it was kept");
    naive.late.set(None);
    yingke_core::sync::turn(&reader.journal, &naive).await.unwrap();
    assert_eq!(reader.journal.kept().accepted.len(), 6);
}

/// An endpoint whose number 3 is committed after 4, 5 and 6 were read.
struct Naive<'a> {
    tablet: &'a Tablet,
    late: std::cell::Cell<Option<u64>>,
}

impl yingke_core::sync::Endpoint for Naive<'_> {
    type Blocks = crate::world::ReadBlocks;

    async fn snapshot(&self, after: u64) -> Result<Self::Blocks, yingke_core::sync::Trouble> {
        self.tablet.snapshot(after).await
    }

    fn takes_cuts(&self) -> &std::cell::Cell<bool> {
        self.tablet.takes_cuts()
    }

    async fn sync(&self, push: Push) -> Result<yingke_core::wire::v1::Answer, yingke_core::sync::Trouble> {
        let mut answer = self.tablet.push(&push).await;
        if let Some(page) = &mut answer.page {
            page.changes.retain(|numbered| Some(numbered.number) != self.late.get());
        }
        Ok(answer)
    }
}
