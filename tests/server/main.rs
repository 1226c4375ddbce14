//! The endpoint, through its real router over real TCP, and as the real process.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod acme;
mod audit;
mod bad_input;
mod blobs;
mod clock;
mod clones;
mod copies;
mod durable;
mod erase;
mod exchange;
mod files;
mod hand_in;
mod house_work;
mod lead;
mod lost_replies;
mod numbers;
mod openapi;
mod packs;
mod people;
mod process;
mod reconnect;
mod reminders;
mod rights;
mod snapshot;
mod steps;
mod strangers;
mod tls;
mod world;
mod writers;
