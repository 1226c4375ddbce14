//! The door: enrol the tablet, choose who one is, type the PIN.

mod letters;
mod pin;

use letters::WriteDown;
pub use letters::take_up;
pub use pin::PinPad;

use crate::view::prelude::*;
use yingke_core::{audience::Role, id::StaffId, sync::Trouble, wire::v1::Staff};

use super::sync::Diagnosis;
use crate::{
    format,
    roster::{Door, DoorError, Farewell, OpenError, PasskeyTrouble, SyncState, use_roster},
    route::take_mark,
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, FaceTile, Field, FieldKind, Glyph, Icon, Look, Mark, Readiness, Text,
        Tone, UnlockLayout, slot,
    },
    words::{Words, use_words},
};

/// Digits of an enrolment code.
const CODE_DIGITS: usize = 8;

/// Everything that may stand before somebody works.
#[component]
pub fn DoorScreen() -> impl IntoView {
    let roster = use_roster();
    move || match roster.door() {
        Door::Starting => view! { <Starting/> },
        Door::Open(_) => View::Nothing,
        Door::Enrol => view! { <Enrol/> },
        Door::Locked | Door::Opening { .. } => view! { <Unlock/> },
        Door::Wiped(farewell) => view! { <Wiped farewell/> },
        Door::NotOpened { why, copied } => view! { <NotOpened why copied/> },
    }
}

/// A few frames as a rule, in which nothing is to be seen. A storage that keeps people waiting is named.
#[component]
fn Starting() -> impl IntoView {
    let w = use_words();
    view! { <main class="starting"><p role="status">{t!(w, starting_text)}</p></main> }
}

/// What stands at the left of the door: the sign, the time, how things are.
#[component]
fn Doorpost() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let place = move || {
        let (tablet, venue, _) = roster.tablet();
        (!tablet.is_empty()).then(
            || view! { <span class="facts"><span>{venue}</span><span>{w.get().tablet_name(tablet)}</span></span> },
        )
    };
    let online = move || {
        let status = roster.status();
        let is_out_of_reach = matches!(status.sync, SyncState::Waiting { .. });
        !is_out_of_reach && status.last_contact.is_some_and(|at| roster.minute().since(at) < 5 * 60_000)
    };
    let waits = move || {
        let status = roster.status();
        if status.to_send() > 0 { w.get().door_unsent(status.to_send()) } else { w.get().door_all_sent().to_owned() }
    };
    view! {
        <div class="unlock__brand">
            <Mark/>
            <div>
                <p class="unlock__name">{t!(w, app_name)}</p>
                <p class="unlock__quiet">{place}</p>
            </div>
        </div>
        <p class="unlock__time">{move || format::clock(roster.minute(), roster.utc_offset_minutes())}</p>
        <p class="unlock__quiet unlock__day">{move || format::long_day(w.get(), roster.today())}</p>
        <div class="unlock__notes" hidden=move || roster.tablet().0.is_empty()>
            {move || {
                let waiting = roster.status().letters;
                (waiting > 0).then(|| {
                    view! {
                        <p class="unlock__note">
                            <Glyph icon=Icon::People/>
                            <span>{w.get().door_letters(waiting)}</span>
                        </p>
                    }
                })
            }}
            <p class="unlock__note">
                {move || {
                    let icon = if online() { Icon::Online } else { Icon::Offline };
                    view! { <Glyph icon/> }
                }}
                <span>{move || if online() { w.get().door_online() } else { w.get().door_offline() }}</span>
            </p>
            <p class="unlock__note">
                {move || {
                    let icon = if roster.status().to_send() > 0 { Icon::Unsent } else { Icon::Saved };
                    view! { <Glyph icon/> }
                }}
                <span>{waits}</span>
            </p>
        </div>
    }
}

/// What came back from the second copy when the page was opened; and what may be lost of a tablet that was enrolled again.
#[component]
pub fn CameBack() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let mended = Memo::new(move |_| roster.status().mended);
    let before = Memo::new(move |_| roster.status().before);
    let lost = move || {
        let before = before.get()?;
        let told = move || {
            let words = w.get();
            let when = |at| format::moment(words, at, roster.minute(), roster.utc_offset_minutes());
            match before.unsent.filter(|unsent| unsent.changes > 0) {
                Some(unsent) => words.before_unsent(&before.name, when(unsent.at), unsent.changes),
                None => words.before_sent(&before.name, when(before.seen_at)),
            }
        };
        Some(view! { <Banner tone=Tone::Unsent icon=Icon::Warn text=told second=t!(w, before_do)/> })
    };
    let back = move || {
        let mended = mended.get()?;
        let told = move || {
            let words = w.get();
            match mended.changes {
                0 if mended.tablet => words.mended_tablet_none().to_owned(),
                changes if mended.tablet => words.mended_tablet(changes),
                0 => words.mended_elsewhere().to_owned(),
                changes => words.mended_changes(changes),
            }
        };
        let refused = move || match mended.refused {
            0 => String::new(),
            refused => w.get().mended_refused(refused),
        };
        Some(view! { <Banner tone=Tone::Unsent icon=Icon::Info text=told second=refused/> })
    };
    view! { {back} {lost} }
}

#[component]
fn Unlock() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let chosen = RwSignal::new(None::<Staff>);
    // Somebody who is the only one here need not choose.
    Effect::new(move |_| {
        let staff = roster.staff();
        if let [only] = staff.as_slice()
            && chosen.get_untracked().is_none()
        {
            chosen.set(Some(only.clone()));
        }
    });
    // A guest is written down, before anybody unlocks.
    let writing = RwSignal::new(false);
    let is_offered = Memo::new(move |_| roster.staff().iter().any(|staff| roster.writes_before_unlocking(staff.id)));
    let begin_or_end = move || {
        is_offered.get().then(|| {
            let icon = if writing.get() { Icon::Back } else { Icon::Outing };
            let label = move || if writing.get() { w.get().letter_end() } else { w.get().letter_begin() }.to_owned();
            view! {
                <Button label icon kind=ButtonKind::Quiet wide=true on_press=move |()| writing.update(|on| *on = !*on)/>
            }
        })
    };
    let pad = move || {
        if writing.get() {
            view! { <WriteDown chosen/> }
        } else {
            view! { <PinPad chosen choose=t!(w, pin_choose) let_in=|roster, staff, pin| Box::pin(roster.unlock(staff, pin)) passkey=true/> }
        }
    };
    view! {
        <UnlockLayout
            door=slot(view! { <Doorpost/> {begin_or_end} })
            people=slot(
                view! {
                    <CameBack/>
                    <h1 class="unlock__title">{t!(w, who_title)}</h1>
                    <Faces
                        staff=Signal::derive(move || roster.staff())
                        chosen=Signal::derive(move || chosen.get().map(|staff| staff.id))
                        on_choose=move |staff| chosen.set(Some(staff))
                        label=t!(w, who_title)
                    />
                },
            )
            pin=slot(view! { {pad} })
        />
    }
}

/// Colleagues to choose one from, with their posts.
#[component]
pub fn Faces(
    #[prop(into)] staff: Signal<Vec<Staff>>,
    #[prop(into)] chosen: Signal<Option<StaffId>>,
    #[prop(into)] on_choose: Callback<Staff>,
    #[prop(into)] label: Text,
) -> impl IntoView {
    let w = use_words();
    let tiles = move || {
        staff
            .get()
            .into_iter()
            .map(|staff| {
                let id = staff.id;
                let role = staff.role;
                view! {
                    <FaceTile
                        look=Look::head_of(&id.to_string())
                        name=staff.name.clone()
                        second=move || role_word(w.get(), role).to_owned()
                        chosen=Signal::derive(move || chosen.get() == Some(id))
                        on_choose=move |()| on_choose.run(staff.clone())
                    />
                }
            })
            .collect::<View>()
    };
    view! { <div class="unlock__faces" role="radiogroup" aria-label=move || label.get()>{tiles}</div> }
}

fn is_code(mark: &str) -> bool {
    mark.len() == CODE_DIGITS && mark.bytes().all(|digit| digit.is_ascii_digit())
}

#[component]
fn Enrol() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    // Whoever scanned the code of another tablet's screen has it in the address.
    let code = RwSignal::new(take_mark().filter(|mark| is_code(mark)).unwrap_or_default());
    let name = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let tried = RwSignal::new(false);
    let problem = RwSignal::new(None::<DoorError>);
    let digits = move || code.get().chars().filter(char::is_ascii_digit).collect::<String>();
    let code_problem = move || {
        if problem.get() == Some(DoorError::WrongCode) {
            return Some(w.get().enrol_wrong().to_owned());
        }
        (tried.get() && digits().len() != CODE_DIGITS).then(|| w.get().enrol_code_missing().to_owned())
    };
    let name_problem = move || {
        let wrong = !(1..=20).contains(&name.get().trim().chars().count());
        (tried.get() && wrong).then(|| w.get().enrol_name_missing().to_owned())
    };
    let press = Callback::new(move |()| {
        tried.set(true);
        problem.set(None);
        if untrack(code_problem).is_some() {
            return crate::ui::focus_on("enrol-code");
        }
        if untrack(name_problem).is_some() {
            return crate::ui::focus_on("enrol-name");
        }
        busy.set(true);
        let (code, name) = (untrack(digits), name.get_untracked().trim().to_owned());
        leptos::task::spawn_local(async move {
            if let Err(error) = roster.enrol(code, name).await {
                let wrong = error == DoorError::WrongCode;
                let _ = problem.try_set(Some(error));
                let _ = busy.try_set(false);
                if wrong {
                    crate::ui::focus_on("enrol-code");
                }
            }
        });
    });
    let banner = move || {
        problem.get().filter(|problem| *problem != DoorError::WrongCode).map(|problem| {
            view! { <Banner tone=Tone::Late icon=Icon::Warn text=door_words(w.get(), &problem, "") urgent=true/> }
        })
    };
    view! {
        <UnlockLayout
            door=slot(view! { <Doorpost/> })
            people=slot(
                view! {
                    <form class="enrol" autocomplete="off" on:submit=move |event| event.prevent_default()>
                        <h1 class="enrol__title">{t!(w, enrol_title)}</h1>
                        <p class="enrol__text">{t!(w, enrol_text)}</p>
                        <CameBack/>
                        {banner}
                        <Field
                            id="enrol-code"
                            label=t!(w, enrol_code)
                            value=code
                            on_input=move |typed| { code.set(typed); problem.set(None); }
                            kind=FieldKind::Digits
                            problem=Signal::derive(code_problem)
                        />
                        <Field
                            id="enrol-name"
                            label=t!(w, enrol_name)
                            value=name
                            on_input=move |typed| name.set(typed)
                            note=t!(w, enrol_name_note)
                            problem=Signal::derive(name_problem)
                        />
                        <Button
                            label=t!(w, enrol_do)
                            icon=Icon::Tablet
                            kind=ButtonKind::Primary
                            size=ButtonSize::Next
                            state=Signal::derive(move || {
                                if busy.get() { Readiness::Busy(w.get().enrol_busy().to_owned()) } else { Readiness::Ready }
                            })
                            on_press=press
                            submit=true
                            wide=true
                        />
                    </form>
                },
            )
            pin=slot(())
        />
    }
}

/// A tablet that was shut out: what became of what was on it.
#[component]
fn Wiped(farewell: Farewell) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let Farewell { at, handed_in, receipt, drafts, letters, damaged, pictures, pictures_lost } = farewell;
    let told = move || {
        let words = w.get();
        let at = format::moment(words, at, roster.minute(), roster.utc_offset_minutes());
        let handed = match handed_in {
            0 => words.wiped_nothing().to_owned(),
            count => words.wiped_handed_in(count),
        };
        let receipt = (handed_in > 0).then(|| words.wiped_receipt(&receipt, &at));
        let letters = (letters > 0).then(|| words.wiped_letters(letters));
        let drafts = (drafts > 0).then(|| words.wiped_drafts(drafts));
        let damaged = (damaged > 0).then(|| words.wiped_damaged(damaged));
        let pictures = (pictures > 0).then(|| words.wiped_pictures(pictures));
        let pictures_lost = (pictures_lost > 0).then(|| words.wiped_pictures_lost(pictures_lost));
        let lines = [
            Some(handed),
            receipt,
            pictures,
            pictures_lost,
            letters,
            drafts,
            damaged,
            Some(words.wiped_next().to_owned()),
        ];
        lines.into_iter().flatten().map(|line| view! { <p class="enrol__text">{line}</p> }).collect::<View>()
    };
    let begin = Callback::new(move |()| leptos::task::spawn_local(roster.begin_anew()));
    view! {
        <UnlockLayout
            door=slot(view! { <Doorpost/> })
            people=slot(
                view! {
                    <div class="enrol">
                        <h1 class="enrol__title">{t!(w, wiped_title)}</h1>
                        {told}
                        <Button label=t!(w, wiped_again) icon=Icon::Tablet kind=ButtonKind::Quiet on_press=begin/>
                    </div>
                },
            )
            pin=slot(())
        />
    }
}

/// The storage that does not open: what happened, what is safe, what to do now, and the press that tries it once more.
#[component]
fn NotOpened(why: OpenError, copied: bool) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    // What only the browser's words say, for whoever is called.
    let detail = match &why {
        OpenError::Unavailable { detail } | OpenError::Failed { detail } | OpenError::Damaged { detail } => {
            Some(detail.clone())
        }
        OpenError::WrittenLater { .. } | OpenError::Blocked | OpenError::Full => None,
    };
    let is_for_helpers = matches!(why, OpenError::Failed { .. } | OpenError::Damaged { .. });
    let words = move || {
        let w = w.get();
        match &why {
            OpenError::WrittenLater { .. } => [w.later_title(), w.later_text()],
            OpenError::Blocked => [w.shut_blocked_title(), w.shut_blocked_text()],
            OpenError::Unavailable { .. } => [w.shut_unavailable_title(), w.shut_unavailable_text()],
            OpenError::Full => [w.shut_full_title(), w.shut_full_text()],
            OpenError::Failed { .. } => [w.shut_failed_title(), w.shut_failed_text()],
            OpenError::Damaged { .. } if copied => [w.shut_damaged_title(), w.shut_damaged_copied_text()],
            OpenError::Damaged { .. } => [w.shut_damaged_title(), w.shut_damaged_text()],
        }
    };
    let told = move || {
        let [title, text] = words();
        let lines = text.lines().map(|line| view! { <p class="enrol__text">{line}</p> }).collect::<View>();
        view! {
            <h1 class="enrol__title">{title}</h1>
            {lines}
        }
    };
    view! {
        <UnlockLayout
            door=slot(view! { <Doorpost/> })
            people=slot(
                view! {
                    <div class="enrol enrol--shut">
                        <div class="enrol__told" role="alert">{told}</div>
                        <Button
                            label=t!(w, shut_again)
                            kind=ButtonKind::Primary
                            size=ButtonSize::Next
                            on_press=move |()| roster.open_again()
                            wide=true
                        />
                        {is_for_helpers.then(|| view! { <Diagnosis/> })}
                        {detail.map(|detail| {
                            view! { <p class="note">{move || w.get().shut_detail(&detail)}</p> }
                        })}
                    </div>
                },
            )
            pin=slot(())
        />
    }
}

/// What a role is called.
#[must_use]
pub fn role_word(words: Words, role: Role) -> &'static str {
    match role {
        Role::Consultant => words.role_consultant(),
        Role::Reception => words.role_reception(),
        Role::FrontDesk => words.role_front_desk(),
        Role::FrontDeskSupervisor => words.role_front_desk_supervisor(),
        Role::Cashier => words.role_cashier(),
        Role::CallOut => words.role_call_out(),
        Role::CallIn => words.role_call_in(),
        Role::CallSupervisor => words.role_call_supervisor(),
        Role::CourtStaff => words.role_court_staff(),
        Role::CourtSupervisor => words.role_court_supervisor(),
        Role::FollowupAgent => words.role_followup_agent(),
        Role::CsSpecialist => words.role_cs_specialist(),
        Role::CsSupervisor => words.role_cs_supervisor(),
        Role::CsManager => words.role_cs_manager(),
        Role::CsSeniorManager => words.role_cs_senior_manager(),
        Role::DutyManager => words.role_duty_manager(),
        Role::StoreManager => words.role_store_manager(),
        Role::CentreDirector => words.role_centre_director(),
        Role::Hq => words.role_hq(),
        Role::SalesConsultant => words.role_sales_consultant(),
        Role::PtManager => words.role_pt_manager(),
        Role::PtCoach => words.role_pt_coach(),
        Role::DeptHead => words.role_dept_head(),
        Role::DeptMember => words.role_dept_member(),
        Role::EquipmentTeam => words.role_equipment_team(),
        Role::Finance => words.role_finance(),
        Role::Hr => words.role_hr(),
        Role::SystemAdmin => words.role_system_admin(),
        Role::PrivacyOfficer => words.role_privacy_officer(),
    }
}

/// Why somebody did not get in, and what to do.
#[must_use]
pub fn door_words(words: Words, problem: &DoorError, name: &str) -> String {
    match problem {
        DoorError::WrongPin { .. } => words.pin_wrong().into(),
        DoorError::NeedsNetwork => words.pin_needs_network(name),
        DoorError::NotActive => words.pin_gone().into(),
        DoorError::Passkey(trouble) => match trouble {
            PasskeyTrouble::NotRecognised => words.passkey_not_recognised(),
            PasskeyTrouble::Over => words.passkey_over(),
            PasskeyTrouble::SignInOver => words.passkey_sign_in_over(),
            PasskeyTrouble::NoSecrets => words.passkey_no_secrets(),
        }
        .into(),
        DoorError::WrongCode => words.enrol_wrong().into(),
        DoorError::Trouble(trouble) => trouble_words(words, trouble).into(),
        DoorError::Storage(error) => words.pin_failed(error),
        DoorError::Failed { detail } => words.pin_failed(detail),
    }
}

/// What a person can do about trouble with the endpoint.
#[must_use]
pub fn trouble_words(words: Words, trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::OutOfReach => words.trouble_out_of_reach(),
        Trouble::Stranger { .. } => words.trouble_stranger(),
        Trouble::Busy { .. } => words.trouble_busy(),
        Trouble::SignIn => words.pin_wrong(),
        Trouble::Revoked => words.trouble_revoked(),
        Trouble::Unknown => words.trouble_unknown(),
        Trouble::Cloned => words.trouble_cloned(),
        Trouble::NotUnderstood { .. } => words.trouble_not_understood(),
    }
}
