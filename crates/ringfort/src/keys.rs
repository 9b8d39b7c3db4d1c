//! The owner's key: Ed25519, kept as an OpenSSH private key under a passphrase, or in an
//! ssh-agent. It signs approvals; the executor knows only its public half.
//!
//! The file is an ordinary OpenSSH key (`ssh-add` takes it), so that losing ringfort never means
//! losing the key, and so that a hardware-backed agent can hold it instead.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};
use spine::{
    Approval, ApprovalProof, ApprovalWindow, Clock, Digest, HostId, KeyId, PlanHash, Rng,
    rng::random_bytes,
};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::config::user_config_dir;
use crate::failure::{Failure, OrHint as _};

/// The shortest passphrase that is taken, characters.
pub const PASSPHRASE_CHARS_MIN: usize = 8;

/// The id of a public key.
pub fn key_id(public: &[u8]) -> KeyId {
    KeyId(Digest(Sha256::digest(public).into()))
}

/// Where the owner's key lies.
pub fn owner_key_path() -> PathBuf {
    user_config_dir().join("owner")
}

/// Something that can sign for a person.
pub enum Signer {
    /// A key read from its file.
    File(Box<SigningKey>),
    /// A key in an ssh-agent.
    Agent {
        /// The agent's socket.
        socket: PathBuf,
        /// The key.
        public: [u8; 32],
    },
}

impl Signer {
    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        match self {
            Self::File(key) => key.verifying_key().to_bytes(),
            Self::Agent { public, .. } => *public,
        }
    }

    /// Signs bytes with Ed25519 (RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], Failure> {
        match self {
            Self::File(key) => Ok(key.sign(message).to_bytes()),
            Self::Agent { socket, public } => sign_in_agent(socket, public, message),
        }
    }

    /// Signs an approval of a plan.
    pub fn approve(
        &self,
        plan: PlanHash,
        host: HostId,
        window: ApprovalWindow,
        break_glass: bool,
        (clock, rng): (&dyn Clock, &dyn Rng),
    ) -> Result<Approval, Failure> {
        let mut approval = Approval {
            plan,
            host,
            approver: key_id(&self.public()),
            window,
            break_glass,
            signed_ms: clock.now_ms(),
            nonce: hex::encode(random_bytes::<16>(rng)),
            proof: ApprovalProof::Ed25519 { signature: String::new() },
        };
        let bytes = approval
            .signed_bytes()
            .or_hint("the approval has no canonical form", "report this as a defect")?;
        approval.proof = ApprovalProof::Ed25519 { signature: hex::encode(self.sign(&bytes)?) };
        Ok(approval)
    }
}

/// Makes the owner's key and writes it under a passphrase. Never replaces a key.
pub fn create(path: &Path, passphrase: &str, rng: &dyn Rng) -> Result<Signer, Failure> {
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(Failure::usage(
            format!("the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters"),
            "choose a longer one; a few words do well",
        ));
    }
    let help = "check the folder's permissions, or move the old key away";
    if path.exists() {
        return Err(Failure::new(format!("`{}` already exists", path.display()), help));
    }
    let seed = Zeroizing::new(random_bytes::<32>(rng));
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
    let text = PrivateKey::new(pair, "ringfort owner")
        .and_then(|key| key.encrypt(&mut RngAdapter(rng), passphrase))
        .and_then(|key| key.to_openssh(LineEnding::LF))
        .or_hint("cannot make the owner's key", "report this as a defect")?;
    write_private(path, text.as_bytes())
        .or_hint(format!("cannot write the owner's key `{}`", path.display()), help)?;
    Ok(Signer::File(Box::new(SigningKey::from_bytes(&seed))))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Opens the key file with its passphrase.
pub fn open(path: &Path, passphrase: &str) -> Result<Signer, Failure> {
    let text = std::fs::read(path).or_hint(
        format!("cannot read the owner's key `{}`", path.display()),
        "run `ringfort keys init` to make one",
    )?;
    let key = PrivateKey::from_openssh(&text).or_hint(
        format!("`{}` is not an OpenSSH private key", path.display()),
        "restore it from your backup",
    )?;
    let key = if key.is_encrypted() {
        key.decrypt(passphrase).map_err(|_| {
            Failure::new("the passphrase does not open the key", "try again; caps lock?")
        })?
    } else {
        key
    };
    let Some(pair) = key.key_data().ed25519() else {
        let message = format!("`{}` is not an Ed25519 key", path.display());
        return Err(Failure::new(message, "ringfort signs with Ed25519 keys only"));
    };
    Ok(Signer::File(Box::new(SigningKey::from_bytes(&pair.private.to_bytes()))))
}

/// Finds a key that may sign: one in the ssh-agent that is `enrolled`, else the key file, opened
/// with the passphrase from `RINGFORT_PASSPHRASE_FILE` or asked for at the terminal.
pub fn find_signer(enrolled: &[KeyId]) -> Result<Signer, Failure> {
    if let Some(signer) = in_agent(enrolled) {
        return Ok(signer);
    }
    let path = owner_key_path();
    if !path.exists() {
        return Err(Failure::new(
            "there is no key to sign with",
            "run `ringfort keys init` to make the owner's key, or load an enrolled key into your \
             ssh-agent",
        ));
    }
    let passphrase = passphrase("Passphrase of the owner's key: ")?;
    open(&path, &passphrase)
}

fn in_agent(enrolled: &[KeyId]) -> Option<Signer> {
    let socket = PathBuf::from(std::env::var_os("SSH_AUTH_SOCK")?);
    let mut client = ssh_agent_client_rs::Client::connect(&socket).ok()?;
    let identities = client.list_all_identities().ok()?;
    identities.iter().find_map(|identity| {
        let data: &KeyData = identity.into();
        let public = data.ed25519()?.0;
        enrolled
            .contains(&key_id(&public))
            .then(|| Signer::Agent { socket: socket.clone(), public })
    })
}

fn sign_in_agent(socket: &Path, public: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Failure> {
    let help = "check that the agent is running and the key is loaded (`ssh-add -l`)";
    let key = ssh_key::PublicKey::from(ssh_key::public::Ed25519PublicKey(*public));
    let signature = ssh_agent_client_rs::Client::connect(socket)
        .and_then(|mut client| client.sign(&key, message))
        .or_hint("the ssh-agent did not sign", help)?;
    signature
        .as_bytes()
        .try_into()
        .map_err(|_| Failure::new("the ssh-agent gave no Ed25519 signature", help))
}

/// A passphrase from the file named by `RINGFORT_PASSPHRASE_FILE`, else asked for at the terminal
/// without showing it.
pub fn passphrase(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if let Some(path) = std::env::var_os("RINGFORT_PASSPHRASE_FILE") {
        let text = std::fs::read_to_string(&path).or_hint(
            format!("cannot read the passphrase file `{}`", path.display()),
            "unset RINGFORT_PASSPHRASE_FILE to be asked at the terminal",
        )?;
        return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            "a passphrase is needed and there is no terminal to ask at",
            "run this at a terminal, load the key into an ssh-agent, or name a file in \
             RINGFORT_PASSPHRASE_FILE",
        ));
    }
    ask_hidden(prompt).or_hint("cannot read the passphrase", "run this at a terminal")
}

fn ask_hidden(prompt: &str) -> std::io::Result<Zeroizing<String>> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    eprint!("{prompt}");
    std::io::stderr().flush()?;
    tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
    let mut line = Zeroizing::new(String::new());
    let read = stdin.read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    eprintln!();
    read?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// Lets `ssh-key` draw from our randomness.
struct RngAdapter<'a>(&'a dyn Rng);

impl ssh_key::rand_core::RngCore for RngAdapter<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(random_bytes(self.0))
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(random_bytes(self.0))
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), ssh_key::rand_core::Error> {
        self.0.fill(out);
        Ok(())
    }
}

impl ssh_key::rand_core::CryptoRng for RngAdapter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rim::{OsRng, SystemClock};

    #[test]
    fn a_key_opens_only_with_its_passphrase_and_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/owner");
        let made = create(&path, "correct horse battery", &OsRng).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
        assert_eq!(open(&path, "correct horse battery").unwrap().public(), made.public());
        assert!(open(&path, "wrong horse battery").is_err());
        assert!(create(&path, "correct horse battery", &OsRng).is_err());
        assert!(create(&dir.path().join("other"), "short", &OsRng).is_err());
    }

    #[test]
    fn an_approval_is_signed_over_exactly_its_fields() {
        let dir = tempfile::tempdir().unwrap();
        let signer = create(&dir.path().join("owner"), "correct horse battery", &OsRng).unwrap();
        let (plan, host) = (PlanHash(Digest([1; 32])), HostId(Digest([2; 32])));
        let approval =
            signer.approve(plan, host, ApprovalWindow::Now, false, (&SystemClock, &OsRng)).unwrap();
        let ApprovalProof::Ed25519 { signature } = &approval.proof else { panic!("scheme") };
        let signature = ed25519_dalek::Signature::from_slice(&hex::decode(signature).unwrap());
        let key = ed25519_dalek::VerifyingKey::from_bytes(&signer.public()).unwrap();
        let signature = signature.unwrap();
        assert!(key.verify_strict(&approval.signed_bytes().unwrap(), &signature).is_ok());
        let mut altered = approval.clone();
        altered.break_glass = true;
        assert!(key.verify_strict(&altered.signed_bytes().unwrap(), &signature).is_err());
    }
}
