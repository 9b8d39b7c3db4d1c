//! Which files are models, and what they would do. Runs in a worker that may only read.
//!
//! A file is taken for a model by its ending, or, where it has none (as in the caches of model
//! hubs), by its content. What a loader reads from beside a model (its code, templates and
//! settings) is looked at where a `config.json` stands beside weights, as model hubs lay it out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vet::Report;
use vet::format::{Claim, Item, Probe};
use walkdir::{DirEntry, WalkDir};

use super::{Reach, Stamp};
use crate::agent::vetting::{self, VetJob, unread};

/// Endings of files that hold models.
const MODELS: [&str; 33] = [
    "bin",
    "caffemodel",
    "cbm",
    "ckpt",
    "dill",
    "ftz",
    "gguf",
    "ggml",
    "h5",
    "hdf5",
    "joblib",
    "keras",
    "llamafile",
    "mar",
    "mlmodel",
    "model",
    "msgpack",
    "nemo",
    "npy",
    "npz",
    "onnx",
    "params",
    "pb",
    "pdiparams",
    "pdmodel",
    "pickle",
    "pkl",
    "pmml",
    "pt",
    "pth",
    "safetensors",
    "skops",
    "tflite",
];
/// Endings of what loaders read from beside them.
const BESIDE: [&str; 5] = ["py", "json", "jinja", "jinja2", "txt"];
/// Files that say how the model in their folder is to be loaded.
const SETTINGS: [&str; 4] =
    ["config.json", "model_index.json", "adapter_config.json", "tokenizer_config.json"];
/// Readers whose formats are models, and told by magic number or structure: what a file without an
/// ending is taken for.
const TOLD: [&str; 8] =
    ["gguf", "hdf5", "onnx", "pickle", "safetensors", "skops", "tflite", "torch_zip"];
/// Folders in which no model of this machine's users lies.
const PASSED: [&str; 10] = [
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    "__pycache__",
    ".cargo",
    ".rustup",
    "proc",
    "sys",
    "dev",
];
/// Files and folders of one pass.
const WALKED_MAX: u64 = 2_000_000;
/// Models of one pass.
const MODELS_MAX: usize = 20_000;
/// Bytes that tell what a file without an ending is.
const HEAD_BYTES: u64 = 4_096;
/// The smallest file without an ending that is looked into, bytes.
const BARE_BYTES_MIN: u64 = 64;
/// Findings that are kept of one file.
const FINDINGS_MAX: usize = 16;

/// What a pass is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ModelsJob {
    /// The folders.
    pub folders: Vec<PathBuf>,
    /// Folders below them that are left alone.
    pub passed: Vec<PathBuf>,
    /// What was vetted before, and need not be again.
    pub known: Vec<(PathBuf, Stamp)>,
    /// After how many seconds no further file is begun.
    pub seconds: u64,
    /// How many bytes of files are read at most.
    pub bytes: u64,
}

/// What the worker says, one a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum ModelLine {
    /// A file is as it was.
    Same {
        /// The file.
        path: PathBuf,
    },
    /// A file is being read: if nothing follows, it broke its reader.
    Begun {
        /// The file.
        path: PathBuf,
        /// What people know it by.
        name: PathBuf,
        /// What it is.
        stamp: Stamp,
    },
    /// The file that was begun.
    Read {
        /// What was found.
        report: Box<Report>,
    },
    /// The pass is over.
    End {
        /// How far it came.
        reach: Reach,
    },
}

struct Found {
    name: PathBuf,
    stamp: Stamp,
}

/// Looks, and says what it finds as it goes.
pub fn look(job: &ModelsJob, out: &mut dyn Write) -> io::Result<()> {
    let until = Instant::now() + Duration::from_secs(job.seconds);
    let (found, mut reach) = models(job);
    reach.models = found.len() as u64;
    let known: BTreeMap<&Path, Stamp> =
        job.known.iter().map(|(path, stamp)| (path.as_path(), *stamp)).collect();
    let (same, other): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(path, found)| known.get(path.as_path()) == Some(&found.stamp));
    for (path, _) in same {
        say(out, &ModelLine::Same { path })?;
    }
    let mut left = job.bytes;
    for (path, Found { name, stamp }) in other {
        // One file at least: else a file larger than all that may be read would wait for ever.
        if left == 0 || Instant::now() >= until {
            reach.waiting += 1;
            continue;
        }
        left = left.saturating_sub(stamp.size);
        say(out, &ModelLine::Begun { path: path.clone(), name: name.clone(), stamp })?;
        let job = VetJob { files: vec![path.clone()], ..VetJob::default() };
        let report = vetting::read(&job).reports.pop();
        let mut report = report.unwrap_or_else(|| unread(&path, "it gave no report"));
        report.path = name.display().to_string();
        report.findings.truncate(FINDINGS_MAX);
        say(out, &ModelLine::Read { report: Box::new(report) })?;
    }
    say(out, &ModelLine::End { reach })
}

fn say(out: &mut dyn Write, line: &ModelLine) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The files to vet, by the path of the file itself.
fn models(job: &ModelsJob) -> (BTreeMap<PathBuf, Found>, Reach) {
    let mut reach = Reach::default();
    let mut found = BTreeMap::new();
    let (mut weighty, mut described) = (BTreeSet::new(), BTreeSet::new());
    for folder in &job.folders {
        let ours = |entry: &DirEntry| entry.depth() == 0 || !is_passed(entry, &job.passed);
        let walk = WalkDir::new(folder).same_file_system(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(ours) {
            reach.walked += 1;
            if reach.walked > WALKED_MAX || found.len() >= MODELS_MAX {
                reach.cut = true;
                break;
            }
            let Ok(entry) = entry else {
                reach.closed += 1;
                continue;
            };
            if entry.file_type().is_dir() {
                continue;
            }
            let parent = || entry.path().parent().map(Path::to_path_buf);
            if SETTINGS.iter().any(|name| entry.file_name() == *name) {
                described.extend(parent());
            }
            if is_model(&entry) && take(&mut found, entry.path(), &job.folders) {
                weighty.extend(parent());
            }
        }
    }
    for folder in weighty.intersection(&described) {
        let Ok(listed) = std::fs::read_dir(folder) else { continue };
        for path in listed.filter_map(|entry| Some(entry.ok()?.path())) {
            if BESIDE.contains(&ending(&path)) {
                take(&mut found, &path, &job.folders);
            }
        }
    }
    (found, reach)
}

fn is_passed(entry: &DirEntry, passed: &[PathBuf]) -> bool {
    entry.file_type().is_dir()
        && (PASSED.iter().any(|name| entry.file_name() == *name)
            || passed.iter().any(|path| entry.path() == path))
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn is_model(entry: &DirEntry) -> bool {
    let ending = ending(entry.path()).to_ascii_lowercase();
    MODELS.contains(&ending.as_str())
        || entry.file_type().is_file() && ending.is_empty() && is_told(entry.path())
}

/// Whether a file without an ending begins as a model does.
fn is_told(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    let size = file.metadata().map_or(0, |data| if data.is_file() { data.len() } else { 0 });
    let mut head = Vec::new();
    if size < BARE_BYTES_MIN || file.take(HEAD_BYTES).read_to_end(&mut head).is_err() {
        return false;
    }
    let item = Item { name: "", bytes: &head, head: &head, cut: size > HEAD_BYTES };
    let claims = vet::reader::claims(&Probe::new(item));
    claims.iter().any(|(format, claim)| *claim >= Claim::Magic && TOLD.contains(&format.name))
        || head.starts_with(b"PK\x03\x04") && head.windows(8).any(|w| w == b"data.pkl")
}

/// Takes a file, or what a link leads to, if it lies in the folders.
fn take(found: &mut BTreeMap<PathBuf, Found>, name: &Path, folders: &[PathBuf]) -> bool {
    let Ok(path) = name.canonicalize() else { return false };
    let Some(stamp) = std::fs::metadata(&path).ok().and_then(|data| stamp(&data)) else {
        return false;
    };
    if !folders.iter().any(|folder| path.starts_with(folder)) {
        return false;
    }
    let linked = path != name;
    let entry = found.entry(path).or_insert_with(|| Found { name: name.to_path_buf(), stamp });
    if linked {
        // A link has the name that people gave it.
        entry.name = name.to_path_buf();
    }
    true
}

/// The stamp of a plain file that is not empty.
fn stamp(data: &std::fs::Metadata) -> Option<Stamp> {
    let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    (data.is_file() && data.len() > 0).then(|| Stamp {
        size: data.len(),
        inode: data.ino(),
        modified_ns: ns(data.mtime(), data.mtime_nsec()),
        changed_ns: ns(data.ctime(), data.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pickle() -> Vec<u8> {
        // A list of numbers, protocol 2, padded by its own elements.
        let mut bytes = b"\x80\x02]q\x00(".to_vec();
        bytes.extend((0..40_u8).flat_map(|n| [b'K', n]));
        bytes.extend(b"e.");
        bytes
    }

    fn lines(job: &ModelsJob) -> Vec<ModelLine> {
        let mut out = Vec::new();
        look(job, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn job(folder: &Path) -> ModelsJob {
        let folders = vec![folder.canonicalize().unwrap()];
        ModelsJob { folders, seconds: 60, bytes: 1 << 30, ..ModelsJob::default() }
    }

    fn names(lines: &[ModelLine]) -> Vec<String> {
        let name = |line: &ModelLine| match line {
            ModelLine::Begun { name, .. } => {
                Some(name.file_name().unwrap().to_string_lossy().into_owned())
            }
            _ => None,
        };
        lines.iter().filter_map(name).collect()
    }

    #[test]
    fn models_are_found_by_ending_by_content_and_by_what_they_stand_beside() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("home/a.pkl", &pickle());
        put("home/letter.py", b"print(1)\n");
        put("home/notes", &[b'x'; 100]);
        put("home/.git/b.pkl", &pickle());
        put("cache/blobs/0123", &pickle());
        put("cache/blobs/4567", b"{}");
        put("cache/snap/modeling.py", b"import os\n");
        std::os::unix::fs::symlink("../blobs/0123", dir.path().join("cache/snap/model.bin"))
            .unwrap();
        std::os::unix::fs::symlink("../blobs/4567", dir.path().join("cache/snap/config.json"))
            .unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("cache/snap/out.bin")).unwrap();
        let mut all = names(&lines(&job(dir.path())));
        all.sort_unstable();
        assert_eq!(all, ["a.pkl", "config.json", "model.bin", "modeling.py"]);
    }

    #[test]
    fn what_is_known_is_not_read_again_and_what_is_too_much_waits() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.pkl", "b.pkl", "c.pkl"] {
            std::fs::write(dir.path().join(name), pickle()).unwrap();
        }
        let mut job = job(dir.path());
        let first = lines(&job);
        assert_eq!(names(&first).len(), 3);
        let known = first.iter().filter_map(|line| match line {
            ModelLine::Begun { path, stamp, .. } => Some((path.clone(), *stamp)),
            _ => None,
        });
        job.known = known.collect();
        assert!(names(&lines(&job)).is_empty());
        std::fs::write(dir.path().join("b.pkl"), [pickle(), vec![0]].concat()).unwrap();
        assert_eq!(names(&lines(&job)), ["b.pkl"]);
        job.known.clear();
        job.bytes = 1;
        let cut = lines(&job);
        assert_eq!(names(&cut).len(), 1);
        assert!(matches!(cut.last(), Some(ModelLine::End { reach }) if reach.waiting == 2));
    }
}
