//! Trial passes: signed, proved and checked by the web's crypto. What is signed, core says (`core/pass.rs`).
//!
//! The keys come from the endpoint with a sign-in and lie sealed with the person's others; here they go in once and never
//! come out again. The endpoint made the tablet's own key, so it has certified it without being asked.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use web_sys::CryptoKey;
use yingke_core::{
    id::{DeviceNumber, OrganisationId},
    pass::{Code, POINT_BYTES, PROOF_BYTES, Pass, PassFault, SIGNATURE_BYTES, Shown, SignedPass, certified},
    wire::v1::{PassKeys, base64_bytes},
};

use super::seal::{SealError, done, forget, import_key, object, unavailable, uses};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], catch)]
    fn sign(algorithm: &JsValue, key: &CryptoKey, data: &[u8]) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"], catch)]
    fn verify(algorithm: &JsValue, key: &CryptoKey, signature: &[u8], data: &[u8]) -> Result<Promise, JsValue>;
}

/// Why a pass is not known to be good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Fault(#[from] PassFault),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What an unlock opens for trial passes.
pub struct Passes {
    authority: CryptoKey,
    own: CryptoKey,
    code: CryptoKey,
    point: [u8; POINT_BYTES],
    certificate: [u8; SIGNATURE_BYTES],
}

impl std::fmt::Debug for Passes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passes(…)")
    }
}

impl Passes {
    /// # Errors
    /// [`SealError::Unavailable`], also for what are no keys.
    pub async fn import(keys: &PassKeys) -> Result<Self, SealError> {
        let point = bytes(&keys.point)?;
        let mut secret = pkcs8(&bytes(&keys.secret)?, &point);
        let own = done(import_key("pkcs8", &secret, &curve(), false, &uses(&["sign"]))).await;
        forget(&mut secret);
        let code = bytes::<32>(&keys.code_key)?;
        let hmac = object(&[("name", "HMAC".into()), ("hash", "SHA-256".into())]);
        let code = done(import_key("raw", &code, &hmac, false, &uses(&["sign"]))).await;
        Ok(Self {
            authority: verifying(&bytes(&keys.authority)?).await?,
            own: own.map_err(|error| unavailable(&error))?.unchecked_into(),
            code: code.map_err(|error| unavailable(&error))?.unchecked_into(),
            point,
            certificate: bytes(&keys.certificate)?,
        })
    }

    /// A pass with its short proof.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn prove(&self, organisation: OrganisationId, pass: Pass) -> Result<Code, SealError> {
        let proof = done(sign(&"HMAC".into(), &self.code, &pass.proved(organisation))).await;
        let proof = Uint8Array::new(&proof.map_err(|error| unavailable(&error))?).to_vec();
        let proof: &[u8; PROOF_BYTES] = proof.first_chunk().expect("SHA-256 gives 32 bytes");
        Ok(Code { pass, proof: *proof })
    }

    /// Whether these are the keys of a tablet. One that was given another number since its sign-in has none of its own.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn are_of(&self, organisation: OrganisationId, device: DeviceNumber) -> Result<bool, SealError> {
        is_by(&self.authority, &self.certificate, &certified(organisation, device, &self.point)).await
    }

    /// What the QR of a pass carries that was given out under these keys ([`Passes::are_of`]).
    ///
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn sign(&self, organisation: OrganisationId, code: Code) -> Result<SignedPass, SealError> {
        let signature = done(sign(&ecdsa(), &self.own, &SignedPass::signed(organisation, &code))).await;
        let signature = Uint8Array::new(&signature.map_err(|error| unavailable(&error))?).to_vec();
        let signature = signature.try_into().map_err(|_| missing("a signature of 64 bytes"))?;
        Ok(SignedPass { organisation, code, point: self.point, certificate: self.certificate, signature })
    }

    /// The code of a pass that this organisation gave out, whoever shows it.
    ///
    /// # Errors
    /// [`CheckError`]
    pub async fn check(&self, organisation: OrganisationId, shown: &Shown) -> Result<Code, CheckError> {
        let (code, is_good) = match shown {
            Shown::Typed(code) => (*code, self.prove(organisation, code.pass).await?.proof == code.proof),
            Shown::Scanned(signed) => (signed.code, self.is_signed(organisation, signed).await?),
        };
        if is_good { Ok(code) } else { Err(PassFault::Altered.into()) }
    }

    async fn is_signed(&self, organisation: OrganisationId, signed: &SignedPass) -> Result<bool, SealError> {
        let certified = certified(organisation, signed.code.pass.device, &signed.point);
        if !is_by(&self.authority, &signed.certificate, &certified).await? {
            return Ok(false);
        }
        // A point that the organisation vouched for is one.
        let tablet = verifying(&signed.point).await?;
        is_by(&tablet, &signed.signature, &SignedPass::signed(organisation, &signed.code)).await
    }
}

async fn is_by(key: &CryptoKey, signature: &[u8], signed: &[u8]) -> Result<bool, SealError> {
    let yes = done(verify(&ecdsa(), key, signature, signed)).await.map_err(|error| unavailable(&error))?;
    Ok(yes.is_truthy())
}

async fn verifying(point: &[u8; POINT_BYTES]) -> Result<CryptoKey, SealError> {
    let key = done(import_key("raw", point, &curve(), false, &uses(&["verify"]))).await;
    Ok(key.map_err(|error| unavailable(&error))?.unchecked_into())
}

fn curve() -> JsValue {
    object(&[("name", "ECDSA".into()), ("namedCurve", "P-256".into())])
}

fn ecdsa() -> JsValue {
    object(&[("name", "ECDSA".into()), ("hash", "SHA-256".into())])
}

/// A secret of P-256 as the web's crypto takes it. Source: RFC 5958 and RFC 5915, written out for this one curve.
fn pkcs8(secret: &[u8; 32], point: &[u8; POINT_BYTES]) -> Vec<u8> {
    const HEAD: [u8; 36] = [
        0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
    ];
    const MIDDLE: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];
    [&HEAD[..], secret, &MIDDLE, point].concat()
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], SealError> {
    base64_bytes(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| missing("a key that is none"))
}

fn missing(what: &str) -> SealError {
    SealError::Unavailable { detail: what.into() }
}
