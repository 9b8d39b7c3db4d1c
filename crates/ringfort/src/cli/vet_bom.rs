//! Writes what a model consists of: a bill of materials for others to read.
//!
//! `ringfort vet-bom MODEL` reads the folder of a model and prints CycloneDX 1.6 (an ML-BOM with a
//! model card), SPDX 3.0.1 with its AI profile (`--format spdx`), or a statement of provenance by
//! SLSA v1 (`--format slsa`, which needs `--builder`). Its files stand in it with their SHA-256,
//! their format and what `ringfort vet` says of them; so do the packages that lie beside it in lock
//! files, and what the model's card says of its licence, its task and its data. What is not known
//! is left out. Exit codes: 0, or 4 where a file could not be read.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use spine::{Clock as _, Rng as _};
use vet::bom::{self, Build, File, Inventory, Stamp};
use vet::provenance::Serialization;

use crate::agent::vetting::{VetJob, VetResult, folder};
use crate::agent::worker;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::rim::{OsRng, SystemClock};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "vet-bom",
    about: "Write the bill of materials of a model",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    command
        .arg(
            Arg::new("model")
                .value_name("MODEL")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder of a model, or its one file"),
        )
        .arg(
            text("format", "FORMAT", "The standard to write")
                .value_parser(["cyclonedx", "spdx", "slsa"])
                .default_value("cyclonedx"),
        )
        .arg(text("name", "NAME", "The model's name; that of its folder otherwise"))
        .arg(text("model-version", "VERSION", "Its version or revision"))
        .arg(text("supplier", "WHO", "Who supplies it"))
        .arg(text("origin", "URL", "Where it came from"))
        .arg(text("licence", "SPDX-ID", "Its licence, in place of what its card says"))
        .arg(
            text("builder", "URI", "Who or what built it, for SLSA")
                .required_if_eq("format", "slsa"),
        )
        .arg(text("build-type", "URI", "What kind of build it was, for SLSA"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let Some(model) = matches.get_one::<PathBuf>("model").filter(|model| model.exists()) else {
        return Err(Failure::usage("the model is not there", "name a folder or a file"));
    };
    let parts = folder::parts(model, true)?;
    context.progress(format!("reading {} files", parts.len()));
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut all = VetResult::default();
    for batch in parts.chunks(64) {
        let files = batch.iter().map(|(_, path)| whole(path)).collect();
        let result = worker::vet(VetJob { files, inventory: true, ..VetJob::default() })?;
        all.reports.extend(result.reports);
        all.packages.extend(result.packages);
        merge(&mut all, result.card);
    }
    let unknown = all.reports.iter().any(|report| report.sha256.is_empty());
    let inventory = inventory(matches, model, &parts, all)?;
    let stamp = stamp();
    let document = match matches.get_one::<String>("format").map(String::as_str) {
        Some("spdx") => bom::spdx(&inventory, &stamp),
        Some("slsa") => slsa(matches, &inventory, &stamp),
        _ => bom::cyclonedx(&inventory, &stamp),
    };
    context.print_json(&document)?;
    Ok(if unknown { Exit::Unknown } else { Exit::Done })
}

fn merge(all: &mut VetResult, card: vet::bom::card::Card) {
    all.card.licence = all.card.licence.take().or(card.licence);
    all.card.task = all.card.task.take().or(card.task);
    all.card.architecture = all.card.architecture.take().or(card.architecture);
    all.card.data.extend(card.data);
    all.card.base.extend(card.base);
}

fn inventory(
    matches: &ArgMatches,
    model: &Path,
    parts: &[folder::Part],
    all: VetResult,
) -> Result<Inventory, Failure> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let file = |((name, path), report): (&folder::Part, &vet::Report)| File {
        path: if name == "." { folder::name_of(path) } else { name.clone() },
        sha256: report.sha256.clone(),
        format: report.format.clone(),
        verdict: report.verdict.word().to_owned(),
    };
    let how = Serialization { allow_symlinks: true, ..Serialization::default() };
    let manifest = folder::hash("model", parts, &how, &|_| true)?;
    let mut packages: Vec<bom::Package> = all.packages.iter().filter_map(package).collect();
    packages.sort_by(|a, b| a.purl.cmp(&b.purl));
    packages.dedup();
    Ok(Inventory {
        name: text("name").unwrap_or_else(|| folder::name_of(model)),
        version: text("model-version"),
        supplier: text("supplier"),
        origin: text("origin"),
        licence: text("licence").or_else(|| all.card.licence.clone()),
        sha256: Some(manifest.digest()),
        task: all.card.task.clone(),
        architecture: all.card.architecture.clone(),
        files: parts.iter().zip(&all.reports).map(file).collect(),
        data: all.card.data(),
        packages,
    })
}

/// A package with its package URL, where its ecosystem has one.
fn package(package: &vet::deps::Package) -> Option<bom::Package> {
    let kind = match package.ecosystem.as_str() {
        "PyPI" => "pypi",
        "npm" => "npm",
        "crates.io" => "cargo",
        "Go" => "golang",
        "RubyGems" => "gem",
        _ => return None,
    };
    let name = match kind {
        "pypi" => package.name.to_ascii_lowercase().replace('_', "-"),
        _ => package.name.replace('@', "%40"),
    };
    let version = package.version.clone().filter(|version| !version.is_empty());
    let at = version.as_ref().map_or(String::new(), |version| format!("@{version}"));
    Some(bom::Package {
        name: package.name.clone(),
        purl: format!("pkg:{kind}/{name}{at}"),
        version,
    })
}

fn stamp() -> Stamp {
    let mut bytes = [0; 16];
    OsRng.fill(&mut bytes);
    let uuid = uuid::Uuid::from_bytes(uuid_v4(bytes));
    let time = jiff::Timestamp::from_millisecond(SystemClock.now_ms()).unwrap_or_default();
    Stamp {
        time: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        uuid: uuid.to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The version and variant bits of a random UUID (RFC 9562, section 5.4).
const fn uuid_v4(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

fn slsa(matches: &ArgMatches, inventory: &Inventory, stamp: &Stamp) -> serde_json::Value {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let subjects: Vec<(String, String)> =
        inventory.files.iter().map(|file| (file.path.clone(), file.sha256.clone())).collect();
    let build = Build {
        kind: text("build-type").unwrap_or_else(|| "https://slsa.dev/provenance/v1".to_owned()),
        builder: text("builder").unwrap_or_default(),
        run: format!("urn:uuid:{}", stamp.uuid),
        times: (stamp.time.clone(), stamp.time.clone()),
        ..Build::default()
    };
    bom::slsa(&subjects, &build)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_of_provenance_needs_its_builder() {
        let command = args(Command::new("vet-bom"));
        let line = ["vet-bom", "m", "--format", "slsa"];
        assert!(command.clone().try_get_matches_from(line).is_err());
        assert!(command.try_get_matches_from(["vet-bom", "m"]).is_ok());
    }

    #[test]
    fn package_urls_follow_their_ecosystem() {
        let of = |ecosystem: &str, name: &str, version: Option<&str>| {
            let version = version.map(str::to_owned);
            let named =
                vet::deps::Package { ecosystem: ecosystem.into(), name: name.into(), version };
            package(&named).map(|package| package.purl)
        };
        let purl = of("PyPI", "Scikit_Learn", Some("1.5"));
        assert_eq!(purl.as_deref(), Some("pkg:pypi/scikit-learn@1.5"));
        assert_eq!(of("npm", "@a/b", None).as_deref(), Some("pkg:npm/%40a/b"));
        assert_eq!(of("Debian", "bash", None), None);
    }
}
