//! The options that say whom one trusts to sign a model.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use vet::provenance::{Certificate, PublicKey, TrustRoot};

use super::Trusted;
use crate::failure::{Failure, OrHint as _};

/// Adds the options.
pub fn args(command: Command) -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    command
        .arg(file("key", "A public key that may sign, PEM"))
        .arg(file("certificates", "Roots of certificates that may sign, PEM"))
        .arg(
            Arg::new("identity")
                .long("identity")
                .value_name("WHO")
                .requires("issuer")
                .help("Who may sign, as sigstore's certificate names them"),
        )
        .arg(
            Arg::new("issuer")
                .long("issuer")
                .value_name("URL")
                .requires("identity")
                .help("The identity provider that says so"),
        )
        .arg(
            Arg::new("trust-root")
                .long("trust-root")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A trusted_root.json of sigstore in place of the public one"),
        )
}

/// Whom the options trust. Every file is read here once, so that a wrong one is told at once.
pub fn from(matches: &ArgMatches) -> Result<Trusted, Failure> {
    let mut trusted = Trusted::default();
    let files = |name: &str| {
        matches.get_many::<PathBuf>(name).into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    let read = |path: &PathBuf, what: &str| {
        let doing = format!("{what} `{}` cannot be read", path.display());
        std::fs::read_to_string(path).or_hint(doing, "name a file that is there, as PEM or JSON")
    };
    for path in files("key") {
        let pem = read(&path, "the key")?;
        let doing = format!("`{}` is no public key", path.display());
        let key = PublicKey::from_pem(pem.as_bytes());
        key.or_hint(doing, "give the public key as PEM (`PUBLIC KEY`)")?;
        trusted.keys.push(pem);
    }
    for path in files("certificates") {
        let pem = read(&path, "the certificates")?;
        let doing = format!("`{}` holds no certificates", path.display());
        let help = "give certificates as PEM (`CERTIFICATE`)";
        if Certificate::all_from_pem(pem.as_bytes()).or_hint(&doing, help)?.is_empty() {
            return Err(Failure::usage(doing, help));
        }
        trusted.certificates.push(pem);
    }
    if let Some(path) = matches.get_one::<PathBuf>("trust-root") {
        let json = read(path, "the trust root")?;
        let doing = format!("`{}` is no trust root", path.display());
        TrustRoot::from_json(json.as_bytes())
            .or_hint(doing, "give a trusted_root.json of a sigstore instance")?;
        trusted.trust_root = Some(json);
    }
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    trusted.identities.extend(text("identity").zip(text("issuer")));
    Ok(trusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_comes_with_its_provider_and_a_wrong_key_is_told() {
        let command = args(Command::new("x"));
        assert!(command.clone().try_get_matches_from(["x", "--identity", "a"]).is_err());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        std::fs::write(&path, "no key").unwrap();
        let matches = command.get_matches_from(["x", "--key", path.to_str().unwrap()]);
        assert!(from(&matches).unwrap_err().message.contains("is no public key"));
    }
}
