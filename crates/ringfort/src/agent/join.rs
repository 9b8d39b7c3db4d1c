//! Joining a hub: a key made here, root's word for it, a certificate; and what is kept of that.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{Files as _, StdFiles};
use hub::machines::authority::make_request;
use hub::machines::limits::TOKEN_BYTES_MAX;
use hub::machines::link::{Link, LinkError, Shown};
use hub::machines::token::JoinToken;
use hub::machines::wire::{Answer, Ask, Join};
use serde::{Deserialize, Serialize};
use spine::{Clock as _, Digest, HostId};

use super::session::{agent_dir, give_to_agent};
use crate::client::{Client, unexpected};
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::protocol::{Reply, Request};
use crate::rim::{SystemClock, time_text};

/// What is kept of a hub that this machine joined. The key in it is this machine's alone.
#[derive(Clone, Serialize, Deserialize)]
pub struct Joined {
    /// Where the hub listens.
    pub at: String,
    /// SHA-256 of the certificate of its authority.
    pub hub: Digest,
    /// This machine.
    pub host: HostId,
    /// The certificate, DER in hexadecimal digits.
    pub certificate: String,
    /// Its key, PKCS#8 in PEM.
    pub key: String,
    /// When to ask for the next certificate, milliseconds since the Unix epoch.
    pub renew_ms: i64,
    /// When this machine joined.
    pub joined_ms: i64,
    /// Why the hub takes nothing any more, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

const HELP: &str = "check the disk and the folder's permissions";

/// The file of what is kept.
pub fn joined_file(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/hub.json")
}

impl Joined {
    /// What is kept, if this machine joined a hub.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let help = "join the hub again: `ringfort agent join --again`";
        match StdFiles.read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).or_hint("what is kept of the hub", help),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(format!("what is kept of the hub: {error}"), help)),
        }
    }

    /// Keeps it, for this user and nobody else.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(self).or_hint("what is kept of the hub", HELP)?;
        StdFiles
            .write_atomic(path, &bytes)
            .and_then(|()| give_to_agent(path))
            .or_hint("what is kept of the hub cannot be written", HELP)
    }

    /// A connection to the hub that shows this machine's certificate.
    pub fn connect(&self, clock: Arc<dyn spine::Clock>) -> Result<Link, LinkError> {
        let certificate = hex::decode(&self.certificate).unwrap_or_default();
        let shown = Shown { certificate: &certificate, key_pem: &self.key };
        Link::connect(&self.at, self.hub, Some(&shown), clock)
    }
}

/// Reads the pasted token: from a file, or from standard input. It is never an argument, which
/// everybody on the machine could read.
pub fn read_token(file: Option<&Path>, context: &Context) -> Result<JoinToken, Failure> {
    let help = "make a token on the hub's page under Machines, and paste it here within 15 minutes";
    let mut line = String::new();
    let most = TOKEN_BYTES_MAX as u64 + 2;
    match file {
        Some(path) => {
            let open = std::fs::File::open(path).or_hint("the token cannot be read", help)?;
            std::io::BufReader::new(open.take(most))
                .read_line(&mut line)
                .or_hint("the token cannot be read", help)?;
        }
        None => {
            if std::io::stdin().is_terminal() {
                context.progress("paste the token that the hub's page shows, then press Enter");
            }
            std::io::stdin()
                .lock()
                .take(most)
                .read_line(&mut line)
                .or_hint("the token cannot be read", help)?;
        }
    }
    line.parse().map_err(|error| Failure::usage(error, help))
}

/// Joins a hub.
pub fn join(context: &Context, token: &JoinToken, again: bool) -> Outcome {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            "a machine joins with the word of root on it",
            "run `ringfort agent join` as root",
        ));
    }
    let data_dir = &context.config.data_dir;
    agent_dir(data_dir).or_hint("the data folder cannot be made", HELP)?;
    let path = joined_file(data_dir);
    let before =
        Joined::read(&path).or_else(|failure| if again { Ok(None) } else { Err(failure) })?;
    if before.is_some_and(|before| before.ended.is_none()) && !again {
        return Err(Failure::usage(
            "this machine has joined a hub already",
            "`ringfort agent status` says which; `ringfort agent join --again` joins anew",
        ));
    }
    context.progress("making this machine's key");
    let (key, request, digest) =
        make_request().or_hint("no key can be made", "report this as a defect")?;
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let countersign = Request::Countersign { hub: token.ca, key: digest };
    let note = match client.ask(&countersign, &mut |_| ())? {
        Reply::Countersigned { note } => note,
        other => return Err(unexpected(&other)),
    };
    drop(client);
    context.progress(format!("asking the hub at {}", inert(&token.at)));
    let now_ms = SystemClock.now_ms();
    let ask = Ask::Join(Box::new(Join {
        secret: token.secret.clone(),
        host: standing.host,
        name: own_name(),
        request: hex::encode(request),
        countersigned: note,
        record_key: standing.ledger_key,
        now_ms,
        program: env!("CARGO_PKG_VERSION").into(),
    }));
    let mut link = Link::connect(&token.at, token.ca, None, Arc::new(SystemClock))
        .map_err(|error| unreachable_hub(&error))?;
    let answer = link.ask(&ask).map_err(|error| unreachable_hub(&error))?;
    let Answer::Certificate { certificate, renew_ms } = answer else {
        return Err(refused(&answer));
    };
    let joined = Joined {
        at: token.at.clone(),
        hub: token.ca,
        host: standing.host,
        certificate,
        key,
        renew_ms,
        joined_ms: now_ms,
        ended: None,
    };
    joined.write(&path)?;
    tell(context, &joined)
}

fn tell(context: &Context, joined: &Joined) -> Outcome {
    if context.json {
        context.print_json(&serde_json::json!({
            "joined": inert(&joined.at), "hub": joined.hub, "host": joined.host,
        }))?;
        return Ok(Exit::Done);
    }
    context.print(format!("this machine reports to {} from now on", inert(&joined.at)));
    context.print("The hub sees and proposes. What may be done here, this machine's own list of");
    context.print("keys says: `ringfort keys enrol NAME KEY.pub` takes in who approves.");
    Ok(Exit::Done)
}

/// Says how this machine stands with its hub.
pub fn status(context: &Context) -> Outcome {
    let Some(joined) = Joined::read(&joined_file(&context.config.data_dir))? else {
        context.print("this machine reports to no hub; `ringfort agent join` joins one");
        return Ok(Exit::Done);
    };
    if context.json {
        context.print_json(&serde_json::json!({
            "at": inert(&joined.at), "hub": joined.hub, "host": joined.host,
            "joined_ms": joined.joined_ms, "renew_ms": joined.renew_ms, "ended": joined.ended,
        }))?;
        return Ok(Exit::Done);
    }
    context.print(format!(
        "reports to {}, since {}",
        inert(&joined.at),
        time_text(joined.joined_ms)
    ));
    context.print(format!("the hub's authority is {}", joined.hub));
    context.print(format!("the next certificate is asked for on {}", time_text(joined.renew_ms)));
    if let Some(ended) = &joined.ended {
        context.print(format!("the hub takes nothing any more: {}", inert(ended)));
    }
    Ok(Exit::Done)
}

/// Tells the hub to forget this machine, and forgets the hub, which need not be there for it.
pub fn leave(context: &Context) -> Outcome {
    let path = joined_file(&context.config.data_dir);
    let Some(joined) = Joined::read(&path)? else {
        context.print("this machine reports to no hub");
        return Ok(Exit::Done);
    };
    let told = joined.connect(Arc::new(SystemClock)).and_then(|mut link| {
        let hello = super::uplink::hello(&joined, &"0".repeat(32), SystemClock.now_ms());
        link.ask(&hello)?;
        link.ask(&Ask::Leave)
    });
    StdFiles.remove(&path).or_hint("what is kept of the hub cannot be removed", HELP)?;
    match told {
        Ok(Answer::Bye | Answer::Revoked { .. }) => context.print("the hub knows, and forgot it"),
        _ => context.warn("the hub could not be told: remove this machine on its page too"),
    }
    Ok(Exit::Done)
}

fn unreachable_hub(error: &LinkError) -> Failure {
    let help = match error {
        LinkError::Away { .. } => "check the address in the token, the network and the firewall",
        _ => "the token is for another hub, a clock is wrong, or somebody is in between",
    };
    Failure::new(inert(&error.to_string()), help)
}

fn refused(answer: &Answer) -> Failure {
    match answer {
        Answer::Refused { reason, code } => {
            let text = format!("the hub refuses ({}): {}", inert(code), inert(reason));
            Failure::refused(text, "make a new token on the hub's page; the refusal is shown there")
        }
        Answer::Failed { reason } => {
            Failure::new(format!("the hub could not: {}", inert(reason)), "try again")
        }
        _ => Failure::new("the hub gave an answer to another question", "update both sides"),
    }
}

/// This machine's name, as far as it is one.
fn own_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = name.chars().filter(good).take(253).collect();
    if name.is_empty() { "machine".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back_and_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.json");
        assert!(Joined::read(&path).unwrap().is_none());
        let joined = Joined {
            at: "hub.example:7118".into(),
            hub: Digest([1; 32]),
            host: HostId(Digest([2; 32])),
            certificate: "00".into(),
            key: "pem".into(),
            renew_ms: 7,
            joined_ms: 1,
            ended: None,
        };
        joined.write(&path).unwrap();
        assert_eq!(Joined::read(&path).unwrap().unwrap().renew_ms, 7);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{").unwrap();
        assert!(Joined::read(&path).is_err(), "damage is an error");
    }
}
