//! The registry: `build.rs` lists `actuators/*.rs`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use spine::{ActionType, EffectClass, StepEffect};

use crate::actuator::Undone;

include!(concat!(env!("OUT_DIR"), "/actuators.rs"));

/// The effect of a step that changes nothing but ringfort's own state.
pub(crate) fn observing(action_type: ActionType) -> StepEffect {
    StepEffect {
        action_type,
        class: EffectClass::Observe,
        reversible: true,
        disruptive: false,
        destroys_evidence: false,
        preserves_evidence: false,
        touches_defender: false,
        ttl_s: None,
        targets: Vec::new(),
        tainted: Vec::new(),
    }
}

/// What taking back a step that itself takes something back comes to: it is not turned round, it is
/// asked for again and goes on from wherever it stands.
pub(crate) fn not_turned_round() -> Undone {
    let text = "what was to come back is not back whole; ask for it again to go on";
    Undone { failed: vec![text.to_owned()], kept: Vec::new() }
}

/// Everybody may read a file.
pub(crate) fn open_to_all(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Everybody may look into a folder and the folders in it.
pub(crate) fn open_to_all_dir(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_to_all_dir(&entry.path())?;
        }
    }
    Ok(())
}
