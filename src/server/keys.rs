//! Keys, tokens and PINs: made here, kept as hashes wherever a hash will do.

use std::collections::BTreeMap;

use argon2::{Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, password_hash::SaltString};
use hkdf::Hkdf;
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer},
    elliptic_curve::sec1::ToEncodedPoint,
};
use sha2::{Digest, Sha256};
use yingke_core::{
    audience::Audience,
    chance::Chance,
    filter::FilterKey,
    id::{DeviceNumber, OrganisationId, StaffId},
    pass::{POINT_BYTES, certified},
    wire::v1::{PassKeys, base64_text},
};

/// The system's chance.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system gives chance, or nothing here is safe");
    }
}

#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemChance.fill(&mut bytes);
    bytes
}

/// A credential: 32 random bytes, as its owner keeps it and as we do.
#[must_use]
pub fn new_token() -> (String, [u8; 32]) {
    let text = base64_text(&random::<32>());
    let hash = token_hash(&text);
    (text, hash)
}

/// Tokens are random, so a plain hash gives nothing away.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::new_with_prefix(b"yingke token 1").chain_update(token.as_bytes()).finalize().into()
}

/// Digits that are left of what somebody typed: codes are read out and written in groups.
#[must_use]
pub fn code_digits(typed: &str) -> Option<String> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (digits.len() == CODE_DIGITS && digits.bytes().all(|c| c.is_ascii_digit())).then_some(digits)
}

const CODE_DIGITS: usize = 8;

/// A new enrolment code of 8 digits.
#[must_use]
pub fn new_code() -> String {
    // 2^64 is no multiple of 10^8, but the difference is one in 10^11.
    format!("{:08}", u64::from_le_bytes(random()) % 100_000_000)
}

/// A code lives for days and has 10^8 values: the hash keeps it from being read in passing, no more.
#[must_use]
pub fn code_hash(digits: &str) -> [u8; 32] {
    Sha256::new_with_prefix(b"yingke code 1").chain_update(digits.as_bytes()).finalize().into()
}

/// Memory and passes that make a guess cost about 25 ms. Source: OWASP Password Storage Cheat Sheet, Argon2id.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("OWASP's parameters are within the bounds");
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

pub const PIN_DIGITS: usize = 6;

/// A PIN: six digits, not all the same and not in a row.
#[must_use]
pub fn is_pin(text: &str) -> bool {
    let steps = |by: i16| text.as_bytes().windows(2).all(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by);
    text.len() == PIN_DIGITS && text.bytes().all(|c| c.is_ascii_digit()) && ![-1, 0, 1].into_iter().any(steps)
}

/// Characters of a passphrase, by which a copied profile cannot be tried open as by a PIN.
pub const PASSPHRASE_CHARS: std::ops::RangeInclusive<usize> = 12..=128;

/// What somebody may unlock with: a PIN, or a passphrase of so many characters, of which enough differ.
#[must_use]
pub fn is_pin_or_passphrase(text: &str) -> bool {
    const DIFFERENT_MIN: usize = 5;
    let different: std::collections::BTreeSet<char> = text.chars().collect();
    let is_passphrase = PASSPHRASE_CHARS.contains(&text.chars().count())
        && different.len() >= DIFFERENT_MIN
        && text.trim() == text
        && !text.chars().any(char::is_control);
    is_pin(text) || is_passphrase
}

#[must_use]
pub fn new_pin() -> String {
    loop {
        let pin = format!("{:06}", u64::from_le_bytes(random()) % 1_000_000);
        if is_pin(&pin) {
            return pin;
        }
    }
}

#[must_use]
pub fn pin_hash(pin: &str) -> String {
    let salt = SaltString::encode_b64(&random::<16>()).expect("16 bytes are a salt");
    argon2().hash_password(pin.as_bytes(), &salt).expect("a PIN can be hashed").to_string()
}

/// Whether the PIN is the one behind the hash. Takes as long when there is no such person.
#[must_use]
pub fn is_pin_of(hash: Option<&str>, pin: &str) -> bool {
    // The hash of no PIN: its output is of a length that no PIN gives.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let parsed = PasswordHash::new(hash.unwrap_or(NOBODY));
    parsed.is_ok_and(|parsed| argon2().verify_password(pin.as_bytes(), &parsed).is_ok()) && hash.is_some()
}

/// The key of a sealed copy. Slow to guess, as a PIN is, and passphrases are longer.
#[must_use]
pub fn passphrase_key(passphrase: &str, salt: &[u8; 16]) -> [u8; 32] {
    let mut key = [0; 32];
    argon2().hash_password_into(passphrase.as_bytes(), salt, &mut key).expect("32 bytes can be derived");
    key
}

/// The organisation's secrets.
pub struct Secrets {
    /// From it come the keys of all audiences on all tablets.
    pub master: [u8; 32],
    /// Opens what tablets sealed for the organisation.
    pub recovery: SecretKey,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    #[must_use]
    pub fn new() -> Self {
        loop {
            // All but one in 2^32 of random numbers are keys of the curve.
            if let Ok(recovery) = SecretKey::from_slice(&random::<32>()) {
                return Self { master: random(), recovery };
            }
        }
    }

    #[must_use]
    pub fn from_bytes(master: [u8; 32], recovery: &[u8]) -> Option<Self> {
        Some(Self { master, recovery: SecretKey::from_slice(recovery).ok()? })
    }

    /// The public half as tablets get it: an uncompressed point, base 64.
    #[must_use]
    pub fn recovery_key(&self) -> String {
        base64_text(self.recovery.public_key().to_encoded_point(false).as_bytes())
    }

    /// The key of one audience on one tablet: a tablet that is lost gives away no other.
    #[must_use]
    pub fn audience_key(&self, device: DeviceNumber, audience: &Audience) -> [u8; 32] {
        self.derived(&[b"audience key 1", &device.0.to_be_bytes(), audience.to_string().as_bytes()])
    }

    /// The key of one person's drafts on one tablet.
    #[must_use]
    pub fn own_key(&self, device: DeviceNumber, staff: StaffId) -> [u8; 32] {
        self.derived(&[b"own key 1", &device.0.to_be_bytes(), &staff.bytes()])
    }

    /// What the filter of known phones is keyed with.
    #[must_use]
    pub fn known_phones_key(&self) -> FilterKey {
        let key = self.derived(&[b"known phones key 1"]);
        *key.first_chunk().expect("16 of 32 bytes")
    }

    /// What trial passes are made and checked with on one tablet: a key of its own, certified by the organisation's.
    #[must_use]
    pub fn pass_keys(&self, organisation: OrganisationId, device: DeviceNumber) -> PassKeys {
        let authority = self.signing_key(&[b"pass authority 1"]);
        let own = self.signing_key(&[b"pass key 1", &device.0.to_be_bytes()]);
        let point = point_of(&own);
        let certificate: Signature = authority.sign(&certified(organisation, device, &point));
        PassKeys {
            authority: base64_text(&point_of(&authority)),
            secret: base64_text(&own.to_bytes()),
            point: base64_text(&point),
            certificate: base64_text(&certificate.to_bytes()),
            code_key: base64_text(&self.derived(&[b"pass code key 1"])),
        }
    }

    /// What messages to push services are signed with: subscriptions are made for it, so it comes back with a backup.
    #[must_use]
    pub fn reminder_key(&self) -> SigningKey {
        self.signing_key(&[b"reminder key 1"])
    }

    /// The public half as browsers want it.
    #[must_use]
    pub fn reminder_point(&self) -> String {
        base64_text(&point_of(&self.reminder_key()))
    }

    /// By which a push service lets a newer message to somebody on a tablet take the place of an older one: 32 letters that
    /// say nothing. Source: RFC 8030, section 5.4.
    #[must_use]
    pub fn reminder_topic(&self, device: DeviceNumber, staff: StaffId) -> String {
        let key = self.derived(&[b"reminder topic 1", &device.0.to_be_bytes(), &staff.bytes()]);
        base64_text(&key[..24])
    }

    fn signing_key(&self, info: &[&[u8]]) -> SigningKey {
        // All but one in 2^32 of random numbers are keys of the curve.
        let tries = (0_u8..=u8::MAX).map(|number| self.derived(&[info, &[&[number]]].concat()));
        let mut keys = tries.filter_map(|bytes| SigningKey::from_slice(&bytes).ok());
        keys.next().expect("one of 256 random numbers is a key of the curve")
    }

    #[must_use]
    pub fn audience_keys<'a>(
        &self,
        device: DeviceNumber,
        held: impl Iterator<Item = &'a Audience>,
    ) -> BTreeMap<Audience, String> {
        held.map(|audience| (audience.clone(), base64_text(&self.audience_key(device, audience)))).collect()
    }

    fn derived(&self, info: &[&[u8]]) -> [u8; 32] {
        let mut key = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(None, &self.master);
        hkdf.expand_multi_info(info, &mut key).expect("32 bytes can be derived");
        key
    }
}

fn point_of(key: &SigningKey) -> [u8; POINT_BYTES] {
    let point = key.verifying_key().to_encoded_point(false);
    point.as_bytes().try_into().expect("an uncompressed point has 65 bytes")
}

impl Default for Secrets {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::fixture;

    #[test]
    fn a_pin_opens_only_its_own_hash() {
        let hash = pin_hash("260711");
        assert!(is_pin_of(Some(&hash), "260711"));
        assert!(!is_pin_of(Some(&hash), "260712"));
        assert!(!is_pin_of(None, "260711"));
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn what_is_no_pin_or_code_is_refused() {
        for text in ["", "12345", "1234567", "12345a", "111111", "123456", "987654", "１２３４５６"] {
            assert!(!is_pin(text), "{text}");
        }
        assert!(is_pin(&new_pin()));
        let too_long = "abcdefg".repeat(19);
        for text in ["", "12345", "111111", "eleven char", "aaaaaaaaaaaa", " twelve chars", "a\ttwelve char", &too_long]
        {
            assert!(!is_pin_or_passphrase(text), "{text}");
        }
        for text in ["260711", "twelve chars", "松风亭下看月亮升起来了吗"] {
            assert!(is_pin_or_passphrase(text), "{text}");
        }
        assert_eq!(code_digits("2026 1122").as_deref(), Some("20261122"));
        assert_eq!(code_digits("2026-1122").as_deref(), Some("20261122"));
        for text in ["", "2026112", "2026112x", "202611220"] {
            assert_eq!(code_digits(text), None, "{text}");
        }
        assert!(code_digits(&new_code()).is_some());
    }

    #[test]
    fn the_organisation_vouches_for_each_tablets_own_key() {
        use p256::ecdsa::{VerifyingKey, signature::Verifier};
        let (secrets, organisation) = (Secrets::new(), fixture::organisation());
        let bytes = |text: &str| yingke_core::wire::v1::base64_bytes(text).unwrap();
        let keys = secrets.pass_keys(organisation, DeviceNumber(7));
        assert_eq!(secrets.pass_keys(organisation, DeviceNumber(7)), keys);
        let other = secrets.pass_keys(organisation, DeviceNumber(8));
        assert_ne!((&other.point, &other.certificate), (&keys.point, &keys.certificate));
        let authority = VerifyingKey::from_sec1_bytes(&bytes(&keys.authority)).unwrap();
        let certificate = Signature::from_slice(&bytes(&keys.certificate)).unwrap();
        let vouches = |device: u32| {
            let point = bytes(&keys.point).try_into().unwrap();
            authority.verify(&certified(organisation, DeviceNumber(device), &point), &certificate).is_ok()
        };
        assert!(vouches(7) && !vouches(8));
        let own = SigningKey::from_slice(&bytes(&keys.secret)).unwrap();
        assert_eq!(point_of(&own).to_vec(), bytes(&keys.point));
    }

    #[test]
    fn every_tablet_and_audience_has_a_key_of_its_own() {
        let secrets = Secrets::new();
        let (desk, own) = (Audience::Desk(fixture::venue()), Audience::Own(fixture::venue(), fixture::staff(1)));
        let keys = [
            secrets.audience_key(DeviceNumber(1), &desk),
            secrets.audience_key(DeviceNumber(2), &desk),
            secrets.audience_key(DeviceNumber(1), &own),
            secrets.own_key(DeviceNumber(1), fixture::staff(1)),
        ];
        assert_eq!(std::collections::BTreeSet::from(keys).len(), keys.len());
        assert_eq!(secrets.audience_key(DeviceNumber(1), &desk), keys[0]);
    }
}
