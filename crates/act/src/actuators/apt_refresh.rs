//! Refreshes the package metadata of a root into ringfort's own state, never inside the root.
//!
//! The root's own `apt-get update` runs on a copy of the root, so that its sources, keys, proxies
//! and hooks hold and stay inside the copy; what it fetched and verified is copied out. Where a
//! Debian root lacks the suite of security fixes, it is added for this look only.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::{ActionType, Plan, StepEffect};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::apt::make_private;
use crate::error::{ActError, During as _};
use crate::limits::{LIST_FILES_MAX, REFRESH_TIME_MAX};
use crate::shadow::{Inside, Shadow, run_inside};

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Whether a missing suite of security fixes is added for this look.
    add_security_suite: bool,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "apt.refresh",
        summary: "refresh the package metadata into ringfort's own state",
        example: r#"{"add_security_suite": true}"#,
        undo: "nothing to take back: the machine is not changed",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        serde_json::from_value(Value::Object(params.clone())).map_err(|error| error.to_string())
    }

    fn inspect(_: &Context<'_>, _: &Params) -> Result<StepEffect, ActError> {
        Ok(super::observing(ActionType::RefreshIndex))
    }

    fn precheck(cx: &Context<'_>, _: &Params) -> Result<(), ActError> {
        if cx.root.join("usr/bin/apt-get").exists() {
            return Ok(());
        }
        Err(ActError::refused(format!("`{}` has no apt", cx.root.display())))
    }

    fn prepare(_: &Context<'_>, _: &Params) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn apply(cx: &Context<'_>, params: &Params, _: &Value) -> Result<Applied, ActError> {
        let private = make_private(cx.shared, cx.root)?;
        let shadow = Shadow::of(cx.shared, cx.root)?;
        let missing = !has_security(&shadow.merged);
        if missing && params.add_security_suite {
            add_security(&shadow.merged)?;
        }
        bring_resolver(&shadow.merged)?;
        (cx.say)("asking the package mirror for what is new");
        let inside = Inside { root: Some(&shadow.merged), network: true, ..Inside::default() };
        let program = [
            "apt-get",
            "-q",
            "-o",
            "APT::Update::Error-Mode=any",
            "-o",
            "Acquire::GzipIndexes=false",
            "-o",
            "Acquire::Languages=none",
            "update",
        ];
        let output = run_inside(inside, &program, REFRESH_TIME_MAX)?;
        if !output.status.success() {
            let reason = format!("ended with {}: {}", output.status, output.last_words());
            return Err(ActError::Child { program: "apt-get update".to_owned(), reason });
        }
        copy_sources(&shadow.merged.join("etc/apt/sources.list.d"), &private.join("sources"))?;
        let count = copy_lists(&shadow.merged.join("var/lib/apt/lists"), &private)?;
        let lists = private.join("lists");
        Ok(Applied {
            message: format!("the package metadata is fresh: {count} lists"),
            result: json!({
                "lists": lists.display().to_string(),
                "security_suite_missing": missing,
                "lists_count": count,
            }),
            ..Applied::default()
        })
    }

    fn verify(_: &Context<'_>, _: &Params, _: &Value) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn undo(_: &Context<'_>, _: &Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        Ok(Undone::default())
    }

    fn dry_run(_: &Context<'_>, _: &Plan, _: &Params) -> Result<Trial, ActError> {
        Ok(Trial { rollback_verified: true, ..Trial::default() })
    }
}

fn source_texts(root: &Path) -> Vec<String> {
    let mut paths = vec![root.join("etc/apt/sources.list")];
    let parts = fs::read_dir(root.join("etc/apt/sources.list.d")).into_iter().flatten().flatten();
    paths.extend(parts.take(LIST_FILES_MAX).map(|entry| entry.path()));
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// Whether any source names a suite of security fixes.
fn has_security(root: &Path) -> bool {
    let plain = |line: &&str| !line.trim_start().starts_with('#');
    source_texts(root)
        .iter()
        .any(|text| text.lines().filter(plain).any(|line| line.contains("-security")))
}

/// Adds the security suite beside a Debian mirror of the root, with the mirror's own options.
fn add_security(root: &Path) -> Result<(), ActError> {
    let Some((options, uri, suite, components)) =
        source_texts(root).iter().find_map(|text| debian_source(text))
    else {
        return Ok(());
    };
    let path = root.join("etc/apt/sources.list.d/ringfort-security.list");
    let line = format!("deb {options}{uri}-security {suite}-security {components}\n");
    fs::create_dir_all(root.join("etc/apt/sources.list.d"))
        .and_then(|()| fs::write(&path, line))
        .during(|| "adding the suite of security fixes to the copy".to_owned())
}

/// The first source of a Debian release: options, address without a final slash, code name,
/// components.
fn debian_source(text: &str) -> Option<(String, String, String, String)> {
    for line in text.lines().map(str::trim) {
        let Some(rest) = line.strip_prefix("deb ") else { continue };
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (format!("[{options}] "), rest.trim_start()),
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?.trim_end_matches('/'), words.next()?);
        if uri.ends_with("/debian") {
            let components: Vec<&str> = words.collect();
            return Some((options, uri.to_owned(), suite.to_owned(), components.join(" ")));
        }
    }
    deb822_source(text)
}

fn deb822_source(text: &str) -> Option<(String, String, String, String)> {
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let (Some(uris), Some(suites)) = (field("URIs"), field("Suites")) else { continue };
        let uri = uris.split_whitespace().next()?.trim_end_matches('/').to_owned();
        let suite = suites.split_whitespace().next()?.to_owned();
        if !uri.ends_with("/debian") {
            continue;
        }
        let options = field("Signed-By")
            .filter(|path| path.starts_with('/'))
            .map_or(String::new(), |path| format!("[signed-by={path}] "));
        return Some((options, uri, suite, field("Components").unwrap_or_else(|| "main".into())));
    }
    None
}

/// The copy asks the names of this machine's resolver.
pub(crate) fn bring_resolver(copy: &Path) -> Result<(), ActError> {
    let doing = || "giving the copy a resolver".to_owned();
    let Ok(text) = fs::read("/etc/resolv.conf") else { return Ok(()) };
    let path = copy.join("etc/resolv.conf");
    // It may be a link into `/run`, which is empty in the copy.
    let _ = fs::remove_file(&path);
    fs::write(&path, text).during(doing)?;
    let hosts = copy.join("etc/hosts");
    if let Ok(text) = fs::read("/etc/hosts") {
        fs::write(hosts, text).during(doing)?;
    }
    Ok(())
}

/// Keeps the sources that the lists came from: fetching and upgrading read them together.
fn copy_sources(from: &Path, to: &Path) -> Result<(), ActError> {
    let doing = || "keeping the sources of the lists".to_owned();
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).during(doing)?;
    for entry in fs::read_dir(from).into_iter().flatten().take(LIST_FILES_MAX) {
        let entry = entry.during(doing)?;
        if entry.file_type().during(doing)?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).during(doing)?;
        }
    }
    super::open_to_all_dir(to).during(doing)
}

/// Copies fetched lists out of the copy; the folder is replaced whole, the last good one stays
/// until then.
fn copy_lists(from: &Path, private: &Path) -> Result<usize, ActError> {
    let doing = || "keeping the fetched lists".to_owned();
    let (new, lists, old) =
        (private.join("lists.new"), private.join("lists"), private.join("lists.old"));
    for leftover in [&new, &old] {
        let _ = fs::remove_dir_all(leftover);
    }
    fs::create_dir_all(new.join("partial")).during(doing)?;
    let mut count = 0;
    for entry in fs::read_dir(from).during(doing)?.take(LIST_FILES_MAX) {
        let entry = entry.during(doing)?;
        if !entry.file_type().during(doing)?.is_file() || entry.file_name() == "lock" {
            continue;
        }
        let to = new.join(entry.file_name());
        fs::copy(entry.path(), &to).during(doing)?;
        let meta = entry.metadata().during(doing)?;
        let times = fs::FileTimes::new().set_modified(meta.modified().during(doing)?);
        let file = fs::OpenOptions::new().write(true).open(&to).during(doing)?;
        file.set_times(times).during(doing)?;
        super::open_to_all(&to).during(doing)?;
        count += 1;
    }
    if count == 0 {
        return Err(ActError::refused("apt fetched no list"));
    }
    super::open_to_all_dir(&new).during(doing)?;
    fs::rename(&lists, &old).during(doing)?;
    fs::rename(&new, &lists).during(doing)?;
    let _ = fs::remove_dir_all(&old);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_security_suite_is_derived_from_the_mirror_in_use() {
        let one_line =
            "# x\ndeb [signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib\n";
        let (options, uri, suite, components) = debian_source(one_line).unwrap();
        assert_eq!(options, "[signed-by=/k.gpg] ");
        assert_eq!((uri.as_str(), suite.as_str()), ("http://mirror.example/debian", "bookworm"));
        assert_eq!(components, "main contrib");
        let deb822 = "Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm bookworm-updates\n\
            Components: main\nSigned-By: /usr/share/keyrings/x.gpg\n";
        let (options, uri, suite, _) = debian_source(deb822).unwrap();
        assert_eq!(options, "[signed-by=/usr/share/keyrings/x.gpg] ");
        assert_eq!((uri.as_str(), suite.as_str()), ("http://mirror.example/debian", "bookworm"));
        assert!(debian_source("deb http://mirror.example/other stable main\n").is_none());
    }
}
