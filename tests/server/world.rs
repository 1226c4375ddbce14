//! A club with its endpoint listening on a free port, and tablets that talk to it as the client does.

use std::{
    cell::Cell,
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use yingke_core::{
    audience::{Audience, Role, circle},
    chance::{Chance, Seeded},
    change::{Change, Edit, Header, Key, Ranked},
    codec, fixture,
    id::{ChangeId, DeviceNumber, ENDPOINT_DEVICE, OrganisationId, RecordId, StaffId, VenueId},
    journal::{
        Journal,
        memory::{Disk, DiskCopy, MemoryJournal},
    },
    merge::{self, Records},
    schema,
    stamp::{Stamp, Stamper},
    sync::{Blocks, Endpoint, Filling, News, Trouble, TurnError, turn},
    time::{Day, Millis},
    value::Value,
    wire::v1::{
        Answer, Block, Enrol, Enrolled, Problem, Push, Renumber, SignIn, SignedIn, Staff, VERSION, WireChange, hex_text,
    },
};
use yingke_server::{
    admin::{self, new_venue},
    http::{self, App},
    keys::{self, Secrets},
    ledger::{Batch, Candidate, Database},
    reminders::post::Post,
    settings::Data,
    verify,
};

pub const PIN: &str = "260711";
pub const CODE: &str = "20261122";

/// Somewhere new to keep a club: a folder, and where `YINGKE_POSTGRES` names a cluster, a database in it.
pub struct Place {
    pub data: Data,
    _folder: tempfile::TempDir,
}

impl Place {
    pub async fn new() -> Self {
        let mut place = Self::on_a_file();
        if let Ok(cluster) = std::env::var("YINGKE_POSTGRES") {
            place.data.database = Some(new_database(&cluster).await);
        }
        place
    }

    /// One that is a file whatever else there is.
    pub fn on_a_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { data: Data { folder: folder.path().into(), database: None }, _folder: folder }
    }

    pub fn path(&self) -> &Path {
        &self.data.folder
    }
}

async fn new_database(cluster: &str) -> String {
    let name = format!("t{}", hex_text(&keys::random::<8>()));
    let mut connection = PgConnection::connect(&format!("{cluster}/postgres")).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await.unwrap();
    format!("{cluster}/{name}")
}

/// One venue with a consultant (staff 1), another consultant (2), the front desk (3) and one who left (4); a
/// second venue with a consultant (5).
pub struct World {
    pub ledger: Arc<dyn Database>,
    pub app: App,
    pub address: SocketAddr,
    pub venue: VenueId,
    pub elsewhere: VenueId,
    now: Arc<AtomicI64>,
    end: watch::Sender<bool>,
    place: Place,
}

impl World {
    pub async fn new() -> Self {
        Self::with_files(None).await
    }

    pub async fn with_files(files: Option<&Path>) -> Self {
        Self::with(files, Post::to_nobody()).await
    }

    /// One that reminds people by this way.
    pub async fn reminding(post: Post) -> Self {
        let world = Self::with(None, post).await;
        tokio::spawn(world.app.clone().keep_reminding());
        world
    }

    async fn with(files: Option<&Path>, post: Post) -> Self {
        let place = Place::new().await;
        let ledger = admin::create(&place.data).await.unwrap();
        let (organisation, venue) = (fixture::organisation(), fixture::venue());
        let elsewhere = VenueId::from_bytes(fixture::id_bytes(2));
        ledger.found(organisation, "松风体育", "e1", &Secrets::new()).await.unwrap();
        ledger.keep_venue(organisation, &new_venue(venue, "未来店", "fitness", 480)).await.unwrap();
        ledger.keep_venue(organisation, &new_venue(elsewhere, "望江店", "sports", 480)).await.unwrap();
        let pin_hash = keys::pin_hash(PIN);
        for (number, name, role, venue) in [
            (1, "林悦", Role::Consultant, venue),
            (2, "周凯", Role::Consultant, venue),
            (3, "陈晓彤", Role::FrontDesk, venue),
            (4, "李卫", Role::StoreManager, venue),
            (5, "孙晓雯", Role::Consultant, elsewhere),
        ] {
            let staff = Staff { id: fixture::staff(number), name: name.into(), role, venue, active: number != 4 };
            ledger.add_staff(organisation, &staff, &pin_hash).await.unwrap();
        }
        ledger.add_code(organisation, venue, keys::code_hash(CODE), 100, Millis(i64::MAX)).await.unwrap();

        let now = Arc::new(AtomicI64::new(fixture::NOW.0));
        let clock = {
            let now = now.clone();
            Arc::new(move || Millis(now.load(Ordering::SeqCst)))
        };
        let (end, ending) = watch::channel(false);
        let app = App::new(ledger.clone(), clock, ending).reminding(post);
        let router = http::router(app.clone(), files);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, service).into_future());
        Self { ledger, app, address, venue, elsewhere, now, end, place }
    }

    /// The address of its database, where that is PostgreSQL.
    pub fn postgres(&self) -> Option<&str> {
        self.place.data.database.as_deref()
    }

    pub fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn end(&self) {
        self.end.send(true).unwrap();
    }

    pub fn organisation(&self) -> OrganisationId {
        fixture::organisation()
    }

    pub fn own(&self, staff: u8) -> Audience {
        Audience::Own(if staff == 5 { self.elsewhere } else { self.venue }, fixture::staff(staff))
    }

    pub fn desk(&self) -> Audience {
        Audience::Desk(self.venue)
    }

    /// A tablet of the first venue, with nobody signed in.
    pub async fn tablet(&self) -> Tablet {
        Tablet::enrol(self.address).await
    }

    /// A tablet with somebody signed in.
    pub async fn tablet_of(&self, staff: u8) -> Tablet {
        let mut tablet = self.tablet().await;
        tablet.sign_in(staff).await;
        tablet
    }

    pub async fn changes_kept(&self) -> u64 {
        self.findings().await.changes
    }

    /// What `verify` finds; no fault may be among it.
    pub async fn findings(&self) -> verify::Findings {
        let findings = verify::with_pictures(&*self.ledger, self.organisation()).await.unwrap();
        assert_eq!(findings.faults, Vec::<String>::new());
        findings
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// A body that was sent in pieces, put together. Source: RFC 9112, section 7.1.
    pub fn unchunked(&self) -> Vec<u8> {
        assert_eq!(self.headers["transfer-encoding"], "chunked");
        let (mut body, mut rest) = (Vec::new(), &self.body[..]);
        loop {
            let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            if length == 0 {
                return body;
            }
            body.extend(&rest[line + 2..line + 2 + length]);
            rest = &rest[line + 2 + length + 2..];
        }
    }

    /// The status and the code of the problem document that it has to be.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem: Problem = self.json();
        assert_eq!(problem.status, self.status);
        assert!(!problem.title.is_empty());
        (self.status, problem.kind.strip_prefix("about:blank#").expect("a code").to_owned())
    }
}

/// A push of these changes and nothing else.
pub fn push(push_counter: u64, changes: Vec<WireChange>) -> Push {
    Push {
        version: VERSION,
        epoch: None,
        push_counter,
        changes,
        sealed: Vec::new(),
        since: BTreeMap::new(),
        at: None,
        corrected: None,
        numbers: None,
        unsent: None,
    }
}

/// An open stream of hints.
pub struct Hints {
    stream: TcpStream,
    pub heard: String,
}

impl Hints {
    /// Listens, and has heard that the endpoint answers.
    pub async fn of(tablet: &Tablet) -> Self {
        Self::with(tablet.address, &tablet.bearer()).await
    }

    pub async fn with(address: SocketAddr, bearer: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let asked = format!("GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut hints = Self { stream, heard: String::new() };
        hints.until("\r\n\r\n").await;
        hints
    }

    pub async fn until(&mut self, what: &str) {
        while !self.heard.contains(what) {
            let mut bytes = [0; 1_024];
            let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut bytes)).await;
            let read = read.expect("in time").unwrap();
            assert!(read > 0, "ended after {}", self.heard);
            self.heard += std::str::from_utf8(&bytes[..read]).unwrap();
        }
    }
}

/// One request over its own connection. `None` when the connection ended without an answer.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Reply> {
    let stream = TcpStream::connect(address).await.ok()?;
    send_over(stream, &address.to_string(), method, path, headers, body).await
}

/// One request over a connection, encrypted or not, that is closed afterwards.
pub async fn send_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Reply> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" || method == "PUT" {
        request += &format!("content-length: {}\r\n", body.len());
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    // The endpoint may answer and close before it has read all of a body that is too large.
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    read_reply(&bytes, method == "HEAD")
}

fn read_reply(bytes: &[u8], is_head: bool) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.into()))
        .collect();
    let body = bytes[end + 4..].to_vec();
    let whole = is_head || headers.get("content-length").is_none_or(|length| length.parse() == Ok(body.len()));
    whole.then_some(Reply { status, headers, body })
}

pub const JSON: (&str, &str) = ("content-type", "application/json");

pub async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &impl Serialize) -> Option<Reply> {
    let headers: Vec<_> = [JSON].into_iter().chain(headers.iter().copied()).collect();
    send(address, "POST", path, &headers, &serde_json::to_vec(body).unwrap()).await
}

/// A tablet: the journal in memory, core's own turn, real requests.
pub struct Tablet {
    pub address: SocketAddr,
    pub enrolled: Enrolled,
    pub signed_in: Option<SignedIn>,
    pub journal: MemoryJournal,
    chance: std::cell::RefCell<Seeded>,
    stamper: std::cell::RefCell<Stamper>,
    /// Of 100 replies, so many are cut after the endpoint has done its work.
    pub cut_percent: Cell<u64>,
    pub cuts: Cell<u32>,
    takes_cuts: Cell<bool>,
    /// Bytes of the last push and of its answer.
    pub last_bytes: Cell<(usize, usize)>,
}

impl Tablet {
    pub async fn enrol(address: SocketAddr) -> Self {
        Self::enrol_with(address, CODE).await
    }

    pub async fn enrol_with(address: SocketAddr, code: &str) -> Self {
        let asked = Enrol { version: VERSION, code: code.into(), name: "A-01".into() };
        let reply = post(address, "/v1/enrol", &[], &asked).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        let enrolled: Enrolled = reply.json();
        let seed = u64::from(enrolled.device.0) << 32;
        Self {
            address,
            enrolled,
            signed_in: None,
            journal: MemoryJournal::default(),
            chance: Seeded::new(seed).into(),
            stamper: Stamper::default().into(),
            cut_percent: Cell::new(0),
            cuts: Cell::new(0),
            takes_cuts: Cell::new(false),
            last_bytes: Cell::default(),
        }
    }

    /// Another tablet with this one's profile as it was copied.
    pub fn cloned(&self, profile: &DiskCopy) -> Self {
        let disk = Arc::new(Disk::default());
        disk.restore(profile);
        Self {
            address: self.address,
            enrolled: self.enrolled.clone(),
            signed_in: self.signed_in.clone(),
            journal: MemoryJournal::on(disk),
            chance: Seeded::new(self.chance.borrow_mut().next_u64()).into(),
            stamper: Stamper::default().into(),
            cut_percent: Cell::new(0),
            cuts: Cell::new(0),
            takes_cuts: Cell::new(false),
            last_bytes: Cell::default(),
        }
    }

    pub async fn try_renumber(&self) -> Reply {
        let asked = Renumber { version: VERSION, push_counter: self.journal.kept().push_counter };
        post(self.address, "/v1/renumber", &[("authorization", &self.bearer())], &asked).await.unwrap()
    }

    /// Is told that it is a copy, and goes on as a tablet of its own.
    pub async fn renumber(&mut self) {
        let reply = self.try_renumber().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        self.enrolled = reply.json();
    }

    pub async fn sign_in(&mut self, staff: u8) {
        let reply = self.try_sign_in(fixture::staff(staff), PIN).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        self.signed_in = Some(reply.json());
    }

    pub async fn try_sign_in(&self, staff: StaffId, pin: &str) -> Reply {
        let asked = SignIn { version: VERSION, staff, pin: pin.into() };
        post(self.address, "/v1/sign-in", &[("authorization", &self.bearer())], &asked).await.unwrap()
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.enrolled.token)
    }

    pub fn device(&self) -> DeviceNumber {
        self.enrolled.device
    }

    pub fn headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![("authorization".to_owned(), self.bearer())];
        headers.extend(self.signed_in.as_ref().map(|person| ("yingke-person".to_owned(), person.token.clone())));
        headers
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"").await.expect("an answer")
    }

    /// Anything, under its credentials and with more headers.
    pub async fn ask(&self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
        let headers = self.headers();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = headers.chain(more.iter().copied()).collect();
        send(self.address, method, path, &headers, body).await
    }

    /// Any body to `/v1/sync`.
    pub async fn push_raw(&self, body: &[u8]) -> Reply {
        self.push_with(&[JSON], body).await.expect("an answer")
    }

    pub async fn push_with(&self, more: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
        self.ask("POST", "/v1/sync", more, body).await
    }

    pub async fn push(&self, push: &Push) -> Answer {
        let reply = self.push_raw(&serde_json::to_vec(push).unwrap()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// A change that is not kept yet.
    pub fn change(
        &self,
        author: u8,
        audience: &Audience,
        record: RecordId,
        now: Millis,
        fields: &[(&str, &str)],
    ) -> Ranked {
        self.change_by(fixture::staff(author), audience, record, now, fields)
    }

    /// The same of somebody whom the directory names.
    pub fn change_by(
        &self,
        author: StaffId,
        audience: &Audience,
        record: RecordId,
        now: Millis,
        fields: &[(&str, &str)],
    ) -> Ranked {
        let mut chance = self.chance.borrow_mut();
        let header = Header {
            id: ChangeId::new(now, &mut *chance),
            organisation: self.enrolled.directory.organisation,
            author,
            device: self.device(),
            made_at: now,
            clock_offset_ms: 0,
            pack: 1,
            form: "F-03".into(),
        };
        let writes = fields.iter().map(|(key, value)| schema::write("person", key, *value)).collect();
        let kind = yingke_core::change::Key::of("person");
        let edit = Edit { record, kind, audience: audience.clone(), salt: [0; 8], writes };
        let stamp = self.stamper.borrow_mut().next(now);
        Ranked::provisional(stamp, Change::new(header, vec![edit], &mut *chance))
    }

    /// Saves as the app does: into the journal.
    pub async fn save(
        &self,
        author: u8,
        audience: &Audience,
        record: RecordId,
        now: Millis,
        fields: &[(&str, &str)],
    ) -> ChangeId {
        let change = self.change(author, audience, record, now, fields);
        self.journal.append(&change).await.unwrap();
        change.change.id()
    }

    pub fn new_record(&self, now: Millis) -> RecordId {
        RecordId::new(now, &mut *self.chance.borrow_mut())
    }

    pub async fn turn(&self) -> Result<News, TurnError> {
        let news = turn(&self.journal, self).await?;
        let mut stamper = self.stamper.borrow_mut();
        news.accepted
            .iter()
            .map(|accepted| accepted.stamp)
            .chain(news.pulled.iter().map(|change| change.stamp))
            .for_each(|stamp: Stamp| stamper.take_in(stamp));
        Ok(news)
    }

    /// Goes on by blocks from a turn that said there is more; how many came.
    pub async fn fill(&self, news: &News) -> (usize, Result<(), TurnError>) {
        let mut filling = match Filling::begin(self, news).await {
            Ok(filling) => filling,
            Err(trouble) => return (0, Err(trouble.into())),
        };
        for blocks in 0.. {
            match filling.next(&self.journal).await {
                Ok(Some(_)) => {}
                Ok(None) => return (blocks, Ok(())),
                Err(error) => return (blocks, Err(error)),
            }
        }
        unreachable!("it ends")
    }

    /// Turns until there is nothing to send and nothing new.
    pub async fn settle(&self) {
        for _ in 0..1_000 {
            match self.turn().await {
                Ok(news) if !news.more && self.journal.kept().tail.is_empty() => return,
                Ok(_) | Err(TurnError::Endpoint(Trouble::OutOfReach) | TurnError::NewEpoch) => {}
                Err(other) => panic!("{other}"),
            }
        }
        panic!("a thousand turns did not settle it");
    }

    /// The records of an audience that this tablet holds, as bytes.
    pub fn records(&self, audience: &Audience) -> BTreeMap<RecordId, Vec<u8>> {
        let mut records = Records::new();
        for change in &self.journal.kept().accepted {
            for edit in change.change.edits().filter(|edit| edit.audience == *audience) {
                merge::apply_to(&mut records, change.rank(), edit);
            }
        }
        records.into_iter().map(|(id, record)| (id, codec::record_bytes(&record))).collect()
    }

    pub fn value(&self, audience: &Audience, record: RecordId, key: &str) -> Option<Value> {
        let bytes = self.records(audience).remove(&record)?;
        codec::read_block(&bytes).unwrap()[0].get(key).cloned()
    }
}

/// A snapshot as it came over the wire, perhaps cut.
pub struct ReadBlocks(Vec<u8>);

impl Blocks for ReadBlocks {
    async fn next(&mut self) -> Result<Option<Block>, Trouble> {
        match Block::read(&self.0).map_err(|error| Trouble::NotUnderstood { detail: error.to_string() })? {
            Some((block, taken)) => {
                self.0.drain(..taken);
                Ok(Some(block))
            }
            None if self.0.is_empty() => Ok(None),
            None => Err(Trouble::OutOfReach),
        }
    }
}

impl Endpoint for Tablet {
    type Blocks = ReadBlocks;

    async fn snapshot(&self, after: u64) -> Result<ReadBlocks, Trouble> {
        let reply = self.get(&format!("/v1/snapshot?after={after}")).await;
        let mut bytes = if reply.status == 200 { reply.unchunked() } else { return Err(trouble(&reply)) };
        if self.chance.borrow_mut().below(100) < self.cut_percent.get() {
            self.cuts.set(self.cuts.get() + 1);
            bytes.truncate(self.chance.borrow_mut().below(bytes.len() as u64) as usize);
        }
        Ok(ReadBlocks(bytes))
    }

    fn takes_cuts(&self) -> &Cell<bool> {
        &self.takes_cuts
    }

    async fn sync(&self, push: Push) -> Result<Answer, Trouble> {
        let body = serde_json::to_vec(&push).unwrap();
        let reply = self.push_with(&[JSON], &body).await.ok_or(Trouble::OutOfReach)?;
        self.last_bytes.set((body.len(), reply.body.len()));
        if self.chance.borrow_mut().below(100) < self.cut_percent.get() {
            self.cuts.set(self.cuts.get() + 1);
            return Err(Trouble::OutOfReach);
        }
        if reply.status == 200 { Ok(reply.json()) } else { Err(trouble(&reply)) }
    }
}

/// What a refusal means to the tablet.
fn trouble(reply: &Reply) -> Trouble {
    match reply.problem() {
        (401, code) if code == "device_revoked" => Trouble::Revoked,
        (401, code) if code == "device_unknown" => Trouble::Unknown,
        (401, _) => Trouble::SignIn,
        (409, _) => Trouble::Cloned,
        (status, code) => Trouble::NotUnderstood { detail: format!("{status} {code}") },
    }
}

/// Keeps a record as if it had been there all along, such as a card that was imported.
pub async fn keep(world: &World, number: u8, kind: &'static str, audience: Audience, fields: Vec<(&str, Value)>) {
    let writes = fields.into_iter().map(|(key, value)| schema::write(kind, key, value)).collect();
    let record = RecordId::from_bytes(fixture::id_bytes(number));
    let edit = Edit { record, kind: Key::of(kind), audience, salt: [0; 8], writes };
    let change: Change = fixture::change(number, vec![edit]);
    let ranked = Ranked { stamp: Stamp::at(world.now()), device: ENDPOINT_DEVICE, change };
    let batch = Batch { pushed: None, candidates: vec![Candidate::new(ranked, None)], now: world.now() };
    world.ledger.append(world.organisation(), batch).await.unwrap();
}

/// What a venue has set of the numbers of its pack.
pub async fn set_number(world: &World, number: u8, venue: VenueId, name: &str, value: i64) {
    let fields = vec![
        ("name", name.into()),
        ("values", Value::List(vec![value.into()])),
        ("from", Day::from_ymd(2026, 1, 1).unwrap().into()),
    ];
    keep(world, number, "parameter", Audience::Circle(venue, circle::HOUSE.into()), fields).await;
}
