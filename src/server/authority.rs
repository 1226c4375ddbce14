//! A private authority for a shop's own network, where no public one gives certificates.
//!
//! Without a secure context a browser keeps no app offline, so a shop without a name of its own on the internet needs a
//! certificate that its tablets trust. Trusting an authority is much to ask: this one says in its own certificate that it
//! vouches for private addresses and names only, so not even a thief of its key can pass for a bank.

use std::{
    fmt::Write,
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
};

use fast_qr::{QRBuilder, qr::QRCodeError};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use sha2::{Digest, Sha256};
use x509_parser::pem::parse_x509_pem;
use yingke_core::time::{DAY_MS, Day, Millis};

/// Where it lies in the data folder.
pub const FOLDER: &str = "authority";
const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// Ten years: each tablet has to be visited once more after that.
const AUTHORITY_DAYS: i32 = 3_652;
/// Browsers of Apple trust no certificate that is good for longer, a private authority's neither: 825 days. Source:
/// Apple, "Requirements for trusted certificates in iOS 13 and macOS 10.15".
const CERTIFICATE_DAYS: i32 = 820;
/// Names that no public authority vouches for. Source: RFC 6762, RFC 6761, RFC 8375; ICANN 2024 for `internal`.
const PRIVATE_NAMES: [&str; 5] = ["local", "lan", "internal", "home.arpa", "localhost"];
/// Networks that nobody reaches from elsewhere. Source: RFC 1918, RFC 3927, RFC 4193, RFC 4291.
const PRIVATE_NETWORKS: [(&str, u8); 8] = [
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("169.254.0.0", 16),
    ("127.0.0.0", 8),
    ("fc00::", 7),
    ("fe80::", 10),
    ("::1", 128),
];

/// Why there is no certificate. Nothing was altered.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(
        "{0} is no private address or name: 192.168.…, 10.…, 172.16.… to 172.31.…, or a name that ends in .local, .lan, \
         .internal or .home.arpa is expected; for a public name get a certificate from a public authority"
    )]
    Public(String),
    #[error("{} cannot be read or written: {cause}", .place.display())]
    Unwritable { place: PathBuf, cause: io::Error },
    #[error("{} is no certificate or key that can be read: {detail}", .place.display())]
    Damaged { place: PathBuf, detail: String },
    #[error("{} is there and {} is not; put it back, or remove the folder to begin anew on every tablet", .there.display(), .missing.display())]
    Half { there: PathBuf, missing: PathBuf },
    #[error("it cannot be made: {0}")]
    Unmade(#[from] rcgen::Error),
}

/// What was made, for whoever sets the shop up.
#[derive(Debug)]
pub struct Made {
    pub folder: PathBuf,
    /// SHA-256 of the authority's certificate, as tablets show it.
    pub fingerprint: String,
    pub authority_ends: Day,
    pub certificate_ends: Day,
}

/// Makes the authority the first time, and each time a certificate for these hosts, signed by it.
///
/// # Errors
/// [`AuthorityError`]
pub fn make(data: &Path, organisation: &str, hosts: &[String], now: Millis) -> Result<Made, AuthorityError> {
    let names = hosts.iter().map(|host| private(host)).collect::<Result<Vec<_>, _>>()?;
    let folder = data.join(FOLDER);
    let unwritable = |cause| AuthorityError::Unwritable { place: folder.clone(), cause };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let (ca, ca_key) = match (folder.join(CA).is_file(), folder.join(CA_KEY).is_file()) {
        (true, true) => (read(&folder.join(CA))?, read(&folder.join(CA_KEY))?),
        (true, false) => return Err(AuthorityError::Half { there: folder.join(CA), missing: folder.join(CA_KEY) }),
        // A key alone is what a beginning left that was cut short.
        (false, _) => {
            let key = KeyPair::generate()?;
            let certificate = authority(organisation, now).self_signed(&key)?.pem();
            write(&folder.join(CA_KEY), &key.serialize_pem())?;
            write(&folder.join(CA), &certificate)?;
            (certificate, key.serialize_pem())
        }
    };
    let damaged = |error: rcgen::Error| AuthorityError::Damaged { place: folder.join(CA), detail: error.to_string() };
    let issuer = Issuer::from_ca_cert_pem(&ca, KeyPair::from_pem(&ca_key).map_err(damaged)?).map_err(damaged)?;
    let key = KeyPair::generate()?;
    let params = certificate(names, &hosts[0], now);
    let certificate = params.signed_by(&key, &issuer)?.pem();
    // A running program reads them anew once both are there: the key first, since the certificate is what it looks at.
    write(&folder.join(KEY), &key.serialize_pem())?;
    write(&folder.join(CERTIFICATE), &certificate)?;
    Ok(Made {
        fingerprint: fingerprint(&der(&folder.join(CA))?),
        authority_ends: ends(&folder.join(CA))?,
        certificate_ends: ends(&folder.join(CERTIFICATE))?,
        folder,
    })
}

/// The authority's certificate as tablets install it.
///
/// # Errors
/// [`AuthorityError`], when `ca` has not been run.
pub fn installable(data: &Path) -> Result<Vec<u8>, AuthorityError> {
    der(&data.join(FOLDER).join(CA))
}

/// The last day of a certificate's file.
///
/// # Errors
/// [`AuthorityError`], when it cannot be read.
pub fn ends(path: &Path) -> Result<Day, AuthorityError> {
    let damaged = |detail: &str| AuthorityError::Damaged { place: path.into(), detail: detail.into() };
    let text = read(path)?;
    let (_, pem) = parse_x509_pem(text.as_bytes()).map_err(|_| damaged("it is not PEM"))?;
    let certificate = pem.parse_x509().map_err(|_| damaged("it holds no certificate"))?;
    let seconds = certificate.validity().not_after.timestamp();
    Ok(Millis(seconds.saturating_mul(1_000)).day(0))
}

fn authority(organisation: &str, now: Millis) -> CertificateParams {
    let networks = PRIVATE_NETWORKS.iter().map(|(address, prefix)| {
        let address: IpAddr = address.parse().expect("an address written in the program is one");
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, *prefix))
    });
    let names = PRIVATE_NAMES.iter().map(|name| GeneralSubtree::DnsName((*name).into()));
    let permitted_subtrees = names.chain(networks).collect();
    let mut params = lasting(AUTHORITY_DAYS, now);
    params.distinguished_name = named(&format!("{organisation} · Yingke"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    params
}

fn certificate(names: Vec<SanType>, host: &str, now: Millis) -> CertificateParams {
    let mut params = lasting(CERTIFICATE_DAYS, now);
    params.distinguished_name = named(host);
    params.subject_alt_names = names;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From yesterday on: a tablet's clock may be behind.
fn lasting(days: i32, now: Millis) -> CertificateParams {
    let date = |day: Day| {
        let (year, month, day) = day.ymd();
        date_time_ymd(year, month as u8, day as u8)
    };
    let mut params = CertificateParams::default();
    params.not_before = date(now.plus(-DAY_MS).day(0));
    params.not_after = date(Day::from_number(now.day(0).number() + days));
    params
}

/// A host that this authority may vouch for.
fn private(host: &str) -> Result<SanType, AuthorityError> {
    let public = || AuthorityError::Public(host.into());
    if let Ok(address) = host.parse::<IpAddr>() {
        let is_private = match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
        };
        return is_private.then_some(SanType::IpAddress(address)).ok_or_else(public);
    }
    if !is_name(host) || !is_private(host) {
        return Err(public());
    }
    Ok(SanType::DnsName(host.try_into()?))
}

/// Whether it is written as names on a network are. Source: RFC 1123.
pub(crate) fn is_name(host: &str) -> bool {
    let is_label = |part: &str| {
        let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        (1..=63).contains(&part.len()) && part.bytes().all(inside) && !part.starts_with('-') && !part.ends_with('-')
    };
    (1..=253).contains(&host.len()) && host.split('.').all(is_label)
}

/// Whether it is a name that no public authority vouches for.
pub(crate) fn is_private(name: &str) -> bool {
    let ends = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    PRIVATE_NAMES.into_iter().any(ends)
}

// ---- What the person at the keyboard reads ------------------------------------------------------------------

impl Made {
    /// What to do next, with a code for the tablet's camera.
    ///
    /// # Errors
    /// When the address is too long for a code.
    pub fn told(&self, data: &Path, hosts: &[String], install_port: u16) -> Result<String, QRCodeError> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let host = if hosts[0].contains(':') { format!("[{}]", hosts[0]) } else { hosts[0].clone() };
        let address = format!("http://{host}:{install_port}/ca.crt");
        let mut told = String::new();
        let _ = writeln!(told, "A private authority, good until {}: {}", self.authority_ends, file(CA));
        let _ = writeln!(told, "Its fingerprint (SHA-256):\n{}", self.fingerprint);
        let _ = writeln!(
            told,
            "A certificate for {}, good until {}: {}",
            hosts.join(", "),
            self.certificate_ends,
            file(CERTIFICATE)
        );
        let _ = writeln!(
            told,
            "Run this again before that day; tablets need nothing then. Keep {} to yourself.\n\nServe with it:\n  \
             yingke-server serve --data {} --app DIR --listen 0.0.0.0:443 --install 0.0.0.0:{install_port} \\\n    \
             --certificate {} --key {}\n\nThen, once on each tablet, scan this: {address}\n",
            file(CA_KEY),
            data.display(),
            file(CERTIFICATE),
            file(KEY),
        );
        told += &QRBuilder::new(address).build()?.to_str();
        let _ = writeln!(
            told,
            "\niPad: allow it; Settings, Profile Downloaded, Install; then General, About, Certificate Trust Settings, on.\n\
             Android: Settings, search for \"CA certificate\", Install anyway, ca.crt.\n\
             Windows: open ca.crt, Install Certificate, Local Machine, Trusted Root Certification Authorities.\n\
             Before you trust it, compare the fingerprint that the tablet shows with the one above: it comes by a way \
             that others in the network could alter.\nThe app is then at https://{host}"
        );
        Ok(told)
    }
}

fn fingerprint(der: &[u8]) -> String {
    let pairs: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.chunks(16).map(|line| line.join(":")).collect::<Vec<_>>().join("\n")
}

fn der(path: &Path) -> Result<Vec<u8>, AuthorityError> {
    let damaged = |_| AuthorityError::Damaged { place: path.into(), detail: "it is not PEM".into() };
    parse_x509_pem(read(path)?.as_bytes()).map(|(_, pem)| pem.contents).map_err(damaged)
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|cause| AuthorityError::Unwritable { place: path.into(), cause })
}

/// In the place of what is there, whole or not at all, for its owner alone.
fn write(path: &Path, text: &str) -> Result<(), AuthorityError> {
    let unwritable = |cause| AuthorityError::Unwritable { place: path.into(), cause };
    let partial = path.with_extension("partial");
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial).map_err(unwritable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
    fs::rename(&partial, path).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_vouches_for_private_addresses_and_names_only() {
        for host in ["192.168.1.20", "10.0.0.7", "172.31.1.1", "127.0.0.1", "fd00::7", "yingke.local", "a.b.home.arpa"]
        {
            assert!(private(host).is_ok(), "{host}");
        }
        for host in [
            "8.8.8.8",
            "172.32.0.1",
            "2001:db8::1",
            "bank.example",
            "local.bank.example",
            "notlocal",
            "",
            ".local",
            "a..local",
            "A.local",
            "a b.local",
        ] {
            assert!(matches!(private(host), Err(AuthorityError::Public(_))), "{host}");
        }
    }

    #[test]
    fn it_is_made_once_and_certificates_again_and_again() {
        let data = tempfile::tempdir().unwrap();
        let now = Day::from_ymd(2026, 11, 26).unwrap().begins(0);
        let hosts = ["192.168.1.20".to_owned(), "yingke.local".into()];
        let first = make(data.path(), "松风体育", &hosts, now).unwrap();
        assert_eq!(
            (first.authority_ends.to_string(), first.certificate_ends.to_string()),
            ("2036-11-25".into(), "2029-02-23".into())
        );
        let before = read(&first.folder.join(CERTIFICATE)).unwrap();
        let second = make(data.path(), "别名", &hosts, now.plus(DAY_MS)).unwrap();
        assert_eq!(second.fingerprint, first.fingerprint);
        assert_ne!(read(&first.folder.join(CERTIFICATE)).unwrap(), before);
        let told = second.told(data.path(), &hosts, 8081).unwrap();
        assert!(told.contains("http://192.168.1.20:8081/ca.crt") && told.contains(&first.fingerprint), "{told}");
        fs::remove_file(first.folder.join(CA_KEY)).unwrap();
        assert!(matches!(make(data.path(), "松风体育", &hosts, now), Err(AuthorityError::Half { .. })));
        fs::write(first.folder.join(CA_KEY), "not a key").unwrap();
        assert!(matches!(make(data.path(), "松风体育", &hosts, now), Err(AuthorityError::Damaged { .. })));
    }
}
