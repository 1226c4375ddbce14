//! Somebody asks to be erased: nothing of them is left anywhere, and nothing brings them back.

use std::fs;

use yingke_core::{
    audience::Audience,
    chance::Seeded,
    change::{Change, Edit, Key, Op, Ranked, Write},
    id::{ChangeId, RecordId},
    stamp::Stamp,
    sync::TurnError,
    time::DAY_MS,
    wire::v1::Refusal,
};

use crate::{
    process::{demo, done, refused, run, serve},
    world::{Place, Tablet},
};

const NAME: &str = "欧阳消逝";
const PHONE: &str = "+8613987650001";

/// A person with a visit, and with a payment that the desk took if they paid, pushed from a tablet of theirs' consultant.
struct Guest {
    tablet: Tablet,
    own: Audience,
    person: RecordId,
    ids: Vec<ChangeId>,
}

async fn guest(address: std::net::SocketAddr, days_ago: i64, has_paid: bool) -> Guest {
    let mut tablet = Tablet::enrol(address).await;
    let directory = tablet.enrolled.directory.clone();
    let named = |name: &str| directory.staff.iter().find(|staff| staff.name == name).unwrap();
    let (author, desk) = (named("林悦"), named("陈晓彤"));
    tablet.signed_in = Some(tablet.try_sign_in(author.id, "260711").await.json());
    let own = Audience::Own(author.venue, author.id);
    let now = tablet.enrolled.server_time.plus(-days_ago * DAY_MS);
    tablet.settle().await;
    let person = tablet.new_record(now);
    let mut ids = Vec::new();
    let mut save = |kind: &'static str, record: RecordId, writes: Vec<Write>| {
        let ranked = tablet.change(1, &own, record, now, &[]);
        let mut header = ranked.change.header;
        let by = if kind == "payment" { desk } else { author };
        (header.organisation, header.author) = (directory.organisation, by.id);
        let edit = Edit { record, kind: Key::of(kind), audience: own.clone(), salt: [0; 8], writes };
        let change = Change::new(header, vec![edit], &mut Seeded::new(ids.len() as u64));
        ids.push(change.id());
        Ranked::provisional(Stamp::at(now.plus(ids.len() as i64)), change)
    };
    let latest =
        |key: &'static str, value: yingke_core::value::Value| Write { key: Key::of(key), op: Op::Latest(value) };
    let mut changes = vec![
        save("person", person, vec![latest("name", NAME.into()), latest("phone", PHONE.into())]),
        save(
            "visit",
            tablet.new_record(now),
            vec![
                latest("person", person.into()),
                latest("visitor_name", NAME.into()),
                latest("visitee_surname", "<script>看看".into()),
            ],
        ),
    ];
    if has_paid {
        changes.push(save("payment", tablet.new_record(now), vec![latest("person", person.into())]));
    }
    let friend = vec![latest("referrer", person.into()), latest("name", "李娜".into())];
    changes.push(save("person", tablet.new_record(now), friend));
    for change in &changes {
        yingke_core::journal::Journal::append(&tablet.journal, change).await.unwrap();
    }
    tablet.settle().await;
    assert!(tablet.journal.kept().tray.is_empty());
    Guest { tablet, own, person, ids }
}

/// Whether the bytes of a text lie in any file of the folder.
fn lies_in(place: &Place, text: &str) -> bool {
    let files = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path());
    let databases = files.filter(|path| path.is_file() && path.to_string_lossy().contains("yingke.db"));
    databases.into_iter().any(|path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_is_gone_everywhere_and_a_restore_does_not_bring_them_back() {
    let place = demo().await;
    let (_child, address) = serve(&place.data).await;
    let Guest { tablet, own, person, ids } = guest(address, 0, true).await;
    assert!(tablet.records(&own).contains_key(&person));
    let on_file = place.data.database.is_none();
    assert!(!on_file || lies_in(&place, NAME), "the search finds what is there");
    let backup = place.path().join("before.backup").display().to_string();
    done(&["backup", &backup], &place.data).await;

    // Whoever asks is told all that is kept first, what law keeps too, and nothing of anybody else.
    let file = |name: &str| place.path().join(name).display().to_string();
    let told = done(&["person", "139 8765 0001", &file("all.html")], &place.data).await;
    assert!(told.contains("3 records"), "{told}");
    let page = fs::read_to_string(file("all.html")).unwrap();
    for words in [NAME, PHONE, "来访登记", "姓名", "缴费单"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("李娜") && !page.contains("<script>"));
    assert!(page.contains("&lt;script&gt;"), "what people wrote is text: {page}");
    done(&["person", NAME, &file("all.json")], &place.data).await;
    let all: serde_json::Value = serde_json::from_str(&fs::read_to_string(file("all.json")).unwrap()).unwrap();
    let kinds: Vec<&str> = all.as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds.len(), &all[0]["fields"]["name"]), ("person", 3, &NAME.into()));
    for (who, name, sentence) in
        [(NAME, "all.html", "exists"), (NAME, "all.pdf", ".html or .json"), ("无此人", "nobody.html", "nobody here")]
    {
        let said = refused(&["person", who, &file(name)], &place.data).await;
        assert!(said.contains(sentence), "{said}");
    }
    assert!(!place.path().join("nobody.html").exists() && !place.path().join("all.pdf").exists());

    let preview = done(&["erase", NAME, "--as", "吴珊"], &place.data).await;
    assert!(
        preview.contains("1 person, 1 visit") && preview.contains("1 payment") && preview.contains("--write"),
        "{preview}"
    );
    assert!(tablet.turn().await.is_ok(), "a preview alters nothing");
    assert!(refused(&["erase", "无此人", "--as", "吴珊", "--write"], &place.data).await.contains("nobody"));
    assert!(refused(&["erase", NAME, "--as", "无此人", "--write"], &place.data).await.contains("staff list"));

    // By the phone number as people write it.
    let told = done(&["erase", "139 8765 0001", "--as", "吴珊", "--write"], &place.data).await;
    assert!(told.contains("2 changes say nothing of them any more"), "{told}");
    assert!(refused(&["erase", NAME, "--as", "吴珊", "--write"], &place.data).await.contains("nobody"));
    let list = fs::read_to_string(place.path().join("erasures")).unwrap();
    assert!(list.lines().count() == 1 && list.contains(&person.to_string()) && !list.contains(NAME), "{list}");
    assert!(!on_file || !lies_in(&place, NAME), "the file says nothing of them");

    // Tablets read anew; what this one offers again is refused, what is about others is had.
    assert_eq!(tablet.turn().await, Err(TurnError::NewEpoch));
    tablet.settle().await;
    let check_gone = async |tablet: &Tablet, when: &str| {
        let records = tablet.records(&own);
        assert!(!records.contains_key(&person), "{when}");
        let all: Vec<u8> = records.into_values().flatten().collect();
        assert!(!all.windows(NAME.len()).any(|window| window == NAME.as_bytes()), "{when}");
        let tray = tablet.journal.kept().tray;
        let refused: Vec<_> = tray.iter().map(|(ranked, reason)| (ranked.change.id(), reason.clone())).collect();
        // The person and the visit; the payment is kept by law, and had.
        let mut expected: Vec<_> = ids[..2].iter().map(|id| (*id, Refusal::Erased)).collect();
        expected.sort_by_key(|(id, _)| *id);
        assert_eq!(refused, expected, "{when}");
        assert!(done(&["verify"], &place.data).await.contains("all agree"), "{when}");
        let export = place.path().join(format!("{when}.json")).display().to_string();
        done(&["export", &export], &place.data).await;
        let text = fs::read_to_string(export).unwrap();
        assert!(!text.contains(NAME) && text.contains("李娜"), "{when}");
    };
    check_gone(&tablet, "erased").await;

    let told = done(&["restore", "--replace", &backup], &place.data).await;
    assert!(told.contains("1 people who were erased are gone again"), "{told}");
    assert_eq!(tablet.turn().await, Err(TurnError::NewEpoch));
    tablet.settle().await;
    check_gone(&tablet, "restored").await;
    // On another machine the list goes along with the backup.
    let elsewhere = Place::new().await;
    fs::copy(place.path().join("erasures"), elsewhere.path().join("erasures")).unwrap();
    let told = done(&["restore", &backup], &elsewhere.data).await;
    assert!(told.contains("1 people who were erased are gone again"), "{told}");
    let output = run(&["erase", NAME, "--as", "吴珊"], &elsewhere.data).await;
    assert!(String::from_utf8(output.stderr).unwrap().contains("nobody"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_for_longer_than_the_schedule_allows_is_emptied_and_stays_so() {
    let place = demo().await;
    let (_child, address) = serve(&place.data).await;
    let Guest { tablet, own, person, ids } = guest(address, 390, false).await;
    let backup = place.path().join("before.backup").display().to_string();
    done(&["backup", &backup], &place.data).await;

    assert!(done(&["retention"], &place.data).await.contains("Nothing has been here for longer"));
    // Of the demo's own people, who are new, none.
    let shorter = ["retention", "--months", "guests=12"];
    let preview = done(&shorter, &place.data).await;
    assert!(preview.contains("guests: 2 person, 1 visit") && preview.contains("--write"), "{preview}");
    for (words, sentence) in [
        (&["retention", "--write"][..], "--as"),
        (&["retention", "--as", "吴珊"], "--write"),
        (&["retention", "--write", "--as", "无此人"], "staff list"),
        (&["retention", "--months", "guest=3"], "visits=36"),
    ] {
        let output = run(words, &place.data).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(sentence), "{words:?}: {said}");
    }
    assert!(tablet.turn().await.is_ok(), "nothing was altered so far");
    assert!(tablet.records(&own).contains_key(&person));

    let told = done(&[&shorter[..], &["--write", "--as", "吴珊"]].concat(), &place.data).await;
    assert!(told.contains("3 changes say nothing"), "{told}");
    assert!(done(&shorter, &place.data).await.contains("Nothing has been here for longer"));
    let check_gone = async |when: &str| {
        assert_eq!(tablet.turn().await, Err(TurnError::NewEpoch), "{when}");
        tablet.settle().await;
        assert!(!tablet.records(&own).contains_key(&person), "{when}");
        let mut refused: Vec<_> = tablet.journal.kept().tray.iter().map(|(ranked, _)| ranked.change.id()).collect();
        refused.sort();
        assert_eq!(
            refused,
            {
                let mut all = ids.clone();
                all.sort();
                all
            },
            "{when}"
        );
        assert!(done(&["verify"], &place.data).await.contains("all agree"), "{when}");
    };
    check_gone("emptied").await;
    assert!(done(&["restore", "--replace", &backup], &place.data).await.contains("erased are gone again"));
    check_gone("restored").await;
}
