//! Unsent changes that a tablet sealed for the organisation: only the endpoint opens them.
//!
//! Ephemeral ECDH on P-256, HKDF-SHA-256 without salt, AES-256-GCM. The additional data binds organisation,
//! change and author, so that a sealed change cannot be passed off as another. Inside is one row of codec 1.

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman, elliptic_curve::sec1::ToEncodedPoint};
use sha2::Sha256;
use yingke_core::{
    blob::BlobHash,
    change::Ranked,
    codec,
    id::{ChangeId, OrganisationId, StaffId},
    wire::v1::{SealedChange, base64_bytes, base64_text},
};

const INFO: &[u8] = b"yingke sealed change 1";

/// Why a sealed change was not opened. It stays on its tablet, in the tray.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    #[error("not in the form of a sealed change: {0}")]
    Form(&'static str),
    #[error("sealed for somebody else, or altered")]
    Closed,
    #[error("what was sealed is not one change: {0}")]
    Content(String),
    #[error("another change or author inside than outside")]
    Other,
}

/// Opens sealed changes with the organisation's recovery key.
pub struct Opener<'a> {
    secret: &'a SecretKey,
    /// The sender of the last one, and what opens theirs: a tablet seals all that is saved in one unlock with one
    /// ephemeral key, and the curve costs more than all the rest.
    last: Option<(String, Aes256Gcm)>,
}

impl std::fmt::Debug for Opener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener(…)")
    }
}

impl<'a> Opener<'a> {
    #[must_use]
    pub fn new(secret: &'a SecretKey) -> Self {
        Self { secret, last: None }
    }

    /// # Errors
    /// [`SealedError`]
    pub fn open(&mut self, organisation: OrganisationId, sealed: &SealedChange) -> Result<Ranked, SealedError> {
        let bytes = |text: &str, what| base64_bytes(text).ok_or(SealedError::Form(what));
        let nonce: [u8; 12] = bytes(&sealed.nonce, "nonce")?.try_into().map_err(|_| SealedError::Form("nonce"))?;
        let aad = additional(organisation, sealed.id, sealed.author);
        let payload = Payload { msg: &bytes(&sealed.sealed, "sealed")?, aad: &aad };
        let cipher = match &self.last {
            Some((sender, cipher)) if *sender == sealed.sender => cipher,
            _ => {
                let sender = PublicKey::from_sec1_bytes(&bytes(&sealed.sender, "sender")?)
                    .map_err(|_| SealedError::Form("sender"))?;
                &self.last.insert((sealed.sender.clone(), cipher(self.secret, &sender))).1
            }
        };
        let plain = cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| SealedError::Closed)?;
        let changes = codec::read_changes(&plain).map_err(|error| SealedError::Content(error.to_string()))?;
        let [change] = <[Ranked; 1]>::try_from(changes).map_err(|_| SealedError::Content("not exactly one".into()))?;
        if change.change.id() != sealed.id || change.change.header.author != sealed.author {
            return Err(SealedError::Other);
        }
        Ok(change)
    }
}

/// Opens a picture: the sender's point, the nonce, and what is sealed, one after the other.
///
/// # Errors
/// [`SealedError`]
pub fn open_blob(
    secret: &SecretKey,
    organisation: OrganisationId,
    hash: BlobHash,
    sealed: &[u8],
) -> Result<Vec<u8>, SealedError> {
    let (sender, rest) = sealed.split_at_checked(65).ok_or(SealedError::Form("sender"))?;
    let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or(SealedError::Form("nonce"))?;
    let sender = PublicKey::from_sec1_bytes(sender).map_err(|_| SealedError::Form("sender"))?;
    let payload = Payload { msg: sealed, aad: &hash.bound_to(organisation) };
    cipher(secret, &sender).decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealedError::Closed)
}

/// Seals as a tablet does, with one ephemeral key for all. For tests and the simulator.
pub struct Sealer {
    cipher: Aes256Gcm,
    sender: String,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    #[must_use]
    pub fn new(recovery: &PublicKey, ephemeral: &SecretKey) -> Self {
        let sender = base64_text(ephemeral.public_key().to_encoded_point(false).as_bytes());
        Self { cipher: cipher(ephemeral, recovery), sender }
    }

    /// A picture, in the form that [`open_blob`] opens. `nonce` is fresh for each.
    #[must_use]
    pub fn seal_blob(&self, organisation: OrganisationId, hash: BlobHash, bytes: &[u8], nonce: [u8; 12]) -> Vec<u8> {
        let payload = Payload { msg: bytes, aad: &hash.bound_to(organisation) };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).expect("a picture is short enough for AES-GCM");
        let sender = base64_bytes(&self.sender).expect("it was made of bytes");
        [sender.as_slice(), &nonce, &sealed].concat()
    }

    /// `nonce` is fresh for each.
    #[must_use]
    pub fn seal(&self, organisation: OrganisationId, change: &Ranked, nonce: [u8; 12]) -> SealedChange {
        let (id, author) = (change.change.id(), change.change.header.author);
        let plain = codec::changes_bytes([change].into_iter());
        let aad = additional(organisation, id, author);
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: &aad })
            .expect("a change is far shorter than what AES-GCM takes");
        let sender = self.sender.clone();
        SealedChange { id, author, sender, nonce: base64_text(&nonce), sealed: base64_text(&sealed) }
    }
}

fn cipher(mine: &SecretKey, theirs: &PublicKey) -> Aes256Gcm {
    let shared = diffie_hellman(mine.to_nonzero_scalar(), theirs.as_affine());
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, shared.raw_secret_bytes()).expand(INFO, &mut key).expect("32 bytes can be derived");
    Aes256Gcm::new(&key.into())
}

fn additional(organisation: OrganisationId, id: ChangeId, author: StaffId) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..16].copy_from_slice(&organisation.bytes());
    bytes[16..32].copy_from_slice(&id.bytes());
    bytes[32..].copy_from_slice(&author.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::fixture;

    fn keys() -> (SecretKey, SecretKey) {
        let key = |byte| SecretKey::from_slice(&[byte; 32]).unwrap();
        (key(7), key(9))
    }

    fn sealed() -> SealedChange {
        let (recovery, ephemeral) = keys();
        let sealer = Sealer::new(&recovery.public_key(), &ephemeral);
        sealer.seal(fixture::organisation(), &fixture::phone_change(), [5; 12])
    }

    fn open(secret: &SecretKey, organisation: OrganisationId, sealed: &SealedChange) -> Result<Ranked, SealedError> {
        Opener::new(secret).open(organisation, sealed)
    }

    #[test]
    fn what_a_tablet_sealed_is_opened() {
        assert_eq!(open(&keys().0, fixture::organisation(), &sealed()), Ok(fixture::phone_change()));
    }

    #[test]
    fn one_sender_after_another_is_opened_with_its_own_key() {
        let (recovery, one) = keys();
        let other = SecretKey::from_slice(&[11; 32]).unwrap();
        let mut opener = Opener::new(&recovery);
        for ephemeral in [&one, &other, &other, &one] {
            let sealer = Sealer::new(&recovery.public_key(), ephemeral);
            let sealed = sealer.seal(fixture::organisation(), &fixture::phone_change(), [5; 12]);
            assert_eq!(opener.open(fixture::organisation(), &sealed), Ok(fixture::phone_change()));
        }
        let stranger = SealedChange { sender: base64_text(&[4; 65]), ..sealed() };
        assert_eq!(opener.open(fixture::organisation(), &stranger), Err(SealedError::Form("sender")));
    }

    #[test]
    fn a_sealed_change_on_the_wire() {
        let sealed = sealed();
        assert_eq!(sealed.sender.len(), 87);
        expect_test::expect![[r#"
            BHE1-k_ZOgnc6Yu_aBtL_PUOfA1jVOYq-wv_KjQpYXhl7UwfAt25Aj7lalV-UV1qncZsEfIglg3llDNN9Yh3ZyQ
            R-AjKR3OsYAT40eBLT0e3Yha8yGW9UNSk0zex8BqgZbLtzr_fAvF0X70kPj5C0N0WhpWEKvy8vQRs5wuxFQf_xfDsK7ixEG7jcOO4gdqXgP1SfkUOvlWTAhs6aiRpyAgf6UYYhCrfxF_DrV8iZ69nMTP-la0dYt6z7ZRX4u_VTShMOvAg3Zlh2TeEy8Qncvc0O0dzhzpbAxg1ywAmdsUkgkOx_i4CpXU-YPxeP70Yq9kKMl4ft0-8XTUEqGIBRY2YRTYWJ7sS9GyZ5w8oktbfz0lJAw6N4Dt"#]].assert_eq(&format!("{}\n{}", sealed.sender, sealed.sealed));
    }

    #[test]
    fn what_was_altered_stays_closed() {
        let (recovery, ephemeral) = keys();
        let check = |alter: fn(&mut SealedChange), error| {
            let mut sealed = sealed();
            alter(&mut sealed);
            assert_eq!(open(&recovery, fixture::organisation(), &sealed), Err(error));
        };
        check(|sealed| sealed.author = fixture::staff(2), SealedError::Closed);
        check(|sealed| sealed.id = ChangeId::from_bytes([1; 16]), SealedError::Closed);
        check(|sealed| sealed.nonce = base64_text(&[6; 12]), SealedError::Closed);
        check(|sealed| sealed.nonce = "AA".into(), SealedError::Form("nonce"));
        check(|sealed| sealed.sender = base64_text(&[4; 65]), SealedError::Form("sender"));
        check(|sealed| sealed.sealed = "*".into(), SealedError::Form("sealed"));
        check(|sealed| sealed.sealed.clear(), SealedError::Closed);
        assert_eq!(open(&ephemeral, fixture::organisation(), &sealed()), Err(SealedError::Closed));
        let other = OrganisationId::from_bytes([1; 16]);
        assert_eq!(open(&recovery, other, &sealed()), Err(SealedError::Closed));
    }

    #[test]
    fn another_author_inside_is_refused() {
        let (recovery, ephemeral) = keys();
        let mut outside = fixture::phone_change();
        outside.change.header.author = fixture::staff(2);
        let aad = additional(fixture::organisation(), outside.change.id(), fixture::staff(2));
        let plain = codec::changes_bytes([&fixture::phone_change()].into_iter());
        let payload = Payload { msg: &plain, aad: &aad };
        let bytes = cipher(&ephemeral, &recovery.public_key()).encrypt(&Nonce::from([5; 12]), payload).unwrap();
        let sealed = SealedChange { author: fixture::staff(2), sealed: base64_text(&bytes), ..sealed() };
        assert_eq!(open(&recovery, fixture::organisation(), &sealed), Err(SealedError::Other));
    }
}
