//! The endpoint, by fetch: each fault of the network told apart by what a person can do about it.

use std::{cell::Cell, convert::Infallible, rc::Rc};

use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReadableWritablePair, RequestCache, RequestInit,
    RequestRedirect, Response,
};
use yingke_core::{
    blob::BlobHash,
    id::StaffId,
    sync::{Blocks, Endpoint, Trouble, retry_at},
    wire::v1::{
        Answer, BLOCKS, BlobKept, Block, ChangePin, Directory, Enrol, Enrolled, HandIn, HandedIn, HouseAsk, HouseDeed,
        HouseDone, KnownTablet, Me, Problem, PublishedPacks, Push, Remind, Reminders, Renumber, SealedChange, SignIn,
        SignedIn, Tablets, VERSION,
    },
};

use super::{chance::Web, clock, vault::Vault};

/// How long an answer may take.
const ANSWER_WAIT_MS: i64 = 10_000;
/// How long it may take when much is sent or asked for.
const LONG_WAIT_MS: i64 = 30_000;
/// Letters of a message that is packed: a shorter one goes out in one packet as it is.
const PACKED_FROM_BYTES: usize = 1_400;
/// Bytes of a push from which it counts as much: what a weak mobile network sends in some seconds.
const LARGE_BYTES: usize = 64 << 10;
/// Silence after which the stream of hints counts as dead: the endpoint says something several times a minute.
const HINT_SILENCE_MS: i64 = 90_000;
const EVENTS: &str = "text/event-stream";

/// core's [`Endpoint`], at the address that the page came from.
#[derive(Debug, Clone)]
pub struct HttpEndpoint {
    vault: Vault,
    pace: Rc<Cell<Pace>>,
    takes_cuts: Rc<Cell<bool>>,
    /// Whether a turn only sends, since whoever is unlocked wants nothing fetched now.
    only_sends: Rc<Cell<bool>>,
    /// Whether all is asked by the tablet's credential alone.
    is_alone: Rc<Cell<bool>>,
}

/// As long as this lives, all is asked by the tablet's credential alone: what waits is sent, and nothing comes for anybody.
#[must_use]
#[derive(Debug)]
pub struct Alone(Rc<Cell<bool>>);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// How the last exchange with the endpoint went, as far as the clock tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    #[default]
    Unknown,
    /// Something answered after so many milliseconds, or the way was cut.
    Answered { ms: i64 },
    /// Nothing came in the time that an answer may take.
    TimedOut,
}

/// Why nothing was done with people or tablets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HouseTrouble {
    /// Not with this post, or not to somebody who stands as high.
    NotYours,
    /// Somebody here is called that already.
    SameName,
    /// There is no such person or tablet at this venue any more.
    Gone,
    Endpoint(Trouble),
}

impl From<Trouble> for HouseTrouble {
    fn from(trouble: Trouble) -> Self {
        Self::Endpoint(trouble)
    }
}

/// Why a piece of a picture was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PieceTrouble {
    /// Whom the picture shows was erased.
    Erased,
    /// It would be refused again.
    Refused {
        why: String,
    },
    Endpoint(Trouble),
}

impl From<Trouble> for PieceTrouble {
    fn from(trouble: Trouble) -> Self {
        Self::Endpoint(trouble)
    }
}

/// With whose credentials a request goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    Nobody,
    /// The tablet, and whoever is unlocked.
    Whoever,
    /// The tablet alone.
    Tablet,
}

impl Endpoint for HttpEndpoint {
    type Blocks = HttpBlocks;

    fn takes_cuts(&self) -> &Cell<bool> {
        &self.takes_cuts
    }

    async fn sync(&self, push: Push) -> Result<Answer, Trouble> {
        let started_ms = clock::since_opening_ms();
        let who = if self.only_sends.get() { As::Tablet } else { As::Whoever };
        let answer = self.post("/v1/sync", &push, who).await;
        let ms = clock::since_opening_ms() - started_ms;
        let timed_out = ms >= ANSWER_WAIT_MS && matches!(answer, Err(Trouble::OutOfReach));
        self.pace.set(if timed_out { Pace::TimedOut } else { Pace::Answered { ms } });
        answer
    }

    async fn snapshot(&self, after: u64) -> Result<HttpBlocks, Trouble> {
        let request = self.request("GET", As::Whoever, None)?;
        let pieces = stream(&format!("/v1/snapshot?after={after}"), &request, BLOCKS).await?;
        Ok(HttpBlocks { pieces, bytes: Vec::new(), _request: request })
    }
}

/// A snapshot as it comes in. Dropped, it is given up.
pub struct HttpBlocks {
    pieces: Pieces,
    bytes: Vec<u8>,
    _request: Asking,
}

impl Blocks for HttpBlocks {
    async fn next(&mut self) -> Result<Option<Block>, Trouble> {
        loop {
            let read = Block::read(&self.bytes);
            if let Some((block, taken)) = read.map_err(|error| Trouble::NotUnderstood { detail: error.to_string() })? {
                self.bytes.drain(..taken);
                return Ok(Some(block));
            }
            match self.pieces.next(LONG_WAIT_MS).await? {
                Some(piece) => self.bytes.extend(piece),
                None if self.bytes.is_empty() => return Ok(None),
                None => return Err(Trouble::OutOfReach),
            }
        }
    }
}

impl HttpEndpoint {
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        let (pace, takes_cuts, only_sends) = (Rc::default(), Rc::default(), Rc::default());
        Self { vault, pace, takes_cuts, only_sends, is_alone: Rc::default() }
    }

    /// Leaves out whoever is unlocked.
    pub fn alone(&self) -> Alone {
        self.is_alone.set(true);
        Alone(self.is_alone.clone())
    }

    /// How the last exchange went.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace.get()
    }

    /// Whether turns bring what is new, too, and do not only send.
    pub fn set_fetches(&self, fetches: bool) {
        self.only_sends.set(!fetches);
    }

    /// Presents an enrolment code. A code that is not taken is [`Trouble::SignIn`].
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn enrol(&self, code: &str, name: &str) -> Result<Enrolled, Trouble> {
        self.post("/v1/enrol", &Enrol { version: VERSION, code: code.into(), name: name.into() }, As::Nobody).await
    }

    /// This tablet is a copy of another, and asks for a number of its own.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn renumber(&self, push_counter: u64) -> Result<Enrolled, Trouble> {
        self.post("/v1/renumber", &Renumber { version: VERSION, push_counter }, As::Tablet).await
    }

    /// A person's first unlock here, or a renewal. A PIN that is not taken is [`Trouble::SignIn`]; after too many,
    /// [`Trouble::Busy`] says how long to wait.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn sign_in(&self, staff: StaffId, pin: &str) -> Result<SignedIn, Trouble> {
        self.post("/v1/sign-in", &SignIn { version: VERSION, staff, pin: pin.into() }, As::Tablet).await
    }

    /// Somebody chooses another PIN, or a passphrase, by the one that they have.
    ///
    /// # Errors
    /// [`Trouble`]; [`Trouble::SignIn`] for a wrong one, [`Trouble::NotUnderstood`] for a new one that is none.
    pub async fn change_pin(&self, staff: StaffId, pin: &str, new: &str) -> Result<SignedIn, Trouble> {
        let asked = ChangePin { version: VERSION, staff, pin: pin.into(), new: new.into() };
        self.post("/v1/pin", &asked, As::Tablet).await
    }

    /// # Errors
    /// [`Trouble`]
    pub async fn me(&self) -> Result<Me, Trouble> {
        self.get("/v1/me").await
    }

    /// # Errors
    /// [`Trouble`]
    pub async fn directory(&self) -> Result<Directory, Trouble> {
        self.get("/v1/directory").await
    }

    /// # Errors
    /// [`Trouble`]
    pub async fn packs(&self) -> Result<PublishedPacks, Trouble> {
        self.get("/v1/packs").await
    }

    /// One thing done with the people or tablets of the venue.
    ///
    /// # Errors
    /// [`HouseTrouble`]
    pub async fn house_work(&self, deed: HouseDeed) -> Result<HouseDone, HouseTrouble> {
        let body = serde_json::to_string(&HouseAsk { version: VERSION, deed }).expect("messages are plain data");
        let request = self.request("POST", As::Whoever, Some(&body))?;
        fetch("/v1/house", &request, ANSWER_WAIT_MS).await?.of_house()
    }

    /// # Errors
    /// [`HouseTrouble`]
    pub async fn tablets(&self) -> Result<Vec<KnownTablet>, HouseTrouble> {
        let request = self.request("GET", As::Whoever, None)?;
        let answer: Tablets = fetch("/v1/tablets", &request, ANSWER_WAIT_MS).await?.of_house()?;
        Ok(answer.tablets)
    }

    /// Who is reminded on this tablet: as it is (`GET`), or once somebody is (`POST`) or no longer is (`DELETE`).
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn reminders(&self, method: &str, remind: Option<&Remind>) -> Result<Reminders, Trouble> {
        let body = remind.map(|remind| serde_json::to_string(remind).expect("messages are plain data"));
        let request = self.request(method, As::Whoever, body.as_deref())?;
        fetch("/v1/reminders", &request, ANSWER_WAIT_MS).await?.read()
    }

    /// The filter of the numbers that the club knows.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn known_phones(&self) -> Result<Vec<u8>, Trouble> {
        let request = self.request("GET", As::Whoever, None)?;
        let answer = fetch("/v1/known-phones", &request, LONG_WAIT_MS).await?;
        if (200..300).contains(&answer.status) && answer.content_type.starts_with("application/octet-stream") {
            return Ok(answer.body);
        }
        Err(judged(answer.status, &answer.content_type, &answer.body)
            .err()
            .unwrap_or_else(|| Trouble::Stranger { detail: "another kind of file".into() }))
    }

    /// How far this tablet's own upload of a picture has come.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn picture_kept(&self, hash: BlobHash) -> Result<BlobKept, Trouble> {
        let request = self.request("GET", As::Tablet, None)?;
        fetch(&format!("/v1/blobs/{hash}/upload"), &request, ANSWER_WAIT_MS).await?.read()
    }

    /// Sends a piece of a picture, which begins at `offset` of `length` bytes.
    ///
    /// # Errors
    /// [`PieceTrouble`]
    pub async fn send_piece(
        &self,
        hash: BlobHash,
        offset: usize,
        length: usize,
        piece: &[u8],
    ) -> Result<BlobKept, PieceTrouble> {
        let request = self.request("PUT", As::Tablet, None)?;
        let wrong = |_| Trouble::NotUnderstood { detail: "a piece that cannot be sent".into() };
        request.headers.set("Content-Type", "application/octet-stream").map_err(wrong)?;
        request.init.set_body(&js_sys::Uint8Array::from(piece));
        let path = format!("/v1/blobs/{hash}/upload?offset={offset}&length={length}");
        let answer = fetch(&path, &request, LONG_WAIT_MS).await?;
        match (answer.status, problem_of(&answer.content_type, &answer.body)) {
            (410, Some(_)) => Err(PieceTrouble::Erased),
            (400 | 404 | 413 | 415 | 422, Some(problem)) => {
                Err(PieceTrouble::Refused { why: code_of(&problem).to_owned() })
            }
            // It goes on from somewhere else: from where, it says.
            (409, Some(_)) => Ok(self.picture_kept(hash).await?),
            _ => Ok(answer.read()?),
        }
    }

    /// A picture; `None` where there is none for whoever is unlocked.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn picture(&self, hash: BlobHash) -> Result<Option<Vec<u8>>, Trouble> {
        let request = self.request("GET", As::Whoever, None)?;
        let answer = fetch(&format!("/v1/blobs/{hash}"), &request, LONG_WAIT_MS).await?;
        if answer.status == 200 && answer.content_type.starts_with("image/") {
            return Ok(Some(answer.body));
        }
        if answer.status == 404 && problem_of(&answer.content_type, &answer.body).is_some() {
            return Ok(None);
        }
        Err(judged(answer.status, &answer.content_type, &answer.body)
            .err()
            .unwrap_or_else(|| Trouble::Stranger { detail: "another kind of file".into() }))
    }

    /// Hands in a part of what this tablet holds unsent, once it was revoked; `left` changes are still to come.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn hand_in(&self, sealed: &[SealedChange], left: u64) -> Result<HandedIn, Trouble> {
        self.post("/v1/hand-in", &HandIn { version: VERSION, sealed: sealed.to_vec(), left }, As::Tablet).await
    }

    /// Has the browser throw away the files of its storage, with the credential of a tablet that was wiped.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn farewell(&self, token: &str) -> Result<(), Trouble> {
        let request = self.request("POST", As::Nobody, None)?;
        request.headers.set("Authorization", &format!("Bearer {token}")).map_err(|_| Trouble::OutOfReach)?;
        match fetch("/v1/farewell", &request, ANSWER_WAIT_MS).await?.status {
            204 => Ok(()),
            status => Err(Trouble::Busy { status, retry_after_s: None }),
        }
    }

    /// Wakes at each hint that something is new, for as long as this is waited for: by the tab that leads.
    pub async fn listen_for_hints(&self, wake: &clock::Wake) -> Infallible {
        let mut failures = 0;
        loop {
            match self.hints(|| wake.wake()).await {
                Ok(()) => failures = 0, // the endpoint ended it in good order
                Err(_) => failures = u32::min(failures + 1, 100),
            }
            clock::wait_until(retry_at(clock::now(), failures.max(1), None, &mut Web)).await;
        }
    }

    /// Calls back when the stream is open and at each hint, until it ends.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn hints(&self, on_hint: impl Fn()) -> Result<(), Trouble> {
        let request = self.request("GET", As::Tablet, None)?;
        request.headers.set("Accept", EVENTS).map_err(|_| Trouble::OutOfReach)?;
        let pieces = stream("/v1/events", &request, EVENTS).await?;
        // An endpoint that answers again is the best hint of all.
        on_hint();
        let mut lines = Lines::default();
        while let Some(piece) = pieces.next(HINT_SILENCE_MS).await? {
            if lines.hint_in(&piece) {
                on_hint();
            }
        }
        Ok(())
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize, who: As) -> Result<T, Trouble> {
        let body = serde_json::to_string(body).expect("messages are plain data");
        let wait_ms = if body.len() > LARGE_BYTES { LONG_WAIT_MS } else { ANSWER_WAIT_MS };
        let request = self.request("POST", who, Some(&body))?;
        // A browser that cannot pack, or fails to, sends it as it is.
        if body.len() > PACKED_FROM_BYTES
            && let Ok(packed) = packed(&body).await
            && request.headers.set("Content-Encoding", "gzip").is_ok()
        {
            request.init.set_body(&packed);
        }
        fetch(path, &request, wait_ms).await?.read()
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        fetch(path, &self.request("GET", As::Whoever, None)?, ANSWER_WAIT_MS).await?.read()
    }

    fn request(&self, method: &str, who: As, body: Option<&str>) -> Result<Asking, Trouble> {
        let wrong = |_| Trouble::NotUnderstood { detail: "a credential that cannot be sent".into() };
        let headers = Headers::new().map_err(wrong)?;
        if who != As::Nobody {
            let token = self.vault.device_token();
            let token = token.ok_or_else(|| Trouble::NotUnderstood { detail: "not enrolled".into() })?;
            headers.set("Authorization", &format!("Bearer {token}")).map_err(wrong)?;
        }
        if who == As::Whoever
            && !self.is_alone.get()
            && let Some((token, _)) = self.vault.person_token()
        {
            headers.set("Yingke-Person", &token).map_err(wrong)?;
        }
        let init = RequestInit::new();
        init.set_method(method);
        init.set_cache(RequestCache::NoStore);
        // A portal that wants to be seen sends the browser elsewhere; the endpoint never does.
        init.set_redirect(RequestRedirect::Manual);
        if let Some(body) = body {
            headers.set("Content-Type", "application/json").map_err(wrong)?;
            init.set_body(&body.into());
        }
        let abort = AbortController::new().map_err(|_| Trouble::OutOfReach)?;
        init.set_headers(&headers);
        init.set_signal(Some(&abort.signal()));
        Ok(Asking { init, headers, abort })
    }
}

/// A request, given up when it is dropped.
struct Asking {
    init: RequestInit,
    headers: Headers,
    abort: AbortController,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// What came back.
struct Answered {
    status: u16,
    content_type: String,
    body: Vec<u8>,
}

impl Answered {
    fn of_house<T: DeserializeOwned>(self) -> Result<T, HouseTrouble> {
        let problem = problem_of(&self.content_type, &self.body);
        match problem.as_ref().map(code_of) {
            Some("post") => Err(HouseTrouble::NotYours),
            Some("same-name") => Err(HouseTrouble::SameName),
            Some("not-found") => Err(HouseTrouble::Gone),
            _ => Ok(self.read()?),
        }
    }

    fn read<T: DeserializeOwned>(self) -> Result<T, Trouble> {
        judged(self.status, &self.content_type, &self.body)?;
        serde_json::from_slice(&self.body)
            .map_err(|_| Trouble::NotUnderstood { detail: "an answer of another form".into() })
    }
}

async fn fetch(path: &str, request: &Asking, wait_ms: i64) -> Result<Answered, Trouble> {
    let answer = clock::within(wait_ms, async {
        let response = send(path, request).await?;
        let body = body_of(&response).await?;
        Ok(Answered { status: response.status(), content_type: content_type(&response), body })
    });
    answer.await.unwrap_or(Err(Trouble::OutOfReach))
}

/// An answer that comes in pieces, of this kind.
async fn stream(path: &str, request: &Asking, kind: &str) -> Result<Pieces, Trouble> {
    let response = clock::within(ANSWER_WAIT_MS, send(path, request)).await.ok_or(Trouble::OutOfReach)??;
    let content_type = content_type(&response);
    if !(response.ok() && content_type.starts_with(kind)) {
        let body = clock::within(ANSWER_WAIT_MS, body_of(&response)).await.ok_or(Trouble::OutOfReach)??;
        judged(response.status(), &content_type, &body)?;
        return Err(Trouble::Stranger { detail: "another kind of answer".into() });
    }
    let stream = response.body().ok_or(Trouble::OutOfReach)?;
    Ok(Pieces(stream.get_reader().unchecked_into()))
}

struct Pieces(ReadableStreamDefaultReader);

impl Pieces {
    /// The next piece; `None` after the last. Silence for so long is [`Trouble::OutOfReach`].
    async fn next(&self, silence_ms: i64) -> Result<Option<Vec<u8>>, Trouble> {
        let piece = clock::within(silence_ms, JsFuture::from(self.0.read())).await;
        let piece = piece.ok_or(Trouble::OutOfReach)?.map_err(|_| Trouble::OutOfReach)?;
        let member = |name: &str| js_sys::Reflect::get(&piece, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if member("done").is_truthy() {
            return Ok(None);
        }
        Ok(Some(js_sys::Uint8Array::new(&member("value")).to_vec()))
    }
}

/// A text as gzip, by the browser itself.
async fn packed(text: &str) -> Result<JsValue, JsValue> {
    let plain = Response::new_with_opt_str(Some(text))?.body().ok_or(JsValue::NULL)?;
    let packer: js_sys::Function = js_sys::Reflect::get(&js_sys::global(), &"CompressionStream".into())?.dyn_into()?;
    let packer = js_sys::Reflect::construct(&packer, &js_sys::Array::of1(&"gzip".into()))?;
    let packed = plain.pipe_through(packer.unchecked_ref::<ReadableWritablePair>());
    JsFuture::from(Response::new_with_opt_readable_stream(Some(&packed))?.array_buffer()?).await
}

async fn send(path: &str, request: &Asking) -> Result<Response, Trouble> {
    let window = web_sys::window().ok_or(Trouble::OutOfReach)?;
    let answer = JsFuture::from(window.fetch_with_str_and_init(path, &request.init)).await;
    let response: Response = answer.map_err(|_| Trouble::OutOfReach)?.unchecked_into();
    if response.type_() == web_sys::ResponseType::Opaqueredirect {
        return Err(Trouble::Stranger { detail: "the network sends the browser elsewhere".into() });
    }
    Ok(response)
}

async fn body_of(response: &Response) -> Result<Vec<u8>, Trouble> {
    let body = response.array_buffer().map_err(|_| Trouble::OutOfReach)?;
    let body = JsFuture::from(body).await.map_err(|_| Trouble::OutOfReach)?;
    Ok(js_sys::Uint8Array::new(&body).to_vec())
}

fn content_type(response: &Response) -> String {
    response.headers().get("Content-Type").ok().flatten().unwrap_or_default().to_ascii_lowercase()
}

/// What an answer means. Only our own problem documents can say that this tablet was revoked: a proxy that answers 401
/// must not wipe anybody's work.
fn judged(status: u16, content_type: &str, body: &[u8]) -> Result<(), Trouble> {
    let is_json = content_type.starts_with("application/json");
    let Some(problem) = problem_of(content_type, body) else {
        return match status {
            200..=299 if is_json => Ok(()),
            // A proxy in front of an endpoint that is down says so in its own words.
            408 | 429 | 500 | 502..=504 => Err(Trouble::Busy { status, retry_after_s: None }),
            _ => Err(Trouble::Stranger { detail: format!("status {status}, {}", kind_of(content_type)) }),
        };
    };
    let code = code_of(&problem);
    Err(match (status, code) {
        (401, "device_revoked") => Trouble::Revoked,
        (401, "device_unknown") => Trouble::Unknown,
        // `person`, and at the door `pin` and `code`: it is the person who has to do something.
        (401 | 403, _) => Trouble::SignIn,
        (409, "cloned") => Trouble::Cloned,
        (408 | 429 | 500..=599, _) => Trouble::Busy { status, retry_after_s: problem.retry_after_s },
        _ => Trouble::NotUnderstood { detail: format!("{status} {code}: {}", problem.title) },
    })
}

/// Our own problem document, if it is one.
fn problem_of(content_type: &str, body: &[u8]) -> Option<Problem> {
    content_type.starts_with("application/problem+json").then(|| serde_json::from_slice(body).ok()).flatten()
}

fn code_of(problem: &Problem) -> &str {
    problem.kind.split_once('#').map_or("", |(_, code)| code)
}

/// The kind without what follows it, and not longer than a kind is: it may be anybody's.
fn kind_of(content_type: &str) -> &str {
    let kind = content_type.split(';').next().unwrap_or_default();
    if kind.len() <= 40 && kind.is_ascii() { kind } else { "another kind" }
}

/// Finds hints in a stream of server-sent events. Which hint it is does not matter: the pull is the truth.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Whether a line of data ended in this piece. Lines that begin with a colon only keep the stream alive.
    fn hint_in(&mut self, piece: &[u8]) -> bool {
        let mut hint = false;
        for &byte in piece {
            if byte == b'\n' || byte == b'\r' {
                hint |= self.line.starts_with(b"data");
                self.line.clear();
            } else if self.line.len() < LINE_BYTES_KEPT {
                self.line.push(byte);
            }
        }
        hint
    }
}

/// As much of a line as tells what it is.
const LINE_BYTES_KEPT: usize = 16;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    fn check(status: u16, content_type: &str, body: &str, expected: &Result<(), Trouble>) {
        assert_eq!(&judged(status, content_type, body.as_bytes()), expected, "{status} {content_type} {body}");
    }

    fn problem(status: u16, code: &str, expected: &Result<(), Trouble>) {
        let body = format!(r#"{{"type":"about:blank#{code}","title":"t","status":{status},"retry_after_s":7}}"#);
        check(status, "application/problem+json", &body, expected);
    }

    #[test]
    fn our_own_problems_say_what_can_be_done() {
        problem(401, "device_revoked", &Err(Trouble::Revoked));
        problem(401, "device_unknown", &Err(Trouble::Unknown));
        problem(401, "person", &Err(Trouble::SignIn));
        problem(403, "pin", &Err(Trouble::SignIn));
        problem(409, "cloned", &Err(Trouble::Cloned));
        problem(429, "wait", &Err(Trouble::Busy { status: 429, retry_after_s: Some(7) }));
        problem(408, "slow", &Err(Trouble::Busy { status: 408, retry_after_s: Some(7) }));
        problem(503, "later", &Err(Trouble::Busy { status: 503, retry_after_s: Some(7) }));
        problem(400, "version", &Err(Trouble::NotUnderstood { detail: "400 version: t".into() }));
        problem(426, "version", &Err(Trouble::NotUnderstood { detail: "426 version: t".into() }));
    }

    #[test]
    fn what_is_not_ours_revokes_nobody() {
        let stranger = |detail: &str| Err(Trouble::Stranger { detail: detail.into() });
        check(200, "application/json", "{}", &Ok(()));
        check(200, "text/html; charset=utf-8", "<html>", &stranger("status 200, text/html"));
        check(401, "text/html", "<html>", &stranger("status 401, text/html"));
        check(401, "application/problem+json", "not a problem", &stranger("status 401, application/problem+json"));
        check(511, "text/html", "<html>", &stranger("status 511, text/html"));
        check(502, "text/html", "<html>", &Err(Trouble::Busy { status: 502, retry_after_s: None }));
    }

    #[test]
    fn a_hint_is_found_however_it_is_cut() {
        let stream = b": keep alive\n\ndata: {\"number\":7}\n\n";
        for size in 1..stream.len() {
            let mut lines = Lines::default();
            let hints = stream.chunks(size).filter(|piece| lines.hint_in(piece)).count();
            assert_eq!(hints, 1, "{size}");
        }
        assert!(!Lines::default().hint_in(b": keep alive\n\n"));
    }
}
