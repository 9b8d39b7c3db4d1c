//! Knowing whether a package manager that outlived us is still at work.
//!
//! The lock that `apt-get` takes comes too late: between the start of a program and its lock there
//! is time for a recovery to take everything back, and for the program to change it again. So every
//! program that changes packages gets a locked file as its (empty) standard input. It and whatever
//! it starts hold the lock of flock(2) until the last of them ends.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::is_locked;
use crate::error::{ActError, During as _};
use crate::limits::LOCK_WAIT_MAX;

/// The file in a step's undo folder.
const NAME: &str = "at-work";

/// Takes the lock that the programs of a step inherit.
pub(crate) fn begin(undo_dir: &Path) -> Result<File, ActError> {
    let path = undo_dir.join(NAME);
    let doing = || format!("locking `{}`", path.display());
    let options = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).clone();
    let file = options.open(&path).during(doing)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(io::Error::from)
        .during(doing)?;
    Ok(file)
}

/// Waits until no program of a step, and no other package manager, is at work on a root.
pub(crate) fn wait_for_end(root: &Path, undo_dir: &Path) -> Result<(), ActError> {
    let begun = Instant::now();
    while is_held(&undo_dir.join(NAME))? || is_locked(root) {
        if begun.elapsed() > LOCK_WAIT_MAX {
            return Err(ActError::refused(format!(
                "the package manager of `{}` is still at work",
                root.display()
            )));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn is_held(path: &Path) -> Result<bool, ActError> {
    let file = match File::open(path) {
        // No program of this step was started.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.during(|| format!("opening `{}`", path.display()))?,
    };
    Ok(flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Child;

    #[test]
    fn what_a_program_started_holds_the_lock_after_it_and_after_us() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        assert!(!is_held(&path).unwrap());
        let held = begin(dir.path()).unwrap();
        let script = "exec 3<&0; sleep 1 >/dev/null 2>&1 &";
        Child::new("sh", Duration::from_secs(20))
            .held(Some(&held))
            .args(["-c", script])
            .success()
            .unwrap();
        drop(held);
        assert!(is_held(&path).unwrap(), "the sleeper is still there");
        wait_for_end(dir.path(), dir.path()).unwrap();
        assert!(!is_held(&path).unwrap());
    }
}
