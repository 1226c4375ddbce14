//! What a consultant does with one line of notes: the file of leads, and the capture screen.

use crate::page::Page;

/// As people write it down.
const FILE: &str = include_str!("leads.txt");
/// Numbers that an outing has to bring.
pub const GOAL: usize = 20;

/// What a line's number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    New,
    /// The same as that of an earlier line, from 1.
    Again(usize),
    /// None at all.
    Invalid,
}

/// One line of notes.
#[derive(Debug, Clone)]
pub struct Lead {
    pub written: String,
    pub name: String,
    pub title: String,
    interests: Vec<String>,
    cooperation: String,
    pub note: String,
    pub is: Is,
}

impl Lead {
    /// Only a number, as somebody in a hurry leaves it.
    pub fn in_a_hurry(number: &str) -> Self {
        Self {
            written: number.into(),
            name: String::new(),
            title: String::new(),
            interests: Vec::new(),
            cooperation: "配合".into(),
            note: String::new(),
            is: Is::New,
        }
    }

    fn read(line: &str) -> Self {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [written, who, interests, cooperation, note] = parts[..] else { panic!("five parts: {line}") };
        let titled = ["先生", "女士", "小姐"].into_iter().find_map(|title| Some((who.strip_suffix(title)?, title)));
        let (name, title) = titled.unwrap_or((who, ""));
        let again = note.strip_prefix("= ").map(|line| Is::Again(line.parse().unwrap()));
        let is = again.unwrap_or(if note.ends_with('!') { Is::Invalid } else { Is::New });
        Self {
            written: written.into(),
            name: name.trim().into(),
            title: title.into(),
            interests: interests.split_whitespace().map(str::to_owned).collect(),
            cooperation: cooperation.into(),
            note: if is == Is::New { note.into() } else { String::new() },
            is,
        }
    }

    /// The eleven digits that were meant.
    pub fn digits(&self) -> String {
        let half =
            |c: char| if ('０'..='９').contains(&c) { char::from(b'0' + (u32::from(c) - 0xff10) as u8) } else { c };
        let digits: Vec<char> = self.written.chars().map(half).filter(char::is_ascii_digit).collect();
        digits[digits.len().saturating_sub(11)..].iter().collect()
    }

    /// 138 0571 2296.
    pub fn phone(&self) -> String {
        let digits = self.digits();
        format!("{} {} {}", &digits[..3], &digits[3..7], &digits[7..])
    }

    /// 王女士, 张顺利, or the number of somebody without a name.
    pub fn called(&self) -> String {
        match (self.name.chars().count(), &*self.title) {
            (0, "") => self.phone(),
            (1, title) => format!("{}{title}", self.name),
            _ => self.name.clone(),
        }
    }
}

pub fn of_the_day() -> Vec<Lead> {
    FILE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Lead::read).collect()
}

/// How a number gets onto the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Keypad,
    Keyboard,
    Paste,
    /// Typed as it was written, in the sheet's field.
    Field,
}

impl Way {
    /// Ways take turns; what has no key is pasted or typed into the field.
    pub fn for_line(at: usize, lead: &Lead) -> Self {
        let plain = lead.written.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
        match at % 4 {
            0 if plain => Self::Keypad,
            1 if plain => Self::Keyboard,
            2 if !lead.written.contains('l') => Self::Paste,
            _ => Self::Field,
        }
    }
}

/// Begins an outing without a plan; the capture screen opens.
pub async fn begin_outing(page: &Page) {
    page.link("外拓").tap().await;
    page.button("现在开始").tap().await;
    page.group("联系电话").shown().await;
}

pub async fn enter_number(page: &Page, lead: &Lead, way: Way) {
    let typed: String = lead.written.chars().filter(char::is_ascii_digit).collect();
    match way {
        Way::Keypad => {
            for digit in typed.chars() {
                page.button(&digit.to_string()).tap().await;
            }
        }
        Way::Keyboard => page.keys(&typed).await,
        Way::Paste => page.paste(&lead.written).await,
        Way::Field => {
            page.button("姓名").tap().await;
            page.field("联系电话").fill(&lead.written).await;
            page.button("好了").tap().await;
            page.heading("姓名和其他").gone().await;
        }
    }
}

/// Everything beside the number.
pub async fn enter_rest(page: &Page, lead: &Lead) {
    if !lead.title.is_empty() {
        page.radio(&lead.title).tap().await;
    }
    if lead.cooperation != "配合" {
        page.radio(&lead.cooperation).tap().await;
    }
    for interest in &lead.interests {
        page.checkbox(interest).tap().await;
    }
    if lead.name.is_empty() && lead.note.is_empty() {
        return;
    }
    page.button("姓名").tap().await;
    if !lead.name.is_empty() {
        page.field("姓名").fill(&lead.name).await;
    }
    if !lead.note.is_empty() {
        page.field("备注").fill(&lead.note).await;
    }
    page.button("好了").tap().await;
    page.heading("姓名和其他").gone().await;
}

/// Saves, and waits for the tick.
pub async fn save(page: &Page, lead: &Lead) {
    page.button("保存").tap().await;
    ticked(page, lead).await;
}

pub async fn ticked(page: &Page, lead: &Lead) {
    page.status(&tick(lead)).shown().await;
}

/// What is said once a lead is durable.
pub fn tick(lead: &Lead) -> String {
    format!("已存在本机，{}", lead.called())
}

/// A whole lead with the hardware keyboard: the number and Enter.
pub async fn capture_fast(page: &Page, lead: &Lead) {
    page.keys(&format!("{}\u{e007}", lead.digits())).await;
}

/// Waits until the ring says so.
pub async fn ring_shows(page: &Page, count: usize) {
    page.image(&format!("留了{count}位，目标{GOAL}位")).shown().await;
}

/// Waits until that many people have been found for what was typed.
pub async fn search_finds(page: &Page, typed: &str, count: usize) {
    page.field("电话任意几位、姓名或拼音").fill(typed).await;
    page.text(&format!("找到{count}位")).shown().await;
}
