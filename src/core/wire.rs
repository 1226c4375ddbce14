//! What devices and the endpoint say to each other, version 1.
//!
//! These types are a promise to older and newer versions: their exact text is held by tests. Domain types
//! convert with `From` and `TryFrom`, and what arrives is parsed once, here. Unknown members of a message are
//! passed over; unknown fields of records are data and kept.

pub mod v1;
