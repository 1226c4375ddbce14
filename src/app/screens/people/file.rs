//! One person's page: who, where the record is, facts, and all that happened by month.

use crate::route::use_route;
use crate::view::prelude::*;
use yingke_core::{id::RecordId, lead, record::Record, time::Millis, workflow::PROGRESS};

use super::{
    giving::{GiveButton, HandedOn, OwnerTag},
    list::{Actions, PersonFacts, Reading},
    name_of, phone_of, salutation_of,
    same::{Joined, SamePhone},
    stage_of,
};
use crate::{
    format,
    roster::{Roster, use_roster},
    screens::{
        expected::Appointments,
        papers::{self, Cards, Choose},
        record_title,
        shell::Pill,
    },
    t,
    ui::{
        Button, ButtonKind, Custody, CustodyPoint, EmptyState, Face, FaceSize, Facts, HistoryRow, Icon, IconButton,
        Look, Reach, Section, Tab, Tabs, Tag, Tone, slot,
    },
    words::{Words, use_words},
};

#[component]
pub fn PersonFile() -> impl IntoView {
    let route = use_route();
    let id = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    let roster = use_roster();
    let handed_on = Memo::new(move |_| roster.record(id.get()?).and_then(|person| roster.handed_on(&person)));
    move || match handed_on.get() {
        Some(owner) => Some(view! { <HandedOn owner/> }),
        None => id.get().map(|id| view! { <File id/> }),
    }
}

#[component]
fn File(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let go = Callback::new(move |path: String| route.go(&path));
    let back = Callback::new(move |()| go.run(format!("/people/{id}")));
    let head = move || match roster.record(id) {
        None => view! { <h1 class="file__name" tabindex="-1">{t!(w, person_gone)}</h1> },
        Some(person) => {
            let name = name_of(w.get(), &person);
            let phone = phone_of(roster, w.get(), &person, "");
            let salutation: Vec<String> = salutation_of(roster, w.get(), &person).into_iter().collect();
            view! {
                <Face look=Look::letter_of(&name) size=FaceSize::Head/>
                <div class="file__who">
                    <p class="file__line">
                        <h1 class="file__name" tabindex="-1">{name}</h1>
                        <span class="note"><Facts items=salutation/></span>
                        <Reading id/>
                    </p>
                    <p class="file__line">
                        <span class="file__phone">{phone}</span>
                        {stage_of(w.get(), &person).map(|stage| view! { <Tag tone=Tone::Pine text=stage/> })}
                        <OwnerTag id/>
                        {person
                            .is("do_not_contact")
                            .then(|| view! { <Tag tone=Tone::Late icon=Icon::Warn text=t!(w, person_do_not_contact)/> })}
                    </p>
                </div>
            }
        }
    };
    let choosing = RwSignal::new(false);
    let begin = Callback::new(move |()| choosing.set(true));
    let points = Signal::derive(move || custody(roster, w.get(), id));
    let changed = move || {
        let at = roster.record(id).and_then(|person| person.last_rank()).map(|rank| rank.stamp.millis());
        at.map(|at| w.get().custody_last_by(format::moment(w.get(), at, roster.minute(), roster.utc_offset_minutes())))
            .unwrap_or_default()
    };
    view! {
        <header class="file__head">
            <IconButton icon=Icon::Back label=t!(w, back) on_press=back/>
            {head}
            <div class="file__end">
                <Pill/>
                <Button label=t!(w, paper_do) icon=Icon::Plus kind=ButtonKind::Quiet on_press=begin/>
            </div>
        </header>
        <Custody label=t!(w, custody_label) points aside=changed/>
        <div class="file__columns">
            <div class="file__facts">
                <Cards id/>
                <Actions id go/>
                <Appointments person=id/>
                <SamePhone id/>
                <Joined id go/>
                <Section title=t!(w, person_facts) end=slot(view! { <GiveButton id/> })>
                    <PersonFacts id/>
                </Section>
            </div>
            <History id/>
        </div>
        {shown(
            move || choosing.get(),
            move || view! { <Choose about=id on_close=move |()| choosing.set(false)/> },
        )}
    }
}

/// Where the record is: on this tablet, and whether the centre has it.
fn custody(roster: Roster, words: Words, id: RecordId) -> Vec<CustodyPoint> {
    let Some(person) = roster.record(id) else { return Vec::new() };
    let saved = person.last_rank().map(|rank| rank.stamp.millis()).unwrap_or_default();
    let time = format::moment(words, saved, roster.minute(), roster.utc_offset_minutes());
    let here =
        CustodyPoint { place: words.custody_here().into(), words: words.custody_saved(time), reach: Reach::There };
    let waits = roster.is_unsent(id);
    let centre = CustodyPoint {
        place: words.custody_centre().into(),
        words: if waits { words.custody_waits() } else { words.custody_received() }.into(),
        reach: if waits { Reach::Waiting } else { Reach::There },
    };
    vec![here, centre]
}

/// What happened, newest first, by month.
#[component]
fn History(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let kind = RwSignal::new("all".to_owned());
    let tabs = Signal::derive(move || {
        let words = w.get();
        vec![
            Tab::new("all", words.tab_all()),
            Tab::new("visit", words.tab_visits()),
            Tab::new("interaction", words.tab_contacts()),
            Tab::new("papers", words.tab_papers()),
            Tab::new("case", words.tab_cases()),
        ]
    });
    let happened = Memo::new(move |_| {
        let kind = kind.get();
        let mut happened: Vec<Happening> = roster
            .history(id)
            .iter()
            .filter(|record| kind == "all" || tab_of(record.kind().as_str()) == kind)
            .filter_map(|record| happening(roster, w.get(), record))
            .collect();
        if kind == "all" {
            let person = roster.record(id);
            happened.extend(person.as_ref().and_then(|person| captured(roster, w.get(), person)));
            happened.extend(person.as_ref().and_then(|person| given(roster, w.get(), person)));
        }
        happened.sort_by_key(|happening| std::cmp::Reverse(happening.at));
        happened
    });
    let rows = move || {
        let happened = happened.get();
        if happened.is_empty() {
            return view! { <EmptyState icon=Icon::Clock title=t!(w, person_history_none) text=t!(w, person_history_none_text)/> };
        }
        let offset = roster.utc_offset_minutes();
        let today = roster.today();
        // A heading and a list for each month.
        let mut months: Vec<((i32, u32), Vec<View>)> = Vec::new();
        for happening in happened {
            let day = happening.at.day(offset);
            let (year, month, of_month) = day.ymd();
            let date = match today.number() - day.number() {
                0 | 1 => format::day(w.get(), day, today),
                _ => w.get().day_of_month(of_month),
            };
            let Happening { icon, title, second, who, opens, .. } = happening;
            let second = slot(view! { <Facts items=second/> });
            let row = match opens {
                Some(id) => {
                    let open = Callback::new(move |()| route.go(&format!("/record/{id}")));
                    view! { <HistoryRow date icon title second who on_open=open/> }
                }
                None => view! { <HistoryRow date icon title second who/> },
            };
            match months.last_mut() {
                Some((last, rows)) if *last == (year, month) => rows.push(row),
                _ => months.push(((year, month), vec![row])),
            }
        }
        let month = |((year, month), rows): ((i32, u32), Vec<View>)| {
            let same_year = year == today.ymd().0;
            let heading = if same_year { w.get().month_only(month) } else { w.get().year_month(year, month) };
            view! {
                <h3 class="file__month">{heading}</h3>
                <div role="list">{rows}</div>
            }
        };
        months.into_iter().map(month).collect::<View>()
    };
    let end =
        slot(view! { <Tabs label=t!(w, person_history) items=tabs chosen=kind on_choose=move |key| kind.set(key)/> });
    view! {
        <div class="file__history">
            <Section title=t!(w, person_history) end ruled=false>
                {rows}
            </Section>
        </div>
    }
}

#[derive(Clone, PartialEq)]
struct Happening {
    at: Millis,
    icon: Icon,
    title: String,
    second: Vec<String>,
    who: String,
    /// The page of its own that it has.
    opens: Option<RecordId>,
}

/// The tab under which a kind of record stands.
fn tab_of(kind: &str) -> &'static str {
    match kind {
        "visit" | "consultation" | "tour" | "appointment" => "visit",
        "interaction" | "tracking" | "retention" | "followup" | "callback" => "interaction",
        "case" | "assignment" | "rating" => "case",
        _ => "papers",
    }
}

fn happening(roster: Roster, words: Words, record: &Record) -> Option<Happening> {
    let pack = roster.pack();
    let at = |key: &str| record.get(key).and_then(|value| value.as_at());
    let code = |list: &str, key: &str| record.text(key).map(|code| pack.word(list, code, words.0).to_owned());
    let who = |key: &str| record.text(key).map(|id| roster.staff_name(id)).unwrap_or_default();
    let clock = |at| format::clock(at, roster.utc_offset_minutes());
    Some(match record.kind().as_str() {
        "visit" => {
            let arrived = at("visit_at")?;
            let purpose = code("visit_purpose", "visit_purpose");
            let party = record.get("party_size").and_then(|value| value.as_int()).filter(|count| *count > 1);
            let until =
                at("left_at").map_or_else(|| clock(arrived), |left| format!("{}–{}", clock(arrived), clock(left)));
            Happening {
                at: arrived,
                icon: Icon::Walk,
                title: purpose
                    .map_or_else(|| words.happened_visit().to_owned(), |purpose| words.happened_visit_of(purpose)),
                second: [Some(until), party.map(|count| words.happened_party(count)), code("visit_outcome", "outcome")]
                    .into_iter()
                    .flatten()
                    .collect(),
                who: who("host_staff"),
                opens: None,
            }
        }
        "consultation" => Happening {
            at: at("captured_at")?,
            icon: Icon::Chat,
            title: words.happened_consultation().to_owned(),
            second: [code("consult_mode", "consult_mode"), record.text("remark").map(str::to_owned)]
                .into_iter()
                .flatten()
                .collect(),
            who: who("received_by"),
            opens: None,
        },
        "interaction" => {
            let result = code("contact_result", "result");
            let minutes = record.get("duration_s").and_then(|value| value.as_int());
            let minutes = minutes.filter(|seconds| *seconds > 0).map(|seconds| format::span(words, seconds * 1_000));
            Happening {
                at: at("started_at")?,
                icon: Icon::Calls,
                title: result.map_or_else(|| words.happened_contact().to_owned(), |result| words.happened_call(result)),
                second: [minutes, record.text("summary").map(str::to_owned)].into_iter().flatten().collect(),
                who: who("staff"),
                opens: None,
            }
        }
        // What stands behind a paper, and what people did to tasks, is no happening of its own.
        "task" | "performance" | "identity" | "consent" | "statement" => return None,
        kind if roster.may_see(record) => {
            let group = record.guarded(PROGRESS);
            let by = group.and_then(|group| group.get("by")).and_then(|by| by.as_text());
            let by = by.or_else(|| record.text("captured_by")).or_else(|| record.text("agent"));
            let title = papers::kind_word(roster, words, kind);
            let mut second = record_title::second_of(roster, words, record);
            second.retain(|part| *part != title);
            Happening {
                at: record.begun().stamp.millis(),
                icon: papers::icon_of(kind),
                title,
                second,
                who: by.map(|id| roster.staff_name(id)).unwrap_or_default(),
                opens: Some(record.id),
            }
        }
        _ => return None,
    })
}

/// Whose somebody became last, and how.
fn given(roster: Roster, words: Words, person: &Record) -> Option<Happening> {
    let ruling = person.guarded(lead::RULING)?;
    let reason = ruling.get("reason").and_then(|reason| reason.as_text())?;
    let how = match reason {
        "handed_over" => words.log_handed_over(),
        "let_go" => words.log_let_go(),
        "claimed" => words.log_claimed(),
        "lapsed" => words.log_lapsed(),
        // Two captures of one guest are told where they were joined.
        _ => return None,
    };
    let title = match lead::owner(person) {
        Some(owner) => words.happened_given(roster.staff_name(&owner.to_string())),
        None => words.people_pool().to_owned(),
    };
    let at = lead::ruled_at(person)?;
    Some(Happening { at, icon: Icon::People, title, second: vec![how.to_owned()], who: String::new(), opens: None })
}

/// How somebody came to be known.
fn captured(roster: Roster, words: Words, person: &Record) -> Option<Happening> {
    let at = person.get("captured_at")?.as_at()?;
    let source = person.text("source").map(|code| roster.pack().word("lead_source", code, words.0).to_owned());
    Some(Happening {
        at,
        icon: Icon::Edit,
        title: words.happened_captured().to_owned(),
        second: source.into_iter().collect(),
        who: person.text("captured_by").map(|id| roster.staff_name(id)).unwrap_or_default(),
        opens: None,
    })
}
