//! Passkeys of the tablet's own authenticator: a finger or a face before it gives a secret, by WebAuthn's `prf` extension.
//!
//! No endpoint takes part and nothing is attested: a credential is good for its secret and for nothing else. The browser
//! wants a press of the person before each question to the authenticator.

use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use yingke_core::id::StaffId;

use super::{
    chance,
    seal::{done, object},
    vault::Passkey,
};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "credentials"], catch)]
    fn create(options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "credentials"], catch)]
    fn get(options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = PublicKeyCredential, js_name = isUserVerifyingPlatformAuthenticatorAvailable, catch)]
    fn is_available() -> Result<Promise, JsValue>;

    type Credential;
    #[wasm_bindgen(method, getter, js_name = rawId)]
    fn raw_id(this: &Credential) -> JsValue;
    #[wasm_bindgen(method, js_name = getClientExtensionResults)]
    fn results(this: &Credential) -> JsValue;
}

/// How long the person has, in milliseconds.
const PATIENCE_MS: u32 = 60_000;
/// COSE's numbers of ES256 and RS256: one of them every authenticator has.
const ALGORITHMS: [i32; 2] = [-7, -257];

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Another finger or face, cancelled, or not in time.
    #[error("nobody was recognised")]
    NotRecognised,
    /// The authenticator makes no secrets: only the PIN is left.
    #[error("the authenticator makes no secrets")]
    NoSecrets,
    #[error("no passkey: {detail}")]
    Failed { detail: String },
}

impl From<JsValue> for PasskeyError {
    fn from(error: JsValue) -> Self {
        let text = |member| text_of(&error, member).unwrap_or_default();
        match text("name").as_str() {
            "NotAllowedError" | "AbortError" => Self::NotRecognised,
            "NotSupportedError" | "ConstraintError" => Self::NoSecrets,
            _ => Self::Failed { detail: text("message") },
        }
    }
}

/// Whether the tablet may have passkeys: it sees who is before it, and the page was not opened by an address of digits,
/// for which browsers make none. Whether secrets come of them shows with the first one.
pub async fn work_here() -> bool {
    let host = web_sys::window().and_then(|window| window.location().hostname().ok()).unwrap_or_default();
    let is_name = !host.starts_with('[') && host.bytes().any(|c| !c.is_ascii_digit() && c != b'.');
    // Browsers have the type in secure contexts only.
    is_name
        && Reflect::has(&js_sys::global(), &"PublicKeyCredential".into()).unwrap_or(false)
        && done(is_available()).await.is_ok_and(|available| available.is_truthy())
}

/// Makes a passkey for somebody; its secret too, where the authenticator gives it at once and not only when asked.
///
/// # Errors
/// [`PasskeyError`]
pub async fn make(staff: StaffId, name: &str) -> Result<(Passkey, Option<Vec<u8>>), PasskeyError> {
    let salt = chance::random::<32>().to_vec();
    let algorithm = |number: i32| object(&[("type", "public-key".into()), ("alg", number.into())]);
    let user = [("id", bytes(&staff.bytes())), ("name", name.into()), ("displayName", name.into())];
    let authenticator = [
        ("authenticatorAttachment", "platform".into()),
        ("residentKey", "discouraged".into()),
        ("userVerification", "required".into()),
    ];
    let asked = object(&[
        ("rp", object(&[("name", "迎客".into())])),
        ("user", object(&user)),
        ("challenge", bytes(&chance::random::<32>())),
        ("pubKeyCredParams", ALGORITHMS.map(algorithm).iter().collect::<Array>().into()),
        ("authenticatorSelection", object(&authenticator)),
        ("timeout", PATIENCE_MS.into()),
        ("extensions", prf(&salt)),
    ]);
    let made: Credential = done(create(&object(&[("publicKey", asked)]))).await?.unchecked_into();
    let passkey = Passkey { credential: Uint8Array::new(&made.raw_id()).to_vec(), salt };
    let results = made.results();
    let secret = secret_in(&results);
    if secret.is_none() && !at(&results, &["prf", "enabled"]).is_truthy() {
        return Err(PasskeyError::NoSecrets);
    }
    Ok((passkey, secret))
}

/// Asks for the secret of a passkey: whoever is before the tablet shows a finger or their face.
///
/// # Errors
/// [`PasskeyError`]
pub async fn secret(passkey: &Passkey) -> Result<Vec<u8>, PasskeyError> {
    let allowed = object(&[("type", "public-key".into()), ("id", bytes(&passkey.credential))]);
    let asked = object(&[
        ("challenge", bytes(&chance::random::<32>())),
        ("allowCredentials", Array::of1(&allowed).into()),
        ("userVerification", "required".into()),
        ("timeout", PATIENCE_MS.into()),
        ("extensions", prf(&passkey.salt)),
    ]);
    let shown: Credential = done(get(&object(&[("publicKey", asked)]))).await?.unchecked_into();
    secret_in(&shown.results()).ok_or(PasskeyError::NoSecrets)
}

/// The extension's wish: the secret that is made of this salt.
fn prf(salt: &[u8]) -> JsValue {
    let salts = object(&[("first", bytes(salt))]);
    object(&[("prf", object(&[("eval", salts)]))])
}

fn secret_in(results: &JsValue) -> Option<Vec<u8>> {
    let secret = at(results, &["prf", "results", "first"]);
    secret.is_object().then(|| Uint8Array::new(&secret).to_vec())
}

/// What is found on the way of these names; `undefined` where one is missing.
fn at(value: &JsValue, names: &[&str]) -> JsValue {
    names.iter().fold(value.clone(), |value, name| Reflect::get(&value, &(*name).into()).unwrap_or_default())
}

fn text_of(value: &JsValue, name: &str) -> Option<String> {
    at(value, &[name]).as_string()
}

fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}
