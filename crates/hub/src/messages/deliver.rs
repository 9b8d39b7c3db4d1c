//! One message on one channel, once.
//!
//! Each carries an id made of its mark, so that a receiver that got it and whose answer was lost
//! can tell that it comes again.

use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};
use serde_json::json;
use sha2::Sha256;
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use super::settings::Settings;
use crate::db::{Queued, hash_of};
use crate::limits::DELIVERY_TIMEOUT;

/// Sends a message. The error says why not, without secrets.
pub fn deliver(settings: &Settings, queued: &Queued, now_ms: i64) -> Result<(), String> {
    match queued.channel.as_str() {
        "mail" => mail(settings, queued),
        "webhook" => webhook(settings, queued, now_ms),
        "ntfy" => ntfy(settings, queued),
        other => Err(format!("there is no channel `{other}`")),
    }
}

/// The id of a message: the same on every try.
fn id(queued: &Queued) -> String {
    hash_of(&format!("{} {} {}", queued.channel, queued.letter.mark, queued.created_ms))
        .chars()
        .take(32)
        .collect()
}

fn mail(settings: &Settings, queued: &Queued) -> Result<(), String> {
    let address =
        |text: &str| text.parse::<Mailbox>().map_err(|_| format!("`{text}` is no mail address"));
    let domain = settings.mail_from.rsplit('@').next().unwrap_or("localhost").trim_end_matches('>');
    let mut message = Message::builder()
        .from(address(&settings.mail_from)?)
        .subject(&queued.letter.subject)
        .message_id(Some(format!("<{}@{domain}>", id(queued))))
        .header(ContentType::TEXT_PLAIN);
    for to in settings.mail_to.split([',', ' ', ';']).filter(|to| !to.is_empty()) {
        message = message.to(address(to)?);
    }
    let message = message.body(queued.letter.body.clone()).map_err(|e| e.to_string())?;
    let tls = || {
        let mut parameters = TlsParameters::builder(settings.mail_server.clone());
        let own = authorities(&settings.ca_file)?;
        if !own.is_empty() {
            parameters = parameters.certificate_store(CertificateStore::None);
        }
        for certificate in own {
            let certificate = Certificate::from_der(certificate).map_err(|e| e.to_string())?;
            parameters = parameters.add_root_certificate(certificate);
        }
        parameters.build_rustls().map_err(|e| e.to_string())
    };
    let tls = match settings.mail_security.as_str() {
        "tls" => Tls::Wrapper(tls()?),
        "starttls" => Tls::Required(tls()?),
        _ => Tls::None,
    };
    let mut transport = SmtpTransport::builder_dangerous(&settings.mail_server)
        .port(settings.mail_port)
        .tls(tls)
        .timeout(Some(DELIVERY_TIMEOUT));
    if !settings.mail_user.is_empty() {
        let password = settings.mail_password.0.clone();
        transport = transport.credentials(Credentials::new(settings.mail_user.clone(), password));
    }
    transport.build().send(&message).map(drop).map_err(|error| error.to_string())
}

/// Certificates of a PEM file, as DER.
fn authorities(path: &str) -> Result<Vec<Vec<u8>>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: &dyn std::fmt::Display| format!("`{path}`: {error}");
    let pem = std::fs::read(Path::new(path)).map_err(|error| failed(&error))?;
    ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate.der().to_vec())),
            Ok(_) => None,
            Err(error) => Some(Err(failed(&error))),
        })
        .take(1_000)
        .collect()
}

fn agent(settings: &Settings) -> Result<ureq::Agent, String> {
    let own = authorities(&settings.ca_file)?;
    let roots = if own.is_empty() {
        RootCerts::WebPki
    } else {
        let own = own.iter().map(|der| ureq::tls::Certificate::from_der(der).to_owned());
        RootCerts::from(own.collect::<Vec<_>>())
    };
    Ok(ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .user_agent(concat!("ringfort/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(DELIVERY_TIMEOUT))
        .timeout_connect(Some(Duration::from_secs(10)))
        .proxy(None)
        .build()
        .into())
}

fn accepted(status: u16) -> Result<(), String> {
    if (200..300).contains(&status) { Ok(()) } else { Err(format!("the server said {status}")) }
}

/// What is signed: the moment, a dot, and the body, so that an old one cannot be sent again.
pub fn signature(key: &str, sent_ms: i64, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|e| e.to_string())?;
    mac.update(format!("{}.{body}", sent_ms / 1_000).as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}

fn webhook(settings: &Settings, queued: &Queued, now_ms: i64) -> Result<(), String> {
    let body = json!({
        "id": id(queued), "subject": queued.letter.subject, "text": queued.letter.body,
        "urgent": queued.letter.urgent, "created_ms": queued.created_ms,
    })
    .to_string();
    let signature = signature(&settings.webhook_key.0, now_ms, &body)?;
    let response = agent(settings)?
        .post(&settings.webhook_url)
        .header("content-type", "application/json")
        .header("idempotency-key", id(queued))
        .header("ringfort-signature", format!("t={},v1={signature}", now_ms / 1_000))
        .send(body)
        .map_err(|error| error.to_string())?;
    accepted(response.status().as_u16())
}

fn ntfy(settings: &Settings, queued: &Queued) -> Result<(), String> {
    let mut request = agent(settings)?
        .post(&settings.ntfy_url)
        .header("title", &queued.letter.subject)
        .header("priority", if queued.letter.urgent { "urgent" } else { "default" })
        .header("x-ringfort-id", id(queued));
    if !settings.ntfy_token.0.is_empty() {
        request = request.header("authorization", format!("Bearer {}", settings.ntfy_token.0));
    }
    let response = request.send(&queued.letter.body).map_err(|error| error.to_string())?;
    accepted(response.status().as_u16())
}

/// A sign of life.
pub fn ping(settings: &Settings) -> Result<(), String> {
    let response = agent(settings)?.get(&settings.dead_man_url).call();
    accepted(response.map_err(|error| error.to_string())?.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_signed_over_its_moment_and_its_body() {
        let one = signature("a key of sixteen", 1_000, "body").unwrap();
        assert_eq!(one.len(), 64);
        assert_ne!(one, signature("a key of sixteen", 2_000, "body").unwrap());
        assert_ne!(one, signature("a key of sixteen", 1_000, "bodY").unwrap());
        assert_ne!(one, signature("another key of 16", 1_000, "body").unwrap());
    }
}
