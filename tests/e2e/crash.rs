//! Confirmed work survives: what was ticked is there after the browser was killed at any moment.

use yingke_core::chance::{Chance, Seeded};

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Lead},
};

/// Kills of the browser, where YINGKE_BROWSER_KILLS asks for no other number: `cargo xtask soak kills`.
const KILLS: usize = 25;
/// Of what was ticked before an earlier kill, so many are looked for after each; all of it at the end, at the endpoint.
const LOOKED_FOR: u64 = 3;
/// Captures before the one that the browser dies in.
const CAPTURES_MAX: u64 = 5;
/// Looks for the tick before the browser is killed. One takes some milliseconds and a save some tens of them, so the kill
/// falls before, into or after it.
const LOOKS_MAX: u64 = 16;

#[tokio::test]
async fn what_was_ticked_is_there_after_a_kill_at_any_moment() {
    let kills = std::env::var("YINGKE_BROWSER_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let mut chance = Seeded::new(20_261_122);
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    leads::begin_outing(&tablet).await;

    let mut ticked: Vec<Lead> = Vec::new();
    let mut pressed = 0;
    for kill in 1..=kills {
        let before = ticked.len();
        for _ in 0..chance.next_u64() % CAPTURES_MAX {
            let lead = nth(pressed);
            pressed += 1;
            leads::capture_fast(&tablet, &lead).await;
            leads::ticked(&tablet, &lead).await;
            ticked.push(lead);
        }
        let lead = nth(pressed);
        pressed += 1;
        leads::capture_fast(&tablet, &lead).await;
        let mut is_ticked = false;
        for _ in 0..chance.next_u64() % LOOKS_MAX {
            is_ticked |= tablet.status(&leads::tick(&lead)).is_there().await;
        }
        if is_ticked {
            ticked.push(lead);
        }
        tablet.kill().await;

        tablet.open().await;
        tablet.unlock(LIN_YUE).await;
        tablet.link("客户").tap().await;
        let earlier = (0..LOOKED_FOR.min(before as u64)).map(|_| (chance.next_u64() % before as u64) as usize);
        for place in earlier.collect::<Vec<_>>().into_iter().chain(before..ticked.len()) {
            leads::search_finds(&tablet, &ticked[place].digits(), 1).await;
        }
        tablet.link("外拓").tap().await;
        tablet.button(if ticked.is_empty() { "开始记" } else { "接着记" }).tap().await;
        println!("kill {kill}: {} ticked of {pressed}", ticked.len());
        // A card whose save did not come about is back; nothing of it is lost either.
        tablet.group("联系电话").shown().await;
        if !tablet.button("先输入号码").is_there().await {
            tablet.button("清空").tap().await;
        }
    }

    // Queued as well: everything arrives, once.
    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let arrived = server.verified_changes().await - 1;
    assert!((ticked.len()..=pressed).contains(&arrived), "{arrived} of {} ticked, {pressed} pressed", ticked.len());
    let file = server.folder().join("people.csv");
    server.run(&["export", &file.to_string_lossy()]).await;
    let people = std::fs::read_to_string(file).unwrap();
    for lead in &ticked {
        let theirs = people.lines().filter(|line| line.contains(&lead.digits()));
        assert_eq!(theirs.count(), 1, "{}", lead.written);
    }
}

fn nth(place: usize) -> Lead {
    Lead::in_a_hurry(&format!("138{:08}", 57_101_000 + 7 * place))
}
