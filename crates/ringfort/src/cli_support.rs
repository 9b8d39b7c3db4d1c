//! What several verbs share.

pub mod detected;

use std::path::PathBuf;

use clap::{Arg, value_parser};
use spine::{Case, Clock as _, Priority};

use crate::client::unexpected;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, Outcome};
use crate::keys::{Signer, key_id};
use crate::protocol::{Consent, Reply};
use crate::rim::SystemClock;

/// When to act, in plain words.
pub fn when(priority: Priority) -> &'static str {
    match priority {
        Priority::Immediate => "now",
        Priority::OutOfCycle => "soon",
        Priority::Scheduled => "planned",
        Priority::Defer => "later",
    }
}

/// One line for a list.
pub fn case_line(case: &Case) -> String {
    let text = format!("{:<8} {}  {}", when(case.priority), case.id.short(), case.title);
    let why = case.explanation.first().map_or(String::new(), |why| format!(" ({why})"));
    inert(&(text + &why))
}

/// The option that names another root.
pub fn root_arg() -> Arg {
    Arg::new("root")
        .long("root")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("Another root file system, in place of this machine's")
}

/// Signs a consent with a person's key.
pub fn consent(signer: &Signer, host: spine::HostId, to: &str) -> Result<Consent, Failure> {
    let signed_ms = SystemClock.now_ms();
    let signature = signer.sign(&Consent::bytes(host, to, signed_ms))?;
    Ok(Consent {
        key: key_id(&signer.public()),
        signed_ms,
        signature: hex::encode(signature),
        assertion: None,
    })
}

/// Prints what the executor said it did.
pub fn said(context: &Context, reply: Reply) -> Outcome {
    match reply {
        Reply::Done { text } => {
            if context.json {
                context.print_json(&serde_json::json!({ "done": text }))?;
            } else {
                context.print(text);
            }
            Ok(Exit::Done)
        }
        other => Err(unexpected(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;
    use crate::rim::OsRng;

    #[test]
    fn a_consent_is_bound_to_host_purpose_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let signer = keys::create(&dir.path().join("k"), "correct horse", &OsRng).unwrap();
        let host = spine::HostId(spine::Digest([1; 32]));
        let consent = consent(&signer, host, "resume").unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&signer.public()).unwrap();
        let signature =
            ed25519_dalek::Signature::from_slice(&hex::decode(&consent.signature).unwrap())
                .unwrap();
        let good = Consent::bytes(host, "resume", consent.signed_ms);
        assert!(key.verify_strict(&good, &signature).is_ok());
        for bad in [
            Consent::bytes(host, "enrol", consent.signed_ms),
            Consent::bytes(host, "resume", consent.signed_ms + 1),
            Consent::bytes(spine::HostId(spine::Digest([2; 32])), "resume", consent.signed_ms),
        ] {
            assert!(key.verify_strict(&bad, &signature).is_err());
        }
    }
}
