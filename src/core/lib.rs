//! What the app knows: changes, records, merge, packs, the replica and one turn of sync.
//!
//! No disk, no network, no clock and no chance of its own: time comes in as [`time::Millis`], chance as
//! [`chance::Chance`], storage as [`journal::Journal`], the network as [`sync::Endpoint`]. The same code
//! runs in the browser, at the endpoint and in the simulator.

pub mod audience;
pub mod audit;
pub mod blob;
pub mod capture;
pub mod card;
pub mod chance;
pub mod change;
pub mod clockwork;
pub mod codec;
pub mod commission;
pub mod conflict;
pub mod court;
#[cfg(feature = "describe")]
mod describe;
pub mod drill;
pub mod duplicate;
pub mod filter;
pub mod fixture;
pub mod form;
#[cfg(test)]
mod fuzz;
pub mod id;
pub mod identity;
pub mod ink;
pub mod journal;
pub mod kpi;
pub mod lead;
pub mod merge;
pub mod money;
pub mod name;
#[cfg(any(test, feature = "check"))]
mod named;
pub mod number;
pub mod pack;
pub mod paper;
pub mod parameter;
pub mod pass;
pub mod permit;
pub mod phone;
pub mod pinyin;
pub mod probe;
pub mod reckon;
pub mod record;
pub mod replica;
pub mod report;
pub mod review;
pub mod rights;
pub mod schema;
pub mod search;
pub mod stamp;
pub mod sync;
pub mod task;
pub mod time;
pub mod tour;
pub mod typed;
pub mod undo;
pub mod value;
pub mod wire;
pub mod work;
pub mod workflow;
pub mod xlsx;
