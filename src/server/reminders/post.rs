//! The way to browsers' push services: https, to known hosts only, within a bounded time, and no farther than asked.
//!
//! A browser names the address itself, so anybody with a tablet could have the endpoint call any machine that it reaches:
//! hence the list. One message is one connection; there are few, and an idle one would be cut anyway. Source: RFC 8030.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Uri, header, uri::Scheme},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use p256::{SecretKey, ecdsa::SigningKey};
use rustls::{RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use yingke_core::time::Millis;

use super::{
    WAITS,
    seal::{Recipient, sealed, signed},
};
use crate::{keys, tls};

/// The push services of browsers; what begins with a dot stands for everything before it.
const HOSTS: [&str; 4] = ["fcm.googleapis.com", ".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"];
const HTTPS_PORT: u16 = 443;
/// How long connecting may take, and then sending with the answer's head.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer's head. Its body is not read.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a push service keeps a message for a browser that is off, in seconds: tomorrow Today says it all.
const TTL_S: u32 = 12 * 3_600;
/// The longest wait that a push service may ask for.
pub const WAIT_MAX: Duration = Duration::from_secs(300);

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    Taken,
    /// There is no such subscription any more.
    Gone,
    /// Not now; perhaps after so long.
    Later(Option<Duration>),
    /// Never, as it is.
    Refused(u16),
    /// There was nobody to take it whom one could trust.
    OutOfReach,
    /// It was sent, and what became of it was not told in time.
    Unanswered,
}

/// An address that messages may go to.
pub struct Address {
    host: String,
    port: u16,
    path: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}…)", self.host)
    }
}

impl Address {
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    fn authority(&self) -> String {
        if self.port == HTTPS_PORT { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// One message.
#[derive(Debug)]
pub struct Message<'a> {
    pub address: &'a Address,
    pub recipient: &'a Recipient,
    /// Of several messages that wait for a browser, the last one with a topic is enough.
    pub topic: String,
    pub text: &'a str,
}

/// What every message is sent with.
pub struct Post {
    more_hosts: Vec<String>,
    contact: Option<String>,
    tls: TlsConnector,
    /// How long until another try, each longer than the one before.
    pub waits: [Duration; 3],
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("more_hosts", &self.more_hosts).finish_non_exhaustive()
    }
}

impl Post {
    /// `more_hosts` are served besides the browsers' own, each HOST or HOST:PORT. `contact` is whom push services write to
    /// when something is wrong: `mailto:` or `https:`.
    #[must_use]
    pub fn new(more_hosts: Vec<String>, contact: Option<String>, roots: RootCertStore) -> Self {
        let tls = TlsConnector::from(Arc::new(tls::asking(roots)));
        Self { more_hosts, contact, tls, waits: WAITS }
    }

    /// To nobody: no authority is trusted.
    #[must_use]
    pub fn to_nobody() -> Self {
        Self::new(Vec::new(), None, RootCertStore::empty())
    }

    /// With the authorities that this machine trusts.
    #[must_use]
    pub fn of_this_machine(more_hosts: Vec<String>, contact: Option<String>) -> Self {
        let roots = tls::authorities();
        if roots.is_empty() {
            tracing::warn!("this machine trusts no authorities (ca-certificates), so reminders are on Today only");
        }
        Self::new(more_hosts, contact, roots)
    }

    /// The address, if it is one of a push service that we know.
    #[must_use]
    pub fn address(&self, endpoint: &str) -> Option<Address> {
        let uri: Uri = endpoint.parse().ok()?;
        let authority = uri.authority()?;
        if uri.scheme() != Some(&Scheme::HTTPS) || authority.as_str().contains('@') {
            return None;
        }
        let (host, port) = (authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(HTTPS_PORT));
        // A port that is no number is none.
        if authority.port().is_none() && authority.as_str().len() != authority.host().len() {
            return None;
        }
        let is_browsers = port == HTTPS_PORT
            && HOSTS.iter().any(|known| if known.starts_with('.') { host.ends_with(known) } else { host == *known });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let address = Address { host, port, path };
        let is_more = || self.more_hosts.iter().any(|known| known.eq_ignore_ascii_case(&address.authority()));
        (is_browsers || is_more()).then_some(address)
    }

    /// Sends one message, once.
    pub async fn send(&self, message: Message<'_>, key: &SigningKey, now: Millis) -> Sent {
        let Some(request) = self.request(&message, key, now) else { return Sent::Refused(0) };
        let Ok(Some(stream)) = tokio::time::timeout(PATIENCE, self.connect(message.address)).await else {
            return Sent::OutOfReach;
        };
        tokio::time::timeout(PATIENCE, answer(stream, request)).await.ok().flatten().unwrap_or(Sent::Unanswered)
    }

    async fn connect(&self, address: &Address) -> Option<TlsStream<TcpStream>> {
        let name = ServerName::try_from(address.host.clone()).ok()?;
        let stream = TcpStream::connect((&*address.host, address.port)).await.ok()?;
        self.tls.connect(name, stream).await.ok()
    }

    fn request(&self, message: &Message<'_>, key: &SigningKey, now: Millis) -> Option<Request<Body>> {
        let own = loop {
            // All but one in 2^32 of random numbers are keys of the curve.
            if let Ok(own) = SecretKey::from_slice(&keys::random::<32>()) {
                break own;
            }
        };
        let body = sealed(message.recipient, message.text.as_bytes(), &own, keys::random())?;
        let authority = message.address.authority();
        let audience = format!("https://{authority}");
        Request::post(&message.address.path)
            .header(header::HOST, &authority)
            .header(header::AUTHORIZATION, signed(key, &audience, self.contact.as_deref(), now))
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, body.len())
            .header("ttl", TTL_S)
            .header("urgency", "high")
            .header("topic", &message.topic)
            .body(Body::from(body))
            .ok()
    }
}

/// The answer's status is all that is read, and where it would send us elsewhere nobody goes.
async fn answer(stream: TlsStream<TcpStream>, request: Request<Body>) -> Option<Sent> {
    let mut http = http1::Builder::new();
    let (mut sender, connection) =
        http.max_buf_size(HEAD_BYTES_MAX).handshake::<_, Body>(TokioIo::new(stream)).await.ok()?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // It may have ended with the answer.
        _ = connection => answer.await,
    };
    let answer = answer.ok()?;
    let wait = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Some(match answer.status().as_u16() {
        200..=299 => Sent::Taken,
        404 | 410 => Sent::Gone,
        429 | 500..=599 => Sent::Later(wait.map(Duration::from_secs)),
        status => Sent::Refused(status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_push_services_are_addresses() {
        let post = Post::new(vec!["push.example:8443".into()], None, RootCertStore::empty());
        for endpoint in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://FCM.googleapis.com:443/x?y",
            "https://updates.push.services.mozilla.com/wpush/v2/x",
            "https://web.push.apple.com/x",
            "https://wns2-par02p.notify.windows.com/w/?token=x",
            "https://push.example:8443/x",
        ] {
            assert!(post.address(endpoint).is_some(), "{endpoint}");
        }
        for endpoint in [
            "",
            "/x",
            "fcm.googleapis.com",
            "http://fcm.googleapis.com/x",
            "https://fcm.googleapis.com:8443/x",
            "https://fcm.googleapis.com:x/x",
            "https://fcm.googleapis.com./x",
            "https://fcm.googleapis.com.example/x",
            "https://example/fcm.googleapis.com",
            "https://example#fcm.googleapis.com",
            "https://fcm.googleapis.com@example/x",
            "https://example@fcm.googleapis.com/x",
            "https://xfcm.googleapis.com/x",
            "https://push.apple.com/x",
            "https://evilpush.apple.com/x",
            "https://push.example/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://169.254.169.254/latest",
        ] {
            assert!(post.address(endpoint).is_none(), "{endpoint}");
        }
    }
}
