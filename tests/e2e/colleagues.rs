//! A manager lets somebody new come, gives out a code, and shuts a lost tablet out, all from a tablet.

use crate::{
    house::{LI_WEI, Person, Server, Tablet},
    page::Page,
    passes::code_on,
};

#[tokio::test]
async fn a_manager_lets_somebody_come_enrols_a_tablet_and_shuts_it_out() {
    let mut server = Server::club().await;
    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.link("更多").tap().await;
    manager.button("同事与平板").tap().await;
    manager.button("添加同事").tap().await;
    // Nothing is asked of the centre while something is missing.
    manager.button("添加").tap().await;
    manager.text("请填姓名").shown().await;
    manager.text("请选一个岗位").shown().await;
    manager.field("姓名").fill("林悦").await;
    manager.group("岗位").tap_inside("[role=radio]", "会籍顾问").await;
    manager.button("添加").tap().await;
    manager.text("已经有同名的同事了").shown().await;
    manager.field("姓名").fill("宋雅").await;
    manager.button("添加").tap().await;
    manager.text("宋雅可以用这个密码登录了").shown().await;
    let pin = digits(&manager).await;
    manager.button("关上").tap().await;
    manager.list("同事").tap_inside("button", "宋雅").await;
    manager.button("换一个新密码").tap().await;
    manager.text("这是宋雅的新密码").shown().await;
    let new_pin = digits(&manager).await;
    assert_eq!((pin.len(), new_pin.len()), (6, 6));
    manager.button("关上").tap().await;

    manager.tab("平板").tap().await;
    manager.button("登记新平板").tap().await;
    manager.button("取登记码").tap().await;
    manager.text("1台平板的登记码").shown().await;
    server.code = digits(&manager).await;
    // Scanned off this screen it opens the app with the code filled in, and the address forgets it.
    manager.image("登记这台平板的二维码").shown().await;
    let link = code_on(&manager).await.reads();
    manager.button("关上").tap().await;
    let song_ya = Person { name: "宋雅", role: "consultant", pin: new_pin.leak() };
    let tablet = Tablet::new("N-02", link).await;
    tablet.field("登记码").holds(&server.code).await;
    assert_eq!(tablet.run("return location.href", vec![]).await, format!("{}/", server.address()));
    tablet.work(song_ya, &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;

    // A PIN that was forgotten: the new one opens a tablet that knows the old one, and the old one no longer.
    manager.tab("同事").tap().await;
    manager.list("同事").tap_inside("button", "宋雅").await;
    manager.button("换一个新密码").tap().await;
    manager.text("这是宋雅的新密码").shown().await;
    let reset = Person { pin: digits(&manager).await.leak(), ..song_ya };
    manager.button("关上").tap().await;
    tablet.lock(song_ya).await;
    tablet.unlock(reset).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    tablet.lock(reset).await;
    tablet.type_pin(song_ya, song_ya.pin).await;
    tablet.text("密码不对，请再试").shown().await;
    tablet.unlock(reset).await;

    // Without the centre nothing is done, and that is said.
    server.kill().await;
    manager.tab("同事").tap().await;
    manager.list("同事").tap_inside("button", "宋雅").await;
    manager.button("停用账号").tap().await;
    manager.text("联系不上中心，什么都没有改").shown().await;
    manager.button("关上").tap().await;
    server.start().await;
    manager.tab("平板").tap().await;
    manager.list("平板").tap_inside("button", "N-02").await;
    manager.at_rest().await; // a press while the sheet comes in goes beside the button
    manager.button("停用这台平板").tap().await;
    manager.text("N-02已停用").shown().await;
    manager.button("关上").tap().await;
    manager.text("已停用").shown().await;
    tablet.heading("这台平板已停用，资料都清掉了").shown_in_minutes(3).await;
}

/// What is told once: a PIN or a code.
async fn digits(page: &Page) -> String {
    page.reads_in(".house__digits").await.chars().filter(char::is_ascii_digit).collect()
}
