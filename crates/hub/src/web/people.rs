//! People, what they may do here, their passkeys, and the keys that this machine takes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{Markup, html};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use spine::KeyId;

use super::{Act, Ask, Next, Oops, Page, View};
use crate::db::{Link, PasskeyRow, User};
use crate::executor::{Key, Standing};
use crate::look::foreign::Foreign;
use crate::look::parts::{self, field};
use crate::role::Role;
use crate::{approving, limits};

/// The page.
pub const PAGE: Page = Page {
    path: "/people",
    title: "People and keys",
    nav: Some(9),
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/people/invite", needs: Some(Role::Admin), run: invite },
        Act { path: "/people/{id}/role", needs: Some(Role::Admin), run: set_role },
        Act { path: "/people/{id}/remove", needs: Some(Role::Admin), run: remove },
        Act { path: "/people/passkey", needs: Some(Role::Viewer), run: add_passkey },
        Act { path: "/people/passkey/remove", needs: Some(Role::Viewer), run: remove_passkey },
        Act { path: "/people/passkey/consent", needs: Some(Role::Approver), run: consent },
    ],
};

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let users = ask.hub.db.users()?;
    let passkeys = ask.hub.db.passkeys()?;
    let standing = ask.hub.standing();
    let standing = standing.as_ref().as_ref().ok();
    let body = html! {
        h1 { "People and keys" }
        p.lead { "A role says what somebody may do on this page. Approving needs more: a key that \
            the machine itself has taken in." }
        section { h2 { "People" }
            ul.rows { @for user in &users { (person(ask, user)?) } }
            @if ask.may(Role::Admin) { (invite_form(ask)) }
        }
        section #passkeys { h2 { "Your passkeys" } (own_passkeys(ask, &passkeys, standing)?) }
        (waiting(ask, &users, &passkeys, standing)?)
        section { h2 { "Keys that this machine takes" } (enrolled(ask, standing)) }
    };
    Ok(View::new("People and keys", body))
}

fn person(ask: &Ask<'_>, user: &User) -> Result<Markup, Oops> {
    let own = ask.viewer()?.user == user.id;
    Ok(html! {
        li.row {
            div.row-main {
                p { strong { (Foreign(&user.name)) } @if own { " (you)" } }
                p.row-meta { (user.role.name()) ": " (user.role.meaning()) }
            }
            @if ask.may(Role::Admin) && !own {
                details { summary { "Change" }
                    (parts::form(ask, &format!("/people/{}/role", user.id), html! {
                        (field(&format!("role-{}", user.id), "Role", "", html! {
                            select id={ "role-" (user.id) } name="role" {
                                @for role in Role::ALL {
                                    option value=(role.name()) selected[role == user.role] {
                                        (role.name()) }
                                }
                            }
                        }))
                        button.button.plain { "Give this role" }
                    }))
                    (parts::form(ask, &format!("/people/{}/remove", user.id), html! {
                        button.button.plain.danger { "Remove from this page" }
                    }))
                }
            }
        }
    })
}

fn invite_form(ask: &Ask<'_>) -> Markup {
    html! {
        details { summary { "Invite somebody" }
            p { "You get a link that works once, for three days. For a second approver, a phone is \
                enough: the link, a name, a fingerprint." }
            (parts::form(ask, "/people/invite", html! {
                (field("name", "Name", "", html! {
                    input #name name="name" maxlength="60" required autocomplete="off";
                }))
                fieldset { legend { "Role" }
                    @for role in Role::ALL {
                        label.inline { input type="radio" name="role" value=(role.name())
                            checked[role == Role::Approver];
                            span { strong { (role.name()) } " " (role.meaning()) } }
                    }
                }
                button.button.main { "Make a link" }
            }))
        }
    }
}

fn own_passkeys(
    ask: &Ask<'_>,
    passkeys: &[PasskeyRow],
    standing: Option<&Standing>,
) -> Result<Markup, Oops> {
    let viewer = ask.viewer()?;
    let own: Vec<_> = passkeys.iter().filter(|row| row.user == viewer.user).collect();
    let challenge = ask.hub.challenge("register");
    Ok(html! {
        @if own.is_empty() { p { "You have none. With one you sign in without a password, and can \
            approve once the machine has taken it in." } }
        ul.rows { @for row in &own {
            li.row { div.row-main {
                p { strong { (Foreign(&row.name)) } " "
                    @if takes(standing, row) { (parts::tag("ok", "can approve")) }
                    @else { (parts::tag("later", "signs in only")) } }
                p.row-meta { "made " (parts::time(row.created_ms, ask.now_ms)) " · " (digits(row)) }
                (parts::form(ask, "/people/passkey/remove", html! {
                    input type="hidden" name="credential" value=(row.credential);
                    button.button.plain { "Forget it" }
                }))
            } }
        } }
        form.passkey method="post" action="/people/passkey" data-passkey="create"
            data-challenge=(challenge) data-rp=(ask.hub.config.name) data-user=(viewer.user)
            data-name=(viewer.name) {
            (parts::csrf(ask))
            input type="hidden" name="challenge" value=(challenge);
            @for name in ["credential", "public", "authenticator_data", "client_data"] {
                input type="hidden" name=(name);
            }
            (field("label", "Make a passkey on this device", "What do you call the device?", html! {
                input #label name="label" maxlength="60" required value="this device"
                    aria-describedby="label-hint";
            }))
            button.button.main { "Make a passkey" }
            p.hint data-says="" { "Needs scripts, and the page under its own name: "
                code { (ask.hub.origin) } }
        }
    })
}

/// Whether the executor takes a passkey.
fn takes(standing: Option<&Standing>, row: &PasskeyRow) -> bool {
    let is = |key: &Key| key.credential.as_deref() == Some(row.credential.as_str());
    standing.is_some_and(|standing| standing.keys.iter().any(is))
}

/// The digits that a person compares.
fn digits(row: &PasskeyRow) -> String {
    approving::key_id(&row.public)
        .map_or_else(String::new, |id| id.to_string().chars().take(12).collect())
}

/// Passkeys that the machine has not taken in yet, each with the line that does it.
fn waiting(
    ask: &Ask<'_>,
    users: &[User],
    passkeys: &[PasskeyRow],
    standing: Option<&Standing>,
) -> Result<Markup, Oops> {
    let Some(standing) = standing else { return Ok(html! {}) };
    let all: Vec<_> = passkeys.iter().filter(|row| !takes(Some(standing), row)).collect();
    if all.is_empty() {
        return Ok(html! {});
    }
    let keys = approving::own_keys(ask.hub, &ask.viewer()?.user, standing)?;
    let name = |row: &PasskeyRow| {
        users
            .iter()
            .find(|user| user.id == row.user)
            .map_or("", |user| user.name.as_str())
            .to_owned()
    };
    Ok(html! {
        section { h2 { "Waiting to be taken in by the machine" }
            p { "A passkey approves only after root has taken it in on the machine itself. This page \
                cannot do that: whoever stole it could then approve too." }
            @for row in all {
                div.card {
                    p { strong { (Foreign(&name(row))) } ", " (Foreign(&row.name)) " · " (digits(row)) }
                    @if standing.keys.is_empty() {
                        p { "It will be the first key. On the machine, as root:" }
                        (parts::command(&line(row, &name(row), None)?))
                    } @else if let Some(key) = keys.first() {
                        (consent_form(ask, standing, key, row, &name(row)))
                    } @else {
                        p { "A person whose key is enrolled must agree. On the machine, as root, \
                            with the owner's key:" }
                        (parts::command(&line(row, &name(row), None)?))
                    }
                }
            }
        }
    })
}

fn consent_form(
    ask: &Ask<'_>,
    standing: &Standing,
    key: &Key,
    row: &PasskeyRow,
    person: &str,
) -> Markup {
    let to = format!("enrol {} {person}", row.public);
    let bytes = ask.hub.executor.consent_bytes(standing.host, &to, ask.now_ms);
    html! {
        p { "You agree with your passkey; then you get the line for the machine. It is good for \
            five minutes." }
        form.passkey method="post" action="/people/passkey/consent" data-passkey="get"
            data-challenge=(hex::encode(Sha256::digest(bytes))) data-rp=(ask.hub.config.name)
            data-credential=(key.credential.as_deref().unwrap_or_default()) {
            (parts::csrf(ask))
            input type="hidden" name="key" value=(key.id);
            input type="hidden" name="wanted" value=(row.credential);
            input type="hidden" name="signed_ms" value=(ask.now_ms);
            (approving::answer_fields())
            button.button { "Agree that " (Foreign(person)) " may approve" }
            p.hint data-says="" {}
        }
    }
}

fn enrolled(ask: &Ask<'_>, standing: Option<&Standing>) -> Markup {
    html! {
        @match standing {
            None => p { "Unknown: the executor does not answer." },
            Some(standing) if standing.keys.is_empty() => p { "None yet: nobody can approve." },
            Some(standing) => ul.rows { @for key in &standing.keys {
                li.row { div.row-main {
                    p { strong { (Foreign(&key.person)) } " "
                        @if key.credential.is_some() { "passkey" } @else { "key file" } }
                    p.row-meta { code { (short(&key.id)) } " · taken in "
                        (parts::time(key.enrolled_ms, ask.now_ms)) }
                } }
            } },
        }
    }
}

fn short(id: &KeyId) -> String {
    id.to_string().chars().take(12).collect()
}

/// The line that root runs on the machine.
fn line(
    row: &PasskeyRow,
    person: &str,
    consent: Option<serde_json::Value>,
) -> Result<String, Oops> {
    let code = json!({
        "public": row.public, "person": person, "consent": consent,
        "passkey": {
            "credential": row.credential, "rp_id": row.rp_id, "origin": row.origin,
            "counter": row.counter,
        },
    });
    let text = serde_json::to_string(&code).map_err(|error| Oops::Internal(error.to_string()))?;
    Ok(format!("ringfort keys trust {}", URL_SAFE_NO_PAD.encode(text)))
}

fn invite(ask: &Ask<'_>) -> Result<Next, Oops> {
    let name = ask.text("name", "The name", limits::NAME_CHARS_MAX)?;
    let role: Role = ask.field("role").parse().map_err(Oops::Bad)?;
    let link = Link { user: None, role: role.name().into(), name: name.clone() };
    let address = ask.hub.link(&link, limits::INVITE_MS)?;
    ask.note(&format!("invited {name} as {role}"))?;
    let body = html! {
        h1 { "The invitation for " (Foreign(&name)) }
        p.lead { "Give them this link in a way that only they read. It works once, for three days; \
            it is shown only now." }
        (parts::command(&address))
        p { a href="/people" { "People and keys" } }
    };
    Ok(Next::Show(View::new("Invitation", body)))
}

/// Somebody else than the person who asks, so that the last administrator stays.
fn other(ask: &Ask<'_>) -> Result<User, Oops> {
    let user = ask.hub.db.user(ask.part("id"))?.ok_or(Oops::NotFound("person"))?;
    if user.id == ask.viewer()?.user {
        return Err(Oops::Conflict("Somebody else must do that for you.".into()));
    }
    Ok(user)
}

fn set_role(ask: &Ask<'_>) -> Result<Next, Oops> {
    let user = other(ask)?;
    let role: Role = ask.field("role").parse().map_err(Oops::Bad)?;
    ask.hub.db.set_role(&user.id, role)?;
    ask.note(&format!("gave {} the role {role}", user.name))?;
    Ok(Next::See("/people".into()))
}

fn remove(ask: &Ask<'_>) -> Result<Next, Oops> {
    let user = other(ask)?;
    ask.hub.db.remove_user(&user.id, ask.now_ms)?;
    ask.note(&format!("removed {} from this page", user.name))?;
    Ok(Next::See("/people".into()))
}

fn add_passkey(ask: &Ask<'_>) -> Result<Next, Oops> {
    let name = ask.text("label", "The name of the device", limits::NAME_CHARS_MAX)?;
    let viewer = ask.viewer()?;
    let challenge = ask.field("challenge").to_owned();
    if !ask.hub.answered("register", &challenge) {
        return Err(Oops::Bad("This took too long. Load the page again.".into()));
    }
    let made = crate::registering::read(ask, &challenge)?;
    let row = PasskeyRow {
        credential: made.credential,
        user: viewer.user.clone(),
        name,
        public: made.public,
        rp_id: ask.hub.config.name.clone(),
        origin: ask.hub.origin.clone(),
        counter: made.counter,
        created_ms: ask.now_ms,
    };
    if !ask.hub.db.add_passkey(&row)? {
        return Err(Oops::Conflict("This passkey is known already.".into()));
    }
    ask.note("made a passkey")?;
    Ok(Next::See("/people#passkeys".into()))
}

fn remove_passkey(ask: &Ask<'_>) -> Result<Next, Oops> {
    let own = ask.hub.db.passkeys_of(&ask.viewer()?.user)?;
    let credential = ask.field("credential");
    let row = own.iter().find(|row| row.credential == credential);
    let row = row.ok_or(Oops::NotFound("passkey of yours"))?;
    ask.hub.db.remove_passkey(&row.credential)?;
    ask.note("forgot a passkey")?;
    Ok(Next::See("/people#passkeys".into()))
}

fn consent(ask: &Ask<'_>) -> Result<Next, Oops> {
    let wanted = ask.field("wanted");
    let row = ask.hub.db.passkeys()?.into_iter().find(|row| row.credential == wanted);
    let row = row.ok_or(Oops::NotFound("passkey"))?;
    let person = ask.hub.db.user(&row.user)?.ok_or(Oops::NotFound("person"))?.name;
    let signed_ms: i64 = ask
        .field("signed_ms")
        .parse()
        .map_err(|_| Oops::Bad("The form is damaged. Load the page again.".into()))?;
    let consent = json!({
        "key": ask.field("key"), "signed_ms": signed_ms, "signature": "",
        "assertion": approving::answer(ask)?,
    });
    ask.note(&format!("agreed that {person} may approve"))?;
    let body = html! {
        h1 { "Now on the machine" }
        p.lead { "As root, within five minutes. It shows the digits " code { (digits(&row)) }
            "; compare them." }
        (parts::command(&line(&row, &person, Some(consent))?))
        p { a href="/people" { "People and keys" } }
    };
    Ok(Next::Show(View::new("Now on the machine", body)))
}
