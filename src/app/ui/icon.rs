//! The icons and the mark, drawn for this project on a grid of 24: strokes only, in the colour of the text.
//!
//! A drawing is markup from this table and nothing else, so it may go in as it is. The words beside an icon speak;
//! the icon itself is hidden from screen readers.

use crate::view::prelude::*;

/// What an icon stands for, not what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Today,
    Outing,
    Reception,
    People,
    Calls,
    Cases,
    Board,
    More,
    Tick,
    Saved,
    Unsent,
    Offline,
    Online,
    Clock,
    Late,
    Conflict,
    Plus,
    Minus,
    Search,
    Close,
    Back,
    Forward,
    Down,
    Undo,
    Lock,
    Edit,
    TrialPass,
    Card,
    Calendar,
    Star,
    Hide,
    Print,
    Erase,
    Tablet,
    Endpoint,
    Office,
    Walk,
    Note,
    Rising,
    Falling,
    Level,
    Warn,
    Info,
    Export,
    Gift,
    Repair,
    Chat,
    Care,
    Sun,
    Bell,
    Filter,
    Key,
    Finger,
    Globe,
    Camera,
}

impl Icon {
    /// Every icon, in the order of the language's table.
    #[cfg(test)]
    const ALL: &[Self] = &[
        Self::Today,
        Self::Outing,
        Self::Reception,
        Self::People,
        Self::Calls,
        Self::Cases,
        Self::Board,
        Self::More,
        Self::Tick,
        Self::Saved,
        Self::Unsent,
        Self::Offline,
        Self::Online,
        Self::Clock,
        Self::Late,
        Self::Conflict,
        Self::Plus,
        Self::Minus,
        Self::Search,
        Self::Close,
        Self::Back,
        Self::Forward,
        Self::Down,
        Self::Undo,
        Self::Lock,
        Self::Edit,
        Self::TrialPass,
        Self::Card,
        Self::Calendar,
        Self::Star,
        Self::Hide,
        Self::Print,
        Self::Erase,
        Self::Tablet,
        Self::Endpoint,
        Self::Office,
        Self::Walk,
        Self::Note,
        Self::Rising,
        Self::Falling,
        Self::Level,
        Self::Warn,
        Self::Info,
        Self::Export,
        Self::Gift,
        Self::Repair,
        Self::Chat,
        Self::Care,
        Self::Sun,
        Self::Bell,
        Self::Filter,
        Self::Key,
        Self::Finger,
        Self::Globe,
        Self::Camera,
    ];

    /// The shapes inside the 24 x 24 box.
    const fn drawing(self) -> &'static str {
        match self {
            Self::Today => {
                r#"<path d="M4 9.5h16M8 3.5v3M16 3.5v3"/><rect x="4" y="5" width="16" height="15" rx="3"/><path d="m9 14.7 2.1 2.1 4-4.2"/>"#
            }
            Self::Outing => {
                r#"<path d="M5 21V4.2M5 5c3.2-2.1 6.2 2 9.4.6 1.6-.7 2.9-1 4.6-.6v9c-1.7-.4-3-.1-4.6.6C11.2 16 8.2 12 5 14"/>"#
            }
            Self::Reception => {
                r#"<path d="M4 20.5h16M6.5 20.5V4.8c0-.7.6-1.3 1.3-1.3h5.7"/><path d="m17.5 20.5V6.8L11 4v16.5"/><path d="M14.2 12.3v.9"/>"#
            }
            Self::People => {
                r#"<circle cx="9.5" cy="8" r="3.5"/><path d="M3 19.5c.5-3.6 3.1-5.5 6.5-5.5s6 1.9 6.5 5.5"/><path d="M15.5 4.8a3.4 3.4 0 0 1 0 6.4M18 14.8c1.7.8 2.7 2.4 3 4.7"/>"#
            }
            Self::Calls => {
                r#"<path d="M5 4.5h3.2l1.6 4-2 1.7c1 2.5 3 4.5 5.5 5.6l1.9-2 4 1.6v3.3c0 .8-.6 1.4-1.4 1.3C10.4 19.7 4.6 13.7 3.7 6c-.1-.8.5-1.5 1.3-1.5Z"/>"#
            }
            Self::Cases => {
                r#"<path d="M20.5 12c0 4.1-3.8 7.3-8.5 7.3-1.2 0-2.3-.2-3.3-.5L4.5 20.3l1-3.3c-1.3-1.3-2-3-2-5 0-4.1 3.8-7.3 8.5-7.3s8.5 3.2 8.5 7.3Z"/><path d="M12 8.5v4M12 15.3v.1"/>"#
            }
            Self::Board => r#"<path d="M4 20h16M6.5 16.5v-4M12 16.5V5M17.5 16.5V9"/>"#,
            Self::More => r#"<path d="M5.5 12h.01M12 12h.01M18.5 12h.01" stroke-width="2.6"/>"#,
            Self::Tick => r#"<path d="m5 12.7 4.6 4.6L19.5 7"/>"#,
            Self::Saved => r#"<circle cx="12" cy="12" r="8.7"/><path d="m8 12.3 2.8 2.8 5.2-5.5"/>"#,
            Self::Unsent => {
                r#"<path d="M12 3.3a8.7 8.7 0 1 1-8.3 6.1" stroke-dasharray="3.2 3.1"/><path d="M12 16V8.5M8.7 11.5 12 8.2l3.3 3.3"/>"#
            }
            Self::Offline => {
                r#"<path d="M2.8 9.3A13.5 13.5 0 0 1 7.2 6.5M11 5.5c3.9-.2 7.4 1.2 10.2 3.8M6 12.8a8.8 8.8 0 0 1 3.5-2.1M14.8 11c1.2.4 2.3 1 3.2 1.8M9.3 16.3a4 4 0 0 1 4.3-.6M12 19.5v.1M4 3.5l16 17"/>"#
            }
            Self::Online => {
                r#"<path d="M2.8 9.3a13.5 13.5 0 0 1 18.4 0M6 12.8a8.8 8.8 0 0 1 12 0M9.3 16.3a4 4 0 0 1 5.4 0M12 19.5v.1"/>"#
            }
            Self::Clock => r#"<circle cx="12" cy="12" r="8.7"/><path d="M12 7v5.2l3.3 2"/>"#,
            Self::Late => r#"<path d="M6 21V4M6 4.5h12.5l-3 4.2 3 4.3H6"/>"#,
            Self::Conflict => {
                r#"<path d="M12 20.5v-6.5M12 14C12 10 6 11.5 6 5M12 14c0-4 6-2.5 6-9M3.2 7.6 6 4.6l2.8 3M15.2 7.6l2.8-3 2.8 3"/>"#
            }
            Self::Plus => r#"<path d="M12 5v14M5 12h14"/>"#,
            Self::Minus => r#"<path d="M5 12h14"/>"#,
            Self::Search => r#"<circle cx="10.7" cy="10.7" r="6.7"/><path d="m15.7 15.7 4.8 4.8"/>"#,
            Self::Close => r#"<path d="m6 6 12 12M18 6 6 18"/>"#,
            Self::Back => r#"<path d="m14.5 5-7 7 7 7"/>"#,
            Self::Forward => r#"<path d="m9.5 5 7 7-7 7"/>"#,
            Self::Down => r#"<path d="m5 9 7 7 7-7"/>"#,
            Self::Undo => r#"<path d="M8.5 5 4 9.5 8.5 14M4.3 9.5H14a5.5 5.5 0 0 1 0 11H9"/>"#,
            Self::Lock => {
                r#"<rect x="5" y="10.5" width="14" height="10" rx="2.5"/><path d="M8 10.5V8a4 4 0 0 1 8 0v2.5"/>"#
            }
            Self::Edit => {
                r#"<path d="m4 20 1-4.5L16.3 4.2a1.8 1.8 0 0 1 2.5 0l1 1a1.8 1.8 0 0 1 0 2.5L8.5 19 4 20ZM14.3 6.3l3.4 3.4"/>"#
            }
            Self::TrialPass => {
                r#"<path d="M3 9.5V7.5C3 6.7 3.7 6 4.5 6h15c.8 0 1.5.7 1.5 1.5v2a2.5 2.5 0 0 0 0 5v2c0 .8-.7 1.5-1.5 1.5h-15c-.8 0-1.5-.7-1.5-1.5v-2a2.5 2.5 0 0 0 0-5Z"/><path d="M9.5 10h5M9.5 14h5"/>"#
            }
            Self::Card => r#"<rect x="3" y="5.5" width="18" height="13" rx="2.5"/><path d="M3 10h18M6.5 15h4"/>"#,
            Self::Calendar => {
                r#"<rect x="4" y="5" width="16" height="15" rx="3"/><path d="M4 9.5h16M8 3.5v3M16 3.5v3"/>"#
            }
            Self::Star => {
                r#"<path d="m12 3.8 2.5 5.3 5.7.7-4.2 4 1.1 5.8L12 16.8l-5.1 2.8L8 13.8l-4.2-4 5.7-.7L12 3.8Z"/>"#
            }
            Self::Hide => {
                r#"<path d="M4 4.5 20 20M9.5 5.9A9.7 9.7 0 0 1 12 5.6c4.5 0 7.7 3.1 9.3 6.4a14 14 0 0 1-2.5 3.5M6.3 8A14.5 14.5 0 0 0 2.7 12c1.6 3.3 4.8 6.4 9.3 6.4 1.5 0 2.9-.3 4.1-.9M9.9 10a2.9 2.9 0 0 0 4 4.1"/>"#
            }
            Self::Print => {
                r#"<path d="M7 8.5V3.5h10v5M7 17H4.5c-.6 0-1-.4-1-1v-6c0-.8.7-1.5 1.5-1.5h14c.8 0 1.5.7 1.5 1.5v6c0 .6-.4 1-1 1H17"/><path d="M7 14h10v6.5H7z"/>"#
            }
            Self::Erase => {
                r#"<path d="M8.5 5.5H19c.8 0 1.5.7 1.5 1.5v10c0 .8-.7 1.5-1.5 1.5H8.5L2.8 12l5.7-6.5ZM11.5 9.5l5 5M16.5 9.5l-5 5"/>"#
            }
            Self::Tablet => r#"<rect x="5" y="3" width="14" height="18" rx="2.5"/><path d="M10.5 18h3"/>"#,
            Self::Endpoint => {
                r#"<rect x="4" y="4" width="16" height="7" rx="2"/><rect x="4" y="13" width="16" height="7" rx="2"/><path d="M7.5 7.5h.1M7.5 16.5h.1"/>"#
            }
            Self::Office => r#"<path d="M4 20.5h16M6 20.5v-16h8v16M14 9.5h4v11M9 8h2M9 12h2M9 16h2"/>"#,
            Self::Walk => {
                r#"<circle cx="13" cy="4.7" r="1.7"/><path d="m8.5 21 2.7-5.2 2.3 1.9 1 3.3M11.2 15.8l.8-6.1 3 3.1 3 .9M12 9.7l-3.5 1.5L7.5 14.5"/>"#
            }
            Self::Note => {
                r#"<path d="M6.5 3.5h11c.8 0 1.5.7 1.5 1.5v9.5l-5.5 6H6.5C5.7 20.5 5 19.8 5 19V5c0-.8.7-1.5 1.5-1.5Z"/><path d="M13.5 20.3V16c0-.8.7-1.5 1.5-1.5h4M8.5 8h7M8.5 11.5h4"/>"#
            }
            Self::Rising => r#"<path d="M5 16.5 10.5 11l3.3 3.2L19.5 8M14.5 7.5h5.2v5.2"/>"#,
            Self::Falling => r#"<path d="m5 7.5 5.5 5.5 3.3-3.2 5.7 6.2M14.5 16.5h5.2v-5.2"/>"#,
            Self::Level => r#"<path d="M4.5 12h15M15.5 8l4 4-4 4"/>"#,
            Self::Warn => r#"<path d="M12 4 2.9 19.5h18.2L12 4ZM12 10v4.5M12 16.9v.1"/>"#,
            Self::Camera => {
                r#"<path d="M4.5 7.5h3L9 5h6l1.5 2.5h3c.8 0 1.5.7 1.5 1.5v8.5c0 .8-.7 1.5-1.5 1.5h-15c-.8 0-1.5-.7-1.5-1.5V9c0-.8.7-1.5 1.5-1.5Z"/><circle cx="12" cy="13" r="3.5"/>"#
            }
            Self::Info => r#"<circle cx="12" cy="12" r="8.7"/><path d="M12 11.2v5M12 7.9v.1"/>"#,
            Self::Export => r#"<path d="M12 15V4M8 7.5 12 3.7l4 3.8M7 11H5.5v9h13v-9H17"/>"#,
            Self::Gift => {
                r#"<path d="M4 12h16v8.5H4zM3 8h18v4H3zM12 8v12.5M12 8C9 8 7 7 7 5.3 7 3.6 9.3 3 10.5 4.3 11.3 5.2 12 8 12 8Zm0 0c3 0 5-1 5-2.7C17 3.6 14.7 3 13.5 4.3 12.7 5.2 12 8 12 8Z"/>"#
            }
            Self::Repair => {
                r#"<path d="M20 7.2a4.8 4.8 0 0 1-6.3 5.3L7.5 19a2 2 0 0 1-2.9-2.9l6.5-6.2A4.8 4.8 0 0 1 16.5 3.6L13.7 6.5l.6 2.9 2.9.6L20 7.2Z"/>"#
            }
            Self::Chat => {
                r#"<path d="M20.5 12c0 4.1-3.8 7.3-8.5 7.3-1.2 0-2.3-.2-3.3-.5L4.5 20.3l1-3.3c-1.3-1.3-2-3-2-5 0-4.1 3.8-7.3 8.5-7.3s8.5 3.2 8.5 7.3Z"/>"#
            }
            Self::Care => {
                r#"<path d="M12 19.8C6.5 16.3 3.7 13.2 3.7 9.6c0-2.5 1.9-4.4 4.3-4.4 1.6 0 3.1.9 4 2.4.9-1.5 2.4-2.4 4-2.4 2.4 0 4.3 1.9 4.3 4.4 0 3.6-2.8 6.7-8.3 10.2Z"/>"#
            }
            Self::Sun => {
                r#"<circle cx="12" cy="12" r="4"/><path d="M12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M18.4 5.6l-1.1 1.1M6.7 17.3l-1.1 1.1"/>"#
            }
            Self::Bell => r#"<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15l1.5-2ZM10 21h4"/>"#,
            Self::Filter => r#"<path d="M4 6.5h16M7 12h10M10 17.5h4"/>"#,
            Self::Key => r#"<circle cx="8" cy="15.5" r="4.2"/><path d="m11.2 12.5 8-8M16 7.5l2.5 2.5"/>"#,
            Self::Finger => {
                r#"<path d="M6.3 6.6A7.9 7.9 0 0 1 19.9 12c0 1.8-.1 3.4-.4 5M4.1 11.5V12c0 1.5-.3 2.8-.8 4M8.1 12a3.9 3.9 0 0 1 7.8 0c0 3.2-.5 6-1.5 8.5M8.1 12c0 2.8-.6 5.2-1.8 7.4M12 12c0 3.4-.6 6.3-1.9 8.9"/>"#
            }
            Self::Globe => {
                r#"<circle cx="12" cy="12" r="8.7"/><path d="M3.3 12h17.4M12 3.3c5 5.2 5 12.2 0 17.4M12 3.3c-5 5.2-5 12.2 0 17.4"/>"#
            }
        }
    }
}

/// An icon at the size of its place: 24 unless the style says otherwise.
#[component]
pub fn Glyph(
    icon: Icon,
    /// A given star is the one icon that may be filled.
    #[prop(optional)]
    filled: bool,
) -> impl IntoView {
    view! {
        <svg class="icon" class:icon--filled=filled viewBox="0 0 24 24" aria-hidden="true" inner_html=icon.drawing()></svg>
    }
}

/// An icon on its wash, as the face of a thing in a row.
#[component]
pub fn Ground(icon: Icon, #[prop(optional)] tone: super::Tone) -> impl IntoView {
    view! { <span class="ground" data-tone=tone.name()><Glyph icon/></span> }
}

const MARK: &str = r#"<path d="M17.5 42c.8-7 .3-11.5 3.5-17.5 2-3.8 2.3-6.5 2.2-11" stroke-width="3"/><path d="M20.8 27.5c4 .2 7.5 1 11 1.3" stroke-width="2.4"/><path d="M14.5 12.5c1.5-6 15.5-6 17.5 0ZM7.5 22c1.5-5.2 11.5-5.6 13.5-.5ZM24.5 27.6c2.5-5.6 15-6 19 .9Z" fill="currentColor" stroke-width="1.6" stroke-linejoin="round"/><path d="M10 42h17" stroke-width="2.6"/>"#;

/// The guest-greeting pine. It says nothing by itself: the name stands beside it.
#[component]
pub fn Mark() -> impl IntoView {
    view! { <svg class="mark" viewBox="0 0 48 48" aria-hidden="true" inner_html=MARK></svg> }
}

#[cfg(test)]
mod tests {
    use super::Icon;

    #[test]
    fn every_icon_is_a_drawing_of_its_own() {
        for (place, icon) in Icon::ALL.iter().enumerate() {
            let drawing = icon.drawing();
            assert!(drawing.starts_with('<') && drawing.ends_with("/>"), "{icon:?}");
            assert!(!drawing.contains("fill"), "{icon:?} is drawn in strokes");
            for other in &Icon::ALL[place + 1..] {
                assert_ne!(drawing, other.drawing(), "{icon:?} and {other:?}");
            }
        }
    }
}
