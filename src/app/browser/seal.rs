//! Sealing and opening by the web's crypto. Keys go in once and never come out again.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::CryptoKey;

use super::{
    chance,
    rows::{POINT_BYTES, RecoverySeal, Sealed},
};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], catch)]
    fn encrypt(algorithm: &JsValue, key: &CryptoKey, data: &[u8]) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], catch)]
    fn decrypt(algorithm: &JsValue, key: &CryptoKey, data: &[u8]) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], js_name = importKey, catch)]
    pub(super) fn import_key(
        format: &str,
        data: &[u8],
        algorithm: &JsValue,
        extractable: bool,
        uses: &Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], js_name = exportKey, catch)]
    fn export_key(format: &str, key: &CryptoKey) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], js_name = generateKey, catch)]
    fn generate_key(algorithm: &JsValue, extractable: bool, uses: &Array) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], js_name = deriveBits, catch)]
    fn derive_bits(algorithm: &JsValue, key: &CryptoKey, bits: u32) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], js_name = deriveKey, catch)]
    fn derive_key(
        algorithm: &JsValue,
        key: &CryptoKey,
        derived: &JsValue,
        extractable: bool,
        uses: &Array,
    ) -> Result<Promise, JsValue>;
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key, another place, or altered bytes.
    #[error("the seal does not open")]
    Broken,
    /// No crypto here: the page is not in a secure context.
    #[error("no crypto here: {detail}")]
    Unavailable { detail: String },
}

/// What HKDF is told when a change is sealed to the organisation. The endpoint says the same.
const RECOVERY_INFO: &[u8] = b"yingke sealed change 1";
/// The same for what is put into a [`LetterBox`].
const LETTER_INFO: &[u8] = b"yingke before unlocking 1";

/// A key of AES-256-GCM that nobody can read out.
#[derive(Clone)]
pub struct Key(CryptoKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// # Errors
    /// [`SealError::Unavailable`], also for bytes that are no key.
    pub async fn import(bytes: &[u8]) -> Result<Self, SealError> {
        let key = done(import_key("raw", bytes, &"AES-GCM".into(), false, &uses(&["encrypt", "decrypt"]))).await;
        key.map(|key| Self(key.unchecked_into())).map_err(|error| unavailable(&error))
    }

    /// A key that everyone derives alike who has the same secret, for one purpose.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn derived(secret: &[u8], purpose: &[u8]) -> Result<Self, SealError> {
        let key = derived_key(secret, purpose, &["encrypt", "decrypt"]).await;
        key.map(Self).map_err(|error| unavailable(&error))
    }

    /// Seals under a nonce of its own, bound to `bound_to`.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn seal(&self, plain: &[u8], bound_to: &[u8]) -> Result<Sealed, SealError> {
        let nonce = chance::random();
        let sealed =
            done(encrypt(&gcm(&nonce, bound_to), &self.0, plain)).await.map_err(|error| unavailable(&error))?;
        Ok(Sealed { nonce, bytes: Uint8Array::new(&sealed).to_vec() })
    }

    /// # Errors
    /// [`SealError::Broken`] when the bytes were altered, moved, or sealed under another key.
    pub async fn open(&self, sealed: &Sealed, bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        let opened =
            decrypt(&gcm(&sealed.nonce, bound_to), &self.0, &sealed.bytes).map_err(|error| unavailable(&error))?;
        match JsFuture::from(opened).await {
            Ok(plain) => Ok(Uint8Array::new(&plain).to_vec()),
            Err(_) => Err(SealError::Broken),
        }
    }
}

/// Seals to whoever has the secret of a point: the organisation's recovery key, or a letter box. With a sender's key of its
/// own, made once per unlock.
#[derive(Debug)]
pub struct Recovery {
    sender: [u8; POINT_BYTES],
    key: Key,
}

impl Recovery {
    /// `organisation` is the recovery key: an uncompressed point of P-256.
    ///
    /// # Errors
    /// [`SealError::Unavailable`], also for bytes that are no point.
    pub async fn new(organisation: &[u8]) -> Result<Self, SealError> {
        Self::agree(organisation, RECOVERY_INFO).await.map_err(|error| unavailable(&error))
    }

    /// The same to a [`LetterBox`].
    ///
    /// # Errors
    /// As [`Recovery::new`].
    pub async fn to_letter_box(point: &[u8]) -> Result<Self, SealError> {
        Self::agree(point, LETTER_INFO).await.map_err(|error| unavailable(&error))
    }

    async fn agree(point: &[u8], info: &[u8]) -> Result<Self, JsValue> {
        let pair = done(generate_key(&curve(), false, &uses(&["deriveBits"]))).await?;
        let sender = point_of(&pair).await?;
        let key = agreed(&half(&pair, "privateKey")?, point, info, &["encrypt"]).await?;
        Ok(Self { sender, key })
    }

    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn seal(&self, plain: &[u8], bound_to: &[u8]) -> Result<RecoverySeal, SealError> {
        Ok(RecoverySeal { sender: self.sender, sealed: self.key.seal(plain, bound_to).await? })
    }
}

/// Everybody can put something in, by its point; only its secret opens.
pub struct LetterBox {
    pub point: [u8; POINT_BYTES],
    /// PKCS #8. To be kept sealed, and overwritten when it is dropped.
    pub secret: Vec<u8>,
}

impl Drop for LetterBox {
    fn drop(&mut self) {
        forget(&mut self.secret);
    }
}

impl LetterBox {
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn new() -> Result<Self, SealError> {
        Self::made().await.map_err(|error| unavailable(&error))
    }

    async fn made() -> Result<Self, JsValue> {
        let pair = done(generate_key(&curve(), true, &uses(&["deriveBits"]))).await?;
        let secret = Uint8Array::new(&done(export_key("pkcs8", &half(&pair, "privateKey")?)).await?).to_vec();
        Ok(Self { point: point_of(&pair).await?, secret })
    }

    /// Opens a letter that was put in.
    ///
    /// # Errors
    /// [`SealError::Broken`] for one that was put into another box, or altered.
    pub async fn open(secret: &[u8], letter: &RecoverySeal, bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        let imported = done(import_key("pkcs8", secret, &curve(), false, &uses(&["deriveBits"]))).await;
        let secret = imported.map_err(|error| unavailable(&error))?.unchecked_into();
        // A sender that is no point of the curve was altered.
        let key = agreed(&secret, &letter.sender, LETTER_INFO, &["decrypt"]).await.map_err(|_| SealError::Broken)?;
        key.open(&letter.sealed, bound_to).await
    }
}

fn curve() -> JsValue {
    object(&[("name", "ECDH".into()), ("namedCurve", "P-256".into())])
}

fn half(pair: &JsValue, name: &str) -> Result<CryptoKey, JsValue> {
    Reflect::get(pair, &name.into()).map(JsCast::unchecked_into)
}

async fn point_of(pair: &JsValue) -> Result<[u8; POINT_BYTES], JsValue> {
    let point = Uint8Array::new(&done(export_key("raw", &half(pair, "publicKey")?)).await?).to_vec();
    point.try_into().map_err(|_| JsValue::from_str("a point of another length"))
}

/// The key that two who know each other's points agree on, for one purpose.
async fn agreed(secret: &CryptoKey, point: &[u8], info: &[u8], for_uses: &[&str]) -> Result<Key, JsValue> {
    let public = done(import_key("raw", point, &curve(), false, &uses(&[]))).await?;
    let ecdh = object(&[("name", "ECDH".into()), ("public", public)]);
    let mut shared = Uint8Array::new(&done(derive_bits(&ecdh, secret, 256)).await?).to_vec();
    let key = derived_key(&shared, info, for_uses).await;
    forget(&mut shared);
    key.map(Key)
}

/// Overwrites bytes that nobody should find in memory later.
pub fn forget(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

/// HKDF-SHA-256 without salt, to a key of AES-256-GCM.
async fn derived_key(secret: &[u8], info: &[u8], for_uses: &[&str]) -> Result<CryptoKey, JsValue> {
    let secret = done(import_key("raw", secret, &"HKDF".into(), false, &uses(&["deriveKey"]))).await?;
    let hkdf = object(&[
        ("name", "HKDF".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::new_with_length(0).into()),
        ("info", Uint8Array::from(info).into()),
    ]);
    let aes = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    Ok(done(derive_key(&hkdf, secret.unchecked_ref(), &aes, false, &uses(for_uses))).await?.unchecked_into())
}

pub(super) async fn done(started: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(started?).await
}

fn gcm(nonce: &[u8], bound_to: &[u8]) -> JsValue {
    object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(nonce).into()),
        ("additionalData", Uint8Array::from(bound_to).into()),
    ])
}

pub(super) fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

pub(super) fn uses(names: &[&str]) -> Array {
    names.iter().map(|name| JsValue::from_str(name)).collect()
}

pub(super) fn unavailable(error: &JsValue) -> SealError {
    let detail = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    SealError::Unavailable { detail: detail.unwrap_or_default() }
}
