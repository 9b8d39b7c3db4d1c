//! Signing in with a passkey or a password, and signing out.

use maud::html;
use spine::Assertion;

use super::{Act, Ask, Next, Oops, Page, View};
use crate::approving;
use crate::db::{Session, hash_of};
use crate::look::parts::{self, field};
use crate::role::Role;
use crate::{limits, password};

/// The page.
pub const PAGE: Page = Page {
    path: "/sign-in",
    title: "Sign in",
    nav: None,
    sees: None,
    view,
    acts: &[
        Act { path: "/sign-in", needs: None, run: with_password },
        Act { path: "/sign-in/passkey", needs: None, run: with_passkey },
        Act { path: "/sign-out", needs: Some(Role::Viewer), run: out },
    ],
};

#[expect(clippy::unnecessary_wraps, reason = "every page and call has this form")]
fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let challenge = ask.hub.challenge("sign-in");
    let body = html! {
        div.narrow {
            h1 { "Sign in" }
            form.passkey method="post" action="/sign-in/passkey" data-passkey="get"
                data-challenge=(challenge) data-rp=(ask.hub.config.name) {
                input type="hidden" name="challenge" value=(challenge);
                (approving::answer_fields())
                button.button.main { "Sign in with a passkey" }
                p.hint data-says="" { "A passkey is your phone, your fingerprint or a small key." }
            }
            p.or { span { "or" } }
            form method="post" action="/sign-in" {
                (field("name", "Name", "", html! {
                    input #name name="name" autocomplete="username" required maxlength="60";
                }))
                (field("password", "Password", "", html! {
                    input #password name="password" type="password" required maxlength="256"
                        autocomplete="current-password";
                }))
                button.button { "Sign in with a password" }
                p.hint { "With a password you can look and comment, not approve." }
            }
            (parts::note("later", "The first time, or locked out?", html! {
                p { "On the machine that runs ringfort:" }
                (parts::command("ringfort hub --link"))
            }))
        }
    };
    Ok(View::new("Sign in", body))
}

fn with_password(ask: &Ask<'_>) -> Result<Next, Oops> {
    let name = ask.field("name");
    let given = ask.form.get("password").map_or("", String::as_str);
    let by_address = format!("address {}", ask.address);
    let by_name = format!("name {name}");
    // Both are counted, whichever is over.
    let counts = [&by_address, &by_name].map(|key| ask.hub.sign_ins.take(key, ask.now_ms));
    if counts.contains(&false) {
        return Err(Oops::TooMany);
    }
    let user = ask.hub.db.user_named(name)?;
    let kept = user.as_ref().and_then(|user| user.password.as_deref());
    if !password::holds(ask.hub, given, kept)? {
        return Err(Oops::Forbidden("The name or the password is wrong.".into()));
    }
    ask.hub.sign_ins.forget(&by_name);
    let user = user.ok_or(Oops::SignIn)?;
    begin(ask, &user.id, "password", "/")
}

fn with_passkey(ask: &Ask<'_>) -> Result<Next, Oops> {
    if !ask.hub.sign_ins.take(&format!("address {}", ask.address), ask.now_ms) {
        return Err(Oops::TooMany);
    }
    let challenge = ask.field("challenge").to_owned();
    let no = || Oops::Forbidden("This passkey is not known here, or it took too long.".into());
    if !ask.hub.answered("sign-in", &challenge) {
        return Err(no());
    }
    let assertion = approving::answer(ask)?;
    let credential = ask.field("credential");
    let passkey = ask.hub.db.passkeys()?.into_iter().find(|row| row.credential == credential);
    let passkey = passkey.ok_or_else(no)?;
    holds(&passkey, &challenge, &assertion).map_err(|_| no())?;
    begin(ask, &passkey.user, "passkey", "/")
}

fn holds(
    row: &crate::db::PasskeyRow,
    challenge: &str,
    assertion: &Assertion,
) -> Result<(), norms::PasskeyFault> {
    let mut bytes = [0_u8; 32];
    hex::decode_to_slice(challenge, &mut bytes).map_err(|_| norms::PasskeyFault::Malformed)?;
    let passkey = approving::passkey_of(row).ok_or(norms::PasskeyFault::Malformed)?;
    passkey.check(&bytes, assertion)
}

/// Begins a session.
pub fn begin(ask: &Ask<'_>, user: &str, method: &str, next: &str) -> Result<Next, Oops> {
    let secret = ask.hub.secret();
    ask.hub.db.add_session(&Session {
        hash: hash_of(&secret),
        user: user.to_owned(),
        method: method.to_owned(),
        created_ms: ask.now_ms,
        seen_ms: ask.now_ms,
        expires_ms: ask.now_ms + limits::SESSION_MS,
        address: ask.address.clone(),
        agent: ask.agent.clone(),
    })?;
    let name = ask.hub.db.user(user)?.map_or_else(String::new, |user| user.name);
    ask.hub.db.note(ask.now_ms, &name, &format!("signed in ({method})"))?;
    Ok(Next::SignIn(secret, next.to_owned()))
}

fn out(ask: &Ask<'_>) -> Result<Next, Oops> {
    let viewer = ask.viewer()?;
    ask.hub.db.end_session(&viewer.session, Some(&viewer.user))?;
    Ok(Next::SignOut)
}
