//! Certificates: fetched by ourselves, or from files that are read at the start and whenever somebody replaces them.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    acme::{AcmeError, Renewed},
    authority::{self, AuthorityError},
    http::{self, Clock},
    settings::Tls,
};
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};
use axum_server::tls_rustls::RustlsConfig;
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How often it is looked whether the files were replaced, as programs that renew certificates do.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// From here on somebody is told each day that a certificate ends.
const WARNED_DAYS: i32 = 30;
/// A year, in which browsers come by https only. Source: RFC 6797.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} and {} cannot be used: {cause}", .certificate.display(), .key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, cause: io::Error },
    #[error(transparent)]
    Unread(#[from] AuthorityError),
    #[error(transparent)]
    Unasked(#[from] AcmeError),
}

/// What connections are secured with, and what keeps its certificate good for as long as it is polled.
pub struct Secure {
    pub config: RustlsConfig,
    pub kept: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secure")
    }
}

/// What was asked for on the command line; none for plain http.
///
/// # Errors
/// [`TlsError`], with nothing asked of anybody.
pub async fn secure(wish: &Tls, data: &Path) -> Result<Option<Secure>, TlsError> {
    if let (Some(certificate), Some(key)) = (&wish.certificate, &wish.key) {
        let files = Certificate::read(certificate, key).await?;
        return Ok(Some(Secure { config: files.config.clone(), kept: Box::pin(files.follow(http::system_clock())) }));
    }
    if wish.hosts.is_empty() {
        return Ok(None);
    }
    let renewed = Renewed::prepare(wish, data)?;
    Ok(Some(Secure { config: renewed.config.clone(), kept: Box::pin(renewed.follow()) }))
}

/// When each of the two files was written.
type Written = [Option<SystemTime>; 2];

/// A certificate and its key, in use.
#[derive(Clone)]
pub struct Certificate {
    pub config: RustlsConfig,
    certificate: PathBuf,
    key: PathBuf,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.certificate.display())
    }
}

impl Certificate {
    /// # Errors
    /// [`TlsError`], when the files are not there, do not belong together, or are none.
    pub async fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        authority::ends(certificate)?;
        let config = RustlsConfig::from_pem_file(certificate, key).await.map_err(|cause| TlsError::Unusable {
            certificate: certificate.into(),
            key: key.into(),
            cause,
        })?;
        Ok(Self { config, certificate: certificate.into(), key: key.into() })
    }

    /// Takes new files into use for as long as the program runs, and says when the certificate is about to end.
    pub async fn follow(self, clock: Clock) {
        let mut seen = self.written();
        let mut told_day = i32::MIN;
        loop {
            let today = clock().day(0).number();
            if today > told_day {
                told_day = today;
                self.tell_end(today);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            if self.look_again(&mut seen).await {
                told_day = i32::MIN;
            }
        }
    }

    /// Whether new files were taken into use. Of two that do not belong together yet, neither is.
    async fn look_again(&self, seen: &mut Written) -> bool {
        let now = self.written();
        if now == *seen {
            return false;
        }
        match self.config.reload_from_pem_file(&self.certificate, &self.key).await {
            Ok(()) => {
                *seen = now;
                tracing::info!("the new certificate is in use");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the new certificate cannot be used yet: {error}");
                false
            }
        }
    }

    fn written(&self) -> Written {
        [&self.certificate, &self.key].map(|path| path.metadata().and_then(|file| file.modified()).ok())
    }

    fn tell_end(&self, today: i32) {
        match authority::ends(&self.certificate) {
            Ok(end) if end.number() - today <= WARNED_DAYS => {
                let days = end.number() - today;
                tracing::error!(days, "the certificate ends on {end}, in {days} days");
            }
            Ok(end) => tracing::info!("the certificate is good until {end}"),
            Err(error) => tracing::error!(%error, "the certificate cannot be read: {error}"),
        }
    }
}

/// The authorities that this machine trusts; none where its package ca-certificates is missing.
#[must_use]
pub fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// How we ask others by https: their certificate is checked.
#[must_use]
pub fn asking(roots: RootCertStore) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring has what TLS 1.2 and 1.3 need");
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// Tells browsers to come by https only from now on.
pub fn strict(router: Router) -> Router {
    router.layer(middleware::map_response(async |mut response: Response| {
        let value = HeaderValue::from_static(STRICT_TRANSPORT);
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
        response
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use yingke_core::fixture;

    use super::*;

    #[tokio::test]
    async fn files_that_were_replaced_are_taken_into_use_once_both_are_there() {
        let data = tempfile::tempdir().unwrap();
        let hosts = ["127.0.0.1".to_owned()];
        let folder = authority::make(data.path(), "松风体育", &hosts, fixture::NOW).unwrap().folder;
        let files = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        let certificate = Certificate::read(&files[0], &files[1]).await.unwrap();
        let (mut seen, before) = (certificate.written(), certificate.config.get_inner());
        assert!(!certificate.look_again(&mut seen).await);

        let old_key = fs::read(&files[1]).unwrap();
        authority::make(data.path(), "松风体育", &hosts, fixture::NOW).unwrap();
        let new_key = fs::read(&files[1]).unwrap();
        fs::write(&files[1], old_key).unwrap();
        // The clock of a file system may be coarse.
        let later = SystemTime::now() + Duration::from_secs(5);
        fs::File::options().write(true).open(&files[0]).unwrap().set_modified(later).unwrap();
        assert!(!certificate.look_again(&mut seen).await, "one of them is still the old one");
        assert!(std::sync::Arc::ptr_eq(&before, &certificate.config.get_inner()), "and the old pair stays in use");
        fs::write(&files[1], new_key).unwrap();
        assert!(certificate.look_again(&mut seen).await);
        assert!(!std::sync::Arc::ptr_eq(&before, &certificate.config.get_inner()));
        assert!(!certificate.look_again(&mut seen).await);
    }
}
