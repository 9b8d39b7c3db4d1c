//! Where everything is kept on one machine, in one data folder and without another daemon.
//!
//! | module | holds |
//! |---|---|
//! | [`state`] | [`State`], what the site knows: hosts, inventories, findings, cases, plans, approvals, actions |
//! | [`sqlite_state`] | [`SqliteState`], the same in one SQLite file |
//! | [`overview`] | [`Overview`], counts and pages of it for sites of many machines |
//! | [`report`] | how the cases of a month came and went |
//! | [`advisories`] | [`AdvisoryStore`]: advisories and facts about CVEs, from feeds |
//! | [`event_log`] | [`EventLog`]: appends that are durable when acknowledged, sealed into Parquet |
//! | [`mod@backup`] | [`backup()`] and [`restore()`]: one archive that holds a whole data folder |
//! | [`database`] | how our SQLite files are opened and migrated |
//! | [`limits`] | the written limit of every loop, queue and file in this crate |
//!
//! Architecture invariant: what was acknowledged is durable; what cannot be read is set aside,
//! counted and reported, never silently skipped and never a reason not to start.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable
)]

pub mod advisories;
pub mod backup;
pub mod database;
pub mod event_log;
pub mod limits;
pub mod overview;
pub mod report;
pub mod sqlite_state;
pub mod state;

pub use advisories::{
    AdvisoryError, AdvisoryStore, CveFact, CveFactKind, SnapshotMeta as FeedSnapshot,
    SnapshotWriter,
};
pub use backup::{BackupError, BackupReport, RestoreReport, backup, restore};
pub use database::DatabaseError;
pub use event_log::{
    Ack, EventFilter, EventLog, EventLogConfig, EventLogError, EventLogStats, EventReader,
    EventSink, GroupCommit, Notice, ScanReport, StoredEvent, parquet_of,
};
pub use overview::{Counts, Day, Installed, Overview, Used};
pub use report::Course;
pub use sqlite_state::SqliteState;
pub use state::{CaseFilter, HostRecord, Inventory, State, StateError};
