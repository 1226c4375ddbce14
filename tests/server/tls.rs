//! The real program by https, with a certificate of a shop's own authority and a client that checks it.

use std::{fs, net::SocketAddr, sync::Arc};

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use yingke_core::wire::v1::{Enrol, Enrolled, VERSION};

use crate::{
    process::{demo, done, refused, serve_with},
    world::{self, CODE, JSON, Place, Reply},
};

/// What `ca` makes, by name.
fn made(place: &Place, name: &str) -> String {
    place.path().join("authority").join(name).display().to_string()
}

async fn ca(place: &Place) -> String {
    done(&["ca", "--host", "127.0.0.1", "--host", "yingke.local"], &place.data).await
}

pub fn trusting(authority: &[u8]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.to_vec())).unwrap();
    roots.into()
}

/// A connection whose other end has proved to be `name`.
pub async fn connect(
    address: SocketAddr,
    name: &str,
    roots: &Arc<RootCertStore>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots.clone()).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}

async fn get(address: SocketAddr, roots: &Arc<RootCertStore>, path: &str) -> Reply {
    let stream = connect(address, "127.0.0.1", roots).await.unwrap();
    world::send_over(stream, "127.0.0.1", "GET", path, &[], b"").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tablet_that_installed_the_authority_comes_by_https() {
    let place = demo().await;
    let told = ca(&place).await;
    let install = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (certificate, key) = (made(&place, "certificate.pem"), made(&place, "key.pem"));
    let words = ["--certificate", &certificate, "--key", &key, "--install", &install.to_string()];
    let (_child, address) = serve_with(&words, &place.data).await;

    // By http there is the authority's certificate, and nothing else.
    let reply = world::send(install, "GET", "/ca.crt", &[], b"").await.unwrap();
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, "application/x-x509-ca-cert"));
    for path in ["/", "/ca-key.pem", "/v1/directory", "/readyz", "/../key.pem"] {
        let reply = world::send(install, "GET", path, &[], b"").await.unwrap();
        assert_eq!(reply.problem(), (404, "not-found".into()), "{path}");
    }
    let first_line: String = Sha256::digest(&reply.body)[..16].iter().map(|byte| format!("{byte:02X}:")).collect();
    assert!(told.contains(first_line.trim_end_matches(':')), "the fingerprint is told: {told}");

    let roots = trusting(&reply.body);
    let reply = get(address, &roots, "/readyz").await;
    assert_eq!((reply.status, reply.headers["strict-transport-security"].as_str()), (200, "max-age=31536000"));
    assert!(connect(address, "yingke.local", &roots).await.is_ok());
    let asked = serde_json::to_vec(&Enrol { version: VERSION, code: CODE.into(), name: "A-01".into() }).unwrap();
    let stream = connect(address, "127.0.0.1", &roots).await.unwrap();
    let reply = world::send_over(stream, "127.0.0.1", "POST", "/v1/enrol", &[JSON], &asked).await.unwrap();
    assert!(!reply.json::<Enrolled>().token.is_empty());

    // Who did not install it, or asks for somebody else, is warned; who comes without TLS gets nothing.
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let stranger = trusting(stranger.cert.der());
    assert!(connect(address, "127.0.0.1", &stranger).await.is_err());
    assert!(connect(address, "other.local", &roots).await.is_err());
    assert!(world::send(address, "GET", "/readyz", &[], b"").await.is_none_or(|reply| reply.status == 400));
}

#[tokio::test]
async fn the_authority_cannot_pass_for_anybody_outside() {
    let place = demo().await;
    ca(&place).await;
    let read = |name: &str| fs::read_to_string(made(&place, name)).unwrap();
    let key = KeyPair::from_pem(&read("ca-key.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), key).unwrap();
    let authority = CertificateDer::from_pem_file(made(&place, "ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(trusting(&authority), provider).build().unwrap();
    for (name, good) in [("shop.lan", true), ("10.1.2.3", true), ("bank.example", false), ("8.8.8.8", false)] {
        let signed =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&KeyPair::generate().unwrap(), &issuer);
        let signed = signed.unwrap();
        let name = ServerName::try_from(name).unwrap();
        let verified = rustls::client::danger::ServerCertVerifier::verify_server_cert(
            &*verifier,
            signed.der(),
            &[],
            &name,
            &[],
            UnixTime::now(),
        );
        assert_eq!(verified.is_ok(), good, "{name:?}: {verified:?}");
    }
    #[cfg(unix)]
    for name in ["ca-key.pem", "key.pem"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(made(&place, name)).unwrap().permissions().mode() & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_refused_before_anything_is_opened() {
    let place = demo().await;
    let said = refused(&["ca", "--host", "bank.example"], &place.data).await;
    assert!(said.contains("private"), "{said}");
    let said = refused(&["serve", "--listen", "127.0.0.1:0", "--install", "127.0.0.1:0"], &place.data).await;
    assert!(said.contains("yingke-server ca"), "{said}");
    ca(&place).await;
    let (certificate, key, other) =
        (made(&place, "certificate.pem"), made(&place, "key.pem"), made(&place, "ca-key.pem"));
    let missing = made(&place, "missing.pem");
    for (certificate, key) in
        [(&certificate, &other), (&certificate, &certificate), (&key, &key), (&missing, &key), (&certificate, &missing)]
    {
        let words = ["serve", "--listen", "127.0.0.1:0", "--certificate", certificate, "--key", key];
        let said = refused(&words, &place.data).await;
        assert!(said.contains(".pem"), "{said}");
    }
}
