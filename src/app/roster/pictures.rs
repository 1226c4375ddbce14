//! Pictures, as screens see them: taken into a form, looked at, sent beside the records and never in their way.

use leptos::{prelude::*, web_sys::File};
use yingke_core::{
    audience::Audience,
    blob::BlobHash,
    journal::AppendError,
    sync::{Trouble, TurnError},
};

use super::Roster;
use crate::browser::{http::PieceTrouble, pictures, trace};

pub use crate::browser::pictures::PictureError;

/// Bytes sent at a time: some seconds of a weak mobile network, after which nothing of them is sent again.
const PIECE_BYTES: usize = 256 << 10;

/// What there is to see of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// At this address, until it is let go.
    Here(String),
    /// Neither here nor with the endpoint, as far as it can be reached.
    NotYet,
    /// There is one, for others to see.
    NotYours,
}

impl Roster {
    /// Takes a picture into a form: scaled down, and durable as the draft is when this is done.
    ///
    /// # Errors
    /// [`PictureError`]; the form is as it was.
    pub async fn take_picture(self, file: File) -> Result<BlobHash, PictureError> {
        let bytes = pictures::scaled(&file).await?;
        let hash = BlobHash::of(&bytes);
        self.inner().browser.journal().hold_picture(hash, &bytes).await?;
        Ok(hash)
    }

    /// A picture to look at: from this tablet, or from the endpoint, and kept from then on. `audience` is whose it is
    /// where a record names it.
    pub async fn picture(self, hash: BlobHash, audience: Option<Audience>) -> Seen {
        let inner = self.inner();
        let (session, journal) = (inner.session.get(), inner.browser.journal());
        if self.status.with_untracked(|status| status.lease_over) {
            return Seen::NotYet;
        }
        let here = journal.picture(hash).await.ok().flatten();
        let is_others = || audience.as_ref().is_some_and(|audience| !self.reads(audience));
        let bytes = match here {
            Some(bytes) => Some(bytes),
            None if is_others() => return Seen::NotYours,
            None => {
                let fetched = inner.browser.http().picture(hash).await.ok().flatten();
                let fetched = fetched.filter(|bytes| BlobHash::of(bytes) == hash);
                if let Some(bytes) = &fetched
                    && inner.session.get() == session
                {
                    // One that finds no room is fetched again the next time.
                    drop(journal.keep_picture(hash, audience.as_ref(), bytes).await);
                }
                fetched
            }
        };
        // Somebody may have locked meanwhile.
        let bytes = bytes.filter(|_| inner.session.get() == session);
        bytes.and_then(|bytes| pictures::address(&bytes)).map_or(Seen::NotYet, Seen::Here)
    }

    /// The picture at this address is shown no longer.
    pub fn let_picture_go(self, address: &str) {
        pictures::let_go(address);
    }

    /// Sends what the endpoint does not have, until there is something else to send. Whether there is.
    pub(super) async fn send_pictures(self) -> Result<bool, TurnError> {
        let inner = self.inner();
        let journal = inner.browser.journal();
        let has_records = || self.status.with_untracked(|status| status.unsent > 0);
        // Only who can open them can offer them again.
        let offered = if self.me_now().is_some() { journal.pictures_to_offer().await? } else { Vec::new() };
        for hash in offered {
            match inner.browser.http().picture_kept(hash).await {
                Ok(kept) if kept.complete => journal.picture_sent(hash).await?,
                Ok(_) => journal.send_again(hash).await?,
                Err(trouble) => return Err(trouble.into()),
            }
        }
        for hash in journal.unsent_pictures().await? {
            if inner.pictures_refused.borrow().contains(&hash) {
                continue;
            }
            match self.send_picture(hash, &has_records).await {
                Ok(true) => {}
                Ok(false) => return Ok(true),
                Err(Unsent::Erased) => journal.forget_picture(hash).await?,
                Err(Unsent::Refused(why)) => {
                    trace::warn(&format!("a picture was not taken: {why}"));
                    inner.pictures_refused.borrow_mut().insert(hash);
                }
                Err(Unsent::Later(error)) => return Err(error),
            }
            self.count_unsent().await;
            inner.browser.tabs().tell_written();
        }
        Ok(false)
    }

    /// All that a revoked tablet has of pictures; how many the endpoint took, and how many it did not.
    pub(super) async fn hand_in_pictures(self, unsent: &[BlobHash]) -> Result<(usize, usize), TurnError> {
        let (mut taken, mut lost) = (0, 0);
        for hash in unsent {
            match self.send_whole(*hash).await {
                Ok(()) => taken += 1,
                Err(Unsent::Erased | Unsent::Refused(_)) => lost += 1,
                Err(Unsent::Later(error)) => return Err(error),
            }
        }
        Ok((taken, lost))
    }

    async fn send_whole(self, hash: BlobHash) -> Result<(), Unsent> {
        self.send_pieces(hash, &|| false).await.map(drop)
    }

    /// Whether all of it is there; `false` when something else has to go first.
    async fn send_picture(self, hash: BlobHash, gives_way: &impl Fn() -> bool) -> Result<bool, Unsent> {
        let is_whole = self.send_pieces(hash, gives_way).await?;
        if is_whole {
            self.inner().browser.journal().picture_sent(hash).await?;
        }
        Ok(is_whole)
    }

    async fn send_pieces(self, hash: BlobHash, gives_way: &impl Fn() -> bool) -> Result<bool, Unsent> {
        let inner = self.inner();
        let http = inner.browser.http();
        let Some(sealed) = inner.browser.journal().picture_to_send(hash).await? else { return Ok(true) };
        let mut kept = http.picture_kept(hash).await.map_err(|trouble| match trouble {
            // An endpoint of before there were pictures: another one will take them.
            Trouble::NotUnderstood { detail } => Unsent::Refused(detail),
            trouble => Unsent::Later(trouble.into()),
        })?;
        while !kept.complete {
            if gives_way() {
                return Ok(false);
            }
            let offset = usize::try_from(kept.offset).unwrap_or(usize::MAX).min(sealed.len());
            // More than all of it would be another sealing: from its start.
            let offset = if offset == sealed.len() { 0 } else { offset };
            let piece = &sealed[offset..sealed.len().min(offset + PIECE_BYTES)];
            kept = match http.send_piece(hash, offset, sealed.len(), piece).await {
                Ok(kept) => kept,
                Err(PieceTrouble::Erased) => return Err(Unsent::Erased),
                Err(PieceTrouble::Refused { why }) => return Err(Unsent::Refused(why)),
                Err(PieceTrouble::Endpoint(trouble)) => return Err(Unsent::Later(trouble.into())),
            };
        }
        Ok(true)
    }
}

/// Why a picture is not with the endpoint.
enum Unsent {
    /// Whom it shows was erased.
    Erased,
    /// It would be refused again.
    Refused(String),
    Later(TurnError),
}

impl From<AppendError> for Unsent {
    fn from(error: AppendError) -> Self {
        Self::Later(error.into())
    }
}
