//! Digits: the keypad, the number that grows above it, and the dots of a PIN.

use super::{Glyph, Icon, Slot, Text};
use crate::view::prelude::*;
use std::time::Duration;

/// How long a press on erase is held until it clears, in milliseconds. Only a shortcut: clear has a key of its own.
const HOLD_MS: u64 = 600;

/// A key that was pressed. The parent maps a hardware keyboard to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// 0 to 9.
    Digit(u8),
    /// Takes the last digit away.
    Erase,
    /// Takes all away; the parent offers undo.
    Clear,
}

impl Key {
    /// The key for a key of a hardware keyboard, by its `event.key()`.
    pub fn of_keyboard(name: &str) -> Option<Self> {
        match name {
            "Backspace" => Some(Self::Erase),
            "Delete" => Some(Self::Clear),
            _ => {
                let digit = name.parse::<u8>().ok().filter(|digit| name.len() == 1 && *digit < 10)?;
                Some(Self::Digit(digit))
            }
        }
    }

    /// What `digits` becomes by this key, at most `length_max` long.
    pub fn applied(self, digits: &str, length_max: usize) -> String {
        let mut next = digits.to_owned();
        match self {
            Self::Digit(digit) if next.len() < length_max => next.push(char::from(b'0' + digit.min(9))),
            Self::Digit(_) => {}
            Self::Erase => {
                next.pop();
            }
            Self::Clear => next.clear(),
        }
        next
    }
}

/// What stands beside the zero.
#[derive(Debug, Default)]
pub enum Corner {
    /// The key that clears.
    #[default]
    Clear,
    /// The key that erases.
    Erase,
    /// Nothing.
    Empty,
    /// Something of the screen's own: 忘记了, 保存.
    Own(OwnKey),
}

/// A view of the screen's own in a corner of the keypad.
pub struct OwnKey(pub Slot);

impl std::fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnKey")
    }
}

impl Corner {
    /// A corner with a view of the screen's own.
    pub fn own(view: impl IntoView + 'static) -> Self {
        Self::Own(OwnKey(view.into_view()))
    }
}

/// Twelve places: nine digits, the zero, and a corner on either side of it.
#[component]
pub fn Keypad(
    /// Every press.
    #[prop(into)]
    on_key: Callback<Key>,
    #[prop(into)] clear_label: Text,
    #[prop(into)] erase_label: Text,
    /// Left of the zero.
    #[prop(default = Corner::Clear)]
    start: Corner,
    /// Right of the zero.
    #[prop(default = Corner::Erase)]
    end: Corner,
    /// What is typed with it, for screen readers.
    #[prop(optional, into)]
    label: Text,
) -> impl IntoView {
    let digit = move |digit: u8| {
        view! {
            <button type="button" class="key" on:click=move |_| on_key.run(Key::Digit(digit))>
                {digit}
            </button>
        }
    };
    let held = StoredValue::new(None::<TimeoutHandle>);
    let release = move || {
        if let Some(timer) = held.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    };
    on_cleanup(release);
    let hold = move || {
        release();
        let timer = set_timeout_with_handle(move || on_key.run(Key::Clear), Duration::from_millis(HOLD_MS)).ok();
        held.set_value(timer);
    };
    let corner = move |corner: Corner| match corner {
        Corner::Clear => view! {
            <button type="button" class="key key--words" on:click=move |_| on_key.run(Key::Clear)>
                {move || clear_label.get()}
            </button>
        },
        Corner::Erase => view! {
            <button
                type="button"
                class="key"
                aria-label=move || erase_label.get()
                title=move || erase_label.get()
                on:pointerdown=move |_| hold()
                on:pointerup=move |_| release()
                on:pointercancel=move |_| release()
                on:pointerleave=move |_| release()
                on:contextmenu=move |event| event.prevent_default()
                on:click=move |_| on_key.run(Key::Erase)
            >
                <Glyph icon=Icon::Erase/>
            </button>
        },
        Corner::Empty => view! { <span></span> },
        Corner::Own(OwnKey(view)) => view! { <div class="key-own">{view}</div> },
    };
    view! {
        <div class="keypad" role="group" aria-label=move || label.get()>
            {(1..=9).map(digit).collect::<View>()} {corner(start)} {digit(0)} {corner(end)}
        </div>
    }
}

/// How much of a PIN is typed, and nothing of what.
#[component]
pub fn PinDots(
    total: usize,
    #[prop(into)] filled: Signal<usize>,
    /// The whole in words, such as 已输入3位，共6位.
    #[prop(into)]
    label: Text,
    /// The last one was wrong.
    #[prop(optional, into)]
    refused: Signal<bool>,
) -> impl IntoView {
    view! {
        <div
            class="pin"
            role="img"
            aria-label=move || label.get()
            data-refused=move || refused.get().then_some("true")
        >
            {(0..total)
                .map(|place| view! { <span class="pin__dot" data-on=move || (place < filled.get()).then_some("true")></span> })
                .collect::<View>()}
        </div>
    }
}

/// A telephone number in groups of 3 4 4, as far as it goes; other lengths stay whole in groups of four.
pub fn grouped(digits: &str) -> String {
    let mut words = String::with_capacity(digits.len() + 2);
    for (place, digit) in digits.chars().enumerate() {
        if place == 3 || (place > 3 && (place - 3).is_multiple_of(4)) {
            words.push(' ');
        }
        words.push(digit);
    }
    words
}

/// The large number being typed, with its caret; what is still missing may show as ghosts.
#[component]
pub fn NumberDisplay(
    /// What the number is; stands above it.
    #[prop(into)]
    label: Text,
    /// The digits alone.
    #[prop(into)]
    digits: Text,
    /// How many make it whole.
    #[prop(default = 11)]
    length: usize,
    /// Draws the missing digits in grey.
    #[prop(optional)]
    ghosts: bool,
    /// What was found out, at the end of the label's line: 全店没有重复.
    #[prop(optional)]
    end: Option<Slot>,
    /// The label is spoken and not drawn: on a phone.
    #[prop(optional)]
    hide_label: bool,
) -> impl IntoView {
    let ghost = move || {
        if !ghosts {
            return String::new();
        }
        let digits = digits.get();
        let whole = grouped(&format!("{digits}{}", "0".repeat(length.saturating_sub(digits.len()))));
        whole.get(grouped(&digits).len()..).unwrap_or_default().to_owned()
    };
    view! {
        <div class="number" class:number--bare=hide_label role="group" aria-label=move || label.get()>
            <div class="number__head">
                <span class="number__label" aria-hidden="true">{move || label.get()}</span>
                {end}
            </div>
            <p class="number__digits">
                <span>{move || grouped(&digits.get())}</span>
                <span class="number__caret" aria-hidden="true"></span>
                <span class="number__ghost" aria-hidden="true">{ghost}</span>
            </p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, grouped};

    #[test]
    fn a_mobile_number_is_read_in_three_four_four() {
        assert_eq!(grouped("13800138000"), "138 0013 8000");
        assert_eq!(grouped("1380"), "138 0");
        assert_eq!(grouped(""), "");
    }

    #[test]
    fn keys_of_a_keyboard_do_the_same_as_keys_on_the_glass() {
        assert_eq!(Key::of_keyboard("7"), Some(Key::Digit(7)));
        assert_eq!(Key::of_keyboard("Backspace"), Some(Key::Erase));
        assert_eq!(Key::of_keyboard("Delete"), Some(Key::Clear));
        assert_eq!(Key::of_keyboard("10"), None);
        assert_eq!(Key::of_keyboard("a"), None);
    }

    #[test]
    fn a_whole_number_takes_no_further_digit() {
        assert_eq!(Key::Digit(5).applied("12", 3), "125");
        assert_eq!(Key::Digit(5).applied("125", 3), "125");
        assert_eq!(Key::Erase.applied("125", 3), "12");
        assert_eq!(Key::Erase.applied("", 3), "");
        assert_eq!(Key::Clear.applied("125", 3), "");
    }
}
