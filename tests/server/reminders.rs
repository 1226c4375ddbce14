//! Reminders by Web Push, with a push service of our own that has a certificate, and browsers that open what comes.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aes_gcm::{Aes128Gcm, KeyInit, Nonce, aead::Aead};
use hkdf::Hkdf;
use p256::{
    PublicKey, SecretKey,
    ecdh::diffie_hellman,
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    elliptic_curve::sec1::ToEncodedPoint,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use yingke_core::{
    audience::{Audience, Role, circle},
    fixture,
    pack::Language,
    time::{HOUR_MS, MINUTE_MS},
    wire::v1::{Remind, Reminders, Staff, VERSION, base64_bytes, base64_text},
};
use yingke_server::{
    keys,
    reminders::{Turn, post::Post},
};

use crate::{
    clock::promised,
    steps::Step,
    world::{self, JSON, PIN, Reply, Tablet, World},
};

const DESK: u8 = 3;
const MANAGER: u8 = 6;
const SUPERVISOR: u8 = 7;
const CONTACT: &str = "mailto:it@club.example";
/// How long something that should come may take, and how long nothing has to come to be believed.
const PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(700);

// ---- A push service, and its browsers -----------------------------------------------------------------------

/// What a push service is asked.
struct Asked {
    /// Method and path.
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

/// Answers each request with the next of these, the last one for ever. An empty one is none.
type Answers = Arc<Mutex<Vec<&'static str>>>;

struct PushService {
    address: SocketAddr,
    roots: RootCertStore,
    answers: Answers,
    asked: UnboundedReceiver<Asked>,
    connections: Arc<Mutex<usize>>,
    serving: JoinHandle<()>,
}

const CREATED: &str = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
const SILENT: &str = "";

impl PushService {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Answers = Arc::new(Mutex::new(vec![CREATED]));
        let connections = Arc::new(Mutex::new(0));
        let (tell, asked) = unbounded_channel();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (to_serve, counted) = (answers.clone(), connections.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *counted.lock().unwrap() += 1;
                tokio::spawn(serve(stream, acceptor.clone(), to_serve.clone(), tell.clone()));
            }
        });
        Self { address, roots, answers, asked, connections, serving }
    }

    /// The way to it, and to nothing else that is not a browser maker's.
    fn post(&self) -> Post {
        let mut post = Post::new(vec![self.address.to_string()], Some(CONTACT.into()), self.roots.clone());
        post.waits = [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];
        post
    }

    fn answer(&self, answers: &[&'static str]) {
        *self.answers.lock().unwrap() = answers.iter().rev().copied().collect();
    }

    async fn next(&mut self) -> Asked {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("a message comes").unwrap()
    }

    async fn is_silent(&mut self) {
        let more = tokio::time::timeout(SILENCE, self.asked.recv()).await;
        assert!(more.is_err(), "no message was to come: {:?}", more.unwrap().map(|asked| asked.line));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, answers: Answers, tell: UnboundedSender<Asked>) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut bytes = Vec::new();
    let asked = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let asked = Asked { line, headers: lines.filter_map(header).collect(), body: bytes[end + 4..].to_vec() };
        if asked.header("content-length").parse() == Ok(asked.body.len()) {
            break asked;
        }
    };
    let answer = {
        let mut answers = answers.lock().unwrap();
        if answers.len() > 1 { answers.pop() } else { answers.last().copied() }.unwrap()
    };
    tell.send(asked).ok()?;
    if answer == SILENT {
        std::future::pending::<()>().await;
    }
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// A browser with its subscription at the push service.
struct Browser {
    secret: SecretKey,
    auth: [u8; 16],
    endpoint: String,
}

impl Browser {
    fn of(service: &PushService, path: &str) -> Self {
        let secret = SecretKey::from_slice(&keys::random::<32>()).unwrap();
        Self { secret, auth: keys::random(), endpoint: format!("https://{}/{path}", service.address) }
    }

    fn point(&self) -> Vec<u8> {
        self.secret.public_key().to_encoded_point(false).as_bytes().to_vec()
    }

    fn remind(&self, language: Language) -> Remind {
        Remind {
            version: VERSION,
            endpoint: self.endpoint.clone(),
            p256dh: base64_text(&self.point()),
            auth: base64_text(&self.auth),
            language,
        }
    }

    /// Opens a message. Source: RFC 8291, section 3.4, written down once more.
    fn opens(&self, body: &[u8]) -> Json {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert!(body.len() <= u32::from_be_bytes(size.try_into().unwrap()) as usize && body.len() <= 4_096);
        let (theirs, sealed) = rest[1..].split_at(usize::from(rest[0]));
        let sender = PublicKey::from_sec1_bytes(theirs).unwrap();
        let shared = diffie_hellman(self.secret.to_nonzero_scalar(), sender.as_affine());
        let info = [b"WebPush: info\0", &*self.point(), theirs].concat();
        let derived = |salt: &[u8], from: &[u8], info: &[u8], length: usize| {
            let mut key = vec![0; length];
            Hkdf::<Sha256>::new(Some(salt), from).expand(info, &mut key).unwrap();
            key
        };
        let from = derived(&self.auth, shared.raw_secret_bytes(), &info, 32);
        let key = derived(salt, &from, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = derived(salt, &from, b"Content-Encoding: nonce\0", 12);
        let cipher = Aes128Gcm::new_from_slice(&key).unwrap();
        let mut plain = cipher.decrypt(Nonce::from_slice(&nonce), sealed).expect("sealed for this browser");
        assert_eq!(plain.pop(), Some(2), "the last record");
        serde_json::from_slice(&plain).unwrap()
    }
}

// ---- The club, and what runs late in it ---------------------------------------------------------------------

/// The usual people, a store manager and a supervisor who work here.
async fn world(service: &PushService) -> World {
    furnished(World::reminding(service.post()).await).await
}

async fn furnished(world: World) -> World {
    for (number, name, role) in [(MANAGER, "何静", Role::StoreManager), (SUPERVISOR, "吴珊", Role::CsSupervisor)] {
        let staff = Staff { id: fixture::staff(number), name: name.into(), role, venue: world.venue, active: true };
        world.ledger.add_staff(world.organisation(), &staff, &keys::pin_hash(PIN)).await.unwrap();
    }
    world
}

async fn ask(tablet: &Tablet, method: &str, body: &[u8]) -> Reply {
    let headers = tablet.headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers: Vec<_> = headers.into_iter().chain([JSON]).collect();
    world::send(tablet.address, method, "/v1/reminders", &headers, body).await.unwrap()
}

async fn remind(tablet: &Tablet, remind: &Remind) -> Reply {
    ask(tablet, "POST", &serde_json::to_vec(remind).unwrap()).await
}

async fn reminded(tablet: &Tablet, browser: &Browser) {
    let reply = remind(tablet, &browser.remind(Language::ZhHans)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.json::<Reminders>().on);
}

/// So many complaints that nobody answers, until the clock has escalated them.
async fn complaints(world: &World, tablet: &Tablet, count: usize) {
    let cases = Audience::Circle(world.venue, circle::CASES.into());
    for _ in 0..count {
        let record = tablet.new_record(world.now());
        let due = world.now().plus(24 * HOUR_MS);
        let fields =
            vec![("content", "李娜说水凉".into()), ("received_at", world.now().into()), ("reply_due_at", due.into())];
        let step = Step { by: DESK, kind: "case", record, audience: &cases, to: "new", saw: &[], fields };
        step.save(world, tablet).await;
    }
    tablet.settle().await;
    world.app.look().await;
    world.pass(28 * HOUR_MS + MINUTE_MS);
    world.app.look().await;
}

async fn subscriptions(world: &World) -> usize {
    let mut count = 0;
    let place = yingke_server::ledger::tables::TABLES.iter().position(|table| table.name == "reminder").unwrap();
    let mut take = |(table, _): (usize, _)| {
        count += usize::from(table == place);
        Ok(())
    };
    world.ledger.read_all(&mut take).await.unwrap();
    count
}

/// Waits until so many subscriptions are left.
async fn subscriptions_are(world: &World, count: usize) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while subscriptions(world).await != count {
        assert!(tokio::time::Instant::now() < deadline, "{} subscriptions", subscriptions(world).await);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_runs_late_is_one_message_a_minute_that_only_the_browser_opens() {
    let mut service = PushService::start().await;
    let world = world(&service).await;
    let (desk, manager) = (world.tablet_of(DESK).await, world.tablet_of(MANAGER).await);
    let told: Reminders = manager.get("/v1/reminders").await.json();
    assert!(!told.on && !told.others);
    let browser = Browser::of(&service, "send/of-the-manager?x=1");
    reminded(&manager, &browser).await;

    complaints(&world, &desk, 2).await;
    let asked = service.next().await;
    assert_eq!(asked.line, "POST /send/of-the-manager?x=1 HTTP/1.1");
    assert_eq!(asked.header("host"), service.address.to_string());
    assert_eq!((asked.header("content-encoding"), asked.header("urgency")), ("aes128gcm", "high"));
    assert_eq!(asked.header("ttl"), "43200");
    let topic = asked.header("topic");
    assert!(topic.len() <= 32 && base64_bytes(topic).is_some(), "{topic}");
    let said = browser.opens(&asked.body);
    assert_eq!(said, json!({ "title": "有2件事超时了", "body": "意见与投诉：已升级 2件", "lang": "zh-Hans" }));
    is_signed(&asked, &told.key, &service, &world);
    service.is_silent().await;

    // What is late a moment later waits for its minute, and is no second message for what was told.
    world.pass(-27 * HOUR_MS);
    complaints(&world, &desk, 1).await;
    world.pass(-HOUR_MS - MINUTE_MS / 2);
    world.app.remind().await;
    service.is_silent().await;
    world.pass(2 * HOUR_MS);
    world.app.remind().await;
    assert_eq!(browser.opens(&service.next().await.body)["title"], "有1件事超时了");
    world.app.look().await;
    world.app.remind().await;
    service.is_silent().await;
}

/// By the endpoint, towards this push service, for a while. Source: RFC 8292.
fn is_signed(asked: &Asked, key: &str, service: &PushService, world: &World) {
    let credentials = asked.header("authorization").strip_prefix("vapid t=").unwrap();
    let (token, point) = credentials.split_once(", k=").unwrap();
    assert_eq!(point, key, "the key that browsers subscribe with");
    let (text, signature) = token.rsplit_once('.').unwrap();
    let verifier = VerifyingKey::from_sec1_bytes(&base64_bytes(key).unwrap()).unwrap();
    let signature = Signature::from_slice(&base64_bytes(signature).unwrap()).unwrap();
    verifier.verify(text.as_bytes(), &signature).expect("signed with that key");
    let (head, claims) = text.split_once('.').unwrap();
    let json = |text: &str| serde_json::from_slice::<Json>(&base64_bytes(text).unwrap()).unwrap();
    assert_eq!(json(head), json!({ "typ": "JWT", "alg": "ES256" }));
    let claims = json(claims);
    assert_eq!(claims["aud"], format!("https://{}", service.address));
    assert_eq!(claims["sub"], CONTACT);
    let left = claims["exp"].as_i64().unwrap() - world.now().0 / 1_000;
    assert!((0..=86_400).contains(&left), "{left}");
}

#[tokio::test]
async fn two_people_share_a_tablet_and_each_takes_back_their_own() {
    let mut service = PushService::start().await;
    let world = world(&service).await;
    let desk = world.tablet_of(DESK).await;
    let mut shared = world.tablet_of(MANAGER).await;
    let manager = shared.signed_in.clone();
    let browser = Browser::of(&service, "shared");
    reminded(&shared, &browser).await;
    shared.sign_in(SUPERVISOR).await;
    let told: Reminders = shared.get("/v1/reminders").await.json();
    assert!(!told.on && told.others);
    // The browser's subscription is another by now, and the tablet speaks English: for both.
    let renewed = Browser::of(&service, "renewed");
    let told: Reminders = remind(&shared, &renewed.remind(Language::En)).await.json();
    assert!(told.on && told.others);
    complaints(&world, &desk, 1).await;
    for _ in 0..2 {
        let asked = service.next().await;
        assert_eq!(asked.line, "POST /renewed HTTP/1.1");
        let said = renewed.opens(&asked.body);
        assert_eq!(said, json!({ "title": "1 thing is late", "body": "Case: Escalated (1)", "lang": "en" }));
    }
    let told: Reminders = ask(&shared, "DELETE", b"").await.json();
    assert!(!told.on && told.others);
    complaints(&world, &desk, 1).await;
    service.next().await;
    service.is_silent().await;
    shared.signed_in = manager;
    let told: Reminders = ask(&shared, "DELETE", b"").await.json();
    assert!(!told.on && !told.others);
    complaints(&world, &desk, 1).await;
    service.is_silent().await;
}

#[tokio::test]
async fn who_was_shut_out_left_or_went_elsewhere_is_told_nothing() {
    let mut service = PushService::start().await;
    let world = world(&service).await;
    let organisation = world.organisation();
    let (desk, lost) = (world.tablet_of(DESK).await, world.tablet_of(MANAGER).await);
    reminded(&lost, &Browser::of(&service, "lost")).await;
    let other = world.tablet_of(SUPERVISOR).await;
    reminded(&other, &Browser::of(&service, "other")).await;
    assert!(world.ledger.revoke(organisation, lost.device(), world.now()).await.unwrap());
    complaints(&world, &desk, 1).await;
    assert_eq!(service.next().await.line, "POST /other HTTP/1.1");
    service.is_silent().await;
    assert_eq!(remind(&lost, &Browser::of(&service, "lost").remind(Language::En)).await.problem().1, "device_revoked");

    let house = world.ledger.house(organisation).await.unwrap();
    let supervisor = &house.staff[&fixture::staff(SUPERVISOR)];
    // Another post is another reason to be told, or not; another venue has other things.
    let mut changed = Staff { role: Role::StoreManager, ..supervisor.clone() };
    world.ledger.change_staff(organisation, &changed, world.now()).await.unwrap();
    assert_eq!(subscriptions(&world).await, 1);
    changed.venue = world.elsewhere;
    world.ledger.change_staff(organisation, &changed, world.now()).await.unwrap();
    assert_eq!(subscriptions(&world).await, 0);

    let left = world.tablet_of(MANAGER).await;
    reminded(&left, &Browser::of(&service, "left")).await;
    world.ledger.disable_staff(organisation, fixture::staff(MANAGER), world.now()).await.unwrap();
    assert_eq!(subscriptions(&world).await, 0);
    complaints(&world, &desk, 1).await;
    service.is_silent().await;
}

#[tokio::test]
async fn a_subscription_that_the_push_service_has_ended_is_gone() {
    let mut service = PushService::start().await;
    let world = world(&service).await;
    let (desk, manager) = (world.tablet_of(DESK).await, world.tablet_of(MANAGER).await);
    reminded(&manager, &Browser::of(&service, "ended")).await;
    service.answer(&[GONE]);
    complaints(&world, &desk, 1).await;
    service.next().await;
    subscriptions_are(&world, 0).await;
    assert!(!manager.get("/v1/reminders").await.json::<Reminders>().on);
    complaints(&world, &desk, 1).await;
    service.is_silent().await;
}

#[tokio::test]
async fn a_busy_push_service_is_asked_a_few_times_and_a_dead_one_holds_up_nobody() {
    let mut service = PushService::start().await;
    let world = world(&service).await;
    let (desk, manager) = (world.tablet_of(DESK).await, world.tablet_of(MANAGER).await);
    let browser = Browser::of(&service, "busy");
    reminded(&manager, &browser).await;
    service.answer(&[BUSY, BUSY, CREATED]);
    complaints(&world, &desk, 1).await;
    for _ in 0..3 {
        browser.opens(&service.next().await.body);
    }
    service.is_silent().await;
    // Then it is given up: the thing itself is on Today.
    service.answer(&[BUSY]);
    complaints(&world, &desk, 1).await;
    for _ in 0..4 {
        service.next().await;
    }
    service.is_silent().await;
    // One that says nothing.
    service.answer(&[SILENT]);
    let begun = tokio::time::Instant::now();
    complaints(&world, &desk, 1).await;
    service.next().await;
    world.app.remind().await;
    assert_eq!(manager.get("/v1/me").await.status, 200);
    assert_eq!(ask(&manager, "DELETE", b"").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(8), "nobody waits for a push service");
    service.is_silent().await;
    // One that is not there at all.
    reminded(&manager, &browser).await;
    service.serving.abort();
    complaints(&world, &desk, 1).await;
    world.app.remind().await;
    assert_eq!(subscriptions(&world).await, 1);
}

#[tokio::test]
async fn who_is_shut_out_while_a_message_waits_does_not_get_it() {
    let mut service = PushService::start().await;
    let mut post = service.post();
    post.waits = [Duration::from_millis(400); 3];
    let world = furnished(World::reminding(post).await).await;
    let (desk, manager) = (world.tablet_of(DESK).await, world.tablet_of(MANAGER).await);
    reminded(&manager, &Browser::of(&service, "lost")).await;
    service.answer(&[BUSY]);
    complaints(&world, &desk, 1).await;
    service.next().await;
    assert!(world.ledger.revoke(world.organisation(), manager.device(), world.now()).await.unwrap());
    service.is_silent().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_processes_one_has_the_turn_to_tell_somebody() {
    let service = PushService::start().await;
    let world = world(&service).await;
    let (organisation, manager) = (world.organisation(), fixture::staff(MANAGER));
    reminded(&world.tablet_of(MANAGER).await, &Browser::of(&service, "one")).await;
    for minute in 0..5 {
        let now = world.now().plus(minute * MINUTE_MS);
        let turns = (0..8).map(|_| {
            let ledger = world.ledger.clone();
            tokio::spawn(async move { ledger.take_turn(organisation, manager, now).await.unwrap() })
        });
        let mut told = 0;
        for turn in turns.collect::<Vec<_>>() {
            told += usize::from(matches!(turn.await.unwrap(), Turn::Now(subscriptions) if subscriptions.len() == 1));
        }
        assert_eq!(told, 1, "minute {minute}");
    }
    // A second tablet of theirs waits with the first.
    reminded(&world.tablet_of(MANAGER).await, &Browser::of(&service, "two")).await;
    let last = world.now().plus(4 * MINUTE_MS);
    assert_eq!(world.ledger.take_turn(organisation, manager, last.plus(MINUTE_MS - 1)).await.unwrap(), Turn::Later);
    let Turn::Now(both) = world.ledger.take_turn(organisation, manager, last.plus(MINUTE_MS)).await.unwrap() else {
        panic!("a minute has passed");
    };
    assert_eq!(both.len(), 2);
    // Who is reminded nowhere is waited for by nobody.
    let nowhere = world.ledger.take_turn(organisation, fixture::staff(DESK), last).await.unwrap();
    assert_eq!(nowhere, Turn::Now(Vec::new()));
}

#[tokio::test]
async fn no_other_machine_is_written_to() {
    let (mut service, elsewhere) = (PushService::start().await, PushService::start().await);
    let world = world(&service).await;
    let (desk, manager) = (world.tablet_of(DESK).await, world.tablet_of(MANAGER).await);
    let browser = Browser::of(&service, "here");
    for endpoint in [
        format!("https://{}/x", elsewhere.address),
        format!("http://{}/x", service.address),
        format!("https://localhost:{}/x", service.address.port()),
        format!("https://{}@{}/x", service.address, elsewhere.address),
        "https://169.254.169.254/latest/meta-data".into(),
        "https://fcm.googleapis.com:8443/x".into(),
        "ftp://fcm.googleapis.com/x".into(),
        String::new(),
    ] {
        let reply = remind(&manager, &Remind { endpoint: endpoint.clone(), ..browser.remind(Language::En) }).await;
        assert_eq!(reply.problem(), (422, "push-service".into()), "{endpoint}");
    }
    let far = format!("https://{}/{}", service.address, "x".repeat(1_000));
    let no_point = base64_text(&[4; 65]);
    for wrong in [
        Remind { endpoint: far, ..browser.remind(Language::En) },
        Remind { p256dh: "x".into(), ..browser.remind(Language::En) },
        Remind { p256dh: no_point, ..browser.remind(Language::En) },
        Remind { auth: "AAAA".into(), ..browser.remind(Language::En) },
    ] {
        assert_eq!(remind(&manager, &wrong).await.problem(), (400, "malformed".into()));
    }
    assert_eq!(subscriptions(&world).await, 0);
    // Nor is anybody followed who sends us on.
    reminded(&manager, &browser).await;
    let moved = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://{}/x\r\ncontent-length: 0\r\n\r\n",
        elsewhere.address
    );
    service.answer(&[moved.leak()]);
    complaints(&world, &desk, 1).await;
    service.next().await;
    service.is_silent().await;
    assert_eq!(*elsewhere.connections.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_task_that_is_a_supervisors_now_is_told_by_its_name() {
    let mut service = PushService::start().await;
    let world = world(&service).await;
    let (desk, supervisor) = (world.tablet_of(DESK).await, world.tablet_of(SUPERVISOR).await);
    let browser = Browser::of(&service, "of-the-supervisor");
    reminded(&supervisor, &browser).await;
    promised(&world, &desk, world.now()).await;
    world.app.look().await;
    service.is_silent().await;
    world.pass(16 * MINUTE_MS);
    world.app.look().await;
    let said = browser.opens(&service.next().await.body);
    assert_eq!(said, json!({ "title": "有1件事超时了", "body": "十分钟内回话：已升级 1件", "lang": "zh-Hans" }));
    world.pass(16 * MINUTE_MS);
    world.app.look().await;
    service.is_silent().await;
}
