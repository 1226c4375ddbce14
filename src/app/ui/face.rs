//! Faces: a photo, a drawn head for staff, the first character for guests. Always beside the name.

use crate::view::prelude::*;

/// What a face shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The first character of a guest's name.
    Letter(String),
    /// A head drawn from a number: the same number, the same head. For staff.
    Head(u32),
    /// The address of a photo.
    Photo(String),
}

impl Look {
    /// The first character of a name.
    pub fn letter_of(name: &str) -> Self {
        Self::Letter(name.chars().next().map(String::from).unwrap_or_default())
    }

    /// The head that belongs to a name or an id.
    pub fn head_of(key: &str) -> Self {
        // FNV-1a: spreads neighbours, and needs no table.
        Self::Head(key.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
    }
}

/// How large a face is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaceSize {
    /// 36: in a table.
    Small,
    /// 44: in a row, on the rail.
    #[default]
    Row,
    /// 56: in a header.
    Head,
    /// 72: the top of a detail.
    Detail,
    /// 92: to be chosen.
    Tile,
}

const SKIN: [(&str, &str); 4] =
    [("#ecccb3", "#d5b096"), ("#e2bea2", "#c9a083"), ("#d9ae90", "#bf9174"), ("#cda182", "#b28568")];
const HAIR: [&str; 4] = ["#33231c", "#2a2420", "#2c2119", "#4a3324"];
const CLOTHES: [&str; 8] = ["#a5644e", "#1f5f4b", "#a88246", "#44698a", "#465c52", "#8f648f", "#5d6b4a", "#7a4a52"];
/// Hues of the grounds behind heads; lightness and chroma are the style sheet's.
const HUES: [u32; 6] = [70, 20, 215, 165, 305, 110];

/// Hair behind the head, and hair before it.
const STYLES: [(&str, &str); 8] = [
    // long, parted
    (
        "M25.5 71V37C25.5 23 33.5 15 46 15s20.5 8 20.5 22v34c0 2.6-1.6 4-4 4H29.5c-2.4 0-4-1.4-4-4Z",
        "M31 43c-1.5-14 4-21.5 13-22 1.5 7.5 9 13.5 17 17.5C62 27 57 18.5 46 18.5S29.5 27 31 43Z",
    ),
    // short, parted
    (
        "",
        "M30.5 40C28.5 27 34 19 46 19s17.5 8 15.5 21c-.8-4.5-2.2-7.5-4.2-9.5-4 1.7-17 2.2-22.3-1-2.3 2.5-3.7 6-4.5 10.5Z",
    ),
    // bun
    (
        "M46 6a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM28.5 45C27 28 34 18 46 18s19 10 17.5 27c-2 0-2 0-3-4h-29c-1 4-1 4-3 4Z",
        "M30.8 40C31 27.5 36 20.5 46 20.5S61 27.5 61.2 40c-3-8-8-11.5-15.2-11.5S33.8 32 30.8 40Z",
    ),
    // cropped
    ("", "M31 40c-2.5-13 3.5-22 15-22s17.5 9 15 22c-.6-4.4-1.5-7.3-3-9.5-7-2.6-17-2.6-24 0-1.5 2.2-2.4 5.1-3 9.5Z"),
    // bob with a fringe
    (
        "M27 61V37c0-13.5 7.5-21 19-21s19 7.5 19 21v24c0 2.4-1.4 3.5-3.5 3.5h-31C28.4 64.5 27 63.4 27 61Z",
        "M30.8 42C30 27 35.5 19.5 46 19.5S62 27 61.2 42c-.4-2.6-1-4.3-2-5.5-8 1.6-18.4 1.6-26.4 0-1 1.2-1.6 2.9-2 5.5Z",
    ),
    // swept to the side
    (
        "",
        "M30.5 41c-3-14.5 3.5-23 17-23 10 0 16.5 7 14 22-.8-4.5-2.5-8-5.5-10.5-7 3-16.5 2.5-21.5-1-2.2 3-3.3 7-4 12.5Z",
    ),
    // to the shoulders, no fringe
    (
        "M26.5 66c1.5-8 .5-18 .5-28C27 24 34.5 15.5 46 15.5S65 24 65 38c0 10-1 20 .5 28 .3 2-1 3-3 3h-33c-2 0-3.3-1-3-3Z",
        "M30.5 44c-.8-9 1.5-14 5.5-16.5 5 1.8 15 1.8 20 0C60 30 62.3 35 61.5 44 64 27 57.5 18.5 46 18.5S28 27 30.5 44Z",
    ),
    // curls
    (
        "M31 24a8 8 0 0 1 11-6.5 8.5 8.5 0 0 1 13 .8A8 8 0 0 1 63 29a8 8 0 0 1 .5 12h-35A8 8 0 0 1 28 29.5 8 8 0 0 1 31 24Z",
        "M30.8 40c.4-3.5 1.8-6.2 4-8a7 7 0 0 0 7-1.6 7.5 7.5 0 0 0 9.4-.2 7 7 0 0 0 6.4 2c1.9 1.6 3.2 4.3 3.6 7.8C64 27 57 19.5 46 19.5S28 27 30.8 40Z",
    ),
];

/// The drawing of head `seed`, in a box of 92.
fn head(seed: u32) -> String {
    // Neighbours differ in all parts, not in the hair alone.
    let mixed = seed.wrapping_mul(0x9e37_79b1) >> 8;
    let pick = |divisor: u32, count: usize| (mixed / divisor) as usize % count;
    let (behind, before) = STYLES[seed as usize % STYLES.len()];
    let (skin, shade) = SKIN[pick(32, SKIN.len())];
    let hair = HAIR[pick(8, HAIR.len())];
    let clothes = CLOTHES[pick(1, CLOTHES.len())];
    format!(
        r#"<path fill="{hair}" d="{behind}"/><path fill="{clothes}" d="M11 92c2-14 12-20 25-23.5h20C69 72 79 78 81 92Z"/><path fill="{skin}" d="M38 54h16v15.5a8 4.5 0 0 1-16 0Z"/><path fill="{shade}" d="M38 61.5c4.5 3.5 11.5 3.5 16 0v3.8c-4.5 3.4-11.5 3.4-16 0Z"/><path fill="{skin}" d="M31 38c0-10.5 6-16.5 15-16.5S61 27.5 61 38c0 13-6.5 23.5-15 23.5S31 51 31 38Z"/><path fill="{hair}" d="{before}"/>"#
    )
}

/// A face. The name beside it speaks, so it is hidden from screen readers.
#[component]
pub fn Face(#[prop(into)] look: Signal<Look>, #[prop(optional)] size: FaceSize) -> impl IntoView {
    let size = match size {
        FaceSize::Small => "small",
        FaceSize::Row => "row",
        FaceSize::Head => "head",
        FaceSize::Detail => "detail",
        FaceSize::Tile => "tile",
    };
    let kind = move || match look.get() {
        Look::Letter(_) => "letter",
        Look::Head(_) => "head",
        Look::Photo(_) => "photo",
    };
    let hue = move || match look.get() {
        Look::Head(seed) => HUES[seed as usize % HUES.len()],
        Look::Letter(_) | Look::Photo(_) => HUES[0],
    };
    let inner = move || match look.get() {
        Look::Letter(letter) => letter.into_view(),
        Look::Head(seed) => view! { <svg viewBox="0 0 92 92" inner_html=head(seed)></svg> },
        Look::Photo(source) => view! { <img src=source alt=""/> },
    };
    view! {
        <span class="face" aria-hidden="true" data-size=size data-kind=kind style:--hue=move || hue().to_string()>
            {inner}
        </span>
    }
}
