//! The columns that a search over all people scans, one row a person.
//!
//! Flat vectors: a phone is 8 bytes, a character of a name 4 (the character folded, and its syllable). A
//! hundred thousand people are about 5 MB, and a scan touches each byte at most once.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use crate::{
    id::{RecordId, VenueId},
    pinyin,
    record::Record,
    replica::IdMap,
    search::{self, Scope},
    time::Millis,
};

/// The digits of a phone number in E.164 form, at most 15, four bits each, the first on top, 15 where none is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digits(pub(crate) u64);

/// No digit at all.
pub(crate) const NO_DIGITS: Digits = Digits(u64::MAX);
/// ITU-T E.164: no number is longer.
const DIGITS_MAX: usize = 15;

impl Digits {
    pub(crate) fn of_e164(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit());
        fits.then(|| Self::of(digits.bytes().map(|c| c - b'0')))
    }

    pub(crate) fn of(digits: impl Iterator<Item = u8>) -> Self {
        let mut packed = u64::MAX;
        for (place, digit) in digits.take(16).enumerate() {
            packed ^= u64::from(digit ^ 15) << (60 - 4 * place);
        }
        Self(packed)
    }

    /// How many digits it has.
    pub(crate) fn len(self) -> u32 {
        16 - (!self.0).trailing_zeros().min(64) / 4
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digits(…)")
    }
}

/// What lists and searches ask of a person.
#[derive(PartialEq, Eq)]
pub(crate) struct PersonFacts {
    pub(crate) name: Box<str>,
    pub(crate) phone: Option<Digits>,
    pub(crate) owner: Box<str>,
    pub(crate) stage: Box<str>,
    pub(crate) venue: VenueId,
    /// When to contact them next, unless they do not want it or are lost. Source: SM-01.
    pub(crate) due_at: Option<Millis>,
    pub(crate) outing: Option<RecordId>,
    pub(crate) captured_at: Millis,
    pub(crate) changed_at: Millis,
}

impl fmt::Debug for PersonFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonFacts(…)")
    }
}

impl PersonFacts {
    pub(crate) fn of(record: &Record) -> Self {
        let text = |key: &str| record.text(key).unwrap_or_default().into();
        let at = |key: &str| record.get(key).and_then(|value| value.as_at());
        Self {
            name: text("name"),
            phone: record.text("phone").and_then(Digits::of_e164),
            owner: text("owner"),
            stage: text("stage"),
            venue: record.audience().venue(),
            due_at: at("next_contact_at").filter(|_| {
                !record.is("do_not_contact") && !matches!(record.text("stage"), Some("lost" | "do_not_contact"))
            }),
            outing: record.get("outing").and_then(|value| value.as_id()),
            captured_at: at("captured_at").unwrap_or_default(),
            changed_at: record.last_rank().map_or(Millis(0), |rank| rank.stamp.millis()),
        }
    }
}

/// A folded character, and the number of its syllable above it.
pub(crate) type Token = u32;
pub(crate) const SYLLABLE_SHIFT: u32 = 21;
pub(crate) const CHARACTER_MASK: u32 = (1 << SYLLABLE_SHIFT) - 1;

/// A few bits that stand for the characters in a name: each Latin letter and each initial of a reading has its
/// own, digits share one, all other characters share the rest.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traits(u64);

impl Traits {
    pub(crate) fn of_character(character: char) -> Self {
        Self(match character {
            'a'..='z' => 1 << (u32::from(character) - u32::from('a')),
            '0'..='9' => 1 << 26,
            other => 1 << (27 + u32::from(other) % 37),
        })
    }

    fn of_name(tokens: &[Token]) -> Self {
        let mut traits = Self::default();
        for token in tokens {
            let character = char::from_u32(token & CHARACTER_MASK).unwrap_or_default();
            traits = traits.and(Self::of_character(character));
            if let Some(initial) = pinyin::initial((token >> SYLLABLE_SHIFT) as u16) {
                traits = traits.and(Self::of_character(initial));
            }
        }
        traits
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all that `wanted` stands for may be in it.
    pub(crate) fn may_hold(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// Rows are people, in no particular order.
#[derive(Default)]
pub(crate) struct People {
    row_by_id: IdMap<u32>,
    pub(crate) ids: Vec<RecordId>,
    pub(crate) phones: Vec<Digits>,
    pub(crate) owners: Vec<OwnerNumber>,
    changed_at: Vec<Millis>,
    happened_at: Vec<Millis>,
    /// What is in each name, so that most rows are passed over without reading it.
    pub(crate) traits: Vec<Traits>,
    names: Vec<NamePlace>,
    tokens: Vec<Token>,
    /// Tokens that no row points to any more.
    loose_tokens: usize,
    owner_numbers: BTreeMap<Box<str>, OwnerNumber>,
}

/// Stands for the name of an owner.
pub(crate) type OwnerNumber = u32;

#[derive(Clone, Copy, Default)]
struct NamePlace {
    start: u32,
    length: u16,
}

impl People {
    /// Sets the row of a person, which is made if it is new.
    pub(crate) fn set(&mut self, id: RecordId, facts: &PersonFacts) {
        let row = match self.row_by_id.get(&id) {
            Some(row) => *row as usize,
            None => {
                let row = self.ids.len();
                self.row_by_id.insert(id, row as u32);
                self.ids.push(id);
                self.phones.push(NO_DIGITS);
                self.owners.push(0);
                self.changed_at.push(Millis(0));
                self.happened_at.push(Millis(i64::MIN));
                self.traits.push(Traits::default());
                self.names.push(NamePlace::default());
                row
            }
        };
        self.phones[row] = facts.phone.unwrap_or(NO_DIGITS);
        self.owners[row] = self.owner_number(&facts.owner);
        self.changed_at[row] = facts.changed_at;
        self.set_name(row, &facts.name);
    }

    pub(crate) fn set_last_happening(&mut self, id: RecordId, at: Option<Millis>) {
        if let Some(row) = self.row_by_id.get(&id) {
            self.happened_at[*row as usize] = at.unwrap_or(Millis(i64::MIN));
        }
    }

    /// The last row moves into the place of the one that goes.
    pub(crate) fn remove(&mut self, id: RecordId) {
        let Some(row) = self.row_by_id.remove(&id) else { return };
        let row = row as usize;
        self.loose_tokens += usize::from(self.names[row].length);
        self.ids.swap_remove(row);
        self.phones.swap_remove(row);
        self.owners.swap_remove(row);
        self.changed_at.swap_remove(row);
        self.happened_at.swap_remove(row);
        self.traits.swap_remove(row);
        self.names.swap_remove(row);
        if let Some(moved) = self.ids.get(row) {
            self.row_by_id.insert(*moved, row as u32);
        }
        self.tidy();
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn tokens(&self, row: usize) -> &[Token] {
        let NamePlace { start, length } = self.names[row];
        &self.tokens[start as usize..start as usize + usize::from(length)]
    }

    pub(crate) fn last_activity(&self, id: RecordId) -> Option<Millis> {
        self.row_by_id.get(&id).map(|row| self.active_at(*row as usize))
    }

    /// The later of the last edit and the last happening.
    pub(crate) fn active_at(&self, row: usize) -> Millis {
        self.changed_at[row].max(self.happened_at[row])
    }

    /// The number of an owner, if anyone here is theirs.
    pub(crate) fn known_owner(&self, owner: &str) -> Option<OwnerNumber> {
        self.owner_numbers.get(owner).copied()
    }

    pub(crate) fn listed(&self, scope: &Scope) -> Vec<RecordId> {
        let me = self.known_owner(&scope.me.to_string());
        let mut rows: Vec<_> = (0..self.len())
            .filter(|row| !scope.mine_only || Some(self.owners[*row]) == me)
            .map(|row| (Some(self.owners[row]) != me, Reverse(self.active_at(row)), self.ids[row]))
            .collect();
        rows.sort_unstable();
        rows.into_iter().map(|(_, _, id)| id).collect()
    }

    fn owner_number(&mut self, owner: &str) -> OwnerNumber {
        self.known_owner(owner).unwrap_or_else(|| {
            let number = self.owner_numbers.len() as OwnerNumber;
            self.owner_numbers.insert(owner.into(), number);
            number
        })
    }

    fn set_name(&mut self, row: usize, name: &str) {
        let tokens = tokens_of(name);
        if self.tokens(row) == tokens.as_slice() {
            return;
        }
        self.loose_tokens += usize::from(self.names[row].length);
        self.names[row] = NamePlace { start: self.tokens.len() as u32, length: tokens.len() as u16 };
        self.traits[row] = Traits::of_name(&tokens);
        self.tokens.extend(tokens);
        self.tidy();
    }

    /// Moves the names together once most of the column is loose.
    fn tidy(&mut self) {
        if self.loose_tokens < 1024 || self.loose_tokens < self.tokens.len() / 2 {
            return;
        }
        let mut tokens = Vec::with_capacity(self.tokens.len() - self.loose_tokens);
        for place in &mut self.names {
            let start = place.start as usize;
            place.start = tokens.len() as u32;
            tokens.extend_from_slice(&self.tokens[start..start + usize::from(place.length)]);
        }
        self.tokens = tokens;
        self.loose_tokens = 0;
    }
}

/// Characters of a name that are searched: a form takes 40, what comes from elsewhere may have more.
const TOKENS_MAX: usize = 255;

/// One token for each character of a name.
pub(crate) fn tokens_of(name: &str) -> Vec<Token> {
    name.chars()
        .zip(pinyin::readings(name))
        .take(TOKENS_MAX)
        .map(|(character, syllable)| {
            let number = syllable.map_or(0, pinyin::Syllable::number);
            u32::from(number) << SYLLABLE_SHIFT | u32::from(search::fold(character))
        })
        .collect()
}
