//! Outings: the day's list, one outing from plan to summary, and the card that is filled in beside a stranger.
//!
//! Source: domain catalogue W-08, forms F-03 and F-04, checklist CL-03, machine SM-17, rules.

mod capture;
pub mod card;
mod home;
mod more;
mod one;
mod plan;
pub mod records;
mod tally;

pub use capture::{Capture, Digits, phone_words, takes_text};
pub use home::{OutingHome, outing_today, today_ring};
