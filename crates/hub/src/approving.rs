//! Passkeys, as far as the page has to do with them. The page asks the browser for an assertion
//! over the hash of an approval and hands what comes back to the executor, which alone says
//! whether it counts. So nothing here needs to be believed.

use std::sync::Arc;

use maud::{Markup, html};
use norms::{Passkey, PasskeyKey};
use sha2::{Digest as _, Sha256};
use spine::{
    Approval, ApprovalProof, ApprovalWindow, Assertion, Digest, KeyId, Plan, rng::random_bytes,
};

use crate::db::PasskeyRow;
use crate::executor::{Key, Standing};
use crate::hub::Hub;
use crate::limits;
use crate::web::{Ask, Oops};

/// The fields that the script fills with what the passkey answered.
pub fn answer_fields() -> Markup {
    html! {
        @for name in ["credential", "authenticator_data", "client_data", "signature"] {
            input type="hidden" name=(name);
        }
    }
}

/// What the passkey answered.
pub fn answer(ask: &Ask<'_>) -> Result<Assertion, Oops> {
    let part = |name: &str| {
        let text = ask.field(name);
        let whole = !text.is_empty() && text.len() <= 16_384;
        let hexadecimal = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if whole && hexadecimal {
            Ok(text.to_owned())
        } else {
            Err(Oops::Bad("The passkey did not answer. Scripts are needed for this.".into()))
        }
    };
    Ok(Assertion {
        authenticator_data: part("authenticator_data")?,
        client_data: part("client_data")?,
        signature: part("signature")?,
    })
}

/// A stored passkey as the norms check it.
pub fn passkey_of(row: &PasskeyRow) -> Option<Passkey> {
    Some(Passkey {
        key: PasskeyKey::from_raw(&hex::decode(&row.public).ok()?)?,
        rp_id: row.rp_id.clone(),
        origin: row.origin.clone(),
        counter: row.counter,
    })
}

/// The id under which an executor knows a public key.
pub fn key_id(public: &str) -> Option<KeyId> {
    Some(KeyId(Digest(Sha256::digest(hex::decode(public).ok()?).into())))
}

/// The keys of this person that the executor takes: only these can approve.
pub fn own_keys(hub: &Hub, user: &str, standing: &Standing) -> Result<Vec<Key>, Oops> {
    let own = hub.db.passkeys_of(user)?;
    let is_own = |key: &Key| {
        own.iter().any(|row| key.credential.as_deref() == Some(row.credential.as_str()))
    };
    Ok(standing.keys.iter().filter(|key| is_own(key)).cloned().collect())
}

/// An approval that waits for its signature.
pub fn draft(
    hub: &Hub,
    plan: &Plan,
    key: &Key,
    window: ApprovalWindow,
    now_ms: i64,
) -> Result<Approval, Oops> {
    let hash = plan.hash().map_err(|error| Oops::Internal(error.to_string()))?;
    Ok(Approval {
        plan: hash,
        host: plan.host,
        approver: key.id,
        window,
        break_glass: false,
        signed_ms: now_ms,
        nonce: hex::encode(random_bytes::<16>(&*hub.rng)),
        proof: unsigned(),
    })
}

/// The proof of an approval that nobody signed.
fn unsigned() -> ApprovalProof {
    ApprovalProof::Ed25519 { signature: String::new() }
}

/// What the form carries of a draft while the person decides.
pub fn packed(draft: &Approval) -> Result<String, Oops> {
    serde_json::to_string(draft).map_err(|error| Oops::Internal(error.to_string()))
}

/// A draft that came back with an answer. It is compared with the plan here so that a person gets
/// a clear message; what it is worth, the executor says.
pub fn signed(ask: &Ask<'_>, plan: &Plan) -> Result<Approval, Oops> {
    let mut approval: Approval = serde_json::from_str(ask.field("approval"))
        .map_err(|_| Oops::Bad("This is no approval. Load the page again.".into()))?;
    let hash = plan.hash().map_err(|error| Oops::Internal(error.to_string()))?;
    if approval.plan != hash || approval.host != plan.host {
        return Err(Oops::Bad("This approval is for another plan.".into()));
    }
    let age_ms = ask.now_ms.saturating_sub(approval.signed_ms);
    if !(0..limits::CEREMONY_MS).contains(&age_ms) {
        return Err(Oops::Bad("This took too long. Load the page again.".into()));
    }
    approval.proof = ApprovalProof::Webauthn { assertion: answer(ask)? };
    Ok(approval)
}

/// The form that asks for a passkey's signature over an approval.
pub fn approval_form(
    ask: &Ask<'_>,
    action: &str,
    draft: &Approval,
    key: &Key,
    button: &str,
) -> Result<Markup, Oops> {
    let challenge = draft.challenge().map_err(|error| Oops::Internal(error.to_string()))?;
    Ok(html! {
        form.passkey method="post" action=(action) data-passkey="get"
            data-challenge=(hex::encode(challenge)) data-rp=(ask.hub.config.name)
            data-credential=(key.credential.as_deref().unwrap_or_default()) {
            (crate::look::parts::csrf(ask))
            input type="hidden" name="approval" value=(packed(draft)?);
            (answer_fields())
            button.button.main { (button) }
            p.hint data-says="" { "Your device will ask for your fingerprint, face or PIN." }
            noscript {
                p.hint { "A passkey needs scripts. Without them, sign on the machine itself:" }
                (crate::look::parts::command(&format!("ringfort approve {}", draft.plan.short())))
            }
        }
    })
}

/// The executor's standing, or why there is none.
pub fn standing(hub: &Hub) -> Result<Standing, Oops> {
    let standing: Arc<_> = hub.standing();
    match &*standing {
        Ok(standing) => Ok(standing.clone()),
        Err(away) => Err(Oops::Away(away.clone())),
    }
}
