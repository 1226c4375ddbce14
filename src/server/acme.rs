//! A certificate of a public authority that the endpoint fetches and renews itself (ACME, RFC 8555).
//!
//! The authority asks back on the port that is served anyway (TLS-ALPN-01, RFC 8737), so that nothing else has to be
//! opened. What it gave lies in the data folder and is in use at once after the next start.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum_server::tls_rustls::RustlsConfig;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_acme::{AcmeConfig, AcmeState, EventOk, caches::DirCache};
use tokio_stream::StreamExt;

use crate::{authority, settings::Tls, tls};

/// Where account and certificates lie in the data folder.
const FOLDER: &str = "acme";
/// What a browser may speak, and what the authority speaks when it asks back. Source: RFC 8737.
const PROTOCOLS: [&[u8]; 3] = [b"h2", b"http/1.1", b"acme-tls/1"];

/// Why no authority is asked. Nothing was altered.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    #[error(
        "{0} is no name that a public authority vouches for: a name on the internet such as club.example.com is \
         expected; for an address or a shop's own network: yingke-server ca"
    )]
    Host(String),
    #[error("{0} is no e-mail address")]
    Contact(String),
    #[error("{0} is no address of an ACME directory: https://… is expected")]
    Directory(String),
    #[error("{} is no certificate that can be read: {detail}", .place.display())]
    Trust { place: PathBuf, detail: String },
    #[error(
        "this machine trusts no authority at all; install its package ca-certificates, or name one: --acme-trust FILE"
    )]
    NoTrust,
    #[error("{} cannot be written: {cause}", .place.display())]
    Unwritable { place: PathBuf, cause: io::Error },
}

/// A certificate that comes, and comes again before it ends.
pub struct Renewed {
    pub config: RustlsConfig,
    state: AcmeState<io::Error>,
    hosts: String,
}

impl std::fmt::Debug for Renewed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Renewed({})", self.hosts)
    }
}

impl Renewed {
    /// # Errors
    /// [`AcmeError`], before anybody was asked.
    pub fn prepare(wish: &Tls, data: &Path) -> Result<Self, AcmeError> {
        if let Some(host) = wish.hosts.iter().find(|host| !is_public(host)) {
            return Err(AcmeError::Host(host.clone()));
        }
        if let Some(contact) = wish.contact.as_ref().filter(|contact| !is_mail(contact)) {
            return Err(AcmeError::Contact(contact.clone()));
        }
        if wish.directory.strip_prefix("https://").is_none_or(|rest| rest.starts_with('/') || rest.is_empty()) {
            return Err(AcmeError::Directory(wish.directory.clone()));
        }
        let asking = Arc::new(tls::asking(trusted(wish.trust.as_deref())?));
        let folder = data.join(FOLDER);
        make_private(&folder).map_err(|cause| AcmeError::Unwritable { place: folder.clone(), cause })?;
        let state = AcmeConfig::new_with_client_config(&wish.hosts, asking)
            .directory(&wish.directory)
            .contact(wish.contact.iter().map(|contact| format!("mailto:{contact}")))
            .cache(DirCache::new(folder))
            .state();
        let mut serving = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_no_client_auth()
            .with_cert_resolver(state.resolver());
        serving.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        let config = RustlsConfig::from_config(Arc::new(serving));
        Ok(Self { config, state, hosts: wish.hosts.join(", ") })
    }

    /// Asks for it and has it renewed when two thirds of its time are over, for as long as the program runs. Who is
    /// refused waits twice as long each time, up to a day.
    pub async fn follow(mut self) {
        let hosts = self.hosts;
        while let Some(event) = self.state.next().await {
            match event {
                Ok(EventOk::DeployedCachedCert) => tracing::info!("the kept certificate of {hosts} is in use"),
                Ok(EventOk::DeployedNewCert) => tracing::info!("a new certificate of {hosts} is in use"),
                Ok(EventOk::CertCacheStore) => tracing::info!("the certificate of {hosts} is kept for the next start"),
                Ok(EventOk::AccountCacheStore) => {}
                Err(error) => tracing::error!(
                    %error,
                    "no certificate of {hosts} could be had ({error}); it is tried again. The authority has to reach \
                     this program by that name on port 443"
                ),
            }
        }
    }
}

/// By whom the directory's own certificate must be vouched for: an authority that this machine trusts, or the one named.
fn trusted(named: Option<&Path>) -> Result<RootCertStore, AcmeError> {
    let Some(place) = named else {
        return Some(tls::authorities()).filter(|roots| !roots.is_empty()).ok_or(AcmeError::NoTrust);
    };
    let unusable = |detail: String| AcmeError::Trust { place: place.into(), detail };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(place).map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    Some(roots).filter(|roots| !roots.is_empty()).ok_or_else(|| unusable("it holds none".into()))
}

/// Whether a public authority may vouch for it: a name of at least two parts, and no private one.
fn is_public(host: &str) -> bool {
    host.contains('.') && host.parse::<IpAddr>().is_err() && authority::is_name(host) && !authority::is_private(host)
}

fn is_mail(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && authority::is_name(host))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// A folder for its owner alone: keys lie in it.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_public_authority_vouches_for_are_told_before_anybody_is_asked() {
        for host in ["club.example.com", "xn--fiqs8s.example.cn", "a.b.c.example"] {
            assert!(is_public(host), "{host}");
        }
        for host in
            ["192.168.1.20", "8.8.8.8", "::1", "yingke.local", "club", "", "https://club.example", "*.example.com"]
        {
            assert!(!is_public(host), "{host}");
        }
        for (mail, good) in
            [("it@example.com", true), ("it", false), ("@example.com", false), ("a b@example.com", false)]
        {
            assert_eq!(is_mail(mail), good, "{mail}");
        }
    }
}
