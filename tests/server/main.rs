//! The endpoint, through its real router over real TCP, and as the real process.

mod bad_input;
mod exchange;
mod files;
mod lost_replies;
mod people;
mod process;
mod world;
mod writers;
