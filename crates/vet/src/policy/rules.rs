//! Judges paths, settings, programs and oddities of structure.

use super::{LOOK, Opinion, REFUSE, UNREAD, libraries, stdlib, symbols, template};
use crate::fact::{Found, How, PathRole, Symbol};
use crate::finding::Severity;

/// Whether a path leads out of the folder that it is taken from.
pub fn escapes(path: &str) -> bool {
    let mut depth = 0_i32;
    let unix = path.replace('\\', "/");
    if unix.starts_with('/') || unix.starts_with("~/") || unix.get(1..3) == Some(":/") {
        return path.len() > 1 && !path.contains(' ');
    }
    for part in unix.split('/') {
        match part {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// Judges a path.
pub fn path(role: PathRole, path: &str) -> Option<Opinion> {
    let (rule, what, severity) = match role {
        PathRole::Member => (
            "path.member",
            "A member of the archive is unpacked outside of the folder that it is unpacked to",
            Severity::High,
        ),
        PathRole::Link => (
            "path.link",
            "A link in the archive leads out of the folder that it is unpacked to",
            Severity::High,
        ),
        PathRole::ExternalData => (
            "path.external_data",
            "The model reads data from outside of its own folder",
            Severity::High,
        ),
        PathRole::Asset => {
            ("path.asset", "The model opens a file outside of its own folder", Severity::Medium)
        }
    };
    let url = path.contains("://");
    if !escapes(path) && !url {
        return None;
    }
    let reason =
        if url { "The model reads data from an address".to_owned() } else { what.to_owned() };
    Some(Opinion::new(rule, severity, reason + ".", path, REFUSE))
}

/// Settings that tell a loader to run code from beside the model.
pub fn setting(key: &str, value: &str) -> Option<Opinion> {
    let last = key.rsplit('.').next().unwrap_or(key);
    match last {
        "trust_remote_code" => (value == "true").then(|| {
            Opinion::new(
                "config.trust_remote_code",
                Severity::Note,
                "The configuration asks to trust the code that lies beside the model.",
                format!("{key} = {value}"),
                "pin the revision, and have the code beside the model read before it runs",
            )
        }),
        "auto_map" | "custom_pipelines" => {
            let elsewhere = value.contains("--");
            let severity = if elsewhere { Severity::Medium } else { Severity::Note };
            let reason = if elsewhere {
                "The configuration takes code from another repository when remote code is trusted."
            } else {
                "The configuration names code beside the model that runs when remote code is trusted."
            };
            Some(Opinion::new(
                "config.auto_map",
                severity,
                reason,
                format!("{key} = {value}"),
                "pin the revision, and have the code beside the model read before it runs",
            ))
        }
        "filter" if key == "hdf5.filter" => Some(Opinion::new(
            "hdf5.filter",
            Severity::Note,
            "Its data passes a filter that is a library of its own, loaded when the data is read.",
            value,
            "read it on a machine whose folder of HDF5 plug-ins only you can write to",
        )),
        _ => target(key, value),
    }
}

/// A callable that a configuration names: `_target_` of Hydra, `fn` and `module` of Keras.
fn target(key: &str, value: &str) -> Option<Opinion> {
    let (module, name) = value.rsplit_once('.').unwrap_or((value, ""));
    let symbol = Symbol::new(module, name);
    let canonical = symbols::canonical(module);
    let evidence = format!("{key}: {value}");
    let refuse = |rule: &str, why: String| {
        Some(Opinion::new(
            rule,
            Severity::High,
            format!("The configuration names `{symbol}`, which {why}."),
            &evidence,
            REFUSE,
        ))
    };
    if value.contains("://") {
        return Some(Opinion::new(
            "config.address",
            Severity::Medium,
            "The configuration makes the loader fetch something from an address.",
            evidence,
            LOOK,
        ));
    }
    let whole = symbols::canonical(value);
    if stdlib::is_stdlib(whole)
        && !libraries::expects(whole, "X", How::Made)
        && !value.contains('.')
    {
        let letters = stdlib::reach(whole, "?");
        if !letters.is_empty() || matches!(whole, "subprocess" | "importlib" | "builtins" | "runpy")
        {
            return refuse("config.target", "models have no use for".to_owned());
        }
    }
    if let Some(opinion) = symbols::called(&symbol, How::Invoked, "")
        && opinion.severity == Severity::High
    {
        return refuse("config.target", "does more than build a model".to_owned());
    }
    if canonical == "builtins" && !libraries::expects("builtins", name, How::Invoked) {
        return refuse("config.target", "is no part of a model".to_owned());
    }
    None
}

/// Judges a program inside a model file.
pub fn program(kind: &str, found: &Found) -> Opinion {
    let inside = !found.member.is_empty() || found.offset.is_some();
    let place = if inside { "It carries" } else { "It is" };
    Opinion::new(
        "content.program",
        if kind == "script" { Severity::Medium } else { Severity::High },
        format!("{place} a program ({kind}); a model is data."),
        kind,
        REFUSE,
    )
}

/// Judges an oddity by its id.
pub fn odd(id: &str, detail: &str) -> Option<Opinion> {
    let (severity, reason) =
        pickle_oddity(id).or_else(|| zip_oddity(id)).or_else(|| content_oddity(id))?;
    let next = match severity {
        Severity::High => REFUSE,
        Severity::Unknown => UNREAD,
        _ => LOOK,
    };
    Some(Opinion::new(id, severity, reason, detail, next))
}

/// What an oddity of a pickle weighs and means.
fn pickle_oddity(id: &str) -> Option<(Severity, &'static str)> {
    Some(match id {
        "pickle.nested" => (Severity::Medium, "A pickle is hidden in the bytes of another pickle."),
        "pickle.encoded" => (Severity::High, "An encoded text hides something that can be run."),
        "pickle.behind" => {
            (Severity::Medium, "Another pickle is hidden behind the end of the first.")
        }
        "pickle.hidden_name" => {
            (Severity::Medium, "The name of something that it imports could not be told.")
        }
        "pickle.extension" => {
            (Severity::Medium, "It imports by a number that only the loading program knows.")
        }
        "pickle.broken" => (Severity::Unknown, "It breaks the rules of pickles at one place."),
        "pickle.cut_short" => (Severity::Unknown, "The pickle has no end."),
        "pickle.expansion" => (
            Severity::Medium,
            "It unfolds to far more values than it has bytes, to exhaust its loader.",
        ),
        "pickle.crowded" => (Severity::Note, "It holds more values than are kept."),
        "pickle.long_trailer" => {
            (Severity::Note, "What stands far behind the pickle was not looked at.")
        }
        _ => return None,
    })
}

/// What an oddity of a zip archive weighs and means.
fn zip_oddity(id: &str) -> Option<(Severity, &'static str)> {
    Some(match id {
        "zip.name_mismatch" => (
            Severity::Medium,
            "The archive gives one member two names: what is checked may not be what is loaded.",
        ),
        "zip.method_mismatch" | "zip.size_mismatch" => (
            Severity::Medium,
            "The archive says two things of one member: what is checked may not be what is loaded.",
        ),
        "zip.hidden_member" => {
            (Severity::Medium, "The archive holds members that its directory does not list.")
        }
        "zip.false_encryption" => (
            Severity::Medium,
            "A member is marked as encrypted and is not: scanners skip it, loaders do not.",
        ),
        "zip.no_local_header" | "zip.broken_directory" => {
            (Severity::Unknown, "The directory of the archive is broken.")
        }
        "zip.no_end" => (Severity::Unknown, "The archive has no end record."),
        "zip.prefix" => (Severity::Note, "Something stands before the archive."),
        _ => return None,
    })
}

/// What an oddity of anything else weighs and means.
fn content_oddity(id: &str) -> Option<(Severity, &'static str)> {
    Some(match id {
        "container.wrong_member" => {
            (Severity::Medium, "A model archive carries a file that no model needs.")
        }
        "container.two_formats" => (
            Severity::Medium,
            "It can be read as two formats: what is checked may not be what is loaded.",
        ),
        "xml.entity" => {
            (Severity::High, "The document declares entities, which read files or addresses.")
        }
        "xml.doctype" => (Severity::Note, "The document has a document type."),
        "safetensors.header" => (Severity::Medium, "The header breaks the rules of the format."),
        "header.broken" => (Severity::Unknown, "Its structure is broken."),
        "structure.absurd" => (
            Severity::Medium,
            "It announces sizes that no honest file has; readers that trust them break.",
        ),
        "bomb" => (Severity::Medium, "It unpacks to far more than it should."),
        "oci.digest" => {
            (Severity::Medium, "A blob is not the one whose hash it is called by: it was replaced.")
        }
        "device" => (Severity::Medium, "The archive makes a device file."),
        "opaque" => (
            Severity::Unknown,
            "It is of no format that is known here: only embedded programs, pickles and commands \
             were looked for.",
        ),
        "yaml.python" => {
            (Severity::High, "The document makes its loader build Python objects of its choice.")
        }
        "json.broken" => (Severity::Unknown, "The document is broken at one place."),
        "object.in_data" => (Severity::Medium, "The data holds the insides of a Python object."),
        "r.promise" => (Severity::High, "It holds a promise that runs a command when it is used."),
        "hidden_text" => (Severity::Medium, "It holds characters that people do not see."),
        _ => return None,
    })
}

/// Whether a text is worth being judged as a template.
pub fn is_template(text: &str) -> bool {
    template::is_template(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_their_folder_are_told() {
        for path in ["../x", "a/../../x", "/etc/passwd", "..\\x", "C:\\x", "~/.ssh/id"] {
            assert!(escapes(path), "{path}");
        }
        for path in ["a/b", "a/../b", "./a", "weights..bin", "a//b", "/", ""] {
            assert!(!escapes(path), "{path}");
        }
    }

    #[test]
    fn a_target_that_runs_something_is_refused() {
        assert!(setting("trainer._target_", "subprocess.Popen").is_some());
        assert!(setting("layers.fn_module", "subprocess").is_some());
        assert!(setting("_target_", "builtins.eval").is_some());
        assert!(setting("module", "builtins").is_some());
        assert!(setting("_target_", "nemo.Model").is_none());
        assert!(setting("module", "keras.layers").is_none());
    }
}
