//! The one decision: take changes in, give back what is new. Has never heard of HTTP.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use yingke_core::{
    audience::Audience,
    audit,
    change::Ranked,
    codec,
    id::{ChangeId, OrganisationId},
    pack::VenueKind,
    probe, schema,
    stamp::Stamp,
    time::Millis,
    wire::v1::{
        Answer, Cut, Numbered, NumbersWanted, PAGE_CHANGES_MAX, PUSH_CHANGES_MAX, Page, Refusal, SealedChange, Staff,
        StreamMark, VERSION, Verdict, WireChange, hex_text,
    },
};

use crate::{
    house::House,
    keys::Secrets,
    ledger::{Author, Batch, Candidate, Ledger, LedgerError, Pushed},
    numbers,
    register::Device,
    sealed,
};

/// Bytes of one change in codec 1: a note of 2,000 characters and every field of the longest form take 12 kB.
pub const CHANGE_BYTES_MAX: usize = 64 << 10;

/// A push, its changes still unread, so that one that cannot be read fails alone.
#[derive(Deserialize)]
pub struct Push {
    #[serde(default)]
    pub epoch: Option<String>,
    pub push_counter: u64,
    #[serde(default)]
    changes: Vec<Box<RawValue>>,
    #[serde(default)]
    sealed: Vec<Box<RawValue>>,
    /// Audiences of a kind that this version does not know are passed over.
    #[serde(default)]
    since: BTreeMap<String, StreamMark>,
    #[serde(default)]
    at: Option<Cut>,
    #[serde(default)]
    corrected: Option<Stamp>,
    #[serde(default)]
    numbers: Option<NumbersWanted>,
    #[serde(default)]
    pub unsent: Option<u32>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Push({} changes, {} sealed)", self.changes.len(), self.sealed.len())
    }
}

/// Why a push gets no answer. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// One of its changes does not even say which one it is, so no verdict can be given.
    #[error("a change without an id that can be read")]
    Nameless,
    #[error("more than {PUSH_CHANGES_MAX} changes in one push")]
    TooMany,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Who pushes: a tablet, and whoever is unlocked on it.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub device: &'a Device,
    pub person: Option<yingke_core::id::StaffId>,
}

/// What an answer says besides verdicts and news.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    pub directory: String,
    pub known_phones: String,
}

/// Takes a push in and answers it.
///
/// # Errors
/// [`PushError`]; nothing was kept.
pub async fn run(
    ledger: &dyn Ledger,
    house: &House,
    secrets: &Secrets,
    caller: Caller<'_>,
    push: Push,
    versions: Versions,
    now: Millis,
) -> Result<Answer, PushError> {
    let organisation = house.organisation;
    let mut epoch = ledger.epoch(organisation).await?;
    let verdicts = take_in(ledger, house, secrets, caller.device, &push, now).await?;
    let person = caller.person.and_then(|person| house.active(person));
    let page = match person {
        Some(person) => {
            let written = ledger.heads(organisation).await?;
            let held = house.held(person, written.keys());
            // Numbers of another epoch mean nothing here.
            let same_epoch = push.epoch.as_ref().is_none_or(|theirs| *theirs == epoch);
            match push.at.filter(|_| same_epoch) {
                Some(at) => Some(page_from(ledger, house, &held, &written, at).await?),
                None => {
                    let mut since: BTreeMap<Audience, StreamMark> =
                        held.into_iter().map(|audience| (audience, StreamMark::default())).collect();
                    if probe::decide("exchange: cursors of this epoch", same_epoch) {
                        for (audience, mark) in &mut since {
                            *mark = push.since.get(&audience.to_string()).copied().unwrap_or_default();
                        }
                        if let Some(audience) = read_elsewhere(ledger, organisation, &since, &written).await? {
                            tracing::error!(
                                device = caller.device.number.0,
                                "device {} has read what was never written here: this ledger is an older copy",
                                caller.device.number.0
                            );
                            let next = next_epoch(&epoch, &audience, since[&audience], now);
                            let begun = ledger.begin_epoch(organisation, &epoch, &next, now).await?;
                            if begun != epoch {
                                epoch = begun;
                                since.values_mut().for_each(|mark| *mark = StreamMark::default());
                            }
                        }
                    }
                    Some(page(ledger, house, &since).await?)
                }
            }
        }
        None => None,
    };
    let numbers = match &push.numbers {
        Some(wanted) => numbers::top_up(ledger, house, caller.device, wanted, now).await?,
        None => None,
    };
    Ok(Answer {
        version: VERSION,
        epoch,
        server_time: now,
        verdicts,
        page,
        directory: versions.directory,
        known_phones: versions.known_phones,
        numbers,
    })
}

/// What is new for a device that says in short where it stands; an empty page if that is not where these audiences stood
/// then, or if there is more than one page of it.
async fn page_from(
    ledger: &dyn Ledger,
    house: &House,
    held: &BTreeSet<Audience>,
    heads: &BTreeMap<Audience, StreamMark>,
    at: Cut,
) -> Result<Page, LedgerError> {
    let mut since = BTreeMap::new();
    for audience in held {
        let head = heads.get(audience).copied().unwrap_or_default();
        since.insert(audience.clone(), mark_then(ledger, house.organisation, audience, head, at.number).await?);
    }
    if Cut::of(&since).sum == at.sum {
        let page = page(ledger, house, &since).await?;
        if page.at.is_some() {
            return Ok(Page { streams: BTreeMap::new(), ..page });
        }
    }
    Ok(Page { more: true, ..Page::default() })
}

/// Where a stream that stands at `head` stood when the ledger was at a number.
async fn mark_then(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    audience: &Audience,
    head: StreamMark,
    number: u64,
) -> Result<StreamMark, LedgerError> {
    // Most have read all there is, and their number may be that of a later change in another stream.
    if number >= head.number { Ok(head) } else { ledger.mark_at(organisation, audience, number).await }
}

/// A stream of which the device has read something else than was written here, though the epoch is the same: the
/// database was put back to an older copy behind our back, and the numbers since were given anew.
async fn read_elsewhere(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    since: &BTreeMap<Audience, StreamMark>,
    heads: &BTreeMap<Audience, StreamMark>,
) -> Result<Option<Audience>, LedgerError> {
    for (audience, theirs) in since.iter().filter(|(_, mark)| mark.count > 0) {
        let head = heads.get(audience).copied().unwrap_or_default();
        let ours = mark_then(ledger, organisation, audience, head, theirs.number).await?;
        if (ours.count, ours.digest) != (theirs.count, theirs.digest) {
            return Ok(Some(audience.clone()));
        }
    }
    Ok(None)
}

/// The name of an epoch that begins because of what a device has read: no other begins like this.
fn next_epoch(epoch: &str, audience: &Audience, mark: StreamMark, now: Millis) -> String {
    let told = format!("{epoch} {audience} {} {} {} {}", mark.number, mark.count, mark.digest, now.0);
    hex_text(&Sha256::digest(told)[..8])
}

/// Reads, checks and keeps what was pushed, in the order in which it was made: open changes and sealed ones come apart
/// from each other. One verdict for each, in the order of the push.
async fn take_in(
    ledger: &dyn Ledger,
    house: &House,
    secrets: &Secrets,
    device: &Device,
    push: &Push,
    now: Millis,
) -> Result<Vec<Verdict>, PushError> {
    if push.changes.len() + push.sealed.len() > PUSH_CHANGES_MAX {
        return Err(PushError::TooMany);
    }
    let open = push.changes.iter().map(|raw| read_open(raw));
    let mut opener = sealed::Opener::new(&secrets.recovery);
    let sealed = push.sealed.iter().map(|raw| read_sealed(raw, house, &mut opener));
    let read: Vec<Read> = open.chain(sealed).collect::<Result<_, _>>()?;
    if read.is_empty() {
        ledger.check_counter(house.organisation, device.number, push.push_counter).await?;
        return Ok(Vec::new());
    }
    let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut changes = Vec::with_capacity(read.len());
    for (place, change) in read.into_iter().enumerate() {
        match change {
            Ok(ranked) => changes.push((place, ranked)),
            Err((id, detail)) => {
                verdicts.insert(place, Verdict::Refused { id, reason: Refusal::Malformed { detail } });
            }
        }
    }
    if probe::step("exchange: in the order of their making") {
        changes.sort_by_key(|(_, ranked)| ranked.stamp);
    }
    let candidates = changes.iter().map(|(_, ranked)| candidate(house, ranked, now)).collect();
    let pushed = Pushed { device: device.number, counter: push.push_counter, corrected: push.corrected };
    let batch = Batch { pushed: Some(pushed), candidates, now };
    let kept = ledger.append(house.organisation, batch).await?;
    verdicts.extend(changes.iter().map(|(place, _)| *place).zip(kept));
    Ok(verdicts.into_values().collect())
}

/// What somebody offers, with what is wrong with it already and by whom its steps and fields have to be such as could be
/// written: one way for what is pushed and for what a revoked tablet handed in.
#[must_use]
pub fn candidate(house: &House, ranked: &Ranked, now: Millis) -> Candidate {
    let authors = house.as_whom(ranked.change.header.author, ranked.stamp.millis(), now);
    let refusal = check_by(&authors, house, ranked).err();
    Candidate::new(ranked.clone(), refusal).by(author_of(&authors, house))
}

/// A change that was read, or the id of one that could not be, and why.
type ReadChange = Result<Ranked, (ChangeId, String)>;
type Read = ReadChange;

fn read_open(raw: &RawValue) -> Result<Read, PushError> {
    let read = serde_json::from_str::<WireChange>(raw.get())
        .map_err(|error| error.to_string())
        .and_then(|change| Ranked::try_from(change).map_err(|error| error.to_string()));
    match read {
        Ok(ranked) => Ok(Ok(ranked)),
        Err(detail) => Ok(Err((id_of(raw)?, detail))),
    }
}

fn read_sealed(raw: &RawValue, house: &House, opener: &mut sealed::Opener<'_>) -> Result<Read, PushError> {
    let read = serde_json::from_str::<SealedChange>(raw.get())
        .map_err(|error| error.to_string())
        .and_then(|change| opener.open(house.organisation, &change).map_err(|error| error.to_string()));
    match read {
        Ok(ranked) => Ok(Ok(ranked)),
        Err(detail) => Ok(Err((id_of(raw)?, detail))),
    }
}

fn id_of(raw: &RawValue) -> Result<ChangeId, PushError> {
    #[derive(Deserialize)]
    struct Named {
        id: ChangeId,
    }
    serde_json::from_str::<Named>(raw.get()).map(|named| named.id).map_err(|_| PushError::Nameless)
}

/// Whether a change may be taken, by what its author is or was when it was made.
///
/// # Errors
/// Says why not, in a form that the tablet can say in its user's language.
pub fn check(house: &House, ranked: &Ranked, now: Millis) -> Result<(), Refusal> {
    check_by(&house.as_whom(ranked.change.header.author, ranked.stamp.millis(), now), house, ranked)
}

fn check_by(authors: &[Cow<'_, Staff>], house: &House, ranked: &Ranked) -> Result<(), Refusal> {
    let change = &ranked.change;
    if change.header.organisation != house.organisation {
        return Err(Refusal::WrongOrganisation);
    }
    let malformed = |detail: &str| Refusal::Malformed { detail: detail.into() };
    if !change.is_whole() {
        return Err(malformed("a part of a change: only its author's device has the whole"));
    }
    if change.slots().is_empty() {
        return Err(malformed("a change of nothing"));
    }
    if codec::changes_bytes([ranked].into_iter()).len() > CHANGE_BYTES_MAX {
        return Err(malformed("larger than any form"));
    }
    let closed_to = |author: &Cow<'_, Staff>| {
        let mut audiences = change.edits().map(|edit| &edit.audience);
        audiences
            .find(|audience| probe::decide("exchange: not allowed to write there", !house.may_write(author, audience)))
    };
    let [is, was @ ..] = authors else { return Err(Refusal::UnknownAuthor) };
    if let Some(audience) = closed_to(is)
        && was.iter().all(|was| closed_to(was).is_some())
    {
        return Err(Refusal::NotAllowed { audience: audience.to_string(), what: None });
    }
    schema::check_change(change).and_then(|()| audit::check(change)).map_err(|fault| Refusal::Invalid {
        record: fault.record,
        field: fault.field.to_string(),
        detail: fault.code.to_string(),
    })
}

/// Who made a change, as far as its steps go: whether they could be taken is seen where the records are, in the ledger.
fn author_of(authors: &[Cow<'_, Staff>], house: &House) -> Option<Author> {
    let post =
        |author: &Cow<'_, Staff>| Some((author.role, VenueKind::from_key(&house.venues.get(&author.venue)?.pack)));
    let posts: Vec<_> = authors.iter().filter_map(post).collect();
    (!posts.is_empty()).then(|| Author { posts, packs: house.packs.clone() })
}

/// What is new for somebody who holds some audiences: each change cut to what they may see.
#[derive(Debug, Default)]
pub struct News {
    pub changes: Vec<(u64, Ranked)>,
    pub streams: BTreeMap<Audience, StreamMark>,
    pub more: bool,
}

/// The next changes after the given numbers, whose audiences are those that the reader holds.
///
/// # Errors
/// [`LedgerError`]
pub async fn news(
    ledger: &dyn Ledger,
    house: &House,
    since: &BTreeMap<Audience, u64>,
    changes_max: usize,
) -> Result<News, LedgerError> {
    let found = ledger.page(house.organisation, since, changes_max).await?;
    let seen = |(number, ranked): (u64, Ranked)| {
        let change = ranked
            .change
            .part_for(|audience| probe::decide("exchange: a reader may see it", since.contains_key(audience)))?;
        Some((number, Ranked { change, ..ranked }))
    };
    Ok(News { changes: found.changes.into_iter().filter_map(seen).collect(), streams: found.streams, more: found.more })
}

async fn page(ledger: &dyn Ledger, house: &House, since: &BTreeMap<Audience, StreamMark>) -> Result<Page, LedgerError> {
    let numbers = since.iter().map(|(audience, mark)| (audience.clone(), mark.number)).collect();
    let News { changes, streams, more } = news(ledger, house, &numbers, PAGE_CHANGES_MAX).await?;
    let numbered = |(number, ranked): &(u64, Ranked)| Numbered { number: *number, change: WireChange::from(ranked) };
    let at = (!more).then(|| Cut::of(&streams));
    Ok(Page { changes: changes.iter().map(numbered).collect(), streams, more, at })
}
