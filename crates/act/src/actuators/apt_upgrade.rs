//! Upgrades named packages to named versions, with a way back.
//!
//! Nothing is downloaded and nothing but the named packages changes: a plan that `apt-get` would
//! carry out in another way is refused. Before the first change an index of the whole root and the
//! contents of everything that will change are on disk; taking back compares the root with that
//! index and puts back content, owner, mode, times, attributes and the package database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Map, Value, json};
use spine::{ActionType, EffectClass, Plan, StepEffect, Target};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::apt::change::{self, Place, find};
use crate::apt::{
    Installed, PackageChange, PackageVersion, at_work, check_words, installed, is_locked, offered,
    owned_paths, parse_list, private_dir,
};
use crate::error::{ActError, During as _};
use crate::limits::RESERVE_BYTES;
use crate::manifest::{Change, ChangeKind};
use crate::report::ServiceRestart;
use crate::shadow::{self, Shadow, calls};
use crate::tree::restore::Restore;
use crate::tree::{self, Index, pack};

/// The actuator.
pub struct Actuator;

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "apt.upgrade",
        summary: "upgrade named packages to named versions",
        example: r#"{"packages": [{"name": "rsync", "arch": "amd64", "from": "3.2.7-1", "to": "3.2.7-2"}]}"#,
        undo: "every changed file and the package database are put back from a copy made before",
    };
    type Params = Vec<PackageChange>;

    fn parse(params: &Map<String, Value>) -> Result<Self::Params, String> {
        let list: Vec<PackageChange> = parse_list(params)?;
        let mut names = BTreeSet::new();
        for package in &list {
            check_words(&package.name, &package.arch, &package.to)?;
            if !package.from.is_empty() {
                check_words(&package.name, &package.arch, &package.from)?;
            }
            if !names.insert((&package.name, &package.arch)) {
                return Err(format!("`{}` is named twice", package.name));
            }
        }
        Ok(list)
    }

    fn inspect(cx: &Context<'_>, packages: &Self::Params) -> Result<StepEffect, ActError> {
        let lists = private_dir(cx.shared, cx.root).join("lists");
        let wanted: BTreeSet<PackageVersion> = packages.iter().map(target_version).collect();
        let offered = if lists.is_dir() { offered(&lists, &wanted)? } else { BTreeMap::new() };
        let now = installed(cx.root)?;
        let tainted = packages
            .iter()
            .filter(|p| !offered.contains_key(&target_version(p)) || !is_at(&now, p))
            .map(|p| format!("packages.{}", p.name))
            .collect();
        Ok(StepEffect {
            action_type: ActionType::UpgradePackages,
            class: EffectClass::Change,
            reversible: true,
            disruptive: true,
            destroys_evidence: false,
            preserves_evidence: true,
            touches_defender: packages.iter().any(|p| p.name == "ringfort"),
            ttl_s: None,
            targets: packages.iter().map(|p| Target::Package { name: p.name.clone() }).collect(),
            tainted,
        })
    }

    fn precheck(cx: &Context<'_>, packages: &Self::Params) -> Result<(), ActError> {
        let now = installed(cx.root)?;
        for package in packages {
            if !is_at(&now, package) {
                let found = find(&now, package).unwrap_or("not installed");
                return Err(ActError::refused(format!(
                    "{} is {found}, the plan was made for {}",
                    package.name, package.from
                )));
            }
            if now.held.contains(&package.name) {
                return Err(ActError::refused(format!("{} is held back", package.name)));
            }
        }
        if is_locked(cx.root) {
            return Err(ActError::refused("another package manager is at work"));
        }
        let versions: Vec<PackageVersion> = packages.iter().map(target_version).collect();
        change::check_files(&private_dir(cx.shared, cx.root), &versions)?;
        Ok(())
    }

    fn prepare(cx: &Context<'_>, packages: &Self::Params) -> Result<Value, ActError> {
        (cx.say)("writing down how everything is, so that it can be put back");
        let doing = || format!("preparing the undo in `{}`", cx.undo_dir.display());
        cx.shared.files().create_dir_all(&cx.undo_dir).during(doing)?;
        let before = index(cx).during(doing)?;
        let wanted = paths_to_pack(cx, packages, &before)?;
        check_space(
            &cx.undo_dir,
            wanted.iter().filter_map(|path| before.get(path)).map(|e| e.size).sum(),
        )?;
        pack::write(cx.root, &wanted, &cx.undo_dir.join("pack")).during(doing)?;
        tree::save(&before, &cx.undo_dir.join("index.before")).during(doing)?;
        fs::File::open(&cx.undo_dir).and_then(|dir| dir.sync_all()).during(doing)?;
        Ok(json!({ "packed": wanted.len(), "entries": before.len() }))
    }

    fn apply(cx: &Context<'_>, packages: &Self::Params, _: &Value) -> Result<Applied, ActError> {
        let private = private_dir(cx.shared, cx.root);
        let held = at_work::begin(&cx.undo_dir)?;
        let place = place(cx.root, &private, Some(&held));
        (cx.say)("asking apt what exactly it would do");
        let (would, removed) = place.simulate(packages)?;
        if !same_set(&would, packages) || !removed.is_empty() {
            return Err(ActError::refused("apt would change other packages than the plan names"));
        }
        (cx.say)(&format!("upgrading {} packages", packages.len()));
        place.apply(packages)?;
        let names: Vec<String> =
            packages.iter().map(|p| format!("{} {}", p.name, p.to)).take(8).collect();
        let more = if packages.len() > 8 { ", ..." } else { "" };
        Ok(Applied {
            message: format!("{} packages upgraded: {}{more}", packages.len(), names.join(", ")),
            result: json!({ "packages": packages }),
            ..Applied::default()
        })
    }

    fn verify(cx: &Context<'_>, packages: &Self::Params, _: &Value) -> Result<Value, ActError> {
        (cx.say)("checking the package database");
        let private = private_dir(cx.shared, cx.root);
        let held = at_work::begin(&cx.undo_dir)?;
        let problems = place(cx.root, &private, Some(&held)).problems(packages)?;
        if !problems.is_empty() {
            return Err(ActError::refused(format!("after the upgrade: {}", problems.join("; "))));
        }
        let doing = || "writing down how everything is now".to_owned();
        let after = index(cx).during(doing)?;
        tree::save(&after, &cx.undo_dir.join("index.after")).during(doing)?;
        Ok(json!({ "entries": after.len() }))
    }

    fn undo(cx: &Context<'_>, _: &Self::Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        let doing = || format!("taking back from `{}`", cx.undo_dir.display());
        at_work::wait_for_end(cx.root, &cx.undo_dir)?;
        let before = tree::load(&cx.undo_dir.join("index.before")).during(doing)?;
        let after = tree::load(&cx.undo_dir.join("index.after")).ok();
        change::remove_left_policy(cx.root);
        let ours = ours(cx)?;
        let now = index(cx).during(doing)?;
        let scope = |path: &Path| ours.as_ref().is_none_or(|ours| in_scope(path, ours));
        let times = ours.as_ref().map(|ours| only_times(ours, &before, &now)).unwrap_or_default();
        let restore = Restore {
            root: cx.root,
            before: &before,
            pack: &cx.undo_dir.join("pack"),
            after: after.as_ref(),
            kept: &cx.undo_dir.join("kept"),
            scope: &|path| scope(path) || times.contains(path),
        };
        let mut undone = restore.run_from(now).during(doing)?;
        let now = index(cx).during(doing)?;
        let unlike =
            tree::differences((cx.root, &before), (cx.root, &now), |_| false).during(doing)?;
        for path in unlike.iter().filter(|path| scope(path)) {
            undone.failed.push(format!("{} differs", tree::escape::text(path)));
        }
        rustix::fs::sync();
        if is_live(cx.root) {
            restart_services(cx);
        }
        Ok(undone)
    }

    fn dry_run(cx: &Context<'_>, _: &Plan, packages: &Self::Params) -> Result<Trial, ActError> {
        Self::precheck(cx, packages)?;
        let shadow = Shadow::of(cx.shared, cx.root)?;
        let doing = || "trying it on a copy".to_owned();
        let private = private_dir(cx.shared, cx.root);
        let archives = shadow.merged.join("var/cache/apt/archives");
        fs::create_dir_all(archives).during(doing)?;
        let booted = is_live(cx.root) && Path::new(BOOTED).is_dir();
        let calls = shadow.beside("calls").and_then(|dir| calls::furnish(dir, booted));
        let calls = calls.during(doing)?;
        let place = Place { calls: Some(&calls), ..place(&shadow.merged, &private, None) };
        let mut trial = Trial::default();
        let (would, removed) = match place.simulate(packages) {
            Ok(would) => would,
            Err(error) => {
                trial.problems.push(error.to_string());
                return Ok(trial);
            }
        };
        if !removed.is_empty() {
            trial.problems.push(format!("apt would remove {}", removed.join(", ")));
            return Ok(trial);
        }
        if !same_set(&would, packages) {
            trial.problems.push("apt would change other packages than the plan names".to_owned());
            trial.amended = would;
            return Ok(trial);
        }
        let before = tree::index(&shadow.merged).during(doing)?;
        let begun = Instant::now();
        (cx.say)("applying it to the copy");
        if let Err(error) = place.apply(packages) {
            trial.problems.push(error.to_string());
        } else {
            trial.problems.extend(place.problems(packages)?);
        }
        trial.apply_ms = millis(begun);
        let after = tree::index(&shadow.merged).during(doing)?;
        trial.manifest = manifest(cx.root, &shadow.merged, &before, &after).during(doing)?;
        trial.services = services(&shadow.merged, packages, &calls).during(doing)?;
        (cx.say)("taking it back on the copy");
        let begun = Instant::now();
        let unlike = take_back_on_copy(cx.root, &shadow, &before, &trial.manifest)?;
        trial.undo_ms = millis(begun);
        trial.rollback_verified = unlike.is_empty();
        trial
            .problems
            .extend(unlike.into_iter().take(8).map(|path| format!("not taken back: {path}")));
        Ok(trial)
    }
}

/// How the root is now, without what is not the root's own.
fn index(cx: &Context<'_>) -> std::io::Result<Index> {
    tree::index_without(cx.root, &shadow::left_out(cx.shared, cx.root)?)
}

fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn is_live(root: &Path) -> bool {
    root == Path::new("/")
}

fn place<'a>(root: &'a Path, private: &'a Path, held: Option<&'a fs::File>) -> Place<'a> {
    Place { root, live: is_live(root), private, calls: None, held }
}

fn target_version(package: &PackageChange) -> PackageVersion {
    let PackageChange { name, arch, to, .. } = package.clone();
    PackageVersion { name, arch, version: to }
}

/// Whether a package is as the plan says it is before.
fn is_at(now: &Installed, package: &PackageChange) -> bool {
    find(now, package).unwrap_or_default() == package.from
}

fn same_set(a: &[PackageChange], b: &[PackageChange]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
}

/// What is packed: what the dry run changed, what the packages own, the package database.
fn paths_to_pack(
    cx: &Context<'_>,
    packages: &[PackageChange],
    before: &Index,
) -> Result<BTreeSet<PathBuf>, ActError> {
    let names: BTreeSet<String> = packages.iter().map(|p| p.name.clone()).collect();
    let owned = owned_paths(cx.root, &names)
        .during(|| "reading which files the packages own".to_owned())?;
    let tried = match cx.plan {
        Some(plan) => cx.shared.dry_run_of(&plan)?.map(|report| report.manifest),
        None => None,
    };
    let changed = tried.into_iter().flatten().map(|change| change.path);
    let database = before.keys().filter(|path| path.starts_with("var/lib/dpkg")).cloned();
    // A path that dpkg lists under a merged folder's old name is found under its real one.
    let real = |path: PathBuf| {
        let usr = Path::new("usr").join(&path);
        [path, usr].into_iter().find(|path| before.get(path).is_some_and(tree::Entry::is_file))
    };
    Ok(owned.into_iter().chain(changed).chain(database).filter_map(real).collect())
}

fn check_space(dir: &Path, bytes: u64) -> Result<(), ActError> {
    let doing = || format!("asking how full the disk of `{}` is", dir.display());
    let stat = rustix::fs::statvfs(dir).map_err(std::io::Error::from).during(doing)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free >= bytes.saturating_add(RESERVE_BYTES) {
        return Ok(());
    }
    Err(ActError::refused(format!(
        "the disk is too full for a way back: {} MiB are needed in `{}`, {} MiB are free; nothing was done",
        (bytes + RESERVE_BYTES) >> 20,
        dir.display(),
        free >> 20,
    )))
}

/// Which paths may be put back. On a root that nobody else uses: everything, which is `None`. On
/// the running system: what the dry run changed and what was packed, so that the data of running
/// services is left alone.
fn ours(cx: &Context<'_>) -> Result<Option<BTreeSet<PathBuf>>, ActError> {
    if !is_live(cx.root) {
        return Ok(None);
    }
    let mut ours: BTreeSet<PathBuf> = BTreeSet::new();
    pack::read(&cx.undo_dir.join("pack"), &mut |path, _, _| {
        ours.insert(path);
        Ok(())
    })
    .during(|| "reading the pack".to_owned())?;
    if let Some(report) = cx.plan.map(|plan| cx.shared.dry_run_of(&plan)).transpose()?.flatten() {
        ours.extend(report.manifest.into_iter().map(|change| change.path));
    }
    Ok(Some(ours))
}

/// What is ours on the running system, and dpkg's database.
fn in_scope(path: &Path, ours: &BTreeSet<PathBuf>) -> bool {
    ours.contains(path) || path.starts_with("var/lib/dpkg")
}

/// The folder of the cache that the dynamic linker makes anew whenever a library changes.
const LINKER_CACHE: &str = "var/cache/ldconfig";

/// Folders of ours of which nothing but the time differs: dpkg unpacks beside a file that it then
/// leaves as it was, and the linker's cache is written beside itself.
fn only_times(ours: &BTreeSet<PathBuf>, before: &Index, now: &Index) -> BTreeSet<PathBuf> {
    let only_time = |folder: &&Path| match (before.get(*folder), now.get(*folder)) {
        (Some(old), Some(new)) => {
            old.is_dir()
                && old.mtime != new.mtime
                && old.same(&tree::Entry { mtime: old.mtime, ..new.clone() })
        }
        _ => false,
    };
    let folders = ours.iter().filter_map(|path| path.parent());
    let folders = folders.chain([Path::new(LINKER_CACHE)]);
    folders.filter(only_time).map(Path::to_path_buf).collect()
}

fn manifest(
    root: &Path,
    copy: &Path,
    before: &Index,
    after: &Index,
) -> std::io::Result<Vec<Change>> {
    let mut changes = Vec::new();
    for path in tree::touched(before, after) {
        let (old, new) = (before.get(&path), after.get(&path));
        let kind = match (old, new) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(old), Some(new)) => {
                let only_time = old.is_dir() && old.mode == new.mode && old.owner == new.owner;
                if only_time {
                    continue;
                }
                ChangeKind::Changed
            }
        };
        let hash = |entry: Option<&tree::Entry>, root: &Path| {
            entry.filter(|e| e.is_file()).map(|_| tree::hash_file(&root.join(&path))).transpose()
        };
        let (old_hash, new_hash) = (hash(old, root)?, hash(new, copy)?);
        let Some(shown) = new.or(old) else { continue };
        changes.push(Change {
            kind,
            mode: shown.mode,
            owner: shown.owner,
            old: old_hash,
            new: new_hash,
            path,
        });
    }
    Ok(changes)
}

/// Takes the copy back with the very mechanism that takes a machine back; returns what differs.
fn take_back_on_copy(
    root: &Path,
    shadow: &Shadow,
    before: &Index,
    manifest: &[Change],
) -> Result<Vec<String>, ActError> {
    let doing = || "taking the copy back".to_owned();
    let dir = shadow.beside("undo").during(doing)?;
    let (packed, saved) = (dir.join("pack"), dir.join("index.before"));
    let paths: BTreeSet<PathBuf> = manifest.iter().map(|change| change.path.clone()).collect();
    pack::write(root, &paths, &packed).during(doing)?;
    tree::save(before, &saved).during(doing)?;
    let loaded = tree::load(&saved).during(doing)?;
    let restore = Restore {
        root: &shadow.merged,
        before: &loaded,
        pack: &packed,
        after: None,
        kept: &dir.join("kept"),
        scope: &|_| true,
    };
    let undone = restore.run().during(doing)?;
    let now = tree::index(&shadow.merged).during(doing)?;
    let unlike =
        tree::differences((root, before), (&shadow.merged, &now), |path| paths.contains(path))
            .during(doing)?;
    let mut left = undone.failed;
    left.extend(unlike.iter().map(|path| tree::escape::text(path)));
    Ok(left)
}

/// Services that are touched: those that maintainer scripts asked for on the copy, and those whose
/// unit belongs to a package that changes. Templates and units that run once are left out of these.
fn services(
    root: &Path,
    packages: &[PackageChange],
    asked: &Path,
) -> std::io::Result<Vec<ServiceRestart>> {
    let asked = calls::read(asked)?;
    let mut services: BTreeMap<String, ServiceRestart> =
        asked.into_iter().map(|service| (service.name.clone(), service)).collect();
    let names = packages.iter().map(|package| package.name.clone()).collect();
    for path in owned_paths(root, &names)? {
        let in_folder = |folder: &str| path.parent() == Some(Path::new(folder));
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if in_folder("lib/systemd/system") || in_folder("usr/lib/systemd/system") {
            let Some(name) = name.strip_suffix(".service") else { continue };
            let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
            if !name.ends_with('@') && !text.contains("Type=oneshot") {
                services.entry(name.to_owned()).or_insert_with(|| ServiceRestart {
                    name: name.to_owned(),
                    why: "unit".to_owned(),
                    verb: "restart".to_owned(),
                });
            }
        }
    }
    Ok(services.into_values().collect())
}

/// The folder that says that systemd runs a system (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

/// After taking back on the running system: services run what is on disk again.
fn restart_services(cx: &Context<'_>) {
    let report = cx.plan.and_then(|plan| cx.shared.dry_run_of(&plan).ok().flatten());
    let Some(report) = report.filter(|_| Path::new(BOOTED).is_dir()) else { return };
    for service in &report.services {
        let verb = match service.verb.as_str() {
            "reload" => "try-reload-or-restart",
            _ => "try-restart",
        };
        let known = service.name.contains(".socket") || service.name.contains(".timer");
        let unit = if known { service.name.clone() } else { format!("{}.service", service.name) };
        let limit = crate::limits::HELPER_TIME_MAX;
        let restarted = crate::child::Child::new("systemctl", limit).args([verb, &unit]).success();
        if let Err(error) = restarted {
            tracing::warn!(%error, %unit, "a service was not restarted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn a_package_is_named_once_and_versions_are_versions() {
        let parse = |text: &str| {
            let value: Value = serde_json::from_str(text).unwrap();
            Actuator::parse(value.as_object().unwrap())
        };
        assert!(parse(Actuator::DESCRIPTOR.example).is_ok());
        let twice = r#"{"packages": [{"name": "rsync", "arch": "amd64", "from": "1", "to": "2"},
            {"name": "rsync", "arch": "amd64", "from": "1", "to": "3"}]}"#;
        assert!(parse(twice).is_err());
        let shell =
            r#"{"packages": [{"name": "rsync", "arch": "amd64", "from": "1", "to": "$(id)"}]}"#;
        assert!(parse(shell).is_err());
    }

    #[test]
    fn a_full_disk_is_said_before_anything_is_done() {
        let error = check_space(Path::new("/"), u64::MAX / 2).unwrap_err();
        assert!(error.to_string().contains("nothing was done"));
    }
}
