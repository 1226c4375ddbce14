//! People: found within three letters; one person's whole life on one page.

mod file;
mod form;
mod giving;
mod list;
mod same;

pub use file::PersonFile;
pub use form::{EditPerson, NewPerson};
pub use giving::{GiveSheet, protected};
pub use list::{PeopleHome, PersonFacts};

use yingke_core::{permit::PhoneView, phone::PhoneNumber, pinyin, record::Record, value::Value};

use crate::{roster::Roster, words::Words};

/// The name, or that there is none.
pub fn name_of(words: Words, person: &Record) -> String {
    person.text("name").map_or_else(|| words.person_unnamed().to_owned(), str::to_owned)
}

/// The phone number as people write it, as much of it as I see; what I typed to find it is none of a secret.
pub fn phone_of(roster: Roster, words: Words, person: &Record, typed: &str) -> String {
    let number = person.text("phone").and_then(PhoneNumber::from_e164);
    number.map_or_else(
        || words.person_no_phone().to_owned(),
        |number| match roster.phone_view(person) {
            PhoneView::Whole => number.shown(),
            PhoneView::Asked | PhoneView::Masked => number.masked_but(typed),
        },
    )
}

/// 先生, 女士; nothing where nobody said.
pub fn salutation_of(roster: Roster, words: Words, person: &Record) -> Option<String> {
    let code = person.text("salutation").filter(|code| *code != "other")?;
    Some(roster.pack().word("salutation", code, words.0).to_owned())
}

/// What stage of SM-01 somebody is in.
pub fn stage_of(words: Words, person: &Record) -> Option<&'static str> {
    Some(match person.text("stage")? {
        "new" => words.stage_new(),
        "contacted" => words.stage_contacted(),
        "appointed" => words.stage_appointed(),
        "visited" => words.stage_visited(),
        "negotiating" => words.stage_negotiating(),
        "tracking" => words.stage_tracking(),
        "won" => words.stage_won(),
        "lost" => words.stage_lost(),
        "dormant" => words.stage_dormant(),
        "do_not_contact" => words.person_do_not_contact(),
        _ => return None,
    })
}

/// What somebody likes, in the words of the pack.
pub fn likes_of(roster: Roster, words: Words, person: &Record) -> String {
    let pack = roster.pack();
    let likes: Vec<&str> = person
        .elements("interests")
        .filter_map(Value::as_text)
        .map(|code| pack.word("interest", code, words.0))
        .collect();
    likes.join(words.list_comma())
}

/// The reading of a name, `zhāng shùn lì`; nothing for a name that is not Chinese.
pub fn reading_of(person: &Record) -> String {
    let syllables = pinyin::of(person.text("name").unwrap_or_default());
    syllables.into_iter().map(|syllable| syllable.marked()).collect::<Vec<_>>().join(" ")
}
