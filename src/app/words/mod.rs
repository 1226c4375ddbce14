//! What the screens say, in three languages side by side: whoever changes a sentence sees the other two.
//!
//! `t!(w, saved_here)` is a closure for a view; `w.get().saved_here()` is the text now. What a venue may
//! reword is in its pack, not here.

use std::fmt::{Display, Write};

use leptos::prelude::*;
use yingke_core::pack::Language;

/// The sentences in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Language);

impl Words {
    fn pick(self, index: usize) -> &'static str {
        TABLE[index][match self.0 {
            Language::ZhHans => 0,
            Language::ZhHant => 1,
            Language::En => 2,
        }]
    }
}

/// Puts arguments into a sentence: the control character 1 stands for the first, 2 for the second.
fn fill(sentence: &str, arguments: &[&dyn Display]) -> String {
    let mut text = String::with_capacity(sentence.len() + 16);
    for character in sentence.chars() {
        match arguments.get((character as usize).wrapping_sub(1)) {
            Some(argument) if (character as u32) < 9 => {
                write!(text, "{argument}").expect("writing into a text cannot fail");
            }
            _ => text.push(character),
        }
    }
    text
}

mod sentences {
    #![allow(dead_code, reason = "a plural's two forms stand beside the function that picks; not all are called alone")]
    use super::{Words, fill};

    include!(concat!(env!("OUT_DIR"), "/words.rs"));
}
use sentences::TABLE;

/// The words in force, as a signal.
#[must_use]
pub fn use_words() -> Signal<Words> {
    use_context::<Signal<Words>>().expect("main.rs provides the words before any screen is drawn")
}

/// A sentence as a closure that follows the language: `t!(w, unsent, count.get())`.
#[macro_export]
macro_rules! t {
    ($words:expr, $key:ident $(, $argument:expr)* $(,)?) => {
        move || $words.get().$key($($argument),*).to_string()
    };
}
