//! What a revoked tablet handed in before it wiped itself: kept apart, sealed, until the administrator decides.
//!
//! Whoever has a lost tablet may have written on it, so nothing of this comes into force by itself. Taking in goes the
//! way of every push: opened with the recovery key, checked with core's rules, merged, numbered.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use sha2::{Digest, Sha256};
use yingke_core::{
    change::Ranked,
    id::{ChangeId, DeviceNumber, StaffId},
    time::Millis,
    wire::v1::{
        PUSH_CHANGES_MAX, Refusal, SealedChange, Verdict, Withheld, WriteFault, base64_bytes, base64_text, hex_text,
    },
};

use crate::{
    blobs,
    exchange::{self, CHANGE_BYTES_MAX},
    house::House,
    keys::Secrets,
    ledger::{Batch, Database, LedgerError},
    register::DeviceRow,
    sealed::Opener,
};

/// Changes that one tablet may hand in: weeks of work without any network.
pub const HANDED_CHANGES_MAX: usize = 20_000;
/// Bytes of them. A revoked tablet's credential must not fill the disk.
pub const HANDED_BYTES_MAX: usize = 64 << 20;
/// What AES-GCM adds to a change.
const TAG_BYTES: usize = 16;

/// A change as its tablet sealed it to the organisation, well formed and not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    pub id: ChangeId,
    pub author: StaffId,
    /// An uncompressed point of P-256.
    pub sender: [u8; 65],
    pub nonce: [u8; 12],
    /// With the tag; empty once it was decided.
    pub sealed: Vec<u8>,
}

impl TryFrom<SealedChange> for Handed {
    /// What about it is wrong.
    type Error = &'static str;

    fn try_from(change: SealedChange) -> Result<Self, &'static str> {
        let bytes = |text: &str, what| base64_bytes(text).ok_or(what);
        let sealed = bytes(&change.sealed, "sealed")?;
        if !(TAG_BYTES..=CHANGE_BYTES_MAX + TAG_BYTES).contains(&sealed.len()) {
            return Err("the length of what is sealed");
        }
        Ok(Self {
            id: change.id,
            author: change.author,
            sender: bytes(&change.sender, "sender")?.try_into().map_err(|_| "sender")?,
            nonce: bytes(&change.nonce, "nonce")?.try_into().map_err(|_| "nonce")?,
            sealed,
        })
    }
}

impl Handed {
    /// Tells the same change from another under its id.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let hasher = Sha256::new_with_prefix(b"yingke handed in 1").chain_update(self.author.bytes());
        hasher.chain_update(self.sender).chain_update(self.nonce).chain_update(&self.sealed).finalize().into()
    }

    fn on_the_wire(&self) -> SealedChange {
        SealedChange {
            id: self.id,
            author: self.author,
            sender: base64_text(&self.sender),
            nonce: base64_text(&self.nonce),
            sealed: base64_text(&self.sealed),
        }
    }
}

/// What is kept of a message, and the receipt for all that this tablet has handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub ids: Vec<ChangeId>,
    pub receipt: String,
}

/// A change that was handed in.
#[derive(Debug, Clone)]
pub struct HandedRow {
    pub device: DeviceNumber,
    pub change: Handed,
    pub handed_at: Millis,
    /// Taken in or discarded.
    pub decided: bool,
}

/// Which changes a tablet has handed in, in eight letters: `7F3A-91C2`. Ids come in their order.
#[must_use]
pub fn receipt(device: DeviceNumber, ids: impl Iterator<Item = ChangeId>) -> String {
    let hasher = Sha256::new_with_prefix(b"yingke receipt 1").chain_update(device.0.to_be_bytes());
    let hash = ids.fold(hasher, |hasher, id| hasher.chain_update(id.bytes())).finalize();
    let text = hex_text(&hash[..4]).to_uppercase();
    format!("{}-{}", &text[..4], &text[4..])
}

/// One tablet's changes that wait for the administrator, opened, in the order of their making.
struct Waiting {
    changes: Vec<Ranked>,
    /// What does not open, and why.
    closed: Vec<(ChangeId, String)>,
}

impl Waiting {
    fn of(rows: &[HandedRow], house: &House, secrets: &Secrets) -> Self {
        let mut opener = Opener::new(&secrets.recovery);
        let (mut changes, mut closed) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| !row.decided) {
            match opener.open(house.organisation, &row.change.on_the_wire()) {
                Ok(ranked) => changes.push(ranked),
                Err(error) => closed.push((row.change.id, error.to_string())),
            }
        }
        changes.sort_by_key(|ranked| ranked.stamp);
        Self { changes, closed }
    }
}

/// Who made how many changes, and what they are about: `林悦: 3 (person 2, visit 1)`.
fn told_by_author(house: &House, changes: &[Ranked]) -> String {
    let mut by_author: BTreeMap<StaffId, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
    for ranked in changes {
        let (count, kinds) = by_author.entry(ranked.change.header.author).or_default();
        *count += 1;
        let about: BTreeSet<&str> = ranked.change.edits().map(|edit| edit.kind.as_str()).collect();
        about.into_iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
    }
    let mut told = String::new();
    for (author, (count, kinds)) in by_author {
        let name = house.staff.get(&author).map_or_else(|| author.to_string(), |staff| staff.name.clone());
        let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let _ = writeln!(told, "  {name}: {count} ({})", kinds.join(", "));
    }
    told
}

/// What every revoked tablet handed in, and what still waits of it, for people to read.
///
/// # Errors
/// [`LedgerError`]
pub async fn list(ledger: &dyn Database, house: &House) -> Result<String, LedgerError> {
    let (rows, secrets) = (ledger.handed_in(house.organisation).await?, ledger.secrets(house.organisation).await?);
    let mut told = String::new();
    for device in ledger.devices(house.organisation).await?.iter().filter(|device| device.revoked_at.is_some()) {
        let of_it = rows_of(&rows, device.number);
        let waiting = Waiting::of(&of_it, house, &secrets);
        let _ = writeln!(told, "{} {}: {}", device.number.0, device.name, in_short(device, &of_it));
        told += &told_by_author(house, &waiting.changes);
        told += &told_of_pictures(ledger.unopened(house.organisation, device.number).await?.len());
        for (id, why) in &waiting.closed {
            let _ = writeln!(told, "  {id} does not open: {why}");
        }
    }
    Ok(if told.is_empty() { "No tablet was revoked.\n".into() } else { told })
}

fn told_of_pictures(count: usize) -> String {
    if count == 0 { String::new() } else { format!("  {count} pictures\n") }
}

fn and_pictures(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} pictures") }
}

fn rows_of(rows: &[HandedRow], device: DeviceNumber) -> Vec<HandedRow> {
    rows.iter().filter(|row| row.device == device).cloned().collect()
}

/// `3 handed in, receipt 7F3A-91C2, 3 wait, and it has wiped itself`.
fn in_short(device: &DeviceRow, rows: &[HandedRow]) -> String {
    let handed = if rows.is_empty() {
        "nothing handed in".into()
    } else {
        let waiting = rows.iter().filter(|row| !row.decided).count();
        let receipt = receipt(device.number, rows.iter().map(|row| row.change.id));
        format!("{} handed in, receipt {receipt}, {waiting} wait", rows.len())
    };
    let end = if device.wiped_at.is_some() { "and it has wiped itself" } else { "and it is not wiped yet" };
    format!("{handed}, {end}")
}

/// What becomes of a tablet's changes that wait: says so, and with `write` does it. Those that are refused go on waiting.
///
/// # Errors
/// [`LedgerError`]; what was taken in before it stays so, and the same again goes on from there.
pub async fn take_in(
    ledger: &dyn Database,
    house: &House,
    device: DeviceNumber,
    write: bool,
    now: Millis,
) -> Result<String, LedgerError> {
    let rows = rows_of(&ledger.handed_in(house.organisation).await?, device);
    let Waiting { changes, closed } = Waiting::of(&rows, house, &ledger.secrets(house.organisation).await?);
    let mut refused: Vec<(ChangeId, String)> = closed;
    let mut told = String::new();
    if write {
        let mut taken = 0;
        for part in changes.chunks(PUSH_CHANGES_MAX) {
            let candidates = part.iter().map(|ranked| exchange::candidate(house, ranked, now)).collect();
            let batch = Batch { pushed: None, candidates, now };
            let mut decided = Vec::new();
            for verdict in ledger.append(house.organisation, batch).await? {
                match verdict {
                    Verdict::Accepted { id, number, .. } => decided.push((id, Some(number))),
                    Verdict::Refused { id, reason } => refused.push((id, why(&reason))),
                    Verdict::Later { id, detail } => refused.push((id, detail)),
                }
            }
            // Were it to end here, the same again finds them in the ledger.
            ledger.decide_handed_in(house.organisation, device, &decided, now).await?;
            taken += decided.len();
        }
        let (pictures, faults) = blobs::take_in(ledger, house.organisation, device, now).await?;
        let _ = writeln!(told, "{taken} changes{} of device {} are taken in.", and_pictures(pictures), device.0);
        for fault in faults {
            let _ = writeln!(told, "{fault}");
        }
    } else {
        let mut good = Vec::new();
        for ranked in changes {
            match exchange::check(house, &ranked, now) {
                Ok(()) => good.push(ranked),
                Err(reason) => refused.push((ranked.change.id(), why(&reason))),
            }
        }
        let _ = writeln!(told, "{} changes of device {} would be taken in:", good.len(), device.0);
        told += &told_by_author(house, &good);
        told += &told_of_pictures(ledger.unopened(house.organisation, device).await?.len());
        told += "Whether their authors could take the steps in them is asked when they are taken in.\n";
    }
    for (id, why) in &refused {
        let _ = writeln!(told, "{id} is refused and goes on waiting: {why}");
    }
    if !write {
        told += "Nothing was taken in yet: say --write.\n";
    }
    Ok(told)
}

/// Gives up what a tablet handed in and that still waits: says so, and with `write` does it.
///
/// # Errors
/// [`LedgerError`]; nothing was given up.
pub async fn discard(
    ledger: &dyn Database,
    house: &House,
    device: DeviceNumber,
    write: bool,
    now: Millis,
) -> Result<String, LedgerError> {
    let rows = rows_of(&ledger.handed_in(house.organisation).await?, device);
    let waiting: Vec<_> = rows.iter().filter(|row| !row.decided).map(|row| (row.change.id, None)).collect();
    let pictures = ledger.unopened(house.organisation, device).await?;
    if !write {
        return Ok(format!(
            "{} changes{} of device {} would be given up for good.\nNothing was given up yet: say --write.\n",
            waiting.len(),
            and_pictures(pictures.len()),
            device.0
        ));
    }
    ledger.decide_handed_in(house.organisation, device, &waiting, now).await?;
    for hash in &pictures {
        ledger.drop_upload(house.organisation, device, *hash).await?;
    }
    Ok(format!("{} changes{} of device {} are given up.\n", waiting.len(), and_pictures(pictures.len()), device.0))
}

/// Why the ledger does not take a change, for whoever sits at the command line.
pub(crate) fn why(refusal: &Refusal) -> String {
    match refusal {
        Refusal::WrongOrganisation => "it belongs to another organisation".into(),
        Refusal::UnknownAuthor => "its author does not work here any more".into(),
        Refusal::NotAllowed { what: None, .. } => "its author may not write there".into(),
        Refusal::NotAllowed { what: Some(Withheld { record, kind, field, why }), .. } => match why {
            WriteFault::NotYours => format!("{field} of {kind} {record} is not its author's to write"),
            WriteFault::Signed => format!("{kind} {record} was signed, and {field} stays as it is"),
        },
        Refusal::Invalid { record, field, detail } => format!("{field} of {record}: {detail}"),
        Refusal::Malformed { detail } => detail.clone(),
        Refusal::Different => "another change is here under its id".into(),
        Refusal::Erased => "whom it is about was erased".into(),
        Refusal::Step { record, kind, to, .. } => {
            format!("{kind} {record} cannot come to {to} from what its author saw")
        }
    }
}

#[cfg(test)]
mod tests {
    use yingke_core::fixture;

    use super::*;

    fn sealed() -> SealedChange {
        SealedChange {
            id: ChangeId::from_bytes(fixture::id_bytes(1)),
            author: fixture::staff(1),
            sender: base64_text(&[4; 65]),
            nonce: base64_text(&[5; 12]),
            sealed: base64_text(&[6; 20]),
        }
    }

    #[test]
    fn what_is_well_formed_is_taken_apart_and_put_together_again() {
        let handed = Handed::try_from(sealed()).unwrap();
        assert_eq!(handed.on_the_wire(), sealed());
        let other = Handed { author: fixture::staff(2), ..handed.clone() };
        assert_ne!(other.hash(), handed.hash());
    }

    #[test]
    fn what_is_not_says_what_is_wrong() {
        let check = |alter: fn(&mut SealedChange), wrong| {
            let mut sealed = sealed();
            alter(&mut sealed);
            assert_eq!(Handed::try_from(sealed), Err(wrong));
        };
        check(|sealed| sealed.sender = "*".into(), "sender");
        check(|sealed| sealed.sender = base64_text(&[4; 64]), "sender");
        check(|sealed| sealed.nonce = base64_text(&[5; 13]), "nonce");
        check(|sealed| sealed.sealed = "*".into(), "sealed");
        check(|sealed| sealed.sealed = base64_text(&[6; 15]), "the length of what is sealed");
        check(|sealed| sealed.sealed = base64_text(&vec![6; (64 << 10) + 17]), "the length of what is sealed");
    }

    #[test]
    fn a_receipt_tells_device_and_changes() {
        let ids = |count: u8| (1..=count).map(|number| ChangeId::from_bytes(fixture::id_bytes(number)));
        let two = receipt(DeviceNumber(7), ids(2));
        expect_test::expect!["146D-3223"].assert_eq(&two);
        assert_ne!(two, receipt(DeviceNumber(8), ids(2)));
        assert_ne!(two, receipt(DeviceNumber(7), ids(3)));
    }
}
