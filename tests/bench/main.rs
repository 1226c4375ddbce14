//! Question: how much does one endpoint take in, how fast does it answer, and how soon is a fresh tablet at work?
//!
//! The real program, in its own process, on the database that `YINGKE_POSTGRES` names or else on a file. Its clients share
//! the machine with it, so they do as little as they can: what is sent is made beforehand, what comes back is counted.
//! `cargo xtask bench server` runs it on both databases.

#![expect(clippy::unwrap_used, reason = "a bench ends where something is not as it should be")]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../server/process.rs"]
mod process;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../server/world.rs"]
mod world;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use yingke_core::{
    audience::Audience,
    wire::v1::{Answer, Block, Cut, Directory, Push, SignedIn, StreamMark, WireChange},
};

use crate::world::Tablet;

const CONNECTIONS: usize = 50;
const BATCH: usize = 100;
/// People in all: what one club of the largest kind has.
const PEOPLE: usize = 100_000;
const TURNS: usize = 2_000;
const STREAMS: usize = 10_000;

#[tokio::main]
async fn main() {
    let place = process::demo().await;
    let (child, address) = process::serve(&place.data).await;
    let pid = child.id().unwrap();
    println!("on {}", if place.data.database.is_some() { "PostgreSQL" } else { "SQLite" });
    take_in(address).await;
    answers(address).await;
    fresh_start(address).await;
    streams(address, pid).await;
    drop(child);
    println!("verify: {}", process::done(&["verify"], &place.data).await.trim_end());
}

/// Batches of 100 from 50 connections, merged, indexed and on the disk before each answer.
async fn take_in(address: SocketAddr) {
    let mut tablets = Vec::new();
    for _ in 0..CONNECTIONS {
        let tablet = Tablet::enrol(address).await;
        let pushes: Vec<Vec<u8>> = (1..=PEOPLE / CONNECTIONS / BATCH)
            .map(|counter| pushed(&tablet, counter as u64, (0..BATCH).map(|_| person(&tablet)).collect()))
            .collect();
        tablets.push((tablet, pushes));
    }
    // Only now: a connection that says nothing for half a minute is closed.
    let mut clients = Vec::new();
    for (tablet, pushes) in tablets {
        clients.push((Client::new(address, &tablet).await, pushes));
    }
    let bytes: usize = clients.iter().flat_map(|(_, pushes)| pushes).map(Vec::len).sum();
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (mut client, pushes) in clients {
        tasks.spawn(async move {
            for push in pushes {
                assert_eq!(client.sync(&push).await.status, 200);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let took = begun.elapsed();
    println!(
        "  taken in      {:>8.0} changes/s   {PEOPLE} of {} bytes in batches of {BATCH} from {CONNECTIONS} connections",
        PEOPLE as f64 / took.as_secs_f64(),
        bytes / PEOPLE
    );
}

/// One tablet with somebody signed in: turns that bring nothing, and turns that bring one change.
async fn answers(address: SocketAddr) {
    let (tablet, person_token) = signed_in(address).await;
    let mut client = Client::new(address, &tablet).await;
    client.person = Some(person_token);
    let (epoch, streams) = read_all(&mut client, None).await.0;
    let mut at = Cut::of(&streams);
    for (name, changes) in [("no-op sync   ", 0), ("one change   ", 1)] {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for turn in 0..TURNS as u64 {
            // As a tablet says it that has heard from this endpoint before, and has read what came.
            let brought = (0..changes).map(|_| person(&tablet)).collect();
            let push = Push {
                epoch: Some(epoch.clone()),
                at: Some(at),
                ..world::push(100 + changes * TURNS as u64 + turn, brought)
            };
            let body = serde_json::to_vec(&push).unwrap();
            let begun = Instant::now();
            let reply = client.sync(&body).await;
            times.push(begun.elapsed());
            assert_eq!(reply.status, 200);
            bytes += body.len() + reply.wire_bytes;
            let page = serde_json::from_slice::<Answer>(&reply.plain()).unwrap().page.unwrap();
            assert_eq!((page.changes.len() as u64, page.more), (changes, false), "what it brought, and nothing else");
            at = page.at.unwrap();
        }
        times.sort_unstable();
        let part = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
        println!(
            "  {name}  p50 {:>6.2} ms  p99 {:>6.2} ms   {} bytes of bodies, both ways",
            part(50),
            part(99),
            bytes / times.len()
        );
    }
}

/// From nothing to everything that somebody may see: page by page, and as one stream of blocks.
async fn fresh_start(address: SocketAddr) {
    let (tablet, person_token) = signed_in(address).await;
    let mut client = Client::new(address, &tablet).await;
    client.person = Some(person_token);
    let told = |what: &str, took: Duration, changes: usize, wire_bytes: usize| {
        println!(
            "  fresh tablet  {:>8.2} s by {what}  {changes} changes, {:.0} bytes each on the wire",
            took.as_secs_f64(),
            wire_bytes as f64 / changes as f64
        );
    };
    let begun = Instant::now();
    let (_, changes, wire_bytes) = read_all(&mut client, Some("br")).await;
    told("pages ", begun.elapsed(), changes, wire_bytes);
    client.encoding = Some("br");
    let begun = Instant::now();
    let reply = client.ask("GET", "/v1/snapshot", b"").await;
    let took = begun.elapsed();
    assert_eq!(reply.status, 200);
    let (plain, mut at, mut changes) = (reply.plain(), 0, 0);
    while let Some((block, taken)) = Block::read(&plain[at..]).unwrap() {
        (at, changes) = (at + taken, changes + block.changes.len());
    }
    told("blocks", took, changes, reply.wire_bytes);
}

/// Streams of hints that are open at once, and what they cost the program.
async fn streams(address: SocketAddr, pid: u32) {
    let tablet = Tablet::enrol(address).await;
    let before = resident_kb(pid);
    let mut open = Vec::new();
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: {}\r\naccept: text/event-stream\r\n\r\n",
        tablet.bearer()
    );
    let begun = Instant::now();
    while open.len() < STREAMS {
        let Ok(mut stream) = TcpStream::connect(address).await else { break };
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        open.push(stream);
    }
    let after = resident_kb(pid);
    println!(
        "  event streams {:>8} open in {:.1} s, {} MB resident, {:.1} kB each",
        open.len(),
        begun.elapsed().as_secs_f64(),
        after / 1024,
        after.saturating_sub(before) as f64 / open.len() as f64
    );
}

fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

// ---- What is sent -------------------------------------------------------------------------------------------

fn author(directory: &Directory) -> (yingke_core::id::StaffId, Audience) {
    let staff = directory.staff.iter().find(|staff| staff.name == "林悦").unwrap();
    (staff.id, Audience::Own(staff.venue, staff.id))
}

/// Somebody who was met outdoors: the fields that the quick card asks for.
fn person(tablet: &Tablet) -> WireChange {
    let (author, own) = author(&tablet.enrolled.directory);
    let now = tablet.enrolled.server_time;
    let record = tablet.new_record(now);
    let digits = record.bytes()[12..].iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) % 1_000_000_000;
    let phone = format!("+8613{digits:09}");
    let fields =
        [("name", "李娜"), ("phone", phone.as_str()), ("intent", "B"), ("gender", "female"), ("source", "outing")];
    WireChange::from(&tablet.change_by(author, &own, record, now, &fields))
}

fn pushed(_: &Tablet, counter: u64, changes: Vec<WireChange>) -> Vec<u8> {
    serde_json::to_vec(&world::push(counter, changes)).unwrap()
}

async fn signed_in(address: SocketAddr) -> (Tablet, String) {
    let tablet = Tablet::enrol(address).await;
    let (author, _) = author(&tablet.enrolled.directory);
    let person: SignedIn = tablet.try_sign_in(author, "260711").await.json();
    (tablet, person.token)
}

type Since = (String, BTreeMap<Audience, StreamMark>);

/// Pulls until there is no more: the cursors then, the changes and the bytes that came.
async fn read_all(client: &mut Client, encoding: Option<&'static str>) -> (Since, usize, usize) {
    let (mut since, mut changes, mut bytes): (Since, _, _) = (Since::default(), 0, 0);
    loop {
        let epoch = Some(since.0.clone()).filter(|epoch| !epoch.is_empty());
        let push = Push { epoch, since: since.1.clone(), ..world::push(1, Vec::new()) };
        client.encoding = encoding;
        let reply = client.sync(&serde_json::to_vec(&push).unwrap()).await;
        bytes += reply.wire_bytes;
        let answer: Answer = serde_json::from_slice(&reply.plain()).unwrap();
        let page = answer.page.unwrap();
        changes += page.changes.len();
        since = (answer.epoch, page.streams);
        if !page.more {
            client.encoding = None;
            return (since, changes, bytes);
        }
    }
}

// ---- A client that costs little -----------------------------------------------------------------------------

/// One connection that is kept.
struct Client {
    stream: TcpStream,
    tablet: String,
    person: Option<String>,
    encoding: Option<&'static str>,
}

struct Reply {
    status: u16,
    body: Vec<u8>,
    /// As they came, compressed or not.
    wire_bytes: usize,
    packed: bool,
}

impl Reply {
    fn plain(&self) -> Vec<u8> {
        if !self.packed {
            return self.body.clone();
        }
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut brotli::Decompressor::new(&self.body[..], 4096), &mut plain).unwrap();
        plain
    }
}

impl Client {
    async fn new(address: SocketAddr, tablet: &Tablet) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, tablet: tablet.bearer(), person: None, encoding: Some("br") }
    }

    async fn sync(&mut self, body: &[u8]) -> Reply {
        self.ask("POST", "/v1/sync", body).await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Reply {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.tablet,
            body.len()
        );
        if let Some(person) = &self.person {
            request += &format!("yingke-person: {person}\r\n");
        }
        if let Some(encoding) = self.encoding {
            request += &format!("accept-encoding: {encoding}\r\n");
        }
        request += "\r\n";
        let mut bytes = request.into_bytes();
        bytes.extend(body);
        self.stream.write_all(&bytes).await.unwrap();
        self.reply().await
    }

    async fn reply(&mut self) -> Reply {
        let mut bytes = Vec::with_capacity(16 << 10);
        let head_end = loop {
            self.more(&mut bytes).await;
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let packed = header("content-encoding") == Some("br");
        let mut rest = bytes.split_off(head_end);
        let body = match header("content-length") {
            Some(length) => {
                let length: usize = length.parse().unwrap();
                while rest.len() < length {
                    self.more(&mut rest).await;
                }
                rest
            }
            None => self.chunks(rest).await,
        };
        Reply { status, wire_bytes: body.len(), body, packed }
    }

    /// A body in pieces, each after a line with its length. Source: RFC 9112, section 7.1.
    async fn chunks(&mut self, mut rest: Vec<u8>) -> Vec<u8> {
        let (mut body, mut at) = (Vec::new(), 0);
        loop {
            let line_end = loop {
                if let Some(end) = rest[at..].windows(2).position(|window| window == b"\r\n") {
                    break at + end;
                }
                self.more(&mut rest).await;
            };
            let length = usize::from_str_radix(std::str::from_utf8(&rest[at..line_end]).unwrap(), 16).unwrap();
            let end = line_end + 2 + length + 2;
            while rest.len() < end {
                self.more(&mut rest).await;
            }
            if length == 0 {
                return body;
            }
            body.extend(&rest[line_end + 2..line_end + 2 + length]);
            at = end;
        }
    }

    async fn more(&mut self, bytes: &mut Vec<u8>) {
        let read = tokio::time::timeout(Duration::from_secs(60), self.stream.read_buf(bytes)).await;
        assert_ne!(read.expect("an answer within a minute").unwrap(), 0, "the connection was closed");
    }
}
