//! Where messages go, and when.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Under which name they are kept.
pub const NAME: &str = "messages";

/// A secret that never shows itself.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All of it. An empty field means: not this way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mail server's name.
    pub mail_server: String,
    /// Its port.
    pub mail_port: u16,
    /// `tls`, `starttls`, or `none` (to this machine only).
    pub mail_security: String,
    /// The account, if the server wants one.
    pub mail_user: String,
    /// Its password.
    pub mail_password: Secret,
    /// The sender.
    pub mail_from: String,
    /// The recipients, separated by blanks or commas.
    pub mail_to: String,
    /// The address that a webhook is sent to.
    pub webhook_url: String,
    /// The key that signs it (HMAC-SHA256).
    pub webhook_key: Secret,
    /// The address of an ntfy topic.
    pub ntfy_url: String,
    /// Its access token, if it wants one.
    pub ntfy_token: Secret,
    /// The hour (UTC) of the daily digest; `None`: no digest.
    pub digest_hour: Option<u8>,
    /// Minutes after which something urgent that nobody took up is told again, louder; 0: never.
    pub escalate_minutes: u32,
    /// An address that is asked every few minutes; whoever watches it hears when the hub is dead.
    pub dead_man_url: String,
    /// Every so many minutes.
    pub dead_man_minutes: u32,
    /// Certificate authorities (a PEM file) to trust in place of the built-in ones.
    pub ca_file: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mail_server: String::new(),
            mail_port: 465,
            mail_security: "tls".into(),
            mail_user: String::new(),
            mail_password: Secret::default(),
            mail_from: String::new(),
            mail_to: String::new(),
            webhook_url: String::new(),
            webhook_key: Secret::default(),
            ntfy_url: String::new(),
            ntfy_token: Secret::default(),
            digest_hour: Some(6),
            escalate_minutes: 30,
            dead_man_url: String::new(),
            dead_man_minutes: 5,
            ca_file: String::new(),
        }
    }
}

impl Settings {
    /// The channels that are set up.
    pub fn channels(&self) -> Vec<&'static str> {
        let set = [
            ("mail", !self.mail_server.is_empty() && !self.mail_to.is_empty()),
            ("webhook", !self.webhook_url.is_empty()),
            ("ntfy", !self.ntfy_url.is_empty()),
        ];
        set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
    }

    /// What is wrong with them, in plain words.
    pub fn check(&self) -> Result<(), String> {
        for (what, url) in [
            ("The webhook", &self.webhook_url),
            ("The ntfy topic", &self.ntfy_url),
            ("The sign of life", &self.dead_man_url),
        ] {
            if !url.is_empty() && !is_fit(url) {
                return Err(format!(
                    "{what} needs an address that begins with https:// (http:// only for this \
                     machine itself)."
                ));
            }
        }
        if !self.webhook_url.is_empty() && self.webhook_key.0.len() < 16 {
            return Err("The key that signs the webhook needs 16 characters or more.".into());
        }
        if !matches!(self.mail_security.as_str(), "tls" | "starttls" | "none") {
            return Err("The mail server is reached by TLS, by STARTTLS, or not encrypted.".into());
        }
        if self.mail_security == "none"
            && !is_loopback(&self.mail_server)
            && !self.mail_server.is_empty()
        {
            return Err("Mail goes unencrypted only to a server on this machine.".into());
        }
        if self.digest_hour.is_some_and(|hour| hour > 23) {
            return Err("The hour of the digest is 0 to 23.".into());
        }
        Ok(())
    }
}

/// Whether an address may be sent to: HTTPS, or this machine itself.
fn is_fit(url: &str) -> bool {
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    if url.len() > 2_048 || !plain {
        return false;
    }
    if url.starts_with("https://") {
        return url.len() > "https://".len();
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    is_loopback(host)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_themselves() {
        let settings = Settings { mail_password: Secret("hunter2".into()), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn only_encrypted_ways_or_this_machine_itself() {
        for good in [
            "https://hooks.example/x",
            "http://localhost:8080/x",
            "http://127.0.0.1/",
            "http://[::1]:9/x",
        ] {
            assert!(is_fit(good), "{good}");
        }
        for bad in [
            "http://hooks.example/x",
            "ftp://x",
            "https://",
            "http://localhost.evil.example/",
            "http://127.0.0.1@evil.example/",
            "https://x y",
            "javascript:1",
        ] {
            assert!(!is_fit(bad), "{bad}");
        }
        let mail = |server: &str| Settings {
            mail_server: server.into(),
            mail_security: "none".into(),
            ..Settings::default()
        };
        assert!(mail("127.0.0.1").check().is_ok());
        assert!(mail("mail.example").check().is_err());
    }
}
