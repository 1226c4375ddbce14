//! A certificate fetched and renewed by the real program, from a real ACME authority: pebble, of those who run Let's Encrypt.

use std::{
    fs,
    net::SocketAddr,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::Mutex,
};
use tokio_rustls::client::TlsStream;

use crate::{
    process::{Says, demo, refused, serve_at},
    tls::{connect, trusting},
    world::{self, Place},
};

const NAME: &str = "club.example.com";
/// Far beyond what it takes.
const WAIT: Duration = Duration::from_secs(60);

/// The authority, and a name server by which every name is this machine.
struct Pebble {
    programs: Mutex<[Child; 2]>,
    address: SocketAddr,
    management: SocketAddr,
    /// Vouches for the authority's own https.
    trust: String,
}

async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn answers(address: SocketAddr) {
    let began = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        assert!(began.elapsed() < WAIT, "{address} answers");
        tokio::task::yield_now().await;
    }
}

impl Pebble {
    /// It asks back at `asked_back`, whatever the name. Its certificates are renewed when two thirds of their time are over.
    async fn start(place: &Place, asked_back: SocketAddr, good_seconds: u64) -> Self {
        let file = |name: &str| place.path().join(name).display().to_string();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        fs::write(file("trust.pem"), authority.pem()).unwrap();
        fs::write(file("pebble.pem"), own.pem()).unwrap();
        fs::write(file("pebble-key.pem"), key.serialize_pem()).unwrap();
        let (address, management, names, steering) = (free().await, free().await, free().await, free().await);
        let settings = serde_json::json!({ "pebble": {
            "listenAddress": address, "managementListenAddress": management,
            "certificate": file("pebble.pem"), "privateKey": file("pebble-key.pem"),
            "httpPort": asked_back.port(), "tlsPort": asked_back.port(),
            "certificateValidityPeriod": good_seconds,
        }});
        fs::write(file("pebble.json"), settings.to_string()).unwrap();
        let mut resolver = Command::new("pebble-challtestsrv");
        resolver.args(["-dns01", &names.to_string(), "-management", &steering.to_string(), "-defaultIPv6", ""]);
        resolver.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let mut pebble = Command::new("pebble");
        pebble.args(["-config", &file("pebble.json"), "-dnsserver", &names.to_string()]);
        // It waits some seconds before it asks, and turns down some requests, to find clients that cannot bear it.
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        let programs = [resolver, pebble].map(|mut program| {
            program.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("pebble is installed")
        });
        for address in [steering, address, management] {
            answers(address).await;
        }
        Self { programs: Mutex::new(programs), address, management, trust: file("trust.pem") }
    }

    async fn serve(&self, place: &Place, listen: SocketAddr) -> (Child, SocketAddr, Says) {
        let (listen, directory) = (listen.to_string(), format!("https://{}/dir", self.address));
        let words = ["--acme", NAME, "--acme-directory", &directory, "--acme-trust", &self.trust];
        serve_at(&listen, &words, &place.data).await
    }

    async fn end(&self) {
        for program in &mut *self.programs.lock().await {
            program.kill().await.unwrap();
        }
    }

    /// The authority's own certificate, new with each start.
    async fn root(&self) -> CertificateDer<'static> {
        let trust = CertificateDer::from_pem_file(&self.trust).unwrap();
        let stream = connect(self.management, "127.0.0.1", &trusting(&trust)).await.unwrap();
        let reply = world::send_over(stream, "127.0.0.1", "GET", "/roots/0", &[], b"").await.unwrap();
        CertificateDer::from_pem_slice(&reply.body).unwrap()
    }
}

/// The certificate with which a client that checks is let in.
async fn shown(address: SocketAddr, roots: &Arc<RootCertStore>) -> (TlsStream<TcpStream>, CertificateDer<'static>) {
    let stream = connect(address, NAME, roots).await.unwrap();
    let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
    (stream, certificate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pebble; `cargo xtask test endpoint` gets it"]
async fn a_certificate_comes_from_a_public_authority_and_is_renewed_while_we_serve() {
    let place = demo().await;
    let listen = free().await;
    let pebble = Pebble::start(&place, listen, 15).await;
    let (_child, address, mut says) = pebble.serve(&place, listen).await;
    let roots = trusting(&pebble.root().await);
    says.until("a new certificate of club.example.com is in use").await;
    let (stream, first) = shown(address, &roots).await;
    let reply = world::send_over(stream, NAME, "GET", "/readyz", &[], b"").await.unwrap();
    assert_eq!((reply.status, reply.headers["strict-transport-security"].as_str()), (200, "max-age=31536000"));
    assert!(connect(address, "other.example.com", &roots).await.is_err());
    says.until("a new certificate of club.example.com is in use").await;
    assert_ne!(shown(address, &roots).await.1, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pebble; `cargo xtask test endpoint` gets it"]
async fn a_certificate_is_kept_for_the_next_start_when_no_authority_answers() {
    let place = demo().await;
    let listen = free().await;
    let pebble = Pebble::start(&place, listen, 7 * 86_400).await;
    let (mut child, address, mut says) = pebble.serve(&place, listen).await;
    let roots = trusting(&pebble.root().await);
    says.until("is kept for the next start").await;
    let (_, first) = shown(address, &roots).await;
    let folder = place.path().join("acme");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0);
    }
    child.kill().await.unwrap();
    pebble.end().await;
    let (_child, address, mut says) = pebble.serve(&place, listen).await;
    says.until("the kept certificate of club.example.com is in use").await;
    assert_eq!(shown(address, &roots).await.1, first);
}

#[tokio::test]
async fn what_no_authority_can_vouch_for_is_refused_before_anything_is_opened() {
    let place = demo().await;
    let no_file = place.path().join("missing.pem").display().to_string();
    let cases: [(&[&str], &str); 7] = [
        (&["--acme", "192.168.1.20"], "yingke-server ca"),
        (&["--acme", "yingke.local"], "yingke-server ca"),
        (&["--acme", "https://club.example.com"], "such as club.example.com"),
        (&["--acme", NAME, "--acme-contact", "it"], "no e-mail address"),
        (&["--acme", NAME, "--acme-directory", "http://127.0.0.1/dir"], "https://"),
        (&["--acme", NAME, "--acme-trust", &no_file], "missing.pem"),
        (&["--acme", NAME, "--acme-trust", "/dev/null"], "/dev/null"),
    ];
    for (words, sentence) in cases {
        let said = refused(&[&["serve", "--listen", "127.0.0.1:0"], words].concat(), &place.data).await;
        assert!(said.contains(sentence), "{words:?}: {said}");
        assert!(!place.path().join("acme").exists());
    }
}
