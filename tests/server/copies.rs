//! Copies and tables of people: made and brought back by the real program, beside one that serves.

use std::{cell::Cell, collections::BTreeSet, fs, rc::Rc};

use sqlx::{Connection, PgConnection, SqliteConnection};
use yingke_core::{
    audience::Audience,
    id::{ChangeId, RecordId},
    journal::Journal,
    sync::{Trouble, TurnError},
    wire::v1::{Directory, Push, Verdict, WireChange},
};
use yingke_server::settings::Data;

use crate::{
    process::{demo, done, refused, run, serve},
    world::{self, Place, Tablet},
};

/// Somebody of the demo who writes for themselves, on a tablet of their own.
async fn writer(address: std::net::SocketAddr) -> (Tablet, Audience) {
    let tablet = Tablet::enrol(address).await;
    let directory: &Directory = &tablet.enrolled.directory;
    let author = directory.staff.iter().find(|staff| staff.name == "林悦").unwrap();
    let own = Audience::Own(author.venue, author.id);
    (tablet, own)
}

/// Pushes so many changes of one person each; gives their ids.
async fn push(tablet: &Tablet, own: &Audience, counter: u64, changes: usize) -> Vec<ChangeId> {
    let Audience::Own(_, author) = own else { panic!("an audience of somebody's own") };
    let changes: Vec<WireChange> = (0..changes)
        .map(|_| {
            let now = tablet.enrolled.server_time;
            WireChange::from(&tablet.change_by(*author, own, tablet.new_record(now), now, &[("name", "李娜")]))
        })
        .collect();
    let push = world::push(counter, changes);
    let answer = tablet.push(&push).await;
    let accepted = |verdict: &Verdict| matches!(verdict, Verdict::Accepted { .. });
    assert!(answer.verdicts.iter().all(accepted), "{answer:?}");
    answer.verdicts.iter().map(Verdict::id).collect()
}

async fn ids(data: &Data) -> BTreeSet<ChangeId> {
    let (ledger, organisation) = yingke_server::admin::open(data).await.unwrap();
    let mut found = BTreeSet::new();
    loop {
        let rows = ledger.rows(organisation, found.len() as u64, 5_000).await.unwrap();
        if rows.is_empty() {
            break;
        }
        found.extend(rows.iter().map(|row| row.ranked.change.id()));
    }
    ledger.close().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_made_under_load_is_one_moment_and_comes_back_whole() {
    let place = demo().await;
    let (_child, address) = serve(&place.data).await;
    let (tablet, own) = writer(address).await;
    let before = push(&tablet, &own, 1, 20).await;
    tablet.push(&Push { unsent: Some(4), ..world::push(1, Vec::new()) }).await;
    let secret = place.path().join("passphrase");
    fs::write(&secret, "松风体育的备份都放在这里面\n第二行\n").unwrap();
    let file = place.path().join("one.backup").display().to_string();
    let sealed = ["--passphrase-file", secret.to_str().unwrap()];
    // Somebody writes all the while.
    let writing = {
        let (other, own) = writer(address).await;
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for counter in 1..=10 {
                    push(&other, &own, counter, 5).await;
                }
            });
        })
    };
    let told = done(&[&["backup", &file], sealed.as_slice()].concat(), &place.data).await;
    assert!(told.contains("sealed"), "{told}");
    writing.await.unwrap();
    let (mut late, _) = writer(address).await;
    refused(&[&["backup", &file], sealed.as_slice()].concat(), &place.data).await;

    let elsewhere = Place::new().await;
    assert!(refused(&["restore", &file], &elsewhere.data).await.contains("passphrase"));
    let told = done(&[&["restore", &file], sealed.as_slice()].concat(), &elsewhere.data).await;
    assert!(told.contains("all agree") && told.contains("new epoch"), "{told}");
    let listed = done(&["device", "list"], &elsewhere.data).await;
    assert!(listed.lines().any(|line| line.contains(", at least 4 unsent at 20")), "{listed}");
    let (all, restored) = (ids(&place.data).await, ids(&elsewhere.data).await);
    assert!(restored.is_subset(&all) && before.iter().all(|id| restored.contains(id)));
    refused(&[&["restore", &file], sealed.as_slice()].concat(), &elsewhere.data).await;

    // A tablet that was enrolled before the copy goes on there, whatever it has pushed since.
    push(&tablet, &own, 2, 3).await;
    let (_child, address) = serve(&elsewhere.data).await;
    let mut moved = tablet;
    moved.address = address;
    push(&moved, &own, 3, 3).await;
    let newcomer = Tablet::enrol(address).await;
    assert!(newcomer.device().0 > 1_000, "numbers that were given since the copy are not given again");
    // One that was enrolled since is unknown there, which is not the same as shut out.
    late.address = address;
    assert_eq!(late.turn().await, Err(TurnError::Endpoint(Trouble::Unknown)));
}

/// What is brought back beside the running program is served by it from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_comes_back_under_the_running_program_and_tablets_notice() {
    let place = demo().await;
    let (_child, address) = serve(&place.data).await;
    let (mut tablet, own) = writer(address).await;
    let Audience::Own(_, author) = own else { panic!() };
    let reply = tablet.try_sign_in(author, "260711").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    tablet.signed_in = Some(reply.json());
    tablet.settle().await;
    let file = place.path().join("open.backup").display().to_string();
    done(&["backup", &file], &place.data).await;
    let epoch = tablet.journal.kept().epoch;
    let lost = push(&tablet, &own, 100, 7).await;
    assert!(refused(&["restore", &file], &place.data).await.contains("already"));
    let damaged = place.path().join("damaged.backup");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let said = refused(&["restore", "--replace", damaged.to_str().unwrap()], &place.data).await;
    assert!(said.contains("damaged"), "{said}");
    let kept = ids(&place.data).await;
    assert!(lost.iter().all(|id| kept.contains(id)), "nothing was altered");
    done(&["restore", "--replace", &file], &place.data).await;
    assert_eq!(tablet.turn().await, Err(TurnError::NewEpoch));
    tablet.settle().await;
    assert_ne!(tablet.journal.kept().epoch, epoch);
    let kept = ids(&place.data).await;
    assert!(!lost.iter().any(|id| kept.contains(id)), "what was written since is not there");
    push(&tablet, &own, 200, 2).await;
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
}

const TABLETS: usize = 20;

/// A club of one venue with one consultant, and tablets on which they are signed in.
async fn club(data: &Data, count: usize) -> (tokio::process::Child, Vec<Rc<Tablet>>) {
    done(&["init", "--organisation", "松风体育"], data).await;
    done(&["venue", "add", "--name", "未来店"], data).await;
    let staff = ["staff", "add", "--name", "林悦", "--role", "consultant", "--venue", "未来店", "--pin", "260711"];
    done(&staff, data).await;
    let said = done(&["device", "code", "--venue", "未来店", "--uses", &count.max(1).to_string()], data).await;
    let code = said.lines().next().unwrap();
    let (child, address) = serve(data).await;
    let mut tablets = Vec::new();
    for _ in 0..count {
        let mut tablet = Tablet::enrol_with(address, code).await;
        let author = tablet.enrolled.directory.staff[0].id;
        tablet.signed_in = Some(tablet.try_sign_in(author, "260711").await.json());
        tablets.push(Rc::new(tablet));
    }
    (child, tablets)
}

/// Saves one change as the app does.
async fn save(tablet: &Tablet, record: RecordId, fields: &[(&str, &str)]) -> ChangeId {
    let staff = &tablet.enrolled.directory.staff[0];
    let own = Audience::Own(staff.venue, staff.id);
    let change = tablet.change_by(staff.id, &own, record, tablet.enrolled.server_time, fields);
    tablet.journal.append(&change).await.unwrap();
    change.change.id()
}

/// What the goals ask as F12, on the real program: acknowledged, lost with the database, and given back.
#[tokio::test]
async fn twenty_tablets_at_work_give_back_what_an_older_copy_had_not() {
    let place = Place::new().await;
    let (_child, tablets) = club(&place.data, TABLETS).await;
    let everybody = tablets[0].new_record(tablets[0].enrolled.server_time);
    let mut saved = BTreeSet::from([save(&tablets[0], everybody, &[("name", "李娜"), ("intent", "C")]).await]);
    for tablet in &tablets {
        tablet.settle().await;
    }
    let file = place.path().join("older.backup").display().to_string();
    done(&["backup", &file], &place.data).await;
    for (place, tablet) in tablets.iter().enumerate() {
        for _ in 0..5 {
            saved.insert(save(tablet, tablet.new_record(tablet.enrolled.server_time), &[("name", "周凯")]).await);
        }
        // All of them alter the same person besides.
        saved.insert(save(tablet, everybody, &[("intent", ["A", "B"][place % 2])]).await);
        tablet.settle().await;
        assert!(tablet.journal.kept().tail.is_empty(), "acknowledged");
    }
    let epoch = tablets[0].journal.kept().epoch;
    assert_eq!(ids(&place.data).await, saved);

    // Each goes on, all at once, while the older copy takes the place of what there is, and until it has heard of it.
    let restored = Rc::new(Cell::new(false));
    let all = tokio::task::LocalSet::new();
    let working = tablets.iter().cloned().map(|tablet| {
        let restored = restored.clone();
        all.spawn_local(async move {
            let mut saved = BTreeSet::new();
            loop {
                let was_restored = restored.get();
                saved
                    .insert(save(&tablet, tablet.new_record(tablet.enrolled.server_time), &[("name", "陈晓彤")]).await);
                match tablet.turn().await {
                    Err(TurnError::NewEpoch) => return saved,
                    Ok(_) if was_restored => panic!("it was not told that this is an older copy"),
                    // What is asked in the middle of it is answered later, or its page proves itself to be of neither.
                    Ok(_) | Err(TurnError::Endpoint(_)) => {}
                    Err(TurnError::Incomplete { .. }) if !was_restored => {}
                    Err(other) => panic!("{other}"),
                }
            }
        })
    });
    let working: Vec<_> = working.collect();
    all.run_until(async {
        done(&["restore", "--replace", &file], &place.data).await;
        restored.set(true);
        for tablet in working {
            saved.extend(tablet.await.unwrap());
        }
    })
    .await;

    // Twice: what one brings back, another has read only when it asks after it.
    for tablet in tablets.iter().chain(&tablets) {
        tablet.settle().await;
    }
    assert_eq!(ids(&place.data).await, saved, "nothing that a tablet held is lost, and nothing was made up");
    let own = Audience::Own(tablets[0].enrolled.directory.staff[0].venue, tablets[0].enrolled.directory.staff[0].id);
    let first = tablets[0].records(&own);
    assert_eq!(first.len(), saved.len() - TABLETS, "each person once");
    for tablet in &tablets {
        assert_ne!(tablet.journal.kept().epoch, epoch);
        assert!(tablet.records(&own) == first, "all hold the same");
    }
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
}

/// An older copy does not let those in again who were shut out since it was made.
#[tokio::test]
async fn whoever_was_shut_out_since_the_copy_stays_so() {
    let place = Place::new().await;
    let (_child, tablets) = club(&place.data, 2).await;
    let file = place.path().join("older.backup").display().to_string();
    done(&["backup", &file], &place.data).await;
    done(&["device", "revoke", "1"], &place.data).await;
    done(&["staff", "disable", "林悦"], &place.data).await;
    let told = done(&["restore", "--replace", &file], &place.data).await;
    assert!(told.contains("1 tablet and 1 person who had been shut out"), "{told}");
    assert!(told.contains("erasures is not there"), "{told}");
    assert_eq!(tablets[0].get("/v1/me").await.problem(), (401, "device_revoked".into()));
    assert_eq!(tablets[1].get("/v1/me").await.status, 401, "the person's credential is gone with the person");
    assert!(done(&["device", "list"], &place.data).await.lines().next().unwrap().contains("revoked"));
    assert!(done(&["staff", "list"], &place.data).await.contains("(left)"));
    refused(&["staff", "reset-pin", "林悦"], &place.data).await;
}

/// A restore, or a beginning, that was cut off is not in the way of the next.
#[tokio::test]
async fn what_was_begun_and_never_held_anything_is_gone_on_with() {
    let place = Place::new().await;
    let _club = club(&place.data, 0).await;
    let file = place.path().join("one.backup").display().to_string();
    done(&["backup", &file], &place.data).await;
    let said = refused(&["restore", &file], &place.data).await;
    assert!(said.contains("--replace"), "{said}");
    for words in [vec!["restore", &file], vec!["restore", "--replace", &file], vec!["init", "--organisation", "迎客"]]
    {
        let begun = Place::new().await;
        yingke_server::admin::create(&begun.data).await.unwrap().close().await;
        let said = refused(&["verify"], &begun.data).await;
        assert!(said.contains("did not finish"), "{said}");
        done(&words, &begun.data).await;
        done(&["verify"], &begun.data).await;
    }
}

// ---- People from another program ----------------------------------------------------------------------------

fn import<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["import", file, "--venue", "未来店", "--as", "林悦"], more].concat()
}

#[tokio::test]
async fn people_of_another_program_come_in_whole_or_not_at_all() {
    let place = demo().await;
    let before = ids(&place.data).await.len();
    let write = |name: &str, bytes: &[u8]| {
        let file = place.path().join(name);
        fs::write(&file, bytes).unwrap();
        file.display().to_string()
    };
    let good = "姓名,手机号,性别,生日,会籍顾问,意向项目,暗号\n\
        张顺利,13900001111,男,1990-05-17,周凯,瑜伽、跑步,甲\n\
        欧阳慧,0571-88886666,女,,,,乙\n";
    // As Excel in China writes it.
    let gbk = write("gbk.csv", &encoding_rs::GB18030.encode(good).0);
    let told = done(&import(&gbk, &[]), &place.data).await;
    for part in ["GBK", "手机号 → phone", "暗号 → left out", "phone=+8613900001111", "2 guests would come in"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(ids(&place.data).await.len(), before, "a preview writes nothing");

    let bad = write(
        "bad.csv",
        "姓名,手机号,性别,生日,会籍顾问\n\
         张顺利,13900001111,男,1990-05-17,\n\
         ,,,1990-01-01,\n\
         王芳,139,男,,\n\
         赵敏,13900002222,也许,2990-01-01,没有此人\n\
         钱进,13900001111,男,,\n\
         孙丽,13900003333,女,,,多出来的\n"
            .as_bytes(),
    );
    let output = crate::process::run(&import(&bad, &["--write"]), &place.data).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for part in [
        "row 3: neither",
        "row 4: phone",
        "row 5: gender",
        "row 5: birth_date",
        "row 5: owner",
        "row 6: the same phone number as in row 2",
        "row 7: it has more cells",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(ids(&place.data).await.len(), before, "nothing half imported");

    let told = done(&import(&gbk, &["--write", "--map", "暗号=note"]), &place.data).await;
    assert!(told.contains("2 guests brought in"), "{told}");
    assert_eq!(ids(&place.data).await.len(), before + 2);
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
    // Again: the club knows them now.
    let output = crate::process::run(&import(&gbk, &["--write"]), &place.data).await;
    assert!(String::from_utf8(output.stderr).unwrap().contains("knows this phone number already"));
    let told = done(&import(&gbk, &["--write", "--skip-known"]), &place.data).await;
    assert!(told.contains("2 rows are left out") && told.contains("0 guests brought in"), "{told}");
    // Nor does somebody come twice who has no number.
    let numberless = write("numberless.csv", "姓名,性别\n吴迪,男\n".as_bytes());
    for count in ["1 guest brought in", "0 guests brought in"] {
        let told = done(&import(&numberless, &["--write", "--skip-known"]), &place.data).await;
        assert!(told.contains(count), "{told}");
    }

    refused(&import(&gbk, &["--map", "无此栏=name"]), &place.data).await;
    refused(&import(&gbk, &["--map", "暗号=shoe_size"]), &place.data).await;
    let no_people = write("other.csv", "品名,价格\n水,3\n".as_bytes());
    assert!(refused(&import(&no_people, &[]), &place.data).await.contains("--map"));
    assert!(refused(&import(&write("people.pdf", b"%PDF"), &[]), &place.data).await.contains(".xlsx"));
}

#[tokio::test]
async fn what_is_exported_can_be_read_by_others_and_brought_in_again() {
    let place = demo().await;
    let path = |name: &str| place.path().join(name);
    let mut rows = Vec::new();
    for name in ["people.csv", "people.xlsx", "people.json"] {
        let file = path(name).display().to_string();
        let told = done(&["export", &file], &place.data).await;
        rows.push(told.split(' ').nth(2).unwrap().parse::<usize>().unwrap());
        refused(&["export", &file], &place.data).await;
    }
    assert!(rows[0] >= 2_000 && rows.iter().all(|count| *count == rows[0]), "{rows:?}");
    let json: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(path("people.json")).unwrap()).unwrap();
    assert_eq!(json.len(), rows[0]);
    let (csv, xlsx) = (
        yingke_server::sheet::read(&path("people.csv")).unwrap(),
        yingke_server::sheet::read(&path("people.xlsx")).unwrap(),
    );
    assert_eq!(csv.names, xlsx.names);
    for (place, name) in
        csv.names.iter().enumerate().filter(|(_, name)| ["id", "name", "phone", "owner"].contains(&name.as_str()))
    {
        for ((one, other), record) in csv.rows.iter().zip(&xlsx.rows).zip(&json) {
            assert_eq!(one.cells[place], other.cells[place], "{name}");
            let text = match &one.cells[place] {
                yingke_server::sheet::SheetCell::Text(text) => Some(text.as_str()),
                _ => None,
            };
            assert_eq!(record.get(name).and_then(|value| value.as_str()), text, "{name}");
        }
    }
    assert!(csv.rows.len() == rows[0] && fs::read(path("people.csv")).unwrap().starts_with(b"\xef\xbb\xbf"));
    refused(&["export", "people.doc"], &place.data).await;
    refused(&["export", path("cars.csv").to_str().unwrap(), "--kind", "car"], &place.data).await;
    assert!(!path("cars.csv").exists());
}

/// How many rows: `cargo xtask soak` says 100,000.
fn many() -> usize {
    std::env::var("YINGKE_IMPORT_ROWS").map_or(2_000, |rows| rows.parse().unwrap())
}

/// Each of what it compares, altered by somebody's hand in the database.
#[tokio::test]
async fn verify_says_what_was_altered() {
    for (alter, told) in [
        ("delete from record where id = (select id from record order by id limit 1)", "records are kept"),
        (
            "update record set body = (select body from record order by id desc limit 1) \
             where id = (select id from record order by id limit 1)",
            "is kept under another id as well",
        ),
        ("update stream_head set count = count + 1", "the ends of the streams differ"),
        ("update stream_head set digest = digest + 1", "the ends of the streams differ"),
        (
            "update ledger set hash = (select hash from ledger where number = 1) where number = 2",
            "(number 2) is not what was accepted",
        ),
    ] {
        let place = Place::new().await;
        let (_child, tablets) = club(&place.data, 1).await;
        for name in ["李娜", "王芳", "周凯"] {
            save(&tablets[0], tablets[0].new_record(tablets[0].enrolled.server_time), &[("name", name)]).await;
        }
        tablets[0].settle().await;
        assert!(done(&["verify"], &place.data).await.contains("all agree"));
        let altered = match &place.data.database {
            Some(url) => {
                let mut database = PgConnection::connect(url).await.unwrap();
                sqlx::query(alter).execute(&mut database).await.unwrap().rows_affected()
            }
            None => {
                let url = format!("sqlite://{}", place.path().join("yingke.db").display());
                let mut database = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query(alter).execute(&mut database).await.unwrap().rows_affected()
            }
        };
        assert_eq!(altered, 1, "{alter}");
        let output = run(&["verify"], &place.data).await;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success() && said.contains(told), "{alter}: {said}");
    }
}

/// Half a table looks like a whole one.
#[cfg(unix)]
#[tokio::test]
async fn where_the_disk_is_full_no_half_table_is_left() {
    let place = demo().await;
    for name in ["people.csv", "people.json", "people.xlsx"] {
        let file = place.path().join(name);
        let words = ["export", file.to_str().unwrap()];
        let output = crate::process::run_on_a_full_disk(&words, 64, &place.data).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(name), "{said}");
        assert!(!file.exists(), "{name}");
        done(&words, &place.data).await;
    }
}

#[tokio::test]
async fn a_long_table_comes_in_at_once() {
    let place = demo().await;
    let rows = many();
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["姓名", "手机"]).unwrap();
    for row in 1..=u32::try_from(rows).unwrap() {
        sheet.write(row, 0, format!("张{}", ["伟", "芳", "娜", "敏"][row as usize % 4])).unwrap();
        sheet.write(row, 1, 15_000_000_000_f64 + f64::from(row)).unwrap();
    }
    let file = place.path().join("many.xlsx");
    book.save(&file).unwrap();
    let begun = std::time::Instant::now();
    let told = done(&import(file.to_str().unwrap(), &["--write"]), &place.data).await;
    assert!(told.contains(&format!("{rows} guests brought in")), "{told}");
    println!("{rows} rows in {:?}", begun.elapsed());
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
}
