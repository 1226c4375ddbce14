//! What stands between a tablet and the endpoint in some tests: it reads a request as it comes, and passes it on.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longer than any request of the app.
const REQUEST_MAX: usize = 16 << 20;

/// A request, as far as it has come: its head at least.
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    /// Reads a head, and what comes with it of the body. `None` if the tablet goes away first.
    pub async fn begun(browser: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if bytes.len() > REQUEST_MAX || browser.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let body = bytes.split_off(end);
        Some(Self { head: String::from_utf8_lossy(&bytes).into_owned(), body })
    }

    /// The same with its whole body.
    pub async fn whole(browser: &mut TcpStream) -> Option<Self> {
        let mut request = Self::begun(browser).await?;
        let length = request.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        while request.body.len() < length.unwrap_or(0) {
            if browser.read_buf(&mut request.body).await.ok()? == 0 {
                return None;
            }
        }
        Some(request)
    }

    /// Sends it to the endpoint. One request a connection: then its end is the answer's.
    pub async fn passed_on(&self, server: u16) -> Option<TcpStream> {
        let mut upstream = TcpStream::connect(("127.0.0.1", server)).await.ok()?;
        let mut lines = self.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let first = lines.next()?;
        let rest = lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect::<String>();
        upstream.write_all(format!("{first}\r\nConnection: close\r\n{rest}\r\n").as_bytes()).await.ok()?;
        upstream.write_all(&self.body).await.ok()?;
        Some(upstream)
    }
}
