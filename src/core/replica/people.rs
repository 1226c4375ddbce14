//! The columns that a search over all people scans, one place a person.
//!
//! Flat vectors: a phone is 8 bytes, a character of a name 4 (the character folded, and its syllable). A
//! hundred thousand people are about 7 MB, and a scan touches each byte at most once.

use std::{
    cmp::Reverse,
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    id::{RecordId, VenueId},
    pinyin::{self, Syllable},
    replica::rows::Row,
    search,
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

    /// `+86` and these eleven digits.
    pub(crate) fn of_mobile(number: u64) -> Self {
        let (mut packed, mut rest) = (u64::MAX >> 52, number);
        for place in 3..14 {
            packed |= (rest % 10) << (4 * place);
            rest /= 10;
        }
        Self(packed | 0x86 << 56)
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

/// What lists and searches ask of a person, besides their name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PersonFacts {
    pub(crate) phone: Digits,
    pub(crate) owner: Name,
    pub(crate) stage: Name,
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

/// Stands for a text that many records hold: an owner, a stage.
pub(crate) type Name = u32;

/// Texts that many records hold, each once.
#[derive(Default)]
pub(crate) struct Names {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Name, BuildHasherDefault<TextHasher>>,
}

impl Names {
    pub(crate) fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    pub(crate) fn number(&mut self, text: &str) -> Name {
        self.find(text).unwrap_or_else(|| {
            let number = self.texts.len() as Name;
            self.texts.push(text.into());
            self.numbers.insert(text.into(), number);
            number
        })
    }

    pub(crate) fn text(&self, number: Name) -> &str {
        &self.texts[number as usize]
    }
}

/// Eight bytes at a step: a hundred thousand people name their owner and stage while they are opened.
#[derive(Default)]
pub(crate) struct TextHasher(u64);

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// A folded character, above it the number of its syllable, and on top whether it has other readings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(u32);

// The client is built for size, which leaves even these as calls unless they are inlined by name.
impl Token {
    const SYLLABLE_SHIFT: u32 = 21;
    const SEVERAL: u32 = 1 << 31;

    fn of(character: char) -> Self {
        let (number, several) =
            pinyin::looked_up(character).map_or((0, false), |(syllable, several)| (syllable.number(), several));
        let several = if several { Self::SEVERAL } else { 0 };
        Self(several | u32::from(number) << Self::SYLLABLE_SHIFT | u32::from(search::fold(character)))
    }

    /// The same character, read as part of a surname.
    fn read_as(self, syllable: Syllable) -> Self {
        let without = self.0 & (Self::SEVERAL | ((1 << Self::SYLLABLE_SHIFT) - 1));
        Self(without | u32::from(syllable.number()) << Self::SYLLABLE_SHIFT)
    }

    #[inline(always)]
    pub(crate) fn character(self) -> char {
        char::from_u32(self.0 & ((1 << Self::SYLLABLE_SHIFT) - 1)).unwrap_or_default()
    }

    /// The number of its syllable, 0 for none.
    #[inline(always)]
    pub(crate) fn syllable(self) -> u16 {
        ((self.0 & !Self::SEVERAL) >> Self::SYLLABLE_SHIFT) as u16
    }

    #[inline(always)]
    pub(crate) fn has_others(self) -> bool {
        self.0 & Self::SEVERAL != 0
    }

    /// Its other readings.
    pub(crate) fn others(self) -> impl Iterator<Item = Syllable> {
        self.has_others().then(|| pinyin::others(self.character(), self.syllable())).into_iter().flatten()
    }

    /// The numbers of all syllables that it may be read as.
    fn syllables(self) -> impl Iterator<Item = u16> {
        std::iter::once(self.syllable()).chain(self.others().map(Syllable::number))
    }
}

const _: () = assert!(pinyin::SYLLABLES_END <= 1 << (31 - Token::SYLLABLE_SHIFT), "a token holds each syllable");

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
        tokens.iter().fold(Self::default(), |traits, token| {
            let initials = token.syllables().filter_map(pinyin::initial);
            initials.map(Self::of_character).fold(traits.and(Self::of_character(token.character())), Self::and)
        })
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all that `wanted` stands for may be in it.
    pub(crate) fn may_hold(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// Which letters can be typed for a name: those of its readings and its own, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Letters(u32);

impl Letters {
    pub(crate) fn of(letters: impl Iterator<Item = char>) -> Self {
        Self(letters.filter(char::is_ascii_lowercase).fold(0, |bits, letter| bits | 1 << (letter as u32 - 'a' as u32)))
    }

    fn of_name(tokens: &[Token]) -> Self {
        let of_token = |token: &Token| {
            let itself = Self::of(std::iter::once(token.character())).0;
            token.syllables().map(pinyin::letters).fold(itself, |bits, letters| bits | letters)
        };
        Self(tokens.iter().fold(0, |bits, token| bits | of_token(token)))
    }

    pub(crate) fn may_hold(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// Which two digits follow each other in a number, a few bits for a hundred pairs.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pairs(u64);

impl Pairs {
    pub(crate) fn of(digits: &[u8]) -> Self {
        let bit = |pair: &[u8]| 1 << ((10 * u32::from(pair[0]) + u32::from(pair[1])) % 64);
        Self(digits.windows(2).fold(0, |bits, pair| bits | bit(pair)))
    }

    fn of_number(digits: Digits) -> Self {
        let all: [u8; 16] = std::array::from_fn(|place| (digits.0 >> (60 - 4 * place)) as u8 & 15);
        Self::of(&all[..digits.len() as usize])
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn may_hold(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// One place a person, in no particular order.
#[derive(Default)]
pub(crate) struct People {
    /// The place of each row that is a person's.
    places: Vec<Place>,
    pub(crate) rows: Vec<Row>,
    pub(crate) phones: Vec<Digits>,
    /// What is in each number, so that most are passed over at a glance.
    pub(crate) pairs: Vec<Pairs>,
    pub(crate) owners: Vec<Name>,
    changed_at: Vec<Millis>,
    /// By row, since what happened may be known before the person is.
    happened_at: Vec<Millis>,
    /// What is in each name, so that most are passed over without reading them.
    pub(crate) traits: Vec<Traits>,
    pub(crate) letters: Vec<Letters>,
    names: Vec<NamePlace>,
    tokens: Vec<Token>,
    /// Tokens that no name points to any more.
    loose_tokens: usize,
    /// The tokens of the name that is being set.
    scratch: Vec<Token>,
}

type Place = u32;
const NOWHERE: Place = Place::MAX;
const NEVER: Millis = Millis(i64::MIN);

#[derive(Clone, Copy, Default)]
struct NamePlace {
    start: u32,
    length: u16,
}

impl People {
    /// Makes room for so many people in all, so that loading them moves none.
    pub(crate) fn make_room(&mut self, people: usize) {
        let more = people.saturating_sub(self.rows.len());
        self.rows.reserve(more);
        self.phones.reserve(more);
        self.pairs.reserve(more);
        self.owners.reserve(more);
        self.changed_at.reserve(more);
        self.traits.reserve(more);
        self.letters.reserve(more);
        self.names.reserve(more);
        self.tokens.reserve(more * 5 / 2);
    }

    /// Sets what is known of a person, who is made if they are new.
    pub(crate) fn set(&mut self, row: Row, facts: &PersonFacts, name: &str) {
        let mut tokens = std::mem::take(&mut self.scratch);
        tokens.clear();
        tokenize(name, &mut tokens);
        self.set_named(row, facts, &tokens);
        self.scratch = tokens;
    }

    /// The same, with a name of which the tokens are known.
    pub(crate) fn set_named(&mut self, row: Row, facts: &PersonFacts, name: &[Token]) {
        if self.places.len() <= row as usize {
            self.places.resize(row as usize + 1, NOWHERE);
        }
        if self.places[row as usize] == NOWHERE {
            self.places[row as usize] = self.rows.len() as Place;
            self.rows.push(row);
            self.phones.push(NO_DIGITS);
            self.pairs.push(Pairs::default());
            self.owners.push(0);
            self.changed_at.push(Millis(0));
            self.traits.push(Traits::default());
            self.letters.push(Letters::default());
            self.names.push(NamePlace::default());
        }
        let place = self.places[row as usize] as usize;
        self.phones[place] = facts.phone;
        self.pairs[place] = Pairs::of_number(facts.phone);
        self.owners[place] = facts.owner;
        self.changed_at[place] = facts.changed_at;
        self.set_name(place, name);
    }

    /// Takes note of the latest happening of somebody, who need not be known yet.
    pub(crate) fn set_last_happening(&mut self, row: Row, at: Option<Millis>) {
        if self.happened_at.len() <= row as usize {
            self.happened_at.resize(row as usize + 1, NEVER);
        }
        self.happened_at[row as usize] = at.unwrap_or(NEVER);
    }

    /// The same, if it is later than the one that was known.
    pub(crate) fn happened(&mut self, row: Row, at: Millis) {
        let before = self.happened_at.get(row as usize).copied().unwrap_or(NEVER);
        if at > before {
            self.set_last_happening(row, Some(at));
        }
    }

    /// The last one moves into the place of the one that goes.
    pub(crate) fn remove(&mut self, row: Row) {
        let Some(place) = self.place(row) else { return };
        self.places[row as usize] = NOWHERE;
        self.loose_tokens += usize::from(self.names[place].length);
        self.rows.swap_remove(place);
        self.phones.swap_remove(place);
        self.pairs.swap_remove(place);
        self.owners.swap_remove(place);
        self.changed_at.swap_remove(place);
        self.traits.swap_remove(place);
        self.letters.swap_remove(place);
        self.names.swap_remove(place);
        if let Some(moved) = self.rows.get(place) {
            self.places[*moved as usize] = place as Place;
        }
        self.tidy();
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn place(&self, row: Row) -> Option<usize> {
        self.places.get(row as usize).filter(|place| **place != NOWHERE).map(|place| *place as usize)
    }

    #[inline(always)]
    pub(crate) fn tokens(&self, place: usize) -> &[Token] {
        let NamePlace { start, length } = self.names.as_slice()[place];
        &self.tokens.as_slice()[start as usize..start as usize + usize::from(length)]
    }

    pub(crate) fn last_activity(&self, row: Row) -> Option<Millis> {
        self.place(row).map(|place| self.active_at(place))
    }

    /// The later of the last edit and the last happening.
    pub(crate) fn active_at(&self, place: usize) -> Millis {
        let happened = self.happened_at.get(self.rows[place] as usize).copied().unwrap_or(NEVER);
        self.changed_at[place].max(happened)
    }

    /// The rows of people with this number.
    pub(crate) fn with_phone(&self, digits: Digits) -> impl Iterator<Item = Row> + '_ {
        self.phones.iter().zip(&self.rows).filter(move |(phone, _)| **phone == digits).map(|(_, row)| *row)
    }

    /// Everyone, `me`'s own first, of those the ones with the latest activity.
    pub(crate) fn listed(&self, me: Option<Name>, mine_only: bool, ids: &[RecordId]) -> Vec<RecordId> {
        let mut order: Vec<(bool, Reverse<Millis>, Row)> = (0..self.len())
            .map(|place| (Some(self.owners[place]) != me, Reverse(self.active_at(place)), self.rows[place]))
            .filter(|(others, ..)| !(mine_only && *others))
            .collect();
        let id = |row: Row| ids[row as usize];
        order.sort_unstable_by(|one, other| {
            (one.0, one.1).cmp(&(other.0, other.1)).then_with(|| id(one.2).cmp(&id(other.2)))
        });
        order.into_iter().map(|(_, _, row)| id(row)).collect()
    }

    fn set_name(&mut self, place: usize, tokens: &[Token]) {
        if self.tokens(place) != tokens {
            self.loose_tokens += usize::from(self.names[place].length);
            self.names[place] = NamePlace { start: self.tokens.len() as u32, length: tokens.len() as u16 };
            self.traits[place] = Traits::of_name(tokens);
            self.letters[place] = Letters::of_name(tokens);
            self.tokens.extend_from_slice(tokens);
            self.tidy();
        }
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

/// Names one after another, in tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    tokens: Vec<Token>,
    ends: Vec<u32>,
}

impl Tokens {
    pub(crate) fn push(&mut self, name: &str) {
        tokenize(name, &mut self.tokens);
        self.ends.push(self.tokens.len() as u32);
    }

    /// One of them, counted from 0 in the order in which they came.
    pub(crate) fn get(&self, number: usize) -> &[Token] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.tokens[start as usize..self.ends[number] as usize]
    }
}

/// Adds one token for each character of a name.
fn tokenize(name: &str, tokens: &mut Vec<Token>) {
    let first = tokens.len();
    let characters = name.chars().take(TOKENS_MAX);
    tokens.extend(characters.map(Token::of));
    for (place, syllable) in pinyin::surname_of(name) {
        if let Some(token) = tokens.get_mut(first + place) {
            *token = token.read_as(syllable);
        }
    }
}
