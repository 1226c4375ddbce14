//! Where devices meet: takes changes in, keeps each once and in order, gives back what is new.
//!
//! [`http`] says who is asking and whether it is well formed, [`exchange`] decides and has never heard of
//! HTTP, [`ledger`] keeps. [`register`] knows the club: its venues, people and tablets.

pub mod acme;
pub mod admin;
pub mod authority;
pub mod backup;
pub mod blobs;
pub mod clock;
pub mod connections;
pub mod demo;
pub mod dossier;
pub mod erase;
pub mod exchange;
pub mod export;
pub mod files;
pub mod handed_in;
pub mod house;
pub mod house_work;
pub mod http;
pub mod import;
pub mod keys;
pub mod known;
pub mod ledger;
pub mod metrics;
pub mod numbers;
pub mod openapi;
pub mod pack_check;
pub mod packs;
pub mod problem;
pub mod register;
pub mod reminders;
pub mod retention;
pub mod sealed;
pub mod serve;
pub mod settings;
pub mod sheet;
pub mod snapshot;
pub mod tls;
pub mod tries;
pub mod verify;
