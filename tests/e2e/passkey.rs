//! A finger before the tablet's reader in the place of the PIN: set up once, good without network, and for one PIN only.
//! The reader is Chromium's own make-believe one.

use serde_json::{Value as Json, json};

use crate::{
    house::{LIN_YUE, Person, Server, Tablet},
    leads::{self, Lead},
    looks::Eye,
};

const UNLOCK: &str = "用指纹或面容开锁";
const ROW: &str = "指纹或面容解锁";
/// What some readers do: a passkey that is made says no more than that it has a secret.
const SECRETIVE: &str = "const make = navigator.credentials.create.bind(navigator.credentials);
    navigator.credentials.create = async (wish) => {
        const made = await make(wish);
        made.getClientExtensionResults = () => ({ prf: { enabled: true } });
        return made;
    };";

#[tokio::test]
async fn a_finger_unlocks_without_network_until_the_pin_is_another() {
    let mut server = Server::club().await;
    // Browsers make passkeys for names, and not for addresses of digits.
    let tablet = Tablet::new("A-07", format!("http://localhost:{}", server.port)).await;
    let reader = Reader::of(&tablet).await;
    tablet.reload().await;
    tablet.enrol(&server).await;
    tablet.unlock(LIN_YUE).await;
    tablet.installed().await;
    let guest = Lead::in_a_hurry("13805712296");
    leads::begin_outing(&tablet).await;
    leads::capture_fast(&tablet, &guest).await;
    leads::ticked(&tablet, &guest).await;
    let mut eye = Eye::on(&tablet);

    // Set up: with the PIN, and only the right one.
    tablet.link("更多").tap().await;
    tablet.button(ROW).shown().await;
    eye.look("40-more").await;
    tablet.button(ROW).tap().await;
    tablet.text(&format!("{}，请输入数字密码", LIN_YUE.name)).shown().await;
    eye.look("41-passkey-pin").await;
    tablet.type_digits("135790").await;
    tablet.status("密码不对，请再试").shown().await;
    tablet.type_digits(LIN_YUE.pin).await;
    tablet.text("密码对了").shown().await;
    tablet.button("认指纹或面容").shown().await;
    eye.look("42-passkey-finger").await;
    tablet.button("认指纹或面容").tap().await;
    tablet.text("已开启，下次开锁就能用").shown().await;
    tablet.button(&format!("{ROW} 已开启")).tap().await;
    tablet.button("关闭指纹或面容解锁").shown().await;
    eye.look("43-passkey-on").await;
    tablet.button("关上").tap().await;

    // Without network, in a page that was opened anew.
    server.kill().await;
    tablet.reload().await;
    by_finger(&tablet, LIN_YUE).await;
    tablet.link("客户").shown().await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, "2296", 1).await;

    // A PIN that was reset: what is wrapped under it is nothing for the passkey of before.
    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    let reset = Person { pin: "482913", ..LIN_YUE };
    server.run(&["staff", "reset-pin", reset.name, "--pin", reset.pin]).await;
    tablet.lock(LIN_YUE).await;
    tablet.unlock(reset).await;
    tablet.lock(reset).await;
    by_finger(&tablet, reset).await;
    tablet.status("指纹或面容解锁失效了").shown().await;
    tablet.button(UNLOCK).gone().await;
    tablet.unlock(reset).await;

    // Set up again, with a reader that tells its secret only when it is asked, until the centre has signed them out: then the
    // PIN is wanted.
    tablet.run(SECRETIVE, vec![]).await;
    set_up(&tablet, reset).await;
    tablet.lock(reset).await;
    by_finger(&tablet, reset).await;
    tablet.link("客户").shown().await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    let again = Person { pin: "719305", ..LIN_YUE };
    server.run(&["staff", "reset-pin", again.name, "--pin", again.pin]).await;
    tablet.button("要重新登录").shown_in_minutes(3).await;
    tablet.lock(again).await;
    by_finger(&tablet, again).await;
    tablet.status("登录到期了，这次请输数字密码").shown().await;
    tablet.unlock(again).await;

    // Another finger opens nothing, and the PIN still does.
    set_up(&tablet, again).await;
    tablet.lock(again).await;
    reader.sees_somebody_else(&tablet).await;
    by_finger(&tablet, again).await;
    tablet.status("没认出来，或者取消了").shown().await;
    eye.look("44-passkey-door").await;
    assert!(!tablet.link("客户").is_there().await);
    tablet.unlock(again).await;

    // Turned off, it is offered no more; nor does another finger turn it on.
    tablet.link("更多").tap().await;
    tablet.button(ROW).tap().await;
    tablet.button("关闭指纹或面容解锁").tap().await;
    tablet.text("已关闭，以后用数字密码开锁").shown().await;
    begin_set_up(&tablet, again).await;
    tablet.status("没认出来，或者取消了").shown().await;
    tablet.button("关上").tap().await;
    tablet.lock(again).await;
    tablet.radio(again.name).tap().await;
    tablet.text("请输入数字密码").shown().await;
    assert!(!tablet.button(UNLOCK).is_there().await);
    eye.found_all_in_order();

    // Nor is it where the page has an address of digits.
    tablet.go(&server.address()).await;
    tablet.enrol(&server).await;
    tablet.unlock(again).await;
    tablet.link("更多").tap().await;
    tablet.button("锁上，换人").shown().await;
    assert!(!tablet.button(ROW).is_there().await);
}

async fn set_up(tablet: &Tablet, who: Person) {
    begin_set_up(tablet, who).await;
    tablet.text("已开启，下次开锁就能用").shown().await;
}

async fn begin_set_up(tablet: &Tablet, who: Person) {
    tablet.link("更多").tap().await;
    tablet.button(ROW).tap().await;
    tablet.text(&format!("{}，请输入数字密码", who.name)).shown().await;
    tablet.type_digits(who.pin).await;
    tablet.button("认指纹或面容").tap().await;
}

async fn by_finger(tablet: &Tablet, who: Person) {
    tablet.radio(who.name).tap().await;
    tablet.button(UNLOCK).tap().await;
}

/// The tablet's reader, as the browser plays it.
struct Reader {
    id: Json,
}

impl Reader {
    async fn of(tablet: &Tablet) -> Self {
        tablet.devtools("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "hasPrf": true,
            "automaticPresenceSimulation": true,
            "isUserVerified": true,
        });
        let added = tablet.devtools("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await;
        Self { id: added["authenticatorId"].clone() }
    }

    /// From now on: it lets nobody try twice.
    async fn sees_somebody_else(&self, tablet: &Tablet) {
        let known = json!({ "authenticatorId": self.id, "isUserVerified": false });
        tablet.devtools("WebAuthn.setUserVerified", known).await;
    }
}
