//! Notices of the executor, which opens no connection itself: it writes down whom to tell what, in
//! the folder `outbox` beside the page's own, and they are sent from here. Each is one message a
//! channel, however often the folder is read.
//!
//! The words are the page's own: what the notice says in full stands on the page, not in mail.

use std::path::PathBuf;

use serde::Deserialize;
use spine::{PlanHash, ReceiptId};

use crate::db::Letter;
use crate::hub::Hub;
use crate::limits;
use crate::web::Oops;

/// Notices that are read at once.
const NOTICES_MAX: usize = 1_000;
/// Bytes of one notice.
const NOTICE_BYTES_MAX: u64 = 64 << 10;

/// What the page needs of a notice.
#[derive(Debug, Deserialize)]
struct Notice {
    id: ReceiptId,
    time_ms: i64,
    kind: String,
    plan: Option<PlanHash>,
}

/// Turns new notices into messages.
pub fn look(hub: &Hub, channels: &[&str]) -> Result<(), Oops> {
    if channels.is_empty() {
        return Ok(());
    }
    let now_ms = hub.clock.now_ms();
    for path in paths(hub) {
        let Some(notice) = read(&path) else { continue };
        // Older ones were sent, or given up, and their marks may be forgotten.
        if now_ms.saturating_sub(notice.time_ms) < limits::LETTERS_KEPT_MS / 2 {
            hub.db.post(&letter(hub, &notice), channels, now_ms)?;
        }
    }
    Ok(())
}

fn paths(hub: &Hub) -> Vec<PathBuf> {
    let folder = hub.config.dir.parent().map(|data| data.join("outbox"));
    let listed = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let files = listed.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .take(NOTICES_MAX)
        .collect()
}

fn read(path: &PathBuf) -> Option<Notice> {
    let small = std::fs::metadata(path).is_ok_and(|meta| meta.len() <= NOTICE_BYTES_MAX);
    serde_json::from_slice(&std::fs::read(path).ok().filter(|_| small)?).ok()
}

fn letter(hub: &Hub, notice: &Notice) -> Letter {
    let (what, more, urgent) = match notice.kind.as_str() {
        "break_glass" => (
            "somebody breaks the glass",
            "A change was approved by one person in place of two. It begins in half an hour. \
             Whoever objects can stop it until then.",
            true,
        ),
        "window_done" => ("a planned change is done", "It was carried out in its window.", false),
        "window_failed" => (
            "a planned change did not end well",
            "It was taken back, or waits for somebody to look.",
            true,
        ),
        "window_missed" => ("a planned change was missed", "Its window is over.", false),
        "window_void" => (
            "a planned change is void",
            "The machine is not as it was when the change was approved.",
            false,
        ),
        _ => ("a notice", "The record says more.", false),
    };
    let look = match notice.plan {
        Some(plan) => format!("{}/plans/{plan}", hub.origin),
        None => format!("{}/records", hub.origin),
    };
    Letter {
        mark: format!("notice {}", notice.id),
        subject: format!("ringfort: {what}"),
        body: format!("{more}\n\n{look}\n"),
        urgent,
    }
}
