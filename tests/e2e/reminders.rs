//! Reminders of what runs late: turned on and off by whoever works there, shown by the worker, and said in words where they
//! cannot be. No push service can be reached from a test, so the browser's half of one is played; what it would deliver is
//! handed to the worker by the browser itself.

use serde_json::{Value as Json, json};

use crate::{
    house::{LIN_YUE, Server, Tablet, WU_SHAN},
    looks::Eye,
};

const ROW: &str = "超时提醒";
const ON: &str = "在这台设备上提醒我";
const OFF: &str = "不再提醒我";
/// A browser that has a push service. Its point is the one of RFC 8291's example.
const PLAYED: &str = r#"
window.played = { subscription: null, ended: 0 };
const keys = {
  p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
  auth: "BTBZMqHH6r4Tts7J_aSIgg",
};
PushManager.prototype.subscribe = async (wish) => {
  played.wish = wish;
  return played.subscription = {
    toJSON: () => ({ endpoint: "https://fcm.googleapis.com/fcm/send/played", keys }),
    unsubscribe: async () => { played.subscription = null; played.ended += 1; return true; },
  };
};
PushManager.prototype.getSubscription = async () => played.subscription;
"#;
const NOTICES: &str = "const done = arguments[arguments.length - 1];
    navigator.serviceWorker.ready.then((it) => it.getNotifications()).then((all) =>
        done(all.map(({ title, body, lang, tag }) => ({ title, body, lang, tag }))));";

async fn permission(tablet: &Tablet, server: &Server, setting: &str) {
    let asked = json!({ "permission": { "name": "notifications" }, "setting": setting, "origin": server.address() });
    tablet.devtools("Browser.setPermission", asked).await;
}

async fn open(tablet: &Tablet) {
    tablet.link("更多").tap().await;
    tablet.button(ROW).tap().await;
}

async fn close(tablet: &Tablet) {
    tablet.button("关上").tap().await;
}

/// What the browser delivers when a push service has a message, once the worker has shown it.
async fn delivered(tablet: &Tablet, server: &Server, message: &str, title: &str) -> Json {
    let shown = async || {
        // The first registration of a profile is the first or second number.
        for id in ["0", "1"] {
            let asked = json!({ "origin": server.address(), "registrationId": id, "data": message });
            tablet.devtools("ServiceWorker.deliverPushMessage", asked).await;
        }
        let shown = tablet.later(NOTICES, json!(null)).await;
        shown.as_array().is_some_and(|all| all.iter().any(|one| one["title"] == title)).then_some(shown)
    };
    tablet.until(format!("“{title}” is shown"), shown).await
}

#[tokio::test]
async fn who_turns_reminders_on_is_told_by_the_worker_and_it_ends_with_them() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    let mut eye = Eye::on(&tablet);

    // Where the browser was told no, and where it reaches no push service.
    permission(&tablet, &server, "denied").await;
    open(&tablet).await;
    tablet.status("浏览器没有允许通知").shown().await;
    assert!(!tablet.button(ON).is_there().await, "there is nothing to press");
    eye.look("45-reminders-refused").await;
    close(&tablet).await;
    let granted = json!({ "origin": server.address(), "permissions": ["notifications"] });
    tablet.devtools("Browser.grantPermissions", granted).await;
    open(&tablet).await;
    tablet.button(ON).shown().await;
    eye.look("46-reminders").await;
    tablet.button(ON).tap().await;
    tablet.status("这个浏览器收不到推送").shown().await;
    close(&tablet).await;

    // Where it does: on, and off again by each for themselves.
    tablet.run(PLAYED, vec![]).await;
    turn_on(&tablet).await;
    let wish = tablet.run("return played.wish", vec![]).await;
    assert_eq!(wish["userVisibleOnly"], true);
    assert_eq!(wish["applicationServerKey"].as_str().map(str::len), Some(87), "a point of 65 bytes");
    open(&tablet).await;
    tablet.button(OFF).shown().await;
    eye.look("47-reminders-on").await;
    close(&tablet).await;

    // In the language that the tablet speaks.
    assert!(server.holds(b"zh-Hans") && !server.holds(b"zh-Hant"));
    tablet.radio("繁體中文").tap().await;
    tablet.until("the endpoint hears of the language", async || server.holds(b"zh-Hant").then_some(())).await;
    tablet.radio("简体中文").tap().await;
    tablet.link("更多").shown().await;

    tablet.lock(LIN_YUE).await;
    tablet.unlock(WU_SHAN).await;
    turn_on(&tablet).await;
    turn_off(&tablet).await;
    let ended = "return [played.ended, played.subscription !== null]";
    assert_eq!(tablet.run(ended, vec![]).await, json!([0, true]), "the other one is still reminded");
    tablet.lock(WU_SHAN).await;
    tablet.unlock(LIN_YUE).await;
    turn_off(&tablet).await;
    says(&tablet, ended, json!([1, false])).await;
    turn_on(&tablet).await;

    // A message is shown by the worker; the next one takes its place, and a tap leads to Today.
    tablet.devtools("ServiceWorker.enable", json!({})).await;
    let message = json!({ "title": "有2件事超时了", "body": "意见与投诉：已升级 2件", "lang": "zh-Hans" });
    let shown = delivered(&tablet, &server, &message.to_string(), "有2件事超时了").await;
    let mut expected = message;
    expected["tag"] = "late".into();
    assert_eq!(shown, json!([expected]));
    let next = json!({ "title": "有1件事超时了", "body": "设备故障：超时 1件", "lang": "zh-Hans" });
    let shown = delivered(&tablet, &server, &next.to_string(), "有1件事超时了").await;
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    let shown = delivered(&tablet, &server, "", "迎客").await;
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    let tapped = "navigator.serviceWorker.dispatchEvent(new MessageEvent('message', { data: { type: 'today' } }))";
    tablet.run(tapped, vec![]).await;
    says(&tablet, "return location.pathname", json!("/today")).await;

    // Without the endpoint it can be turned neither on nor off.
    server.kill().await;
    open(&tablet).await;
    tablet.status("连不上中心").shown().await;
    close(&tablet).await;
    eye.found_all_in_order();

    // A tablet that is shut out subscribes to nothing any more.
    server.run(&["device", "revoke", "1"]).await;
    server.start().await;
    tablet.heading("这台平板已停用，资料都清掉了").shown_in_minutes(3).await;
    says(&tablet, ended, json!([2, false])).await;
}

async fn turn_on(tablet: &Tablet) {
    open(tablet).await;
    tablet.button(ON).tap().await;
    tablet.text("已开启，这台设备会提醒你").shown().await;
    tablet.button(ON).gone().await;
}

async fn turn_off(tablet: &Tablet) {
    open(tablet).await;
    tablet.button(OFF).tap().await;
    tablet.text("已关闭，这台设备不再提醒你").shown().await;
    tablet.button(OFF).gone().await;
}

/// Waits until a script gives this.
async fn says(tablet: &Tablet, script: &str, expected: Json) {
    let said = async || (tablet.run(script, vec![]).await == expected).then_some(());
    tablet.until(format!("`{script}` gives {expected}"), said).await;
}
