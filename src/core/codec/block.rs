//! Blocks, version 2: records packed so that they can stay packed.
//!
//! The bytes are the same on the disk and in memory: what is kept of a hundred thousand people is what was opened,
//! and a record is unpacked when somebody looks at it. What records have in common stands once, in tables at the
//! front: words, audiences, texts and ids that occur more than once, and shapes (which fields, of which merge kind).
//! Times count from the making of the record, and most records have one rank, which then needs no pointing to.
//!
//! ```text
//! block    version 2 · words · audiences · texts · ids · shapes · first time · count · records
//! shape    kind · audience · count, then for each field its word and its merge kind
//! record   id (milliseconds since the first time, 10 bytes) · shape · ranks
//!          · with several ranks the kind's and the audience's · each field as its shape says
//! rank     stamp (milliseconds since the id, counter) · device · change id (milliseconds since the stamp, 10 bytes)
//! value    0 to 9 as in codec 1 · 10 full minutes · 11 a mobile number of China in 5 bytes
//!          · 12 a text and 13 an id of the tables · from 16 on one of the first 240 texts
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::{CodecError, Damaged, Later, Reader, VALUE_DEPTH_MAX, VERSION, Writer, in_order, read_block};
use crate::{
    audience::Audience,
    change::Key,
    id::{ChangeId, DeviceNumber, RecordId},
    merge,
    record::{Cell, CellTag, Head, RankIndex, Record},
    stamp::{Rank, Stamp},
    time::{Day, MINUTE_MS, Millis},
    value::Value,
};

/// The version of blocks that this program writes, and the newest that it reads.
pub const BLOCK_VERSION: u8 = 2;
/// Values from here on are texts of the table.
const TEXTS_FROM: u8 = 16;
/// How many of them one byte can name.
const TEXTS_SHORT: usize = 256 - TEXTS_FROM as usize;
const COUNTER_BITS: u32 = 16;

/// Records as they lie on the disk, read one by one.
pub struct Block {
    bytes: Box<[u8]>,
    words: Vec<Key>,
    audiences: Vec<Audience>,
    /// Where in the bytes each text is.
    texts: Vec<(u32, u32)>,
    ids: Vec<RecordId>,
    shapes: Vec<Shape>,
    first_ms: u64,
    records_at: usize,
    count: usize,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("records", &self.count).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    kind: u32,
    audience: u32,
    cells: Vec<(u32, CellTag)>,
}

// ---- Writing ------------------------------------------------------------------------------------------------

/// Packs records into a block.
#[must_use]
pub fn pack(records: &[Record]) -> Vec<u8> {
    let records: Vec<Record> = records.iter().map(merge::compact).collect();
    let first_ms = records.iter().map(|record| ms_of(record.id.bytes())).min().unwrap_or_default();
    let mut packer = Packer { first_ms, ..Packer::default() };
    packer.gather_tables(&records);
    records.iter().for_each(|record| packer.record(record));

    let mut out = Writer { body: vec![BLOCK_VERSION], ..Writer::default() };
    out.count(packer.out.words.len());
    packer.out.words.iter().for_each(|word| out.bytes(word.as_str().as_bytes()));
    out.count(packer.audiences.len());
    packer.audiences.iter().for_each(|audience| out.audience(audience));
    out.count(packer.texts.len());
    packer.texts.iter().for_each(|text| out.bytes(text.as_bytes()));
    out.count(packer.ids.len());
    packer.ids.iter().for_each(|id| out.id(*id));
    out.count(packer.shapes.len());
    for shape in &packer.shapes {
        out.number(shape.kind.into());
        out.number(shape.audience.into());
        out.count(shape.cells.len());
        for (word, tag) in &shape.cells {
            out.number((*word).into());
            out.byte(*tag as u8);
        }
    }
    out.number(first_ms);
    out.count(records.len());
    out.body.extend_from_slice(&packer.out.body);
    out.body
}

#[derive(Default)]
struct Packer<'a> {
    out: Writer,
    audiences: Vec<Audience>,
    texts: Vec<&'a str>,
    text_number: BTreeMap<&'a str, usize>,
    ids: Vec<[u8; 16]>,
    id_number: BTreeMap<[u8; 16], usize>,
    shapes: Vec<Shape>,
    shape_number: BTreeMap<Shape, usize>,
    first_ms: u64,
    /// When the record under way was made, by its id.
    made_ms: i64,
}

impl<'a> Packer<'a> {
    /// What occurs more than once, the most frequent first.
    fn gather_tables(&mut self, records: &'a [Record]) {
        let (mut texts, mut ids) = (BTreeMap::<&str, usize>::new(), BTreeMap::<[u8; 16], usize>::new());
        let mut tally = |value: &'a Value| match value {
            Value::Text(text) if mobile_of_china(text).is_none() => *texts.entry(text).or_default() += 1,
            Value::Id(id) => *ids.entry(id.bytes()).or_default() += 1,
            _ => {}
        };
        for (_, cell) in records.iter().flat_map(|record| &record.cells) {
            match cell {
                Cell::Latest { value, .. } | Cell::First { value, .. } | Cell::Sticky { value, .. } => tally(value),
                Cell::Once(values) => values.iter().for_each(|(_, value)| tally(value)),
                Cell::Set(elements) => elements.keys().for_each(&mut tally),
                Cell::Guarded { heads, .. } => {
                    heads.iter().flat_map(|head| head.values.values()).for_each(&mut tally);
                }
            }
        }
        let mut texts: Vec<_> = texts.into_iter().filter(|(_, count)| *count > 1).collect();
        texts.sort_by_key(|(text, count)| (std::cmp::Reverse(*count), *text));
        self.texts = texts.into_iter().map(|(text, _)| text).collect();
        self.text_number = self.texts.iter().enumerate().map(|(number, text)| (*text, number)).collect();
        self.ids = ids.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id).collect();
        self.id_number = self.ids.iter().enumerate().map(|(number, id)| (*id, number)).collect();
    }

    fn record(&mut self, record: &Record) {
        let id = record.id.bytes();
        self.made_ms = ms_of(id) as i64;
        self.out.number(ms_of(id) - self.first_ms);
        self.out.body.extend_from_slice(&id[6..]);
        let shape = self.shape(record);
        self.out.count(shape);
        self.out.count(record.ranks.len());
        record.ranks.iter().for_each(|rank| self.rank(rank));
        let several = record.ranks.len() > 1;
        self.rank_index(several, record.kind.0);
        self.rank_index(several, record.audience.0);
        record.cells.iter().for_each(|(_, cell)| self.cell(several, cell));
    }

    fn shape(&mut self, record: &Record) -> usize {
        let audience = &record.audience.1;
        let place = self.audiences.iter().position(|other| other == audience).unwrap_or_else(|| {
            self.audiences.push(audience.clone());
            self.audiences.len() - 1
        });
        let shape = Shape {
            kind: self.out.word_number(&record.kind.1),
            audience: place as u32,
            cells: record.cells.iter().map(|(key, cell)| (self.out.word_number(key), cell.tag())).collect(),
        };
        if let Some(number) = self.shape_number.get(&shape) {
            return *number;
        }
        self.shapes.push(shape.clone());
        self.shape_number.insert(shape, self.shapes.len() - 1);
        self.shapes.len() - 1
    }

    fn rank(&mut self, rank: &Rank) {
        let (stamp, change) = (rank.stamp.number(), rank.change.bytes());
        let stamp_ms = (stamp >> COUNTER_BITS) as i64;
        self.out.signed(stamp_ms - self.made_ms);
        self.out.number(stamp & ((1 << COUNTER_BITS) - 1));
        self.out.number(rank.device.0.into());
        self.out.signed(ms_of(change) as i64 - stamp_ms);
        self.out.body.extend_from_slice(&change[6..]);
    }

    fn rank_index(&mut self, several: bool, index: RankIndex) {
        if several {
            self.out.number(index.into());
        }
    }

    fn cell(&mut self, several: bool, cell: &Cell) {
        match cell {
            Cell::Latest { rank, value } | Cell::First { rank, value } | Cell::Sticky { rank, value } => {
                self.rank_index(several, *rank);
                self.value(value);
            }
            Cell::Once(values) => {
                self.out.count(values.len());
                for (rank, value) in values {
                    self.rank_index(several, *rank);
                    self.value(value);
                }
            }
            Cell::Set(elements) => {
                self.out.count(elements.len());
                for (value, (rank, present)) in elements {
                    self.value(value);
                    self.rank_index(several, *rank);
                    self.out.byte(u8::from(*present));
                }
            }
            Cell::Guarded { heads, replaced } => {
                self.out.count(heads.len());
                for head in heads {
                    self.rank_index(several, head.rank);
                    self.out.count(head.values.len());
                    for (key, value) in &head.values {
                        self.out.word(key);
                        self.value(value);
                    }
                }
                self.out.count(replaced.len());
                replaced.iter().for_each(|id| self.out.id(id.bytes()));
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => {
                if let Some(number) = mobile_of_china(text) {
                    self.out.byte(11);
                    self.out.body.extend_from_slice(&number.to_le_bytes()[..5]);
                } else if let Some(number) = self.text_number.get(&**text) {
                    match number.checked_sub(TEXTS_SHORT) {
                        None => self.out.byte(TEXTS_FROM + *number as u8),
                        Some(further) => {
                            self.out.byte(12);
                            self.out.count(further);
                        }
                    }
                } else {
                    self.out.value(value);
                }
            }
            Value::At(at) if at.0 % MINUTE_MS == 0 => {
                self.out.byte(10);
                self.out.signed(at.0 / MINUTE_MS - self.made_ms / MINUTE_MS);
            }
            Value::At(at) => {
                self.out.byte(5);
                self.out.signed(at.0.wrapping_sub(self.made_ms));
            }
            Value::Id(id) => match self.id_number.get(&id.bytes()) {
                Some(number) => {
                    self.out.byte(13);
                    self.out.count(*number);
                }
                None => self.out.value(value),
            },
            Value::List(values) => {
                self.out.byte(8);
                self.out.count(values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Day(_) | Value::Bytes(_) => self.out.value(value),
        }
    }
}

/// The milliseconds that an id begins with.
fn ms_of(id: [u8; 16]) -> u64 {
    id[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))
}

fn id_of(ms: u64, rest: [u8; 10]) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    id[6..].copy_from_slice(&rest);
    id
}

/// The eleven digits after +86, if that is all there is.
fn mobile_of_china(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("+86")?;
    let fits = digits.len() == 11 && digits.bytes().all(|c| c.is_ascii_digit());
    fits.then(|| digits.bytes().fold(0, |number, c| number * 10 + u64::from(c - b'0')))
}

// ---- Reading ------------------------------------------------------------------------------------------------

/// A value that was looked at in its place.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Seen<'a> {
    /// Nobody set it.
    Unset,
    Empty,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// `+86` and these eleven digits.
    Mobile(u64),
    At(Millis),
    Day(Day),
    Id(RecordId),
    /// So many values follow.
    List(usize),
    Bytes(&'a [u8]),
}

impl<'a> Seen<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Empty => Self::Empty,
            Value::Bool(yes) => Self::Bool(*yes),
            Value::Int(number) => Self::Int(*number),
            Value::Text(text) => Self::Text(text),
            Value::At(at) => Self::At(*at),
            Value::Day(day) => Self::Day(*day),
            Value::Id(id) => Self::Id(*id),
            Value::List(values) => Self::List(values.len()),
            Value::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

/// What was looked for in a record.
pub(crate) struct Glance<'a, 'b> {
    pub(crate) id: RecordId,
    pub(crate) kind: &'a Key,
    pub(crate) audience: &'a Audience,
    /// What stands in the fields that were looked for, in their order.
    pub(crate) values: &'b [Seen<'a>],
    /// Whether a field or group has two sides.
    pub(crate) in_conflict: bool,
    /// The highest in it.
    pub(crate) stamp: Stamp,
}

/// A field that is looked for; or, with a group's name before it, a member of the group's shown head.
pub(crate) type Sought = (&'static str, &'static str);

impl<'a, 'b> Glance<'a, 'b> {
    /// The same of a record that is not packed; `values` has a place for each field that is sought.
    pub(crate) fn of(record: &'a Record, sought: &[Sought], values: &'b mut [Seen<'a>]) -> Self {
        for (value, (field, member)) in values.iter_mut().zip(sought) {
            let found = if member.is_empty() {
                record.get(field)
            } else {
                record.guarded(field).and_then(|group| group.get(*member))
            };
            *value = found.map_or(Seen::Unset, Seen::of);
        }
        Self {
            id: record.id,
            kind: record.kind(),
            audience: record.audience(),
            values,
            in_conflict: record.conflicts().next().is_some(),
            stamp: record.last_rank().map(|rank| rank.stamp).unwrap_or_default(),
        }
    }
}

impl Block {
    /// Reads what [`pack`] wrote, or a block of codec 1, and shows each record to `see` with its place for
    /// [`Block::unpack`]; those before a damage too.
    ///
    /// # Errors
    /// [`CodecError`]; nothing of it can be used.
    pub(crate) fn read(
        bytes: Vec<u8>,
        sought: &[Sought],
        see: &mut dyn FnMut(&Glance<'_, '_>, u32),
    ) -> Result<Self, CodecError> {
        let bytes = if bytes.first() == Some(&VERSION) { pack(&read_block(&bytes)?) } else { bytes };
        let block = Self::open(bytes.into())?;
        block.walk(sought, see)?;
        Ok(block)
    }

    fn walk(&self, sought: &[Sought], see: &mut dyn FnMut(&Glance<'_, '_>, u32)) -> Result<(), CodecError> {
        let fields: Vec<Option<usize>> = self.words.iter().map(|word| place_of(sought, word, false)).collect();
        let groups: Vec<Option<usize>> = self.words.iter().map(|word| place_of(sought, word, true)).collect();
        let member = |place: usize| self.words.iter().position(|word| word.as_str() == sought[place].1);
        let members: Vec<Option<usize>> = (0..sought.len()).map(member).collect();
        let mut values = vec![Seen::Unset; sought.len()];
        let mut from = self.unpacker(self.records_at, 0);
        for _ in 0..self.count {
            let ms = self.first_ms.checked_add(from.reader.number()?).filter(|ms| ms >> 48 == 0);
            let ms = ms.ok_or(Damaged("an id"))?;
            let id = RecordId::from_bytes(id_of(ms, from.reader.array()?));
            let at = self.bytes.len() - from.reader.rest.len();
            from.made_ms = ms as i64;
            values.fill(Seen::Unset);
            let (shape, in_conflict, stamp) = from.skim(&fields, &groups, &members, &mut values)?;
            let glance = Glance {
                id,
                kind: &self.words[shape.kind as usize],
                audience: &self.audiences[shape.audience as usize],
                values: &values,
                in_conflict,
                stamp,
            };
            see(&glance, at as u32);
        }
        from.reader.close(())
    }

    /// Reads the tables.
    fn open(bytes: Box<[u8]>) -> Result<Self, CodecError> {
        let whole = bytes.len();
        if u32::try_from(whole).is_err() {
            return Err(Damaged("a block of more than 4 GB"));
        }
        let mut from = match bytes.split_first() {
            Some((&BLOCK_VERSION, rest)) => Reader { words: Vec::new(), rest },
            Some((&found, _)) if found > BLOCK_VERSION => return Err(Later { found }),
            _ => return Err(Damaged("no version")),
        };
        let words = from.many(2, |from| Key::parse(from.str()?).map_err(|_| Damaged("a word")))?;
        let audiences = from.many(17, Reader::audience)?;
        let texts = from.many(1, |from| {
            let text = from.str()?;
            let end = whole - from.rest.len();
            Ok(((end - text.len()) as u32, end as u32))
        })?;
        let ids = from.many(16, |from| from.array().map(RecordId::from_bytes))?;
        let shapes = from.many(3, |from| {
            let (kind, audience) = (from.small()?, from.small()?);
            if kind as usize >= words.len() || audience as usize >= audiences.len() {
                return Err(Damaged("a shape"));
            }
            let cells = from.many(2, |from| {
                let word = from.small()?;
                let tag = TAGS.get(usize::from(from.byte()?)).ok_or(Damaged("a merge kind"))?;
                if (word as usize) < words.len() { Ok((word, *tag)) } else { Err(Damaged("a word")) }
            })?;
            let in_order = cells
                .windows(2)
                .all(|pair| (&words[pair[0].0 as usize], pair[0].1) < (&words[pair[1].0 as usize], pair[1].1));
            if in_order { Ok(Shape { kind, audience, cells }) } else { Err(Damaged("the fields of a record")) }
        })?;
        let first_ms = from.number()?;
        let count = from.count(28)?;
        let records_at = whole - from.rest.len();
        Ok(Self { bytes, words, audiences, texts, ids, shapes, first_ms, records_at, count })
    }

    /// How many records it was written with.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The bytes, as they lie on the disk.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The audience of all its records, if they have but one.
    pub(crate) fn audience(&self) -> Option<&Audience> {
        if let [one] = self.audiences.as_slice() { Some(one) } else { None }
    }

    /// The record that [`Block::read`] showed with this id at this place.
    pub(crate) fn unpack(&self, id: RecordId, at: u32) -> Record {
        let mut from = self.unpacker(at as usize, ms_of(id.bytes()) as i64);
        from.record(id).expect("every record of a block was looked at when it was read")
    }

    fn unpacker(&self, at: usize, made_ms: i64) -> Unpacker<'_> {
        Unpacker { block: self, reader: Reader { words: Vec::new(), rest: &self.bytes[at..] }, made_ms }
    }
}

const TAGS: [CellTag; 6] =
    [CellTag::Latest, CellTag::First, CellTag::Sticky, CellTag::Once, CellTag::Set, CellTag::Guarded];

fn place_of(sought: &[Sought], word: &Key, in_group: bool) -> Option<usize> {
    sought.iter().position(|(field, member)| *field == word.as_str() && member.is_empty() != in_group)
}

/// Reads records of a block.
struct Unpacker<'a> {
    block: &'a Block,
    reader: Reader<'a>,
    made_ms: i64,
}

impl<'a> Unpacker<'a> {
    fn shape(&mut self) -> Result<&'a Shape, CodecError> {
        self.block.shapes.get(self.reader.small()? as usize).ok_or(Damaged("a shape"))
    }

    fn rank(&mut self) -> Result<Rank, CodecError> {
        let stamp_ms = self.made_ms.checked_add(self.reader.signed()?).filter(|ms| ms >> 48 == 0);
        let stamp_ms = stamp_ms.ok_or(Damaged("a stamp"))?;
        let counter = self.reader.number()?;
        if counter >> COUNTER_BITS != 0 {
            return Err(Damaged("a stamp"));
        }
        let device = DeviceNumber(self.reader.small()?);
        let change_ms = stamp_ms.checked_add(self.reader.signed()?).filter(|ms| ms >> 48 == 0);
        let change = id_of(change_ms.ok_or(Damaged("a change"))? as u64, self.reader.array()?);
        let stamp = Stamp::from_number((stamp_ms as u64) << COUNTER_BITS | counter);
        Ok(Rank { stamp, device, change: ChangeId::from_bytes(change) })
    }

    fn rank_index(&mut self, ranks: usize) -> Result<RankIndex, CodecError> {
        if ranks == 1 {
            return Ok(0);
        }
        let index = self.reader.small()?;
        if (index as usize) < ranks { Ok(index) } else { Err(Damaged("a rank")) }
    }

    fn see(&mut self) -> Result<Seen<'a>, CodecError> {
        let code = self.reader.byte()?;
        Ok(match code {
            0 => Seen::Empty,
            1 => Seen::Bool(false),
            2 => Seen::Bool(true),
            3 => Seen::Int(self.reader.signed()?),
            4 => Seen::Text(self.reader.str()?),
            5 => Seen::At(Millis(self.reader.signed()?.wrapping_add(self.made_ms))),
            6 => {
                let number = i32::try_from(self.reader.signed()?).map_err(|_| Damaged("a day"))?;
                let day = Day::from_number(number);
                if day.number() != number {
                    return Err(Damaged("a day"));
                }
                Seen::Day(day)
            }
            7 => Seen::Id(RecordId::from_bytes(self.reader.array()?)),
            8 => Seen::List(self.reader.count(1)?),
            9 => {
                let length = self.reader.count(1)?;
                Seen::Bytes(self.reader.take(length)?)
            }
            10 => {
                let minutes = self.reader.signed()?.checked_add(self.made_ms / MINUTE_MS);
                let at = minutes.and_then(|minutes| minutes.checked_mul(MINUTE_MS));
                Seen::At(Millis(at.ok_or(Damaged("a time"))?))
            }
            11 => {
                let [a, b, c, d, e] = self.reader.array()?;
                let number = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
                if number >= 100_000_000_000 {
                    return Err(Damaged("a phone number"));
                }
                Seen::Mobile(number)
            }
            12 => {
                let further = self.reader.small()? as usize;
                self.text(further.checked_add(TEXTS_SHORT).ok_or(Damaged("a text"))?)?
            }
            13 => {
                let number = self.reader.small()? as usize;
                Seen::Id(*self.block.ids.get(number).ok_or(Damaged("an id"))?)
            }
            TEXTS_FROM.. => self.text((code - TEXTS_FROM).into())?,
            _ => return Err(Damaged("a value")),
        })
    }

    fn text(&self, number: usize) -> Result<Seen<'a>, CodecError> {
        let (start, end) = *self.block.texts.get(number).ok_or(Damaged("a text"))?;
        let bytes = &self.block.bytes[start as usize..end as usize];
        std::str::from_utf8(bytes).map(Seen::Text).map_err(|_| Damaged("a text"))
    }

    // ---- Whole ----------------------------------------------------------------------------------------------

    fn record(&mut self, id: RecordId) -> Result<Record, CodecError> {
        let shape = self.shape()?;
        let block = self.block;
        let ranks = (0..self.reader.count(14)?).map(|_| self.rank()).collect::<Result<Vec<_>, _>>()?;
        let known = ranks.len();
        let kind = (self.rank_index(known)?, block.words[shape.kind as usize].clone());
        let audience = (self.rank_index(known)?, block.audiences[shape.audience as usize].clone());
        let cells = shape
            .cells
            .iter()
            .map(|(word, tag)| Ok((block.words[*word as usize].clone(), self.cell(*tag, known)?)))
            .collect::<Result<_, CodecError>>()?;
        Ok(Record { id, kind, audience, ranks, cells })
    }

    fn cell(&mut self, tag: CellTag, known: usize) -> Result<Cell, CodecError> {
        Ok(match tag {
            CellTag::Latest => Cell::Latest { rank: self.rank_index(known)?, value: self.value(0)? },
            CellTag::First => Cell::First { rank: self.rank_index(known)?, value: self.value(0)? },
            CellTag::Sticky => Cell::Sticky { rank: self.rank_index(known)?, value: self.value(0)? },
            CellTag::Once => {
                let count = self.reader.count(1)?;
                let one = |_| Ok((self.rank_index(known)?, self.value(0)?));
                Cell::Once((0..count).map(one).collect::<Result<_, CodecError>>()?)
            }
            CellTag::Set => {
                let count = self.reader.count(2)?;
                let mut elements = BTreeMap::new();
                for _ in 0..count {
                    let value = self.value(0)?;
                    let rank = self.rank_index(known)?;
                    elements.insert(value, (rank, self.reader.byte()? == 1));
                }
                Cell::Set(elements)
            }
            CellTag::Guarded => {
                let heads = (0..self.reader.count(1)?).map(|_| self.head(known)).collect::<Result<_, _>>()?;
                let replaced: Vec<ChangeId> = self.reader.many(16, Reader::change_id)?;
                Cell::Guarded { heads, replaced: replaced.into_iter().collect::<BTreeSet<_>>() }
            }
        })
    }

    fn head(&mut self, known: usize) -> Result<Head, CodecError> {
        let rank = self.rank_index(known)?;
        let mut values = BTreeMap::new();
        for _ in 0..self.reader.count(2)? {
            let word = self.word()?;
            values.insert(self.block.words[word].clone(), self.value(0)?);
        }
        Ok(Head { rank, values })
    }

    fn word(&mut self) -> Result<usize, CodecError> {
        let word = self.reader.small()? as usize;
        if word < self.block.words.len() { Ok(word) } else { Err(Damaged("a word")) }
    }

    fn value(&mut self, depth: u32) -> Result<Value, CodecError> {
        Ok(match self.see()? {
            Seen::Unset | Seen::Empty => Value::Empty,
            Seen::Bool(yes) => Value::Bool(yes),
            Seen::Int(number) => Value::Int(number),
            Seen::Text(text) => Value::text(text),
            Seen::Mobile(number) => Value::text(format!("+86{number:011}")),
            Seen::At(at) => Value::At(at),
            Seen::Day(day) => Value::Day(day),
            Seen::Id(id) => Value::Id(id),
            Seen::List(_) if depth == VALUE_DEPTH_MAX => return Err(Damaged("a list in a list")),
            Seen::List(count) => Value::List((0..count).map(|_| self.value(depth + 1)).collect::<Result<_, _>>()?),
            Seen::Bytes(bytes) => Value::Bytes(bytes.into()),
        })
    }

    // ---- At a glance ----------------------------------------------------------------------------------------

    /// Passes over a record and takes note of the fields that are looked for. All that [`Self::record`] could refuse
    /// is refused here.
    fn skim(
        &mut self,
        fields: &[Option<usize>],
        groups: &[Option<usize>],
        members: &[Option<usize>],
        values: &mut [Seen<'a>],
    ) -> Result<(&'a Shape, bool, Stamp), CodecError> {
        let shape = self.shape()?;
        let known = self.reader.count(14)?;
        let mut last: Option<Rank> = None;
        for _ in 0..known {
            let rank = self.rank()?;
            in_order(&[last, Some(rank)], |rank| rank)?;
            last = Some(rank);
        }
        let stamp = last.ok_or(Damaged("no rank"))?.stamp;
        self.rank_index(known)?;
        self.rank_index(known)?;
        let mut in_conflict = false;
        for (word, tag) in &shape.cells {
            let place = fields[*word as usize];
            match tag {
                CellTag::Latest | CellTag::First | CellTag::Sticky => {
                    self.rank_index(known)?;
                    note(values, place, self.pass_over(0)?);
                }
                CellTag::Once => {
                    let count = self.reader.count(1)?;
                    in_conflict |= count > 1;
                    for number in 0..count {
                        self.rank_index(known)?;
                        let seen = self.pass_over(0)?;
                        note(values, place.filter(|_| number == 0), seen);
                    }
                }
                CellTag::Set => {
                    let mut before: Option<Value> = None;
                    for _ in 0..self.reader.count(2)? {
                        let element = self.value(0)?;
                        in_order(&[before, Some(element.clone())], |element| element)?;
                        before = Some(element);
                        self.rank_index(known)?;
                        if self.reader.byte()? > 1 {
                            return Err(Damaged("an element"));
                        }
                    }
                }
                CellTag::Guarded => {
                    let group = groups[*word as usize];
                    in_conflict |= self.skim_group(known, group, group.and_then(|group| members[group]), values)?;
                }
            }
        }
        Ok((shape, in_conflict, stamp))
    }

    /// Whether heads of the group differ.
    fn skim_group(
        &mut self,
        known: usize,
        place: Option<usize>,
        member: Option<usize>,
        values: &mut [Seen<'a>],
    ) -> Result<bool, CodecError> {
        let mut first: Option<&[u8]> = None;
        let mut differ = false;
        for number in 0..self.reader.count(1)? {
            self.rank_index(known)?;
            let began = self.reader.rest;
            let mut before = None;
            for _ in 0..self.reader.count(2)? {
                let word = self.word()?;
                in_order(&[before, Some(&self.block.words[word])], |word| word)?;
                before = Some(&self.block.words[word]);
                let seen = self.pass_over(0)?;
                note(values, place.filter(|_| number == 0 && member == Some(word)), seen);
            }
            // One value has one form within a block.
            let head = &began[..began.len() - self.reader.rest.len()];
            differ |= *first.get_or_insert(head) != head;
        }
        let replaced: Vec<ChangeId> = self.reader.many(16, Reader::change_id)?;
        in_order(&replaced, |id| id)?;
        Ok(differ)
    }

    fn pass_over(&mut self, depth: u32) -> Result<Seen<'a>, CodecError> {
        let seen = self.see()?;
        if let Seen::List(count) = seen {
            if depth == VALUE_DEPTH_MAX {
                return Err(Damaged("a list in a list"));
            }
            for _ in 0..count {
                self.pass_over(depth + 1)?;
            }
        }
        Ok(seen)
    }
}

/// The first that a field holds stands, as [`Record::get`] has it.
fn note<'a>(values: &mut [Seen<'a>], place: Option<usize>, seen: Seen<'a>) {
    if let Some(place) = place
        && values[place] == Seen::Unset
    {
        values[place] = seen;
    }
}

#[cfg(test)]
mod tests {
    use arbitrary::Unstructured;
    use arbtest::arbtest;
    use expect_test::expect;

    use super::*;
    use crate::{codec, fixture, merge::Records};

    const SOUGHT: [Sought; 5] = [("name", ""), ("owner", ""), ("card_no", ""), ("phone", ""), ("membership", "state")];

    fn records(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<Record>> {
        let mut records = Records::new();
        fixture::changes(u)?.iter().for_each(|change| merge::take_in(&mut records, change));
        let mut records: Vec<Record> = records.into_values().collect();
        for record in &mut records {
            let value = match u.int_in_range(0..=6)? {
                0 => "+8613800138000".into(),
                1 => "+8600000000001".into(),
                2 => "+861380013800".into(),
                3 => Value::At(Millis(u.int_in_range(-3..=3)? * MINUTE_MS)),
                4 => Value::At(Millis(*u.choose(&[i64::MIN, i64::MAX, 59_999])?)),
                5 => Value::Id(RecordId::from_bytes(fixture::id_bytes(1))),
                _ => Value::Day(Day::from_number(u.arbitrary()?)),
            };
            let last = (Key::of("phone"), Cell::Latest { rank: 0, value });
            let place = record.cells.partition_point(|(key, _)| *key < last.0);
            record.cells.insert(place, last);
        }
        Ok(records)
    }

    fn same(seen: Seen<'_>, record: Seen<'_>) -> bool {
        match (seen, record) {
            (Seen::Mobile(number), Seen::Text(text)) => text == format!("+86{number:011}"),
            (Seen::Unset, Seen::Empty) | (Seen::Empty, Seen::Unset) => true,
            (seen, record) => seen == record,
        }
    }

    #[test]
    fn what_was_packed_is_unpacked_one_by_one_and_at_a_glance_as_it_was() {
        arbtest(|u| {
            let records = records(u)?;
            let mut at = Vec::new();
            let block = Block::read(pack(&records), &SOUGHT, &mut |glance, place| {
                let mut values = [Seen::Unset; SOUGHT.len()];
                let record = records.iter().find(|record| record.id == glance.id).unwrap();
                let of_record = Glance::of(record, &SOUGHT, &mut values);
                assert_eq!((glance.kind, glance.audience), (of_record.kind, of_record.audience));
                assert_eq!((glance.in_conflict, glance.stamp), (of_record.in_conflict, of_record.stamp));
                assert!(glance.values.iter().zip(of_record.values).all(|(seen, record)| same(*seen, *record)));
                at.push((glance.id, place));
            })
            .unwrap();
            assert_eq!((block.count(), at.len()), (records.len(), records.len()));
            for (record, (id, place)) in records.iter().zip(at) {
                assert_eq!(codec::record_bytes(&block.unpack(id, place)), codec::record_bytes(record));
            }
            Ok(())
        });
    }

    #[test]
    fn a_block_of_codec_1_is_read_too() {
        arbtest(|u| {
            let records = records(u)?;
            let mut unpacked = Vec::new();
            let block = Block::read(codec::block_bytes(records.iter()), &[], &mut |glance, at| {
                unpacked.push((glance.id, at));
            });
            let block = block.unwrap();
            for (record, (id, at)) in records.iter().zip(unpacked) {
                assert_eq!(codec::record_bytes(&block.unpack(id, at)), codec::record_bytes(record));
            }
            Ok(())
        });
    }

    /// Reads bytes that may be anything; what is accepted can be unpacked.
    fn try_bytes(bytes: Vec<u8>) {
        let mut seen = Vec::new();
        if let Ok(block) = Block::read(bytes, &SOUGHT, &mut |glance, at| seen.push((glance.id, at))) {
            seen.into_iter().for_each(|(id, at)| drop(block.unpack(id, at)));
        }
    }

    #[test]
    fn arbitrary_and_altered_bytes_never_panic() {
        arbtest(|u| {
            let mut bytes = pack(&records(u)?);
            for _ in 0..u.int_in_range(1..=3)? {
                let bit = u.int_in_range(0..=bytes.len() * 8 - 1)?;
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            bytes.truncate(u.int_in_range(0..=bytes.len())?.max(1));
            try_bytes(bytes);
            let mut bytes: Vec<u8> = u.arbitrary()?;
            bytes.insert(0, BLOCK_VERSION);
            try_bytes(bytes);
            Ok(())
        });
    }

    #[test]
    fn a_later_version_is_left_alone() {
        let read = Block::read(vec![3, 0, 0], &[], &mut |_, _| {});
        assert_eq!(read.err(), Some(Later { found: 3 }));
    }

    #[test]
    fn the_bytes_of_version_2_stay_as_they_are() {
        let mut records = Records::new();
        merge::take_in(&mut records, &fixture::phone_change());
        let records: Vec<Record> = records.into_values().collect();
        let hex: String = pack(&records).iter().map(|byte| format!("{byte:02x}")).collect();
        expect!["020406706572736f6e09696e74657265737473046e616d650570686f6e6501010100000000000000000000000000000101000000000000000000000000000001000001000003010402000300808080808020010000000000000000000005000180c4da8fc0280007ffc3da8fc02800000000000000000003010404796f6761010406e69d8ee5a89c0b10658d3603"].assert_eq(&hex);
    }
}
