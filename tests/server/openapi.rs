//! The OpenAPI document, held against the running program by schemathesis: requests that fit it and requests that do not.

use std::{env, time::Duration};

use tokio::process::Command;
use yingke_core::wire::v1::SignedIn;

use crate::{
    process::{demo, serve},
    world::{self, Tablet},
};

/// Requests for each route and kind of data.
const EXAMPLES: &str = "40";
/// What has to hold: no 5xx, no answer that the document does not tell, no nonsense that is taken.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection";
/// Far beyond what it takes: a run that hangs ends.
const HANGS: Duration = Duration::from_secs(600);

#[tokio::test]
#[ignore = "needs schemathesis; `cargo xtask test openapi` gets it"]
async fn no_answer_is_outside_the_document() {
    let program = env::var_os("YINGKE_SCHEMATHESIS").expect("`cargo xtask test openapi` says where it is");
    let place = demo().await;
    let (_child, address) = serve(&place.data).await;
    let tablet = Tablet::enrol(address).await;
    let staff = tablet.enrolled.directory.staff.iter().find(|staff| staff.name == "林悦").unwrap();
    let person: SignedIn = tablet.try_sign_in(staff.id, "260711").await.json();
    let mut command = Command::new(program);
    command.arg("run").arg(format!("http://{address}/v1/openapi.json"));
    command.args(["--header", &format!("Authorization: {}", tablet.bearer())]);
    command.args(["--header", &format!("Yingke-Person: {}", person.token)]);
    // One never ends, the other would end the rest.
    command.args(["--exclude-path", "/v1/events", "--exclude-path", "/v1/sign-out"]);
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES]);
    command.args(["--seed", "1", "--generation-database", "none", "--request-timeout", "20"]);
    // Python before 3.11.8 errs where two threads parse at once (python/cpython#106905).
    command.args(["--workers", "1"]);
    command.args(["--warnings", "off", "--no-color"]).current_dir(place.path()).kill_on_drop(true);
    let output = tokio::time::timeout(HANGS, command.output()).await.expect("it ends").unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    println!("{}", told.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default());
    let still = world::send(address, "GET", "/readyz", &[], b"").await.unwrap();
    assert_eq!(still.status, 200);
}

#[tokio::test]
async fn the_document_is_served_and_names_every_route() {
    let world = world::World::new().await;
    let reply = world::send(world.address, "GET", "/v1/openapi.json", &[], b"").await.unwrap();
    let document: serde_json::Value = reply.json();
    assert_eq!((reply.status, &document["openapi"]), (200, &"3.1.0".into()));
    for (method, path) in yingke_server::http::ROUTES {
        assert!(document["paths"][*path][*method].is_object(), "{method} {path}");
        // And what it names is there: whatever the answer, it is not that there is nothing.
        let reply = world::send(world.address, "OPTIONS", path, &[], b"").await.unwrap();
        assert_eq!(reply.status, 405, "{path}");
        assert!(reply.headers["allow"].contains(&method.to_uppercase()), "{path}");
    }
}
