//! Search as people type: any digits of the phone, any characters of the name, pinyin in full, by initials or
//! mixed (`zsl`, `zhang s`, `zs138`), traditional for simplified.
//!
//! What was typed becomes a list of parts, and each part must be found. The columns of all people are scanned
//! from end to end, which at a hundred thousand people takes less than a frame, so that no index of words has
//! to be kept. Ranked: what matches as a whole or from the start comes before what matches in part, own people
//! before others, recent before old.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    fmt,
    ops::Range,
};

use crate::{
    id::{RecordId, StaffId},
    pinyin::{self, Syllable},
    replica::people::{Digits, Letters, NO_DIGITS, Name, Pairs, People, Token, Traits},
    time::Millis,
};

/// Who searches, and among whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Their own people come first. [`crate::lead::NOBODY`] for those in the pool.
    pub me: StaffId,
    /// Only their own people.
    pub mine_only: bool,
}

/// The best people found, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub hits: Vec<Hit>,
    pub total: usize,
}

/// A person that was found, and what of them was matched, for the screen to mark.
#[derive(Clone, PartialEq, Eq)]
pub struct Hit {
    pub record: RecordId,
    /// Characters of the name.
    pub name: Vec<Range<usize>>,
    /// Characters of the name that were found by their reading, and how many letters of it were typed.
    pub pinyin: Vec<PinyinSpan>,
    /// Bytes of the phone number in E.164 form.
    pub phone: Vec<Range<usize>>,
}

/// The first `letters` of the reading of the character at this place of the name, counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinyinSpan {
    pub character: usize,
    pub letters: usize,
    /// Where it was found by another reading than the one by which the name is shown.
    pub other: Option<Syllable>,
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hit({})", self.record)
    }
}

/// How well someone fits; the smaller the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The whole name, or the whole number.
    Whole,
    /// The name or a word of it from its start, the number from its start or to its end.
    Start,
    Part,
}

impl People {
    /// Finds people by what was typed.
    pub(crate) fn search(
        &self,
        typed: &str,
        me: Option<Name>,
        mine_only: bool,
        limit: usize,
        ids: &[RecordId],
    ) -> Found {
        let query = Query::parse(typed);
        let (best, total) = self.best(&query, me, mine_only, limit, ids);
        let hits = best.into_iter().map(|place| {
            let mut hit =
                Hit { record: ids[self.rows[place] as usize], name: Vec::new(), pinyin: Vec::new(), phone: Vec::new() };
            query.mark(self.tokens(place), self.phones[place], &mut hit);
            hit
        });
        Found { hits: hits.collect(), total }
    }

    fn best(
        &self,
        query: &Query,
        me: Option<Name>,
        mine_only: bool,
        limit: usize,
        ids: &[RecordId],
    ) -> (Vec<usize>, usize) {
        type Rank = ((Fit, bool, Reverse<Millis>), RecordId, usize);
        let mut best: BinaryHeap<Rank> = BinaryHeap::with_capacity(limit.min(self.len()) + 1);
        let mut total = 0;
        // Those that are ranked behind all of the best so far need no look at when they were last heard of.
        let mut worst = None;
        let known = query.is_known_at_a_glance();
        // At a glance first: one column after the other, and nearly all are passed over. The latest come last: begun with
        // them, the best are soon known, and few of the others have to be ranked.
        let glances = self.traits.iter().zip(&self.letters).zip(&self.pairs).zip(&self.owners);
        for (place, (((traits, letters), pairs), owner)) in glances.enumerate().rev() {
            if !query.may_fit(*traits, *letters, *pairs) {
                continue;
            }
            let others = Some(*owner) != me;
            if mine_only && others {
                continue;
            }
            // Of those who cannot be among the best it is enough to know that they fit.
            if known && worst.is_some_and(|worst| (query.best_fit(self.tokens(place).len()), others) > worst) {
                total += 1;
                continue;
            }
            let Some(fit) = query.fit(|| self.tokens(place), *traits, self.phones[place]) else { continue };
            total += 1;
            if worst.is_some_and(|worst| (fit, others) > worst) {
                continue;
            }
            let rank = ((fit, others, Reverse(self.active_at(place))), ids[self.rows[place] as usize], place);
            if best.len() < limit {
                best.push(rank);
            } else if best.peek().is_some_and(|worst| rank < *worst) {
                best.pop();
                best.push(rank);
            }
            worst = best.peek().filter(|_| best.len() >= limit).map(|((fit, others, _), ..)| (*fit, *others));
        }
        (best.into_sorted_vec().into_iter().map(|(.., place)| place).collect(), total)
    }
}

// ---- What was typed -----------------------------------------------------------------------------------------

/// What was typed, cut into parts that must all be found. Whoever types nothing finds everyone.
#[derive(Default)]
struct Query {
    texts: Vec<Text>,
    numbers: Vec<Number>,
    /// What a name must hold for the texts to be in it.
    traits: Traits,
    letters: Letters,
    /// What a phone must hold for the numbers to be in it, unless they are in the name.
    pairs: Pairs,
}

/// Letters or characters of the name.
struct Text {
    characters: Vec<char>,
    first: char,
    /// How it stands to its first character, and to each syllable, by number.
    itself: Start,
    starts: Vec<Start>,
    /// What a name must hold: how the text begins, and all that is matched by itself only.
    traits: Traits,
}

/// How a text stands to a character that it is looked for from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    Not,
    /// It begins as the character or a reading of it does; the rest is to be seen.
    Begins,
    /// All of it is the character, or the start of a reading.
    Whole,
}

/// Digits of the phone, together or group by group; or digits in the name.
struct Number {
    together: Needle,
    groups: Vec<Needle>,
    text: Text,
}

/// Digits to look for in a number.
struct Needle {
    digits: Vec<u8>,
    /// Typed with `+` or `00`: the number with its country's code, from the start.
    international: bool,
}

impl Query {
    fn parse(typed: &str) -> Self {
        let mut query = Self::default();
        let mut text = Vec::new();
        let mut number = Typed::default();
        for character in typed.chars().map(fold) {
            if let Some(digit) = character.to_digit(10) {
                query.texts.extend(Text::of(&mut text));
                number.digit(digit as u8);
            } else if number.is_begun() && (is_sign(character) || matches!(character, '(' | ')' | '*')) {
                number.gap();
            } else if character == '+' {
                query.texts.extend(Text::of(&mut text));
                query.numbers.extend(std::mem::take(&mut number).number());
                number.international = true;
            } else if is_sign(character) || character == '*' {
                query.texts.extend(Text::of(&mut text));
            } else {
                query.numbers.extend(std::mem::take(&mut number).number());
                text.push(character);
            }
        }
        query.texts.extend(Text::of(&mut text));
        query.numbers.extend(number.number());
        query.traits = query.texts.iter().fold(Traits::default(), |traits, text| traits.and(text.traits));
        query.letters = Letters::of(query.texts.iter().flat_map(|text| &text.characters).copied());
        query.pairs = query.numbers.iter().map(Number::pairs).fold(Pairs::default(), Pairs::and);
        query
    }

    /// Whether someone can fit, by what is known at a glance.
    fn may_fit(&self, traits: Traits, letters: Letters, pairs: Pairs) -> bool {
        traits.may_hold(self.traits)
            && letters.may_hold(self.letters)
            && (pairs.may_hold(self.pairs) || traits.may_hold(Traits::of_character('0')))
    }

    /// Whether all fit who may: a Latin letter, an initial included, has a trait of its own.
    fn is_known_at_a_glance(&self) -> bool {
        let is_letter = |text: &Text| text.characters.len() == 1 && text.first.is_ascii_lowercase();
        self.numbers.is_empty() && self.texts.len() <= 1 && self.texts.iter().all(is_letter)
    }

    /// The best that someone can fit by that, with a name of so many characters.
    fn best_fit(&self, characters: usize) -> Fit {
        if self.texts.len() == characters || self.texts.is_empty() { Fit::Whole } else { Fit::Start }
    }

    /// How someone fits, `None` if not at all.
    fn fit<'a>(&self, name: impl Fn() -> &'a [Token], traits: Traits, phone: Digits) -> Option<Fit> {
        let mut fit = Fit::Whole;
        for number in &self.numbers {
            fit = fit.max(number.fit(&name, traits, phone)?);
        }
        Some(if self.texts.is_empty() { fit } else { fit.max(place(&self.texts, name(), None)?) })
    }
}

/// A number while it is read from what was typed.
#[derive(Default)]
struct Typed {
    groups: Vec<Vec<u8>>,
    gap: bool,
    international: bool,
}

impl Typed {
    fn is_begun(&self) -> bool {
        !self.groups.is_empty()
    }

    fn digit(&mut self, digit: u8) {
        match self.groups.last_mut().filter(|_| !self.gap) {
            Some(group) => group.push(digit),
            None => self.groups.push(vec![digit]),
        }
        self.gap = false;
    }

    fn gap(&mut self) {
        self.gap = true;
    }

    fn number(self) -> Option<Number> {
        let digits: Vec<u8> = self.groups.concat();
        let mut text = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let text = Text::of(&mut text)?;
        let groups = match self.groups.len() {
            1 => Vec::new(),
            _ => self.groups.into_iter().map(|digits| Needle { digits, international: false }).collect(),
        };
        Some(Number { together: Needle { digits, international: self.international }, groups, text })
    }
}

impl Number {
    /// The pairs of digits that a number has which it is found in, by any of the ways of [`Number::fit`].
    fn pairs(&self) -> Pairs {
        // Two zeros may be the way out of the country.
        let of = |needle: &Needle| Pairs::of(needle.digits.strip_prefix(&[0, 0]).unwrap_or(&needle.digits));
        let groups = if self.groups.is_empty() { std::slice::from_ref(&self.together) } else { &self.groups };
        groups.iter().map(of).fold(Pairs::default(), Pairs::and)
    }

    fn fit<'a>(&self, name: impl Fn() -> &'a [Token], traits: Traits, phone: Digits) -> Option<Fit> {
        if let Some((fit, _)) = self.together.find(phone) {
            return Some(fit);
        }
        if !self.groups.is_empty() && self.find_groups(phone).is_some() {
            return Some(Fit::Part);
        }
        // Few names have digits, but some have: 李娜2.
        if traits.may_hold(self.text.traits) { place(std::slice::from_ref(&self.text), name(), None) } else { None }
    }

    /// Finds the groups one after the other: `138 8000`, `138****8000`.
    fn find_groups(&self, phone: Digits) -> Option<Vec<Range<usize>>> {
        let mut from = 0;
        let found = self.groups.iter().map(|group| {
            let (_, found) = group.find_from(phone, from)?;
            from = found.end;
            Some(found)
        });
        found.collect()
    }
}

// ---- Digits -------------------------------------------------------------------------------------------------

/// The lowest bit of each digit.
const DIGIT_ONES: u64 = 0x1111_1111_1111_1111;
const CHINA: u64 = 0x86;

impl Needle {
    /// How it fits a number, and at which of its digits it was found, the country's code counted.
    fn find(&self, phone: Digits) -> Option<(Fit, Range<usize>)> {
        self.find_from(phone, 0)
    }

    fn find_from(&self, phone: Digits, from: usize) -> Option<(Fit, Range<usize>)> {
        if phone == NO_DIGITS {
            return None;
        }
        let code_digits = if phone.0 >> 56 == CHINA { 2 } else { 0 };
        let national = Digits(phone.0 << (4 * code_digits) | ((1 << (4 * code_digits)) - 1));
        if !self.international
            && let Some((fit, found)) = within(&self.digits, national, from.saturating_sub(code_digits))
        {
            return Some((fit, found.start + code_digits..found.end + code_digits));
        }
        let abroad = self.digits.strip_prefix(&[0, 0]);
        let full = abroad.unwrap_or(&self.digits);
        if !(self.international || abroad.is_some() || full.starts_with(&[8, 6])) {
            return None;
        }
        within(full, phone, from).filter(|(_, found)| found.start == 0 && found.end > code_digits)
    }
}

/// Looks for all digits at once: of each digit wanted the places where it stands, moved onto each other.
fn within(wanted: &[u8], number: Digits, from: usize) -> Option<(Fit, Range<usize>)> {
    let stands = |(offset, digit): (usize, &u8)| {
        let differs = number.0 ^ (DIGIT_ONES * u64::from(*digit));
        let pairs = differs | differs >> 1;
        (!(pairs | pairs >> 2) & DIGIT_ONES) << (4 * offset)
    };
    // The first few without a look in between: most numbers have the first, few have all of them.
    let mut digits = wanted.iter().enumerate();
    let first = digits.by_ref().take(4).map(stands).fold(DIGIT_ONES, |places, stands| places & stands);
    let mut places = first & DIGIT_ONES.checked_shr(4 * from as u32)?;
    for (offset, digit) in digits {
        if places == 0 || offset > 15 {
            return None;
        }
        places &= stands((offset, digit));
    }
    if places == 0 {
        return None;
    }
    let place = |bit: u32| bit as usize / 4;
    let (first, last) = (place(places.leading_zeros()), 15 - place(places.trailing_zeros()));
    let length = number.len() as usize;
    Some(match (first, last + wanted.len() == length) {
        (0, _) if wanted.len() == length => (Fit::Whole, 0..length),
        (0, _) => (Fit::Start, 0..wanted.len()),
        (_, true) => (Fit::Start, last..length), // the last four digits are how people name a number
        (_, false) => (Fit::Part, first..first + wanted.len()),
    })
}

// ---- Names --------------------------------------------------------------------------------------------------

/// Takes down what was matched, where somebody asks.
type Marks<'a> = Option<&'a mut Vec<PinyinSpan>>;

/// Places each text in a name: one after the other, or else anywhere (the given name typed first).
fn place(texts: &[Text], name: &[Token], mut marks: Marks<'_>) -> Option<Fit> {
    let Some((first, rest)) = texts.split_first() else { return Some(Fit::Whole) };
    let found = first.find(name, 0, marks.as_deref_mut())?;
    let (mut end, mut together) = (found.end, found.start == 0);
    for text in rest {
        let Some(next) = text.find(name, end, marks.as_deref_mut()) else {
            marks.as_deref_mut().map(Vec::clear);
            texts.iter().try_for_each(|text| text.find(name, 0, marks.as_deref_mut()).map(|_| ()))?;
            return Some(Fit::Part);
        };
        together &= name[end..next.start].iter().all(|token| is_sign(token.character()));
        end = next.end;
    }
    Some(match (together && end == name.len(), begins_word(name, found.start)) {
        (true, _) => Fit::Whole,
        (false, true) => Fit::Start,
        (false, false) => Fit::Part,
    })
}

impl Text {
    /// Takes the characters that have gathered, if any have.
    fn of(gathered: &mut Vec<char>) -> Option<Self> {
        let characters = std::mem::take(gathered);
        let first = *characters.first()?;
        let start = |number: u16| match (pinyin::initial(number) == Some(first), letters_typed(&characters, number)) {
            (true, typed) if typed == characters.len() => Start::Whole,
            (true, _) => Start::Begins,
            (false, _) => Start::Not,
        };
        let by_itself = characters.iter().filter(|character| !character.is_ascii_lowercase());
        let traits = by_itself.chain([&first]).map(|character| Traits::of_character(*character));
        Some(Self {
            first,
            itself: if characters.len() == 1 { Start::Whole } else { Start::Begins },
            starts: (0..pinyin::SYLLABLES_END).map(start).collect(),
            traits: traits.fold(Traits::default(), Traits::and),
            characters,
        })
    }

    /// The first place where a word begins with it, or else the first where it is found at all.
    fn find(&self, name: &[Token], from: usize, marks: Marks<'_>) -> Option<Range<usize>> {
        let mut found = None;
        for (start, token) in name.iter().enumerate().skip(from) {
            if found.is_some() && !begins_word(name, start) {
                continue;
            }
            // What is typed first is a character or less, and there is nothing to be read off.
            let end = match self.start(*token) {
                Start::Not => None,
                Start::Begins => consume(name, start, &self.characters, None),
                Start::Whole => Some(start + 1),
            };
            if let Some(end) = end {
                found = Some(start..end);
                if begins_word(name, start) {
                    break;
                }
            }
        }
        let found = found?;
        if marks.is_some() {
            consume(name, found.start, &self.characters, marks);
        }
        Some(found)
    }

    #[inline(always)]
    fn start(&self, token: Token) -> Start {
        if token.character() == self.first {
            return self.itself;
        }
        let starts = self.starts.as_slice();
        let start = starts[usize::from(token.syllable())];
        if !token.has_others() {
            return start;
        }
        token.others().map(|other| starts[usize::from(other.number())]).fold(start, Start::max)
    }
}

/// How many of the first characters of a text are the first letters of the syllable of a number.
fn letters_typed(text: &[char], number: u16) -> usize {
    text.iter().zip(pinyin::plain(number).bytes()).take_while(|(typed, letter)| is_letter(**typed, *letter)).count()
}

/// Reads a text off a name from `at` on, and gives where it ends. A character is matched by itself, by one of its
/// whole readings, by its initial, or, the last one, by as much of its reading as has been typed.
fn consume(name: &[Token], at: usize, text: &[char], mut marks: Marks<'_>) -> Option<usize> {
    let Some(first) = text.first() else { return Some(at) };
    let token = *name.get(at)?;
    let character = token.character();
    if character == *first
        && let Some(end) = consume(name, at + 1, &text[1..], marks.as_deref_mut())
    {
        mark(marks, PinyinSpan { character: at, letters: 0, other: None });
        return Some(end);
    }
    if is_sign(character) {
        return consume(name, at + 1, text, marks);
    }
    // So many letters were read off and the rest did not follow, one bit each: another reading need not try them again.
    let mut tried = 0_u8;
    let readings = std::iter::once((token.syllable(), None)).chain(token.others().map(|it| (it.number(), Some(it))));
    for (number, other) in readings {
        let reading = pinyin::plain(number).as_bytes();
        let typed = letters_typed(text, number);
        if typed == text.len() {
            mark(marks, PinyinSpan { character: at, letters: typed, other });
            return Some(at + 1);
        }
        let initial_letters = if reading.get(1) == Some(&b'h') { 2 } else { 1 };
        for letters in [reading.len(), initial_letters, 1] {
            if letters == 0 || letters > typed || tried & 1 << letters != 0 {
                continue;
            }
            if let Some(end) = consume(name, at + 1, &text[letters..], marks.as_deref_mut()) {
                mark(marks, PinyinSpan { character: at, letters, other });
                return Some(end);
            }
            tried |= 1 << letters;
        }
    }
    None
}

fn mark(marks: Marks<'_>, span: PinyinSpan) {
    marks.into_iter().for_each(|marks| marks.push(span));
}

/// ü is written v, and typed v or u.
fn is_letter(typed: char, letter: u8) -> bool {
    typed == char::from(letter) || (typed == 'u' && letter == b'v')
}

/// What stands between the words of a name, and need not be typed.
#[inline(always)]
fn is_sign(character: char) -> bool {
    matches!(character, ' ' | '·' | '-' | '.' | '\'')
}

/// Whether a word begins here: the name itself, or a Latin word after a sign.
#[inline(always)]
fn begins_word(name: &[Token], at: usize) -> bool {
    at == 0 || is_sign(name[at - 1].character())
}

/// The form in which characters are compared: small letters without accents, half width, simplified.
pub(crate) fn fold(character: char) -> char {
    if ('\u{3400}'..='\u{9fff}').contains(&character) {
        return pinyin::simplified(character); // most names: no case, no width
    }
    let narrow = match character {
        '\u{3000}' | '\u{a0}' | '\t' | '\n' => ' ',
        '！'..='～' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        '•' | '‧' | '・' | '･' => '·',
        '’' | '‘' | '`' => '\'',
        '–' | '—' | '‐' => '-',
        other => other,
    };
    let mut lower = narrow.to_lowercase();
    let lower = match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => narrow, // characters are counted one by one
    };
    match lower {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ǎ' => 'a',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ě' => 'e',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ǐ' => 'i',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ǒ' => 'o',
        'ù' | 'ú' | 'û' | 'ū' | 'ǔ' | 'ü' | 'ǖ' | 'ǘ' | 'ǚ' | 'ǜ' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        other => other,
    }
}

// ---- Marks for the screen -----------------------------------------------------------------------------------

impl Query {
    fn mark(&self, name: &[Token], phone: Digits, hit: &mut Hit) {
        let mut marks: Vec<PinyinSpan> = Vec::new();
        place(&self.texts, name, Some(&mut marks));
        let mut digits = BTreeSet::new();
        for number in &self.numbers {
            if let Some((_, found)) = number.together.find(phone) {
                digits.extend(found);
            } else if let Some(found) = number.find_groups(phone).filter(|found| !found.is_empty()) {
                digits.extend(found.into_iter().flatten());
            } else {
                let mut in_name: Vec<PinyinSpan> = Vec::new();
                place(std::slice::from_ref(&number.text), name, Some(&mut in_name));
                marks.extend(in_name);
            }
        }
        marks.sort_by_key(|span| (span.character, span.letters));
        marks.dedup_by_key(|span| span.character);
        hit.name = joined(marks.iter().map(|span| span.character..span.character + 1));
        hit.pinyin = marks.into_iter().filter(|span| span.letters > 0).collect();
        hit.phone = joined(digits.into_iter().map(|digit| digit + 1..digit + 2)); // after the plus
    }
}

/// Ranges that touch, as one.
fn joined(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match all.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => all.push(range),
        }
    }
    all
}

#[cfg(test)]
mod tests;
