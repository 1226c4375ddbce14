//! The frame round every screen: places, the person at the foot, the status pill, toasts, the offer of an update.

use crate::view::prelude::*;

use super::{
    board, calls, courts, door, house, log, outing, paper, papers, parameters, passes, people, reception, settings,
    sync, today, tour,
};
use crate::{
    roster::{Status, SyncState, VersionNews, use_roster},
    route::{parts, use_route},
    settings::use_settings,
    t,
    ui::{
        Banner, BottomBar, Icon, IconButton, Look, Place, Rail, RailPerson, Shell, StatusPill, ToastHost, Toaster,
        Tone, slot,
    },
    words::{Words, use_words},
};

/// Rail or bottom bar, and the screen of the place.
#[component]
pub fn WorkingShell() -> impl IntoView {
    view! { <Frame/> }
}

#[component]
fn Frame() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let settings = use_settings();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let route = use_route();
    // Whoever comes back after the tablet locked itself goes on where they were.
    if roster.changed_hands() {
        route.replace("/");
    }
    leptos::task::spawn_local(door::take_up(roster, w, toaster));
    let place = Memo::new(move |_| place_of(&route.path()));
    let current = Signal::derive(move || {
        let first = route.part(0).unwrap_or_default();
        match first.as_str() {
            "settings" | "sync" | "house" | "log" => "more".to_owned(),
            "record" | "form" | "paper" => "desk".to_owned(),
            "passes" => "reception".to_owned(),
            _ => first,
        }
    });
    let in_bar =
        Signal::derive(move || Some(current.get()).filter(|key| key != "board").unwrap_or_else(|| "more".into()));
    let me = Memo::new(move |_| roster.me());
    let name = Signal::derive(move || me.get().map(|me| me.name).unwrap_or_default());
    let look = Signal::derive(move || Look::head_of(&me.get().map(|me| me.id.to_string()).unwrap_or_default()));
    let unsent = Signal::derive(move || roster.status().to_send() as u32);
    let places = move |in_rail: bool| {
        let place = |key: &str, label: Signal<String>, icon: Icon| Place {
            key: key.into(),
            label,
            icon,
            href: format!("/{key}"),
            badge: if key == "more" { unsent } else { 0.into() },
            badge_label: Signal::derive(move || w.get().unsent_badge(unsent.get())),
        };
        let outing = roster
            .pack()
            .form("F-04")
            .is_some()
            .then(|| place("outing", Signal::derive(t!(w, place_outing)), Icon::Outing));
        let mut places = vec![place("today", Signal::derive(t!(w, place_today)), Icon::Today)];
        places.extend(outing);
        places.extend([
            place("reception", Signal::derive(t!(w, place_reception)), Icon::Reception),
            place("people", Signal::derive(t!(w, place_people)), Icon::People),
            place("desk", Signal::derive(t!(w, place_work)), Icon::Card),
        ]);
        // The bar below is full without it: there it stands under More.
        places.extend(
            (in_rail && roster.has_board()).then(|| place("board", Signal::derive(t!(w, place_board)), Icon::Board)),
        );
        places.extend([place("more", Signal::derive(t!(w, place_more)), Icon::More)]);
        places
    };
    // Whoever unlocks next begins at their own start, not at what was open before.
    let lock = Callback::new(move |()| {
        route.replace("/");
        roster.lock();
    });
    let foot = slot(view! { <RailPerson look name label=t!(w, lock_now) on_press=lock/> });
    view! {
        <Shell
            skip_label=t!(w, skip_to_content)
            rail=slot(view! { <Rail label=t!(w, navigation) places=places(true) current foot/> })
            bar=slot(
                view! { <BottomBar label=t!(w, navigation) places=places(false) current=in_bar capturing=settings.capturing/> },
            )
            toasts=slot(view! { <ToastHost toaster/> })
        >
            <UpdateOffer/>
            <UpdateNews/>
            <LeaseOver/>
            {move || {
                let place = place.get();
                untrack(|| screen(place))
            }}
        </Shell>
    }
}

/// The screens that have an address. What an address says beyond that, such as whose page it is, a screen reads itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Screen {
    Home,
    Outing,
    Capture,
    Reception,
    NewVisit,
    OneVisit,
    Tour,
    NewConsultation,
    NewPerson,
    People,
    PersonFile,
    EditPerson,
    Call,
    Today,
    Work,
    Courts,
    Parameters,
    Board,
    Report,
    Record,
    Correct,
    Step,
    Note,
    Form,
    More,
    House,
    Log,
    Sync,
    Paper,
    CheckPass,
    GivePass,
    ShowPass,
    Unknown,
}

fn place_of(path: &str) -> Screen {
    match *parts(path).collect::<Vec<_>>() {
        [] => Screen::Home,
        ["outing"] => Screen::Outing,
        ["outing", _] => Screen::Capture,
        ["reception"] => Screen::Reception,
        ["reception", "visit"] => Screen::NewVisit,
        ["reception", "visit", _] => Screen::OneVisit,
        ["reception", "visit", _, "tour"] => Screen::Tour,
        ["reception", "consultation"] => Screen::NewConsultation,
        ["people", "new"] => Screen::NewPerson,
        ["people"] | ["people", _] => Screen::People,
        ["people", _, "file"] => Screen::PersonFile,
        ["people", _, "edit"] => Screen::EditPerson,
        ["people", _, "call"] => Screen::Call,
        ["today"] => Screen::Today,
        ["desk", "parameters"] => Screen::Parameters,
        ["desk", "courts"] => Screen::Courts,
        ["desk"] | ["desk", _] => Screen::Work,
        ["board"] => Screen::Board,
        ["board", _] => Screen::Report,
        ["record", _] => Screen::Record,
        ["record", _, "form", _] => Screen::Correct,
        ["record", _, "step", _] => Screen::Step,
        ["record", _, "note"] => Screen::Note,
        ["form", _] => Screen::Form,
        ["more" | "settings"] => Screen::More,
        ["house"] => Screen::House,
        ["log"] => Screen::Log,
        ["sync"] => Screen::Sync,
        ["paper", _] => Screen::Paper,
        ["passes"] => Screen::CheckPass,
        ["passes", "new"] => Screen::GivePass,
        ["passes", _] => Screen::ShowPass,
        _ => Screen::Unknown,
    }
}

fn screen(place: Screen) -> View {
    match place {
        Screen::Home => begin(),
        Screen::Outing => view! { <outing::OutingHome/> },
        Screen::Capture => view! { <outing::Capture/> },
        Screen::Reception => view! { <reception::ReceptionHome/> },
        Screen::NewVisit => view! { <reception::NewVisit/> },
        Screen::OneVisit => view! { <reception::OneVisit/> },
        Screen::NewConsultation => view! { <reception::NewConsultation/> },
        Screen::NewPerson => view! { <people::NewPerson/> },
        Screen::People => view! { <people::PeopleHome/> },
        Screen::PersonFile => view! { <people::PersonFile/> },
        Screen::EditPerson => view! { <people::EditPerson/> },
        Screen::Call => view! { <calls::Call/> },
        Screen::Today => view! { <today::Today/> },
        Screen::Work => view! { <papers::WorkHome/> },
        Screen::Courts => view! { <courts::Courts/> },
        Screen::Parameters => view! { <parameters::ParametersHome/> },
        Screen::Board => view! { <board::BoardHome/> },
        Screen::Report => view! { <board::ReportPage/> },
        Screen::Record => view! { <papers::RecordPage/> },
        Screen::Correct => view! { <papers::CorrectPaper/> },
        Screen::Step => view! { <papers::TakeStep/> },
        Screen::Note => view! { <papers::TakeNote/> },
        Screen::Form => view! { <papers::BeginPaper/> },
        Screen::More => view! { <settings::More/> },
        Screen::Tour => view! { <tour::TourPage/> },
        Screen::House => view! { <house::HouseHome/> },
        Screen::Log => view! { <log::LogHome/> },
        Screen::Sync => view! { <sync::SyncPage/> },
        Screen::Paper => view! { <paper::PaperPage/> },
        Screen::CheckPass => view! { <passes::CheckPass/> },
        Screen::GivePass => view! { <passes::GivePass/> },
        Screen::ShowPass => view! { <passes::ShowPass/> },
        Screen::Unknown => {
            use_route().replace("/people");
            View::Nothing
        }
    }
}

/// Opens the place where each role begins its day.
fn begin() -> View {
    use yingke_core::audience::Role;
    let roster = use_roster();
    let role = roster.me_now().map(|me| me.role);
    let goes_out = roster.pack().form("F-04").is_some();
    let begins = match role {
        Some(role) if role.keeps_own_leads() && goes_out => "/outing",
        Some(Role::Reception | Role::FrontDesk | Role::FrontDeskSupervisor) => "/reception",
        Some(Role::EquipmentTeam | Role::CourtStaff | Role::Cashier | Role::Finance) => "/desk",
        Some(_) | None => "/today",
    };
    use_route().replace(begins);
    View::Nothing
}

/// The status pill that stands in the corner of every screen and opens Sync.
#[component]
pub fn Pill() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let sign = Memo::new(move |_| sign_of(&roster.status()));
    let open = Callback::new(move |()| route.go("/sync"));
    let text = move || sign.get().text(w.get());
    // Where there is no rail, the way to lock and switch stands here.
    let lock = Callback::new(move |()| {
        route.replace("/");
        roster.lock();
    });
    view! {
        <span class="pill-lock">
            <IconButton icon=Icon::Lock label=t!(w, lock_now) on_press=lock/>
        </span>
        <StatusPill
            tone=Signal::derive(move || sign.get().tone)
            icon=Signal::derive(move || sign.get().icon)
            text=Signal::derive(text)
            count=Signal::derive(move || sign.get().second(w.get()))
            spoken=Signal::derive(text)
            on_press=open
        />
    }
}

/// What the pill shows, without the words.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sign {
    tone: Tone,
    icon: Icon,
    kind: SignKind,
    unsent: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum SignKind {
    Saved,
    Unsent,
    Sending,
    Fetching,
    /// So much of 100 has come.
    Filling(u64),
    FillingStopped(u64),
    Offline,
    Refused(usize),
    Storage,
    SignIn,
    Enrol,
    TooOld,
    Revoked,
}

fn sign_of(status: &Status) -> Sign {
    use yingke_core::sync::Trouble;
    let unsent = status.to_send();
    let (tone, icon, kind) = match &status.sync {
        SyncState::Stopped { why: Trouble::SignIn } => (Tone::Unsent, Icon::Key, SignKind::SignIn),
        SyncState::Stopped { why: Trouble::Unknown | Trouble::Cloned } => (Tone::Late, Icon::Warn, SignKind::Enrol),
        SyncState::Stopped { why: Trouble::NotUnderstood { .. } } => (Tone::Late, Icon::Warn, SignKind::TooOld),
        SyncState::Stopped { .. } => (Tone::Late, Icon::Warn, SignKind::Revoked),
        SyncState::Storage { .. } => (Tone::Late, Icon::Warn, SignKind::Storage),
        _ if status.refused > 0 => (Tone::Late, Icon::Warn, SignKind::Refused(status.refused)),
        SyncState::Waiting { .. } => (Tone::Unsent, Icon::Offline, SignKind::Offline),
        SyncState::Sending if unsent > 0 => (Tone::Unsent, Icon::Unsent, SignKind::Sending),
        SyncState::Unknown | SyncState::Fetching if unsent == 0 => (Tone::Plain, Icon::Online, SignKind::Fetching),
        SyncState::Filling(filled) if unsent == 0 => (Tone::Plain, Icon::Online, SignKind::Filling(filled.percent())),
        SyncState::FillingStopped(filled) if unsent == 0 => {
            (Tone::Plain, Icon::Online, SignKind::FillingStopped(filled.percent()))
        }
        SyncState::UpToDate | SyncState::Sending if unsent == 0 => (Tone::Saved, Icon::Saved, SignKind::Saved),
        SyncState::Unknown
        | SyncState::Fetching
        | SyncState::Filling(_)
        | SyncState::FillingStopped(_)
        | SyncState::UpToDate
        | SyncState::Sending => (Tone::Unsent, Icon::Unsent, SignKind::Unsent),
    };
    Sign { tone, icon, kind, unsent }
}

impl Sign {
    fn text(self, words: Words) -> String {
        match self.kind {
            SignKind::Saved => words.pill_saved().into(),
            SignKind::Unsent => words.pill_unsent(self.unsent),
            SignKind::Sending => words.pill_sending().into(),
            SignKind::Fetching | SignKind::Filling(_) => words.pill_fetching().into(),
            SignKind::FillingStopped(_) => words.pill_filling_stopped().into(),
            SignKind::Offline => words.pill_offline().into(),
            SignKind::Refused(count) => words.pill_refused(count),
            SignKind::Storage => words.pill_storage().into(),
            SignKind::SignIn => words.pill_sign_in().into(),
            SignKind::Enrol => words.pill_enrol().into(),
            SignKind::TooOld => words.pill_too_old().into(),
            SignKind::Revoked => words.pill_revoked().into(),
        }
    }

    /// What stands beside it: how many wait, where the first words do not say so.
    fn second(self, words: Words) -> String {
        match self.kind {
            SignKind::Offline | SignKind::Sending | SignKind::Storage | SignKind::SignIn if self.unsent > 0 => {
                words.pill_unsent(self.unsent)
            }
            SignKind::Filling(percent) | SignKind::FillingStopped(percent) => format!("{percent}%"),
            _ => String::new(),
        }
    }
}

/// A new version waits for consent; it never takes over in the middle of something by itself.
#[component]
fn UpdateOffer() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let settings = use_settings();
    move || {
        (roster.update_waiting() && !settings.capturing.get()).then(|| {
            view! {
                <Banner
                    tone=Tone::Pine
                    icon=Icon::Info
                    text=t!(w, update_waiting)
                    action_label=t!(w, update_take)
                    on_action=Callback::new(move |()| roster.take_update())
                />
            }
        })
    }
}

/// A version gave way to this one, or this one should to another that is not there.
#[component]
fn UpdateNews() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let known = Callback::new(move |()| roster.has_read_news());
    move || {
        roster.update_news().map(|news| {
            let text = move || match news {
                VersionNews::FellBack => w.get().update_fell_back(),
                VersionNews::Withdrawn => w.get().update_withdrawn(),
                VersionNews::Stays => w.get().update_stays(),
            };
            view! {
                <Banner
                    tone=Tone::Unsent
                    icon=Icon::Info
                    text=text
                    action_label=t!(w, update_known)
                    on_action=known
                />
            }
        })
    }
}

/// Reading has ended for want of contact; capture goes on.
#[component]
fn LeaseOver() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let days = usize::try_from(roster.lease_over()?).unwrap_or(usize::MAX);
        Some(view! { <Banner tone=Tone::Unsent icon=Icon::Offline text=move || w.get().lease_over(days)/> })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_screen() {
        for (path, screen) in [
            ("/", Screen::Home),
            ("/people/", Screen::People),
            ("/people/01jd", Screen::People),
            ("/people/new", Screen::NewPerson),
            ("/people/01jd/file", Screen::PersonFile),
            ("/reception/visit/01jd", Screen::OneVisit),
            ("/reception/visit/01jd/tour", Screen::Tour),
            ("/settings", Screen::More),
            ("/house", Screen::House),
            ("/log", Screen::Log),
            ("/people/01jd/call", Screen::Call),
            ("/today", Screen::Today),
            ("/desk/leave", Screen::Work),
            ("/desk/parameters", Screen::Parameters),
            ("/board", Screen::Board),
            ("/board/RP-10", Screen::Report),
            ("/record/01jd", Screen::Record),
            ("/record/01jd/form/F-10", Screen::Correct),
            ("/record/01jd/step/sign", Screen::Step),
            ("/record/01jd/note", Screen::Note),
            ("/form/F-21", Screen::Form),
            ("/people/01jd/file/more", Screen::Unknown),
        ] {
            assert_eq!(place_of(path), screen, "{path}");
        }
    }
    use yingke_core::{
        sync::{Filled, Trouble},
        time::Millis,
    };

    fn status(sync: SyncState, unsent: usize) -> Status {
        Status { sync, unsent, ..Status::at_start() }
    }

    #[test]
    fn the_pill_never_says_delivered_on_a_guess() {
        let waiting = SyncState::Waiting { until: Millis(0), why: Trouble::OutOfReach };
        let filled = Filled { end: 1, last: 2 };
        for (sync, unsent) in [
            (SyncState::Unknown, 0),
            (SyncState::Fetching, 0),
            (SyncState::Filling(filled), 0),
            (SyncState::FillingStopped(filled), 0),
            (waiting, 0),
            (SyncState::UpToDate, 1),
            (SyncState::Sending, 2),
        ] {
            assert_ne!(sign_of(&status(sync, unsent)).kind, SignKind::Saved);
        }
        assert_eq!(sign_of(&status(SyncState::UpToDate, 0)).kind, SignKind::Saved);
    }

    #[test]
    fn a_tablet_whose_app_is_too_old_is_not_called_stopped() {
        let stopped = |why| sign_of(&status(SyncState::Stopped { why }, 0)).kind;
        assert_eq!(stopped(Trouble::NotUnderstood { detail: "400 version".into() }), SignKind::TooOld);
        assert_eq!(stopped(Trouble::Revoked), SignKind::Revoked);
    }

    #[test]
    fn a_storage_that_takes_nothing_in_is_told_also_where_nothing_is_to_send() {
        let why = yingke_core::journal::AppendError::Closed;
        assert_eq!(sign_of(&status(SyncState::Storage { why }, 0)).kind, SignKind::Storage);
    }

    #[test]
    fn what_was_refused_is_told_before_all_that_mends_itself() {
        let mut refused = status(SyncState::UpToDate, 0);
        refused.refused = 2;
        assert_eq!(sign_of(&refused).kind, SignKind::Refused(2));
    }
}
