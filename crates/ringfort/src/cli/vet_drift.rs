//! Says how two snapshots of a model differ, tensor by tensor.
//!
//! `ringfort vet-drift OLD NEW` takes two folders, or two files. Files are compared by their
//! SHA-256; of safetensors files the difference is shown by tensors: which came, went or changed
//! their shape, what share of the numbers changed and by how much, and whether the change lies in
//! one direction (a change of rank one is what an edit of a single fact or a planted behaviour
//! looks like, and a fine-tuning does not). Exit codes: 0 where they are the same, 1 where they
//! differ, 4 where it cannot be told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use vet::provenance::drift::{Change, Drift};
use vet::provenance::{Manifest, Serialization};

use crate::agent::vetting::{VetJob, folder};
use crate::agent::worker;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "vet-drift",
    about: "Say how two snapshots of a model differ",
    hidden: false,
    args,
    run,
};

/// Tensors of one file that are shown to people; `--json` has all of them.
const SHOWN_MAX: usize = 20;

fn args(command: Command) -> Command {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .value_name(name)
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    command
        .arg(path("OLD", "The older snapshot: a folder or a file"))
        .arg(path("NEW", "The newer one"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let (Some(old), Some(new)) =
        (matches.get_one::<PathBuf>("OLD"), matches.get_one::<PathBuf>("NEW"))
    else {
        return Err(Failure::usage("two snapshots are needed", "name the older one first"));
    };
    for path in [old, new] {
        if !path.exists() {
            let message = format!("`{}` is not there", path.display());
            return Err(Failure::usage(message, "name two folders, or two files"));
        }
    }
    if old.is_dir() != new.is_dir() {
        let message = "one is a folder and the other a file";
        return Err(Failure::usage(message, "name two folders, or two files"));
    }
    let (before, old_parts) = snapshot(old)?;
    let (after, new_parts) = snapshot(new)?;
    let mut exit = Exit::Done;
    for (name, change) in compare(&before, &after) {
        let (old, new) = (old_parts.get(&name), new_parts.get(&name));
        let tensors = match (change, old, new) {
            ("changed", Some(old), Some(new)) if is_safetensors(old) || is_safetensors(new) => {
                Some(tensors(old, new)?)
            }
            _ => None,
        };
        exit = exit.and(match &tensors {
            Some(Err(_)) => Exit::Unknown,
            Some(Ok(drift)) if !drift.unknown.is_empty() => Exit::Unknown,
            _ => Exit::Findings,
        });
        show(context, &name, change, tensors.as_ref())?;
    }
    if exit == Exit::Done && !context.json {
        context.print("no file differs");
    }
    Ok(exit)
}

type Parts = BTreeMap<String, PathBuf>;

fn snapshot(root: &Path) -> Result<(Manifest, Parts), Failure> {
    let parts = folder::parts(root, true)?;
    let how = Serialization { allow_symlinks: true, ..Serialization::default() };
    let manifest = folder::hash("snapshot", &parts, &how, &|_| true)?;
    Ok((manifest, parts.into_iter().collect()))
}

fn compare(before: &Manifest, after: &Manifest) -> Vec<(String, &'static str)> {
    use vet::provenance::Difference as D;
    let told = before.differences(after).into_iter().map(|difference| match difference {
        D::Added(name) => (name, "added"),
        D::Missing(name) => (name, "removed"),
        D::Changed(name) => (name, "changed"),
    });
    told.collect()
}

/// Whether a file begins like one of safetensors: a length, and a JSON object.
fn is_safetensors(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 9];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head[8] == b'{' && head[5..8] == [0, 0, 0]
}

/// Compares two files tensor by tensor, in a worker.
fn tensors(old: &Path, new: &Path) -> Result<Result<Drift, String>, Failure> {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let job = VetJob { files: vec![whole(old), whole(new)], drift: true, ..VetJob::default() };
    let result = worker::vet(job)?;
    Ok(result.drift.unwrap_or_else(|| Err("the worker gave no result".to_owned())))
}

fn show(
    context: &Context,
    name: &str,
    change: &str,
    tensors: Option<&Result<Drift, String>>,
) -> Result<(), Failure> {
    if context.json {
        let mut line = json!({ "path": name, "change": change });
        match tensors {
            Some(Ok(drift)) => line["tensors"] = json!(drift),
            Some(Err(why)) => line["unknown"] = Value::from(why.as_str()),
            None => {}
        }
        return context.print_json(&line);
    }
    context.print(format!("{change:8} {}", inert(name)));
    match tensors {
        None => {}
        Some(Err(why)) => context.print(format!("    UNKNOWN: {}", inert(why))),
        Some(Ok(drift)) => {
            for line in lines(drift) {
                context.print(format!("    {}", inert(&line)));
            }
        }
    }
    Ok(())
}

fn lines(drift: &Drift) -> Vec<String> {
    let mut lines = vec![format!(
        "{} tensors are the same, {} changed, {} came, {} went, {} have another shape",
        drift.same,
        drift.changed.len(),
        drift.added.len(),
        drift.removed.len(),
        drift.reshaped.len()
    )];
    lines.extend(
        drift.added.iter().map(|(name, form)| format!("+ {name} {} {:?}", form.dtype, form.shape)),
    );
    lines.extend(drift.removed.keys().map(|name| format!("- {name}")));
    lines.extend(drift.reshaped.iter().map(|(name, (old, new))| {
        format!("~ {name} {} {:?} is now {} {:?}", old.dtype, old.shape, new.dtype, new.shape)
    }));
    lines.extend(drift.changed.iter().map(|(name, change)| format!("~ {name} {}", words(change))));
    lines.extend(drift.unknown.iter().map(|name| format!("UNKNOWN: {name} could not be compared")));
    if lines.len() > SHOWN_MAX {
        let more = lines.len() - SHOWN_MAX;
        lines.truncate(SHOWN_MAX);
        lines.push(format!("and {more} more (`--json` has all)"));
    }
    lines
}

fn words(change: &Change) -> String {
    let mut parts = vec![format!("{:.2} % of its numbers", 100.0 * change.changed)];
    if let Some(relative) = change.relative {
        parts.push(format!("by {:.3} % of their length", 100.0 * relative));
    }
    if let Some(share) = change.top_share {
        let note = if share > 0.9 { " (LOOK: nearly all of it)" } else { "" };
        parts.push(format!("{:.0} % of it in one direction{note}", 100.0 * share));
    }
    if change.not_finite > 0 {
        parts.push(format!("{} are not finite", change.not_finite));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_in_one_direction_is_pointed_out() {
        let change = Change {
            changed: 1.0,
            relative: Some(0.01),
            top_share: Some(0.99),
            spectral: None,
            not_finite: 0,
        };
        assert!(words(&change).contains("LOOK"), "{}", words(&change));
        let ordinary = Change { top_share: Some(0.2), ..change };
        assert!(!words(&ordinary).contains("LOOK"));
    }

    #[test]
    fn files_that_came_went_and_changed_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for (path, text) in [("a/x", "1"), ("a/y", "1"), ("b/x", "2"), ("b/z", "1")] {
            std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            std::fs::write(at(path), text).unwrap();
        }
        let (before, after) = (snapshot(&at("a")).unwrap().0, snapshot(&at("b")).unwrap().0);
        let seen: Vec<(String, &str)> = compare(&before, &after);
        let expected = [("x", "changed"), ("y", "removed"), ("z", "added")];
        assert_eq!(seen, expected.map(|(name, change)| (name.to_owned(), change)));
    }
}
