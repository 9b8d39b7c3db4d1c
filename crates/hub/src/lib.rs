//! The page, its API and its messages.
//!
//! | module | holds |
//! |---|---|
//! | [`web`] | the pages, one file each |
//! | [`look`] | the frame, the parts and the words of pages; text from outside made inert |
//! | [`gate`] | the one gate before every page: sessions, roles, forms, rate limits, headers |
//! | [`listen`], [`tls`] | connections: how many, how long, with TLS or without |
//! | [`server`] | which path leads where |
//! | [`api`], [`metrics`] | the same actions for programs |
//! | [`containing`] | what of a case can be shut in, and what that stops |
//! | [`approving`], [`registering`] | passkeys: what is asked of them and what they answered |
//! | [`record`] | the record read over, and checked without believing who sent it |
//! | [`guard`] | a proxy between applications and the models that they ask |
//! | [`schedule`] | when the next maintenance window is |
//! | [`evidence`] | everything that is known of a case, as one file that others can check |
//! | [`report`] | a month, the course of one case, drafts of notices |
//! | [`machines`] | machines that report here: joining, certificates, reports, removal |
//! | [`messages`] | mail, webhook and ntfy out of a durable outbox |
//! | [`db`] | what the page keeps for itself |
//! | [`executor`] | the other side: what the page may ask for |
//! | [`class`], [`rules`] | kinds of machines by their ports; the red lines in plain English |
//! | [`hub`], [`jobs`], [`rate`], [`role`], [`password`], [`limits`] | what they all use |
//!
//! Architecture invariant: the hub proposes and shows. It holds no key that approves and it never
//! executes; what it says is not believed by any executor.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod api;
pub mod approving;
pub mod class;
pub mod containing;
pub mod db;
pub mod evidence;
pub mod executor;
pub mod gate;
pub mod guard;
pub mod hub;
pub mod jobs;
pub mod limits;
pub mod listen;
pub mod look;
pub mod machines;
pub mod messages;
pub mod metrics;
pub mod password;
pub mod rate;
pub mod record;
pub mod registering;
pub mod report;
pub mod role;
pub mod rules;
pub mod schedule;
pub mod server;
pub mod tls;
pub mod web;

pub use hub::{Hub, HubConfig, Tls};
