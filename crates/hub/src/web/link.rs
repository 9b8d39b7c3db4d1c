//! A link that signs in once: the one that `ringfort up` prints, and invitations.
//!
//! Opening it uses nothing up, so that a mail program that looks ahead does no harm; the button
//! does.

use maud::html;

use super::{Act, Ask, Next, Oops, Page, View, sign_in};
use crate::db::User;
use crate::limits;
use crate::look::foreign::Foreign;
use crate::look::parts::field;
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/link/{secret}",
    title: "Sign in by link",
    nav: None,
    sees: None,
    view,
    acts: &[Act { path: "/link/{secret}", needs: None, run: take }],
};

const GONE: &str = "This link was used already, or it is too old. `ringfort hub --link` on the \
    machine makes a new one.";

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    check_rate(ask)?;
    let link = ask.hub.db.link(ask.part("secret"), ask.now_ms)?;
    let link = link.ok_or_else(|| Oops::Forbidden(GONE.into()))?;
    let role: Role = link.role.parse().map_err(Oops::Internal)?;
    let body = html! {
        div.narrow {
            h1 { "Welcome" }
            @if link.user.is_some() {
                p.lead { "This link signs you in as " (Foreign(&link.name)) ", once." }
            } @else {
                p.lead { "What should ringfort call you?" }
                p { "You will have the role " strong { (role.name()) } ": who has it "
                    (role.meaning()) "." }
            }
            form method="post" action={ "/link/" (ask.part("secret")) } {
                @if link.user.is_none() {
                    (field("name", "Your name", "Others on this page will see it.", html! {
                        input #name name="name" required maxlength="60" autocomplete="name"
                            value=(if link.name == "owner" { "" } else { link.name.as_str() })
                            aria-describedby="name-hint";
                    }))
                }
                button.button.main { "Sign in" }
            }
        }
    };
    Ok(View::new("Welcome", body))
}

fn check_rate(ask: &Ask<'_>) -> Result<(), Oops> {
    // A link has 256 random bits; this only keeps guessing from making noise.
    let key = format!("link {}", ask.address);
    if ask.hub.sign_ins.take(&key, ask.now_ms) { Ok(()) } else { Err(Oops::TooMany) }
}

fn take(ask: &Ask<'_>) -> Result<Next, Oops> {
    let secret = ask.part("secret");
    let gone = || Oops::Forbidden(GONE.into());
    let link = ask.hub.db.link(secret, ask.now_ms)?.ok_or_else(gone)?;
    let role: Role = link.role.parse().map_err(Oops::Internal)?;
    let new = match &link.user {
        Some(_) => None,
        None => Some(new_user(ask, role)?),
    };
    if !ask.hub.db.use_link(secret, ask.now_ms)? {
        return Err(gone());
    }
    ask.hub.sign_ins.forget(&format!("link {}", ask.address));
    match (link.user, new) {
        (Some(user), _) => sign_in::begin(ask, &user, "link", "/"),
        (None, Some(user)) => {
            if !ask.hub.db.add_user(&user)? {
                return Err(Oops::Conflict("Somebody has this name already.".into()));
            }
            sign_in::begin(ask, &user.id, "link", "/welcome")
        }
        (None, None) => Err(gone()),
    }
}

fn new_user(ask: &Ask<'_>, role: Role) -> Result<User, Oops> {
    let name = ask.text("name", "The name", limits::NAME_CHARS_MAX)?;
    if ask.hub.db.user_named(&name)?.is_some() {
        return Err(Oops::Conflict("Somebody has this name already.".into()));
    }
    if ask.hub.db.users()?.len() >= limits::PEOPLE_MAX {
        return Err(Oops::Conflict("There are too many people already.".into()));
    }
    let id = ask.hub.secret().chars().take(32).collect();
    Ok(User { id, name, role, password: None, created_ms: ask.now_ms })
}
