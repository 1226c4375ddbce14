//! Where devices meet.
