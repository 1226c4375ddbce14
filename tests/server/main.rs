//! The endpoint, through its real router over real TCP, and as the real process.

mod exchange;
mod lost_replies;
mod world;
mod writers;
