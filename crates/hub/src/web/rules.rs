//! The red lines in plain English, which of them fired, and the stop switch.

use std::collections::BTreeMap;

use maud::{Markup, html};
use spine::{Decision, ReceiptKind};

use super::{Act, Ask, Next, Oops, Page, View};
use crate::executor::Consent;
use crate::look::foreign::Foreign;
use crate::look::parts::{self, field};
use crate::record;
use crate::role::Role;
use crate::rules::{Lifts, RED_LINES};
use crate::{approving, limits};

/// The page.
pub const PAGE: Page = Page {
    path: "/rules",
    title: "Rules",
    nav: Some(8),
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/rules/stop", needs: Some(Role::Approver), run: stop },
        Act { path: "/rules/resume", needs: Some(Role::Approver), run: resume },
    ],
};

/// Receipts that are looked through for rules that fired.
const LOOKED_AT: u32 = 500;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let fired = fired(ask);
    let body = html! {
        h1 { "Rules" }
        p.lead { "What ringfort never does, and what it does only if people say so. The machine \
            that acts keeps these rules itself; nothing on this page can change them." }
        (stop_part(ask)?)
        h2 { "The red lines" }
        ul.rows { @for line in &RED_LINES {
            li.row id=(line.id) {
                div.row-tag { (lifts(line.lifts)) }
                div.row-main {
                    p { strong { (line.says) } }
                    p.row-text { (line.why) }
                    p.row-meta { (line.id) " · " @match fired.as_ref().map(|fired| fired.get(line.id)) {
                        Some(Some((count, last))) => {
                            "said no " (crate::look::words::count(*count, "time", "times"))
                            " lately, last " (parts::time(*last, ask.now_ms)) },
                        Some(None) => "did not fire lately",
                        None => "unknown whether it fired: the record cannot be read here",
                    } }
                }
            }
        } }
    };
    Ok(View::new("Rules", body))
}

fn lifts(lifts: Lifts) -> Markup {
    match lifts {
        Lifts::Nothing => parts::tag("later", "always"),
        Lifts::One => parts::tag("planned", "1 person"),
        Lifts::Two => parts::tag("soon", "2 people"),
    }
}

/// Which rules fired in the last decisions: how often, and when last.
fn fired(ask: &Ask<'_>) -> Option<BTreeMap<String, (u64, i64)>> {
    let (receipts, _) = record::newest(ask.hub, None, LOOKED_AT).ok()?;
    let mut fired: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for (_, receipt) in receipts.iter().filter(|(_, r)| r.kind == ReceiptKind::Decision) {
        let body = serde_json::Value::Object(receipt.body.clone());
        let Ok(decision) = serde_json::from_value::<Decision>(body) else { continue };
        for rule in decision.rules {
            let (count, last_ms) = fired.entry(rule.0).or_insert((0, receipt.time_ms));
            *count += 1;
            *last_ms = (*last_ms).max(receipt.time_ms);
        }
    }
    Some(fired)
}

fn stop_part(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let Ok(standing) = approving::standing(ask.hub) else { return Ok(html! {}) };
    if !ask.may(Role::Approver) {
        return Ok(html! {});
    }
    if !standing.stopped {
        return Ok(html! {
            section #stop { h2 { "Stop everything" }
                p { "From then on nothing is done but taking things back. Looking goes on. Anybody \
                    here may stop; only a person with an enrolled key lets it go on." }
                (parts::form(ask, "/rules/stop", html! {
                    (field("reason", "Why, for the record", "No names of people, please.", html! {
                        input #reason name="reason" maxlength="200" required
                            aria-describedby="reason-hint";
                    }))
                    button.button.danger { "Stop everything" }
                }))
            }
        });
    }
    let keys = approving::own_keys(ask.hub, &ask.viewer()?.user, &standing)?;
    let Some(key) = keys.first() else {
        return Ok(html! { section #stop { h2 { "Let it go on" }
        p { "Only a person with an enrolled key can: here with a passkey, or on the machine with "
            code { "ringfort stop --release" } "." } } });
    };
    let bytes = ask.hub.executor.consent_bytes(standing.host, "resume", ask.now_ms);
    let challenge = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes));
    Ok(html! {
        section #stop { h2 { "Let it go on" }
            form.passkey method="post" action="/rules/resume" data-passkey="get"
                data-challenge=(challenge) data-rp=(ask.hub.config.name)
                data-credential=(key.credential.as_deref().unwrap_or_default()) {
                (parts::csrf(ask))
                input type="hidden" name="key" value=(key.id);
                input type="hidden" name="signed_ms" value=(ask.now_ms);
                (approving::answer_fields())
                button.button.main { "Release the stop switch" }
                p.hint data-says="" { "Your device will ask for your fingerprint, face or PIN." }
            }
        }
    })
}

fn stop(ask: &Ask<'_>) -> Result<Next, Oops> {
    let reason = ask.text("reason", "The reason", 200)?;
    ask.hub.executor.stop(&reason)?;
    ask.hub.forget_standing();
    ask.note("pulled the stop switch")?;
    Ok(Next::See("/rules#stop".into()))
}

fn resume(ask: &Ask<'_>) -> Result<Next, Oops> {
    let bad = || Oops::Bad("The form is damaged. Load the page again.".into());
    let consent = Consent {
        key: ask.field("key").parse().map_err(|_| bad())?,
        signed_ms: ask.field("signed_ms").parse().map_err(|_| bad())?,
        assertion: approving::answer(ask)?,
    };
    if ask.now_ms.saturating_sub(consent.signed_ms) > limits::CEREMONY_MS {
        return Err(Oops::Bad("This took too long. Load the page again.".into()));
    }
    let said = ask.hub.executor.resume(&consent)?;
    ask.hub.forget_standing();
    ask.note("released the stop switch")?;
    let body =
        html! { h1 { "It goes on" } p.lead { (Foreign(&said)) } p { a href="/" { "Today" } } };
    Ok(Next::Show(View::new("It goes on", body)))
}
