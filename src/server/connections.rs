//! How many connections may be open at once: fewer than the files that the system lets the process open, so that the
//! database is reached however many clients come. One too many is closed at once, and its tablet comes again; so is one
//! whose client takes nothing of what it asked for.

use std::{
    future::{Future, Ready, ready},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum_server::{
    Server,
    accept::Accept,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_io_timeout::TimeoutWriter;
use tower::Service;

/// Files for what is no connection of a client: the database, the app, messages to push services. Where there are few
/// files, half of them.
const FILES_KEPT: usize = 256;

/// Bytes that the system keeps of what is still to be sent. Left to itself it takes megabytes, and room for more only once a
/// third of them is gone: a client that is merely slow would seem to have stopped.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;

/// So many waits for the answer to a ping: it stands behind what is on its way to a client that is slow.
const PONG_WAITS: u32 = 3;

/// Lets so many connections in, and ends one whose client takes nothing for so long of what is written to it.
#[must_use]
pub fn plain(server: Server<SocketAddr>, connections_max: usize, write_wait: Duration) -> Plain {
    pinging(server, write_wait).acceptor(Bounded::new(Patient { write_wait }, connections_max))
}

/// The same by TLS.
#[must_use]
pub fn secured(
    server: Server<SocketAddr>,
    config: RustlsConfig,
    connections_max: usize,
    write_wait: Duration,
) -> Secured {
    let acceptor = RustlsAcceptor::new(config).acceptor(Patient { write_wait });
    pinging(server, write_wait).acceptor(Bounded::new(acceptor, connections_max))
}

pub type Plain = Server<SocketAddr, Bounded<Patient>>;
pub type Secured = Server<SocketAddr, Bounded<RustlsAcceptor<Patient>>>;

/// By HTTP/2 nothing more is written than the client has said that it has room for: one that has stopped is found out by
/// asking it.
fn pinging(mut server: Server<SocketAddr>, write_wait: Duration) -> Server<SocketAddr> {
    let mut builder = server.http_builder().http2();
    builder.keep_alive_interval(write_wait).keep_alive_timeout(PONG_WAITS * write_wait);
    server
}

/// As many connections as the system's limit leaves room for, which is raised as far as it goes.
#[must_use]
pub fn allowed() -> usize {
    let files = files_max().min(Semaphore::MAX_PERMITS);
    files.saturating_sub(FILES_KEPT).max(files / 2)
}

#[cfg(unix)]
fn files_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // What cannot be raised stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn files_max() -> usize {
    usize::MAX
}

/// Sends at once what there is to send, and waits for a client to take it, but not for ever. A connection on which nothing is
/// to be written may be idle.
#[derive(Debug, Clone)]
pub struct Patient {
    write_wait: Duration,
}

impl<S> Accept<TcpStream, S> for Patient {
    type Stream = Pin<Box<TimeoutWriter<TcpStream>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(stream.set_nodelay(true).map(|()| {
            #[cfg(target_os = "linux")]
            // Where it cannot be set, slow clients have less time.
            let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
            let mut stream = TimeoutWriter::new(stream);
            stream.set_timeout(Some(self.write_wait));
            (Box::pin(stream), service)
        }))
    }
}

/// Lets so many connections in.
#[derive(Debug, Clone)]
pub struct Bounded<A> {
    inner: A,
    connections_max: usize,
    left: Arc<Semaphore>,
    is_told: Arc<AtomicBool>,
}

impl<A> Bounded<A> {
    #[must_use]
    pub fn new(inner: A, connections_max: usize) -> Self {
        let left = Arc::new(Semaphore::new(connections_max));
        Self { inner, connections_max, left, is_told: Arc::default() }
    }

    fn place(&self) -> io::Result<Arc<OwnedSemaphorePermit>> {
        let place = self.left.clone().try_acquire_owned();
        // Told once, until it is long past: not at each of those who come and go at the limit.
        if place.is_err() && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("no more connections are taken until others end; the limit of open files decides how many");
        } else if self.left.available_permits() > self.connections_max / 2 {
            self.is_told.store(false, Ordering::Relaxed);
        }
        place.map(Arc::new).map_err(|_| io::Error::other("as many connections as can be are open"))
    }
}

type Accepting<S, T> = Pin<Box<dyn Future<Output = io::Result<(S, Placed<T>)>> + Send>>;

impl<A, I, S> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S, Future: Send + 'static>,
{
    type Stream = A::Stream;
    type Service = Placed<A::Service>;
    type Future = Accepting<A::Stream, A::Service>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (place, accepted) = (self.place(), self.inner.accept(stream, service));
        Box::pin(async move {
            let place = place?;
            let (stream, inner) = accepted.await?;
            Ok((stream, Placed { inner, _place: place }))
        })
    }
}

/// What answers on a connection. It lives as long as that, and holds its place.
#[derive(Debug, Clone)]
pub struct Placed<S> {
    inner: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Placed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use axum::{Router, body::Body, routing::get};
    use axum_server::tls_rustls::RustlsConfig;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
    use tokio::{
        io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
        net::TcpSocket,
        sync::oneshot,
        time::{Instant, sleep, timeout},
    };
    use tokio_rustls::TlsConnector;
    use tokio_stream::{StreamExt, wrappers::IntervalStream};

    use super::*;

    const WRITE_WAIT: Duration = Duration::from_secs(1);
    const SOON: Duration = Duration::from_secs(20);
    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const NAME: &str = "yingke.local";
    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// An answer that goes on for ever, and whoever wants to know when it is given up.
    fn endless(piece: &'static [u8], every: Duration) -> (Body, oneshot::Receiver<()>) {
        let (held, given_up) = oneshot::channel::<()>();
        let pieces = IntervalStream::new(tokio::time::interval(every)).map(move |_| {
            let _: &oneshot::Sender<()> = &held;
            Ok::<_, io::Error>(piece)
        });
        (Body::from_stream(pieces), given_up)
    }

    /// Answers the first request with this.
    fn router(body: Body) -> Router {
        let body = Arc::new(std::sync::Mutex::new(Some(body)));
        Router::new().route("/", get(async move || body.lock().unwrap().take().expect("one request")))
    }

    /// A client that takes a few kilobytes at a time.
    async fn client(address: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        socket.connect(address).await.unwrap()
    }

    async fn over_http(body: Body) -> TcpStream {
        let server = plain(axum_server::bind(ANY), 1, WRITE_WAIT);
        let handle = axum_server::Handle::new();
        tokio::spawn(server.handle(handle.clone()).serve(router(body).into_make_service()));
        client(handle.listening().await.unwrap()).await
    }

    async fn over_tls(body: Body) -> impl AsyncRead + AsyncWrite + Unpin {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let config = RustlsConfig::from_der(vec![certificate.der().to_vec()], key.serialize_der()).await.unwrap();
        let server = secured(axum_server::bind(ANY), config, 1, WRITE_WAIT);
        let handle = axum_server::Handle::new();
        tokio::spawn(server.handle(handle.clone()).serve(router(body).into_make_service()));
        let trusting = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = client(handle.listening().await.unwrap()).await;
        TlsConnector::from(Arc::new(trusting)).connect(ServerName::try_from(NAME).unwrap(), stream).await.unwrap()
    }

    /// Asks, reads nothing, and is let go.
    async fn stops(mut client: impl AsyncWrite + Unpin, given_up: oneshot::Receiver<()>) {
        client.write_all(ASKED).await.unwrap();
        assert!(timeout(SOON, given_up).await.is_ok(), "it is held for ever");
    }

    const LARGE: &[u8] = &[b'x'; 64 << 10];
    const AT_ONCE: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn who_takes_nothing_is_let_go() {
        let (body, given_up) = endless(LARGE, AT_ONCE);
        stops(over_http(body).await, given_up).await;
        let (body, given_up) = endless(LARGE, AT_ONCE);
        stops(over_tls(body).await, given_up).await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_is_slow_gets_all_of_it() {
        let (body, mut given_up) = endless(LARGE, AT_ONCE);
        let mut client = over_http(body).await;
        client.write_all(ASKED).await.unwrap();
        let began = Instant::now();
        let mut some = vec![0; 20 << 10];
        while began.elapsed() < 5 * WRITE_WAIT {
            client.read_exact(&mut some).await.expect("there is more");
            sleep(WRITE_WAIT / 8).await;
        }
        assert!(given_up.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
    }

    #[tokio::test]
    async fn what_has_nothing_to_say_may_be_silent() {
        let (body, _) = endless(b"something new\n", 3 * WRITE_WAIT);
        let mut client = over_http(body).await;
        client.write_all(ASKED).await.unwrap();
        let mut heard = String::new();
        while heard.matches("something new").count() < 2 {
            let mut some = [0; 1_024];
            let read = client.read(&mut some).await.unwrap();
            assert!(read > 0, "ended after {heard}");
            heard += std::str::from_utf8(&some[..read]).unwrap();
        }
    }

    /// By HTTP/2: the preface, settings as they are, and the first request. Source: RFC 9113, sections 3.4 and 6; RFC 7541,
    /// appendix A.
    const ASKED_BY_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \x00\x00\x00\x04\x00\x00\x00\x00\x00\
        \x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x84\x86\x41\x01x";
    const DATA: u8 = 0;
    const PING: u8 = 6;
    const ACK: u8 = 1;

    #[tokio::test]
    async fn who_takes_nothing_by_http_2_is_let_go() {
        let (body, given_up) = endless(LARGE, AT_ONCE);
        let mut client = over_http(body).await;
        client.write_all(ASKED_BY_2).await.unwrap();
        assert!(timeout(SOON, given_up).await.is_ok(), "it is held for ever");
    }

    #[tokio::test]
    async fn who_answers_pings_may_be_silent_by_http_2() {
        let (body, _) = endless(b"something new\n", 6 * WRITE_WAIT);
        let mut client = over_http(body).await;
        client.write_all(ASKED_BY_2).await.unwrap();
        let (mut heard, mut pings) = (0, 0);
        while heard < 2 {
            let mut head = [0; 9];
            client.read_exact(&mut head).await.expect("it goes on");
            let [_, high, low, kind, flags, ..] = head;
            let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
            client.read_exact(&mut payload).await.unwrap();
            heard += usize::from(kind == DATA);
            if kind == PING && flags & ACK == 0 {
                pings += 1;
                let answer = [&[0, 0, 8, PING, ACK, 0, 0, 0, 0], &payload[..]].concat();
                client.write_all(&answer).await.unwrap();
            }
        }
        assert!(pings > 0, "nobody asked");
    }
}
