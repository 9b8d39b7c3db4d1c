//! Fetches named packages at named versions into ringfort's own state.
//!
//! The root's own `apt-get download` runs on a copy of the root, with the metadata that was
//! refreshed before; the hash of every file is checked once more against the signed metadata.

use std::fs;

use serde_json::{Map, Value, json};
use spine::{ActionType, Plan, StepEffect, Target};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::apt::{PackageVersion, change, check_words, make_private, parse_list, private_dir};
use crate::error::{ActError, During as _};
use crate::limits::FETCH_TIME_MAX;
use crate::shadow::{Inside, Shadow, run_inside};

/// The actuator.
pub struct Actuator;

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "apt.fetch",
        summary: "fetch named packages into ringfort's own state",
        example: r#"{"packages": [{"name": "rsync", "arch": "amd64", "version": "3.2.7-1"}]}"#,
        undo: "nothing to take back: the machine is not changed",
    };
    type Params = Vec<PackageVersion>;

    fn parse(params: &Map<String, Value>) -> Result<Self::Params, String> {
        let list: Vec<PackageVersion> = parse_list(params)?;
        list.iter().try_for_each(|p| check_words(&p.name, &p.arch, &p.version))?;
        Ok(list)
    }

    fn inspect(_: &Context<'_>, packages: &Self::Params) -> Result<StepEffect, ActError> {
        let mut effect = super::observing(ActionType::FetchPackages);
        effect.targets =
            packages.iter().map(|p| Target::Package { name: p.name.clone() }).collect();
        Ok(effect)
    }

    fn precheck(cx: &Context<'_>, _: &Self::Params) -> Result<(), ActError> {
        if private_dir(cx.shared, cx.root).join("lists").is_dir() {
            return Ok(());
        }
        Err(ActError::refused("the package metadata was never refreshed"))
    }

    fn prepare(_: &Context<'_>, _: &Self::Params) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn apply(cx: &Context<'_>, packages: &Self::Params, _: &Value) -> Result<Applied, ActError> {
        let private = make_private(cx.shared, cx.root)?;
        let (lists, debs) = (private.join("lists"), private.join("debs"));
        let missing: Vec<String> = packages
            .iter()
            .filter(|package| !debs.join(package.file_name()).exists())
            .map(PackageVersion::argument)
            .collect();
        if !missing.is_empty() {
            (cx.say)(&format!("fetching {} packages", missing.len()));
            let shadow = Shadow::of(cx.shared, cx.root)?;
            super::apt_refresh::bring_resolver(&shadow.merged)?;
            let archives = shadow.merged.join("var/cache/apt/archives");
            fs::create_dir_all(&archives).during(|| "making the archive folder".to_owned())?;
            let inside = Inside {
                root: Some(&shadow.merged),
                network: true,
                debs: Some(&debs),
                lists: Some(&lists),
                sources: Some(&private.join("sources")),
                ..Inside::default()
            };
            // The folder is ringfort's and root's; apt's own user could not write there.
            let mut program = vec!["env", "-C", "/var/cache/apt/archives", "apt-get", "-q"];
            program.extend(["-o", "APT::Sandbox::User=root", "-o", "Dir::Cache::pkgcache="]);
            program.extend(["-o", "Dir::Cache::srcpkgcache=", "download"]);
            program.extend(missing.iter().map(String::as_str));
            let output = run_inside(inside, &program, FETCH_TIME_MAX)?;
            if !output.status.success() {
                let reason = format!("ended with {}: {}", output.status, output.last_words());
                return Err(ActError::Child { program: "apt-get download".to_owned(), reason });
            }
        }
        let files = change::check_files(&private, packages)?;
        for file in &files {
            super::open_to_all(file).during(|| "opening a package to readers".to_owned())?;
        }
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        Ok(Applied {
            message: format!("{} packages are here and are the signed ones", files.len()),
            result: json!({ "files": files }),
            ..Applied::default()
        })
    }

    fn verify(_: &Context<'_>, _: &Self::Params, _: &Value) -> Result<Value, ActError> {
        Ok(Value::Null)
    }

    fn undo(_: &Context<'_>, _: &Self::Params, _: &Value, _: &Value) -> Result<Undone, ActError> {
        Ok(Undone::default())
    }

    fn dry_run(_: &Context<'_>, _: &Plan, _: &Self::Params) -> Result<Trial, ActError> {
        Ok(Trial { rollback_verified: true, ..Trial::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn only_whole_plain_names_are_taken() {
        let parse = |text: &str| {
            let value: Value = serde_json::from_str(text).unwrap();
            Actuator::parse(value.as_object().unwrap())
        };
        assert!(parse(Actuator::DESCRIPTOR.example).is_ok());
        for text in [
            r#"{"packages": []}"#,
            r#"{"packages": [{"name": "-x", "arch": "amd64", "version": "1"}]}"#,
            r#"{"packages": [{"name": "rsync", "arch": "amd64"}]}"#,
            r#"{"packages": [{"name": "rsync", "arch": "amd64", "version": "1"}], "more": 1}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
