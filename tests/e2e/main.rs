//! Whole days of work in a real browser, against the real endpoint.
//!
//! Each test finds things by label and role, as a person does, and waits for what should be seen. The browsers have
//! profiles of their own, the endpoint is the real program, and both are really killed. `cargo xtask test e2e` says in
//! YINGKE_APP, YINGKE_SERVER, CHROMEDRIVER and CHROME where everything is; without it the usual places are tried.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod appointments;
mod audit;
mod between;
mod calls;
mod colleagues;
mod copy;
mod courts;
mod crash;
mod day;
mod doctor;
mod door;
mod drafts;
mod driver;
mod durable;
mod fill;
mod house;
mod lead;
mod leads;
mod letters;
mod looks;
mod lossy;
mod outage;
mod packs;
mod page;
mod paper;
mod papers;
mod passes;
mod passkey;
mod pictures;
mod pins;
mod reminders;
mod room;
mod same;
mod signed_out;
mod signup;
mod supervisor;
mod tabs;
mod tongues;
mod tour;
mod update;
mod upgrade;
mod wipe;
