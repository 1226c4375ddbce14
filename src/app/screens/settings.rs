//! More: sync, language, how the screen is lit, what unlocks, what reminds, and what this tablet is.

mod passkey;
mod pin;
mod reminders;

use crate::route::use_route;
use crate::view::prelude::*;

use yingke_core::{pack::edition_of, permit::HouseWork};

use self::{passkey::PasskeyRow, pin::PinRow, reminders::RemindersRow};
use super::shell::Pill;
use crate::{
    roster::use_roster,
    settings::{Theme, language_of, language_tag, use_settings},
    t,
    ui::{Choice, FactRow, Glyph, Icon, ListRow, PageHeader, Section, Segmented, slot},
    words::{Words, use_words},
};

/// What the other places do not hold.
#[component]
pub fn More() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let settings = use_settings();
    let route = use_route();
    let pack = move || {
        let (w, pack) = (w.get(), roster.pack());
        let title = pack.title.in_language(w.0);
        let said = match edition_of(pack.version) {
            0 => w.settings_pack_shipped(title, pack.version.to_string()),
            edition => w.settings_pack_edition(title, edition.to_string()),
        };
        if roster.packs_wait() { w.settings_pack_waits(&said) } else { said }
    };
    let lock_minutes = move || roster.me().map_or(0, |me| me.venue.lock_minutes as usize);
    let languages =
        vec![Choice::new("zh-Hans", "简体中文"), Choice::new("zh-Hant", "繁體中文"), Choice::new("en", "English")];
    let themes =
        Signal::derive(move || Theme::ALL.map(|theme| Choice::new(theme.key(), theme_word(w.get(), theme))).to_vec());
    let version = move || format!("{} {}", env!("CARGO_PKG_VERSION"), roster.version());
    let to_sync = Callback::new(move |()| route.go("/sync"));
    let lock = Callback::new(move |()| {
        route.replace("/");
        roster.lock();
    });
    view! {
        <PageHeader title=t!(w, place_more)>
            <Pill/>
        </PageHeader>
        <div class="page page--reading">
            {roster.has_board().then(|| view! {
                <div class="board__in-more">
                    <ListRow
                        title=t!(w, place_board)
                        second=slot(t!(w, board_in_more))
                        face=slot(view! { <Glyph icon=Icon::Board/> })
                        end=slot(view! { <Glyph icon=Icon::Forward/> })
                        on_open=Callback::new(move |()| route.go("/board"))
                    />
                </div>
            })}
            <ListRow
                title=t!(w, place_sync)
                second=slot(t!(w, settings_sync_text))
                face=slot(view! { <Glyph icon=Icon::Endpoint/> })
                end=slot(view! { <Glyph icon=Icon::Forward/> })
                on_open=to_sync
            />
            {roster.does_house_work(HouseWork::EnrolTablets).then(|| view! {
                <ListRow
                    title=t!(w, house_title)
                    second=slot(t!(w, house_more_text))
                    face=slot(view! { <Glyph icon=Icon::Key/> })
                    end=slot(view! { <Glyph icon=Icon::Forward/> })
                    on_open=Callback::new(move |()| route.go("/house"))
                />
            })}
            {roster.reads_log().then(|| view! {
                <ListRow
                    title=t!(w, log_title)
                    second=slot(t!(w, log_more_text))
                    face=slot(view! { <Glyph icon=Icon::Note/> })
                    end=slot(view! { <Glyph icon=Icon::Forward/> })
                    on_open=Callback::new(move |()| route.go("/log"))
                />
            })}
            <ListRow
                title=t!(w, lock_now)
                second=slot(move || Some(lock_minutes()).filter(|count| *count > 0).map(|count| w.get().settings_lock_text(count)))
                face=slot(view! { <Glyph icon=Icon::Lock/> })
                on_open=lock
            />
            <PinRow/>
            <PasskeyRow/>
            <RemindersRow/>
            <Section title=t!(w, place_settings)>
                <div class="stack">
                    <Segmented
                        label=t!(w, settings_language)
                        options=languages
                        chosen=Signal::derive(move || language_tag(settings.language.get()).to_owned())
                        on_choose=move |tag: String| {
                            if let Some(language) = language_of(&tag) {
                                settings.language.set(language);
                                roster.remind_in(language);
                            }
                        }
                    />
                    <Segmented
                        label=t!(w, settings_theme)
                        options=themes
                        chosen=Signal::derive(move || settings.theme.get().key().to_owned())
                        on_choose=move |key: String| settings.theme.set(Theme::from_key(&key))
                    />
                </div>
            </Section>
            <Section title=t!(w, tablet_title)>
                <dl class="fact-list">
                    <FactRow label=t!(w, settings_tablet)>{move || roster.tablet().0}</FactRow>
                    <FactRow label=t!(w, settings_venue)>{move || roster.tablet().1}</FactRow>
                    <FactRow label=t!(w, settings_organisation)>{move || roster.tablet().2}</FactRow>
                    <FactRow label=t!(w, settings_who)>{move || roster.me().map(|me| me.name)}</FactRow>
                    <FactRow label=t!(w, settings_pack)>{pack}</FactRow>
                    <FactRow label=t!(w, tablet_version)>{version}</FactRow>
                </dl>
            </Section>
            <Section title=t!(w, settings_keys)>
                <p class="note">{t!(w, settings_keys_text)}</p>
            </Section>
        </div>
    }
}

fn theme_word(words: Words, theme: Theme) -> &'static str {
    match theme {
        Theme::System => words.theme_system(),
        Theme::Light => words.theme_light(),
        Theme::Dark => words.theme_dark(),
        Theme::Sunlight => words.theme_sunlight(),
    }
}
