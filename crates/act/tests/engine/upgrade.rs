//! An upgrade of a real root, from the package mirror to the last byte of the way back.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use spine::ActionState;
use testkit::roots::{self, Root};

use crate::scene::{Scene, is_root, look, unlike};

/// Unpacks a root; says why where that cannot be.
pub(crate) fn unpacked(root: Root, into: &Path) -> bool {
    if !is_root() {
        println!("SKIPPED: unpacking a root needs root");
        return false;
    }
    match roots::ready(root) {
        Err(reason) => {
            println!("SKIPPED: {reason}");
            false
        }
        Ok(archive) => {
            std::fs::create_dir_all(into).unwrap();
            roots::unpack(&archive, into).unwrap();
            true
        }
    }
}

/// The version of a package in a root's database.
pub(crate) fn installed(root: &Path, name: &str) -> String {
    let status = std::fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap();
    version_in(&status, name).unwrap_or_default()
}

fn version_in(text: &str, name: &str) -> Option<String> {
    let head = format!("Package: {name}");
    let stanza = text.split("\n\n").find(|stanza| stanza.lines().any(|line| line == head))?;
    stanza.lines().find_map(|line| line.strip_prefix("Version: ")).map(str::to_owned)
}

/// The version that the security suite offers.
fn offered(lists: &Path, name: &str) -> Option<String> {
    let folder = std::fs::read_dir(lists).unwrap();
    let mut paths = folder.map(|entry| entry.unwrap().path());
    let security = paths.find(|path| {
        let name = path.to_string_lossy().into_owned();
        name.contains("security") && name.ends_with("_Packages")
    })?;
    version_in(&std::fs::read_to_string(security).unwrap(), name)
}

/// Refreshes the metadata and fetches the fixed rsync. The step that upgrades it, or `None` where
/// the package mirror cannot be reached.
pub(crate) fn prepared(scene: &mut Scene) -> Option<Value> {
    let refreshed = scene.step("apt.refresh", json!({ "add_security_suite": true })).unwrap();
    if refreshed.state != ActionState::Done {
        println!("SKIPPED: the package mirror gives no metadata: {}", refreshed.message);
        return None;
    }
    let lists = scene.engine.apt_dir(&scene.root).join("lists");
    let from = installed(&scene.root, "rsync");
    let to = offered(&lists, "rsync").expect("the security suite offers rsync");
    assert_ne!(from, to);
    let arch = std::fs::read_to_string(scene.root.join("var/lib/dpkg/arch"))
        .map_or_else(|_| "amd64".to_owned(), |text| text.lines().next().unwrap().to_owned());
    let wanted = json!([{ "name": "rsync", "arch": arch, "version": to }]);
    let fetched = scene.step("apt.fetch", json!({ "packages": wanted })).unwrap();
    assert_eq!(fetched.state, ActionState::Done, "{}", fetched.message);
    let change = json!({ "name": "rsync", "arch": arch, "from": from, "to": to });
    Some(json!({ "packages": [change] }))
}

#[test]
fn an_upgrade_is_taken_back_to_the_last_byte() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    if !unpacked(Root::Mini, &root) {
        return;
    }
    let mut scene = Scene::open(&dir.path().join("engine"), &root, 1);
    let before = look(&root);
    let Some(params) = prepared(&mut scene) else { return };
    let plan = scene.plan(&[("apt.upgrade", params.clone())]);
    let error = scene.run(&plan).unwrap_err();
    assert!(error.contains("tried on a copy"), "not without a dry run: {error}");

    let begun = Instant::now();
    let tried = scene.step("shadow.dry_run", json!({ "plan": plan })).unwrap();
    let trial = tried.dry_run.expect("a dry run shows something");
    assert!(trial.passed && trial.rollback_verified, "{}", tried.message);
    let dry_run = begun.elapsed();
    assert_eq!(unlike(&before, &look(&root)), Vec::<String>::new(), "the root was only looked at");

    let begun = Instant::now();
    let upgraded = scene.run(&plan).unwrap();
    assert_eq!(upgraded.state, ActionState::Done, "{}", upgraded.message);
    let upgrade = begun.elapsed();
    assert_eq!(installed(&root, "rsync"), params["packages"][0]["to"]);
    assert_ne!(unlike(&before, &look(&root)), Vec::<String>::new(), "the comparison can fail");

    let begun = Instant::now();
    let back = scene.step("roll_back", json!({ "action": upgraded.action })).unwrap();
    assert_eq!(back.state, ActionState::Done, "{}", back.message);
    let roll_back = begun.elapsed();
    assert_eq!(unlike(&before, &look(&root)), Vec::<String>::new());
    println!(
        "{} entries; dry run {dry_run:.1?}, upgrade {upgrade:.1?}, roll-back {roll_back:.1?}",
        before.len()
    );

    let again = scene.step("roll_back", json!({ "action": upgraded.action })).unwrap_err();
    assert!(again.contains("does not stand"), "{again}");
}
