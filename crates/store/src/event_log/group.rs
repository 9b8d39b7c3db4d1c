//! Group commit: appends of several threads share one sync. There is no thread of its own: the
//! first caller that finds nobody leading writes and syncs for all who wait.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use spine::Event;

use super::batch::Prepared;
use super::{Ack, EventLog, EventLogError, EventSink};
use crate::limits;

/// Where the result of one append is put.
type Slot = Arc<Mutex<Option<Result<Ack, EventLogError>>>>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Prepared, Slot)>,
    leading: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    log: Mutex<EventLog>,
}

/// A handle to the event log for several threads. Clones share the log.
#[derive(Clone)]
pub struct GroupCommit(Arc<Shared>);

impl GroupCommit {
    /// Shares a log.
    pub fn new(log: EventLog) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            log: Mutex::new(log),
        }))
    }

    /// Appends all events or none; returns when they are durable.
    pub fn append(&self, events: &[Event]) -> Result<Ack, EventLogError> {
        let batch = Prepared::new(events)?;
        let slot = Slot::default();
        let mut queue = lock(&self.0.queue);
        queue.waiting.push_back((batch, Arc::clone(&slot)));
        loop {
            if let Some(result) = lock(&slot).take() {
                return result;
            }
            if queue.leading {
                queue = self.0.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.leading = true;
            let mine = queue.waiting.len().min(limits::GROUP_BATCHES_MAX);
            let group: Vec<_> = queue.waiting.drain(..mine).collect();
            drop(queue);
            let lead = Leading(&self.0);
            self.0.write(&group);
            drop(lead);
            queue = lock(&self.0.queue);
            if group.is_empty() && lock(&slot).is_none() {
                // Whoever led for this append ended without a word.
                return Err(EventLogError::GivenUp);
            }
        }
    }

    /// Does something else with the log, such as a scan, while nobody appends.
    pub fn with_log<T>(&self, work: impl FnOnce(&mut EventLog) -> T) -> T {
        work(&mut lock(&self.0.log))
    }
}

impl EventSink for GroupCommit {
    fn append(&mut self, events: &[Event]) -> Result<Ack, EventLogError> {
        GroupCommit::append(self, events)
    }
}

impl Shared {
    /// Writes and syncs for a group, and tells each of its members.
    fn write(&self, group: &[(Prepared, Slot)]) {
        let mut log = lock(&self.log);
        let results = log.append_group(group.iter().map(|(batch, _)| batch));
        for ((_, slot), result) in group.iter().zip(results) {
            *lock(slot) = Some(result);
        }
        // Those who wait for this group need not wait for the sealing.
        self.changed.notify_all();
        if log.close_if_full() {
            log.maintain();
        }
    }
}

impl EventLog {
    /// Appends each batch whole or not at all, with one sync for all of them.
    fn append_group<'b>(
        &mut self,
        batches: impl Iterator<Item = &'b Prepared>,
    ) -> Vec<Result<Ack, EventLogError>> {
        let first_seq = self.next_seq;
        let mut results: Vec<_> = batches.map(|batch| self.stage(batch)).collect();
        if let Err(error) = self.commit(first_seq) {
            for result in &mut results {
                *result = Err(error.shared());
            }
        }
        let taken = results.iter().flatten().filter(|ack| ack.last_seq >= ack.first_seq).count();
        self.stats.batches_appended += taken as u64;
        results
    }
}

/// Gives the lead away when it is dropped, also by a panic.
struct Leading<'s>(&'s Shared);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        lock(&self.0.queue).leading = false;
        self.0.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
