//! Somebody's credential ran out a week ago, with their work on the tablet. Source: F14.

use sqlx::{Connection, sqlite::SqliteConnectOptions};

use crate::house::{LIN_YUE, Server, Tablet};

/// What a week, and the thirty days before it, do to every credential of a person.
async fn time_passes(server: &Server) {
    let options = SqliteConnectOptions::new().filename(server.folder().join("yingke.db"));
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let aged = sqlx::query("update person_token set expires_at = expires_at - ?").bind(37 * 24 * 3_600_000_i64);
    assert_ne!(aged.execute(&mut database).await.unwrap().rows_affected(), 0);
    database.close().await.unwrap();
}

pub async fn take_in(tablet: &Tablet, name: &str, number: &str) {
    tablet.link("客户").tap().await;
    tablet.button("新客户").tap().await;
    tablet.field("联系电话").fill(number).await;
    tablet.field("姓名").fill(name).await;
    tablet.checkbox("同意电话联系").tap().await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机").shown().await;
}

#[tokio::test]
async fn whose_credential_ran_out_goes_on_their_work_is_sent_and_an_unlock_renews_it() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-14", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;
    let before = server.verified_changes().await;
    take_in(&tablet, "程若水", "13655550141").await;
    time_passes(&server).await;
    server.start().await;

    // It is told, nothing is in the way, and what was saved does not wait for it.
    tablet.button("要重新登录").shown_in_minutes(3).await;
    let arrived = async |count: usize| (server.verified_changes().await == before + count).then_some(());
    tablet.until("the first is not there", async || arrived(1).await).await;
    take_in(&tablet, "苏晴川", "13655550142").await;
    tablet.until("the second is not there", async || arrived(2).await).await;
    tablet.button("要重新登录").tap().await;
    tablet.text("登录过期了").shown().await;

    tablet.lock(LIN_YUE).await;
    tablet.unlock(LIN_YUE).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    assert_eq!(server.verified_changes().await, before + 2, "and each once");
}
