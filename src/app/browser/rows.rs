//! What lies in IndexedDB, byte by byte: version 1 of rows. A promise to every later version of the app.
//!
//! Numbers are big-endian. What someone must be able to read from a locked tablet is in clear: whose change it is,
//! how old, and whether the endpoint has it. The rest is sealed, one part per audience, so that each person's unlock
//! opens what that person may see and nothing more.
//!
//! ```text
//! own row     version 1 · kind 1 · state 1 (0 tail, 1 accepted) · stamp 8 · rank device 4 · ledger number 8
//!             (in the tail 0, or the rank that an endpoint gave it which was restored since)
//!             · change id 16 · author 16 · device 4 · made at 8 · count 1 · parts
//!             · 1 and a recovery seal, or 0
//! page row    version 1 · kind 2 · row id 16 · count 2 · parts      what was pulled, together
//! block       version 1 · kind 3 · row id 16 · one part             records, codec::pack (before: block_bytes)
//! tray row    version 1 · kind 4 · refused at 8 · length 4 · reason as JSON · an own row
//! draft       version 1 · kind 5 · nonce 12 · the rest sealed
//! part        key 1 (0 the audience's, 1 the author's) · length 1 · audience · nonce 12 · length 4 · sealed
//! recovery    sender's point 65 · nonce 12 · length 4 · sealed
//! ```
//!
//! A part under the author's key is an edit for an audience that the author may write into and not read (a lead
//! handed to the desk); it is there to be sent, and not shown once the endpoint has it.

use std::fmt;

use yingke_core::{
    audience::Audience,
    id::{ChangeId, DeviceNumber, OrganisationId, StaffId},
    replica::Extent,
    stamp::Stamp,
    time::Millis,
    wire::v1::Refusal,
};

/// The version that this program writes, and the newest that it reads.
pub const VERSION: u8 = 1;
/// Bytes of a nonce of AES-GCM.
pub const NONCE_BYTES: usize = 12;
/// Bytes of an uncompressed point of P-256.
pub const POINT_BYTES: usize = 65;

/// Where the state stands in an own row: only it and the fields up to [`HEAD_END`] change once a row was written.
const STATE_AT: usize = 2;

/// The kinds of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Own = 1,
    Page = 2,
    Block = 3,
    Tray = 4,
    Draft = 5,
    /// Bound into a seal alone; the row has no head.
    Picture = 6,
}

/// Bytes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Written by a later version of the app: left alone.
    #[error("a row of version {found}; this version reads up to {VERSION}")]
    Later { found: u8 },
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

use RowError::Damaged;

/// Sealed bytes, with the nonce that they were sealed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub nonce: [u8; NONCE_BYTES],
    pub bytes: Vec<u8>,
}

/// Whose key opens a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOf {
    Audience,
    Author,
}

/// The edits for one audience, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub key: KeyOf,
    pub audience: Audience,
    pub sealed: Sealed,
}

/// A whole change, sealed to the organisation: only the endpoint opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverySeal {
    /// The sender's ephemeral public key.
    pub sender: [u8; POINT_BYTES],
    pub sealed: Sealed,
}

/// How far a change of this tablet has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not acknowledged; its provisional rank is inside.
    Tail,
    /// The endpoint was restored and may have lost it; this is the rank that it had.
    TailAgain { stamp: Stamp, device: DeviceNumber },
    /// The endpoint keeps it, under this rank.
    Accepted { stamp: Stamp, device: DeviceNumber, number: u64 },
}

/// A change that was made on this tablet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRow {
    pub state: State,
    pub id: ChangeId,
    pub author: StaffId,
    pub device: DeviceNumber,
    pub made_at: Millis,
    pub parts: Vec<Part>,
    /// Kept once the endpoint has the change, too: if that is restored, it is sent again whoever is unlocked.
    pub recovery: Option<RecoverySeal>,
}

impl OwnRow {
    /// Whether the endpoint has not acknowledged it.
    #[must_use]
    pub fn is_tail(&self) -> bool {
        match self.state {
            State::Tail | State::TailAgain { .. } => true,
            State::Accepted { .. } => false,
        }
    }
}

/// Accepted changes that were pulled together, one part per audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRow {
    pub id: [u8; 16],
    pub parts: Vec<Part>,
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Own(OwnRow),
    Page(PageRow),
}

/// Records of one audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    pub id: [u8; 16],
    pub part: Part,
}

/// What the key of a block says: `AUDIENCE#PLACE=RECORDS` for a part of the whole audience, with `+` for `=` where it
/// holds what changed since. Of two blocks with the same record the one in the later place stands, across audiences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockKey {
    pub audience: Audience,
    pub place: u64,
    pub extent: Extent,
    pub records: usize,
}

impl BlockKey {
    #[must_use]
    pub fn read(key: &str) -> Option<Self> {
        let (audience, rest) = key.split_once('#')?;
        let (place, extent, records) = if let Some((place, records)) = rest.split_once('=') {
            (place, Extent::Whole, records.parse().ok()?)
        } else if let Some((place, records)) = rest.split_once('+') {
            (place, Extent::Since, records.parse().ok()?)
        } else {
            (rest, Extent::Whole, FIRST_BLOCK_RECORDS) // as the first apps wrote them
        };
        Some(Self { audience: audience.parse().ok()?, place: place.parse().ok()?, extent, records })
    }
}

impl fmt::Display for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.extent {
            Extent::Whole => '=',
            Extent::Since | Extent::Latest => '+',
        };
        write!(f, "{}#{:010}{sign}{}", self.audience, self.place, self.records)
    }
}

/// Records in a block whose key does not say how many: the first apps put so many into one.
const FIRST_BLOCK_RECORDS: usize = 4_096;
/// Blocks of what changed since the whole was written, before they become one: a start costs by the number of values.
const SINCE_BLOCKS_MAX: usize = 16;
/// A checkpoint writes the whole audience again once this part of it has changed.
const WHOLE_AGAIN: usize = 4;

/// How much of an audience a checkpoint writes, so that each record is written again rarely and a start reads few
/// blocks. `blocks` are those of the audience on the disk; `unwritten` records are in none of them.
#[must_use]
pub fn extent<'a>(blocks: impl Iterator<Item = &'a BlockKey>, unwritten: usize) -> Extent {
    let (mut whole, mut since, mut since_blocks) = (0, unwritten, 0);
    for block in blocks {
        match block.extent {
            Extent::Whole => whole += block.records,
            Extent::Since | Extent::Latest => {
                since += block.records;
                since_blocks += 1;
            }
        }
    }
    if WHOLE_AGAIN * since > whole {
        Extent::Whole
    } else if since_blocks >= SINCE_BLOCKS_MAX {
        Extent::Since
    } else {
        Extent::Latest
    }
}

/// A change that the endpoint refused, waiting for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrayRow {
    pub refused_at: Millis,
    pub reason: Refusal,
    pub own: OwnRow,
}

/// What a sealed part is bound to: it opens in no other row, organisation or place.
#[must_use]
pub fn bound_to(organisation: OrganisationId, row: [u8; 16], kind: Kind, audience: &Audience) -> Vec<u8> {
    let mut bound = Vec::with_capacity(96);
    bound.extend_from_slice(&organisation.bytes());
    bound.extend_from_slice(&row);
    bound.extend_from_slice(&[VERSION, kind as u8]);
    bound.extend_from_slice(audience.to_string().as_bytes());
    bound
}

/// What a recovery seal is bound to. The endpoint reckons the same (`server/sealed.rs`).
#[must_use]
pub fn recovery_bound_to(organisation: OrganisationId, change: ChangeId, author: StaffId) -> Vec<u8> {
    [organisation.bytes(), change.bytes(), author.bytes()].concat()
}

/// What a draft is bound to.
#[must_use]
pub fn draft_bound_to(organisation: OrganisationId, author: StaffId, name: &str) -> Vec<u8> {
    let mut bound = [organisation.bytes(), author.bytes()].concat();
    bound.extend_from_slice(&[VERSION, Kind::Draft as u8]);
    bound.extend_from_slice(name.as_bytes());
    bound
}

// ---- Writing ------------------------------------------------------------------------------------------------

impl OwnRow {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, Kind::Own as u8];
        out.extend_from_slice(&state_bytes(self.state));
        out.extend_from_slice(&self.id.bytes());
        out.extend_from_slice(&self.author.bytes());
        out.extend_from_slice(&self.device.0.to_be_bytes());
        out.extend_from_slice(&self.made_at.0.to_be_bytes());
        out.push(u8::try_from(self.parts.len()).expect("a change has at most 64 edits, so no more audiences"));
        self.parts.iter().for_each(|part| write_part(&mut out, part));
        match &self.recovery {
            Some(recovery) => {
                out.push(1);
                out.extend_from_slice(&recovery.sender);
                write_sealed(&mut out, &recovery.sealed);
            }
            None => out.push(0),
        }
        out
    }
}

fn state_bytes(state: State) -> [u8; 21] {
    let (first, stamp, device, number) = match state {
        State::Tail => (0, Stamp::default(), DeviceNumber(0), 0),
        State::TailAgain { stamp, device } => (0, stamp, device, 0),
        State::Accepted { stamp, device, number } => (1, stamp, device, number),
    };
    let mut bytes = [0; 21];
    bytes[0] = first;
    bytes[1..9].copy_from_slice(&stamp.number().to_be_bytes());
    bytes[9..13].copy_from_slice(&device.0.to_be_bytes());
    bytes[13..].copy_from_slice(&number.to_be_bytes());
    bytes
}

impl PageRow {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, Kind::Page as u8];
        out.extend_from_slice(&self.id);
        let count = u16::try_from(self.parts.len()).expect("an organisation has fewer than 65,536 audiences");
        out.extend_from_slice(&count.to_be_bytes());
        self.parts.iter().for_each(|part| write_part(&mut out, part));
        out
    }
}

impl Row {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Own(row) => row.bytes(),
            Self::Page(row) => row.bytes(),
        }
    }
}

impl BlockRow {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, Kind::Block as u8];
        out.extend_from_slice(&self.id);
        write_part(&mut out, &self.part);
        out
    }
}

impl TrayRow {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, Kind::Tray as u8];
        out.extend_from_slice(&self.refused_at.0.to_be_bytes());
        write_long(&mut out, &serde_json::to_vec(&self.reason).expect("a reason is plain data"));
        out.extend_from_slice(&self.own.bytes());
        out
    }
}

/// A draft as it lies in the database.
#[must_use]
pub fn draft_bytes(sealed: &Sealed) -> Vec<u8> {
    let mut out = vec![VERSION, Kind::Draft as u8];
    out.extend_from_slice(&sealed.nonce);
    out.extend_from_slice(&sealed.bytes);
    out
}

fn write_part(out: &mut Vec<u8>, part: &Part) {
    out.push(match part.key {
        KeyOf::Audience => 0,
        KeyOf::Author => 1,
    });
    let audience = part.audience.to_string();
    out.push(u8::try_from(audience.len()).expect("an audience's text has at most 60 letters"));
    out.extend_from_slice(audience.as_bytes());
    write_sealed(out, &part.sealed);
}

fn write_sealed(out: &mut Vec<u8>, sealed: &Sealed) {
    out.extend_from_slice(&sealed.nonce);
    write_long(out, &sealed.bytes);
}

fn write_long(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a row stays far below 4 GB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

// ---- Reading ------------------------------------------------------------------------------------------------

impl Row {
    /// # Errors
    /// [`RowError`]; nothing is read in part.
    pub fn read(bytes: &[u8]) -> Result<Self, RowError> {
        let mut from = Reader { rest: bytes };
        match from.kind()? {
            kind if kind == Kind::Own as u8 => Ok(Self::Own(from.own()?)),
            kind if kind == Kind::Page as u8 => {
                let id = from.array()?;
                let count = u16::from_be_bytes(from.array()?);
                let parts = (0..count).map(|_| from.part()).collect::<Result<_, _>>()?;
                from.end()?;
                Ok(Self::Page(PageRow { id, parts }))
            }
            _ => Err(Damaged("the kind of a row")),
        }
    }
}

impl BlockRow {
    /// # Errors
    /// [`RowError`]; nothing is read in part.
    pub fn read(bytes: &[u8]) -> Result<Self, RowError> {
        let mut from = Reader { rest: bytes };
        from.kind_is(Kind::Block)?;
        let row = Self { id: from.array()?, part: from.part()? };
        from.end()?;
        Ok(row)
    }
}

impl TrayRow {
    /// # Errors
    /// [`RowError`]; nothing is read in part.
    pub fn read(bytes: &[u8]) -> Result<Self, RowError> {
        let mut from = Reader { rest: bytes };
        from.kind_is(Kind::Tray)?;
        let refused_at = Millis(i64::from_be_bytes(from.array()?));
        let reason = serde_json::from_slice(from.long()?).map_err(|_| Damaged("a reason"))?;
        from.kind_is(Kind::Own)?;
        Ok(Self { refused_at, reason, own: from.own()? })
    }
}

/// # Errors
/// [`RowError`]; nothing is read in part.
pub fn read_draft(bytes: &[u8]) -> Result<Sealed, RowError> {
    let mut from = Reader { rest: bytes };
    from.kind_is(Kind::Draft)?;
    Ok(Sealed { nonce: from.array()?, bytes: from.rest.to_vec() })
}

/// Whether these bytes are a change of this tablet that the endpoint has not acknowledged, read from the head alone.
#[must_use]
pub fn is_tail(bytes: &[u8]) -> bool {
    bytes.get(..=STATE_AT) == Some([VERSION, Kind::Own as u8, 0].as_slice())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RowError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damaged("the end is missing"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RowError> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were asked for"))
    }

    fn byte(&mut self) -> Result<u8, RowError> {
        Ok(self.array::<1>()?[0])
    }

    fn long(&mut self) -> Result<&'a [u8], RowError> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(length as usize)
    }

    fn end(&self) -> Result<(), RowError> {
        if self.rest.is_empty() { Ok(()) } else { Err(Damaged("more than a row")) }
    }

    fn kind(&mut self) -> Result<u8, RowError> {
        match self.byte()? {
            VERSION => self.byte(),
            0 => Err(Damaged("the version")),
            found => Err(RowError::Later { found }),
        }
    }

    fn kind_is(&mut self, kind: Kind) -> Result<(), RowError> {
        if self.kind()? == kind as u8 { Ok(()) } else { Err(Damaged("the kind of a row")) }
    }

    fn own(&mut self) -> Result<OwnRow, RowError> {
        let state = self.byte()?;
        let stamp = Stamp::from_number(u64::from_be_bytes(self.array()?));
        let device = DeviceNumber(u32::from_be_bytes(self.array()?));
        let number = u64::from_be_bytes(self.array()?);
        let state = match state {
            0 if stamp == Stamp::default() => State::Tail,
            0 => State::TailAgain { stamp, device },
            1 => State::Accepted { stamp, device, number },
            _ => return Err(Damaged("the state of a change")),
        };
        let id = ChangeId::from_bytes(self.array()?);
        let author = StaffId::from_bytes(self.array()?);
        let device = DeviceNumber(u32::from_be_bytes(self.array()?));
        let made_at = Millis(i64::from_be_bytes(self.array()?));
        let count = self.byte()?;
        let parts = (0..count).map(|_| self.part()).collect::<Result<_, _>>()?;
        let recovery = match self.byte()? {
            0 => None,
            1 => Some(RecoverySeal { sender: self.array()?, sealed: self.sealed()? }),
            _ => return Err(Damaged("a recovery seal")),
        };
        self.end()?;
        Ok(OwnRow { state, id, author, device, made_at, parts, recovery })
    }

    fn part(&mut self) -> Result<Part, RowError> {
        let key = match self.byte()? {
            0 => KeyOf::Audience,
            1 => KeyOf::Author,
            _ => return Err(Damaged("whose key it is")),
        };
        let length = self.byte()?;
        let text = std::str::from_utf8(self.take(length.into())?).map_err(|_| Damaged("an audience"))?;
        let audience = text.parse().map_err(|_| Damaged("an audience"))?;
        Ok(Part { key, audience, sealed: self.sealed()? })
    }

    fn sealed(&mut self) -> Result<Sealed, RowError> {
        Ok(Sealed { nonce: self.array()?, bytes: self.long()?.to_vec() })
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;
    use yingke_core::{fixture, wire::v1::hex_text};

    use super::*;

    fn own_row() -> OwnRow {
        let part = |key, audience, byte| {
            let sealed = Sealed { nonce: [byte; NONCE_BYTES], bytes: vec![byte; 3] };
            Part { key, audience, sealed }
        };
        OwnRow {
            state: State::Tail,
            id: ChangeId::from_bytes(fixture::id_bytes(3)),
            author: fixture::staff(1),
            device: DeviceNumber(7),
            made_at: fixture::NOW,
            parts: vec![
                part(KeyOf::Audience, Audience::Own(fixture::venue(), fixture::staff(1)), 0xaa),
                part(KeyOf::Author, Audience::Desk(fixture::venue()), 0xbb),
            ],
            recovery: Some(RecoverySeal {
                sender: [4; POINT_BYTES],
                sealed: Sealed { nonce: [0xcc; NONCE_BYTES], bytes: vec![1, 2, 3, 4] },
            }),
        }
    }

    fn accepted() -> OwnRow {
        let state = State::Accepted { stamp: Stamp::at(fixture::NOW), device: DeviceNumber(8), number: 258 };
        OwnRow { state, recovery: None, ..own_row() }
    }

    fn page() -> PageRow {
        PageRow { id: [9; 16], parts: own_row().parts[..1].to_vec() }
    }

    #[test]
    fn the_bytes_of_version_1_stay_as_they_are() {
        expect!["010100000000000000000000000000000000000000000001000000000000000000000000000003010000000000000000000000000000010000000700000"].assert_eq(&hex_text(&own_row().bytes())[..123]);
        expect!["1a200fb51000200396f776e3a30313030303030303030303030303030303030303030303030313a3031303030303030303030303030303030303030303030303031aaaaaaaaaaaaaaaaaaaaaaaa00000003aaaaaa011f6465736b3a3031303030303030303030303030303030303030303030303031bbbbbbbbbbbbbbbbbbbbbbbb00000003bbbbbb010404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404cccccccccccccccccccccccc0000000401020304"].assert_eq(&hex_text(&own_row().bytes())[123..]);
        expect!["01010101a200fb51000000000000080000000000000102010000000000000000"]
            .assert_eq(&hex_text(&accepted().bytes())[..64]);
        expect!["010209090909090909090909090909090909000100396f776e3a30313030303030303030303030303030303030303030303030313a3031303030303030303030303030303030303030303030303031aaaaaaaaaaaaaaaaaaaaaaaa00000003aaaaaa"].assert_eq(&hex_text(&page().bytes()));
        let block = BlockRow { id: [9; 16], part: own_row().parts[0].clone() };
        expect!["01030909090909090909090909090909090900396f776e3a"].assert_eq(&hex_text(&block.bytes())[..48]);
        let tray = TrayRow { refused_at: Millis(5), reason: Refusal::UnknownAuthor, own: accepted() };
        expect!["01040000000000000005000000197b22636f6465223a22756e6b6e6f776e5f617574686f72227d01010101a200fb5100000000000008000000000000"].assert_eq(&hex_text(&tray.bytes())[..120]);
        expect!["0105aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"].assert_eq(&hex_text(&draft_bytes(&own_row().parts[0].sealed)));
    }

    #[test]
    fn what_parts_are_bound_to_stays_as_it_is() {
        let audience = Audience::Desk(fixture::venue());
        let bound = bound_to(fixture::organisation(), fixture::id_bytes(3), Kind::Own, &audience);
        expect!["010000000000000000000000000000090100000000000000000000000000000301016465736b3a3031303030303030303030303030303030303030303030303031"].assert_eq(&hex_text(&bound));
        let change = ChangeId::from_bytes(fixture::id_bytes(3));
        let bound = recovery_bound_to(fixture::organisation(), change, fixture::staff(1));
        expect!["010000000000000000000000000000090100000000000000000000000000000301000000000000000000000000000001"]
            .assert_eq(&hex_text(&bound));
    }

    #[test]
    fn the_key_of_a_block_says_what_is_in_it() {
        let venue = fixture::venue();
        for extent in [Extent::Whole, Extent::Since] {
            let key = BlockKey { audience: Audience::Desk(venue), place: 12, extent, records: 345 };
            assert_eq!(BlockKey::read(&key.to_string()), Some(key));
        }
        let first = BlockKey::read(&format!("desk:{venue}#0000000007")).expect("as the first apps wrote it");
        assert_eq!((first.place, first.extent), (7, Extent::Whole));
        for text in ["", "desk:x#1", &format!("desk:{venue}"), &format!("desk:{venue}#1+"), &format!("desk:{venue}#+1")]
        {
            assert_eq!(BlockKey::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_is_written_again_rarely_and_blocks_stay_few() {
        let audience = Audience::Desk(fixture::venue());
        let key = |extent, records| BlockKey { audience: audience.clone(), place: 1, extent, records };
        let (mut blocks, mut written) = (vec![key(Extent::Whole, 100_000)], 0);
        for _ in 0..1_000 {
            let unwritten = 400;
            let extent = extent(blocks.iter(), unwritten);
            let since = blocks.iter().filter(|block| block.extent == Extent::Since).map(|block| block.records);
            let since = since.sum::<usize>() + unwritten;
            match extent {
                Extent::Latest => blocks.push(key(Extent::Since, unwritten)),
                Extent::Since => blocks = vec![key(Extent::Whole, 100_000), key(Extent::Since, since)],
                Extent::Whole => blocks = vec![key(Extent::Whole, 100_000)],
            }
            written += match extent {
                Extent::Latest => unwritten,
                Extent::Since => since,
                Extent::Whole => 100_000,
            };
            assert!(blocks.len() <= 1 + SINCE_BLOCKS_MAX);
        }
        // Each of 400,000 changed records was written about seven times in all, not 250.
        assert!(written < 8 * 400_000, "{written}");
        assert_eq!(extent([].iter(), 1), Extent::Whole);
        assert_eq!(extent([].iter(), 0), Extent::Latest);
    }

    #[test]
    fn what_is_written_reads_back() {
        let again = State::TailAgain { stamp: Stamp::at(fixture::NOW), device: DeviceNumber(8) };
        for row in [
            Row::Own(own_row()),
            Row::Own(accepted()),
            Row::Own(OwnRow { state: again, ..own_row() }),
            Row::Page(page()),
        ] {
            assert_eq!(Row::read(&row.bytes()), Ok(row));
        }
        let block = BlockRow { id: [9; 16], part: own_row().parts[0].clone() };
        assert_eq!(BlockRow::read(&block.bytes()), Ok(block));
        let tray = TrayRow { refused_at: Millis(5), reason: Refusal::UnknownAuthor, own: own_row() };
        assert_eq!(TrayRow::read(&tray.bytes()), Ok(tray));
        let sealed = own_row().parts[0].sealed.clone();
        assert_eq!(read_draft(&draft_bytes(&sealed)), Ok(sealed));
    }

    #[test]
    fn the_head_alone_says_whether_a_change_is_unsent() {
        let again = State::TailAgain { stamp: Stamp::at(fixture::NOW), device: DeviceNumber(8) };
        assert!(is_tail(&own_row().bytes()) && is_tail(&OwnRow { state: again, ..own_row() }.bytes()));
        assert!(!is_tail(&accepted().bytes()) && !is_tail(&page().bytes()) && !is_tail(&[]));
    }

    #[test]
    fn an_acceptance_leaves_the_sealed_parts_as_they_are() {
        let (before, after) = (own_row().bytes(), accepted().bytes());
        let sealed = STATE_AT + 21..after.len() - 1;
        assert_eq!(before[sealed.clone()], after[sealed]);
    }

    #[test]
    fn a_row_of_a_later_version_is_left_alone() {
        assert_eq!(Row::read(&[2, 1, 0]), Err(RowError::Later { found: 2 }));
    }

    #[test]
    fn arbitrary_and_shortened_bytes_are_refused_without_a_panic() {
        let whole = own_row().bytes();
        for end in 0..whole.len() {
            assert!(Row::read(&whole[..end]).is_err(), "{end}");
        }
        arbtest(|u| {
            let mut bytes: Vec<u8> = u.arbitrary()?;
            let _ = (Row::read(&bytes), BlockRow::read(&bytes), TrayRow::read(&bytes), read_draft(&bytes));
            bytes.insert(0, VERSION);
            bytes.insert(1, u.int_in_range(1..=5)?);
            let _ = (Row::read(&bytes), BlockRow::read(&bytes), TrayRow::read(&bytes), read_draft(&bytes));
            Ok(())
        });
    }
}
