//! A record as its form on paper: section by section as it was filled in, to read on the screen and to sign on A4.
//!
//! What the house keeps to itself (`unprinted`) is left out; numbers of documents are masked, and whoever may see one
//! whole asks for it; what is still to be filled in or signed stands as an empty line.

use crate::view::prelude::*;
use yingke_core::{
    audience::{Audience, circle},
    audit::Deed,
    blob::{self, BlobHash},
    id::RecordId,
    money::Money,
    pack::{Field, FieldType, Form, Language, ListOf, Required, Rule, Section},
    paper::is_identity,
    record::Record,
    typed::{Mark, Signature},
    value::Value,
};

use super::{
    kept_back::{AskPurpose, KeptBack, MaskedNumber, MedicalPapers},
    papers::not_for_me,
    picture::Picture,
    record_title::{form_of, title_of},
    shell::Pill,
    shown::{held, words_of},
};
use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    t,
    ui::{Button, ButtonKind, Glyph, Icon, Inked, Mark as Brand, PageHeader, slot},
    words::{Words, use_words},
};

/// A button that prints the page: what stands on paper is the sheet and nothing else of the screen.
#[component]
pub fn PrintButton() -> impl IntoView {
    let w = use_words();
    let print = move |()| {
        // Where printing is not allowed nothing happens, and the sheet is still on the screen.
        let _ = window().print();
    };
    view! { <Button label=t!(w, paper_print) icon=Icon::Print kind=ButtonKind::Primary on_press=print/> }
}

/// The sheet of a record on a page of its own, at `/paper/ID`; `?form=F-10` names the form where the record does not say.
#[component]
pub fn PaperPage() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let asked = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    let is_mine = Memo::new(move |_| roster.record(asked.get()?).map(|record| roster.may_see(&record)));
    // Neither its title nor whom it is about is for others.
    let id = Memo::new(move |_| asked.get().filter(|_| is_mine.get() == Some(true)));
    let form = Memo::new(move |_| {
        let asked = route.asked("form").filter(|key| roster.pack().form(key).is_some());
        asked.or_else(|| {
            let record = roster.record(id.get()?)?;
            form_of(roster.pack(), &record).map(|form| form.id.to_string())
        })
    });
    let title = move || {
        let form = form.get();
        let form = form.as_deref().and_then(|key| roster.pack().form(key));
        form.map_or_else(String::new, |form| form.title.in_language(w.get().0).to_owned())
    };
    let whom = move || {
        let record = id.get().and_then(|id| roster.record(id));
        record.map(|record| title_of(roster, w.get(), &record)).unwrap_or_default()
    };
    // Back to wherever somebody came from.
    let back = move |()| {
        if let Ok(history) = window().history() {
            let _ = history.back();
        }
    };
    view! {
        <PageHeader title=Signal::derive(title) second=slot(whom) back_label=t!(w, back) on_back=back>
            <Pill/>
            <PrintButton/>
        </PageHeader>
        {move || match id.get().zip(form.get()) {
            Some((record, form_key)) => view! { <FilledSheet record form_key/> },
            None if is_mine.get() == Some(false) => not_for_me(),
            None => view! { <div class="page"><p>{t!(w, record_gone)}</p></div> },
        }}
    }
}

/// The sheet of a record.
#[component]
pub fn FilledSheet(
    record: RecordId,
    /// `F-10`
    #[prop(into)]
    form_key: String,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let kept = KeptBack::of(record);
    let sheet = move || {
        let Some((form, record)) = roster.pack().form(&form_key).zip(roster.record(record)) else {
            return view! { <p>{t!(w, record_gone)}</p> };
        };
        let facts = paper_of(form, &record);
        draw(roster, w.get(), form, facts, kept)
    };
    // Where the sheet is wider than the screen it is scrolled, by the keyboard too.
    view! {
        <div class="a4-stage" role="region" tabindex="0" aria-label=t!(w, paper_sheet)>{sheet}</div>
        <AskPurpose kept/>
    }
}

/// What stands on the sheet, in order.
struct Paper {
    /// The number of the contract or slip, with its label.
    number: Option<(Field, Value)>,
    parts: Vec<Part>,
}

/// One section of a form on paper.
struct Part {
    section: Section,
    /// Labels with their values; without one it is to be filled in by hand.
    facts: Vec<(Field, Option<Value>)>,
    /// What was explained or agreed to.
    ticks: Vec<Field>,
    signs: Vec<(Field, Option<Signature>)>,
    /// Pictures, and for whom they are.
    pictures: Vec<(Field, Audience, Vec<BlobHash>)>,
}

/// What of a record stands on paper.
fn paper_of(form: &Form, record: &Record) -> Paper {
    let is_number = |field: &&Field| matches!(field.kind, FieldType::Text(_)) && field.required == Required::Auto;
    let number = form.fields().filter(is_number).find(|field| field.key.as_str().ends_with("_no"));
    let number = number.and_then(|field| Some((field.clone(), held(record, field.key.as_str())?)));
    let mut parts = Vec::new();
    for section in &form.sections {
        let (facts, ticks, signs, pictures) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut part = Part { section: section.clone(), facts, ticks, signs, pictures };
        for field in section.fields.iter().filter(|field| !field.unprinted) {
            if number.as_ref().is_some_and(|(number, _)| number.key == field.key) {
                continue;
            }
            let value = held(record, field.key.as_str());
            let is_expected = match &field.required {
                Required::Yes | Required::Later => true,
                Required::No | Required::Auto | Required::When(_) | Required::Unless(_) => false,
            };
            match (&field.kind, value) {
                (FieldType::Signature, value) if value.is_some() || is_expected => {
                    part.signs.push((field.clone(), value.as_ref().and_then(Signature::from_value)));
                }
                (FieldType::Photo | FieldType::File | FieldType::List(ListOf::Photos), value) => {
                    let named = value.as_ref().map(pictures_in).unwrap_or_default();
                    let kind = record.kind();
                    let audience = blob::audience_of(kind.as_str(), field.key.as_str(), record.audience());
                    if !named.is_empty() {
                        part.pictures.push((field.clone(), audience, named));
                    }
                }
                (FieldType::Signature, _) => {}
                (FieldType::Bool, Some(Value::Bool(true))) if is_agreement(field) => part.ticks.push(field.clone()),
                (_, value) if value.is_some() || is_expected => part.facts.push((field.clone(), value)),
                _ => {}
            }
        }
        if !(part.facts.is_empty() && part.ticks.is_empty() && part.signs.is_empty() && part.pictures.is_empty()) {
            parts.push(part);
        }
    }
    Paper { number, parts }
}

/// The pictures that a value names, in their order.
fn pictures_in(value: &Value) -> Vec<BlobHash> {
    match value {
        Value::Text(hash) => BlobHash::parse(hash).into_iter().collect(),
        Value::List(hashes) => hashes.iter().flat_map(pictures_in).collect(),
        _ => Vec::new(),
    }
}

/// Whether a field says that something was explained or agreed to.
fn is_agreement(field: &Field) -> bool {
    field.rules().any(|rule| matches!(rule, Rule::Agreed | Rule::YesWith(_)))
}

/// Whether a field takes the whole width of the sheet.
fn is_wide(field: &Field, shown: &str) -> bool {
    const WIDE_CHARACTERS: usize = 18;
    matches!(field.kind, FieldType::LongText | FieldType::List(_) | FieldType::Checklist(_) | FieldType::Stops(_))
        || shown.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>() > 2 * WIDE_CHARACTERS
}

/// The clauses of a text that numbers them 一、 二、 or 1. 2.; the whole text where it does not.
fn clauses(text: &str) -> Vec<&str> {
    const MARKS: [[&str; 6]; 2] =
        [["一、", "二、", "三、", "四、", "五、", "六、"], ["1. ", "2. ", "3. ", "4. ", "5. ", "6. "]];
    let Some(marks) = MARKS.iter().find(|marks| text.starts_with(marks[0])) else { return vec![text.trim()] };
    let mut rest = &text[marks[0].len()..];
    let mut clauses = Vec::new();
    for mark in &marks[1..] {
        let Some((clause, after)) = rest.split_once(mark) else { break };
        clauses.push(clause.trim());
        rest = after;
    }
    clauses.push(rest.trim());
    clauses
}

/// The same sum in capitals, where a contract or slip is about it.
fn in_capitals(words: Words, field: &Field, value: &Value) -> Option<String> {
    let is_the_sum = field.kind == FieldType::Money && field.required == Required::Yes;
    let sum = value.as_int().and_then(Money::from_fen).filter(|sum| is_the_sum && sum.fen() > 0)?;
    match words.0 {
        Language::ZhHans => Some(sum.in_capitals(false)),
        Language::ZhHant => Some(sum.in_capitals(true)),
        Language::En => None,
    }
}

fn draw(roster: Roster, words: Words, form: &Form, paper: Paper, kept: KeptBack) -> View {
    let language = words.0;
    let (_, venue, organisation) = roster.tablet();
    let shown = |field: &Field, value: &Value| {
        let plain = words_of(roster, words, field, value);
        in_capitals(words, field, value)
            .map_or_else(|| plain.clone(), |capitals| words.paper_capitals(&plain, capitals))
    };
    let number = paper.number.map(|(field, value)| {
        let (label, number) = (field.label.in_language(language).to_owned(), shown(&field, &value));
        view! { <p class="a4__number">{label} " " {number}</p> }
    });
    let parts = paper.parts.into_iter().enumerate().map(|(place, part)| {
        let number = words.paper_numbers().chars().nth(place).map(String::from).unwrap_or_default();
        let title = words.paper_section(number, part.section.title.in_language(language));
        let facts = part.facts.iter().map(|(field, value)| {
            let value = value.as_ref().map(|value| shown(field, value)).unwrap_or_default();
            let wide = is_wide(field, &value);
            let empty = value.is_empty();
            let value = match is_identity(field) && value.contains('*') && roster.may_look(Deed::SawNumber) {
                true => view! { <MaskedNumber kept field=field.clone() masked=value/> },
                false => view! { {value} },
            };
            view! {
                <div class="a4__fact" class:a4__fact--wide=wide class:a4__fact--open=empty>
                    <dt>{field.label.in_language(language).to_owned()}</dt>
                    <dd>{value}</dd>
                </div>
            }
        });
        let facts = facts.collect::<View>();
        let pictures = part.pictures.into_iter().map(|(field, audience, hashes)| {
            let label = field.label.in_language(language).to_owned();
            let count = hashes.len();
            let name = label.clone();
            let is_medical = matches!(&audience, Audience::Circle(_, name) if &**name == circle::HEALTH);
            let tiles = move || {
                let tiles = hashes.iter().enumerate().map(|(place, hash)| {
                    let (hash, name, audience) = (*hash, words.picture_of(&name, place + 1), audience.clone());
                    view! { <Picture hash audience label=name/> }
                });
                tiles.collect::<View>()
            };
            let tiles = match is_medical && roster.may_look(Deed::SawHealth) {
                true => view! { <MedicalPapers kept field count papers=Callback::new(move |()| tiles())/> },
                false => tiles(),
            };
            view! { <div class="a4__pictures"><dt>{label}</dt><dd>{tiles}</dd></div> }
        });
        let pictures = pictures.collect::<View>();
        let text = part.section.text.as_ref().map(|text| {
            let clauses = clauses(text.in_language(language));
            if let [whole] = clauses[..] {
                return view! { <p class="a4__text">{whole.to_owned()}</p> };
            }
            let clauses = clauses.into_iter().map(|clause| view! { <li>{clause.to_owned()}</li> });
            view! { <ol class="a4__terms">{clauses.collect::<View>()}</ol> }
        });
        let ticks = part.ticks.iter().map(|field| {
            view! { <li><Glyph icon=Icon::Tick/>{field.label.in_language(language).to_owned()}</li> }
        });
        let ticks = (!part.ticks.is_empty()).then(|| view! { <ul class="a4__ticks">{ticks.collect::<View>()}</ul> });
        let signs = part.signs.iter().map(|(field, signature)| sign(roster, words, field, signature.as_ref()));
        let signs = (!part.signs.is_empty()).then(|| view! { <div class="a4__signs">{signs.collect::<View>()}</div> });
        let columns = part.section.columns.to_string();
        view! {
            <section>
                <h3 class="a4__section">{title}</h3>
                <dl class="a4__facts" data-columns=columns>{facts} {pictures}</dl>
                {text} {ticks} {signs}
            </section>
        }
    });
    let parts = parts.collect::<View>();
    let copies = match form.copies {
        0 | 1 => None,
        2 => Some(words.paper_copies_two().to_owned()),
        more => Some(words.paper_copies(more)),
    };
    let printed = move || {
        let now = roster.minute();
        let offset = roster.utc_offset_minutes();
        words.paper_printed(format!("{} {}", format::full_day(words, now.day(offset)), format::clock(now, offset)))
    };
    view! {
        <article class="a4">
            <header class="a4__head">
                <Brand/>
                <div>
                    <p class="a4__brand">{organisation}</p>
                    <p class="a4__small">{venue}</p>
                </div>
                {number}
            </header>
            <h2 class="a4__title">{form.title.in_language(language).to_owned()}</h2>
            {parts}
            <footer class="a4__foot">
                <p class="a4__small">{copies}</p>
                <p class="a4__small a4__page">{printed}</p>
            </footer>
        </article>
    }
}

/// A line with what was signed above it and when below, or empty, to be signed with a pen.
fn sign(roster: Roster, words: Words, field: &Field, signature: Option<&Signature>) -> View {
    let label = field.label.in_language(words.0).to_owned();
    let Some(signature) = signature else {
        return view! {
            <div class="a4__sign">
                <p>{label}</p>
                <div class="a4__line"></div>
                <p class="a4__small">{words.paper_date()}</p>
            </div>
        };
    };
    let signer = signature.signer.to_string();
    let (drawn, witness) = match signature.mark() {
        Mark::Drawn(ink) => {
            let label = words.form_signature_of(&signer);
            (view! { <Inked strokes=ink.strokes().to_vec() label/> }, None)
        }
        Mark::Typed { witness } => {
            let witness = words.paper_typed(roster.staff_name(&witness.to_string()));
            (view! { <span class="a4__typed">{signer.clone()}</span> }, Some(witness))
        }
        Mark::Picture(_) => (View::Nothing, None),
    };
    let offset = roster.utc_offset_minutes();
    let when = format!("{} {}", format::full_day(words, signature.at.day(offset)), format::clock(signature.at, offset));
    view! {
        <div class="a4__sign">
            <p>{label} " " {signer}</p>
            <div class="a4__line">{drawn}</div>
            <p class="a4__small">{when}</p>
            {witness.map(|witness| view! { <p class="a4__small">{witness}</p> })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use yingke_core::{
        audience::Audience,
        change::{Edit, Key, Ranked, Write},
        fixture,
        merge::{Records, apply_to},
        pack::{Pack, VenueKind},
        schema::write,
        stamp::Stamp,
    };

    use super::*;

    fn record(kind: &'static str, writes: Vec<Write>) -> Record {
        let id = RecordId::from_bytes(fixture::id_bytes(1));
        let audience = Audience::Desk(fixture::venue());
        let edit = Edit { record: id, kind: Key::of(kind), audience, salt: [0; 8], writes };
        let ranked = Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(1, vec![edit]));
        let mut records = Records::default();
        ranked.change.edits().for_each(|edit| apply_to(&mut records, ranked.rank(), edit));
        records.remove(&id).unwrap()
    }

    fn keys(paper: &Paper) -> (Vec<String>, Vec<String>, Vec<String>) {
        let facts = paper.parts.iter().flat_map(|part| &part.facts);
        let ticks = paper.parts.iter().flat_map(|part| &part.ticks);
        let signs = paper.parts.iter().flat_map(|part| &part.signs);
        (
            facts.map(|(field, value)| format!("{}{}", field.key, if value.is_some() { "" } else { "?" })).collect(),
            ticks.map(|field| field.key.to_string()).collect(),
            signs.map(|(field, signed)| format!("{}{}", field.key, if signed.is_some() { "" } else { "?" })).collect(),
        )
    }

    #[test]
    fn an_agreement_stands_on_paper_with_what_is_still_open() {
        let agreement = record(
            "agreement",
            vec![
                write("agreement", "agreement_no", "W01-A07-261122-003"),
                write("agreement", "member_name", "王雨桐"),
                write("agreement", "deal_price", 368_000),
                write("agreement", "health_notice", true),
                write("agreement", "rules_explained", true),
            ],
        );
        let paper = paper_of(Pack::of(VenueKind::Fitness).form("F-10").unwrap(), &agreement);
        assert_eq!(paper.number.as_ref().map(|(field, _)| field.key.as_str()), Some("agreement_no"));
        let (facts, ticks, signs) = keys(&paper);
        // What was left empty and may be is not there; what has to be is a line to write on.
        assert!(facts.contains(&"member_name".into()) && facts.contains(&"mobile?".into()), "{facts:?}");
        assert!(!facts.iter().any(|key| key.starts_with("address") || key.starts_with("agreement_no")), "{facts:?}");
        assert_eq!(ticks, ["health_notice", "rules_explained"]);
        assert_eq!(signs, ["member_sign?", "consultant_sign?"]);
    }

    #[test]
    fn what_is_the_houses_own_stays_off_the_paper() {
        let transfer = record(
            "transfer",
            vec![write("transfer", "from_name", "王雨桐"), write("transfer", "true_reason", "嫌教练换得太勤")],
        );
        let paper = paper_of(Pack::of(VenueKind::Fitness).form("F-16").unwrap(), &transfer);
        let (facts, ..) = keys(&paper);
        assert!(facts.contains(&"from_name".into()) && !facts.iter().any(|key| key.starts_with("true_reason")));
        assert!(paper.parts.iter().all(|part| &*part.section.key != "why"), "an empty section has no heading");
    }

    #[test]
    fn a_declaration_is_split_where_it_numbers_itself() {
        assert_eq!(clauses("一、甲。二、乙。三、丙。"), ["甲。", "乙。", "丙。"]);
        assert_eq!(clauses("1. One. 2. Two."), ["One.", "Two."]);
        assert_eq!(clauses("请保管好协议书。"), ["请保管好协议书。"]);
        let text =
            Pack::of(VenueKind::Sports).form("F-11").unwrap().sections.iter().find_map(|section| section.text.clone());
        for language in Language::ALL {
            assert_eq!(clauses(text.as_ref().unwrap().in_language(language)).len(), 3);
        }
    }

    #[test]
    fn the_sum_of_a_contract_stands_in_capitals_too() {
        let form = Pack::of(VenueKind::Fitness).form("F-10").unwrap();
        let capitals =
            |language, key: &str, fen: i64| in_capitals(Words(language), form.field(key).unwrap(), &fen.into());
        assert_eq!(capitals(Language::ZhHans, "deal_price", 368_000).as_deref(), Some("叁仟陆佰捌拾元整"));
        assert_eq!(capitals(Language::ZhHant, "deal_price", 368_000).as_deref(), Some("參仟陸佰捌拾元整"));
        assert_eq!(capitals(Language::En, "deal_price", 368_000), None);
        assert_eq!(capitals(Language::ZhHans, "locker_deposit", 10_000), None);
    }

    #[test]
    fn every_form_can_stand_on_paper() {
        for kind in [VenueKind::Fitness, VenueKind::Sports] {
            for form in Pack::of(kind).forms.iter().filter(|form| form.id.starts_with("F-")) {
                let kind = yingke_core::schema::kind(&form.record).unwrap().key;
                let paper = paper_of(form, &record(kind, Vec::new()));
                assert!(
                    form.fields().any(|field| field.required == Required::Yes) != paper.parts.is_empty(),
                    "{}",
                    form.id
                );
            }
        }
    }
}
