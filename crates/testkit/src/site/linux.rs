//! What a thing that happens on Linux leaves in the logs.

use std::fmt::Write as _;

use super::{Event, Form, Scene};

/// A line of syslog.
pub fn syslog(scene: &Scene<'_>, program: &str, text: &str, events: &mut Vec<Event>) {
    let pid = 300 + scene.rng.below(30_000);
    let line = format!("{program}[{pid}]: {text}");
    events.push(Event::text(scene.time_ms(), scene.at, Form::Syslog, line));
}

/// A program that starts, as the audit log tells it.
pub fn exec(scene: &Scene<'_>, path: &str, words: &[&str], uid: u32, events: &mut Vec<Event>) {
    let pid = 300 + scene.rng.below(30_000);
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut text = format!(
        "type=SYSCALL msg= arch=c000003e syscall=59 success=yes exit=0 a0=55d0a a1=55d0b a2=55d0c \
         a3=0 items=2 ppid={} pid={pid} auid={uid} uid={uid} gid={uid} euid={uid} tty=(none) ses=3 \
         comm=\"{name}\" exe=\"{path}\" key=\"exec\"\ntype=EXECVE msg= argc={}",
        pid - 1,
        words.len()
    );
    for (at, word) in words.iter().enumerate() {
        // Writing into a string cannot fail.
        _ = write!(text, " a{at}=\"{word}\"");
    }
    text.push_str("\ntype=CWD msg= cwd=\"/\"\ntype=EOE msg=");
    events.push(Event::text(scene.time_ms(), scene.at, Form::Audit, text));
}

/// Somebody comes in over SSH and leaves again.
pub fn ssh(scene: &Scene<'_>, user: &str, from: &str, events: &mut Vec<Event>) {
    let port = 40_000 + scene.rng.below(20_000);
    syslog(
        scene,
        "sshd",
        &format!("Accepted publickey for {user} from {from} port {port} ssh2: ED25519 SHA256:x"),
        events,
    );
    let opened =
        format!("pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)");
    syslog(scene, "sshd", &opened, events);
    syslog(scene, "systemd-logind", &format!("New session {port} of user {user}."), events);
    syslog(
        scene,
        "sshd",
        &format!("pam_unix(sshd:session): session closed for user {user}"),
        events,
    );
}

/// A command with another's rights.
pub fn sudo(scene: &Scene<'_>, user: &str, command: &str, events: &mut Vec<Event>) {
    let text = format!("{user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}");
    syslog(scene, "sudo", &text, events);
}
