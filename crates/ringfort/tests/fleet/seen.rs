//! What the hub has of its machines, and what a machine has itself: read from the files of both
//! while their programs run.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use spine::{EventId, HostId};
use store::{EventFilter, EventReader};

use super::net::Machine;

const DATA: &str = "var/lib/ringfort";

/// Which machine this is, as it knows itself since it joined.
pub fn host(machine: &Machine) -> HostId {
    let status = machine.at.does(&["ringfort", "agent", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    status["host"].as_str().unwrap().parse().unwrap()
}

/// Events by their number on their machine. No number is there twice, no event under two numbers.
pub type Numbered = BTreeMap<u64, EventId>;

/// The events that the hub has of a machine.
pub fn at_hub(hub: &Machine, host: HostId) -> Numbered {
    let filter = EventFilter { host: Some(host), ..EventFilter::default() };
    read(&hub.file(DATA).join("hub/events"), &filter, |stored| {
        stored.event.ocsf.get("metadata")?.get("sequence")?.as_u64()
    })
}

/// The events that a machine wrote down itself.
pub fn at_home(machine: &Machine) -> Numbered {
    let dir = machine.file(DATA).join("agent/events");
    read(&dir, &EventFilter::default(), |stored| Some(stored.seq))
}

fn read(
    dir: &Path,
    filter: &EventFilter,
    number: impl Fn(&store::StoredEvent) -> Option<u64>,
) -> Numbered {
    let reader = EventReader::new(Arc::new(durable::StdFiles), dir);
    let (mut numbered, mut ids, mut twice) = (Numbered::new(), 0, Vec::new());
    let report = reader.scan(filter, &mut |stored| {
        if let Some(number) = number(&stored) {
            ids += 1;
            if numbered.insert(number, stored.event.id).is_some() {
                twice.push(number);
            }
        }
        ControlFlow::Continue(())
    });
    // The folder may not be there yet.
    if let Ok(report) = report {
        assert!(report.is_complete(), "{report:?}");
    }
    assert!(twice.is_empty(), "twice: {twice:?}");
    let different: std::collections::BTreeSet<_> = numbered.values().collect();
    assert_eq!(different.len(), ids, "an event is there under two numbers");
    numbered
}

/// Whether there is no gap from 1 on.
pub fn is_whole(numbered: &Numbered) -> bool {
    numbered.keys().copied().eq(1..=numbered.len() as u64)
}
