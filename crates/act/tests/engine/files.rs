//! A file that is moved away and comes back exactly; what is never moved; a disk that is full.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;
use spine::{ActionState, ReceiptKind};

use crate::scene::{Scene, is_root, look, look_at, unlike};

/// A root with a few files, and an engine beside it.
struct Place {
    dir: tempfile::TempDir,
    scene: Scene,
}

impl Place {
    fn new() -> Option<Self> {
        if !is_root() {
            println!("SKIPPED: the engine needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        for folder in ["etc", "srv/up", "var/lib/dpkg", "usr/bin", "boot"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let file = root.join("srv/up/odd \u{1F600}%name");
        fs::write(&file, "content".repeat(100_000)).unwrap();
        chown(&file, Some(1234), Some(4321)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4751)).unwrap();
        // Not every file system takes attributes; where it does, they come back.
        if let Err(error) = xattr::set(&file, "user.note", b"kept \xff too") {
            println!("SKIPPED: attributes: {error}");
        }
        let time = UNIX_EPOCH + Duration::new(981_173_106, 123_456_789);
        let times = fs::FileTimes::new().set_modified(time).set_accessed(time);
        fs::File::open(&file).unwrap().set_times(times).unwrap();
        let scene = Scene::open(&dir.path().join("engine"), &root, 1);
        Some(Self { dir, scene })
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("root")
    }
}

const FILE: &str = "/srv/up/odd \u{1F600}%name";

#[test]
fn a_quarantined_file_comes_back_exactly_and_only_once() {
    let Some(mut place) = Place::new() else { return };
    let before = look(&place.root());
    let moved = place.scene.step("file.quarantine", json!({ "path": FILE })).unwrap();
    assert_eq!(moved.state, ActionState::Done, "{}", moved.message);
    assert!(!place.root().join(&FILE[1..]).exists());
    place.scene = place.scene.restart(2);
    let back = place.scene.step("file.restore", json!({ "action": moved.action })).unwrap();
    assert_eq!(back.state, ActionState::Done, "{}", back.message);
    assert_eq!(unlike(&before, &look(&place.root())), Vec::<String>::new());
    let again = place.scene.step("file.restore", json!({ "action": moved.action })).unwrap_err();
    assert!(again.contains("put back before"), "{again}");
}

#[test]
fn a_new_file_at_the_place_is_never_overwritten() {
    for new in ["file", "folder", "link"] {
        let Some(mut place) = Place::new() else { return };
        let moved = place.scene.step("file.quarantine", json!({ "path": FILE })).unwrap();
        let at = place.root().join(&FILE[1..]);
        match new {
            "file" => fs::write(&at, "somebody's own").unwrap(),
            "folder" => fs::create_dir(&at).unwrap(),
            _ => symlink("/etc/passwd", &at).unwrap(),
        }
        let before = look_at(&at);
        let back = place.scene.step("file.restore", json!({ "action": moved.action })).unwrap();
        assert_eq!(back.state, ActionState::Failed, "{}", back.message);
        assert!(back.message.contains("left alone"), "{}", back.message);
        assert!(back.message.contains("ask for it again"), "{}", back.message);
        assert!(!back.message.contains("taken back"), "{}", back.message);
        assert_eq!(look_at(&at), before);
        // Once the new one is gone, the old one can still come back.
        fs::remove_dir(&at).or_else(|_| fs::remove_file(&at)).unwrap();
        let back = place.scene.step("file.restore", json!({ "action": moved.action })).unwrap();
        assert_eq!(back.state, ActionState::Done, "{}", back.message);
        assert_eq!(fs::metadata(&at).unwrap().len(), 700_000);
    }
}

#[test]
fn what_a_machine_needs_and_what_is_no_plain_file_is_refused() {
    let Some(mut place) = Place::new() else { return };
    let root = place.root();
    fs::write(root.join("etc/passwd"), "root").unwrap();
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    fs::write(root.join("boot/vmlinuz"), "").unwrap();
    fs::write(root.join("srv/one"), "two names").unwrap();
    fs::hard_link(root.join("srv/one"), root.join("srv/two")).unwrap();
    symlink("../etc/passwd", root.join("srv/link")).unwrap();
    symlink("../etc", root.join("srv/etc")).unwrap();
    symlink("/etc", root.join("srv/outside")).unwrap();
    let pipe = root.join("srv/pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let before = look(&root);
    for path in [
        "/etc/passwd",
        "/var/lib/dpkg/status",
        "/boot/vmlinuz",
        "/srv",
        "/srv/one",
        "/srv/link",
        "/srv/etc/passwd",
        "/srv/outside/hostname",
        "/srv/pipe",
        "/srv/none",
        "/srv/../etc/passwd",
        "/",
    ] {
        let error = place.scene.step("file.quarantine", json!({ "path": path })).unwrap_err();
        assert!(!error.starts_with("norms"), "the actuator itself refuses `{path}`: {error}");
    }
    assert_eq!(unlike(&before, &look(&root)), Vec::<String>::new());
    assert_eq!(place.scene.record.receipts(), [], "nothing was begun");
}

#[test]
fn the_engines_own_files_are_never_moved_away() {
    if !is_root() {
        return println!("SKIPPED: the engine needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("srv")).unwrap();
    let mut scene = Scene::open(&root.join("engine"), &root, 1);
    fs::write(root.join("engine/secret"), "own").unwrap();
    let error = scene.step("file.quarantine", json!({ "path": "/engine/secret" })).unwrap_err();
    assert!(error.contains("own files"), "{error}");
}

fn full_disk(dir: &Path, bytes: usize, free_bytes: usize) {
    fs::create_dir(dir).unwrap();
    let options = std::ffi::CString::new(format!("size={bytes}")).unwrap();
    mount("tmpfs", dir, "tmpfs", MountFlags::empty(), options.as_c_str()).unwrap();
    let free = rustix::fs::statvfs(dir).unwrap();
    let free = usize::try_from(free.f_bavail * free.f_frsize).unwrap();
    fs::write(dir.join("ballast"), vec![1; free.saturating_sub(free_bytes)]).unwrap();
}

#[test]
fn a_full_disk_means_no_change_and_a_clear_message() {
    let Some(place) = Place::new() else { return };
    let root = place.root();
    // From "not even the first frame" to "the frames, but not the kept file".
    for (round, free_kib) in [16, 200, 300, 400, 640].into_iter().enumerate() {
        let small = place.dir.path().join(format!("small-{round}"));
        full_disk(&small, 4 << 20, 4 << 20);
        let record = place.dir.path().join(format!("small-{round}.receipts"));
        let mut scene = Scene::with(&small.join("engine"), &record, &root, 7).unwrap();
        let free = rustix::fs::statvfs(&small).unwrap();
        let free = usize::try_from(free.f_bavail * free.f_frsize).unwrap();
        fs::write(small.join("ballast2"), vec![1; free - (free_kib << 10)]).unwrap();
        // What does not shrink when it is packed.
        let path = root.join("srv/up/random");
        let rng = testkit::SeededRng::new(1);
        let bytes: Vec<u8> = (0..200_000).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
        fs::write(&path, bytes).unwrap();
        let with_file = look(&root);
        let result = scene.step("file.quarantine", json!({ "path": "/srv/up/random" }));
        let message = match result {
            Err(error) => error,
            Ok(outcome) => {
                assert_eq!(outcome.state, ActionState::Failed);
                assert!(outcome.message.contains("nothing was changed"), "{}", outcome.message);
                assert_eq!(scene.record.count(ReceiptKind::Outcome, &outcome.action), 1);
                outcome.message
            }
        };
        println!("{free_kib} KiB free: {message}");
        assert!(message.contains("space") || message.contains("full"), "{message}");
        assert_eq!(unlike(&with_file, &look(&root)), Vec::<String>::new());
        drop(scene);
        // With room again the engine starts, recovers and finds nothing half done.
        fs::remove_file(small.join("ballast2")).unwrap();
        let mut scene = Scene::with(&small.join("engine"), &record, &root, 8).unwrap();
        scene.engine.recover(&mut scene.record).unwrap();
        assert_eq!(scene.engine.actions().unwrap().iter().filter(|a| a.stands).count(), 0);
        assert_eq!(unlike(&with_file, &look(&root)), Vec::<String>::new());
        drop(scene);
        unmount(&small, UnmountFlags::DETACH).unwrap();
        fs::remove_file(&path).unwrap();
    }
}
