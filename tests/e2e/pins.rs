//! Another PIN: chosen by its owner, a passphrase in its place, or given by a supervisor to who forgot theirs.

use crate::{
    house::{LIN_YUE, Person, Server, Tablet},
    leads::{self, Lead},
};

const PASSPHRASE: &str = "松风亭下看月亮升起来了吗";
const NEW_PIN: &str = "495162";

#[tokio::test]
async fn a_passphrase_takes_the_place_of_a_pin_and_a_forgotten_one_costs_no_work() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.link("更多").tap().await;
    tablet.button("换我的密码").tap().await;
    let fill = async |now: &str, new: &str, again: &str| {
        tablet.field("现在的密码或口令").fill(now).await;
        tablet.field("新的密码或口令").fill(new).await;
        tablet.field("再输一次").fill(again).await;
        tablet.button("换上").tap().await;
    };
    fill(LIN_YUE.pin, "12345", "12345").await;
    tablet.text("要么六位数字，要么至少十二个字").shown().await;
    fill(LIN_YUE.pin, PASSPHRASE, NEW_PIN).await;
    tablet.text("两次输的不一样").shown().await;
    fill("135790", PASSPHRASE, PASSPHRASE).await;
    tablet.text("密码不对，请再试").shown().await;
    fill(LIN_YUE.pin, "123456", "123456").await;
    tablet.text("这个太容易猜").shown().await;
    fill(LIN_YUE.pin, PASSPHRASE, PASSPHRASE).await;
    tablet.status("下次解锁就用新的").shown().await;

    // Without network it opens, and the PIN of before does not.
    server.kill().await;
    let guest = Lead::in_a_hurry("13805712296");
    leads::begin_outing(&tablet).await;
    leads::capture_fast(&tablet, &guest).await;
    leads::ticked(&tablet, &guest).await;
    tablet.lock(LIN_YUE).await;
    tablet.type_pin(LIN_YUE, LIN_YUE.pin).await;
    tablet.text("密码不对，请再试").shown().await;
    tablet.button("用口令").tap().await;
    tablet.field("口令").fill(PASSPHRASE).await;
    tablet.button("解锁").tap().await;
    tablet.link("客户").shown().await;
    tablet.lock(LIN_YUE).await;

    // It is forgotten, with the work still unsent: somebody gives out a PIN.
    server.run(&["staff", "reset-pin", LIN_YUE.name, "--pin", NEW_PIN]).await;
    server.start().await;
    tablet.text("本机的记录都已送达").shown_in_minutes(2).await;
    tablet.unlock(Person { pin: NEW_PIN, ..LIN_YUE }).await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, "2296", 1).await;
    assert_eq!(server.verified_changes().await, 2, "the outing and the guest");
}
