//! One pass over the folders in which models lie. What is known is kept as one file, which the
//! agent reads; what a pass does not come to waits for the next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use durable::{Files as _, StdFiles};
use spine::Clock as _;

use super::looking::{ModelLine, ModelsJob};
use super::{Models, Reach, Stamp, Vetted, models_file};
use crate::agent::session::{agent_dir, give_to_agent};
use crate::agent::vetting::unread;
use crate::agent::worker;
use crate::context::Context;
use crate::failure::{Failure, OrHint as _};
use crate::rim::SystemClock;

/// How long one worker begins files, seconds; what is left waits for the next pass.
const SECONDS: u64 = 600;
/// How many bytes one pass reads.
const BYTES: u64 = 64 << 30;
/// How many files of one pass may break their reader.
const BROKEN_MAX: usize = 16;
/// Folders that hold other machines' files, or our own.
const PASSED: [&str; 4] =
    ["/var/lib/docker", "/var/lib/containers", "/var/lib/lxc", "/var/lib/machines"];

/// What came of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Files that were read.
    pub read: usize,
    /// How far it came.
    pub reach: Reach,
}

/// Looks for models, vets those that are new or changed, and keeps what is known.
pub fn pass(context: &Context) -> Result<Passed, Failure> {
    let data_dir = &context.config.data_dir;
    agent_dir(data_dir).or_hint("the data folder cannot be made", "check its permissions")?;
    let path = models_file(data_dir);
    let mut pass = Pass::after(Models::load(&path).unwrap_or_default());
    let folders = context.config.models.folders.iter();
    let folders: Vec<PathBuf> = folders.filter_map(|folder| folder.canonicalize().ok()).collect();
    if folders.is_empty() {
        let help = "name folders that are there in `models.folders` of the configuration";
        return Err(Failure::unknown("there is no folder to look for models in", help));
    }
    let mut own: Vec<PathBuf> = PASSED.iter().map(PathBuf::from).collect();
    own.extend(data_dir.canonicalize());
    for _ in 0..=BROKEN_MAX {
        let job = ModelsJob {
            folders: folders.clone(),
            passed: own.clone(),
            known: pass.known(),
            seconds: SECONDS,
            bytes: BYTES,
        };
        match worker::models(job, &mut |line| {
            pass.take(line);
            Ok(())
        }) {
            Ok(()) => break,
            // The file that was being read broke its reader: it is unknown, and the rest goes on.
            Err(failure) if pass.begun.is_some() => pass.broken(&failure.message),
            Err(failure) => return Err(failure),
        }
    }
    let passed = Passed { read: pass.read, reach: pass.reach };
    let bytes = serde_json::to_vec(&pass.end()).unwrap_or_default();
    StdFiles
        .write_atomic(&path, &bytes)
        .and_then(|()| give_to_agent(&path))
        .or_hint("what is known of models cannot be written down", "check the disk")?;
    Ok(passed)
}

/// A pass that goes on.
#[derive(Default)]
struct Pass {
    before: BTreeMap<PathBuf, Vetted>,
    now: BTreeMap<PathBuf, Vetted>,
    begun: Option<(PathBuf, PathBuf, Stamp)>,
    reach: Reach,
    read: usize,
    ended: bool,
}

impl Pass {
    fn after(models: Models) -> Self {
        let before = models.files.into_iter().map(|file| (file.path.clone(), file)).collect();
        Self { before, ..Self::default() }
    }

    fn known(&self) -> Vec<(PathBuf, Stamp)> {
        let all = self.before.values().chain(self.now.values());
        all.map(|file| (file.path.clone(), file.stamp)).collect()
    }

    fn take(&mut self, line: ModelLine) {
        match line {
            ModelLine::Same { path } => {
                if let Some(file) = self.before.remove(&path) {
                    self.now.insert(path, file);
                }
            }
            ModelLine::Begun { path, name, stamp } => self.begun = Some((path, name, stamp)),
            ModelLine::Read { report } => {
                let Some((path, name, stamp)) = self.begun.take() else { return };
                let now_ms = SystemClock.now_ms();
                let old = self.before.remove(&path).or_else(|| self.now.remove(&path));
                let changed = old.as_ref().filter(|old| old.report.sha256 != report.sha256);
                let before = match changed {
                    Some(old) => Some(old.report.sha256.clone()),
                    None => old.as_ref().and_then(|old| old.before.clone()),
                };
                let first_ms = old.as_ref().map_or(now_ms, |old| old.first_ms);
                let (path_, report) = (path.clone(), *report);
                let file = Vetted {
                    path: path_,
                    name,
                    stamp,
                    report,
                    first_ms,
                    vetted_ms: now_ms,
                    before,
                };
                self.now.insert(path, file);
                self.read += 1;
            }
            ModelLine::End { reach } => {
                self.reach = reach;
                self.ended = true;
            }
        }
    }

    fn broken(&mut self, why: &str) {
        if let Some((path, name, stamp)) = self.begun.take() {
            let report = Box::new(unread(&name, why));
            self.begun = Some((path, name, stamp));
            self.take(ModelLine::Read { report });
        }
    }

    /// What is known now. A file that the pass did not come to, or could not see, stays known as
    /// long as it is there.
    fn end(self) -> Models {
        let gone = |file: &Vetted| matches!(file.path.try_exists(), Ok(false));
        let left = self.before.into_values().filter(|file| !gone(file));
        let mut files: Vec<Vetted> = self.now.into_values().chain(left).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let reach = Reach { cut: self.reach.cut || !self.ended, ..self.reach };
        Models { looked_ms: SystemClock.now_ms(), reach, files }
    }
}

#[cfg(test)]
mod tests {
    use vet::Verdict;

    use super::*;

    fn read(pass: &mut Pass, path: &str, size: u64, sha256: &str) {
        let stamp = Stamp { size, inode: 1, modified_ns: 1, changed_ns: 1 };
        let path = PathBuf::from(path);
        pass.take(ModelLine::Begun { path: path.clone(), name: path.clone(), stamp });
        let report = Box::new(vet::Report { sha256: sha256.into(), ..unread(&path, "a test") });
        pass.take(ModelLine::Read { report });
    }

    #[test]
    fn a_file_that_changed_says_what_it_was_and_one_that_is_gone_is_forgotten() {
        let mut pass = Pass::default();
        read(&mut pass, "/proc/self/exe", 1, "aa");
        read(&mut pass, "/nonexistent/b", 1, "bb");
        let mut pass = Pass::after(pass.end());
        assert_eq!(pass.known().len(), 2);
        read(&mut pass, "/proc/self/exe", 2, "cc");
        let models = pass.end();
        assert_eq!(models.files.len(), 1);
        assert_eq!(models.files[0].before.as_deref(), Some("aa"));
        assert!(models.reach.cut, "no worker said that it came to the end");
    }

    #[test]
    fn a_file_that_breaks_its_reader_is_unknown_and_is_not_read_again_at_once() {
        let mut pass = Pass::default();
        let path = PathBuf::from("/proc/self/exe");
        let stamp = Stamp { size: 1, inode: 1, modified_ns: 1, changed_ns: 1 };
        pass.take(ModelLine::Begun { path: path.clone(), name: path, stamp });
        pass.broken("it was killed");
        assert_eq!(pass.known().len(), 1);
        assert_eq!(pass.end().files[0].report.verdict, Verdict::Unknown);
    }
}
