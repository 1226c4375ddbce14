//! Pictures beside the records: sent in pieces by tablets, opened here, given to whoever may see a record that names them.
//!
//! A tablet seals a picture to the organisation as it seals a change, so it sends it whether or not anybody is unlocked.
//! The pieces lie as they came until the last one is here; then the picture is opened, has to be what its hash says, and
//! lies beside the records, as open as they are. What a tablet is told is how far its own upload has come: that others have
//! sent the same it does not learn. What a revoked tablet sends waits unopened for the administrator.

use std::collections::BTreeSet;

use async_trait::async_trait;
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_range_header::parse_range_header;
use serde::Deserialize;
use yingke_core::{
    audience::Audience,
    blob::{self, BLOB_BYTES_MAX, BlobHash, SEAL_BYTES},
    change::Change,
    id::{DeviceNumber, OrganisationId, RecordId},
    time::{DAY_MS, Millis},
    wire::v1::{BlobKept, VERSION},
};

use crate::{
    http::{self, App, Person, Sender},
    ledger::{Database, LedgerError},
    problem::Problem,
    sealed,
};

/// Bytes that one tablet may have sent of pictures that are not whole, or wait unopened: a credential that was stolen
/// must not fill the disk.
pub const UPLOAD_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one piece.
pub const PIECE_BYTES_MAX: usize = 1 << 20;
/// How long a picture is kept that no record names, and an upload that does not go on: a refused change may be mended
/// and sent again.
pub const ORPHAN_MS: i64 = 90 * DAY_MS;

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Bytes of the sealed picture.
    pub length: u64,
    pub received: u64,
    /// It was opened and is kept.
    pub is_done: bool,
}

impl Upload {
    fn told(&self, is_complete: bool) -> BlobKept {
        let offset = if self.is_done { self.length } else { self.received };
        BlobKept { version: VERSION, offset, complete: is_complete }
    }
}

/// A part of a sealed picture.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Where in the whole it begins.
    pub offset: u64,
    /// Bytes of the whole.
    pub length: u64,
    pub bytes: &'a [u8],
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Kept(Upload),
    /// It begins beyond what is here, or is part of another sealing: nothing was kept.
    Ahead(Upload),
    /// More than [`UPLOAD_BYTES_MAX`]: nothing was kept.
    TooMuch,
    /// Whom it shows was erased: nothing is kept.
    Erased,
}

/// That a record names a picture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub hash: BlobHash,
    pub record: RecordId,
    pub audience: Audience,
}

impl Name {
    /// Every name in a change.
    #[must_use]
    pub fn all_of(change: &Change) -> Vec<Self> {
        let of_edit = |edit: &yingke_core::change::Edit| {
            let name = |(hash, audience)| Self { hash, record: edit.record, audience };
            blob::named(edit).into_iter().map(name).collect::<Vec<_>>()
        };
        change.edits().flat_map(of_edit).collect()
    }
}

/// Keeps pictures. Each method is one transaction. Which records name them is noted by
/// [`Ledger::append`](crate::ledger::Ledger::append), with the changes, and undone by `erase`.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// How far a tablet's own upload has come; `None` before it begins.
    async fn upload(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
    ) -> Result<Option<Upload>, LedgerError>;

    /// Keeps what of a piece is not here yet. When it returns, that is on the disk.
    async fn take_piece(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
        piece: Piece<'_>,
        now: Millis,
    ) -> Result<Taken, LedgerError>;

    /// The pieces that are here, as one.
    async fn sealed(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
    ) -> Result<Vec<u8>, LedgerError>;

    /// Keeps an opened picture in the place of its pieces; `false`, with nothing kept, if whom it shows was erased.
    async fn keep_blob(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
        bytes: &[u8],
        now: Millis,
    ) -> Result<bool, LedgerError>;

    /// Forgets an upload and its pieces: it may begin again.
    async fn drop_upload(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
    ) -> Result<(), LedgerError>;

    /// Pictures of a tablet that are here whole and were not opened.
    async fn unopened(&self, organisation: OrganisationId, device: DeviceNumber) -> Result<Vec<BlobHash>, LedgerError>;

    /// Which records name which pictures.
    async fn blob_names(&self, organisation: OrganisationId) -> Result<BTreeSet<Name>, LedgerError>;

    /// Which records name this one.
    async fn names_of(&self, organisation: OrganisationId, blob: BlobHash) -> Result<BTreeSet<Name>, LedgerError>;

    async fn blob(&self, organisation: OrganisationId, blob: BlobHash) -> Result<Option<Vec<u8>>, LedgerError>;

    /// The next picture in the order of their hashes.
    async fn next_blob(
        &self,
        organisation: OrganisationId,
        after: Option<BlobHash>,
    ) -> Result<Option<(BlobHash, Vec<u8>)>, LedgerError>;

    /// Drops pictures from before a time that no record names, and uploads that were not gone on with since. Gives how
    /// many pictures that were.
    async fn drop_orphans(&self, organisation: OrganisationId, before: Millis) -> Result<u64, LedgerError>;
}

/// Why a whole upload is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    #[error("it does not open, or is not what its hash says")]
    Other,
    #[error("it is neither JPEG, PNG nor WebP")]
    NoPicture,
    #[error("whom it shows was erased")]
    Erased,
}

/// Opens an upload that is here whole and keeps the picture. One that is not what it should be is forgotten.
///
/// # Errors
/// [`LedgerError`]
pub async fn open(
    database: &(impl Blobs + ?Sized),
    secret: &p256::SecretKey,
    organisation: OrganisationId,
    device: DeviceNumber,
    hash: BlobHash,
    now: Millis,
) -> Result<Result<(), NotKept>, LedgerError> {
    let sealed = database.sealed(organisation, device, hash).await?;
    let opened =
        sealed::open_blob(secret, organisation, hash, &sealed).ok().filter(|bytes| BlobHash::of(bytes) == hash);
    let refused = match opened {
        None => NotKept::Other,
        Some(bytes) if blob::media(&bytes).is_none() => NotKept::NoPicture,
        Some(bytes) if database.keep_blob(organisation, device, hash, &bytes, now).await? => return Ok(Ok(())),
        Some(_) => NotKept::Erased,
    };
    database.drop_upload(organisation, device, hash).await?;
    Ok(Err(refused))
}

/// Opens what a revoked tablet handed in of pictures. Gives how many are kept, and a sentence for each that is not.
///
/// # Errors
/// [`LedgerError`]
pub async fn take_in(
    database: &dyn Database,
    organisation: OrganisationId,
    device: DeviceNumber,
    now: Millis,
) -> Result<(usize, Vec<String>), LedgerError> {
    let secrets = database.secrets(organisation).await?;
    let (mut kept, mut faults) = (0, Vec::new());
    for hash in database.unopened(organisation, device).await? {
        match open(database, &secrets.recovery, organisation, device, hash, now).await? {
            Ok(()) => kept += 1,
            Err(why) => faults.push(format!("picture {hash} is not kept: {why}")),
        }
    }
    Ok((kept, faults))
}

// ---- Handlers -----------------------------------------------------------------------------------------------

/// Where a piece belongs.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Place {
    offset: u64,
    length: u64,
}

/// How far the tablet's own upload has come.
pub(crate) async fn ask(
    sender: Sender,
    State(app): State<App>,
    Path(hash): Path<String>,
) -> Result<Json<BlobKept>, Problem> {
    let (hash, device) = (hash_of(&hash)?, &sender.device);
    let upload = app.blobs.upload(device.organisation, device.number, hash).await?;
    let upload = upload.unwrap_or(Upload { length: 0, received: 0, is_done: false });
    let is_whole = sender.is_revoked && upload.length > 0 && upload.received == upload.length;
    Ok(Json(upload.told(upload.is_done || is_whole)))
}

/// One piece of a sealed picture; with the last one it is opened.
pub(crate) async fn send(
    sender: Sender,
    State(app): State<App>,
    Path(hash): Path<String>,
    place: Result<Query<Place>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Json<BlobKept>, Problem> {
    let hash = hash_of(&hash)?;
    let Query(place) = place.map_err(|_| Problem::malformed("`offset` and `length` are two numbers"))?;
    let bytes = piece_of(request, &app, place).await?;
    let (organisation, device) = (sender.device.organisation, sender.device.number);
    let piece = Piece { offset: place.offset, length: place.length, bytes: &bytes };
    let now = app.now();
    let upload = match app.blobs.take_piece(organisation, device, hash, piece, now).await? {
        Taken::Kept(upload) => upload,
        Taken::Ahead(_) => return Err(Problem::piece()),
        Taken::TooMuch => {
            return Err(Problem::too_large(format!("{UPLOAD_BYTES_MAX} bytes of unfinished pictures at most")));
        }
        Taken::Erased => return Err(Problem::erased()),
    };
    app.metrics.took_piece(bytes.len());
    if upload.is_done || upload.received < upload.length || sender.is_revoked {
        return Ok(Json(upload.told(upload.is_done || upload.received == upload.length)));
    }
    let secrets = app.register.secrets(organisation).await?;
    let kept = open(&*app.blobs, &secrets.recovery, organisation, device, hash, now).await?;
    app.metrics.opened(kept.is_ok());
    match kept {
        Ok(()) => Ok(Json(upload.told(true))),
        Err(NotKept::Other) => Err(Problem::other_picture()),
        Err(NotKept::NoPicture) => Err(Problem::no_picture()),
        Err(NotKept::Erased) => Err(Problem::erased()),
    }
}

/// A picture, or a part of it, for somebody who may see a record that names it. One that is not here, and one that is none
/// of theirs, are answered alike.
pub(crate) async fn fetch(
    person: Person,
    State(app): State<App>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash = hash_of(&hash)?;
    let (organisation, me) = (person.house.organisation, person.staff()?);
    let names = app.blobs.names_of(organisation, hash).await?;
    let audiences: Vec<&Audience> = blob::deciding(names.iter().map(|name| &name.audience)).collect();
    let held = person.house.held(me, audiences.iter().copied());
    if !audiences.into_iter().any(|audience| held.contains(audience)) {
        return Err(Problem::not_found());
    }
    let bytes = app.blobs.blob(organisation, hash).await?.ok_or_else(Problem::not_found)?;
    let media = blob::media(&bytes).unwrap_or("application/octet-stream");
    let whole = bytes.len() as u64;
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    // What is no range, or several, is answered with the whole, as RFC 9110 has it.
    let range = range.and_then(|range| parse_range_header(range).ok()).filter(|ranges| ranges.ranges.len() == 1);
    let part = match range.map(|range| range.validate(whole)) {
        None => None,
        Some(Ok(parts)) => parts.into_iter().next(),
        Some(Err(_)) => return Err(Problem::range()),
    };
    let (status, body) = match &part {
        Some(part) => {
            let place = |at: u64| usize::try_from(at).expect("a picture fits into memory");
            (StatusCode::PARTIAL_CONTENT, bytes[place(*part.start())..=place(*part.end())].to_vec())
        }
        None => (StatusCode::OK, bytes),
    };
    app.metrics.gave_picture(body.len());
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(part) = part {
        let told = format!("bytes {}-{}/{whole}", part.start(), part.end());
        headers.insert(header::CONTENT_RANGE, HeaderValue::try_from(told).expect("numbers are a header's text"));
    }
    Ok(response)
}

fn hash_of(text: &str) -> Result<BlobHash, Problem> {
    BlobHash::parse(text).ok_or_else(|| Problem::malformed("a picture's hash has 64 hexadecimal digits"))
}

/// The body, once it can be one.
async fn piece_of(request: Request, app: &App, place: Place) -> Result<Bytes, Problem> {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
    if !media.is_some_and(|media| media.eq_ignore_ascii_case("application/octet-stream")) {
        return Err(Problem::bytes_expected());
    }
    let longest = (BLOB_BYTES_MAX + SEAL_BYTES) as u64;
    if place.length > longest {
        return Err(Problem::too_large(format!("{longest} bytes of a sealed picture at most")));
    }
    if place.length <= SEAL_BYTES as u64 {
        return Err(Problem::malformed("a sealed picture is longer than its seal"));
    }
    let bytes = http::whole_body(request, app, PIECE_BYTES_MAX).await?;
    if bytes.len() > PIECE_BYTES_MAX {
        return Err(Problem::too_large(format!("{PIECE_BYTES_MAX} bytes of a piece at most")));
    }
    let end = place.offset.checked_add(bytes.len() as u64);
    if bytes.is_empty() || end.is_none_or(|end| end > place.length) {
        return Err(Problem::malformed("a piece has some bytes and ends within the whole"));
    }
    Ok(bytes)
}
