//! The table of readings, from the `pinyin` crate (Unihan and the dictionaries behind it), and the table from
//! traditional to simplified characters, from `fast2s` (OpenCC).
//!
//! Both are laid out so that they compress well: they are part of what a tablet fetches first.

use std::{collections::BTreeMap, fs, path::Path};

use pinyin::{Pinyin, ToPinyin, ToPinyinMulti};

/// The block of CJK Unified Ideographs.
const FIRST: u16 = 0x4e00;
const LAST: u16 = 0x9fff;
/// Traditional characters of extension A are folded too.
const FIRST_FOLDED: u16 = 0x3400;
/// Letters of the longest syllable, `zhuang`.
const SYLLABLE_LETTERS: usize = 6;

/// Set on an entry of the table whose character has [`OTHERS`].
const SEVERAL: u16 = 1 << 15;

/// Other readings that characters have in names besides their main one, told apart by ear and not by tone alone. A choice, since
/// the data has whatever was ever read: with all of it `y` would find every 王. Each is held against the data.
const OTHERS: &str = "\
    乐 yue4, 乘 sheng4, 了 liao3, 亶 zhan1, 什 shi2, 仇 qiu2, 仔 zi3, 仡 yi4, 会 kuai4, 传 zhuan4, 伽 jia1 qie2, \
    佛 fo2, 佴 nai4, 便 pian2, 俟 si4, 俶 ti4, 偲 si1, 兑 rui4, 劲 jing4, 勒 le4, 区 ou1, 单 shan4 chan2, 卜 bu3, \
    卡 qia3, 厦 xia4, 参 shen1, 句 gou1, 召 shao4, 吁 yu4, 员 yun4, 喁 yu2, 圩 xu1, 圻 yin2, 坻 di3, 埔 bu4, \
    堡 bu3 pu4, 塞 se4, 契 xie4, 娜 nuo2, 媞 ti2, 嬛 xuan1, 宓 fu2, 宛 yuan1, 宿 xiu4, 将 qiang1, 尉 yu4, \
    屏 bing3, 岂 kai3, 峒 tong2, 峤 qiao2, 崴 wei1, 巷 hang4, 度 duo2, 弹 tan2, 强 jiang4, 扁 pian1, 折 she2, \
    拓 ta4, 挟 jia1, 晟 sheng4 jing1, 景 ying3, 曾 zeng1, 朝 zhao1, 术 zhu2, 朴 piao2 po4, 杉 sha1, 杓 shao2, \
    枸 ju3, 柏 bo2, 查 zha1, 栎 yue4, 栖 xi1, 校 jiao4, 桔 jie2, 桧 hui4, 模 mu2, 歙 xi1, 殷 yan1, 沓 ta4, \
    泊 bo2, 泌 bi4, 泷 shuang1, 洗 xian3, 浒 xu3, 浚 xun4, 涌 chong1, 涡 guo1, 渑 sheng2, 湛 chen2, 溱 zhen1, \
    漯 ta4, 澄 deng4, 澹 tan2, 瀑 bao4, 炅 gui4, 焘 tao1, 焯 zhuo1, 牟 mu4, 犍 qian2, 率 shuai4, 玢 fen1, \
    珩 heng2, 琢 zhuo2, 番 pan1, 盖 ge3, 盛 cheng2, 省 xing3, 瞿 ju4, 祇 zhi3, 祭 zhai4, 禅 shan4, 种 chong2, \
    秘 bi4, 称 chen4, 稽 qi3, 筠 jun1, 系 ji4, 繁 po2, 纶 guan1, 缪 miao4 miu4, 翟 zhai2, 脉 mo4, 般 bo1, \
    芥 gai4, 芫 yuan2, 芾 fu2, 若 re3, 茄 qie2, 茜 xi1, 荥 ying2, 荨 qian2, 莎 suo1, 莘 xin1, 莞 wan3, 菀 yu4, \
    著 zhuo2, 蔓 wan4, 蔚 yu4, 蕃 bo1, 薄 bo2, 藏 zang4, 行 hang2 heng2, 裳 chang2, 褚 zhu3, 覃 qin2, 觉 jiao4, \
    角 jue2, 解 xie4, 说 yue4, 调 tiao2, 贲 bi4, 贾 gu3, 车 ju1, 辟 bi4, 还 huan2, 那 nuo2, 邪 ye2, 郇 xun2, \
    郗 chi1, 都 du1, 重 chong2, 钿 tian2, 铣 xian3, 铤 ting3, 镐 hao4, 镡 tan2 xin2, 长 chang2, 阏 yan1, 阚 kan4, \
    阿 e1, 陂 pi2 po1, 降 xiang2, 隗 wei3, 隽 jun4, 露 lou4, 靓 liang4, 颉 xie2, 骠 piao4, 鹄 hu2";

/// Writes `pinyin_syllables.txt`, `pinyin_readings.bin`, `pinyin_others.bin` and `simplified.bin`.
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

    let number = |(syllable, tone): &(String, u16)| number_by_syllable[syllable.as_str()] * 5 + tone;

    let mut others: Vec<(u16, u16)> = Vec::new();
    for (character, other) in others_in_names() {
        let code = character as u16;
        assert!(!simplified.contains_key(&code), "{character} is looked up as a simplified character");
        assert!(reading_of(code).is_some_and(|main| main.0 != other.0), "{character} is read {} anyway", other.0);
        others.push((code, number(&other)));
    }
    others.sort_unstable();
    let has_others = |code: u16| others.iter().any(|(other, _)| *other == code);

    let mut table = Vec::new();
    for code in FIRST..=LAST {
        // A traditional character that is read as its simplified one is looked up there.
        let own = reading_of(code).filter(|own| simplified.get(&code).and_then(|to| reading_of(*to)) != Some(own));
        let several = if has_others(simplified.get(&code).copied().unwrap_or(code)) { SEVERAL } else { 0 };
        let entry = own.map_or(0, |own| number(own) | several);
        table.extend_from_slice(&entry.to_le_bytes());
    }
    let others: Vec<u8> =
        others.into_iter().flat_map(|(code, reading)| [code, reading]).flat_map(u16::to_le_bytes).collect();

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

    for (name, bytes) in [
        ("pinyin_syllables.txt", syllables.as_bytes()),
        ("pinyin_readings.bin", &table),
        ("pinyin_others.bin", &others),
        ("simplified.bin", &pairs),
    ] {
        fs::write(out_dir.join(name), bytes).expect("the build's own folder can be written");
    }
}

/// [`OTHERS`], one by one: the character, the syllable and the tone.
fn others_in_names() -> Vec<(char, (String, u16))> {
    let mut all = Vec::new();
    for listed in OTHERS.split(", ") {
        let mut words = listed.split(' ');
        let character: char = words.next().and_then(|word| word.parse().ok()).expect("a character comes first");
        let known: Vec<_> = character.to_pinyin_multi().into_iter().flatten().filter_map(syllable_and_tone).collect();
        for word in words {
            let other = known.iter().find(|(syllable, tone)| format!("{syllable}{tone}") == word);
            let other = other.unwrap_or_else(|| panic!("{character} is not known to be read {word}"));
            all.push((character, other.clone()));
        }
    }
    all
}

/// The main reading of a character.
fn reading(code: u16) -> Option<(String, u16)> {
    syllable_and_tone(char::from_u32(code.into())?.to_pinyin()?)
}

/// The syllable in ASCII, ü as v, and the tone, 0 where it has none.
fn syllable_and_tone(pinyin: Pinyin) -> Option<(String, u16)> {
    let numbered = pinyin.with_tone_num_end();
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
