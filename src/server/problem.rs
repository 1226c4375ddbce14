//! Answers to what could not be done: RFC 9457 problem documents.
//!
//! `type` is `about:blank#<code>`, so that a client can decide by it. Causes are traced here and kept out of the answer.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use yingke_core::wire::v1;

use crate::{house_work::NotDone, ledger::LedgerError};

#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    retry_after_s: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: String::new(), retry_after_s: None }
    }

    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// No token of a device, or one that nobody here has heard of: a copy from before it was enrolled may have been put
    /// back, so it says nothing about the device's work.
    #[must_use]
    pub fn device_unknown() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "device_unknown", "this device is not enrolled here")
    }

    /// Somebody here shut this device out.
    #[must_use]
    pub fn device_revoked() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "device_revoked", "this device was revoked")
    }

    /// What only a tablet that was revoked may do: one that was not syncs.
    #[must_use]
    pub fn device_enrolled() -> Self {
        Self::new(StatusCode::CONFLICT, "device_enrolled", "this device was not revoked, so it syncs")
    }

    /// Only a tablet that is behind what it pushed before gets another number, and only so often.
    #[must_use]
    pub fn not_cloned() -> Self {
        Self::new(StatusCode::CONFLICT, "not_cloned", "this device is no copy, or there are too many copies of it")
    }

    /// A revoked tablet's storage is not cleared before it has handed in all.
    #[must_use]
    pub fn not_handed_in() -> Self {
        Self::new(StatusCode::CONFLICT, "not_handed_in", "this device has not handed in all that it holds")
    }

    /// The person's token is unknown, has run out, or is another device's.
    #[must_use]
    pub fn person() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "person", "sign in again")
    }

    /// Says nothing about whether there is such a person, or what was wrong.
    #[must_use]
    pub fn pin() -> Self {
        Self::new(StatusCode::FORBIDDEN, "pin", "that name and PIN do not go together here")
    }

    /// What somebody wants to unlock with from now on.
    #[must_use]
    pub fn no_pin() -> Self {
        let words = "a PIN has six digits, not all the same and not in a row; a passphrase has 12 to 128 characters";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_pin", words)
    }

    #[must_use]
    pub fn code() -> Self {
        Self::new(StatusCode::FORBIDDEN, "code", "that code is unknown, used up or too old")
    }

    /// The post does not do that, or not to somebody who stands as high.
    #[must_use]
    pub fn post() -> Self {
        Self::new(StatusCode::FORBIDDEN, "post", "your post may not do that")
    }

    #[must_use]
    pub fn same_name() -> Self {
        Self::new(StatusCode::CONFLICT, "same-name", "somebody here is called that already")
    }

    #[must_use]
    pub fn wait(seconds: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "wait", "too many tries");
        Self { retry_after_s: Some(seconds), ..problem }
    }

    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "the message cannot be read").detail(detail)
    }

    #[must_use]
    pub fn version() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "version", "this wire version is not spoken here")
            .detail(format!("version {} is", v1::VERSION))
    }

    #[must_use]
    pub fn media_type() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "application/json is expected")
    }

    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the message is too large").detail(detail)
    }

    #[must_use]
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow", "nothing more of the message came")
    }

    /// A piece of a picture that begins beyond what is here: the tablet asks how far it has come.
    #[must_use]
    pub fn piece() -> Self {
        Self::new(StatusCode::CONFLICT, "piece", "this piece does not go on from what is here")
    }

    /// It may begin again.
    #[must_use]
    pub fn other_picture() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "other-picture", "what came is not what its hash says")
    }

    #[must_use]
    pub fn no_picture() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-picture", "this is neither JPEG, PNG nor WebP")
    }

    /// A subscription that some other machine would be written to for.
    #[must_use]
    pub fn push_service() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "push-service", "nothing is sent to this browser's push service")
    }

    #[must_use]
    pub fn erased() -> Self {
        Self::new(StatusCode::GONE, "erased", "whom this shows was erased")
    }

    #[must_use]
    pub fn range() -> Self {
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "there is no such part")
    }

    #[must_use]
    pub fn bytes_expected() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "application/octet-stream is expected")
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here")
    }

    /// What the layers below us answer when they refuse a request: the status is theirs.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::new(status, "method", "this method is not answered here"),
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(""),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(status, "media-type", "this form of body is not read here"),
            _ if status.is_server_error() => Self::new(status, "failed", "the endpoint failed"),
            _ => Self::new(status, "refused", "the request was refused"),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Cloned { device } => {
                tracing::warn!(device = device.0, "the push counter of device {} went backwards", device.0);
                Self::new(StatusCode::CONFLICT, "cloned", "this device is a copy of another, or was restored")
            }
            // Never "this device is unknown": people would enrol it anew. A copy may be coming back at this moment.
            LedgerError::NoOrganisation => LedgerError::Later { detail: error.to_string() }.into(),
            LedgerError::Later { detail } => {
                tracing::error!(cause = detail, "the database did not take it");
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "later", "not now, please try again");
                Self { retry_after_s: Some(5), ..problem }
            }
            LedgerError::Damaged { detail } => {
                tracing::error!(cause = detail, "the database is damaged");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", "the endpoint's data need attention")
            }
        }
    }
}

impl From<NotDone> for Problem {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::NotYours => Self::post(),
            NotDone::Unknown => Self::not_found(),
            NotDone::SameName => Self::same_name(),
            NotDone::Malformed(detail) => Self::malformed(detail),
            NotDone::Ledger(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = v1::Problem {
            kind: format!("about:blank#{}", self.code),
            title: self.title.into(),
            status: self.status.as_u16(),
            detail: self.detail,
            retry_after_s: self.retry_after_s,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
