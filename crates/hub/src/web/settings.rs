//! Settings of this page: where messages go, your password and sessions, tokens for programs.
//!
//! What decides over machines (the kind of site, the kind of machine, how much is done alone) is
//! not set here: the executor reads it from a file that only root can write.

use maud::{Markup, html};

use super::{Act, Ask, Next, Oops, Page, View};
use crate::api::SCOPES;
use crate::db::{Queued, Token};
use crate::look::foreign::Foreign;
use crate::look::parts::{self, button, field};
use crate::messages::settings::{NAME, Secret, Settings};
use crate::messages::watch::test_letter;
use crate::role::Role;
use crate::{limits, password};

/// The page.
pub const PAGE: Page = Page {
    path: "/settings",
    title: "Settings",
    nav: Some(10),
    sees: Some(Role::Viewer),
    view,
    acts: &[
        Act { path: "/settings/messages", needs: Some(Role::Admin), run: set_messages },
        Act { path: "/settings/messages/test", needs: Some(Role::Admin), run: test_messages },
        Act { path: "/settings/password", needs: Some(Role::Viewer), run: set_password },
        Act { path: "/settings/session/end", needs: Some(Role::Viewer), run: end_session },
        Act { path: "/settings/token", needs: Some(Role::Admin), run: add_token },
        Act { path: "/settings/token/end", needs: Some(Role::Admin), run: end_token },
    ],
};

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let body = html! {
        h1 { "Settings" }
        @if ask.may(Role::Admin) {
            section #messages { h2 { "Messages" } (messages(ask)?) }
        }
        section #site { h2 { "This site and this machine" } (site(ask)) }
        section #you { h2 { "Your password" } (own_password(ask)?) }
        section #sessions { h2 { "Where you are signed in" } (sessions(ask)?) }
        @if ask.may(Role::Admin) {
            section #tokens { h2 { "Tokens for programs" } (tokens(ask)?) }
        }
        p { a href="/engineers" { "The engineers' view" } }
    };
    Ok(View::new("Settings", body))
}

/// A field of the form of messages.
fn text_field(name: &str, label: &str, hint: &str, value: &str, kind: &str) -> Markup {
    field(
        name,
        label,
        hint,
        html! {
            input id=(name) name=(name) value=(value) type=(kind) maxlength="2000"
                autocomplete="off"
                aria-describedby=[(!hint.is_empty()).then(|| format!("{name}-hint"))];
        },
    )
}

fn secret_field(name: &str, label: &str, is_set: bool) -> Markup {
    let hint = if is_set { "Is set. Leave it empty to keep it." } else { "Is not set." };
    text_field(name, label, hint, "", "password")
}

fn messages(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let settings: Settings = ask.hub.db.setting(NAME)?;
    let letters = ask.hub.db.letters(10)?;
    let digest = settings.digest_hour.map(|hour| hour.to_string()).unwrap_or_default();
    Ok(html! {
        p { "Messages say how urgent, how many and where to look. They hold no names and no \
            secrets." }
        (parts::form(ask, "/settings/messages", html! {
            fieldset { legend { "Mail" }
                (text_field("mail_server", "Server", "", &settings.mail_server, "text"))
                (text_field("mail_port", "Port", "", &settings.mail_port.to_string(), "number"))
                (field("mail_security", "Encryption", "", html! {
                    select #mail_security name="mail_security" {
                        @for (value, text) in [("tls", "TLS (usually port 465)"),
                            ("starttls", "STARTTLS (usually port 587)"),
                            ("none", "none (a server on this machine)")] {
                            option value=(value) selected[value == settings.mail_security] {
                                (text) }
                        }
                    }
                }))
                (text_field("mail_user", "Account", "", &settings.mail_user, "text"))
                (secret_field("mail_password", "Password", !settings.mail_password.0.is_empty()))
                (text_field("mail_from", "From", "", &settings.mail_from, "text"))
                (text_field("mail_to", "To", "Several addresses: with blanks between.",
                    &settings.mail_to, "text"))
            }
            fieldset { legend { "Phone (ntfy)" }
                (text_field("ntfy_url", "Topic", "Such as https://ntfy.example/a-long-random-name",
                    &settings.ntfy_url, "url"))
                (secret_field("ntfy_token", "Access token", !settings.ntfy_token.0.is_empty()))
            }
            fieldset { legend { "Webhook" }
                (text_field("webhook_url", "Address", "", &settings.webhook_url, "url"))
                (secret_field("webhook_key", "Key that signs it", !settings.webhook_key.0.is_empty()))
            }
            fieldset { legend { "When" }
                (text_field("digest_hour", "Hour of the daily digest (UTC)", "0 to 23; empty: none.",
                    &digest, "number"))
                (text_field("escalate_minutes", "Tell again, louder, after so many minutes",
                    "If something urgent was taken up by nobody. 0: never.",
                    &settings.escalate_minutes.to_string(), "number"))
                (text_field("dead_man_url", "Sign of life", "An address that is asked every few \
                    minutes; a service that watches it tells you when this hub is dead.",
                    &settings.dead_man_url, "url"))
                (text_field("dead_man_minutes", "Every so many minutes", "",
                    &settings.dead_man_minutes.to_string(), "number"))
                (text_field("ca_file", "Own certificate authorities", "A PEM file on this machine; \
                    empty: the usual ones.", &settings.ca_file, "text"))
            }
            button.button.main { "Keep" }
        }))
        div.actions { (button(ask, "/settings/messages/test", "", "Send a test")) }
        h3 { "The last messages" }
        @if letters.is_empty() { p.empty { "None yet." } }
        ul.plainly { @for letter in &letters { (one_letter(ask, letter)) } }
    })
}

fn one_letter(ask: &Ask<'_>, letter: &Queued) -> Markup {
    html! {
        li {
            @match (letter.sent_ms, letter.given_up_ms) {
                (Some(_), _) => { (parts::tag("ok", "delivered")) },
                (None, Some(_)) => { (parts::tag("now", "given up")) },
                (None, None) => { (parts::tag("planned", "on its way")) },
            }
            " " (letter.channel) ": " (Foreign(&letter.letter.subject)) ", "
            (parts::time(letter.created_ms, ask.now_ms))
            @if let Some(error) = &letter.error {
                span.from { " — try " (letter.attempts) ": " (Foreign(error)) }
            }
        }
    }
}

fn site(ask: &Ask<'_>) -> Markup {
    let site = serde_json::to_value(&ask.hub.config.site).unwrap_or_default();
    let text = |name: &str| {
        site.get(name).and_then(|value| value.as_str()).unwrap_or_default().replace('_', " ")
    };
    html! {
        dl.facts {
            dt { "Kind of site" } dd { (text("profile")) }
            dt { "Kind of machine" } dd { (text("machine_class")) }
            dt { "Does by itself" } dd { (text("autonomy_level")) }
        }
        p.small { "These decide what is allowed, so this page cannot change them. "
            a href="/welcome" { "How to set them" } }
    }
}

fn own_password(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let user = ask.hub.db.user(&ask.viewer()?.user)?.ok_or(Oops::SignIn)?;
    let least = limits::PASSWORD_CHARS_MIN;
    Ok(html! {
        p { @if user.password.is_some() { "You have one." } @else { "You have none." }
            " With it you can sign in, look and comment. It never approves anything." }
        (parts::form(ask, "/settings/password", html! {
            (field("new", "New password", &format!("{least} characters or more; a few words do well."),
                html! { input #new name="new" type="password" minlength=(least) maxlength="256"
                    required autocomplete="new-password" aria-describedby="new-hint"; }))
            button.button { "Set it" }
        }))
    })
}

fn sessions(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let viewer = ask.viewer()?;
    let all = ask.may(Role::Admin);
    let sessions = ask.hub.db.sessions((!all).then_some(viewer.user.as_str()), ask.now_ms)?;
    let users = ask.hub.db.users()?;
    let name = |id: &str| {
        users.iter().find(|user| user.id == id).map_or("", |user| user.name.as_str()).to_owned()
    };
    Ok(html! {
        ul.rows { @for session in &sessions {
            li.row { div.row-main {
                p { (Foreign(&name(&session.user))) " · " (session.method)
                    @if session.hash == viewer.session { " " (parts::tag("ok", "this one")) } }
                p.row-meta { (Foreign(&session.address)) " · " (Foreign(&session.agent)) }
                p.row-meta { "last used " (parts::time(session.seen_ms, ask.now_ms)) }
                @if session.hash != viewer.session {
                    (parts::form(ask, "/settings/session/end", html! {
                        input type="hidden" name="session" value=(beginning(&session.hash));
                        button.button.plain { "End it" }
                    }))
                }
            } }
        } }
    })
}

/// Enough of a hash to name a session, and too little to be one.
fn beginning(hash: &str) -> String {
    hash.chars().take(24).collect()
}

fn tokens(ask: &Ask<'_>) -> Result<Markup, Oops> {
    let tokens = ask.hub.db.tokens(ask.now_ms)?;
    Ok(html! {
        p { "A program sends its token as " code { "Authorization: Bearer …" } ". What there is to \
            ask: " a href="/api/v1/openapi.json" { "the description of the API" } "." }
        ul.rows { @for token in &tokens {
            li.row { div.row-main {
                p { strong { (Foreign(&token.name)) } " · " (token.scopes) }
                p.row-meta { "ends " (parts::at(token.expires_ms))
                    @match token.used_ms {
                        Some(used_ms) => { " · last used " (parts::time(used_ms, ask.now_ms)) },
                        None => " · never used",
                    } }
                (parts::form(ask, "/settings/token/end", html! {
                    input type="hidden" name="token" value=(token.id);
                    button.button.plain { "Revoke" }
                }))
            } }
        } }
        details { summary { "Make a token" }
            (parts::form(ask, "/settings/token", html! {
                (field("name", "What it is for", "", html! {
                    input #name name="name" maxlength="60" required; }))
                fieldset { legend { "What it may do" }
                    @for (scope, meaning) in SCOPES {
                        label.inline { input type="checkbox" name={ "scope-" (scope) } value="yes"
                            checked[*scope == "read"];
                            span { strong { (scope) } " " (meaning) } }
                    }
                }
                (field("days", "Works for so many days", "", html! {
                    input #days name="days" type="number" min="1" max=(limits::TOKEN_DAYS_MAX)
                        value="90" required; }))
                button.button { "Make a token" }
            }))
        }
    })
}

fn set_messages(ask: &Ask<'_>) -> Result<Next, Oops> {
    let old: Settings = ask.hub.db.setting(NAME)?;
    let text = |name: &str| ask.field(name).chars().take(2_000).collect::<String>();
    let number = |name: &str, label: &str| {
        ask.field(name).parse().map_err(|_| Oops::Bad(format!("{label} is a number.")))
    };
    let secret = |name: &str, old: &Secret| {
        if ask.field(name).is_empty() { old.clone() } else { Secret(text(name)) }
    };
    let port: u32 = number("mail_port", "The port")?;
    let digest = match ask.field("digest_hour") {
        "" => None,
        _ => Some(number("digest_hour", "The hour of the digest")?),
    };
    let settings = Settings {
        mail_server: text("mail_server"),
        mail_port: u16::try_from(port).map_err(|_| Oops::Bad("There is no such port.".into()))?,
        mail_security: text("mail_security"),
        mail_user: text("mail_user"),
        mail_password: secret("mail_password", &old.mail_password),
        mail_from: text("mail_from"),
        mail_to: text("mail_to"),
        webhook_url: text("webhook_url"),
        webhook_key: secret("webhook_key", &old.webhook_key),
        ntfy_url: text("ntfy_url"),
        ntfy_token: secret("ntfy_token", &old.ntfy_token),
        digest_hour: digest.map(|hour: u32| u8::try_from(hour).unwrap_or(u8::MAX)),
        escalate_minutes: number("escalate_minutes", "The minutes")?,
        dead_man_url: text("dead_man_url"),
        dead_man_minutes: number("dead_man_minutes", "The minutes")?,
        ca_file: text("ca_file"),
    };
    settings.check().map_err(Oops::Bad)?;
    ask.hub.db.set(NAME, &settings)?;
    ask.note("changed where messages go")?;
    Ok(Next::See("/settings#messages".into()))
}

fn test_messages(ask: &Ask<'_>) -> Result<Next, Oops> {
    let settings: Settings = ask.hub.db.setting(NAME)?;
    let channels = settings.channels();
    if channels.is_empty() {
        return Err(Oops::Conflict("No way for messages is set up yet.".into()));
    }
    ask.hub.db.post(&test_letter(ask.now_ms), &channels, ask.now_ms)?;
    ask.note("sent a test message")?;
    Ok(Next::See("/settings#messages".into()))
}

fn set_password(ask: &Ask<'_>) -> Result<Next, Oops> {
    let viewer = ask.viewer()?;
    let new = ask.form.get("new").map_or("", String::as_str);
    let hash = password::hash(new, &*ask.hub.rng)?;
    ask.hub.db.set_password(&viewer.user, Some(&hash))?;
    ask.note("set a password")?;
    Ok(Next::See("/settings#you".into()))
}

fn end_session(ask: &Ask<'_>) -> Result<Next, Oops> {
    let viewer = ask.viewer()?;
    let whose = (!ask.may(Role::Admin)).then_some(viewer.user.as_str());
    ask.hub.db.end_session(ask.field("session"), whose)?;
    ask.note("ended a session")?;
    Ok(Next::See("/settings#sessions".into()))
}

fn add_token(ask: &Ask<'_>) -> Result<Next, Oops> {
    let name = ask.text("name", "The name", limits::NAME_CHARS_MAX)?;
    let days: i64 =
        ask.field("days").parse().map_err(|_| Oops::Bad("The days are a number.".into()))?;
    if !(1..=limits::TOKEN_DAYS_MAX).contains(&days) {
        return Err(Oops::Bad("A token works for 1 to 365 days.".into()));
    }
    let wanted = |scope: &str| ask.field(&format!("scope-{scope}")) == "yes";
    let scopes: Vec<&str> =
        SCOPES.iter().map(|(scope, _)| *scope).filter(|scope| wanted(scope)).collect();
    if scopes.is_empty() {
        return Err(Oops::Bad("Choose at least one thing that it may do.".into()));
    }
    let secret = ask.hub.secret();
    let token = Token {
        id: ask.hub.secret().chars().take(16).collect(),
        user: ask.viewer()?.user.clone(),
        name,
        scopes: scopes.join(" "),
        created_ms: ask.now_ms,
        expires_ms: ask.now_ms + days * 86_400_000,
        used_ms: None,
    };
    ask.hub.db.add_token(&secret, &token)?;
    ask.note("made a token")?;
    let body = html! {
        h1 { "The token" }
        p.lead { "Keep it like a password. It is shown only now." }
        (parts::command(&secret))
        p { a href="/settings#tokens" { "Settings" } }
    };
    Ok(Next::Show(View::new("The token", body)))
}

fn end_token(ask: &Ask<'_>) -> Result<Next, Oops> {
    ask.hub.db.end_token(ask.field("token"))?;
    ask.note("revoked a token")?;
    Ok(Next::See("/settings#tokens".into()))
}
