//! What a tablet remembers of how people like it: language, theme. Not records, and nothing secret.

use leptos::prelude::*;
use yingke_core::pack::Language;

use crate::browser::settings as kept;

/// How the screen is lit. The system's choice holds until somebody chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
    Sunlight,
}

impl Theme {
    pub const ALL: [Self; 4] = [Self::System, Self::Light, Self::Dark, Self::Sunlight];

    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Sunlight => "sunlight",
        }
    }

    #[must_use]
    pub fn from_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.key() == key).unwrap_or_default()
    }
}

/// The tag that `lang` takes, and that is kept.
#[must_use]
pub fn language_tag(language: Language) -> &'static str {
    match language {
        Language::ZhHans => "zh-Hans",
        Language::ZhHant => "zh-Hant",
        Language::En => "en",
    }
}

#[must_use]
pub fn language_of(tag: &str) -> Option<Language> {
    let tag = tag.to_ascii_lowercase();
    if tag.starts_with("zh") {
        let traditional = ["hant", "-tw", "-hk", "-mo"].iter().any(|part| tag.contains(part));
        return Some(if traditional { Language::ZhHant } else { Language::ZhHans });
    }
    tag.starts_with("en").then_some(Language::En)
}

/// The settings in force; each change is on the page and kept at once.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub language: RwSignal<Language>,
    pub theme: RwSignal<Theme>,
    /// The theme that outings remember of their own.
    pub outing_theme: RwSignal<Theme>,
    /// Whether an outing's capture is on the screen.
    pub capturing: RwSignal<bool>,
}

impl Settings {
    /// Reads what was kept; without it the browser's language, or the first that the club's staff read.
    #[must_use]
    pub fn load() -> Self {
        let language = kept::get("language")
            .and_then(|tag| language_of(&tag))
            .or_else(|| kept::browser_languages().iter().find_map(|tag| language_of(tag)))
            .unwrap_or(Language::ZhHans);
        let theme = |key, default| RwSignal::new(kept::get(key).map_or(default, |theme| Theme::from_key(&theme)));
        let first = if kept::prefers_more_contrast() { Theme::Sunlight } else { Theme::System };
        let settings = Self {
            language: RwSignal::new(language),
            theme: theme("theme", first),
            outing_theme: theme("outing-theme", Theme::Sunlight),
            capturing: RwSignal::new(false),
        };
        settings.keep();
        settings
    }

    fn keep(self) {
        Effect::new(move |before: Option<()>| {
            let tag = language_tag(self.language.get());
            kept::set_root_attribute("lang", tag);
            if before.is_some() {
                kept::put("language", tag);
            }
        });
        Effect::new(move |before: Option<()>| {
            let (theme, outing) = (self.theme.get(), self.outing_theme.get());
            let shown = if self.capturing.get() { outing } else { theme };
            kept::set_root_attribute("data-theme", shown.key());
            if before.is_some() {
                kept::put("theme", theme.key());
                kept::put("outing-theme", outing.key());
            }
        });
    }
}

/// The settings, in a screen.
#[must_use]
pub fn use_settings() -> Settings {
    use_context::<Settings>().expect("main.rs provides the settings before any screen is drawn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_tag() {
        assert_eq!(language_of("zh-CN"), Some(Language::ZhHans));
        assert_eq!(language_of("zh-TW"), Some(Language::ZhHant));
        assert_eq!(language_of("zh-Hant-HK"), Some(Language::ZhHant));
        assert_eq!(language_of("en-GB"), Some(Language::En));
        assert_eq!(language_of("fr"), None);
        for language in [Language::ZhHans, Language::ZhHant, Language::En] {
            assert_eq!(language_of(language_tag(language)), Some(language));
        }
    }
}
