//! Logins: OpenSSH, PAM, sudo, su, systemd-logind.

use super::{Message, value_after};
use crate::log::ocsf::{
    Event, FAILURE, Object, Product, SUCCESS, class, endpoint, required_user, user,
};

/// The view of a message about a login; `None` if it is about something else.
pub(super) fn event(message: &Message<'_>, product: Product) -> Option<Event> {
    let login = if message.text.starts_with("pam_") {
        pam(message)
    } else {
        match message.program {
            "sshd" | "sshd-session" | "sshd-auth" | "dropbear" => ssh(message),
            "sudo" => sudo(message),
            "su" => su(message),
            "systemd-logind" => session(message),
            _ => None,
        }
    }?;
    let service = Object::new().text("name", login.service.unwrap_or(message.program));
    let by = login.by.and_then(|name| user(name, None, None));
    // sudo of some distributions does not tell its process; its command is worth a place.
    let actor = match (&login.command, message.pid) {
        (None, None) => message.writer(by),
        (command, pid) => {
            let process = message.process().int("pid", pid.unwrap_or(0));
            let process = process.text("cmd_line", command.as_deref());
            Object::new().object("process", process).object("user", by)
        }
    };
    Some(message.of(class::AUTHENTICATION, login.activity_id, product).with(|body| {
        body.object("user", required_user(login.user.and_then(|name| user(name, None, None))))
            .object("actor", actor)
            .object("service", service)
            .object("src_endpoint", login.from.and_then(|address| endpoint(address, login.port)))
            .flag("is_remote", login.from.map(|_| true))
            .int("status_id", login.status_id)
            .text("auth_protocol", login.method)
            .text("message", message.text)
    }))
}

/// What a message says of a login.
#[derive(Default)]
struct Login<'a> {
    activity_id: u32,
    status_id: Option<i64>,
    user: Option<&'a str>,
    by: Option<&'a str>,
    from: Option<&'a str>,
    port: Option<i64>,
    service: Option<&'a str>,
    method: Option<&'a str>,
    command: Option<String>,
}

fn ssh<'a>(message: &Message<'a>) -> Option<Login<'a>> {
    let text = message.text;
    let (status_id, method, rest) = if let Some(rest) = text.strip_prefix("Accepted ") {
        let (method, rest) = rest.split_once(" for ")?;
        (SUCCESS, Some(method), rest)
    } else if let Some(rest) = text.strip_prefix("Failed ") {
        let (method, rest) = rest.split_once(" for ")?;
        (FAILURE, Some(method), rest)
    } else if let Some(rest) = text.strip_prefix("Invalid user ") {
        (FAILURE, None, rest)
    } else if let Some(rest) = text.strip_prefix("Disconnected from user ") {
        let mut words = rest.split(' ');
        let (user, from) = (words.next(), words.next());
        return Some(Login { activity_id: 2, user, from, ..Login::default() });
    } else {
        return None;
    };
    let rest = rest.strip_prefix("invalid user ").unwrap_or(rest);
    // The name is the client's: it may hold ` from `, so the last one counts.
    let (user, rest) = rest.rsplit_once(" from ")?;
    let mut words = rest.split(' ');
    let from = words.next();
    let port = words.next().filter(|word| *word == "port").and_then(|_| words.next()?.parse().ok());
    Some(Login {
        activity_id: 1,
        status_id: Some(status_id),
        user: Some(user),
        from,
        port,
        method,
        ..Login::default()
    })
}

/// `pam_unix(sshd:session): session opened for user ann(uid=1000) by (uid=0)`.
fn pam<'a>(message: &Message<'a>) -> Option<Login<'a>> {
    let (head, text) = message.text.split_once("): ")?;
    let (_, head) = head.split_once('(')?;
    let (service, _) = head.split_once(':')?;
    let service = Some(service);
    let name = |rest: &'a str| rest.split(['(', ' ']).next().filter(|name| !name.is_empty());
    let by = |rest: &'a str| rest.split_once(" by ").and_then(|(_, by)| name(by));
    if let Some(rest) = text.strip_prefix("session opened for user ") {
        let status_id = Some(SUCCESS);
        let (user, by) = (name(rest), by(rest));
        return Some(Login { activity_id: 1, status_id, user, by, service, ..Login::default() });
    }
    if let Some(rest) = text.strip_prefix("session closed for user ") {
        let status_id = Some(SUCCESS);
        return Some(Login {
            activity_id: 2,
            status_id,
            user: name(rest),
            service,
            ..Login::default()
        });
    }
    if text.starts_with("authentication failure;") {
        return Some(Login {
            activity_id: 1,
            status_id: Some(FAILURE),
            user: value_after(text, "user="),
            by: value_after(text, "ruser="),
            from: value_after(text, "rhost="),
            service,
            ..Login::default()
        });
    }
    None
}

/// `ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/id`.
fn sudo<'a>(message: &Message<'a>) -> Option<Login<'a>> {
    let (by, rest) = message.text.trim_start().split_once(" : ")?;
    // The command is last and may hold anything; what stands before it may not.
    let (before, command) = match rest.split_once("COMMAND=") {
        Some((before, command)) => (before, Some(command)),
        None => (rest, None),
    };
    let part = |key: &str| before.split(" ; ").find_map(|part| part.trim().strip_prefix(key));
    let refused = ["incorrect password", "NOT in sudoers", "not allowed", "not permitted"];
    let status_id = if refused.iter().any(|why| before.contains(why)) { FAILURE } else { SUCCESS };
    command.or_else(|| part("USER="))?;
    Some(Login {
        activity_id: 7,
        status_id: Some(status_id),
        user: part("USER=").map(str::trim),
        by: Some(by),
        command: command.map(|command| format!("sudo {command}")),
        ..Login::default()
    })
}

/// `(to root) ann on pts/0`, `FAILED SU (to root) ann on pts/0`.
fn su<'a>(message: &Message<'a>) -> Option<Login<'a>> {
    let (before, rest) = message.text.split_once("(to ")?;
    let (user, rest) = rest.split_once(") ")?;
    let failed = before.contains("FAILED");
    Some(Login {
        activity_id: 7,
        status_id: Some(if failed { FAILURE } else { SUCCESS }),
        user: Some(user),
        by: rest.split(' ').next(),
        ..Login::default()
    })
}

/// `New session 3 of user ann.`
fn session<'a>(message: &Message<'a>) -> Option<Login<'a>> {
    let (_, user) = message.text.strip_prefix("New session ")?.split_once(" of user ")?;
    Some(Login {
        activity_id: 1,
        status_id: Some(SUCCESS),
        user: Some(user.trim_end_matches('.')),
        ..Login::default()
    })
}
