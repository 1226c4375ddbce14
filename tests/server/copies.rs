//! Copies and tables of people: made and brought back by the real program, beside one that serves.

use std::fs;

use yingke_core::{
    audience::Audience,
    sync::{Trouble, TurnError},
    wire::v1::{Directory, Verdict, WireChange},
};
use yingke_server::settings::Data;

use crate::{
    process::{demo, done, refused, serve},
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
async fn push(tablet: &Tablet, own: &Audience, counter: u64, changes: usize) -> Vec<yingke_core::id::ChangeId> {
    let Audience::Own(_, author) = own else { panic!("an audience of somebody's own") };
    let changes: Vec<WireChange> = (0..changes)
        .map(|_| {
            let now = tablet.enrolled.server_time;
            let mut change = tablet.change(1, own, tablet.new_record(now), now, &[("name", "李娜")]);
            change.change.header.organisation = tablet.enrolled.directory.organisation;
            change.change.header.author = *author;
            WireChange::from(&change)
        })
        .collect();
    let push = world::push(counter, changes);
    let answer = tablet.push(&push).await;
    let accepted = |verdict: &Verdict| matches!(verdict, Verdict::Accepted { .. });
    assert!(answer.verdicts.iter().all(accepted), "{answer:?}");
    answer.verdicts.iter().map(Verdict::id).collect()
}

async fn ids(data: &Data) -> std::collections::BTreeSet<yingke_core::id::ChangeId> {
    let (ledger, organisation) = yingke_server::admin::open(data).await.unwrap();
    let mut found = std::collections::BTreeSet::new();
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
    for part in ["GBK", "手机号 → phone", "暗号 → left out", "phone=+8613900001111", "2 people would come in"]
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
    assert!(told.contains("2 people are in"), "{told}");
    assert_eq!(ids(&place.data).await.len(), before + 2);
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
    // Again: the club knows them now.
    let output = crate::process::run(&import(&gbk, &["--write"]), &place.data).await;
    assert!(String::from_utf8(output.stderr).unwrap().contains("knows this phone number already"));
    let told = done(&import(&gbk, &["--write", "--skip-known"]), &place.data).await;
    assert!(told.contains("2 rows are left out") && told.contains("0 people are in"), "{told}");

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
    assert!(told.contains(&format!("{rows} people are in")), "{told}");
    println!("{rows} rows in {:?}", begun.elapsed());
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
}
