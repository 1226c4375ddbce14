//! How rows become bytes: version 1 of what lies on a disk, and version 2 of blocks.
//!
//! A text is a version, a table of the words in it (field names, kinds), then the content, which points into
//! the table. A block of some hundred records, or of changes, has one table for all. What a later version
//! wrote is refused without a guess; fields and kinds that this version does not know are kept, since names
//! are data here. The bytes of equal things are equal, so digests and hashes can be taken over them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audience::Audience,
    change::{CHANGE_EDITS_MAX, Change, EDIT_WRITES_MAX, Edit, Hash, Header, Key, Op, Ranked, Slot, Write},
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId, StaffId, VenueId},
    merge,
    record::{Cell, Head, RankIndex, Record},
    stamp::{Rank, Stamp},
    time::{Day, Millis},
    value::Value,
};

/// The version that this program writes, and the newest that it reads.
pub const VERSION: u8 = 1;

mod block;

pub use block::{BLOCK_VERSION, Block, pack};
pub(crate) use block::{Glance, Seen, Sought};

/// Lists in lists, at most.
const VALUE_DEPTH_MAX: u32 = 4;

/// Bytes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by a later version of the app: leave it alone and ask for an update.
    #[error("written in codec {found}; this version reads up to {VERSION}")]
    Later { found: u8 },
    /// Damaged: what is in it is lost, fetch it again.
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

use CodecError::{Damaged, Later};

// ---- What is written ----------------------------------------------------------------------------------------

/// One edit, for its hash.
#[must_use]
pub fn edit_bytes(edit: &Edit) -> Vec<u8> {
    let mut out = Writer::default();
    out.edit(edit);
    out.finish()
}

/// The header of a change, for its hash.
#[must_use]
pub fn header_bytes(header: &Header) -> Vec<u8> {
    let mut out = Writer::default();
    out.header(header);
    out.finish()
}

/// Changes with their ranks: a row of the journal, a page that was pulled.
#[must_use]
pub fn changes_bytes<'a>(changes: impl ExactSizeIterator<Item = &'a Ranked>) -> Vec<u8> {
    let mut out = Writer::default();
    out.count(changes.len());
    for change in changes {
        out.ranked(change);
    }
    out.finish()
}

/// One record; equal records give equal bytes.
#[must_use]
pub fn record_bytes(record: &Record) -> Vec<u8> {
    block_bytes([record].into_iter())
}

/// A block of records, as version 1 had it: [`pack`] writes them now.
#[must_use]
pub fn block_bytes<'a>(records: impl ExactSizeIterator<Item = &'a Record>) -> Vec<u8> {
    let mut out = Writer::default();
    out.count(records.len());
    for record in records {
        out.record(record);
    }
    out.finish()
}

// ---- What is read -------------------------------------------------------------------------------------------

/// # Errors
/// [`CodecError`]; nothing is read in part.
pub fn read_changes(bytes: &[u8]) -> Result<Vec<Ranked>, CodecError> {
    let mut from = Reader::open(bytes)?;
    let changes = from.many(1, Reader::ranked)?;
    from.close(changes)
}

/// # Errors
/// [`CodecError`]; nothing is read in part.
pub fn read_block(bytes: &[u8]) -> Result<Vec<Record>, CodecError> {
    let mut from = Reader::open(bytes)?;
    let records = from.many(1, Reader::record)?;
    from.close(records)
}

// ---- Writing ------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Writer {
    words: Vec<Key>,
    word_index: BTreeMap<Key, u32>,
    body: Vec<u8>,
}

impl Writer {
    fn finish(self) -> Vec<u8> {
        let mut head = Writer { body: vec![VERSION], ..Writer::default() };
        head.count(self.words.len());
        for word in &self.words {
            head.bytes(word.as_str().as_bytes());
        }
        head.body.extend_from_slice(&self.body);
        head.body
    }

    fn byte(&mut self, byte: u8) {
        self.body.push(byte);
    }

    /// Seven bits a byte, the least significant first.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.body.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.body.push(number as u8);
    }

    /// Small negative numbers stay short.
    fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.body.extend_from_slice(bytes);
    }

    fn id(&mut self, id: [u8; 16]) {
        self.body.extend_from_slice(&id);
    }

    fn word(&mut self, word: &Key) {
        let number = self.word_number(word);
        self.number(number.into());
    }

    /// The number of a word in the table, where it is set down if it is new.
    fn word_number(&mut self, word: &Key) -> u32 {
        if let Some(number) = self.word_index.get(word) {
            return *number;
        }
        let number = self.words.len() as u32;
        self.words.push(word.clone());
        self.word_index.insert(word.clone(), number);
        number
    }

    fn audience(&mut self, audience: &Audience) {
        match audience {
            Audience::Desk(venue) => {
                self.byte(0);
                self.id(venue.bytes());
            }
            Audience::Own(venue, staff) => {
                self.byte(1);
                self.id(venue.bytes());
                self.id(staff.bytes());
            }
            Audience::Circle(venue, name) => {
                self.byte(2);
                self.id(venue.bytes());
                self.bytes(name.as_bytes());
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Empty => self.byte(0),
            Value::Bool(false) => self.byte(1),
            Value::Bool(true) => self.byte(2),
            Value::Int(number) => {
                self.byte(3);
                self.signed(*number);
            }
            Value::Text(text) => {
                self.byte(4);
                self.bytes(text.as_bytes());
            }
            Value::At(at) => {
                self.byte(5);
                self.signed(at.0);
            }
            Value::Day(day) => {
                self.byte(6);
                self.signed(i64::from(day.number()));
            }
            Value::Id(id) => {
                self.byte(7);
                self.id(id.bytes());
            }
            Value::List(values) => {
                self.byte(8);
                self.count(values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Bytes(bytes) => {
                self.byte(9);
                self.bytes(bytes);
            }
        }
    }

    fn rank(&mut self, rank: Rank) {
        self.number(rank.stamp.number());
        self.number(u64::from(rank.device.0));
        self.id(rank.change.bytes());
    }

    fn values(&mut self, values: &BTreeMap<Key, Value>) {
        self.count(values.len());
        for (key, value) in values {
            self.word(key);
            self.value(value);
        }
    }

    fn header(&mut self, header: &Header) {
        self.id(header.id.bytes());
        self.id(header.organisation.bytes());
        self.id(header.author.bytes());
        self.number(u64::from(header.device.0));
        self.signed(header.made_at.0);
        self.signed(header.clock_offset_ms);
        self.number(u64::from(header.pack));
        self.bytes(header.form.as_bytes());
    }

    fn edit(&mut self, edit: &Edit) {
        self.body.extend_from_slice(&edit.salt);
        self.id(edit.record.bytes());
        self.word(&edit.kind);
        self.audience(&edit.audience);
        self.count(edit.writes.len());
        for write in &edit.writes {
            self.word(&write.key);
            match &write.op {
                Op::Latest(value) => self.tagged(0, value),
                Op::First(value) => self.tagged(1, value),
                Op::Sticky(value) => self.tagged(2, value),
                Op::Once(value) => self.tagged(3, value),
                Op::Add(value) => self.tagged(4, value),
                Op::Remove(value) => self.tagged(5, value),
                Op::Guarded { values, replaces } => {
                    self.byte(6);
                    self.values(values);
                    self.count(replaces.len());
                    replaces.iter().for_each(|id| self.id(id.bytes()));
                }
            }
        }
    }

    fn tagged(&mut self, tag: u8, value: &Value) {
        self.byte(tag);
        self.value(value);
    }

    fn ranked(&mut self, ranked: &Ranked) {
        self.number(ranked.stamp.number());
        self.number(u64::from(ranked.device.0));
        self.header(&ranked.change.header);
        self.count(ranked.change.slots().len());
        for slot in ranked.change.slots() {
            match slot {
                Slot::Hidden(hash) => {
                    self.byte(0);
                    self.body.extend_from_slice(&hash.0);
                }
                Slot::Shown(edit) => {
                    self.byte(1);
                    self.edit(edit);
                }
            }
        }
    }

    fn record(&mut self, record: &Record) {
        let record = merge::compact(record);
        self.id(record.id.bytes());
        self.count(record.ranks.len());
        record.ranks.iter().for_each(|rank| self.rank(*rank));
        self.number(u64::from(record.kind.0));
        self.word(&record.kind.1);
        self.number(u64::from(record.audience.0));
        self.audience(&record.audience.1);
        self.count(record.cells.len());
        for (key, cell) in &record.cells {
            self.word(key);
            self.cell(cell);
        }
    }

    fn cell(&mut self, cell: &Cell) {
        let mut one = |tag, rank: &RankIndex, value: &Value| {
            self.byte(tag);
            self.number(u64::from(*rank));
            self.value(value);
        };
        match cell {
            Cell::Latest { rank, value } => one(0, rank, value),
            Cell::First { rank, value } => one(1, rank, value),
            Cell::Sticky { rank, value } => one(2, rank, value),
            Cell::Once(values) => {
                self.byte(3);
                self.count(values.len());
                for (rank, value) in values {
                    self.number(u64::from(*rank));
                    self.value(value);
                }
            }
            Cell::Set(elements) => {
                self.byte(4);
                self.count(elements.len());
                for (value, (rank, present)) in elements {
                    self.value(value);
                    self.number(u64::from(*rank));
                    self.byte(u8::from(*present));
                }
            }
            Cell::Guarded { heads, replaced } => {
                self.byte(5);
                self.count(heads.len());
                for head in heads {
                    self.number(u64::from(head.rank));
                    self.values(&head.values);
                }
                self.count(replaced.len());
                replaced.iter().for_each(|id| self.id(id.bytes()));
            }
        }
    }
}

// ---- Reading ------------------------------------------------------------------------------------------------

struct Reader<'a> {
    words: Vec<Key>,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let (&version, rest) = bytes.split_first().ok_or(Damaged("empty"))?;
        if version != VERSION {
            return Err(if version > VERSION { Later { found: version } } else { Damaged("no version") });
        }
        let mut from = Self { words: Vec::new(), rest };
        from.words = from.many(2, |from| Key::parse(from.str()?).map_err(|_| Damaged("a word")))?;
        Ok(from)
    }

    fn close<T>(self, value: T) -> Result<T, CodecError> {
        if self.rest.is_empty() { Ok(value) } else { Err(Damaged("bytes left over")) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged("cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        Ok(self.take(N)?.try_into().expect("take gives as many bytes as were asked for"))
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, CodecError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                // Only the shortest form is written, so that equal things have equal bytes.
                return if byte == 0 && shift > 0 { Err(Damaged("a long number")) } else { Ok(number) };
            }
        }
        Err(Damaged("a number"))
    }

    fn signed(&mut self) -> Result<i64, CodecError> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn small(&mut self) -> Result<u32, CodecError> {
        u32::try_from(self.number()?).map_err(|_| Damaged("a number"))
    }

    /// How many follow, each of at least `bytes_min` bytes: a count that the rest cannot hold is refused
    /// before anything is set aside for it.
    fn count(&mut self, bytes_min: usize) -> Result<usize, CodecError> {
        let count = usize::try_from(self.number()?).map_err(|_| Damaged("a count"))?;
        if count.checked_mul(bytes_min).is_none_or(|bytes| bytes > self.rest.len()) {
            return Err(Damaged("a count"));
        }
        Ok(count)
    }

    fn many<T>(
        &mut self,
        bytes_min: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        (0..self.count(bytes_min)?).map(|_| one(self)).collect()
    }

    fn str(&mut self) -> Result<&'a str, CodecError> {
        let length = self.count(1)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Damaged("a text"))
    }

    fn word(&mut self) -> Result<Key, CodecError> {
        let index = self.small()?;
        self.words.get(index as usize).cloned().ok_or(Damaged("a word"))
    }

    fn change_id(&mut self) -> Result<ChangeId, CodecError> {
        self.array().map(ChangeId::from_bytes)
    }

    fn audience(&mut self) -> Result<Audience, CodecError> {
        let tag = self.byte()?;
        let venue = VenueId::from_bytes(self.array()?);
        match tag {
            0 => Ok(Audience::Desk(venue)),
            1 => Ok(Audience::Own(venue, StaffId::from_bytes(self.array()?))),
            2 => format!("circle:{venue}:{}", self.str()?).parse().map_err(|_| Damaged("an audience")),
            _ => Err(Damaged("an audience")),
        }
    }

    fn value(&mut self, depth: u32) -> Result<Value, CodecError> {
        Ok(match self.byte()? {
            0 => Value::Empty,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(self.signed()?),
            4 => Value::text(self.str()?),
            5 => Value::At(Millis(self.signed()?)),
            6 => {
                let number = i32::try_from(self.signed()?).map_err(|_| Damaged("a day"))?;
                let day = Day::from_number(number);
                if day.number() != number {
                    return Err(Damaged("a day"));
                }
                Value::Day(day)
            }
            7 => Value::Id(RecordId::from_bytes(self.array()?)),
            8 if depth < VALUE_DEPTH_MAX => Value::List(self.many(1, |from| from.value(depth + 1))?),
            9 => {
                let length = self.count(1)?;
                Value::Bytes(self.take(length)?.into())
            }
            _ => return Err(Damaged("a value")),
        })
    }

    fn rank(&mut self) -> Result<Rank, CodecError> {
        let stamp = Stamp::from_number(self.number()?);
        let device = DeviceNumber(self.small()?);
        Ok(Rank { stamp, device, change: self.change_id()? })
    }

    fn values(&mut self) -> Result<BTreeMap<Key, Value>, CodecError> {
        let pairs = self.many(2, |from| Ok((from.word()?, from.value(0)?)))?;
        in_order(&pairs, |(key, _)| key)?;
        Ok(pairs.into_iter().collect())
    }

    fn header(&mut self) -> Result<Header, CodecError> {
        Ok(Header {
            id: self.change_id()?,
            organisation: OrganisationId::from_bytes(self.array()?),
            author: StaffId::from_bytes(self.array()?),
            device: DeviceNumber(self.small()?),
            made_at: Millis(self.signed()?),
            clock_offset_ms: self.signed()?,
            pack: self.small()?,
            form: self.str()?.into(),
        })
    }

    fn edit(&mut self) -> Result<Edit, CodecError> {
        let salt = self.array()?;
        let record = RecordId::from_bytes(self.array()?);
        let kind = self.word()?;
        let audience = self.audience()?;
        let writes = self.many(3, |from| {
            let key = from.word()?;
            let op = match from.byte()? {
                0 => Op::Latest(from.value(0)?),
                1 => Op::First(from.value(0)?),
                2 => Op::Sticky(from.value(0)?),
                3 => Op::Once(from.value(0)?),
                4 => Op::Add(from.value(0)?),
                5 => Op::Remove(from.value(0)?),
                6 => Op::Guarded { values: from.values()?, replaces: from.many(16, Self::change_id)? },
                _ => return Err(Damaged("a write")),
            };
            Ok(Write { key, op })
        })?;
        if writes.len() > EDIT_WRITES_MAX || !writes.is_sorted() {
            return Err(Damaged("the writes of an edit"));
        }
        Ok(Edit { record, kind, audience, salt, writes })
    }

    fn ranked(&mut self) -> Result<Ranked, CodecError> {
        let stamp = Stamp::from_number(self.number()?);
        let device = DeviceNumber(self.small()?);
        let header = self.header()?;
        let slots = self.many(33, |from| match from.byte()? {
            0 => Ok(Slot::Hidden(Hash(from.array()?))),
            1 => Ok(Slot::Shown(from.edit()?)),
            _ => Err(Damaged("an edit")),
        })?;
        if slots.len() > CHANGE_EDITS_MAX {
            return Err(Damaged("the edits of a change"));
        }
        Ok(Ranked { stamp, device, change: Change::from_parts(header, slots) })
    }

    fn record(&mut self) -> Result<Record, CodecError> {
        let id = RecordId::from_bytes(self.array()?);
        let ranks = self.many(18, Self::rank)?;
        in_order(&ranks, |rank| rank)?;
        let known = ranks.len();
        let kind = (self.rank_index(known)?, self.word()?);
        let audience = (self.rank_index(known)?, self.audience()?);
        let cells = self.many(3, |from| Ok((from.word()?, from.cell(known)?)))?;
        let mut tags: Vec<_> = cells.iter().map(|(key, cell)| (key.clone(), cell.tag())).collect();
        tags.dedup();
        if tags.len() != cells.len() || !tags.is_sorted() {
            return Err(Damaged("the fields of a record"));
        }
        Ok(Record { id, kind, audience, ranks, cells })
    }

    fn rank_index(&mut self, known: usize) -> Result<RankIndex, CodecError> {
        let index = self.small()?;
        if (index as usize) < known { Ok(index) } else { Err(Damaged("a rank")) }
    }

    fn cell(&mut self, known: usize) -> Result<Cell, CodecError> {
        let tag = self.byte()?;
        Ok(match tag {
            0 => Cell::Latest { rank: self.rank_index(known)?, value: self.value(0)? },
            1 => Cell::First { rank: self.rank_index(known)?, value: self.value(0)? },
            2 => Cell::Sticky { rank: self.rank_index(known)?, value: self.value(0)? },
            3 => Cell::Once(self.many(2, |from| Ok((from.rank_index(known)?, from.value(0)?)))?),
            4 => {
                let elements = self.many(3, |from| {
                    let value = from.value(0)?;
                    let rank = from.rank_index(known)?;
                    match from.byte()? {
                        0 => Ok((value, (rank, false))),
                        1 => Ok((value, (rank, true))),
                        _ => Err(Damaged("an element")),
                    }
                })?;
                in_order(&elements, |(value, _)| value)?;
                Cell::Set(elements.into_iter().collect())
            }
            5 => {
                let heads = self.many(2, |from| Ok(Head { rank: from.rank_index(known)?, values: from.values()? }))?;
                let replaced = self.many(16, Self::change_id)?;
                in_order(&replaced, |id| id)?;
                Cell::Guarded { heads, replaced: replaced.into_iter().collect::<BTreeSet<_>>() }
            }
            _ => return Err(Damaged("a field")),
        })
    }
}

/// Refuses what is not strictly ascending: one thing has one form.
fn in_order<T, K: Ord + ?Sized>(items: &[T], key: impl Fn(&T) -> &K) -> Result<(), CodecError> {
    if items.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) { Ok(()) } else { Err(Damaged("an order")) }
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;

    use super::*;
    use crate::{fixture, merge::Records};

    #[test]
    fn what_is_written_reads_back() {
        arbtest(|u| {
            let changes = fixture::changes(u)?;
            let bytes = changes_bytes(changes.iter());
            assert_eq!(read_changes(&bytes).as_deref(), Ok(changes.as_slice()));
            let mut records = Records::new();
            changes.iter().for_each(|change| merge::take_in(&mut records, change));
            let block = block_bytes(records.values());
            let again = read_block(&block).unwrap();
            assert_eq!(block_bytes(again.iter()), block);
            Ok(())
        });
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic() {
        arbtest(|u| {
            let mut bytes: Vec<u8> = u.arbitrary()?;
            let _ = (read_changes(&bytes), read_block(&bytes));
            bytes.insert(0, VERSION);
            bytes.insert(1, 0);
            let _ = (read_changes(&bytes), read_block(&bytes));
            Ok(())
        });
    }

    #[test]
    fn one_flipped_bit_never_panics_and_never_passes_for_the_same() {
        arbtest(|u| {
            let changes = fixture::changes(u)?;
            let mut bytes = changes_bytes(changes.iter());
            let bit = u.int_in_range(0..=bytes.len() * 8 - 1)?;
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = read_changes(&bytes) {
                assert_ne!(read, changes);
            }
            Ok(())
        });
    }

    #[test]
    fn a_later_version_is_left_alone() {
        assert_eq!(read_block(&[2, 0, 0]).err(), Some(Later { found: 2 }));
    }

    #[test]
    fn the_bytes_of_version_1_stay_as_they_are() {
        let change = fixture::phone_change();
        let bytes = changes_bytes([&change].into_iter());
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        expect!["010406706572736f6e09696e74657265737473046e616d650570686f6e650180808088b59f80d101070100000000000000000000000000000301000000000000000000000000000009010000000000000000000000000000010780c4da8fc068000104462d30330101ed8f01dbe4140b1d01000000000000000000000000000005000101000000000000000000000000000001010000000000000000000000000000010301040404796f676102000406e69d8ee5a89c0300040e2b38363133383030313338303030"].assert_eq(&hex);
        let mut records = Records::new();
        merge::take_in(&mut records, &change);
        let hex: String = block_bytes(records.values()).iter().map(|byte| format!("{byte:02x}")).collect();
        expect!["010406706572736f6e09696e74657265737473046e616d650570686f6e6501010000000000000000000000000000050180808088b59f80d1010701000000000000000000000000000003000000010100000000000000000000000000000101000000000000000000000000000001030104010404796f676100010200000406e69d8ee5a89c030000040e2b38363133383030313338303030"].assert_eq(&hex);
    }
}
