//! A message that only one browser opens, and the signature that says who sent it.
//!
//! Sources: RFC 8291 (encryption, after RFC 8188) and RFC 8292 (VAPID).

use std::fmt;

use aes_gcm::{Aes128Gcm, KeyInit, Nonce, aead::Aead};
use hkdf::Hkdf;
use p256::{
    PublicKey, SecretKey,
    ecdh::diffie_hellman,
    ecdsa::{Signature, SigningKey, signature::Signer},
    elliptic_curve::sec1::ToEncodedPoint,
};
use sha2::Sha256;
use yingke_core::{time::Millis, wire::v1::base64_text};

/// Bytes of one record, which holds the whole message. Push services take no more than 4,096.
const RECORD_BYTES: u32 = 4_096;
/// What says that a record is the last one.
const LAST: u8 = 2;
/// How long a signature is good, in seconds: half of what push services allow.
const GOOD_FOR_S: i64 = 12 * 3_600;

/// Whom a message is sealed for: the browser's public point, and a secret that it shares with us.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    pub point: [u8; 65],
    pub secret: [u8; 16],
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(…)")
    }
}

/// The body of a message. `own` and `salt` are for this message alone. `None` if the point is none, which was looked at when
/// it came.
#[must_use]
pub fn sealed(to: &Recipient, text: &[u8], own: &SecretKey, salt: [u8; 16]) -> Option<Vec<u8>> {
    let theirs = PublicKey::from_sec1_bytes(&to.point).ok()?;
    let shared = diffie_hellman(own.to_nonzero_scalar(), theirs.as_affine());
    let point = own.public_key().to_encoded_point(false);
    let mut secret = [0; 32];
    derive(&to.secret, shared.raw_secret_bytes(), &[b"WebPush: info\0", &to.point, point.as_bytes()], &mut secret);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(&salt, &secret, &[b"Content-Encoding: aes128gcm\0"], &mut key);
    derive(&salt, &secret, &[b"Content-Encoding: nonce\0"], &mut nonce);
    let mut plain = text.to_vec();
    plain.push(LAST);
    let sealed = Aes128Gcm::new(&key.into()).encrypt(&Nonce::from(nonce), &*plain).ok()?;
    let mut body = salt.to_vec();
    body.extend(RECORD_BYTES.to_be_bytes());
    body.push(u8::try_from(point.len()).expect("a point has 65 bytes"));
    body.extend(point.as_bytes());
    body.extend(sealed);
    (body.len() <= RECORD_BYTES as usize).then_some(body)
}

fn derive(salt: &[u8], secret: &[u8], info: &[&[u8]], into: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(info, into).expect("some bytes can be derived");
}

/// What stands behind `Authorization:`. `audience` is the origin of the push service; `contact` is whom it may write to.
#[must_use]
pub fn signed(key: &SigningKey, audience: &str, contact: Option<&str>, now: Millis) -> String {
    let mut claims = serde_json::json!({ "aud": audience, "exp": now.0 / 1_000 + GOOD_FOR_S });
    if let Some(contact) = contact {
        claims["sub"] = contact.into();
    }
    let head = base64_text(br#"{"typ":"JWT","alg":"ES256"}"#);
    let text = format!("{head}.{}", base64_text(claims.to_string().as_bytes()));
    let signature: Signature = key.sign(text.as_bytes());
    let point = key.verifying_key().to_encoded_point(false);
    format!("vapid t={text}.{}, k={}", base64_text(&signature.to_bytes()), base64_text(point.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::wire::v1::base64_bytes;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        base64_bytes(text).unwrap().try_into().unwrap()
    }

    /// RFC 8291, appendix A.
    #[test]
    fn the_example_of_the_standard_is_sealed_as_it_says() {
        let to = Recipient {
            point: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            secret: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let own = SecretKey::from_slice(&bytes::<32>("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let body = sealed(&to, text, &own, bytes("DGv6ra1nlYgDCS1FRnbzlw")).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(base64_text(&body), expected);
    }

    #[test]
    fn a_message_that_is_too_long_is_none() {
        let own = SecretKey::from_slice(&[7; 32]).unwrap();
        let point = own.public_key().to_encoded_point(false).as_bytes().try_into().unwrap();
        let to = Recipient { point, secret: [1; 16] };
        assert!(sealed(&to, &[b'x'; 3_993], &own, [2; 16]).is_some());
        assert!(sealed(&to, &[b'x'; 3_994], &own, [2; 16]).is_none());
    }
}
