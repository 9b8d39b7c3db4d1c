//! Makes and enrols the keys that approve.
//!
//! `ringfort keys init` makes the owner's key (Ed25519, an ordinary OpenSSH key under a
//! passphrase, in `$XDG_CONFIG_HOME/ringfort/owner`) and enrols it with this machine's executor.
//! `ringfort keys enrol NAME KEY.pub` takes in a second person's public key; that needs root on
//! this machine and the owner's signature. `ringfort keys trust CODE` takes in a passkey: the page
//! shows the code after the passkey was made; the first passkey needs root alone, each further one
//! also the consent of a person who is enrolled, given on the page with their passkey or here with
//! their key. `ringfort keys list` shows who may approve here.
//!
//! A key never leaves the machine it was made on, and the executor keeps its own list: nobody who
//! holds the page, the database or the network can add to it.

use std::path::PathBuf;

use crate::approving::confirm;
use crate::cli_support::{consent, said};
use crate::client::Client;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::keys::{self, key_id};
use crate::protocol::{Consent, PasskeyRecord, Request};
use crate::rim::{OsRng, time_text};
use crate::verbs::Verb;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Arg, ArgMatches, Command, value_parser};

/// The verb.
pub const VERB: Verb = Verb {
    name: "keys",
    about: "Make, enrol and list the keys that approve",
    hidden: false,
    args,
    run,
};

fn args(command: Command) -> Command {
    command
        .subcommand_required(true)
        .subcommand(Command::new("init").about("Make the owner's key and enrol it"))
        .subcommand(
            Command::new("enrol")
                .about("Enrol a further person's public key")
                .arg(Arg::new("person").required(true).help("Whose key it is"))
                .arg(
                    Arg::new("file")
                        .required(true)
                        .value_parser(value_parser!(PathBuf))
                        .help("The public key, as in `id_ed25519.pub`"),
                ),
        )
        .subcommand(
            Command::new("trust")
                .about("Enrol a passkey that was made on the page")
                .arg(Arg::new("code").required(true).help("The code that the page shows"))
                .arg(
                    Arg::new("yes")
                        .long("yes")
                        .action(clap::ArgAction::SetTrue)
                        .help("Do not ask; consent is still checked"),
                ),
        )
        .subcommand(Command::new("list").about("Show the keys that may approve here"))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    match matches.subcommand() {
        Some(("init", _)) => init(context),
        Some(("enrol", sub)) => enrol(sub, context),
        Some(("trust", sub)) => trust(sub, context),
        _ => list(context),
    }
}

/// Makes the owner's key if there is none, and enrols it if nobody is enrolled.
pub fn init(context: &Context) -> Outcome {
    let path = keys::owner_key_path();
    let signer = if path.exists() {
        context.progress(format!("the owner's key is already there: {}", path.display()));
        keys::open(&path, &keys::passphrase("Passphrase of the owner's key: ")?)?
    } else {
        context.progress("making the owner's key; its passphrase approves what ringfort may do");
        let passphrase = keys::passphrase("New passphrase: ")?;
        if *passphrase != *keys::passphrase("The same again: ")? {
            return Err(Failure::usage("the two passphrases differ", "run it again"));
        }
        keys::create(&path, &passphrase, &OsRng)?
    };
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let id = key_id(&signer.public());
    if standing.keys.iter().any(|key| key.id == id) {
        context.print(format!("the owner's key {} is enrolled", short(&id)));
        return Ok(Exit::Done);
    }
    if !standing.keys.is_empty() {
        return Err(Failure::refused(
            "another key is already enrolled as this machine's owner",
            "`ringfort keys list` shows it; its holder can enrol you with `ringfort keys enrol`",
        ));
    }
    let request = Request::Enrol {
        public: hex::encode(signer.public()),
        person: "owner".into(),
        passkey: None,
        consent: None,
    };
    said(context, client.ask(&request, &mut |_| ())?)
}

fn enrol(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "give the path of an Ed25519 public key such as `id_ed25519.pub`";
    let (Some(person), Some(file)) =
        (matches.get_one::<String>("person"), matches.get_one::<PathBuf>("file"))
    else {
        return Err(Failure::usage("name and key file are needed", help));
    };
    let text = std::fs::read_to_string(file).or_hint("cannot read the public key", help)?;
    let key = ssh_key::PublicKey::from_openssh(&text).or_hint("this is no public key", help)?;
    let Some(ed25519) = key.key_data().ed25519() else {
        return Err(Failure::usage("this is not an Ed25519 key", help));
    };
    let public = hex::encode(ed25519.0);
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let enrolled: Vec<_> = standing.keys.iter().map(|key| key.id).collect();
    let signer = keys::find_signer(&enrolled)?;
    let consent = consent(&signer, standing.host, &format!("enrol {public} {person}"))?;
    let request =
        Request::Enrol { public, person: person.clone(), passkey: None, consent: Some(consent) };
    said(context, client.ask(&request, &mut |_| ())?)
}

/// What a code of the page holds. It is shown to a person before anything is done with it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    public: String,
    person: String,
    passkey: PasskeyRecord,
    consent: Option<Consent>,
}

fn trust(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "copy the whole code from the page, from `ringfort keys trust` to its end";
    let code = matches.get_one::<String>("code").map(String::as_str).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(code.trim()).or_hint("the code is damaged", help)?;
    let code: Code = serde_json::from_slice(&bytes).or_hint("the code is damaged", help)?;
    let raw = hex::decode(&code.public).or_hint("the code is damaged", help)?;
    context.print(inert(&format!(
        "passkey {} of {}, for {}",
        short(&key_id(&raw)),
        code.person,
        code.passkey.origin
    )));
    context.print("The page that made it shows the same digits. With it, this person can approve.");
    if !confirm("Take it in?", matches.get_flag("yes"))? {
        return Ok(Exit::Done);
    }
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let consent = match code.consent {
        Some(consent) => Some(consent),
        None if standing.keys.is_empty() => None,
        None => {
            let enrolled: Vec<_> = standing.keys.iter().map(|key| key.id).collect();
            let signer = keys::find_signer(&enrolled)?;
            let to = format!("enrol {} {}", code.public, code.person);
            Some(consent(&signer, standing.host, &to)?)
        }
    };
    let Code { public, person, passkey, .. } = code;
    let request = Request::Enrol { public, person, passkey: Some(passkey), consent };
    said(context, client.ask(&request, &mut |_| ())?)
}

fn list(context: &Context) -> Outcome {
    let standing = Client::connect(context)?.standing()?;
    for key in &standing.keys {
        if context.json {
            context.print_json(key)?;
        } else {
            let (id, since) = (short(&key.id), time_text(key.enrolled_ms));
            context.print(format!("{id}  {}  since {since}", inert(&key.person)));
        }
    }
    if standing.keys.is_empty() && !context.json {
        context.print("no key is enrolled; `ringfort keys init` makes the owner's");
    }
    Ok(Exit::Done)
}

fn short(id: &spine::KeyId) -> String {
    id.0.to_hex().chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn a_code_is_read_whole_or_not_at_all() {
        let code = serde_json::json!({
            "public": "00", "person": "Ann", "consent": null,
            "passkey": { "credential": "ab", "rp_id": "localhost", "origin": "o", "counter": 0 },
        });
        assert!(serde_json::from_value::<super::Code>(code.clone()).is_ok());
        let mut more = code;
        more["trusted"] = true.into();
        assert!(serde_json::from_value::<super::Code>(more).is_err());
    }

    #[test]
    fn enrolling_needs_a_name_and_a_file() {
        let command = super::args(Command::new("keys"));
        assert!(command.clone().try_get_matches_from(["keys", "enrol", "Ann"]).is_err());
        assert!(command.try_get_matches_from(["keys", "enrol", "Ann", "a.pub"]).is_ok());
    }
}
