//! People and tablets: who works here and with which post, new PINs, codes for tablets, and tablets that are lost.
//!
//! All of it is the centre's, so nothing here works without it, and nothing waits for it: it is done now or not at all.

use leptos::task::spawn_local;
use yingke_core::{
    audience::Role,
    id::StaffId,
    permit::{HouseWork, stands_above},
    sync::Trouble,
    time::Millis,
    wire::v1::{HouseDeed, HouseDone, KnownTablet, Staff, Unsent},
};

use super::{door::role_word, people::GiveSheet, shell::Pill};
use crate::{
    format,
    roster::{HouseTrouble, Roster, use_roster},
    route::{address_with, use_route},
    t,
    ui::{
        Banner, Button, ButtonKind, Choice, ChoiceList, EmptyState, Face, FactRow, Facts, Field, Ground, Icon, ListRow,
        Look, NumberStepper, PageHeader, QrCode, Readiness, Section, Sheet, Tab, Tabs, Tag, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Tablets that one code enrols, as the stepper begins and ends.
const CODE_USES: (i32, i32) = (1, 50);
/// Without contact for so long a tablet is worth asking about.
const LONG_UNSEEN_MS: i64 = 3 * yingke_core::time::DAY_MS;

/// What is open above the page.
#[derive(Debug, Clone, PartialEq)]
enum Open {
    NewColleague,
    Colleague(Staff),
    /// Somebody's guests, to be given to others.
    Guests(StaffId),
    NewCode,
    Tablet(KnownTablet),
}

#[component]
pub fn HouseHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let open = RwSignal::new(None::<Open>);
    let tab = RwSignal::new("people".to_owned());
    let tabs = Signal::derive(move || {
        vec![Tab::new("people", w.get().house_people()), Tab::new("tablets", w.get().house_tablets())]
    });
    let changes_staff = roster.does_house_work(HouseWork::ChangeStaff);
    let head = move || {
        if tab.get() == "tablets" {
            let new_code = Callback::new(move |()| open.set(Some(Open::NewCode)));
            view! { <Button label=t!(w, house_new_tablet) icon=Icon::Plus kind=ButtonKind::Primary on_press=new_code/> }
        } else if changes_staff {
            let add = Callback::new(move |()| open.set(Some(Open::NewColleague)));
            view! { <Button label=t!(w, house_new_colleague) icon=Icon::Plus kind=ButtonKind::Primary on_press=add/> }
        } else {
            View::Nothing
        }
    };
    let back = Callback::new(move |()| route.go("/more"));
    // Asked again whenever something was done.
    let asked = RwSignal::new(0_u32);
    let close = Callback::new(move |()| {
        open.set(None);
        asked.update(|asked| *asked += 1);
    });
    view! {
        <PageHeader title=t!(w, house_title) on_back=back back_label=t!(w, back)>
            <Pill/>
            {head}
        </PageHeader>
        <div class="page page--reading house">
            <Tabs label=t!(w, house_title) items=tabs chosen=tab on_choose=move |key| tab.set(key)/>
            {move || if tab.get() == "tablets" {
                view! { <TabletList open asked/> }
            } else {
                view! { <PeopleList open/> }
            }}
        </div>
        {move || open.get().map(|opened| untrack(|| match opened {
            Open::NewColleague => view! { <NewColleague on_close=close/> },
            Open::Colleague(staff) => view! { <Colleague staff open on_close=close/> },
            Open::Guests(staff) => view! { <GiveSheet people=roster.guests_of(staff) on_close=close/> },
            Open::NewCode => view! { <NewCode on_close=close/> },
            Open::Tablet(tablet) => view! { <OneTablet tablet on_close=close/> },
        }))}
    }
}

#[component]
fn PeopleList(open: RwSignal<Option<Open>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let staff = Memo::new(move |_| roster.colleagues());
    let gives = roster.gives_guests();
    let row = move |staff: Staff| {
        let look = Look::head_of(&staff.id.to_string());
        let role = staff.role;
        let (id, name, active) = (staff.id, staff.name.clone(), staff.active);
        let guests = Memo::new(move |_| if gives { roster.count_of_guests(id) } else { 0 });
        let second = move || {
            let guests = Some(guests.get()).filter(|count| *count > 0).map(|count| w.get().give_guests(count));
            [role_word(w.get(), role).to_owned()].into_iter().chain(guests).collect::<Vec<_>>()
        };
        let second = slot(view! { <Facts items=Signal::derive(second)/> });
        let press = Callback::new(move |()| open.set(Some(Open::Colleague(staff.clone()))));
        let face = slot(view! { <Face look/> });
        let row = if active {
            view! { <ListRow title=name second face on_open=press/> }
        } else {
            // Who has left still has their guests until somebody gives them to others.
            let end = slot(move || {
                let tone = if guests.get() > 0 { Tone::Unsent } else { Tone::Plain };
                view! { <Tag tone text=t!(w, house_left)/> }
            });
            let press = Callback::new(move |()| open.set(Some(Open::Guests(id))));
            match untrack(|| guests.get()) {
                0 => view! { <ListRow title=name second face end/> },
                _ => view! { <ListRow title=name second face end on_open=press/> },
            }
        };
        view! { <div role="listitem">{row}</div> }
    };
    let part = move |active: bool| staff.get().into_iter().filter(|staff| staff.active == active).collect::<Vec<_>>();
    view! {
        <div role="list" aria-label=t!(w, house_people)>
            {move || part(true).into_iter().map(row).collect::<View>()}
            {move || part(false).into_iter().map(row).collect::<View>()}
        </div>
    }
}

#[component]
fn TabletList(open: RwSignal<Option<Open>>, asked: RwSignal<u32>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let found = RwSignal::new(None::<Result<Vec<KnownTablet>, HouseTrouble>>);
    Effect::new(move |_| {
        let _ = asked.get();
        spawn_local(async move {
            let answer = roster.tablets().await;
            let _ = found.try_set(Some(answer));
        });
    });
    let row = move |tablet: KnownTablet| {
        let (name, number) = (tablet.name.clone(), tablet.number);
        let (seen_at, revoked_at) = (tablet.seen_at, tablet.revoked_at);
        let unsent = tablet.unsent.filter(|unsent| unsent.changes > 0);
        let second = Signal::derive(move || {
            let seen = seen_text(w.get(), seen_at, roster.minute(), roster.utc_offset_minutes());
            [seen].into_iter().chain(unsent.map(|unsent| unsent_text(w.get(), roster, unsent))).collect()
        });
        let end = slot(move || {
            let tag = |tone, text: &str| Some(view! { <Tag tone text=text.to_owned()/> });
            if revoked_at.is_some() {
                tag(Tone::Plain, w.get().house_revoked())
            } else if number == roster.device_number() {
                tag(Tone::Pine, w.get().house_this_tablet())
            } else if roster.minute().since(seen_at) > LONG_UNSEEN_MS {
                tag(Tone::Unsent, w.get().house_long_unseen())
            } else {
                None
            }
        });
        let press = Callback::new(move |()| open.set(Some(Open::Tablet(tablet.clone()))));
        let face = slot(view! { <Ground icon=Icon::Tablet/> });
        view! {
            <div role="listitem">
                <ListRow title=name second=slot(view! { <Facts items=second/> }) face end on_open=press/>
            </div>
        }
    };
    move || match found.get() {
        None => view! { <p class="note" role="status">{t!(w, house_asking)}</p> },
        Some(Err(trouble)) => view! {
            <Banner
                tone=Tone::Unsent
                icon=Icon::Offline
                text=move || trouble_words(w.get(), &trouble)
                action_label=t!(w, house_again)
                on_action=Callback::new(move |()| asked.update(|asked| *asked += 1))
            />
        },
        Some(Ok(tablets)) if tablets.is_empty() => {
            view! { <EmptyState icon=Icon::Tablet title=t!(w, house_no_tablets)/> }
        }
        Some(Ok(tablets)) => view! {
            <div role="list" aria-label=t!(w, house_tablets)>{tablets.into_iter().map(row).collect::<View>()}</div>
        },
    }
}

fn seen_text(words: Words, seen_at: Millis, now: Millis, offset_minutes: i32) -> String {
    words.house_seen(format::moment(words, seen_at, now, offset_minutes))
}

fn unsent_text(words: Words, roster: Roster, unsent: Unsent) -> String {
    let when = format::moment(words, unsent.at, roster.minute(), roster.utc_offset_minutes());
    words.house_unsent(unsent.changes, when)
}

/// How one thing stands that was asked of the centre.
#[derive(Clone, Copy)]
struct Asking {
    roster: Roster,
    w: Signal<Words>,
    busy: RwSignal<bool>,
    outcome: RwSignal<Option<Result<Said, HouseTrouble>>>,
}

/// What is told once it is done.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    text: String,
    /// A PIN or code, which is on show here and never again.
    digits: Option<String>,
    /// The same as an address for a camera.
    link: Option<String>,
}

impl Asking {
    fn new() -> Self {
        Self { roster: use_roster(), w: use_words(), busy: RwSignal::new(false), outcome: RwSignal::new(None) }
    }

    /// Asks; what is told then is worked out from the answer.
    fn ask(self, deed: HouseDeed, said: impl FnOnce(Words, HouseDone) -> Said + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.outcome.set(None);
        spawn_local(async move {
            let answer = self.roster.house_work(deed).await.map(|done| said(self.w.get_untracked(), done));
            let _ = (self.outcome.try_set(Some(answer)), self.busy.try_set(false));
        });
    }

    fn is_done(self) -> bool {
        self.outcome.with(|outcome| matches!(outcome, Some(Ok(_))))
    }

    fn state(self) -> Signal<Readiness> {
        Signal::derive(move || {
            if self.busy.get() { Readiness::Busy(self.w.get().house_asking().to_owned()) } else { Readiness::Ready }
        })
    }

    fn told(self) -> impl Fn() -> View + 'static {
        let w = self.w;
        move || match self.outcome.get() {
            None => View::Nothing,
            Some(Err(trouble)) => view! {
                <Banner tone=Tone::Late icon=Icon::Warn text=move || trouble_words(w.get(), &trouble) urgent=true/>
            },
            Some(Ok(Said { text, digits, link })) => view! {
                <div class="house__told" role="status">
                    {digits.map(|digits| view! { <p class="house__digits">{digits}</p> })}
                    {link.map(|link| view! {
                        <QrCode text=link label=t!(w, house_code_qr)/>
                        <p class="note">{t!(w, house_code_qr_text)}</p>
                    })}
                    <p>{text}</p>
                </div>
            },
        }
    }
}

/// The posts that I may give away.
fn posts_below(roster: Roster, w: Signal<Words>) -> Signal<Vec<Choice>> {
    let me = roster.me_now().map(|me| me.role);
    let below = move || Role::ALL.iter().copied().filter(move |role| me.is_some_and(|me| stands_above(me, *role)));
    Signal::derive(move || below().map(|role| Choice::new(role.key(), role_word(w.get(), role))).collect())
}

#[component]
fn NewColleague(on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let asking = Asking::new();
    let name = RwSignal::new(String::new());
    let role = RwSignal::new(String::new());
    let tried = RwSignal::new(false);
    // One id for all tries: whoever presses again after a lost answer adds nobody twice.
    let id = roster.new_staff_id();
    let name_problem = Signal::derive(move || {
        (tried.get() && name.with(|name| name.trim().is_empty())).then(|| w.get().house_name_missing().to_owned())
    });
    let role_problem = Signal::derive(move || {
        (tried.get() && role.with(String::is_empty)).then(|| w.get().house_role_missing().to_owned())
    });
    let add = Callback::new(move |()| {
        tried.set(true);
        let name = name.get_untracked().trim().to_owned();
        let Some(role) = Role::from_key(&role.get_untracked()).filter(|_| !name.is_empty()) else { return };
        asking.ask(HouseDeed::AddStaff { id, name: name.clone(), role }, move |words, done| Said {
            text: words.house_added(name),
            digits: done.pin,
            link: None,
        });
    });
    let content = shown(
        move || !asking.is_done(),
        move || {
            view! {
                <Field
                    label=t!(w, house_name)
                    value=name
                    on_input=move |typed| name.set(typed)
                    problem=name_problem
                    length_max=40
                />
                <ChoiceList
                    label=t!(w, house_role)
                    options=posts_below(roster, w)
                    chosen=role
                    on_choose=move |key| role.set(key)
                    problem=role_problem
                />
                <Button label=t!(w, house_add) kind=ButtonKind::Primary wide=true on_press=add state=asking.state()/>
            }
        },
    );
    view! {
        <Sheet title=t!(w, house_new_colleague) close_label=t!(w, close) on_close>
            <div class="house__sheet">{content} {asking.told()}</div>
        </Sheet>
    }
}

#[component]
fn Colleague(staff: Staff, open: RwSignal<Option<Open>>, on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let asking = Asking::new();
    let id = staff.id;
    let role = RwSignal::new(staff.role.key().to_owned());
    let is_below = roster.stands_above(&staff);
    let is_me = roster.me_now().is_some_and(|me| me.id == id);
    let title = staff.name.clone();
    let old_role = staff.role;
    let name = StoredValue::new(staff.name);
    let reset = Callback::new(move |()| {
        asking.ask(HouseDeed::ResetPin { staff: id }, move |words, done| Said {
            text: words.house_pin_reset(name.get_value()),
            digits: done.pin,
            link: None,
        });
    });
    let change = Callback::new(move |()| {
        let Some(role) = Role::from_key(&role.get_untracked()) else { return };
        asking.ask(HouseDeed::ChangeRole { staff: id, role }, move |words, _| Said {
            text: words.house_role_changed(name.get_value(), role_word(words, role)),
            digits: None,
            link: None,
        });
    });
    let end = Callback::new(move |()| {
        asking.ask(HouseDeed::EndStaff { staff: id }, move |words, _| Said {
            text: words.house_ended(name.get_value()),
            digits: None,
            link: None,
        });
    });
    let another_role = Signal::derive(move || {
        let same = role.with(|role| Role::from_key(role) == Some(old_role));
        if same { Readiness::Missing(w.get().house_role_same().to_owned()) } else { asking.state().get() }
    });
    let pin = move || {
        roster.does_house_work(HouseWork::ResetPin).then(|| {
            view! {
                <Section title=t!(w, house_pin)>
                    <p class="note">{t!(w, house_pin_text)}</p>
                    <Button label=t!(w, house_reset_pin) icon=Icon::Key on_press=reset state=asking.state()/>
                </Section>
            }
        })
    };
    let staff_work = move || {
        roster.does_house_work(HouseWork::ChangeStaff).then(|| {
            view! {
                <Section title=t!(w, house_role)>
                    <ChoiceList
                        label=t!(w, house_role)
                        hide_label=true
                        options=posts_below(roster, w)
                        chosen=role
                        on_choose=move |key| role.set(key)
                    />
                    <p class="note">{t!(w, house_role_text)}</p>
                    <Button label=t!(w, house_change_role) on_press=change state=another_role/>
                </Section>
                <Section title=t!(w, house_end)>
                    <p class="note">{t!(w, house_end_text)}</p>
                    <Button label=t!(w, house_end_do) kind=ButtonKind::Danger on_press=end state=asking.state()/>
                </Section>
            }
        })
    };
    let guests = Memo::new(move |_| if roster.gives_guests() { roster.count_of_guests(id) } else { 0 });
    let their_guests = shown(
        move || guests.get() > 0,
        move || {
            let give = Callback::new(move |()| open.set(Some(Open::Guests(id))));
            view! {
                <Section title=t!(w, house_guests)>
                    <p class="note">{move || w.get().house_guests_text(guests.get())}</p>
                    <Button label=t!(w, house_give_all) icon=Icon::People on_press=give/>
                </Section>
            }
        },
    );
    let deeds = move || {
        if !is_below {
            let why = move || if is_me { w.get().house_not_self() } else { w.get().house_not_yours() };
            return view! { <p class="note">{why}</p> };
        }
        view! { {pin()} {staff_work()} }
    };
    // Done is done: what else there is to do begins from the list again.
    let content = shown(move || !asking.is_done(), deeds);
    view! {
        <Sheet title second=move || role_word(w.get(), old_role).to_owned() close_label=t!(w, close) on_close>
            <div class="house__sheet">{asking.told()} {their_guests} {content}</div>
        </Sheet>
    }
}

#[component]
fn NewCode(on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let asking = Asking::new();
    let uses = RwSignal::new(1_i32);
    let ask = Callback::new(move |()| {
        let count = uses.get_untracked().clamp(CODE_USES.0, CODE_USES.1) as u32;
        asking.ask(HouseDeed::NewCode { uses: count }, move |words, done| {
            let until = done.until.map(|at| format::moment(words, at, roster.now(), roster.utc_offset_minutes()));
            let code = done.code.filter(|code| code.len() == 8);
            Said {
                text: words.house_code_given(count as usize, until.unwrap_or_default()),
                link: code.as_deref().map(address_with),
                digits: code.map(|code| format!("{} {}", &code[..4], &code[4..])),
            }
        });
    });
    let content = shown(
        move || !asking.is_done(),
        move || {
            view! {
                <p class="note">{t!(w, house_code_text)}</p>
                <NumberStepper
                    label=t!(w, house_code_uses)
                    value=uses
                    on_change=move |count| uses.set(count)
                    min=CODE_USES.0
                    max=CODE_USES.1
                    less_label=t!(w, form_less)
                    more_label=t!(w, form_more)
                />
                <Button label=t!(w, house_code_do) kind=ButtonKind::Primary wide=true on_press=ask state=asking.state()/>
            }
        },
    );
    view! {
        <Sheet title=t!(w, house_new_tablet) close_label=t!(w, close) on_close>
            <div class="house__sheet">{content} {asking.told()}</div>
        </Sheet>
    }
}

#[component]
fn OneTablet(tablet: KnownTablet, on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let asking = Asking::new();
    let KnownTablet { number, name, enrolled_at, seen_at, revoked_at, unsent } = tablet;
    let title = name.clone();
    let when = move |at: Millis| format::moment(w.get(), at, roster.minute(), roster.utc_offset_minutes());
    let revoke = Callback::new(move |()| {
        let name = name.clone();
        asking.ask(HouseDeed::RevokeTablet { number }, move |words, _| Said {
            text: words.house_tablet_revoked(name),
            digits: None,
            link: None,
        });
    });
    let is_this = number == roster.device_number();
    let may = roster.does_house_work(HouseWork::RevokeTablet) && revoked_at.is_none();
    let content = move || {
        if !may || asking.is_done() {
            return View::Nothing;
        }
        if is_this {
            return view! { <p class="note">{t!(w, house_not_this_tablet)}</p> };
        }
        view! {
            <Section title=t!(w, house_lost)>
                <p class="note">{t!(w, house_lost_text)}</p>
                <Button label=t!(w, house_revoke) kind=ButtonKind::Danger on_press=revoke state=asking.state()/>
            </Section>
        }
    };
    view! {
        <Sheet title close_label=t!(w, close) on_close>
            <div class="house__sheet">
                <dl class="fact-list fact-list--close">
                    <FactRow label=t!(w, house_number)>{number.0.to_string()}</FactRow>
                    <FactRow label=t!(w, house_seen_at)>{move || when(seen_at)}</FactRow>
                    {unsent.filter(|unsent| unsent.changes > 0).map(|unsent| view! {
                        <FactRow label=t!(w, house_unsent_label)>{move || unsent_text(w.get(), roster, unsent)}</FactRow>
                    })}
                    <FactRow label=t!(w, house_enrolled_at)>{move || when(enrolled_at)}</FactRow>
                    {revoked_at.map(|at| view! { <FactRow label=t!(w, house_revoked)>{move || when(at)}</FactRow> })}
                </dl>
                {asking.told()}
                {content}
            </div>
        </Sheet>
    }
}

/// Why it was not done, and what to do.
fn trouble_words(words: Words, trouble: &HouseTrouble) -> &'static str {
    match trouble {
        HouseTrouble::NotYours => words.house_trouble_not_yours(),
        HouseTrouble::SameName => words.house_trouble_same_name(),
        HouseTrouble::Gone => words.house_trouble_gone(),
        HouseTrouble::Endpoint(Trouble::SignIn) => words.house_trouble_sign_in(),
        HouseTrouble::Endpoint(_) => words.house_trouble_offline(),
    }
}
