//! The watcher of logs, as `ringfort up` starts it: a line that a rule knows becomes a case, and
//! after a kill nothing that was judged and kept is judged again.
#![expect(clippy::disallowed_methods, reason = "the test starts the real watcher")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

const RULE: &str = "
title: A door that nobody should open
id: 6f3a1f0e-0000-4000-8000-00000000000a
logsource: {product: linux, service: sshd}
detection:
    words: ['opened the hidden door']
    condition: words
level: critical
tags: [attack.t1098]
";

struct Watcher {
    child: Child,
    said: Receiver<Value>,
}

impl Watcher {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringfort"))
            .args(["watch", "--dir"])
            .arg(dir.join("learned"))
            .arg("--logs")
            .arg(dir.join("log"))
            .arg("--rules")
            .arg(dir.join("rules"))
            .arg("--verdicts")
            .arg(dir.join("verdicts"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// The next thing of this kind that it says.
    fn next(&self, kind: &str, within: Duration) -> Option<Value> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut said = self.said.recv_timeout(left).ok()?;
            if let Some(found) = said.get_mut(kind) {
                return Some(found.take());
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(path: &Path, what: &str) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    writeln!(file, "{now} desk sshd[7]: {what}").unwrap();
}

#[test]
fn a_line_that_a_rule_knows_becomes_a_case_once_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["learned", "log", "rules", "verdicts"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    std::fs::write(dir.path().join("rules/door.yml"), RULE).unwrap();
    let log = dir.path().join("log/auth.log");
    (0..3).for_each(|_| write(&log, "Connection closed by 192.0.2.1 port 22"));
    let long = Duration::from_secs(60);

    let watcher = Watcher::start(dir.path());
    let follows = watcher.next("follows", long).unwrap();
    assert_eq!(follows["sources"], serde_json::json!(["syslog"]));
    assert_eq!(follows["rules"]["rules"], 1);
    write(&log, "somebody opened the hidden door");
    let case = watcher.next("case", long).expect("the rule is critical");
    assert_eq!(case["techniques"], serde_json::json!(["T1098"]));
    let view = watcher.next("view", long).expect("what was learned is told soon");
    assert_eq!(view["budget"]["shown"], 1);
    drop(watcher);

    let watcher = Watcher::start(dir.path());
    assert!(watcher.next("follows", long).is_some());
    let view = watcher.next("view", long).unwrap();
    assert_eq!(view["budget"]["shown"], 0, "what was judged is not judged again");
    write(&log, "Connection closed by 192.0.2.1 port 22");
    assert!(watcher.next("case", Duration::from_secs(3)).is_none());
}
