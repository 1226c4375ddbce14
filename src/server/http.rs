//! Routes and handlers: who is asking, is it well formed, then straight on.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{
        ConnectInfo, DefaultBodyLimit, FromRequest, FromRequestParts, MatchedPath, Query, Request, State,
        rejection::QueryRejection,
    },
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{delete, get, post, put},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    sync::{Semaphore, broadcast, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval_at},
};
use tokio_stream::{
    Stream, StreamExt,
    wrappers::{BroadcastStream, WatchStream},
};
use tower_http::{
    compression::{
        CompressionLayer, CompressionLevel,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    decompression::RequestDecompressionLayer,
    timeout::{RequestBodyTimeoutLayer, TimeoutError},
};
use yingke_core::{
    id::{DeviceNumber, OrganisationId, StaffId},
    journal::count_of,
    time::{DAY_MS, Millis},
    wire::v1::{
        Answer, AppVersions, BLOCKS, BODY_BYTES_MAX, BlobKept, ChangePin, Directory, Enrol, Enrolled, HandIn, HandedIn,
        HouseAsk, HouseDeed, HouseDone, KnownTablet, Me, PUSH_CHANGES_MAX, PublishedPacks, Push, Remind,
        Reminders as Reminding, Renumber, SignIn, SignedIn, Staff, Tablets, VERSION, Verdict, base64_text,
    },
};

use crate::{
    blobs::{self, Blobs},
    clock,
    exchange::{self, Caller, PushError, Versions},
    files,
    handed_in::{HANDED_BYTES_MAX, HANDED_CHANGES_MAX, Handed},
    house::House,
    house_work, keys,
    known::KnownPhones,
    ledger::{Database, Hints, Ledger, LedgerError},
    metrics::{Listening, Metrics},
    openapi::{self, About, Number, Who},
    problem::Problem,
    register::{self, Bearer, PersonToken, Register},
    reminders::{Courier, Reminders, Subscription, post::Post},
    snapshot::{self, Place},
    tries::Tries,
};

/// How long a person's credential lasts without a renewal.
const PERSON_TOKEN_MS: i64 = 30 * DAY_MS;
/// Letters of a tablet's name.
const DEVICE_NAME_MAX: usize = 40;
/// Hints that a slow listener may be behind; it then hears one and pulls.
const HINTS_KEPT: usize = 16;
/// PINs worked out at once: each takes 19 MB and a core for 25 ms.
const PINS_AT_ONCE: usize = 2;
/// Wrong PINs of one account, and guesses on one tablet (which people share) or from one address (which a shop's tablets
/// share), that cost no wait.
const FREE_PINS: u32 = 3;
const FREE_GUESSES: u32 = 10;
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long a client may pause within a body: networks are weak, but no tablet waits longer for an answer.
const BODY_WAIT: Duration = Duration::from_secs(15);
/// How long the database may take to answer whoever asks whether it can be reached.
const READY_WAIT: Duration = Duration::from_secs(2);

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
const PERSON: HeaderName = HeaderName::from_static("yingke-person");

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    pub ledger: Arc<dyn Ledger>,
    pub register: Arc<dyn Register>,
    pub blobs: Arc<dyn Blobs>,
    reminders: Arc<dyn Reminders>,
    courier: Arc<Courier>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    known: Arc<KnownPhones>,
    hints: Hints,
    pins: Arc<Semaphore>,
    pin_tries: Arc<Tries<(OrganisationId, StaffId)>>,
    /// By the tablet that another was copied from, so that copies are no tries more.
    tablet_tries: Arc<Tries<(OrganisationId, DeviceNumber)>>,
    code_tries: Arc<Tries<IpAddr>>,
    versions: AppVersions,
    /// Turns true when the program is to end: streams of hints close.
    ending: watch::Receiver<bool>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

impl App {
    pub fn new(database: Arc<dyn Database>, clock: Clock, ending: watch::Receiver<bool>) -> Self {
        let hints = broadcast::Sender::new(HINTS_KEPT);
        database.pass_hints(hints.clone());
        Self {
            register: database.clone(),
            blobs: database.clone(),
            reminders: database.clone(),
            courier: Arc::new(Courier::new(Post::to_nobody())),
            ledger: database,
            clock,
            metrics: Arc::default(),
            known: Arc::default(),
            hints,
            pins: Arc::new(Semaphore::new(PINS_AT_ONCE)),
            pin_tries: Arc::new(Tries::new(FREE_PINS)),
            tablet_tries: Arc::new(Tries::new(FREE_GUESSES)),
            code_tries: Arc::new(Tries::new(FREE_GUESSES)),
            versions: AppVersions::default(),
            ending,
        }
    }

    /// Reminds people by this way.
    #[must_use]
    pub fn reminding(self, post: Post) -> Self {
        Self { courier: Arc::new(Courier::new(post)), ..self }
    }

    /// Tells tablets that these versions of the app are withdrawn.
    #[must_use]
    pub fn withdrawing(self, withdrawn: Vec<String>) -> Self {
        Self { versions: AppVersions { withdrawn }, ..self }
    }

    pub(crate) fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Reminds people until the program ends: as soon as there is something to say, and whoever was told less than a minute
    /// ago a minute later. Beside the clock, which waits for none of it.
    pub async fn keep_reminding(self) {
        let mut ending = self.ending.clone();
        let mut minutes = interval_at(tokio::time::Instant::now() + clock::EVERY, clock::EVERY);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ended = async { drop(ending.wait_for(|ending| *ending).await) };
            tokio::select! {
                () = self.courier.woken() => {},
                _ = minutes.tick() => {},
                () = ended => return,
            }
            self.remind().await;
        }
    }

    /// Sends off what waits for those whose turn it is.
    pub async fn remind(&self) {
        if let Err(error) = self.courier.go_round(&self.reminders, &*self.register, self.now()).await {
            tracing::warn!(%error, "reminders have to wait: {error}");
        }
    }

    /// Runs the clock of the house until the program ends: every minute, and soon after something new arrived, so that a
    /// guest who was handed over is there at once. What does not go well now is owed the next time.
    pub async fn keep_time(self) {
        let mut ending = self.ending.clone();
        let mut hints = self.hints.subscribe();
        let mut minutes = interval_at(tokio::time::Instant::now() + clock::EVERY, clock::EVERY);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut minute = 0_u64;
        loop {
            let ended = async { drop(ending.wait_for(|ending| *ending).await) };
            let arrived = async {
                // That some were missed says as much as one.
                let _ = hints.recv().await;
                tokio::time::sleep(clock::SOON).await;
                while !matches!(
                    hints.try_recv(),
                    Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed)
                ) {}
            };
            let is_minute = tokio::select! {
                _ = minutes.tick() => true,
                () = arrived => false,
                () = ended => return,
            };
            self.look().await;
            if is_minute && minute.is_multiple_of(60) {
                self.tidy().await;
                self.go_round(Round::Lapsing).await;
            }
            minute += u64::from(is_minute);
        }
    }

    /// Pictures that no record names go in the end.
    pub async fn tidy(&self) {
        let tidied = async {
            for organisation in self.register.organisations().await? {
                let dropped = self.blobs.drop_orphans(organisation, self.now().plus(-blobs::ORPHAN_MS)).await?;
                if dropped > 0 {
                    tracing::info!(dropped, "{dropped} pictures that no record names are gone");
                }
            }
            Ok::<_, LedgerError>(())
        };
        if let Err(error) = tidied.await {
            tracing::warn!(%error, "pictures that no record names have to wait: {error}");
        }
    }

    /// What the clock of the house owes by now is written.
    pub async fn look(&self) {
        self.go_round(Round::Due).await;
    }

    /// What the clock of the house owes by now is written; tablets are told, and whoever has to hear of it.
    async fn go_round(&self, round: Round) {
        let looked = async {
            for organisation in self.register.organisations().await? {
                let house = self.register.house(organisation).await?;
                let looked = match round {
                    Round::Due => clock::look(&*self.ledger, &house, self.now()).await?,
                    Round::Lapsing => clock::lapse(&*self.ledger, &house, self.now()).await?,
                };
                if let Some(number) = looked.number {
                    let written = looked.written;
                    tracing::info!(written, "the clock of the house has written {written} changes");
                    // Nobody listening is no fault.
                    let _ = self.hints.send((organisation, number));
                }
                let mut late = looked.late;
                if let Round::Due = round {
                    match clock::tell(&*self.ledger, &house, self.now()).await {
                        Ok(gone_on) => late.extend(gone_on),
                        // What was written is told all the same: it is not owed again.
                        Err(error) => tracing::warn!(%error, "tasks that went to the next level have to wait: {error}"),
                    }
                }
                self.courier.tell(organisation, late);
            }
            Ok::<_, LedgerError>(())
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "the clock of the house has to wait: {error}");
        }
    }
}

/// What the clock of the house looks for.
#[derive(Debug, Clone, Copy)]
enum Round {
    Due,
    /// Guests whose time with their colleague has passed.
    Lapsing,
}

/// The time of the machine.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// The routes, once: what is answered, and what the OpenAPI document says of it.
macro_rules! routes {
    ($($method:ident $path:literal $handler:expr, $about:expr;)*) => {
        /// Method and path of each route, the app's files aside.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        fn routes() -> Router<App> {
            Router::new()$(.route($path, $method($handler)))*
        }

        /// Every route with what is said of it.
        pub fn described() -> Vec<(&'static str, &'static str, About)> {
            vec![$((stringify!($method), $path, $about)),*]
        }
    };
}

const AFTER: Number =
    Number { name: "after", what: "The `end` of the last block that came whole; 0 at the start.", is_required: false };
const PIECE: [Number; 2] = [
    Number { name: "offset", what: "Where in the sealed picture the piece begins.", is_required: true },
    Number { name: "length", what: "Bytes of the whole sealed picture.", is_required: true },
];

routes! {
    post "/v1/sync" sync, About::new("One turn: what was saved goes in, each change gets a verdict, and with a person's \
        token comes what is new in the audiences that they hold. A push that was answered is answered the same when it \
        comes again.").by(Who::TabletOrPerson).takes::<Push>().gives::<Answer>().or(&[409]);
    get "/v1/snapshot" snapshot, About::new("Everything that the person may see, after a number of the ledger, streamed in \
        blocks (`BlockHead`) to start a tablet; from the end of any of them it goes on.").by(Who::Person)
        .asks(&[AFTER]).gives_blocks();
    post "/v1/hand-in" hand_in, About::new("From a tablet that was revoked, and of it nothing else: what it holds unsent, \
        as it was sealed to the organisation. It is kept apart until the administrator takes it in or gives it up, and \
        with the receipt for all of it the tablet wipes itself. The same again is answered the same; 409 for a tablet that \
        was not revoked.").by(Who::Tablet).takes::<HandIn>().gives::<HandedIn>().or(&[409]);
    post "/v1/farewell" farewell, About::new("From a revoked tablet that has handed in all and wiped its records: the \
        browser is told to throw away the files in which they lay. 409 before it has handed in all.").by(Who::Tablet)
        .gives_nothing().or(&[409]);
    get "/v1/events" events, About::new("Server-sent events: `{\"number\": N}` whenever there is something new, and a \
        comment now and then. A hint may be late or lost; the pull is the truth.").by(Who::Tablet).streams();
    post "/v1/enrol" enrol, About::new("A tablet presents the code that a supervisor was given, and gets its number and \
        token; and hears of the one that was known by its name at the venue, with what that one had not sent.")
        .takes::<Enrol>().gives::<Enrolled>().or(&[403, 429]);
    post "/v1/renumber" renumber, About::new("A tablet whose push was answered with `cloned` gets a number and a token of \
        its own. What it has made stays as it is, and people's tokens and keys on it stay good. 409 for one that is not \
        behind what was pushed in its name, or of which there are too many copies.").by(Who::Tablet).takes::<Renumber>()
        .gives::<Enrolled>().or(&[409]);
    post "/v1/sign-in" sign_in, About::new("A person's first unlock on a tablet, or a renewal. Wrong PINs cost a wait \
        that grows.").by(Who::Tablet).takes::<SignIn>().gives::<SignedIn>().or(&[403, 429]);
    post "/v1/pin" change_pin, About::new("Somebody who knows their PIN chooses another, or a passphrase, and is signed in \
        with it; their other tablets ask for it at the next contact. 422 for one that is none. Wrong PINs cost a wait that \
        grows.").by(Who::Tablet).takes::<ChangePin>().gives::<SignedIn>().or(&[403, 422, 429]);
    post "/v1/sign-out" sign_out, About::new("Takes the person's token back.").by(Who::Person).gives_nothing();
    get "/v1/me" me, About::new("Whom the tokens belong to, and the keys of audiences that came into being since.")
        .by(Who::TabletOrPerson).gives::<Me>();
    get "/v1/directory" directory, About::new("Who works where.").by(Who::Tablet).gives::<Directory>();
    get "/v1/packs" packs, About::new("What the club published in the place of the packs that ship, as core reads it. \
        The directory says when there is something new.").by(Who::Tablet).gives::<PublishedPacks>();
    get "/v1/known-phones" known_phones, About::new("A filter of the phone numbers that the club knows, after the key \
        that it is tried with.").by(Who::Person).gives_bytes();
    get "/v1/blobs/{hash}" blobs::fetch, About::new("A picture by the SHA-256 of its bytes, or the part that a `Range` asks \
        for, for somebody who may see a record that names it. HEAD tells the same without the bytes. 404 also for one that \
        they may not see.").by(Who::Person).gives_picture().or(&[400, 404, 416]);
    get "/v1/blobs/{hash}/upload" blobs::ask, About::new("How far this tablet's own upload of a picture has come.")
        .by(Who::Tablet).gives::<BlobKept>().or(&[400]);
    put "/v1/blobs/{hash}/upload" blobs::send, About::new("A piece of a picture, 1 MB at most, which as a whole is sealed to \
        the organisation: the sender's point, the nonce, and what AES-256-GCM makes of it, bound to `yingke blob 1`, \
        organisation and hash. `length` is that of the whole. A piece that is here already costs nothing; with the last \
        one the picture is opened and has to be what its hash says. From a revoked tablet it waits as it is.")
        .by(Who::Tablet).takes_bytes().asks(&PIECE).gives::<BlobKept>().or(&[409, 410, 422]);
    get "/v1/tablets" tablets, About::new("The tablets of the person's venue, for those who look after them.")
        .by(Who::Person).gives::<Tablets>().or(&[403]);
    post "/v1/house" house_work, About::new("One thing done with the people or tablets of the person's venue: a PIN, a \
        post, a code, a tablet shut out. What may be done, and to whom, goes by the person's post.")
        .by(Who::Person).takes::<HouseAsk>().gives::<HouseDone>().or(&[403, 404, 409]);
    get "/v1/reminders" reminders, About::new("Who is reminded on this tablet by Web Push, and the key that a browser \
        subscribes with.").by(Who::Person).gives::<Reminding>();
    post "/v1/reminders" remind, About::new("From now on the person is reminded on this tablet when something of theirs \
        runs late. 422 for a push service that nothing is sent to.").by(Who::Person).takes::<Remind>()
        .gives::<Reminding>().or(&[422]);
    delete "/v1/reminders" remind_no_more, About::new("The person is reminded on this tablet no more.").by(Who::Person)
        .gives::<Reminding>();
    get "/v1/app" app_versions, About::new("Which versions of the app the club has withdrawn: a tablet that has one of them in \
        use goes over to a newer one, or back to the one before.").gives::<AppVersions>();
    get "/v1/openapi.json" openapi, About::new("This document.").gives_document();
    get "/healthz" async || "ok\n", About::new("Whether the program runs.").gives_text();
    get "/readyz" ready, About::new("Whether it reaches its database.").gives_text();
}

/// Everything that is answered: `/v1`, health, and the app's files if there are any.
pub fn router(app: App, files: Option<&Path>) -> Router {
    let not_found = || async { Problem::not_found() };
    let v1 = routes()
        .route("/v1/{*rest}", axum::routing::any(not_found))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyTimeoutLayer::new(BODY_WAIT))
        .layer(middleware::from_fn(as_problem))
        .layer(middleware::from_fn_with_state(app.clone(), counted))
        .with_state(app);
    let routes = match files {
        Some(folder) => v1.fallback_service(files::routes(folder)),
        None => v1.fallback(not_found),
    };
    let worth_it = SizeAbove::new(256)
        .and(NotForContentType::SSE)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("application/octet-stream"));
    routes.layer(CompressionLayer::new().quality(CompressionLevel::Precise(4)).compress_when(worth_it))
}

/// What is counted, on an address of its own: tablets have no business with it.
pub fn metrics_router(app: &App) -> Router {
    let metrics = app.metrics.clone();
    let text = async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.text());
    Router::new().route("/metrics", get(text))
}

/// The private authority's certificate for tablets to install, on an address of its own that is not https yet.
pub fn authority_router(certificate: Vec<u8>) -> Router {
    let certificate = Bytes::from(certificate);
    let file = async move || ([(header::CONTENT_TYPE, "application/x-x509-ca-cert")], certificate.clone());
    Router::new().route("/ca.crt", get(file)).fallback(async || Problem::not_found())
}

// ---- Handlers -----------------------------------------------------------------------------------------------

/// Once it is read, a push is seen through, even if the tablet hangs up: dropped halfway, it would wait for its turn
/// at the database in vain and be sent again.
async fn sync(
    device: Device,
    person: Option<Person>,
    State(app): State<App>,
    Message(push): Message<exchange::Push>,
) -> Result<Json<Answer>, Problem> {
    let person = person.map(|person| person.token.staff);
    let seen_through = tokio::spawn(async move { exchange_with(&app, &device.0, person, push).await });
    seen_through.await.unwrap_or_else(|_| Err(Problem::from_status(StatusCode::INTERNAL_SERVER_ERROR))).map(Json)
}

async fn exchange_with(
    app: &App,
    device: &register::Device,
    person: Option<StaffId>,
    push: exchange::Push,
) -> Result<Answer, Problem> {
    let organisation = device.organisation;
    let (house, secrets) = (app.register.house(organisation).await?, app.register.secrets(organisation).await?);
    let versions = Versions { directory: house.directory().version, known_phones: app.known.version(organisation) };
    let caller = Caller { device, person };
    let unsent = push.unsent;
    let begun = Instant::now();
    let answer = exchange::run(&*app.ledger, &house, &secrets, caller, push, versions, app.now()).await?;
    app.metrics.synced(&answer, begun.elapsed());
    // What was not taken stays there too.
    let not_taken = answer.verdicts.iter().filter(|verdict| !matches!(verdict, Verdict::Accepted { .. })).count();
    let unsent = unsent.map(|unsent| unsent.saturating_add(count_of(not_taken)));
    // What was taken is taken, whether it can be noted or not who was here.
    if let Err(error) = app.register.note_contact(device, unsent, app.now()).await {
        tracing::warn!(%error, device = device.number.0, "that device {} was here is not noted: {error}", device.number.0);
    }
    let new = answer.verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Accepted { number, had: false, .. } => Some(*number),
        _ => None,
    });
    if let Some(number) = new.max() {
        // Nobody listening is no fault.
        let _ = app.hints.send((organisation, number));
    }
    renew_known_phones(app, organisation, secrets);
    let (verdicts, pulled) = (answer.verdicts.len(), answer.page.as_ref().map_or(0, |page| page.changes.len()));
    tracing::debug!(device = device.number.0, verdicts, pulled, "answered {verdicts} changes with {pulled}");
    Ok(answer)
}

/// Beside the answer: the next one says that there is a newer filter. Seen through by itself, since only one
/// builds at a time.
fn renew_known_phones(app: &App, organisation: OrganisationId, secrets: keys::Secrets) -> JoinHandle<()> {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = app.known.renew(&*app.ledger, organisation, &secrets, app.now()).await {
            tracing::error!(%error, "the filter of known phones was not renewed: {error}");
        }
    })
}

/// A person's credential is looked at before each block: a stream may take long, and they may be shut out meanwhile.
async fn snapshot(
    device: Device,
    person: Person,
    State(app): State<App>,
    query: Result<Query<After>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(After { after }) =
        query.map_err(|_| Problem::malformed("after= is followed by a number of the ledger"))?;
    let organisation = device.0.organisation;
    let written = app.ledger.heads(organisation).await?;
    let held = person.house.held(person.staff()?, written.keys());
    let place = Place::after(&*app.ledger, &person.house, held, after).await?;
    let register = app.register.clone();
    let may_read = move || {
        let register = register.clone();
        async move { Ok(register.token(organisation, person.hash).await?.is_some()) }
    };
    let blocks = snapshot::blocks(app.ledger.clone(), person.house, place, app.clock.clone(), may_read).await?;
    Ok(([(header::CONTENT_TYPE, BLOCKS)], Body::from_stream(until(blocks, app.ending))).into_response())
}

/// Where a snapshot goes on.
#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

/// What a revoked tablet holds unsent: kept apart, and nothing of it comes into force.
async fn hand_in(
    device: Revoked,
    State(app): State<App>,
    Message(message): Message<HandIn>,
) -> Result<Json<HandedIn>, Problem> {
    let device = device.0;
    if message.sealed.len() > PUSH_CHANGES_MAX {
        return Err(Problem::too_large(format!("more than {PUSH_CHANGES_MAX} changes at a time")));
    }
    let handed = message.sealed.into_iter().map(Handed::try_from).collect::<Result<Vec<_>, _>>();
    let handed =
        handed.map_err(|what| Problem::malformed(format!("a change that was not sealed as it should be: {what}")))?;
    let kept = app.register.hand_in(&device, &handed, message.left == 0, app.now()).await?;
    let kept = kept.ok_or_else(|| {
        Problem::too_large(format!(
            "a tablet hands in {HANDED_CHANGES_MAX} changes and {HANDED_BYTES_MAX} bytes at most"
        ))
    })?;
    let (number, count) = (device.number.0, kept.ids.len());
    tracing::info!(device = number, count, left = message.left, "revoked device {number} handed in {count} changes");
    Ok(Json(HandedIn { version: VERSION, kept: kept.ids, receipt: kept.receipt }))
}

/// A browser that is told to deletes the very files of its storage: what was deleted in a database lies in them for as
/// long as the browser pleases. Only for a tablet that holds nothing any more, since anything it held would go.
async fn farewell(device: Revoked, State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let device = device.0;
    let devices = app.register.devices(device.organisation).await?;
    let is_wiped = devices.iter().any(|row| row.number == device.number && row.wiped_at.is_some());
    if !is_wiped {
        return Err(Problem::not_handed_in());
    }
    Ok((StatusCode::NO_CONTENT, [(CLEAR_SITE_DATA, "\"storage\"")]))
}

/// Says that something is new, not what: the pull is the truth.
async fn events(device: Device, State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let organisation = device.0.organisation;
    let listening = app.metrics.listens();
    let hints = BroadcastStream::new(app.hints.subscribe()).filter_map(move |hint| match hint {
        Ok((whose, number)) => (whose == organisation).then_some(number),
        // So slow that hints were dropped: one that says "something".
        Err(_) => Some(0),
    });
    let hints = hints.map(move |number| {
        // Counted as long as the stream lives, and this closure with it.
        let _: &Listening = &listening;
        Ok(Event::default().data(format!("{{\"number\":{number}}}")))
    });
    Sse::new(until(hints, app.ending)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// A stream that closes with its last item, or when the program is to end.
fn until<S: Stream>(stream: S, ending: watch::Receiver<bool>) -> impl Stream<Item = S::Item> {
    let end = WatchStream::new(ending).filter(|ending| *ending).map(|_| None);
    stream.map(Some).chain(tokio_stream::once(None)).merge(end).map_while(|item| item)
}

async fn enrol(
    Address(address): Address,
    State(app): State<App>,
    Message(asked): Message<Enrol>,
) -> Result<Json<Enrolled>, Problem> {
    let now = app.now();
    let name = asked.name.trim();
    if name.is_empty() || name.chars().count() > DEVICE_NAME_MAX || name.chars().any(char::is_control) {
        return Err(Problem::malformed(format!("a name of 1 to {DEVICE_NAME_MAX} letters is expected")));
    }
    let tried = app.code_tries.begin(address, now).map_err(Problem::wait)?;
    let digits = keys::code_digits(&asked.code).ok_or_else(Problem::code)?;
    let (token, token_hash) = keys::new_token();
    let enrolled = app.register.enrol(keys::code_hash(&digits), name, token_hash, now).await?;
    let device = enrolled.ok_or_else(Problem::code)?;
    app.code_tries.give_back(tried);
    tracing::info!(device = device.number.0, "enrolled device {}", device.number.0);
    let before = house_work::namesake(&*app.register, &device).await?;
    enrolled_as(&app, device, token, before, now).await
}

/// Two tablets with one number would give out the same numbers: the one that is behind goes on under another.
async fn renumber(
    device: Device,
    State(app): State<App>,
    Message(asked): Message<Renumber>,
) -> Result<Json<Enrolled>, Problem> {
    let (now, before) = (app.now(), device.0);
    let (token, token_hash) = keys::new_token();
    let renumbered = app.register.renumber(&before, asked.push_counter, token_hash, now).await?;
    let device = renumbered.ok_or_else(Problem::not_cloned)?;
    let (number, copied) = (device.number.0, before.number.0);
    tracing::warn!(device = number, copied, "a copy of device {copied} goes on as device {number}");
    enrolled_as(&app, device, token, None, now).await
}

/// What a tablet is told of itself.
async fn enrolled_as(
    app: &App,
    device: register::Device,
    token: String,
    before: Option<KnownTablet>,
    now: Millis,
) -> Result<Json<Enrolled>, Problem> {
    let house = app.register.house(device.organisation).await?;
    Ok(Json(Enrolled {
        device: device.number,
        venue: device.venue,
        name: device.name,
        token,
        recovery_key: app.register.secrets(device.organisation).await?.recovery_key(),
        epoch: app.ledger.epoch(device.organisation).await?,
        server_time: now,
        directory: house.directory(),
        before,
    }))
}

async fn sign_in(
    device: Device,
    State(app): State<App>,
    Message(asked): Message<SignIn>,
) -> Result<Json<SignedIn>, Problem> {
    let house = app.register.house(device.0.organisation).await?;
    let person = with_pin(&app, &device.0, &house, asked.staff, asked.pin).await?;
    signed_in(&app, &device.0, &house, person).await.map(Json)
}

async fn change_pin(
    device: Device,
    State(app): State<App>,
    Message(asked): Message<ChangePin>,
) -> Result<Json<SignedIn>, Problem> {
    let house = app.register.house(device.0.organisation).await?;
    let person = with_pin(&app, &device.0, &house, asked.staff, asked.pin).await?;
    if !keys::is_pin_or_passphrase(&asked.new) {
        return Err(Problem::no_pin());
    }
    let hash = pin_hash_of(&app, asked.new).await?;
    app.register.set_pin(device.0.organisation, person.id, &hash).await?;
    tracing::info!(by = %person.id, "{} chose another PIN", person.id);
    signed_in(&app, &device.0, &house, person).await.map(Json)
}

/// Somebody who works at the tablet's venue, by their PIN. A wrong one costs the next try a wait.
async fn with_pin<'a>(
    app: &App,
    device: &register::Device,
    house: &'a House,
    staff: StaffId,
    pin: String,
) -> Result<&'a Staff, Problem> {
    let now = app.now();
    let account = (device.organisation, staff);
    let tried = app.tablet_tries.begin((device.organisation, device.origin), now).map_err(Problem::wait)?;
    if let Err(wait_s) = app.pin_tries.begin(account, now) {
        // No PIN was looked at, so the tablet's other people need not pay for it.
        app.tablet_tries.give_back(tried);
        return Err(Problem::wait(wait_s));
    }
    let person = house.active(staff).filter(|person| person.venue == device.venue);
    let hash = match person {
        Some(person) => app.register.pin_hash(device.organisation, person.id).await?,
        None => None,
    };
    if !is_pin_of(app, hash, pin).await {
        return Err(Problem::pin());
    }
    let person = person.ok_or_else(Problem::pin)?;
    app.pin_tries.forgive(&account);
    app.tablet_tries.give_back(tried);
    Ok(person)
}

/// A token for somebody on a tablet, and the keys of what they hold.
async fn signed_in(app: &App, device: &register::Device, house: &House, person: &Staff) -> Result<SignedIn, Problem> {
    let now = app.now();
    let (token, token_hash) = keys::new_token();
    let expires_at = now.plus(PERSON_TOKEN_MS);
    let kept = PersonToken { staff: person.id, device: device.number, expires_at };
    app.register.keep_token(device.organisation, token_hash, kept, now).await?;
    let secrets = app.register.secrets(device.organisation).await?;
    let written = app.ledger.heads(device.organisation).await?;
    let held = house.held(person, written.keys());
    Ok(SignedIn {
        token,
        expires_at,
        keys: secrets.audience_keys(device.origin, held.iter()),
        own_key: base64_text(&secrets.own_key(device.origin, person.id)),
        passes: Some(secrets.pass_keys(device.organisation, device.number)),
        server_time: now,
    })
}

/// Slow by design, so it is done beside the handlers, a few at a time.
async fn is_pin_of(app: &App, hash: Option<String>, pin: String) -> bool {
    let Ok(_turn) = app.pins.acquire().await else { return false };
    tokio::task::spawn_blocking(move || keys::is_pin_of(hash.as_deref(), &pin)).await.unwrap_or(false)
}

/// Slow by design as well.
async fn pin_hash_of(app: &App, pin: String) -> Result<String, Problem> {
    let _turn = app.pins.acquire().await;
    let hashed = tokio::task::spawn_blocking(move || keys::pin_hash(&pin)).await;
    hashed.map_err(|_| LedgerError::Later { detail: "the PIN was not reckoned".into() }.into())
}

async fn sign_out(device: Device, person: Person, State(app): State<App>) -> Result<StatusCode, Problem> {
    app.register.drop_token(device.0.organisation, person.hash).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(device: Device, person: Option<Person>, State(app): State<App>) -> Result<Json<Me>, Problem> {
    let device = device.0;
    let mut me = Me { device: device.number, staff: None, keys: Default::default(), server_time: app.now() };
    if let Some(Person { token, house, .. }) = person
        && let Some(person) = house.active(token.staff)
    {
        let written = app.ledger.heads(device.organisation).await?;
        let secrets = app.register.secrets(device.organisation).await?;
        me.staff = Some(person.id);
        me.keys = secrets.audience_keys(device.origin, house.held(person, written.keys()).iter());
    }
    Ok(Json(me))
}

async fn directory(device: Device, State(app): State<App>) -> Result<Json<Directory>, Problem> {
    Ok(Json(app.register.house(device.0.organisation).await?.directory()))
}

async fn packs(device: Device, State(app): State<App>) -> Result<Json<PublishedPacks>, Problem> {
    Ok(Json(app.register.house(device.0.organisation).await?.packs.published.clone()))
}

/// With the key that it can be tried with, so it goes to people and not to a tablet alone.
async fn known_phones(device: Device, _: Person, State(app): State<App>) -> Result<Response, Problem> {
    let organisation = device.0.organisation;
    let secrets = app.register.secrets(organisation).await?;
    let _ = renew_known_phones(&app, organisation, secrets).await;
    let known = app.known.get(organisation);
    if known.version.is_empty() {
        return Err(LedgerError::Later { detail: "the filter of known phones is being built".into() }.into());
    }
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream".into()), (header::ETAG, format!("\"{}\"", known.version))];
    Ok((headers, Bytes::copy_from_slice(&known.bytes)).into_response())
}

async fn tablets(person: Person, State(app): State<App>) -> Result<Json<Tablets>, Problem> {
    let me = person.staff()?;
    Ok(Json(house_work::tablets(&*app.register, &person.house, me, app.now()).await?))
}

async fn house_work(
    person: Person,
    State(app): State<App>,
    Message(asked): Message<HouseAsk>,
) -> Result<Json<HouseDone>, Problem> {
    let me = person.staff()?;
    let done = house_work::run(&*app.register, &person.house, me, asked.deed.clone(), app.now()).await?;
    let what = match asked.deed {
        HouseDeed::AddStaff { id, .. } => format!("added {id}"),
        HouseDeed::ChangeRole { staff, role } => format!("made {staff} {}", role.key()),
        HouseDeed::EndStaff { staff } => format!("ended the access of {staff}"),
        HouseDeed::ResetPin { staff } => format!("reset the PIN of {staff}"),
        HouseDeed::NewCode { uses } => format!("gave out a code for {uses} tablets"),
        HouseDeed::RevokeTablet { number } => format!("shut out device {}", number.0),
    };
    tracing::info!(by = %me.id, "{} {what}", me.id);
    Ok(Json(done))
}

async fn reminders(device: Device, person: Person, State(app): State<App>) -> Result<Json<Reminding>, Problem> {
    let (organisation, number) = (device.0.organisation, device.0.number);
    let reminded = app.reminders.reminded(organisation, number, person.token.staff).await?;
    let key = app.register.secrets(organisation).await?.reminder_point();
    Ok(Json(Reminding { key, on: reminded.me, others: reminded.others }))
}

async fn remind(
    device: Device,
    person: Person,
    State(app): State<App>,
    Message(asked): Message<Remind>,
) -> Result<Json<Reminding>, Problem> {
    let subscription = Subscription::try_from(asked)
        .map_err(|what| Problem::malformed(format!("{what} is not what a browser gives")))?;
    if !app.courier.reaches(&subscription.endpoint) {
        return Err(Problem::push_service());
    }
    let (organisation, number) = (device.0.organisation, device.0.number);
    if !app.reminders.keep_reminder(organisation, number, person.token.staff, &subscription, app.now()).await? {
        return Err(Problem::person());
    }
    tracing::info!(device = number.0, "device {} is to remind somebody", number.0);
    reminders(device, person, State(app)).await
}

async fn remind_no_more(device: Device, person: Person, State(app): State<App>) -> Result<Json<Reminding>, Problem> {
    app.reminders.drop_reminder(device.0.organisation, device.0.number, person.token.staff).await?;
    reminders(device, person, State(app)).await
}

async fn app_versions(State(app): State<App>) -> Json<AppVersions> {
    Json(app.versions)
}

async fn openapi() -> Json<serde_json::Value> {
    Json(openapi::document())
}

async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    // Whoever asks wants to know now, and not once the database has been waited for.
    let asked = tokio::time::timeout(READY_WAIT, app.register.organisations()).await;
    asked.unwrap_or_else(|_| Err(LedgerError::Later { detail: "it does not answer".into() }))?;
    Ok("ready\n")
}

impl From<PushError> for Problem {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Nameless => Self::malformed(error.to_string()),
            PushError::TooMany => Self::too_large(error.to_string()),
            PushError::Ledger(error) => error.into(),
        }
    }
}

// ---- Who is asking ------------------------------------------------------------------------------------------

/// The tablet whose token came with the request.
struct Device(register::Device);

impl FromRequestParts<App> for Device {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Both this and the person's extractor ask; the answer is kept with the request.
        if let Some(device) = parts.extensions.get::<register::Device>() {
            return Ok(Self(device.clone()));
        }
        let device = match bearer(parts, app).await? {
            Bearer::Enrolled(device) => device,
            Bearer::Revoked(_) => return Err(Problem::device_revoked()),
            Bearer::Unknown => return Err(Problem::device_unknown()),
        };
        parts.extensions.insert(device.clone());
        Ok(Self(device))
    }
}

/// Whose token came as the tablet's; without one it is nobody's that we know.
async fn bearer(parts: &Parts, app: &App) -> Result<Bearer, Problem> {
    let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    match token {
        Some(token) => Ok(app.register.bearer(keys::token_hash(token)).await?),
        None => Ok(Bearer::Unknown),
    }
}

/// A tablet that was shut out, which has one thing left to do.
struct Revoked(register::Device);

impl FromRequestParts<App> for Revoked {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match bearer(parts, app).await? {
            Bearer::Revoked(device) => Ok(Self(device)),
            Bearer::Enrolled(_) => Err(Problem::device_enrolled()),
            Bearer::Unknown => Err(Problem::device_unknown()),
        }
    }
}

/// The tablet that sends pictures, shut out or not: they are part of what it has to hand in.
pub(crate) struct Sender {
    pub(crate) device: register::Device,
    pub(crate) is_revoked: bool,
}

impl FromRequestParts<App> for Sender {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match bearer(parts, app).await? {
            Bearer::Enrolled(device) => Ok(Self { device, is_revoked: false }),
            Bearer::Revoked(device) => Ok(Self { device, is_revoked: true }),
            Bearer::Unknown => Err(Problem::device_unknown()),
        }
    }
}

/// The person whose token came beside the tablet's.
pub(crate) struct Person {
    token: PersonToken,
    hash: [u8; 32],
    pub(crate) house: House,
}

impl Person {
    pub(crate) fn staff(&self) -> Result<&Staff, Problem> {
        self.house.active(self.token.staff).ok_or_else(Problem::person)
    }
}

impl FromRequestParts<App> for Person {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Device(device) = Device::from_request_parts(parts, app).await?;
        let text = parts.headers.get(PERSON).and_then(|value| value.to_str().ok()).ok_or_else(Problem::person)?;
        let hash = keys::token_hash(text.trim());
        let token = app.register.token(device.organisation, hash).await?.ok_or_else(Problem::person)?;
        let house = app.register.house(device.organisation).await?;
        let is_good = (token.device == device.number || token.device == device.origin)
            && token.expires_at > app.now()
            && house.active(token.staff).is_some_and(|person| person.venue == device.venue);
        if is_good { Ok(Self { token, hash, house }) } else { Err(Problem::person()) }
    }
}

/// No token is nobody; a bad one is an error.
impl axum::extract::OptionalFromRequestParts<App> for Person {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        if parts.headers.contains_key(PERSON) {
            <Self as FromRequestParts<App>>::from_request_parts(parts, app).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Where the request comes from, for counting guesses.
struct Address(IpAddr);

impl<S: Sync> FromRequestParts<S> for Address {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())))
    }
}

// ---- Is it well formed --------------------------------------------------------------------------------------

/// A JSON message of this wire version.
struct Message<T>(T);

impl<T: DeserializeOwned> FromRequest<App> for Message<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Versioned {
            version: serde_json::Value,
        }
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = media.and_then(|media| media.split(';').next()).map(str::trim);
        if !media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::media_type());
        }
        let bytes = whole_body(request, app, BODY_BYTES_MAX).await?;
        let read = |error: serde_json::Error| Problem::malformed(place_of(&error));
        let versioned: Versioned = serde_json::from_slice(&bytes).map_err(read)?;
        if versioned.version != VERSION {
            return Err(Problem::version());
        }
        serde_json::from_slice(&bytes).map(Self).map_err(read)
    }
}

/// All of a body, of at most so many bytes.
///
/// # Errors
/// A problem, when there are more, it breaks off, or nothing of it comes for [`BODY_WAIT`].
pub(crate) async fn whole_body(request: Request, app: &App, bytes_max: usize) -> Result<Bytes, Problem> {
    Bytes::from_request(request, app).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(format!("{bytes_max} bytes at most")),
        _ if is_timed_out(&rejection) => Problem::too_slow(),
        _ => Problem::malformed("the body broke off, or is not compressed as it says"),
    })
}

fn is_timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<TimeoutError>())
}

/// Where it goes wrong, without what stands there: only names that are ours.
fn place_of(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let missing = told.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let what = match (error.classify(), missing) {
        (serde_json::error::Category::Io | serde_json::error::Category::Eof, _) => "it ends too early".into(),
        (serde_json::error::Category::Syntax, _) => "it is not JSON".into(),
        (serde_json::error::Category::Data, Some(name)) => format!("the member {name} is missing"),
        (serde_json::error::Category::Data, None) => "a member is of another type or form".into(),
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

async fn counted(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    app.metrics.answered(route.as_deref().unwrap_or("none"), response.status().as_u16());
    response
}

/// What the layers below refuse becomes a problem document too, and nothing of `/v1` is cached.
async fn as_problem(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_problem = media.is_some_and(|media| media.starts_with("application/problem+json"));
    if (status.is_client_error() || status.is_server_error()) && !is_problem {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = Problem::from_status(status).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
