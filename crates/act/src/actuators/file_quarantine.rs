//! Moves a file away, keeping it whole: content, mode, owner, times and attributes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::plan::is_normal_absolute;
use spine::{ActionType, EffectClass, Plan, StepEffect, Target};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::error::{ActError, During as _};
use crate::limits::QUARANTINE_BYTES_MAX;
use crate::tree::restore::Restore;
use crate::tree::{self, Index, pack};

/// What a machine does not start without; taken for an error, whoever asks.
const NEVER: [&str; 14] = [
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/fstab",
    "etc/ld.so.cache",
    "etc/machine-id",
    "usr/bin/dpkg",
    "usr/bin/apt-get",
    "usr/bin/sh",
    "usr/bin/dash",
    "usr/bin/bash",
    "usr/lib/systemd/systemd",
    "usr/sbin/init",
    "bin/sh",
];
/// Folders of which nothing is moved away.
const NEVER_BELOW: [&str; 5] = ["var/lib/dpkg", "boot", "proc", "sys", "dev"];

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The file, as an absolute path inside the root.
    path: String,
}

impl Params {
    fn inside(&self) -> &Path {
        Path::new(self.path.trim_start_matches('/'))
    }
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "file.quarantine",
        summary: "move a file away, keeping it whole",
        example: r#"{"path": "/srv/upload/file"}"#,
        undo: "the file is put back exactly as it was",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        let params: Params = serde_json::from_value(Value::Object(params.clone()))
            .map_err(|error| error.to_string())?;
        if !is_normal_absolute(&params.path) || params.path == "/" {
            return Err(
                "`path` is not an absolute path without `.`, `..` and doubled slashes".into()
            );
        }
        Ok(params)
    }

    fn inspect(_: &Context<'_>, params: &Params) -> Result<StepEffect, ActError> {
        Ok(StepEffect {
            action_type: ActionType::QuarantineFile,
            class: EffectClass::Change,
            disruptive: true,
            destroys_evidence: true,
            preserves_evidence: true,
            targets: vec![Target::File { path: params.path.clone() }],
            // A path is a closed type only inside an enumerated set, and there is none here.
            tainted: vec!["path".to_owned()],
            ..super::observing(ActionType::QuarantineFile)
        })
    }

    fn precheck(cx: &Context<'_>, params: &Params) -> Result<(), ActError> {
        let inside = params.inside();
        let critical = NEVER.iter().any(|never| inside == Path::new(never))
            || NEVER_BELOW.iter().any(|never| inside.starts_with(never));
        let name = inside.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let loader = name.starts_with("ld-linux") || name.starts_with("libc.so");
        if critical || loader {
            return Err(ActError::refused(format!("`{}` is never moved away", params.path)));
        }
        let full = cx.root.join(inside);
        let own = cx.shared.config.own_paths.iter().chain([&cx.shared.config.dir]);
        // A root that lies inside one of ringfort's own folders is still somebody's root.
        let own_root = |own: &&PathBuf| full.starts_with(own) && !cx.root.starts_with(own);
        if own.clone().any(|own| own_root(&own)) {
            return Err(ActError::refused("ringfort's own files are never moved away"));
        }
        let meta = open_checked(cx.root, inside)?;
        if meta.len() > QUARANTINE_BYTES_MAX {
            return Err(ActError::refused("the file is larger than the limit"));
        }
        if meta.nlink() > 1 {
            return Err(ActError::refused("the file has other names; it would not be away"));
        }
        Ok(())
    }

    fn prepare(cx: &Context<'_>, params: &Params) -> Result<Value, ActError> {
        let doing = || format!("keeping `{}`", params.path);
        cx.shared.files().create_dir_all(&cx.undo_dir).during(doing)?;
        let inside = params.inside().to_path_buf();
        let mut before = Index::new();
        for path in inside.ancestors() {
            before.insert(path.to_path_buf(), tree::entry(&cx.root.join(path)).during(doing)?);
        }
        pack::write(cx.root, [&inside], &cx.undo_dir.join("pack")).during(doing)?;
        tree::save(&before, &cx.undo_dir.join("index.before")).during(doing)?;
        fs::File::open(&cx.undo_dir).and_then(|dir| dir.sync_all()).during(doing)?;
        let sha256 = tree::hash_file(&cx.root.join(&inside)).during(doing)?;
        Ok(json!({ "sha256": sha256 }))
    }

    fn apply(cx: &Context<'_>, params: &Params, undo: &Value) -> Result<Applied, ActError> {
        let doing = || format!("moving `{}` away", params.path);
        open_checked(cx.root, params.inside())?;
        let full = cx.root.join(params.inside());
        let kept = undo["sha256"].as_str().unwrap_or_default();
        if tree::hash_file(&full).during(doing)?.to_hex() != kept {
            return Err(ActError::refused("the file changed while it was being kept"));
        }
        fs::remove_file(&full).during(doing)?;
        let parent = full.parent().unwrap_or(cx.root);
        fs::File::open(parent).and_then(|dir| dir.sync_all()).during(doing)?;
        Ok(Applied {
            message: format!("`{}` is moved away and kept (SHA-256 {kept})", params.path),
            result: json!({ "sha256": kept, "action": cx.action }),
            ..Applied::default()
        })
    }

    fn verify(cx: &Context<'_>, params: &Params, _: &Value) -> Result<Value, ActError> {
        if cx.root.join(params.inside()).symlink_metadata().is_ok() {
            return Err(ActError::refused(format!("`{}` is there again", params.path)));
        }
        Ok(Value::Null)
    }

    fn undo(cx: &Context<'_>, params: &Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        let doing = || format!("putting `{}` back", params.path);
        let (full, inside) = (cx.root.join(params.inside()), params.inside());
        let before = tree::load(&cx.undo_dir.join("index.before")).during(doing)?;
        let mut kept = Vec::new();
        pack::read(&cx.undo_dir.join("pack"), &mut |_, sha256, _| {
            kept.push(sha256);
            Ok(())
        })
        .during(doing)?;
        if let Ok(meta) = full.symlink_metadata() {
            let same = meta.is_file() && tree::hash_file(&full).ok() == kept.first().copied();
            if !same {
                let failed =
                    vec![format!("a new file stands at `{}`; it is left alone", params.path)];
                return Ok(Undone { failed, kept: Vec::new() });
            }
        }
        let mut undone = Undone::default();
        let scope = |path: &Path| path == inside;
        Restore {
            root: cx.root,
            before: &before,
            pack: &cx.undo_dir.join("pack"),
            after: None,
            kept: &cx.undo_dir.join("kept"),
            scope: &scope,
        }
        .run_on(&before.keys().cloned().collect::<Vec<_>>())
        .map(|done| undone = done)
        .during(doing)?;
        Ok(undone)
    }

    fn dry_run(cx: &Context<'_>, _: &Plan, params: &Params) -> Result<Trial, ActError> {
        Self::precheck(cx, params)?;
        Ok(Trial { rollback_verified: true, ..Trial::default() })
    }
}

/// The file inside the root, if it is a regular file reached without any link.
fn open_checked(root: &Path, inside: &Path) -> Result<fs::Metadata, ActError> {
    let doing = || format!("opening `/{}`", inside.display());
    let folder = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
        .map_err(std::io::Error::from)
        .during(doing)?;
    let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(folder, inside, flags, Mode::empty(), how)
        .map_err(std::io::Error::from)
        .during(doing)?;
    let meta = fs::File::from(file).metadata().during(doing)?;
    if meta.is_file() {
        Ok(meta)
    } else {
        Err(ActError::refused(format!("`/{}` is not a regular file", inside.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn only_normal_absolute_paths_are_taken() {
        let parse = |path: &str| Actuator::parse(json!({ "path": path }).as_object().unwrap());
        assert!(parse("/srv/file").is_ok());
        for path in ["", "/", "srv/file", "/srv/../etc/passwd", "/srv//file", "/srv/./file"] {
            assert!(parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn links_on_the_way_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        fs::write(dir.path().join("real/file"), "x").unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        assert!(open_checked(dir.path(), Path::new("real/file")).is_ok());
        assert!(open_checked(dir.path(), Path::new("link/file")).is_err());
        assert!(open_checked(dir.path(), Path::new("real")).is_err());
    }
}
