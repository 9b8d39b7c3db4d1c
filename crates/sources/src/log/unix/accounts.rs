//! Accounts and groups that are made, changed and taken away: shadow's tools, PAM.

use super::{Message, value_after};
use crate::log::ocsf::{Event, Object, Product, class, required_user, user};

/// The view of a message about an account; `None` if it is about something else.
pub(super) fn event(message: &Message<'_>, product: Product) -> Option<Event> {
    let text = message.text;
    let named = |key: &str| value_after(text, key).map(|word| word.trim_end_matches(','));
    if text.starts_with("new user: ") {
        return Some(account(message, 1, named("name=")?, named("UID="), product));
    }
    if let Some(rest) = text.strip_prefix("delete user '") {
        return Some(account(message, 6, rest.trim_end_matches('\''), None, product));
    }
    if let Some((_, name)) = text.split_once("password changed for ") {
        return Some(account(message, 3, name.trim(), None, product));
    }
    if text.starts_with("new group: ") {
        return Some(group(message, 6, named("name=")?, None, product));
    }
    if let Some((member, name)) = in_group(text, "add '", "to") {
        return Some(group(message, 3, name, Some(member), product));
    }
    if let Some((member, name)) = in_group(text, "delete '", "from") {
        return Some(group(message, 4, name, Some(member), product));
    }
    None
}

/// `add 'eve' to group 'sudo'`.
fn in_group<'a>(text: &'a str, verb: &str, word: &str) -> Option<(&'a str, &'a str)> {
    let (member, rest) = text.strip_prefix(verb)?.split_once('\'')?;
    let name = rest.trim_start().strip_prefix(word)?.trim_start();
    let name = name.strip_prefix("group '").or_else(|| name.strip_prefix("shadow group '"))?;
    Some((member, name.split('\'').next()?))
}

fn account(
    message: &Message<'_>,
    activity_id: u32,
    name: &str,
    uid: Option<&str>,
    product: Product,
) -> Event {
    let account = required_user(user(name, uid, None));
    message
        .of(class::ACCOUNT_CHANGE, activity_id, product)
        .with(|body| body.object("user", account).object("actor", message.writer(None)))
}

fn group(
    message: &Message<'_>,
    activity_id: u32,
    name: &str,
    member: Option<&str>,
    product: Product,
) -> Event {
    let group = Object::new().text("name", if name.is_empty() { "unknown" } else { name });
    message.of(class::GROUP_MANAGEMENT, activity_id, product).with(|body| {
        body.object("group", group)
            .object("user", user(member, None, None))
            .object("actor", message.writer(None))
    })
}
