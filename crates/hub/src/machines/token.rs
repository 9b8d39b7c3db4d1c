//! The token that a machine joins with: where the hub is, which authority it must show, and a
//! secret that works once. It is one line, to be pasted.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use spine::Digest;

use super::limits;

const BEGINNING: &str = "ringfort-join-1.";

/// What the pasted line says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinToken {
    /// Where the hub listens for machines, such as `hub.clinic.example:7118`.
    pub at: String,
    /// SHA-256 of the certificate of the hub's authority.
    pub ca: Digest,
    /// 256 random bits in hexadecimal digits.
    pub secret: String,
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken {{ at: {:?}, ca: {}, secret: *** }}", self.at, self.ca)
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        write!(f, "{BEGINNING}{}", URL_SAFE_NO_PAD.encode(json))
    }
}

/// Why a line is no token; it does not repeat the line, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It does not look like one.
    #[error("this is no token to join; one begins with `{BEGINNING}`")]
    NoToken,
    /// A part is missing.
    #[error("the token is damaged or was not copied whole")]
    Damaged,
}

impl FromStr for JoinToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        let rest = text.strip_prefix(BEGINNING).ok_or(BadToken::NoToken)?;
        if text.len() > limits::TOKEN_BYTES_MAX {
            return Err(BadToken::Damaged);
        }
        let json = URL_SAFE_NO_PAD.decode(rest).map_err(|_| BadToken::Damaged)?;
        let token: Self = serde_json::from_slice(&json).map_err(|_| BadToken::Damaged)?;
        let whole = token.secret.len() == 64 && token.at.contains(':');
        whole.then_some(token).ok_or(BadToken::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_whole_or_not_at_all() {
        let token = JoinToken {
            at: "hub.example:7118".into(),
            ca: Digest([7; 32]),
            secret: "ab".repeat(32),
        };
        let line = token.to_string();
        assert_eq!(format!(" {line}\n").parse(), Ok(token.clone()));
        for cut in 0..line.len() {
            let part: String = line.chars().take(cut).collect();
            assert!(part.parse::<JoinToken>().is_err(), "cut at {cut}");
        }
        assert!(!format!("{token:?}").contains("abab"), "the secret is not printed");
        assert_eq!("rm -rf /".parse::<JoinToken>(), Err(BadToken::NoToken));
    }
}
