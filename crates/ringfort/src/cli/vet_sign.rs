//! Signs a model: one file beside it (`model.sig`) says what each of its files was.
//!
//! The form is that of OpenSSF Model Signing, so that `model_signing` and other tools verify it.
//! The key is a private key in PEM (P-256, P-384 or Ed25519), not encrypted; with `--certificate`
//! the holder of a certificate signs, and whoever verifies needs only the root. Nothing is sent
//! anywhere: signing with an identity of a provider is left to the tools that do it, and is
//! verified here.
//!
//! The signature itself, git's own files and what `--ignore` names are left out.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use durable::{Files as _, StdFiles};
use vet::provenance::{
    Certificate, HashType, Manifest, Method, Serialization, SigningKey, sign,
    sign_with_certificates,
};

use crate::agent::vetting::folder;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "vet-sign",
    about: "Sign a model, so that others can tell whether it was changed",
    hidden: false,
    args,
    run,
};

/// The name of a signature, by convention.
pub const SIGNATURE: &str = "model.sig";

fn args(command: Command) -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    command
        .arg(
            Arg::new("model")
                .value_name("MODEL")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder of a model, or its one file"),
        )
        .arg(file("private-key", "The private key, PEM, not encrypted").required(true))
        .arg(file("certificate", "The key's certificate, PEM"))
        .arg(
            file("chain", "Certificates between it and the root, PEM")
                .action(ArgAction::Append)
                .requires("certificate"),
        )
        .arg(file("signature", "Where the signature goes; beside the model otherwise"))
        .arg(
            Arg::new("ignore")
                .long("ignore")
                .value_name("PATH")
                .action(ArgAction::Append)
                .help("Leave this path of the model out"),
        )
        .arg(
            Arg::new("hash")
                .long("hash")
                .value_name("HASH")
                .default_value("sha256")
                .value_parser(["sha256", "blake3"])
                .help("The hash of the files"),
        )
        .arg(
            Arg::new("shard-size")
                .long("shard-size")
                .value_name("BYTES")
                .value_parser(value_parser!(u64).range(1..))
                .help("Hash shards of this size in place of whole files"),
        )
        .arg(
            Arg::new("allow-symlinks")
                .long("allow-symlinks")
                .action(ArgAction::SetTrue)
                .help("Follow links, as the caches of model hubs need it"),
        )
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let Some(model) = matches.get_one::<PathBuf>("model") else {
        return Err(Failure::usage("no model was named", "name a folder or a file"));
    };
    if !model.exists() {
        let message = format!("`{}` is not there", model.display());
        return Err(Failure::usage(message, "name the folder of a model, or its one file"));
    }
    let signature = matches.get_one("signature").cloned().unwrap_or_else(|| place_of(model));
    let key = signing_key(matches)?;
    let how = serialization(matches, model, &signature);
    context.progress("hashing the model");
    let parts = folder::parts(model, how.allow_symlinks)?;
    let name = folder::name_of(model);
    let manifest = folder::hash(&name, &parts, &how, &|_| true)?;
    if manifest.resources().is_empty() {
        return Err(Failure::usage("the model has no files", "name the folder that holds it"));
    }
    let bundle = sealed(matches, &manifest, &key)?;
    let help = "name a place that can be written with `--signature`";
    StdFiles.write_atomic(&signature, &bundle).or_hint("the signature cannot be written", help)?;
    let said = serde_json::json!({
        "signature": signature.display().to_string(),
        "model": name,
        "files": manifest.resources().len(),
        "key": key.public().hint(),
    });
    if context.json {
        context.print_json(&said)?;
    } else {
        let (files, place) = (manifest.resources().len(), signature.display().to_string());
        context.print(inert(&format!("{name}: {files} files signed in {place}")));
        context.print(format!("verify with: ringfort vet-verify {} --key PUBLIC.pem", {
            inert(&model.display().to_string())
        }));
    }
    Ok(Exit::Done)
}

/// Where the signature of a model is looked for.
pub fn place_of(model: &Path) -> PathBuf {
    if model.is_dir() {
        return model.join(SIGNATURE);
    }
    let mut name = model.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

fn read(path: &Path, what: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    let bytes = std::fs::read(path)
        .or_hint(format!("{what} `{}` cannot be read", path.display()), "name a PEM file")?;
    Ok(zeroize::Zeroizing::new(bytes))
}

fn signing_key(matches: &ArgMatches) -> Result<SigningKey, Failure> {
    let Some(path) = matches.get_one::<PathBuf>("private-key") else {
        return Err(Failure::usage("no key was named", "name one with `--private-key`"));
    };
    SigningKey::from_pem(&read(path, "the key")?).or_hint(
        format!("`{}` cannot sign", path.display()),
        "make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
    )
}

fn serialization(matches: &ArgMatches, model: &Path, signature: &Path) -> Serialization {
    let mut ignore_paths: Vec<String> =
        matches.get_many::<String>("ignore").into_iter().flatten().cloned().collect();
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    if let Ok(relative) = whole(signature).strip_prefix(whole(model))
        && let Some(relative) = relative.to_str().filter(|relative| !relative.is_empty())
    {
        ignore_paths.push(relative.to_owned());
    }
    let shard = matches.get_one::<u64>("shard-size").copied();
    Serialization {
        method: shard.map_or(Method::Files, |bytes| Method::Shards { bytes }),
        hash: match matches.get_one::<String>("hash").map(String::as_str) {
            Some("blake3") => HashType::Blake3,
            _ => HashType::Sha256,
        },
        allow_symlinks: matches.get_flag("allow-symlinks"),
        ignore_paths,
    }
}

fn sealed(matches: &ArgMatches, manifest: &Manifest, key: &SigningKey) -> Result<Vec<u8>, Failure> {
    let help = "give the certificate of this very key, one that may sign";
    let Some(path) = matches.get_one::<PathBuf>("certificate") else {
        return sign(manifest, key).or_hint("the model cannot be signed", help);
    };
    let certificates = |path: &Path| {
        Certificate::all_from_pem(&read(path, "the certificate")?)
            .or_hint(format!("`{}` holds no certificate", path.display()), help)
    };
    let mut chain = certificates(path)?;
    if chain.is_empty() {
        return Err(Failure::usage(format!("`{}` holds no certificate", path.display()), help));
    }
    let leaf = chain.remove(0);
    for path in matches.get_many::<PathBuf>("chain").into_iter().flatten() {
        chain.extend(certificates(path)?);
    }
    sign_with_certificates(manifest, key, &leaf, &chain).or_hint("the model cannot be signed", help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_stands_beside_the_model_and_is_left_out_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let matches = args(Command::new("vet-sign")).get_matches_from([
            "vet-sign",
            dir.path().to_str().unwrap(),
            "--private-key",
            "k",
            "--ignore",
            "notes",
            "--shard-size",
            "1000",
        ]);
        let place = place_of(dir.path());
        assert_eq!(place, dir.path().join("model.sig"));
        let how = serialization(&matches, dir.path(), &place);
        assert_eq!(how.ignore_paths, ["notes", "model.sig"]);
        assert_eq!(how.method, Method::Shards { bytes: 1000 });
        assert_eq!(place_of(Path::new("m.bin")), Path::new("m.bin.sig"));
    }

    #[test]
    fn a_chain_needs_its_certificate() {
        let line = ["vet-sign", "m", "--private-key", "k", "--chain", "c"];
        assert!(args(Command::new("vet-sign")).try_get_matches_from(line).is_err());
    }
}
