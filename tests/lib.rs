//! Whole-system tests, and what several of them read.

pub mod strace;
