//! What is wrong with a pack that somebody wrote, by file and line, and what tablets are to read of it.
//!
//! The very checks that the build makes of the packs that ship, with those in force around it: a kind's own pack uses what
//! the common one names. What takes the place of a pack that ships may reword, ask for less or more, add items, steps,
//! tasks and talks, and set other numbers; it keeps what the program relies on and what records were written with.

use std::{fmt, fs, path::Path, sync::LazyLock};

use yingke_core::{
    clockwork,
    pack::{
        Built, COMMON, Packs, VenueKind,
        kept::{self, Lack},
        source,
    },
    wire::v1::PublishedPack,
};

use crate::admin::AdminError;

/// Letters of a pack's file. The longest that ships has a fifteenth of that.
const FILE_BYTES_MAX: u64 = 2_000_000;

/// The packs that a club goes by, as people write them: what is common to all first.
#[derive(Debug, Clone)]
pub struct Sources([(&'static str, String); 3]);

/// A pack as people write it, and as tablets read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    pub source: String,
    pub pack: PublishedPack,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Written({} {})", self.pack.key, self.pack.version)
    }
}

/// What is wrong with a pack's file, and in which line; the first where it is wrong as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {fault}")]
pub struct PackFault {
    pub line: usize,
    pub fault: String,
}

impl PackFault {
    fn at(text: &str, (at, fault): source::Fault) -> Self {
        Self { line: source::line(text, at), fault }
    }

    /// On the line of the last thing that is found of what the fault stands after.
    fn of_lack(text: &str, lack: Lack) -> Self {
        let found =
            lack.after.iter().fold(0, |from, after| text[from..].find(after.as_str()).map_or(from, |at| from + at));
        Self::at(text, (found, lack.fault))
    }

    fn of_all(fault: String) -> Self {
        Self { line: 1, fault }
    }
}

/// What the packs that ship name.
static SHIPPED: LazyLock<source::Names> = LazyLock::new(|| {
    let mut names = source::Names::default();
    for (_, text) in &Sources::shipped().0 {
        source::compile(text, &mut names, None).expect("the build has checked it");
    }
    names
});

impl Sources {
    /// Those that ship.
    #[must_use]
    pub fn shipped() -> Self {
        Self([
            (COMMON, include_str!("../../public/packs/core.toml").into()),
            ("fitness", include_str!("../../public/packs/fitness.toml").into()),
            ("sports", include_str!("../../public/packs/sports.toml").into()),
        ])
    }

    /// How people wrote the pack of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, text)| &**text)
    }

    /// The version of the pack of a key; 0 where there is none.
    #[must_use]
    pub fn version(&self, key: &str) -> u32 {
        let head = self.get(key).and_then(|text| source::head_of(text).ok());
        head.map_or(0, |head| *head.version.get_ref())
    }

    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(key, _)| *key)
    }

    /// What this version of the program finds wrong with one of them: others were published by another version.
    #[must_use]
    pub fn fault_of(&self, key: &str) -> Option<PackFault> {
        self.clone().with(self.get(key)?).err()
    }

    /// Puts another in the place of the one of its key; `false` if there is none.
    pub fn put(&mut self, key: &str, text: &str) -> bool {
        let place = self.0.iter_mut().find(|(known, _)| *known == key);
        place.map(|(_, here)| text.clone_into(here)).is_some()
    }

    /// As [`Self::with`], for a text that is to come into force: its version has to be above that of the pack in force,
    /// and what records may hold by the packs of before is kept.
    ///
    /// # Errors
    /// [`PackFault`], the first.
    pub fn newer<'a>(self, text: &str, before: impl IntoIterator<Item = &'a Packs>) -> Result<Written, PackFault> {
        let head = source::head_of(text).map_err(|fault| PackFault::at(text, fault))?;
        let had = self.version(head.key.get_ref());
        let written = self.checked(text, before)?;
        if written.pack.version > had {
            return Ok(written);
        }
        let fault = format!("version {} is not above {had}, the one in force", written.pack.version);
        Err(PackFault::at(text, (head.version.span().start, fault)))
    }

    /// What tablets are to read, if a text takes the place of the pack that it says it is.
    ///
    /// # Errors
    /// [`PackFault`], the first.
    pub fn with(self, text: &str) -> Result<Written, PackFault> {
        self.checked(text, [])
    }

    fn checked<'a>(mut self, text: &str, before: impl IntoIterator<Item = &'a Packs>) -> Result<Written, PackFault> {
        let head = source::head_of(text).map_err(|fault| PackFault::at(text, fault))?;
        let key = head.key.get_ref().as_str();
        if !self.put(key, text) {
            let fault = if VenueKind::from_key(key).key() == key {
                format!("this version has no pack for {key}: such a venue goes by that of fitness clubs")
            } else {
                format!("`{key}` is no pack: {}", self.keys().collect::<Vec<_>>().join(", "))
            };
            return Err(PackFault::at(text, (head.key.span().start, fault)));
        }
        let mut names = source::Names::in_place_of(SHIPPED.clone());
        let mut all = Vec::new();
        for (known, text) in &self.0 {
            let built = source::compile(text, &mut names, None).map_err(|fault| match PackFault::at(text, fault) {
                fault if *known == key => fault,
                PackFault { line, fault } => {
                    PackFault::of_all(format!("the pack {known} would have a fault then, in its line {line}: {fault}"))
                }
            })?;
            all.push((*known, built));
        }
        let read: Vec<Built<'_>> =
            all.iter().map(|(key, built)| Built { key, text: &built.text, work: &built.work }).collect();
        let packs = Packs::read(&read, 0).map_err(|error| PackFault::of_all(error.to_string()))?;
        kept::check(&packs, Packs::shipped()).map_err(|lack| PackFault::of_lack(text, lack))?;
        let mut before = before.into_iter();
        before
            .try_for_each(|before| kept::check_records(&packs, before))
            .map_err(|lack| PackFault::of_lack(text, lack))?;
        let watched = clockwork::kinds(Packs::shipped());
        if let Some(kind) = clockwork::kinds(&packs).difference(&watched).next() {
            return Err(PackFault::of_all(format!("the clock does not look after {kind}, and a step waits for it")));
        }
        let (_, built) = all.into_iter().find(|(known, _)| *known == key).expect("its place was found");
        let source::Built { text: built, work } = built;
        let pack = PublishedPack { key: key.into(), version: *head.version.get_ref(), text: built, work };
        Ok(Written { source: text.into(), pack })
    }
}

/// Reads a file, and says of a fault in it where it is.
///
/// # Errors
/// File, line and fault of the first thing that is wrong, or that the file cannot be read.
pub fn read(file: &Path, judge: impl FnOnce(&str) -> Result<Written, PackFault>) -> Result<Written, AdminError> {
    let said = |what: &str| AdminError::Asked(format!("{}: {what}", file.display()));
    let unreadable = |error: std::io::Error| said(&format!("it cannot be read: {error}"));
    if fs::metadata(file).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(said(&format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = fs::read(file).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| said("it is not in UTF-8; have the editor save it as UTF-8"))?;
    if text.trim().is_empty() {
        return Err(said("it is empty"));
    }
    judge(&text).map_err(|fault| AdminError::Asked(format!("{}:{fault}", file.display())))
}

/// Checks one file as one that takes the place of the pack that ships.
///
/// # Errors
/// As [`read`].
pub fn check(file: &Path) -> Result<String, AdminError> {
    let written = read(file, |text| Sources::shipped().with(text)).map_err(|error| {
        AdminError::Asked(format!("{error} (beside the packs that ship; --data names a club, to check beside its own)"))
    })?;
    Ok(format!("{}: no fault; {}\n", file.display(), counted(&written.pack)))
}

/// What a pack brings, in numbers.
#[must_use]
pub fn counted(PublishedPack { key, version, text, work }: &PublishedPack) -> String {
    let count = |text: &str, letter: &str| text.lines().filter(|line| line.starts_with(letter)).count();
    format!(
        "{key} version {version}: {} forms of {} fields, {} checklists, {} talks, {} machines, {} tasks",
        count(text, "f\t"),
        count(text, "x\t"),
        count(text, "c\t"),
        count(text, "t\t"),
        count(work, "m\t"),
        count(work, "j\t"),
    )
}

#[cfg(test)]
mod tests {
    use yingke_core::wire::v1::PublishedPacks;

    use super::*;

    fn checked(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        fs::write(&file, text).unwrap();
        let answer = match check(&file) {
            Ok(answer) => answer,
            Err(error) => error.to_string(),
        };
        answer.replace(&*file.to_string_lossy(), "own.toml")
    }

    const FITNESS: &str = include_str!("../../public/packs/fitness.toml");

    /// The line on which a text stands.
    fn line_of(text: &str) -> usize {
        FITNESS[..FITNESS.find(text).unwrap()].lines().count() + usize::from(FITNESS.find(text) == Some(0))
    }

    #[test]
    fn a_pack_that_ships_has_no_fault() {
        assert!(checked(FITNESS).starts_with("own.toml: no fault"), "{}", checked(FITNESS));
        assert!(checked(Sources::shipped().get(COMMON).unwrap()).starts_with("own.toml: no fault"));
    }

    #[test]
    fn a_fault_is_told_with_file_and_line() {
        for (wrong, right, fault) in [
            ("needs = [\"filled(true_reason)\"]", "needs = [\"filed(true_reason)\"]", "there is no guard `filed`"),
            (
                "needs = [\"filled(true_reason)\"]",
                "needs = [\"filled(truth)\"]",
                "record transfer has no field `truth`",
            ),
            ("key = \"record_reason\",", "key = \"record_reason\", why = \"\",", "unknown field `why`"),
            ("to = \"reason_recorded\"", "to = \"reasons\"", "SM-09 has no state `reasons`"),
            ("type = \"enum(transfer_reason)\"", "type = \"enum(reasons)\"", "there is no list `reasons`"),
        ] {
            let told = checked(&FITNESS.replacen(wrong, right, 1));
            let place = format!("own.toml:{}: ", line_of(wrong));
            assert!(told.starts_with("own.toml:") && told.contains(fault), "{told}");
            assert!(told.starts_with(&place) || told.contains("unknown field"), "{told}, not {place}");
        }
        assert!(
            checked("key = \"zoo\"\nversion = 1\ntitle = [\"a\", \"b\", \"c\"]\n").contains(":1: `zoo` is no pack")
        );
        assert!(
            checked("key = \"billiards\"\nversion = 1\ntitle = [\"a\", \"b\", \"c\"]\n")
                .contains(":1: this version has no pack for billiards")
        );
        assert!(checked("key = ").contains("own.toml:1: "));
        assert!(checked(" \n").starts_with("own.toml: it is empty (beside"), "{}", checked(" \n"));
    }

    /// What becomes of a pack that ships, with one text in the place of another.
    fn changed(key: &str, from: &str, to: &str) -> Result<Written, PackFault> {
        let shipped = Sources::shipped();
        let text = shipped.get(key).unwrap();
        assert!(text.contains(from), "{from}");
        let text = text.replacen(from, to, 1);
        shipped.with(&text)
    }

    fn packs_with(written: &Written) -> Packs {
        PublishedPacks { packs: vec![written.pack.clone()], edition: 1, ..PublishedPacks::default() }.read().unwrap()
    }

    #[test]
    fn what_the_program_and_records_rely_on_stays() {
        let office = "  [\"office\", \"写字楼\", \"辦公大樓\", \"Office building\"],\n";
        let card_no = r#"{ key = "card_no", label = ["卡号", "卡號", "Card number"], type = "text(30)", required = "yes" },
  { key = "member_name", label = ["姓名", "姓名", "Name"], type = "name", required = "yes" },
  { key = "applied_at", label = ["申请时间", "申請時間", "Asked at"]"#;
        let other_type = card_no.replace("text(30)", "text(31)");
        let other_field = card_no.replace("card_no", "card_colour");
        let number = r#"type = "phone", required = { unless = { cooperation = ["refused"] } } }"#;
        let level_2 = r#"by = ["cs_supervisor"], needs = ["is(level1_result, escalated, refund_proposed)"]"#;
        for (from, to, fault) in [
            (office, "", "there is no item `office` of list `area_kind`: records may hold it"),
            ("id = \"CL-20\"", "id = \"CL-99\"", "checklist CL-20 has no item"),
            (
                "key = \"outing.ask_minutes\"\nvalue = 1\nunit = \"min\"",
                "key = \"outing.ask_minutes\"\nvalue = 1\nunit = \"s\"",
                "`outing.ask_minutes` counts something else",
            ),
            (card_no, &other_type, "`card_no` of record refund holds text(30) in the program, and text(31)"),
            (card_no, &other_field, "the program keeps no field `card_colour` of record refund"),
            (number, &number.replace("phone", "text(20)"), "`mobile` of form F-03 is of another type"),
            ("id = \"F-04\"", "id = \"F-04\"\npacks = [\"sports\"]", "fitness venues have no form F-04"),
            ("id = \"SM-10\"", "id = \"SM-10\"\npacks = [\"sports\"]", "fitness venues have no machine SM-10"),
            ("key = \"level_1\", label", "key = \"first_level\", label", "SM-10 has no step `level_1` to `level1`"),
            (level_2, r#"by = ["any"], needs = []"#, "step `level_2` of SM-10 keeps R-048, a hard rule"),
            ("id = \"R-048\"", "id = \"R-948\"", "R-048 is a hard rule, kept by SM-10.level_2"),
            (
                "required = \"yes\", rule = { id_number_of = \"id_type\" } }",
                "required = \"yes\" }",
                "is the number of a document no more",
            ),
            ("unit = \"min\"", "unit = \"minutes\"", "`minutes` is no unit"),
            ("set(final_decision, refund)", "set(final_amount, refund)", "`final_amount` holds money"),
            ("is(state, level1)", "is(state, levl1)", "`state` can never be `levl1`"),
            ("is(level1_result, retained)", "is(level1_result, kept)", "`level1_result` can never be `kept`"),
            ("\"yes(agreed)\"", "\"yes(reason_text)\"", "`reason_text` holds note, and not yes or no"),
            (
                "key = \"outing.first_call_hour\"\nvalue = 10",
                "key = \"outing.first_call_hour\"\nvalue = 99",
                "is 0 to 23",
            ),
            (
                "key = \"outing.ask_minutes\"\nvalue = 1",
                "key = \"outing.ask_minutes\"\nvalue = \"1\"",
                "a number is expected",
            ),
            (
                "title = [\"健身俱乐部\", \"健身俱樂部\", \"Fitness club\"]",
                "title = [\"健身俱乐部\"]",
                "words in three languages are expected",
            ),
            (
                "title = [\"健身俱乐部\", ",
                "title = [\"健身俱乐部\"，",
                "quotes and commas are those of the English keyboard",
            ),
            ("id = \"F-17\"", "id = \"F 17\"", "`F 17` is no name"),
            (
                "record = \"refund\"\ntitle = [\"退卡申请单\"",
                "record = \"pets\"\ntitle = [\"退卡申请单\"",
                "no records of kind `pets`",
            ),
        ] {
            let told = changed("fitness", from, to).unwrap_err().to_string();
            assert!(told.contains(fault), "{told}, not {fault}");
        }
        // What keeps a hard rule may ask for more, in any order.
        let asked = "filled(card_no, member_name, start_on, membership)";
        assert!(
            changed("fitness", asked, "filled(membership, card_no, start_on, member_name, planned_end_on)").is_ok()
        );
        let fault = changed("fitness", asked, "filled(card_no, member_name, start_on)").unwrap_err().fault;
        assert!(fault.contains("a hard rule"), "{fault}");
        // It is told where.
        let told = changed("fitness", "key = \"level_1\", label", "key = \"first_level\", label").unwrap_err();
        assert_eq!(told.line, line_of("id = \"SM-10\"") + 1);
    }

    #[test]
    fn what_is_common_is_checked_with_the_packs_that_use_it() {
        // Only the pack of fitness clubs names it.
        let fault = changed(COMMON, "key = \"member.care_days\"", "key = \"member.care\"").unwrap_err();
        assert_eq!(fault.line, 1);
        assert!(fault.fault.starts_with("the pack fitness would have a fault then, in its line "), "{fault}");
    }

    #[test]
    fn a_pack_says_other_words_asks_less_and_offers_more() {
        let added = r#"["maybe", "再说", "再說", "Perhaps"], ["refused", "不配合", "婉拒", "Refused", "nowhere"]"#;
        let written = changed("fitness", r#"["refused", "不配合", "婉拒", "Refused"]"#, added).unwrap();
        let packs = packs_with(&written);
        let pack = packs.pack(VenueKind::Fitness);
        let offered = pack.list("cooperation").iter().filter(|item| item.offered).map(|item| &*item.key);
        assert_eq!(offered.collect::<Vec<_>>(), ["cooperative", "short_on_time", "maybe"]);
        assert_eq!(pack.word("cooperation", "refused", yingke_core::pack::Language::En), "Refused");
        // A field of its own.
        let asked = r#"{ key = "reason_text", label = ["原因说明""#;
        let field = |key: &str, kind: &str| {
            let own =
                format!(r#"{{ key = "{key}", label = ["车牌", "車牌", "Plate"], type = "{kind}", required = "no" }}"#);
            changed("fitness", asked, &format!("{own},\n  {asked}"))
        };
        let written = field("own_plate", "text(10)").unwrap();
        let packs = packs_with(&written);
        let form = packs.pack(VenueKind::Fitness).form("F-17").unwrap();
        assert!(form.field("own_plate").is_some());
        let fault = |key, kind| field(key, kind).unwrap_err().fault;
        assert!(fault("plate", "text(10)").contains("one that a club adds begins with `own_`: `own_plate`"));
        assert!(fault("own_plate", "signature").starts_with("a field that a club adds is of type text, "));
        // It stays what it was, and so does what records may hold otherwise.
        let mut sources = Sources::shipped();
        assert!(sources.put("fitness", &written.source));
        let before = [packs];
        let next = |text: &str| sources.clone().newer(&text.replacen("\nversion = 1\n", "\nversion = 2\n", 1), &before);
        assert_eq!(next(&written.source).unwrap().pack.version, 2);
        let longer = written.source.replacen("type = \"text(10)\", required", "type = \"text(12)\", required", 1);
        assert!(next(&longer).is_ok());
        let other = written.source.replacen("type = \"text(10)\", required", "type = \"money\", required", 1);
        let fault = next(&other).unwrap_err();
        assert_eq!(fault.fault, "`own_plate` held something else once, in whichever form: give it another name");
        assert!(other.lines().nth(fault.line - 1).unwrap().contains("own_plate"), "{fault}");
        assert!(next(FITNESS).is_ok(), "it need not be asked for");
        // A field that is asked for no more.
        let text = Sources::shipped().get("fitness").unwrap().to_owned();
        let line = text.lines().find(|line| line.contains("key = \"reason_text\"") && line.contains("In their words"));
        let without = changed("fitness", line.unwrap(), "").unwrap_err();
        assert!(without.fault.contains("record refund has no field `reason_text`"), "a step waits for it: {without}");
    }
}
