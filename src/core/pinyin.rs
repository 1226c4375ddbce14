//! How Chinese names are read: for searching by pinyin, and for showing how to say a name.
//!
//! Each character has its main reading, from Unihan; surnames that are read otherwise than the character
//! (曾, 单, 解) and compound surnames have theirs. Who is searched for is found by the other readings that a
//! character has in names as well (长, 行, 重). The tables are made when the program is built.

use std::{fmt, sync::OnceLock};

/// Each syllable in ASCII, ü as v, padded to [`SYLLABLE_LETTERS_MAX`].
const SYLLABLES: &str = include_str!(concat!(env!("OUT_DIR"), "/pinyin_syllables.txt"));
/// For each character from U+4E00 on: syllable times 5 plus tone, and [`SEVERAL`]; 0 where there is none of its own.
const READINGS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pinyin_readings.bin"));
/// The simplified characters with other readings, in order, each followed by one of those: syllable times 5 plus tone.
const OTHERS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pinyin_others.bin"));
/// Steps between traditional characters, then what each becomes.
const SIMPLIFIED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/simplified.bin"));
const FIRST: u32 = 0x4e00;
const FIRST_FOLDED: u16 = 0x3400;
/// Set where a character has other readings.
const SEVERAL: u16 = 1 << 15;

/// One more than the highest number of a syllable.
pub(crate) const SYLLABLES_END: u16 = (SYLLABLES.len() / SYLLABLE_LETTERS_MAX) as u16 + 1;

/// Letters of the longest syllable, `zhuang`.
pub const SYLLABLE_LETTERS_MAX: usize = 6;

/// How one character is read: a syllable and its tone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Syllable(u16);

impl Syllable {
    /// Without tone and in ASCII, as people type it: `zhang`, `lv`.
    #[must_use]
    pub fn plain(self) -> &'static str {
        plain(self.number())
    }

    /// With its tone, as people read it: `zhāng`, `lǚ`.
    #[must_use]
    pub fn marked(self) -> String {
        let plain = self.plain();
        let tone = usize::from(self.0 % 5);
        // The mark stands on a or e, on the o of ou, else on the last vowel.
        let place = plain.find(['a', 'e']).or_else(|| plain.find("ou")).or_else(|| plain.rfind(['i', 'o', 'u', 'v']));
        plain.char_indices().map(|(at, letter)| with_tone(letter, if Some(at) == place { tone } else { 0 })).collect()
    }

    /// Its number among the syllables, without the tone; from 1.
    #[must_use]
    pub(crate) fn number(self) -> u16 {
        self.0 / 5
    }

    fn written(plain_syllable: &str, tone: u16) -> Option<Self> {
        (1..SYLLABLES_END).find(|number| plain(*number) == plain_syllable).map(|number| Self(number * 5 + tone))
    }
}

impl fmt::Debug for Syllable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Syllable(…)") // it is part of a name
    }
}

/// The syllable of a number, without tone; nothing for 0.
pub(crate) fn plain(number: u16) -> &'static str {
    let Some(place) = usize::from(number).checked_sub(1) else { return "" };
    let cell = SYLLABLES.get(place * SYLLABLE_LETTERS_MAX..(place + 1) * SYLLABLE_LETTERS_MAX).unwrap_or_default();
    &cell[..cell.bytes().position(|letter| letter == b' ').unwrap_or(cell.len())]
}

/// The first letter of the syllable of a number.
pub(crate) fn initial(number: u16) -> Option<char> {
    let place = usize::from(number).checked_sub(1)? * SYLLABLE_LETTERS_MAX;
    SYLLABLES.as_bytes().get(place).copied().map(char::from)
}

/// The letters that can be typed for the syllable of a number, one bit each from `a` on; ü is typed v or u.
pub(crate) fn letters(number: u16) -> u32 {
    static LETTERS: OnceLock<Vec<u32>> = OnceLock::new();
    let bits = |number: u16| {
        plain(number).bytes().fold(0, |bits, letter| {
            let both = if letter == b'v' { 1 << (b'u' - b'a') } else { 0 };
            bits | both | 1 << (letter - b'a')
        })
    };
    LETTERS.get_or_init(|| (0..SYLLABLES_END).map(bits).collect()).get(usize::from(number)).copied().unwrap_or_default()
}

fn with_tone(letter: char, tone: usize) -> char {
    let row = match letter {
        'a' => ['a', 'ā', 'á', 'ǎ', 'à'],
        'e' => ['e', 'ē', 'é', 'ě', 'è'],
        'i' => ['i', 'ī', 'í', 'ǐ', 'ì'],
        'o' => ['o', 'ō', 'ó', 'ǒ', 'ò'],
        'u' => ['u', 'ū', 'ú', 'ǔ', 'ù'],
        'v' => ['ü', 'ǖ', 'ǘ', 'ǚ', 'ǜ'],
        other => [other; 5],
    };
    row[tone]
}

/// The readings of the characters of a name that have one, in order.
#[must_use]
pub fn of(name: &str) -> Vec<Syllable> {
    readings(name).into_iter().flatten().collect()
}

/// For each character of a name its reading, `None` for letters, signs and characters without a known one.
#[must_use]
pub fn readings(name: &str) -> Vec<Option<Syllable>> {
    let mut readings: Vec<Option<Syllable>> = name.chars().map(of_character).collect();
    for (place, syllable) in surname_of(name) {
        readings[place] = Some(syllable);
    }
    readings
}

/// Whether a short title is found by what was typed: some of its characters, its pinyin in full or by initials.
#[must_use]
pub fn finds(typed: &str, title: &str) -> bool {
    let typed: String = typed.to_lowercase().split_whitespace().collect();
    let title: String = title.to_lowercase().split_whitespace().collect();
    if title.contains(&typed) {
        return true;
    }
    let syllables: Vec<&str> = of(&title).into_iter().map(Syllable::plain).collect();
    let initials: String = syllables.iter().filter_map(|syllable| syllable.chars().next()).collect();
    initials.contains(&typed) || syllables.concat().contains(&typed)
}

/// The main reading of a character.
#[must_use]
pub fn of_character(character: char) -> Option<Syllable> {
    Some(looked_up(character)?.0)
}

/// The main reading of a character, and whether it has [`others`].
pub(crate) fn looked_up(character: char) -> Option<(Syllable, bool)> {
    let entry = own_entry(character).or_else(|| own_entry(simplified(character)))?;
    Some((Syllable(entry & !SEVERAL), entry & SEVERAL != 0))
}

fn own_entry(character: char) -> Option<u16> {
    let place = u32::from(character).checked_sub(FIRST)? as usize * 2;
    let entry = READINGS.get(place..place + 2)?;
    Some(u16::from_le_bytes([entry[0], entry[1]])).filter(|entry| *entry != 0)
}

/// All readings that a simplified character has in names, but for the syllable of this number: the main one where it
/// stands in a surname that is read otherwise, and those of the list.
pub(crate) fn others(character: char, besides: u16) -> impl Iterator<Item = Syllable> {
    let read = |place: usize| u16::from_le_bytes([OTHERS[place], OTHERS[place + 1]]);
    let code = u16::try_from(u32::from(character)).unwrap_or_default();
    let (mut first, mut end) = (0, OTHERS.len() / 4);
    while first < end {
        let middle = usize::midpoint(first, end);
        if read(4 * middle) < code { first = middle + 1 } else { end = middle }
    }
    let listed = (first..OTHERS.len() / 4).map(|entry| 4 * entry).take_while(move |place| read(*place) == code);
    let listed = listed.map(move |place| Syllable(read(place + 2)));
    of_character(character).into_iter().chain(listed).filter(move |syllable| syllable.number() != besides)
}

/// The simplified character for a traditional one; all others as they are.
#[must_use]
pub fn simplified(character: char) -> char {
    // By place and not by looking for it: opening a hundred thousand names asks this often.
    static FOLDED: OnceLock<Vec<u16>> = OnceLock::new();
    let Ok(code) = u16::try_from(u32::from(character)) else { return character };
    let Some(place) = code.checked_sub(FIRST_FOLDED) else { return character };
    let folded = FOLDED.get_or_init(|| {
        let pairs = read_pairs();
        let last = pairs.last().map_or(FIRST_FOLDED, |(from, _)| *from);
        let mut folded: Vec<u16> = (FIRST_FOLDED..=last).collect();
        pairs.into_iter().for_each(|(from, to)| folded[usize::from(from - FIRST_FOLDED)] = to);
        folded
    });
    folded.get(usize::from(place)).and_then(|to| char::from_u32((*to).into())).unwrap_or(character)
}

fn read_pairs() -> Vec<(u16, u16)> {
    let mut from = Vec::new();
    let mut rest = SIMPLIFIED.iter().copied();
    let mut before = FIRST_FOLDED - 1;
    loop {
        let step = match rest.next() {
            None | Some(0) => break,
            Some(high) if high >= 128 => u16::from(high - 128) << 7 | u16::from(rest.next().unwrap_or_default()),
            Some(step) => step.into(),
        };
        before += step;
        from.push(before);
    }
    from.into_iter().map(|from| (from, u16::from_le_bytes([0; 2].map(|_| rest.next().unwrap_or_default())))).collect()
}

/// Surnames that are read otherwise than the main reading of their characters; longer ones first.
const SURNAMES: [(&str, &[(&str, u16)]); 36] = [
    ("万俟", &[("mo", 4), ("qi", 2)]),
    ("尉迟", &[("yu", 4), ("chi", 2)]),
    ("长孙", &[("zhang", 3), ("sun", 1)]),
    ("单于", &[("chan", 2), ("yu", 2)]),
    ("澹台", &[("tan", 2), ("tai", 2)]),
    ("令狐", &[("ling", 2), ("hu", 2)]),
    ("宰父", &[("zai", 3), ("fu", 3)]),
    ("亓官", &[("qi", 2), ("guan", 1)]),
    ("曾", &[("zeng", 1)]),
    ("单", &[("shan", 4)]),
    ("解", &[("xie", 4)]),
    ("仇", &[("qiu", 2)]),
    ("查", &[("zha", 1)]),
    ("朴", &[("piao", 2)]),
    ("区", &[("ou", 1)]),
    ("盖", &[("ge", 3)]),
    ("任", &[("ren", 2)]),
    ("华", &[("hua", 4)]),
    ("乐", &[("yue", 4)]),
    ("卜", &[("bu", 3)]),
    ("冼", &[("xian", 3)]),
    ("覃", &[("qin", 2)]),
    ("尉", &[("wei", 4)]),
    ("员", &[("yun", 4)]),
    ("召", &[("shao", 4)]),
    ("晟", &[("cheng", 2)]),
    ("燕", &[("yan", 1)]),
    ("葛", &[("ge", 3)]),
    ("过", &[("guo", 1)]),
    ("哈", &[("ha", 3)]),
    ("缪", &[("miao", 4)]),
    ("翟", &[("zhai", 2)]),
    ("折", &[("she", 2)]),
    ("那", &[("na", 1)]),
    ("秘", &[("bi", 4)]),
    ("种", &[("chong", 2)]),
];

/// Where the surname is read otherwise: the places of its characters and their syllables.
pub(crate) fn surname_of(name: &str) -> impl Iterator<Item = (usize, Syllable)> + use<> {
    let [first, second, third] = {
        let mut characters = name.chars();
        [(); 3].map(|()| characters.next())
    };
    // 小曾, 老单: the surname comes second where there are only two.
    let start = usize::from(matches!((first, second, third), (Some('小' | '老' | '阿'), Some(_), None)));
    let begins = if start == 0 { [first, second] } else { [second, third] }.map(|c| c.map(simplified));
    let may_begin =
        begins[0].is_some_and(|c| SURNAME_BITS[u32::from(c) as usize / 64 % 4] >> (u32::from(c) % 64) & 1 == 1);
    let read = may_begin.then(|| {
        SURNAMES.iter().find(|(name, _)| name.chars().zip(begins).all(|(character, begins)| Some(character) == begins))
    });
    let syllables: &[(&str, u16)] = read.flatten().map_or(&[], |(_, syllables)| syllables);
    syllables
        .iter()
        .enumerate()
        .filter_map(move |(place, (plain, tone))| Some((start + place, Syllable::written(plain, *tone)?)))
}

/// A bit for the first character of each surname of the list: most names begin with none of them.
const SURNAME_BITS: [u64; 4] = {
    let mut bits = [0; 4];
    let mut place = 0;
    while place < SURNAMES.len() {
        let utf8 = SURNAMES[place].0.as_bytes();
        let code = (utf8[0] as usize & 0x0f) << 12 | (utf8[1] as usize & 0x3f) << 6 | utf8[2] as usize & 0x3f;
        bits[code / 64 % 4] |= 1 << (code % 64);
        place += 1;
    }
    bits
};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, marked: &str) {
        let read: Vec<String> = of(name).into_iter().map(Syllable::marked).collect();
        assert_eq!(read.join(" "), marked, "{name}");
    }

    #[test]
    fn a_name_is_read_with_its_tones() {
        check("张顺利", "zhāng shùn lì");
        check("吕小刘", "lǚ xiǎo liú");
        check("欧阳略", "ōu yáng lüè");
        check("周贵", "zhōu guì");
        check("John Smith 2", "");
    }

    #[test]
    fn a_surname_has_its_own_reading() {
        check("曾世龙", "zēng shì lóng");
        check("单单", "shàn dān");
        check("仇和", "qiú hé");
        check("查理", "zhā lǐ");
        check("朴成", "piáo chéng");
        check("区小盖", "ōu xiǎo gài");
        check("任重", "rén zhòng");
        check("华华", "huà huá");
        check("尉迟恭", "yù chí gōng");
        check("万俟卨", "mò qí xiè");
        check("长孙无忌", "zhǎng sūn wú jì");
        check("小曾", "xiǎo zēng");
    }

    #[test]
    fn a_traditional_name_is_read_as_the_simplified_one() {
        check("張順利", "zhāng shùn lì");
        check("單龍", "shàn lóng");
        for (traditional, plain) in [('張', '张'), ('劉', '刘'), ('龍', '龙'), ('鬱', '郁')] {
            assert_eq!(simplified(traditional), plain);
        }
        assert_eq!(simplified('张'), '张');
        assert_eq!(simplified('a'), 'a');
    }

    #[test]
    fn every_surname_of_the_list_has_syllables_that_exist() {
        for (name, syllables) in SURNAMES {
            assert_eq!(surname_of(name).count(), name.chars().count(), "{name}");
            for (plain, tone) in syllables {
                assert!(Syllable::written(plain, *tone).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn characters_of_names_have_their_other_readings() {
        let check = |character: char, besides: &str, marked: &str| {
            let besides = Syllable::written(besides, 0).map_or(0, Syllable::number);
            let read: Vec<String> = others(character, besides).map(Syllable::marked).collect();
            assert_eq!(read.join(" "), marked, "{character}");
        };
        check('长', "zhang", "cháng");
        check('行', "xing", "háng héng");
        check('单', "shan", "dān chán"); // as a surname
        check('王', "wang", "");
        check('阿', "a", "ē");
        check('鹄', "gu", "hú");
        for (character, several) in [('长', true), ('長', true), ('樂', true), ('王', false), ('張', false)] {
            assert_eq!(looked_up(character).map(|(_, several)| several), Some(several), "{character}");
        }
    }

    #[test]
    fn most_characters_have_a_reading() {
        let read = (0x4e00..=0x9fff).filter_map(char::from_u32).filter(|c| of_character(*c).is_some()).count();
        assert!(read > 20_900, "{read}");
    }

    #[test]
    fn a_title_is_found_as_people_type() {
        for typed in ["请假", "假", "qj", "qingjia", "qing jia", "Q", "", " "] {
            assert!(finds(typed, "请假单"), "{typed}");
        }
        for typed in ["转卡", "zk", "qk"] {
            assert!(!finds(typed, "请假单"), "{typed}");
        }
        assert!(finds("pt", "PT 赠课") && finds("transfer", "Card transfer"));
    }
}
