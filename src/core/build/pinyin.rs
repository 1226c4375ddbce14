//! The table of readings, from the `pinyin` crate (Unihan and the dictionaries behind it), and the table from
//! traditional to simplified characters, from `fast2s` (OpenCC).
//!
//! Both are laid out so that they compress well: they are part of what a tablet fetches first.

use std::{collections::BTreeMap, fs, path::Path};

use pinyin::ToPinyin;

/// The block of CJK Unified Ideographs.
const FIRST: u16 = 0x4e00;
const LAST: u16 = 0x9fff;
/// Traditional characters of extension A are folded too.
const FIRST_FOLDED: u16 = 0x3400;
/// Letters of the longest syllable, `zhuang`.
const SYLLABLE_LETTERS: usize = 6;

/// Writes `pinyin_syllables.txt`, `pinyin_readings.bin` and `simplified.bin`.
pub fn write(out_dir: &Path) {
    let simplified: BTreeMap<u16, u16> = (FIRST_FOLDED..=LAST)
        .filter_map(|code| Some((code, simplified(code)?)))
        .filter(|(from, to)| from != to)
        .collect();
    let readings: Vec<Option<(String, u16)>> = (FIRST..=LAST).map(reading).collect();
    let reading_of = |code: u16| readings.get(usize::from(code).checked_sub(usize::from(FIRST))?)?.as_ref();

    let mut number_by_syllable: BTreeMap<&str, u16> =
        readings.iter().flatten().map(|(syllable, _)| (syllable.as_str(), 0)).collect();
    let mut syllables = String::new();
    for (number, (syllable, place)) in (1..).zip(&mut number_by_syllable) {
        *place = number;
        syllables.push_str(&format!("{syllable:SYLLABLE_LETTERS$}"));
    }

    let mut table = Vec::new();
    for code in FIRST..=LAST {
        // A traditional character that is read as its simplified one is looked up there.
        let own = reading_of(code).filter(|own| simplified.get(&code).and_then(|to| reading_of(*to)) != Some(own));
        let entry = own.map_or(0, |(syllable, tone)| number_by_syllable[syllable.as_str()] * 5 + tone);
        table.extend_from_slice(&entry.to_le_bytes());
    }

    // How far from one to the next, seven bits a byte, up to the end mark; then what they become.
    let mut pairs = Vec::new();
    let mut before = FIRST_FOLDED - 1;
    for from in simplified.keys() {
        let step = from - before;
        assert!(step < 1 << 14, "two bytes hold a step");
        if step >= 128 {
            pairs.push((step >> 7) as u8 | 128);
        }
        pairs.push((step & 127) as u8);
        before = *from;
    }
    pairs.push(0);
    pairs.extend(simplified.values().flat_map(|to| to.to_le_bytes()));

    for (name, bytes) in
        [("pinyin_syllables.txt", syllables.as_bytes()), ("pinyin_readings.bin", &table), ("simplified.bin", &pairs)]
    {
        fs::write(out_dir.join(name), bytes).expect("the build's own folder can be written");
    }
}

/// The main reading: the syllable in ASCII, ü as v, and the tone, 0 where it has none.
fn reading(code: u16) -> Option<(String, u16)> {
    let numbered = char::from_u32(code.into())?.to_pinyin()?.with_tone_num_end();
    let syllable = numbered.trim_end_matches(|c: char| c.is_ascii_digit());
    let tone = numbered[syllable.len()..].parse().unwrap_or(0);
    // Interjections such as ḿ and ê̄ are no reading of a name.
    let syllable = syllable.replace('ü', "v");
    let plain = syllable.bytes().all(|c| c.is_ascii_lowercase()) && syllable.len() <= SYLLABLE_LETTERS;
    (plain && tone < 5).then_some((syllable, tone))
}

fn simplified(code: u16) -> Option<u16> {
    let text = fast2s::convert(&char::from_u32(code.into())?.to_string());
    let mut characters = text.chars();
    let to = u16::try_from(u32::from(characters.next()?)).ok()?;
    characters.next().is_none().then_some(to)
}
