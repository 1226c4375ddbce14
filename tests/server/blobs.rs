//! Pictures: sent in pieces, whole or not at all, seen by whoever may see a record that names them.

use p256::SecretKey;
use yingke_core::{
    audience::Role,
    blob::{BLOB_BYTES_MAX, BlobHash, SEAL_BYTES},
    chance::Seeded,
    change::{Change, Edit, Key, Op, Write},
    fixture,
    id::RecordId,
    journal::Journal,
    value::Value,
    wire::v1::{BlobKept, Staff},
};
use yingke_server::{
    blobs::{self, ORPHAN_MS},
    handed_in, keys,
    sealed::Sealer,
    verify,
};

use crate::world::{self, Reply, Tablet, World};

const BYTES: (&str, &str) = ("content-type", "application/octet-stream");
const PIECE: usize = 50_000;

/// So many bytes that begin as a JPEG does.
fn picture(bytes: usize, seed: u8) -> Vec<u8> {
    let mut picture = vec![0xff, 0xd8, 0xff, 0xe0];
    picture.extend((4..bytes).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed));
    picture
}

/// As the tablet seals it.
async fn sealed_as(world: &World, hash: BlobHash, bytes: &[u8]) -> Vec<u8> {
    let recovery = world.ledger.secrets(world.organisation()).await.unwrap().recovery.public_key();
    let sealer = Sealer::new(&recovery, &SecretKey::from_slice(&[9; 32]).unwrap());
    sealer.seal_blob(world.organisation(), hash, bytes, [3; 12])
}

async fn sealed(world: &World, bytes: &[u8]) -> (BlobHash, Vec<u8>) {
    let hash = BlobHash::of(bytes);
    (hash, sealed_as(world, hash, bytes).await)
}

async fn put(tablet: &Tablet, hash: &str, offset: usize, length: usize, piece: &[u8]) -> Reply {
    let path = format!("/v1/blobs/{hash}/upload?offset={offset}&length={length}");
    let headers = [("authorization", &*tablet.bearer()), BYTES];
    world::send(tablet.address, "PUT", &path, &headers, piece).await.unwrap()
}

fn kept(reply: &Reply) -> (u64, bool) {
    assert_eq!(reply.status, 200, "{reply:?}");
    let kept: BlobKept = reply.json();
    (kept.offset, kept.complete)
}

async fn told(tablet: &Tablet, hash: BlobHash) -> (u64, bool) {
    kept(&tablet.get(&format!("/v1/blobs/{hash}/upload")).await)
}

/// Sends all of it, from where the endpoint says that it goes on.
async fn send_all(tablet: &Tablet, hash: BlobHash, sealed: &[u8]) {
    loop {
        let (offset, complete) = told(tablet, hash).await;
        if complete {
            return;
        }
        let rest = &sealed[usize::try_from(offset).unwrap()..];
        let piece = &rest[..rest.len().min(PIECE)];
        kept(&put(tablet, &hash.to_string(), usize::try_from(offset).unwrap(), sealed.len(), piece).await);
    }
}

/// Saves that a person of staff's own names a picture.
async fn name(world: &World, tablet: &Tablet, staff: u8, hash: BlobHash) -> RecordId {
    let person = tablet.new_record(world.now());
    let text = hash.to_string();
    tablet.save(staff, &world.own(staff), person, world.now(), &[("note", &text)]).await;
    tablet.settle().await;
    assert!(tablet.journal.kept().tray.is_empty());
    person
}

async fn fetch(tablet: &Tablet, hash: BlobHash) -> Reply {
    tablet.get(&format!("/v1/blobs/{hash}")).await
}

async fn fetch_with(tablet: &Tablet, method: &str, hash: BlobHash, range: &str) -> Reply {
    let headers = tablet.headers();
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("range", range));
    world::send(tablet.address, method, &format!("/v1/blobs/{hash}"), &headers, b"").await.unwrap()
}

async fn check_agrees(world: &World) {
    let findings = verify::with_pictures(&*world.ledger, world.organisation()).await.unwrap();
    assert_eq!(findings.faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_picture_comes_in_pieces_in_any_order_of_trouble_and_is_whole_once() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let bytes = picture(180_000, 1);
    let (hash, sealed) = sealed(&world, &bytes).await;
    let (name_of, length) = (hash.to_string(), sealed.len());
    name(&world, &tablet, 1, hash).await;
    assert_eq!(told(&tablet, hash).await, (0, false));
    assert_eq!(kept(&put(&tablet, &name_of, 0, length, &sealed[..PIECE]).await), (50_000, false));
    // The answer was lost: the same once more, and one that overlaps.
    assert_eq!(kept(&put(&tablet, &name_of, 0, length, &sealed[..PIECE]).await), (50_000, false));
    assert_eq!(kept(&put(&tablet, &name_of, 40_000, length, &sealed[40_000..90_000]).await), (90_000, false));
    // One that leaves a hole is not kept.
    let hole = put(&tablet, &name_of, 100_000, length, &sealed[100_000..150_000]).await;
    assert_eq!(hole.problem(), (409, "piece".into()));
    assert_eq!(told(&tablet, hash).await, (90_000, false));
    assert_eq!(fetch(&tablet, hash).await.problem(), (404, "not-found".into()), "half a picture is none");
    assert_eq!(world.findings().await.pictures_to_come, 1);
    send_all(&tablet, hash, &sealed).await;
    assert_eq!(told(&tablet, hash).await, (length as u64, true));
    // All of it again costs nothing.
    assert_eq!(kept(&put(&tablet, &name_of, 0, length, &sealed[..PIECE]).await), (length as u64, true));

    let whole = fetch(&tablet, hash).await;
    assert_eq!((whole.status, whole.headers["content-type"].as_str()), (200, "image/jpeg"));
    assert_eq!((whole.headers["cache-control"].as_str(), whole.body), ("no-store", bytes.clone()));
    let part = fetch_with(&tablet, "GET", hash, "bytes=100-199").await;
    assert_eq!((part.status, part.headers["content-range"].as_str()), (206, "bytes 100-199/180000"));
    assert_eq!(part.body, bytes[100..200]);
    let rest = fetch_with(&tablet, "GET", hash, "bytes=179990-").await;
    assert_eq!((rest.status, rest.body.as_slice()), (206, &bytes[179_990..]));
    assert_eq!(fetch_with(&tablet, "GET", hash, "bytes=180000-").await.problem(), (416, "range".into()));
    for whole in ["bytes=a", "bytes=0-1,5-6", "letters=0-1"] {
        assert_eq!(fetch_with(&tablet, "GET", hash, whole).await.status, 200, "{whole}");
    }
    let findings = world.findings().await;
    assert_eq!((findings.pictures, findings.pictures_to_come), (1, 0));
}

#[tokio::test]
async fn who_may_see_no_record_that_names_a_picture_is_told_nothing_of_it() {
    let world = World::new().await;
    let (owner, colleague, elsewhere) = (world.tablet_of(1).await, world.tablet_of(2).await, world.tablet().await);
    let (hash, sealed) = sealed(&world, &picture(60_000, 2)).await;
    send_all(&owner, hash, &sealed).await;
    // Sent and named by nobody: nobody's, not even theirs who sent it.
    assert_eq!(fetch(&owner, hash).await.problem(), (404, "not-found".into()));
    name(&world, &owner, 1, hash).await;
    assert_eq!(fetch(&owner, hash).await.status, 200);
    let unknown = BlobHash::of(b"nothing");
    for other in [hash, unknown] {
        assert_eq!(fetch(&colleague, other).await.problem(), (404, "not-found".into()));
        assert_eq!(fetch_with(&colleague, "GET", other, "bytes=999999-").await.problem(), (404, "not-found".into()));
        let head = fetch_with(&colleague, "HEAD", other, "bytes=0-0").await;
        assert_eq!((head.status, head.body.len()), (404, 0));
        assert_eq!(fetch(&elsewhere, other).await.problem(), (401, "person".into()), "a tablet alone reads nothing");
        // What others have sent is not told to who would send it: it is taken as if it were new.
        assert_eq!(told(&colleague, other).await, (0, false));
    }
    assert_eq!(kept(&put(&colleague, &hash.to_string(), 0, sealed.len(), &sealed[..100]).await), (100, false));
    send_all(&colleague, hash, &sealed).await;
    assert_eq!(fetch(&colleague, hash).await.status, 404);
    // The front desk reads what consultants own.
    assert_eq!(fetch(&world.tablet_of(3).await, hash).await.status, 200);
    check_agrees(&world).await;
}

#[tokio::test]
async fn what_is_wrong_about_a_picture_is_said_and_nothing_of_it_is_kept() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let bytes = picture(60_000, 3);
    let (hash, good) = sealed(&world, &bytes).await;
    let text = hash.to_string();
    let most = BLOB_BYTES_MAX + SEAL_BYTES;
    for (what, hash, offset, length, piece, problem) in [
        ("no hash", "x", 0, 1_000, &good[..10], (400, "malformed")),
        ("a hash in capitals", &*text.to_uppercase(), 0, 1_000, &good[..10], (400, "malformed")),
        ("too large", &*text, 0, most + 1, &good[..10], (413, "too-large")),
        ("nothing but a seal", &*text, 0, SEAL_BYTES, &good[..10], (400, "malformed")),
        ("no bytes", &*text, 0, good.len(), &[][..], (400, "malformed")),
        ("beyond the end", &*text, 990, 1_000, &good[..11], (400, "malformed")),
        ("far beyond", &*text, usize::MAX >> 1, 1_000, &good[..11], (400, "malformed")),
        ("a hole", &*text, 1, 1_000, &good[..10], (409, "piece")),
    ] {
        let reply = put(&tablet, hash, offset, length, piece).await;
        assert_eq!(reply.problem(), (problem.0, problem.1.to_owned()), "{what}");
    }
    let bearer = tablet.bearer();
    for (what, query, headers, piece, problem) in [
        ("no numbers", "", vec![BYTES], good.clone(), (400, "malformed")),
        ("words", "?offset=a&length=b", vec![BYTES], good.clone(), (400, "malformed")),
        ("less than none", "?offset=-1&length=1000", vec![BYTES], good.clone(), (400, "malformed")),
        ("JSON", "?offset=0&length=1000", vec![world::JSON], b"{}".to_vec(), (415, "media-type")),
        ("of no kind", "?offset=0&length=1000", vec![], good[..10].to_vec(), (415, "media-type")),
        ("too large a piece", "?offset=0&length=2000000", vec![BYTES], vec![0; 1_100_000], (413, "too-large")),
        (
            "a bomb",
            "?offset=0&length=2000000",
            vec![BYTES, ("content-encoding", "gzip")],
            include_bytes!("bomb.gz").to_vec(),
            (413, "too-large"),
        ),
    ] {
        let path = format!("/v1/blobs/{hash}/upload{query}");
        let headers: Vec<_> = headers.into_iter().chain([("authorization", bearer.as_str())]).collect();
        let reply = world::send(world.address, "PUT", &path, &headers, &piece).await.unwrap();
        assert_eq!(reply.problem(), (problem.0, problem.1.to_owned()), "{what}");
    }
    let nobody = world::send(world.address, "PUT", &format!("/v1/blobs/{hash}/upload"), &[BYTES], &good).await.unwrap();
    assert_eq!(nobody.problem(), (401, "device_unknown".into()));
    assert_eq!(told(&tablet, hash).await, (0, false), "nothing of it was kept");

    // Whole, and not what it should be: other bytes, altered, sealed as another, no picture.
    let other_bytes = sealed_as(&world, hash, &picture(60_000, 4)).await;
    let mut altered = good.clone();
    altered[40_000] ^= 1;
    let moved = sealed_as(&world, BlobHash::of(b"x"), &bytes).await;
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".to_vec();
    let (script_hash, script) = sealed(&world, &script).await;
    for (hash, wrong, code) in [
        (hash, other_bytes, "other-picture"),
        (hash, altered, "other-picture"),
        (hash, moved, "other-picture"),
        (script_hash, script, "no-picture"),
    ] {
        name(&world, &tablet, 1, hash).await;
        let reply = put(&tablet, &hash.to_string(), 0, wrong.len(), &wrong).await;
        assert_eq!(reply.problem(), (422, code.to_owned()));
        assert_eq!(told(&tablet, hash).await, (0, false), "it may begin again");
        assert_eq!(fetch(&tablet, hash).await.problem(), (404, "not-found".into()));
    }
    // Sealed anew, with another length in between: the new one counts from its start.
    let (_, short) = sealed_of(&world, hash, &bytes[..50_000]).await;
    kept(&put(&tablet, &text, 0, short.len(), &short[..PIECE]).await);
    assert_eq!(kept(&put(&tablet, &text, 0, good.len(), &good[..10]).await), (10, false));
    send_all(&tablet, hash, &good).await;
    assert_eq!(fetch(&tablet, hash).await.body, bytes);
    check_agrees(&world).await;
}

async fn sealed_of(world: &World, hash: BlobHash, bytes: &[u8]) -> (BlobHash, Vec<u8>) {
    (hash, sealed_as(world, hash, bytes).await)
}

#[tokio::test]
async fn a_revoked_tablets_pictures_wait_unopened_until_they_are_taken_in_or_given_up() {
    let world = World::new().await;
    let [first, second] = [world.tablet().await, world.tablet().await];
    let reader = world.tablet_of(1).await;
    let house = world.ledger.house(world.organisation()).await.unwrap();
    for (tablet, seed) in [(&first, 5), (&second, 6)] {
        let (hash, sealed) = sealed(&world, &picture(120_000, seed)).await;
        kept(&put(tablet, &hash.to_string(), 0, sealed.len(), &sealed[..PIECE]).await);
        world.ledger.revoke(world.organisation(), tablet.device(), world.now()).await.unwrap();
        // It goes on where it was when it was shut out.
        for at in [50_000, 100_000] {
            let piece = &sealed[at..sealed.len().min(at + PIECE)];
            kept(&put(tablet, &hash.to_string(), at, sealed.len(), piece).await);
        }
        name(&world, &reader, 1, hash).await;
        assert_eq!(fetch(&reader, hash).await.status, 404, "nothing of it is in force yet");
        assert_eq!(world.ledger.unopened(world.organisation(), tablet.device()).await.unwrap(), [hash]);
    }
    // However long that takes.
    world.ledger.drop_orphans(world.organisation(), world.now().plus(2 * ORPHAN_MS)).await.unwrap();
    let listed = handed_in::list(&*world.ledger, &house).await.unwrap();
    assert_eq!(listed.matches("1 pictures").count(), 2, "{listed}");
    let told = handed_in::take_in(&*world.ledger, &house, first.device(), true, world.now()).await.unwrap();
    assert!(told.contains("0 changes and 1 pictures of device 1"), "{told}");
    let told = handed_in::discard(&*world.ledger, &house, second.device(), true, world.now()).await.unwrap();
    assert!(told.contains("0 changes and 1 pictures of device 2"), "{told}");
    for (seed, status) in [(5, 200), (6, 404)] {
        assert_eq!(fetch(&reader, BlobHash::of(&picture(120_000, seed))).await.status, status);
    }
    assert!(world.ledger.unopened(world.organisation(), second.device()).await.unwrap().is_empty());
    check_agrees(&world).await;
}

#[tokio::test]
async fn a_picture_goes_with_whom_it_shows_and_does_not_come_back() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let (shared, shared_sealed) = sealed(&world, &picture(30_000, 7)).await;
    let (only, only_sealed) = sealed(&world, &picture(30_000, 8)).await;
    let person = tablet.new_record(world.now());
    let both = [("note", shared.to_string()), ("name", "李娜".to_owned())];
    let both: Vec<(&str, &str)> = both.iter().map(|(key, value)| (*key, value.as_str())).collect();
    tablet.save(1, &world.own(1), person, world.now(), &both).await;
    tablet.save(1, &world.own(1), person, world.now(), &[("note", &only.to_string())]).await;
    name(&world, &tablet, 1, shared).await;
    send_all(&tablet, shared, &shared_sealed).await;
    send_all(&tablet, only, &only_sealed).await;
    assert_eq!((fetch(&tablet, shared).await.status, fetch(&tablet, only).await.status), (200, 200));
    world.ledger.erase(world.organisation(), &[person].into(), "e2", world.now()).await.unwrap();
    assert_eq!((fetch(&tablet, shared).await.status, fetch(&tablet, only).await.status), (200, 404));
    assert_eq!(world.ledger.blob(world.organisation(), only).await.unwrap(), None);
    let again = put(&tablet, &only.to_string(), 0, only_sealed.len(), &only_sealed).await;
    assert_eq!(again.problem(), (410, "erased".into()));
    check_agrees(&world).await;
}

#[tokio::test]
async fn what_no_record_names_goes_in_the_end_and_may_come_again() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let (named, named_sealed) = sealed(&world, &picture(30_000, 9)).await;
    let (orphan, orphan_sealed) = sealed(&world, &picture(30_000, 10)).await;
    let (half, half_sealed) = sealed(&world, &picture(30_000, 11)).await;
    name(&world, &tablet, 1, named).await;
    send_all(&tablet, named, &named_sealed).await;
    send_all(&tablet, orphan, &orphan_sealed).await;
    kept(&put(&tablet, &half.to_string(), 0, half_sealed.len(), &half_sealed[..100]).await);
    let tidy = async || world.ledger.drop_orphans(world.organisation(), world.now().plus(-ORPHAN_MS)).await.unwrap();
    world.pass(ORPHAN_MS);
    assert_eq!(tidy().await, 0, "not before its time");
    world.pass(1);
    assert_eq!(tidy().await, 1);
    assert_eq!(told(&tablet, half).await, (0, false));
    assert_eq!(told(&tablet, orphan).await, (0, false));
    assert!(told(&tablet, named).await.1);
    assert!(world.ledger.blob(world.organisation(), named).await.unwrap().is_some());
    send_all(&tablet, orphan, &orphan_sealed).await;
    check_agrees(&world).await;
}

#[tokio::test]
async fn a_tablet_fills_no_disk_with_pictures_that_are_never_whole() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let most = BLOB_BYTES_MAX + SEAL_BYTES;
    let piece = vec![7; blobs::PIECE_BYTES_MAX];
    let mut pieces = 0;
    let refused = 'sent: loop {
        let hash = BlobHash::of(&[pieces as u8, (pieces >> 8) as u8]).to_string();
        for part in 0..4 {
            let reply = put(&tablet, &hash, part * piece.len(), most, &piece).await;
            if reply.status != 200 {
                break 'sent reply;
            }
            pieces += 1;
        }
    };
    assert_eq!(refused.problem(), (413, "too-large".into()));
    assert_eq!(pieces as u64 * piece.len() as u64, blobs::UPLOAD_BYTES_MAX);
    // Another tablet is not held up by it.
    let other = world.tablet().await;
    let (hash, sealed) = sealed(&world, &picture(30_000, 12)).await;
    send_all(&other, hash, &sealed).await;
}

#[tokio::test]
async fn a_copy_holds_pictures_and_pieces_and_not_those_of_who_was_erased_since() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let (kept_hash, kept_sealed) = sealed(&world, &picture(700_000, 13)).await;
    let (gone, gone_sealed) = sealed(&world, &picture(700_000, 14)).await;
    let (half, half_sealed) = sealed(&world, &picture(300_000, 15)).await;
    name(&world, &tablet, 1, kept_hash).await;
    let person = name(&world, &tablet, 1, gone).await;
    send_all(&tablet, kept_hash, &kept_sealed).await;
    send_all(&tablet, gone, &gone_sealed).await;
    kept(&put(&tablet, &half.to_string(), 0, half_sealed.len(), &half_sealed[..PIECE]).await);
    let mut rows = Vec::new();
    let mut take = |row| {
        rows.push(row);
        Ok(())
    };
    world.ledger.read_all(&mut take).await.unwrap();
    world.ledger.erase(world.organisation(), &[person].into(), "e2", world.now()).await.unwrap();
    assert_eq!(fetch(&tablet, gone).await.status, 404);
    world.ledger.replace_all(&mut rows.into_iter().map(Ok), "e3", world.now()).await.unwrap();
    // The list of erasures goes over it again, as a restore does.
    let erased = world.ledger.erased(world.organisation()).await.unwrap();
    world.ledger.erase(world.organisation(), &erased, "e4", world.now()).await.unwrap();
    assert_eq!((fetch(&tablet, kept_hash).await.status, fetch(&tablet, gone).await.status), (200, 404));
    assert_eq!(told(&tablet, half).await, (50_000, false), "it goes on where it was");
    let again = put(&tablet, &gone.to_string(), 0, gone_sealed.len(), &gone_sealed[..PIECE]).await;
    assert_eq!(again.problem(), (410, "erased".into()));
    send_all(&tablet, half, &half_sealed).await;
    check_agrees(&world).await;
}

#[tokio::test]
async fn evidence_of_health_is_for_its_circle_whoever_names_it() {
    let world = World::new().await;
    let desk = world.tablet_of(3).await;
    let (hash, sealed) = sealed(&world, &picture(60_000, 16)).await;
    let text = hash.to_string();
    let leave = desk.new_record(world.now());
    let mut ranked = desk.change(3, &world.desk(), leave, world.now(), &[]);
    let evidence = Write { key: Key::of("evidence"), op: Op::Latest(Value::List(vec![text.as_str().into()])) };
    let edit =
        Edit { record: leave, kind: Key::of("leave"), audience: world.desk(), salt: [0; 8], writes: vec![evidence] };
    ranked.change = Change::new(ranked.change.header.clone(), vec![edit], &mut Seeded::new(1));
    desk.journal.append(&ranked).await.unwrap();
    desk.settle().await;
    assert!(desk.journal.kept().tray.is_empty(), "{:?}", desk.journal.kept().tray);
    send_all(&desk, hash, &sealed).await;
    assert_eq!(fetch(&desk, hash).await.problem(), (404, "not-found".into()), "the record is theirs to see, it is not");
    // Naming it elsewhere makes it nobody's.
    name(&world, &desk, 3, hash).await;
    assert_eq!(fetch(&desk, hash).await.problem(), (404, "not-found".into()));
    // A supervisor may.
    let supervisor = Staff {
        id: fixture::staff(6),
        name: "黄丽".into(),
        role: Role::FrontDeskSupervisor,
        venue: world.venue,
        active: true,
    };
    world.ledger.add_staff(world.organisation(), &supervisor, &keys::pin_hash(world::PIN)).await.unwrap();
    assert_eq!(fetch(&world.tablet_of(6).await, hash).await.status, 200);
    check_agrees(&world).await;
}
