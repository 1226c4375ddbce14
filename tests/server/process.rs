//! The real program: started, ended, killed, and started where it cannot run.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::mpsc,
};
use yingke_core::{
    audience::Audience,
    wire::v1::{Answer, Directory, SignIn, VERSION, Verdict, WireChange},
};

use yingke_server::settings::Data;

use crate::world::{self, Hints, Place, Tablet};

/// The program itself: the one that the test command built, or else built now.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(built) = std::env::var_os("YINGKE_SERVER") {
            return built.into();
        }
        let build = ["build", "--quiet", "--package", "yingke-server"];
        let built = std::process::Command::new(env!("CARGO")).args(build).status().unwrap();
        assert!(built.success());
        // …/debug/deps/server-0123 → …/debug/yingke-server
        let here = std::env::current_exe().unwrap();
        let name = format!("yingke-server{}", std::env::consts::EXE_SUFFIX);
        here.parent().and_then(Path::parent).expect("a test lies two folders deep").join(name)
    })
}

fn command(words: &[&str], data: &Data) -> Command {
    let mut command = Command::new(program());
    command.args(words).arg("--data").arg(&data.folder);
    if let Some(url) = &data.database {
        command.args(["--database", url]);
    }
    command
}

pub async fn run(words: &[&str], data: &Data) -> Output {
    command(words, data).output().await.unwrap()
}

pub async fn done(words: &[&str], data: &Data) -> String {
    let output = run(words, data).await;
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_folder_that_the_database_is_not_in_is_told() {
    let place = Place::on_a_file();
    let mut command = Command::new(program());
    command.args(["staff", "list", "--data"]).arg(place.path());
    command.env("YINGKE_DATABASE", "postgres://nobody@127.0.0.1:1/none");
    let output = command.output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("that YINGKE_DATABASE names"), "{said}");
    assert!(said.contains("127.0.0.1:1/none"), "{said}");
}

/// The same where no file may become longer than so many blocks of half a kilobyte or a kilobyte: a disk that is full.
#[cfg(unix)]
pub async fn run_on_a_full_disk(words: &[&str], blocks: u32, data: &Data) -> Output {
    let how = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    under(&["sh", "-c", &how], &command(words, data)).output().await.unwrap()
}

/// A program, started by another one that is given it and its words.
fn under(starter: &[&str], program: &Command) -> Command {
    let mut started = Command::new(starter[0]);
    started.args(&starter[1..]).arg(program.as_std().get_program()).args(program.as_std().get_args());
    started
}

/// It ends with an error and one sentence.
pub async fn refused(words: &[&str], data: &Data) -> String {
    let output = run(words, data).await;
    assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

pub async fn serve(data: &Data) -> (Child, SocketAddr) {
    serve_with(&[], data).await
}

pub async fn serve_with(words: &[&str], data: &Data) -> (Child, SocketAddr) {
    let (child, address, _) = listening(command(&[&SERVE[..], words].concat(), data)).await;
    (child, address)
}

/// At an address of one's own, with what it says from then on.
pub async fn serve_at(listen: &str, words: &[&str], data: &Data) -> (Child, SocketAddr, Says) {
    listening(command(&[&["serve", "--listen", listen][..], words].concat(), data)).await
}

/// The lines that a program writes.
#[derive(Debug)]
pub struct Says(mpsc::UnboundedReceiver<String>);

impl Says {
    /// All that it says until it ends.
    pub async fn all(mut self) -> String {
        let mut all = String::new();
        while let Some(line) = self.0.recv().await {
            all.push_str(&line);
            all.push('\n');
        }
        all
    }

    /// Waits for a line with these words.
    pub async fn until(&mut self, words: &str) {
        let said = async { while !self.0.recv().await.expect("it still runs").contains(words) {} };
        tokio::time::timeout(Duration::from_secs(60), said).await.unwrap_or_else(|_| panic!("it says: {words}"));
    }
}

/// The same as [`serve`], where it may open no more files than these.
#[cfg(unix)]
pub async fn serve_with_files(files: u32, data: &Data) -> (Child, SocketAddr, Says) {
    let how = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
    listening(under(&["sh", "-c", &how], &command(&SERVE, data))).await
}

/// The same as [`serve`], with every sync and every answer written into a file, each with the file it is about.
pub async fn serve_watched(data: &Data, log: &Path) -> (Child, SocketAddr) {
    // -D: the program is our child, and strace its shadow.
    let calls = "trace=fsync,fdatasync,write,writev,sendto,sendmsg";
    let strace = ["strace", "-D", "-f", "-y", "-e", calls, "-o", log.to_str().unwrap()];
    let (child, address, _) = listening(under(&strace, &command(&SERVE, data))).await;
    (child, address)
}

async fn listening(mut command: Command) -> (Child, SocketAddr, Says) {
    command.env("RUST_LOG", "info");
    listening_as(command).await
}

/// As loud as the command says.
async fn listening_as(mut command: Command) -> (Child, SocketAddr, Says) {
    let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (say, says) = mpsc::unbounded_channel();
    let address = loop {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.expect("it starts");
        let line = line.unwrap().expect("it says where it listens");
        // What it says before is waited for as well: its tasks have begun already.
        say.send(line.clone()).unwrap();
        if let Some((_, rest)) = line.split_once("listening on ") {
            break rest.split(' ').next().unwrap().parse().unwrap();
        }
    };
    // Read on, or the pipe fills; whether anybody listens or not.
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = say.send(line);
        }
    });
    (child, address, Says(says))
}

pub async fn demo() -> Place {
    let place = Place::new().await;
    done(&["demo"], &place.data).await;
    place
}

/// Pushes until the connection breaks; gives what was acknowledged.
async fn push_until_it_breaks(
    tablet: Tablet,
    own: Audience,
    acknowledged_one: tokio::sync::mpsc::UnboundedSender<()>,
) -> Vec<Verdict> {
    let Audience::Own(_, author) = own else { panic!("an audience of somebody's own") };
    let mut acknowledged = Vec::new();
    for counter in 1.. {
        let now = yingke_core::fixture::NOW;
        let mut changes = Vec::new();
        for _ in 0..5 {
            let made_at = tablet.enrolled.server_time;
            let change = tablet.change_by(author, &own, tablet.new_record(now), made_at, &[("name", "李娜")]);
            changes.push(WireChange::from(&change));
        }
        let push = world::push(counter, changes);
        match world::post(tablet.address, "/v1/sync", &[("authorization", &tablet.bearer())], &push).await {
            Some(reply) if reply.status == 200 => {
                acknowledged.extend(reply.json::<Answer>().verdicts);
                // Nobody waits for it any more once the kill is under way.
                let _ = acknowledged_one.send(());
            }
            _ => break,
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_it_has_everything_that_it_acknowledged() {
    let place = demo().await;
    let mut acknowledged = 0;
    let rounds = std::env::var("YINGKE_KILLS").map_or(4, |kills| kills.parse().unwrap());
    for round in 0..rounds {
        let (mut child, address) = serve(&place.data).await;
        let mut pushers = tokio::task::JoinSet::new();
        let (acknowledged_one, mut pushes) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..3 {
            let tablet = Tablet::enrol(address).await;
            let directory = tablet.enrolled.directory.clone();
            let author = directory.staff.iter().find(|staff| staff.name == "林悦").unwrap();
            let own = Audience::Own(author.venue, author.id);
            let acknowledged_one = acknowledged_one.clone();
            pushers.spawn_blocking(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(push_until_it_breaks(tablet, own, acknowledged_one))
            });
        }
        // Killed with the others' pushes under way, each round after some more of them.
        for _ in 0..3 + 4 * (round % 5) {
            pushes.recv().await.expect("somebody still pushes");
        }
        child.kill().await.unwrap();
        let mut verdicts = Vec::new();
        while let Some(pusher) = pushers.join_next().await {
            verdicts.extend(pusher.unwrap());
        }
        acknowledged += verdicts.len();
        let (ledger, organisation) = yingke_server::admin::open(&place.data).await.unwrap();
        for verdict in verdicts {
            let Verdict::Accepted { id, number, had: false, .. } = verdict else { panic!("{verdict:?}") };
            let rows = ledger.rows(organisation, number - 1, 1).await.unwrap();
            assert_eq!((rows[0].number, rows[0].ranked.change.id()), (number, id));
        }
        ledger.close().await;
        assert!(done(&["verify"], &place.data).await.contains("all agree"));
    }
    assert!(acknowledged > 20, "{acknowledged} were acknowledged, too few to mean anything");
}

#[cfg(unix)]
#[tokio::test]
async fn asked_to_end_it_ends_in_good_order() {
    let place = demo().await;
    let (mut child, address) = serve(&place.data).await;
    let tablet = Tablet::enrol(address).await;
    // An open stream of hints must not hold it up.
    let mut hints = Hints::of(&tablet).await;
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let status = tokio::time::timeout(Duration::from_secs(5), child.wait()).await.expect("it ends").unwrap();
    assert!(status.success());
    hints.until("0\r\n\r\n").await;
    assert!(!place.path().join("yingke.db-wal").exists(), "the log was written back");
}

/// What has come in part when it is asked to end is taken all the same.
#[cfg(unix)]
#[tokio::test]
async fn asked_to_end_it_finishes_what_has_begun() {
    let place = demo().await;
    let (mut child, address) = serve(&place.data).await;
    let tablet = Tablet::enrol(address).await;
    let staff = tablet.enrolled.directory.staff[0].clone();
    let now = tablet.enrolled.server_time;
    let own = Audience::Own(staff.venue, staff.id);
    let change = tablet.change_by(staff.id, &own, tablet.new_record(now), now, &[("name", "李娜")]);
    let body = serde_json::to_string(&world::push(1, vec![WireChange::from(&change)])).unwrap();
    let head = format!(
        "POST /v1/sync HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         authorization: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len(),
        tablet.bearer()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // Its handler reads the body by now.
    let mut heard = String::new();
    while !heard.contains("100 Continue") {
        let mut bytes = [0; 256];
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "{heard}");
        heard += std::str::from_utf8(&bytes[..read]).unwrap();
    }
    stream.write_all(&body.as_bytes()[..40]).await.unwrap();
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    // It takes nobody in any more.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(&body.as_bytes()[40..]).await.unwrap();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(heard.contains("HTTP/1.1 200 OK") && heard.contains("\"accepted\""), "{heard}");
    let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.expect("it ends").unwrap();
    assert!(status.success());
    assert!(done(&["verify"], &place.data).await.contains("all agree"));
}

/// Two of them on one database.
#[cfg(unix)]
#[tokio::test]
async fn more_clients_than_it_has_files_for_keep_nobody_from_the_database() {
    const FILES: u32 = 120;
    // Half of its files.
    const PLACES: usize = 60;
    const TOO_MANY: usize = 40;
    let place = demo().await;
    let (mut child, address, mut says) = serve_with_files(FILES, &place.data).await;
    let host = address.to_string();
    let mut early = TcpStream::connect(address).await.unwrap();
    early.write_all(format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"ok\n") {
        early.read_buf(&mut said).await.unwrap();
    }
    // Those that are too many hear at once that it comes to nothing.
    let mut idle = tokio::task::JoinSet::new();
    for _ in 0..PLACES - 1 + TOO_MANY {
        let mut stream = TcpStream::connect(address).await.unwrap();
        idle.spawn(async move { stream.read_u8().await });
    }
    for _ in 0..TOO_MANY {
        let ended = tokio::time::timeout(Duration::from_secs(10), idle.join_next()).await.expect("an end");
        assert!(ended.unwrap().unwrap().is_err());
    }
    says.until("no more connections are taken").await;
    let reply = world::send_over(early, &host, "GET", "/readyz", &[], b"").await.expect("an answer");
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"ready\n".as_slice()));
    // They end, and whoever comes next is served. How soon is the system's to say.
    drop(idle);
    let served = async {
        while world::send(address, "GET", "/readyz", &[], b"").await.is_none_or(|reply| reply.status != 200) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("room again");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn what_one_takes_is_hinted_by_the_other() {
    let place = demo().await;
    if place.data.database.is_none() {
        return; // a file is served by one
    }
    let (_one, first) = serve(&place.data).await;
    let (_other, second) = serve(&place.data).await;
    let tablet = Tablet::enrol(first).await;
    let mut hints = Hints::with(second, &tablet.bearer()).await;
    let staff = tablet.enrolled.directory.staff[0].clone();
    let (now, own) = (tablet.enrolled.server_time, Audience::Own(staff.venue, staff.id));
    for number in 1..=3 {
        let change = tablet.change_by(staff.id, &own, tablet.new_record(now), now, &[("name", "李娜")]);
        let answer = tablet.push(&world::push(number, vec![WireChange::from(&change)])).await;
        let [Verdict::Accepted { number, .. }] = answer.verdicts[..] else { panic!("{answer:?}") };
        hints.until(&format!("{{\"number\":{number}}}")).await;
    }
}

/// With all that the program and its libraries would ever say.
#[cfg(unix)]
#[tokio::test]
async fn no_line_that_it_writes_tells_of_anybody() {
    let place = demo().await;
    let mut loud = command(&SERVE, &place.data);
    loud.env("RUST_LOG", "trace");
    let (mut child, address, says) = listening_as(loud).await;
    let mut tablet = Tablet::enrol(address).await;
    let staff = tablet.enrolled.directory.staff.iter().find(|staff| staff.name == "林悦").unwrap().clone();
    tablet.try_sign_in(staff.id, "908172").await;
    tablet.signed_in = Some(tablet.try_sign_in(staff.id, world::PIN).await.json());
    let own = Audience::Own(staff.venue, staff.id);
    let now = tablet.enrolled.server_time;
    let fields = [("name", "欧阳格格"), ("phone", "+8613912345678"), ("note", "秘密")];
    let good = tablet.change_by(staff.id, &own, tablet.new_record(now), now, &fields);
    let bad = tablet.change_by(staff.id, &own, tablet.new_record(now), now, &[("name", "上官三少"), ("phone", "139")]);
    let answer = tablet.push(&world::push(1, [&good, &bad].map(WireChange::from).to_vec())).await;
    assert!(matches!(answer.verdicts[..], [Verdict::Accepted { .. }, Verdict::Refused { .. }]), "{answer:?}");
    tablet.push_raw("{\"version\":1,\"push_counter\":2,\"changes\":[{\"name\":\"欧阳格格\"}]}".as_bytes()).await;
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    child.wait().await.unwrap();
    let said = says.all().await;
    assert!(said.contains("DEBUG"), "it was loud: {said}");
    let token = tablet.signed_in.as_ref().unwrap().token.clone();
    let secrets = ["欧阳格格", "13912345678", "秘密", "上官三少", "908172", world::PIN, &token, &tablet.enrolled.token];
    for secret in secrets {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret}: {line:?}");
    }
}

/// On an address of its own, and not where tablets ask.
#[tokio::test]
async fn what_is_counted_is_told_elsewhere() {
    let place = demo().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let words = ["serve", "--listen", "127.0.0.1:0", "--metrics", &free.to_string()];
    let (_child, address, _) = listening(command(&words, &place.data)).await;
    Tablet::enrol(address).await;
    let get = async |address| world::send(address, "GET", "/metrics", &[], b"").await.unwrap();
    let told = get(free).await;
    let text = String::from_utf8(told.body).unwrap();
    assert!(told.headers["content-type"].starts_with("text/plain"));
    assert!(text.contains(r#"yingke_requests_total{route="/v1/enrol",status="200"} 1"#), "{text}");
    assert_eq!(get(address).await.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn where_it_cannot_run_it_says_so_and_alters_nothing() {
    let place = Place::on_a_file();
    done(&["demo"], &place.data).await;
    let database = place.path().join("yingke.db");
    let before = fs::read(&database).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(&["serve", "--listen", &address], &place.data).await;
    assert!(said.contains(&address), "{said}");

    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let empty = Place::on_a_file();
    assert!(refused(&serve, &empty.data).await.contains("init"));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    let under_a_file = Data { folder: empty.path().join("file/data"), database: None };
    fs::write(empty.path().join("file"), "").unwrap();
    refused(&["init", "--organisation", "迎客"], &under_a_file).await;
    refused(&["demo"], &place.data).await;
    refused(&["init", "--organisation", "迎客"], &place.data).await;
    let no_app = empty.path().to_str().unwrap().to_owned();
    assert!(refused(&["serve", "--listen", "127.0.0.1:0", "--app", &no_app], &place.data).await.contains("index.html"));
    assert!(fs::read(&database).unwrap() == before);

    let mut newer = before.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut damaged = before.clone();
    damaged[4_096..8_192].fill(0x5a);
    for (bytes, word) in [(newer, "newer"), (damaged, "damaged"), (b"not a database".to_vec(), "damaged")] {
        fs::write(&database, &bytes).unwrap();
        let said = refused(&serve, &place.data).await;
        assert!(said.contains(word), "{said}");
        assert!(fs::read(&database).unwrap() == bytes, "{word}: nothing may be altered");
    }
}

async fn the_venues_numbers_are_set_within_bounds(data: &Data) {
    let set = |more: &[&'static str]| [&["venue", "set", "--name"], more].concat();
    let list = async || done(&["venue", "list"], data).await;
    let first = list().await;
    assert!(
        first.ends_with("lock after 5 minutes without a touch and show no records after 14 days without contact\n")
    );
    for (more, why) in
        [(&["未来店"][..], "--idle-minutes"), (&["nowhere", "--idle-minutes", "3"], "there is no venue nowhere")]
    {
        let said = refused(&set(more), data).await;
        assert!(said.contains(why), "{said}");
    }
    for (option, value, why) in [
        ("--idle-minutes", "0", "0 is not in 1..=60"),
        ("--idle-minutes", "61", "61 is not in 1..=60"),
        ("--idle-minutes", "soon", "invalid digit"),
        ("--lease-days", "0", "0 is not in 1..=90"),
        ("--lease-days", "91", "91 is not in 1..=90"),
        ("--lease-days", "99999999999", "99999999999 is not in 1..=90"),
    ] {
        let output = run(&set(&["未来店", option, value]), data).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(option) && said.contains(why), "{said}");
    }
    assert_eq!(list().await, first, "nothing was altered");
    let told = done(&set(&["未来店", "--idle-minutes", "1"]), data).await;
    assert!(told.contains("after 1 minute without a touch") && told.contains("after 14 days"), "{told}");
    done(&set(&["未来店", "--lease-days", "3"]), data).await;
    let listed = list().await;
    assert!(listed.contains("after 1 minute without") && listed.contains("after 3 days without"), "{listed}");
}

/// A new club from the command line alone, up to a person at work.
#[tokio::test]
async fn a_club_is_set_up_on_the_command_line() {
    let place = Place::new().await;
    let data = &place.data;
    done(&["init", "--organisation", "松风体育"], data).await;
    done(&["venue", "add", "--name", "未来店"], data).await;
    refused(&["venue", "add", "--name", "未来店"], data).await;
    refused(&["venue", "add", "--name", "望江店", "--pack", "cinema"], data).await;
    the_venues_numbers_are_set_within_bounds(data).await;
    let said = done(&["staff", "add", "--name", "林悦", "--role", "consultant", "--venue", "未来店"], data).await;
    let pin = said.split("PIN ").nth(1).unwrap().trim().to_owned();
    refused(&["staff", "add", "--name", "周凯", "--role", "chief", "--venue", "未来店"], data).await;
    refused(&["staff", "add", "--name", "周凯", "--role", "consultant", "--venue", "nowhere"], data).await;
    refused(&["staff", "add", "--name", "周凯", "--role", "consultant", "--venue", "未来店", "--pin", "111111"], data)
        .await;
    assert_eq!(done(&["staff", "list"], data).await.lines().count(), 1);
    let code = done(&["device", "code", "--venue", "未来店"], data).await.lines().next().unwrap().to_owned();

    let (_child, address) = serve(data).await;
    let asked = yingke_core::wire::v1::Enrol { version: VERSION, code, name: "A-01".into() };
    let enrolled: yingke_core::wire::v1::Enrolled =
        world::post(address, "/v1/enrol", &[], &asked).await.unwrap().json();
    let bearer = format!("Bearer {}", enrolled.token);
    // Tablets hear of another number with the directory, which is another then.
    let asked = async |path: &str| {
        let headers = [("authorization", bearer.as_str())];
        world::send(address, "GET", path, &headers, b"").await.unwrap().json::<Directory>()
    };
    let directory = asked("/v1/directory").await;
    assert_eq!((directory.venues[0].lock_minutes, directory.venues[0].lease_days), (1, 3));
    done(&["venue", "set", "--name", "未来店", "--idle-minutes", "60", "--lease-days", "90"], data).await;
    let later = asked("/v1/directory").await;
    assert_eq!((later.venues[0].lock_minutes, later.venues[0].lease_days), (60, 90));
    assert_ne!(later.version, directory.version);
    let sign_in = async |pin: &str| {
        let asked = SignIn { version: VERSION, staff: enrolled.directory.staff[0].id, pin: pin.into() };
        world::post(address, "/v1/sign-in", &[("authorization", &bearer)], &asked).await.unwrap().status
    };
    assert_eq!(sign_in(&pin).await, 200);
    // The administrator's commands work beside the running program.
    done(&["staff", "reset-pin", "林悦", "--pin", "314159"], data).await;
    assert_eq!((sign_in(&pin).await, sign_in("314159").await), (403, 200));
    refused(&["staff", "enable", "林悦"], data).await;
    done(&["staff", "disable", "林悦"], data).await;
    assert_eq!(sign_in("314159").await, 403);
    refused(&["staff", "reset-pin", "林悦"], data).await;
    done(&["staff", "enable", "林悦", "--pin", "271828"], data).await;
    assert_eq!((sign_in("314159").await, sign_in("271828").await), (403, 200));
    refused(&["staff", "role", "林悦", "--role", "consultant"], data).await;
    done(&["staff", "role", "林悦", "--role", "cs_supervisor"], data).await;
    assert!(done(&["staff", "list"], data).await.contains("cs_supervisor"));
    done(&["staff", "disable", "林悦"], data).await;
    assert_eq!(sign_in("271828").await, 403);
    assert!(done(&["device", "list"], data).await.contains("A-01"));
    done(&["device", "revoke", "1"], data).await;
    refused(&["device", "revoke", "1"], data).await;
    assert_eq!(sign_in("271828").await, 401);
    let hand_in = yingke_core::wire::v1::HandIn { version: VERSION, sealed: Vec::new(), left: 0 };
    let reply = world::post(address, "/v1/hand-in", &[("authorization", &bearer)], &hand_in).await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(done(&["device", "list"], data).await.contains(", wiped "));
    assert!(done(&["device", "handed-in"], data).await.contains("nothing handed in, and it has wiped itself"));
    assert!(done(&["device", "take-in", "1"], data).await.contains("say --write"));
    assert!(done(&["device", "discard", "1", "--write"], data).await.contains("0 changes"));
    refused(&["device", "take-in", "2"], data).await;
    refused(&["demo", "--show"], data).await;
}

#[tokio::test]
async fn the_demo_says_who_can_sign_in_and_they_can() {
    let place = Place::new().await;
    let begun = std::time::Instant::now();
    let told = done(&["demo"], &place.data).await;
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(done(&["demo", "--show"], &place.data).await, told);
    let (_child, address) = serve(&place.data).await;
    let tablet = Tablet::enrol(address).await;
    let pins =
        told.lines().filter_map(|line| Some((line.split_whitespace().next()?, line.split("PIN ").nth(1)?.get(..6)?)));
    let mut signed_in = 0;
    for (name, pin) in pins.take(6) {
        let staff = tablet.enrolled.directory.staff.iter().find(|staff| staff.name == name).unwrap();
        assert_eq!(tablet.try_sign_in(staff.id, pin).await.status, 200, "{name}");
        signed_in += 1;
    }
    assert_eq!(signed_in, 6);
    let verified = done(&["verify"], &place.data).await;
    assert!(verified.contains("all agree"), "{verified}");
}
