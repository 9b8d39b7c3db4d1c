//! Configurations of training and of models (YAML, JSON, TOML), line by line: what they switch on,
//! and what they take from elsewhere. Line by line, because such files are often templates that no
//! parser takes, and because a line is what a person looks at.

use super::{is_commit, is_repository};
use crate::remark::{Remark, Weight};

/// Bytes of a configuration that are read.
pub const CONFIG_BYTES_MAX: usize = 16 << 20;

const READ: &str = "read the repository's code at a pinned commit, or switch it off";

/// What is to be said of a configuration; `at` is the line, from 1.
pub fn config(text: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if text.len() > CONFIG_BYTES_MAX {
        let why = "the configuration is too long, and was not read";
        remarks.push(Remark::new("deps.cut", Weight::Unknown, 0, why, "", "look at it by hand"));
        return remarks;
    }
    let pinned = text.lines().filter_map(setting).any(|(key, value)| {
        matches!(key.as_str(), "revision" | "model_revision" | "commit") && is_commit(&value)
    });
    for (at, line) in text.lines().enumerate() {
        let Some((key, value)) = setting(line) else { continue };
        let on = value.eq_ignore_ascii_case("true");
        let mut say = |rule, weight, why: &str, next| {
            remarks.push(Remark::new(rule, weight, at + 1, why, line, next));
        };
        match key.as_str() {
            "trust_remote_code" if on => {
                let why = "Python of the repository runs on this machine";
                say("deps.trust_remote_code", Weight::Weakness, why, READ);
            }
            "auto_map" => {
                let why = "the model brings Python of its own, for whoever trusts it";
                say("deps.remote_code", Weight::Note, why, READ);
            }
            "allow_pickle" | "enable_unsafe_deserialization" if on => {
                let why = "objects in files are unpickled: code in them runs";
                say("deps.unsafe_load", Weight::Weakness, why, "switch it off");
            }
            "weights_only" | "safe_mode" | "use_safetensors"
                if value.eq_ignore_ascii_case("false") =>
            {
                let why = "it switches off the safe way of loading";
                say("deps.unsafe_load", Weight::Weakness, why, "switch it on");
            }
            "_target_" if runs_things(&value) => {
                let why = "whoever builds this configuration runs that function";
                say("deps.target", Weight::Malicious, why, "take the line out");
            }
            "model_name_or_path"
            | "base_model"
            | "pretrained_model_name_or_path"
            | "dataset_name"
            | "model_id"
            | "repo_id"
                if is_repository(&value) && !pinned =>
            {
                let why = "the revision is not pinned: tomorrow it may be another model";
                say("deps.unpinned_revision", Weight::Note, why, "pin the full commit id");
            }
            _ => {}
        }
    }
    remarks
}

/// A key and a plain value, from any of the three forms.
fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim().trim_start_matches(['-', '{', ' ']);
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once([':', '='])?;
    let key = key.trim().trim_matches(['"', '\'']);
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.is_empty() || !key.chars().all(good) {
        return None;
    }
    let value = value.split(" #").next().unwrap_or_default();
    let value = value.trim().trim_end_matches([',', '}']).trim().trim_matches(['"', '\'']);
    Some((key.replace('-', "_"), value.to_owned()))
}

/// Functions that no configuration has a reason to name.
fn runs_things(target: &str) -> bool {
    const FUNCTIONS: [&str; 11] = [
        "os.system",
        "os.popen",
        "builtins.exec",
        "builtins.eval",
        "subprocess.",
        "pty.spawn",
        "shutil.rmtree",
        "importlib.import_module",
        "pickle.load",
        "runpy.",
        "ctypes.",
    ];
    FUNCTIONS.iter().any(|function| target.starts_with(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<(&'static str, usize)> {
        config(text).into_iter().map(|remark| (remark.rule, remark.at)).collect()
    }

    #[test]
    fn the_three_forms() {
        let expected = [("deps.trust_remote_code", 2)];
        assert_eq!(rules("model:\n  trust_remote_code: true  # needed\n"), expected);
        assert_eq!(rules("{\n  \"trust_remote_code\": true,\n}"), expected);
        assert_eq!(rules("[model]\ntrust_remote_code = true\n"), expected);
        assert_eq!(rules("# trust_remote_code: true\ntrust_remote_code: false\n"), []);
    }

    #[test]
    fn functions_revisions_and_switches() {
        assert_eq!(rules("_target_: os.system"), [("deps.target", 1)]);
        assert_eq!(rules("_target_: torch.optim.Adam"), []);
        assert_eq!(rules("base_model: org/name"), [("deps.unpinned_revision", 1)]);
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(rules(&format!("base_model: org/name\nrevision: {commit}")), []);
        assert_eq!(rules("weights_only: False"), [("deps.unsafe_load", 1)]);
        assert_eq!(rules("\"auto_map\": {"), [("deps.remote_code", 1)]);
    }
}
