//! The driver of a Chromium, on a port of its own.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, Command},
};

/// A start takes a second; a machine that builds beside it takes longer.
const START: Duration = Duration::from_secs(60);

/// A driver that listens, and where.
pub async fn start() -> (Child, String) {
    let port = driver_port();
    let mut driver = Command::new(named("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into()))
        .arg(format!("--port={port}"))
        .env("LANGUAGE", "zh_CN")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver starts");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    line_with(&mut lines, "started successfully on port").await;
    drain(lines);
    (driver, format!("http://127.0.0.1:{port}"))
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A driver wants its browser by its whole path.
pub fn chrome() -> PathBuf {
    let on_path = |name: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|program| program.is_file())
    };
    let usual = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    named("CHROME").or_else(usual).expect("a Chromium is named in CHROME or on PATH")
}

/// A port that no driver has. A driver that chooses its own takes one that is free over IPv6 and ends where the same is
/// taken over IPv4, which happens under many connections. Below 32768 Linux gives none away by itself.
fn driver_port() -> u16 {
    static LAST: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: &u16| {
        let taken =
            |at: IpAddr| TcpListener::bind((at, *port)).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
        !taken(Ipv4Addr::LOCALHOST.into()) && !taken(Ipv6Addr::LOCALHOST.into())
    };
    // Runs that stand side by side begin far from each other.
    let first = 10_000 + (std::process::id() % 200) as u16 * 100;
    let mut ports = std::iter::repeat_with(|| first + LAST.fetch_add(1, Ordering::Relaxed));
    ports.find(is_free).expect("there is no end of ports")
}

pub async fn line_with<R: AsyncBufRead + Unpin>(lines: &mut Lines<R>, words: &str) -> String {
    let mut said = String::new();
    let found = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(words) {
                return line;
            }
            said = said + &line + "\n";
        }
        panic!("it ended before it said {words:?}:\n{said}")
    };
    tokio::time::timeout(START, found).await.unwrap_or_else(|_| panic!("nothing said {words:?}"))
}

/// Read on, or the pipe fills.
pub fn drain<R: AsyncRead + Unpin + Send + 'static>(mut lines: Lines<BufReader<R>>) {
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}
