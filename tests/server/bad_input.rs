//! Every kind of bad input gets a problem document, and nothing is stored.

use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use yingke_core::{
    fixture,
    wire::v1::{BODY_BYTES_MAX, WireChange},
};

use yingke_server::http::ROUTES;

use crate::world::{self, JSON, Tablet, World};

/// What is wrong, headers and body, status and code of the problem.
type Row<'a> = (&'a str, (Vec<(&'a str, &'a str)>, Vec<u8>), (u16, &'a str));

/// Headers, body, status and code of the problem.
type Message<'a> = (&'a [(&'a str, &'a str)], &'a [u8], (u16, &'a str));

/// A push that would be taken.
fn good(world: &World, tablet: &Tablet) -> String {
    let change = tablet.change(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", "李娜")]);
    let push = world::push(1, vec![WireChange::from(&change)]);
    serde_json::to_string(&push).unwrap()
}

#[tokio::test]
async fn a_body_that_is_wrong_in_any_way_is_answered_with_a_problem() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let good = good(&world, &tablet);
    let gzip_bomb = include_bytes!("bomb.gz");
    let json = |body: String| (vec![JSON], body.into_bytes());
    let encoded = |encoding: &'static str, body: &[u8]| (vec![JSON, ("content-encoding", encoding)], body.to_vec());
    let table: Vec<Row> = vec![
        ("nothing", json(String::new()), (400, "malformed")),
        ("not JSON", json("{".into()), (400, "malformed")),
        ("not an object", json("[1]".into()), (400, "malformed")),
        ("not UTF-8", (vec![JSON], b"{\"version\":1,\"epoch\":\"\xff\"}".to_vec()), (400, "malformed")),
        ("cut short", json(good[..good.len() / 2].into()), (400, "malformed")),
        ("two messages", json(format!("{good}{good}")), (400, "malformed")),
        ("no version", json(r#"{"push_counter":1}"#.into()), (400, "malformed")),
        ("version 0", json(good.replacen("\"version\":1", "\"version\":0", 1)), (400, "version")),
        ("version 2", json(good.replacen("\"version\":1", "\"version\":2", 1)), (400, "version")),
        ("version of text", json(good.replacen("\"version\":1", "\"version\":\"1\"", 1)), (400, "version")),
        ("no counter", json(r#"{"version":1}"#.into()), (400, "malformed")),
        ("a negative counter", json(r#"{"version":1,"push_counter":-1}"#.into()), (400, "malformed")),
        ("less than nothing unsent", json(r#"{"version":1,"push_counter":1,"unsent":-1}"#.into()), (400, "malformed")),
        ("changes of text", json(r#"{"version":1,"push_counter":1,"changes":"x"}"#.into()), (400, "malformed")),
        ("a mark of text", json(r#"{"version":1,"push_counter":1,"since":{"x":"y"}}"#.into()), (400, "malformed")),
        ("deep", json(format!("{{\"version\":1,\"push_counter\":1,\"x\":{}", "[".repeat(100_000))), (400, "malformed")),
        (
            "too many",
            json(format!(r#"{{"version":1,"push_counter":1,"changes":[{}1]}}"#, "1,".repeat(500))),
            (413, "too-large"),
        ),
        ("too large", json(format!("{good}{}", " ".repeat(BODY_BYTES_MAX))), (413, "too-large")),
        ("text", (vec![("content-type", "text/plain")], good.clone().into_bytes()), (415, "media-type")),
        ("of no type", (vec![], good.clone().into_bytes()), (415, "media-type")),
        ("not gzip", encoded("gzip", good.as_bytes()), (400, "malformed")),
        ("an unknown encoding", encoded("zip", good.as_bytes()), (415, "media-type")),
        ("gzip cut short", encoded("gzip", &gzip_bomb[..100]), (400, "malformed")),
        ("a bomb", encoded("gzip", gzip_bomb), (413, "too-large")),
    ];
    for (what, (headers, body), (status, code)) in table {
        let reply = tablet.push_with(&headers, &body).await.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(reply.problem(), (status, code.to_owned()), "{what}");
        assert_eq!(reply.headers["cache-control"], "no-store", "{what}");
    }
    for (body, told) in [
        (r#"{"version":1}"#, "the member push_counter is missing"),
        (r#"{"version":1,"push_counter":"李娜"}"#, "of another type or form"),
        (r#"{"version":2,"push_counter":1}"#, "version 1 is"),
    ] {
        let said = String::from_utf8(tablet.push_raw(body.as_bytes()).await.body).unwrap();
        assert!(said.contains(told) && !said.contains("李娜"), "{said}");
    }
    assert_eq!(world.changes_kept().await, 0);
    assert_eq!(tablet.push_raw(good.as_bytes()).await.status, 200, "the good one is taken");
    assert_eq!(world.changes_kept().await, 1);
}

#[tokio::test]
async fn a_body_that_does_not_go_on_is_answered_and_let_go() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let good = good(&world, &tablet);
    let headers = tablet.headers().into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let length = good.len();
    let head = format!(
        "POST /v1/sync HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    let mut slow = TcpStream::connect(tablet.address).await.unwrap();
    slow.write_all(format!("{head}{}", &good[..length / 2]).as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("about:blank#slow"), "{answer}");
    assert_eq!(world.changes_kept().await, 0);
    assert_eq!(tablet.push_raw(good.as_bytes()).await.status, 200, "the whole is taken");
}

/// The database ends every connection, as when it is started anew.
#[tokio::test]
async fn connections_that_the_database_ended_are_made_anew() {
    let world = World::new().await;
    let Some(url) = world.postgres() else { return };
    let tablet = world.tablet_of(1).await;
    let mut administrator = PgConnection::connect(url).await.unwrap();
    for times in 1..=3 {
        tablet.save(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", "李娜")]).await;
        tablet.settle().await;
        let ended: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .fetch_one(&mut administrator)
        .await
        .unwrap();
        assert!(ended > 0, "the endpoint was connected");
        tablet.save(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", "王芳")]).await;
        tablet.settle().await;
        assert_eq!(world.changes_kept().await, 2 * times);
    }
}

#[tokio::test]
async fn who_is_not_known_gets_nothing_and_leaves_nothing() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let good = good(&world, &tablet);
    let bearer = tablet.bearer();
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![], "device_unknown"),
        (vec![("authorization", "Bearer")], "device_unknown"),
        (vec![("authorization", "Bearer x")], "device_unknown"),
        (vec![("authorization", "Basic eDp5")], "device_unknown"),
        (vec![("authorization", &tablet.enrolled.token)], "device_unknown"),
        (vec![("yingke-person", &tablet.signed_in.as_ref().unwrap().token)], "device_unknown"),
        (vec![("authorization", &bearer), ("yingke-person", "x")], "person"),
        (vec![("authorization", &bearer), ("yingke-person", "")], "person"),
        (vec![("authorization", &bearer), ("yingke-person", &tablet.enrolled.token)], "person"),
    ];
    for (headers, code) in cases {
        for (method, path) in [("POST", "/v1/sync"), ("GET", "/v1/me"), ("GET", "/v1/known-phones")] {
            let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
            let body = if method == "POST" { good.as_bytes() } else { b"" };
            let reply = world::send(world.address, method, path, &headers, body).await.unwrap();
            assert_eq!(reply.problem(), (401, code.to_owned()), "{path} {headers:?}");
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
        }
    }
    for path in ["/v1/directory", "/v1/events"] {
        let reply = world::send(world.address, "GET", path, &[("authorization", "Bearer x")], b"").await.unwrap();
        assert_eq!(reply.problem(), (401, "device_unknown".into()), "{path}");
    }
    world.ledger.revoke(world.organisation(), tablet.device(), world.now()).await.unwrap();
    assert_eq!(tablet.push_raw(good.as_bytes()).await.problem(), (401, "device_revoked".into()));
    assert_eq!(world.changes_kept().await, 0);
}

#[tokio::test]
async fn what_is_not_here_is_said_as_a_problem() {
    let world = World::new().await;
    let check = async |method: &str, path: &str, status: u16, code: &str| {
        let reply = world::send(world.address, method, path, &[], b"").await.unwrap();
        assert_eq!(reply.problem(), (status, code.to_owned()), "{method} {path}");
    };
    check("GET", "/v1/sync", 405, "method").await;
    check("DELETE", "/v1/directory", 405, "method").await;
    check("GET", "/v1/nowhere", 404, "not-found").await;
    check("POST", "/v1/", 404, "not-found").await;
    check("GET", "/v1", 404, "not-found").await;
    check("GET", "/v2/sync", 404, "not-found").await;
    check("GET", "/", 404, "not-found").await;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let reply = world::send(world.address, "GET", path, &[], b"").await.unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, body.as_bytes()));
    }
}

#[tokio::test]
async fn enrolment_and_sign_in_refuse_what_they_cannot_read() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let bearer = tablet.bearer();
    let staff = fixture::staff(1);
    for (path, body) in [
        ("/v1/enrol", "{".to_owned()),
        ("/v1/enrol", r#"{"version":1,"code":20261122,"name":"A"}"#.into()),
        ("/v1/enrol", r#"{"version":1,"code":"20261122","name":" "}"#.into()),
        ("/v1/enrol", format!(r#"{{"version":1,"code":"20261122","name":"{}"}}"#, "长".repeat(41))),
        ("/v1/enrol", r#"{"version":1,"code":"20261122","name":"a\nb"}"#.into()),
        ("/v1/sign-in", r#"{"version":1,"staff":"x","pin":"260711"}"#.into()),
        ("/v1/sign-in", format!(r#"{{"version":1,"staff":"{staff}"}}"#)),
        ("/v1/pin", format!(r#"{{"version":1,"staff":"{staff}","pin":"260711"}}"#)),
    ] {
        let headers = [JSON, ("authorization", bearer.as_str())];
        let reply = world::send(world.address, "POST", path, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(reply.problem(), (400, "malformed".into()), "{path} {body}");
    }
    assert_eq!(world.ledger.devices(world.organisation()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_compressed_push_is_read_and_the_answer_compressed() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let headers = [JSON, ("content-encoding", "gzip"), ("accept-encoding", "br")];
    // {"version":1,"push_counter":1}
    let body = include_bytes!("push.gz");
    let reply = tablet.push_with(&headers, body).await.unwrap();
    assert_eq!((reply.status, reply.headers["content-encoding"].as_str()), (200, "br"));
    let vary = reply.headers["vary"].to_lowercase();
    assert!(vary.contains("accept-encoding"), "{vary}");
}

/// What the endpoint says of a route itself.
fn told_of<'a>(document: &'a serde_json::Value, method: &str, path: &str) -> &'a serde_json::Value {
    let told = &document["paths"][path][method];
    assert!(told.is_object(), "{method} {path} is not in the document");
    told
}

#[tokio::test]
async fn every_route_that_takes_a_message_refuses_what_is_none() {
    let world = World::new().await;
    let tablet = world.tablet_of(3).await;
    let revoked = world.tablet().await;
    world.ledger.revoke(world.organisation(), revoked.device(), world.now()).await.unwrap();
    let document: serde_json::Value = tablet.get("/v1/openapi.json").await.json();
    let staff = async || format!("{:?}", world.ledger.house(world.organisation()).await.unwrap().staff);
    let tablets = async || world.ledger.devices(world.organisation()).await.unwrap().len();
    let before = (staff().await, tablets().await);
    let bomb: &[u8] = include_bytes!("bomb.gz");
    let deep = format!("{{\"version\":1,\"push_counter\":{}", "[".repeat(100_000));
    let long = format!("{{\"version\":1,\"name\":\"{}\"}}", " ".repeat(BODY_BYTES_MAX));
    let gzip = [JSON, ("content-encoding", "gzip")];
    let mut table: Vec<Message> = vec![
        (&[("content-type", "text/plain")], b"{\"version\":1}", (415, "media-type")),
        (&[JSON, ("content-encoding", "zip")], b"{\"version\":1}", (415, "media-type")),
        (&gzip, b"{\"version\":1}", (400, "malformed")),
        (&gzip, &bomb[..100], (400, "malformed")),
        (&gzip, bomb, (413, "too-large")),
        (&[JSON], long.as_bytes(), (413, "too-large")),
        (&[JSON], deep.as_bytes(), (400, "malformed")),
    ];
    let plain: [&[u8]; 10] = [
        b"",
        b"{",
        b"[1]",
        b"null",
        b"\"version\"",
        b"{}",
        b"{\"version\":1}",
        b"{\"version\":1,\"push_counter\":1,\"code\":1,\"deed\":1}{}",
        b"{\"version\":1,\"push_counter\":-1,\"code\":null,\"staff\":7,\"deed\":{\"none\":{}},\"subscription\":[]}",
        b"{\"version\":1,\"name\":\"\xff\"}",
    ];
    table.extend(plain.map(|body| (&[JSON][..], body, (400, "malformed"))));
    let versions = ["0", "2", "\"1\""].map(|version| format!("{{\"version\":{version},\"push_counter\":1}}"));
    table.extend(versions.iter().map(|body| (&[JSON][..], body.as_bytes(), (400, "version"))));
    // Only one that was revoked hands in.
    let whose = |path: &str| if path == "/v1/hand-in" { &revoked } else { &tablet };
    let mut walked = 0;
    for (method, path) in ROUTES {
        if told_of(&document, method, path)["requestBody"]["content"]["application/json"].is_null() {
            continue;
        }
        for (headers, body, (status, code)) in &table {
            let reply = whose(path).ask(&method.to_uppercase(), path, headers, body).await.unwrap();
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            assert_eq!(reply.problem(), (*status, (*code).to_owned()), "{method} {path} {shown}");
        }
        walked += 1;
    }
    assert_eq!(walked, 8);
    assert_eq!(world.changes_kept().await, 0);
    assert_eq!((staff().await, tablets().await), before);
    assert_eq!(tablet.get("/v1/me").await.status, 200, "and whoever asked stays signed in");
}

#[tokio::test]
async fn no_route_is_for_those_whose_tokens_it_does_not_know() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let document: serde_json::Value = tablet.get("/v1/openapi.json").await.json();
    let bearer = tablet.bearer();
    let mut walked = 0;
    for (method, path) in ROUTES {
        let security = told_of(&document, method, path)["security"].as_array().unwrap();
        let Some(first) = security.first() else { continue };
        let mut cases = vec![
            (vec![], "device_unknown"),
            (vec![("authorization", "Bearer x")], "device_unknown"),
            (vec![("authorization", bearer.as_str()), ("yingke-person", "x")], "person"),
        ];
        if first["person"].is_array() {
            cases.push((vec![("authorization", bearer.as_str())], "person"));
        } else if security.len() == 1 {
            // It asks for no person, so one that it does not know is none.
            cases.pop();
        }
        for (headers, code) in cases {
            let headers: Vec<_> = headers.iter().copied().chain([JSON]).collect();
            let body = b"{\"version\":1}";
            let asked = format!("{}?offset=0&length=1", path.replace("{hash}", &"0".repeat(64)));
            let reply = world::send(world.address, &method.to_uppercase(), &asked, &headers, body).await.unwrap();
            assert_eq!(reply.problem(), (401, code.to_owned()), "{method} {path} {headers:?}");
        }
        walked += 1;
    }
    // All but enrolling, the app's versions, the document and the two that say whether the program runs.
    assert_eq!(walked, ROUTES.len() - 5);
}
