//! What is acknowledged is on the disk: seen in the calls that the program makes of the system.
//!
//! The kernel's cache survives a killed process, so killing it proves nothing about this.

use std::{fs, time::Duration};

use yingke_core::{
    audience::Audience,
    wire::v1::{Verdict, WireChange},
};
use yingke_tests::strace::{self, Call};

use crate::{
    process,
    world::{Place, Tablet, push},
};

const PUSHES: u64 = 30;

/// The syncs of the log that had ended before each answer was begun.
fn syncs_before_answers(trace: &str) -> Vec<usize> {
    let calls = strace::calls(trace);
    let is_sync = |call: &&Call| {
        let syncs = call.text.starts_with("fsync(") || call.text.starts_with("fdatasync(");
        syncs && call.text.contains("yingke.db-wal>") && call.text.ends_with("= 0")
    };
    let synced: Vec<usize> = calls.iter().filter(is_sync).map(|call| call.ended).collect();
    let answers = calls.iter().filter(|call| call.text.contains("\"HTTP/1.1 200 OK"));
    answers.map(|answer| synced.iter().filter(|ended| **ended < answer.began).count()).collect()
}

#[tokio::test]
#[ignore = "needs strace; `cargo xtask test endpoint` gets it"]
async fn the_log_is_synced_before_each_acknowledgement() {
    let place = Place::on_a_file();
    process::done(&["demo"], &place.data).await;
    let log = place.path().join("trace");
    let (mut child, address) = process::serve_watched(&place.data, &log).await;
    let tablet = Tablet::enrol(address).await;
    let directory = &tablet.enrolled.directory;
    let author = directory.staff.iter().find(|staff| staff.name == "林悦").unwrap();
    let (own, now) = (Audience::Own(author.venue, author.id), tablet.enrolled.server_time);
    for counter in 1..=PUSHES {
        let change = tablet.change_by(author.id, &own, tablet.new_record(now), now, &[("name", "李娜")]);
        let changes = vec![WireChange::from(&change)];
        let push = push(counter, changes);
        assert!(matches!(tablet.push(&push).await.verdicts[0], Verdict::Accepted { had: false, .. }));
    }
    let id = child.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    tokio::time::timeout(Duration::from_secs(60), child.wait()).await.expect("it ends").unwrap();
    let syncs = syncs_before_answers(&fs::read_to_string(&log).unwrap());
    // The first answer is the enrolment's.
    assert_eq!(syncs.len() as u64, PUSHES + 1, "{syncs:?}");
    assert!(syncs.windows(2).all(|pair| pair[1] > pair[0]), "an answer without a sync before it: {syncs:?}");
}

/// The check can fail: here an answer goes out while its sync is still under way.
#[test]
fn an_answer_before_its_sync_is_noticed() {
    let good = "\
        7 fdatasync(9</d/yingke.db-wal>) = 0\n\
        8 writev(11<socket:[1]>, [{iov_base=\"HTTP/1.1 200 OK\\r\\ncontent-typ\"...}]) = 9\n\
        7 fdatasync(9</d/yingke.db-wal> <unfinished ...>\n\
        7 <... fdatasync resumed>) = 0\n\
        8 writev(11<socket:[1]>, [{iov_base=\"HTTP/1.1 200 OK\\r\\ncontent-typ\"...}]) = 9\n\
        7 fdatasync(9</d/yingke.db>) = 0\n";
    assert_eq!(syncs_before_answers(good), [1, 2]);
    let lines: Vec<&str> = good.lines().collect();
    let relaxed = [lines[0], lines[1], lines[2], lines[4], lines[3]].join("\n");
    assert_eq!(syncs_before_answers(&relaxed), [1, 1]);
}
