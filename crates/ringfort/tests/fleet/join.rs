//! Joining with a pasted token, reporting, being removed, joining again, leaving.

use std::io::Write as _;

use store::{EventFilter, EventReader};

use super::inside::{Visitor, until};
use super::net::{Ground, Machine};
use super::seen::{at_home, at_hub, host, is_whole};
use super::support::text;

/// A rule that a line of the log fits, and the line.
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
const LINE: &str = "somebody opened the hidden door";

/// Writes a line into the log of a machine.
fn log(machine: &Machine, what: &str) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let path = machine.file("var/log/auth.log");
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    writeln!(file, "{now} ward-1 sshd[7]: {what}").unwrap();
}

/// How many packages the page says that a machine has.
fn packages(page: &str) -> Option<u32> {
    let after = page.split("<dt>Packages</dt>").nth(1)?.split_once("<dd>")?.1;
    after.split('<').next()?.trim().parse().ok()
}

/// Whether the hub has an event of this machine that says this.
fn is_told(hub: &Machine, host: spine::HostId, what: &str) -> bool {
    let dir = hub.file("var/lib/ringfort/hub/events");
    let reader = EventReader::new(std::sync::Arc::new(durable::StdFiles), &dir);
    let filter = EventFilter { host: Some(host), ..EventFilter::default() };
    let mut found = false;
    reader
        .scan(&filter, &mut |stored| {
            found |= stored.event.ocsf["message"].as_str().is_some_and(|said| said.contains(what));
            std::ops::ControlFlow::Continue(())
        })
        .is_ok()
        && found
}

#[test]
fn a_machine_joins_with_a_pasted_token_reports_is_removed_joins_again_and_leaves() {
    let Some(ground) = Ground::new() else { return };
    std::fs::create_dir_all(ground.root().join("srv/feeds/rules")).unwrap();
    std::fs::write(ground.root().join("srv/feeds/rules/door.yml"), RULE).unwrap();
    let mut hub = Machine::hub(&ground);
    let mut ward = Machine::beside(&hub, 1);
    ward.at.does(&["ringfort", "feeds", "sync", "--from", "/srv/feeds"]);
    hub.up(&["--no-logs"]);
    log(&ward, "Connection closed by 192.0.2.1 port 22");
    ward.up(&["--no-page"]);
    hub.prints("sign in once, within half an hour: ");
    ward.prints("open cases");
    let status = ward.at.does(&["ringfort", "agent", "status"]);
    assert!(status.contains("reports to no hub"), "{status}");

    let visitor = Visitor::new(hub.at);
    let token = visitor.token("/machines/token");
    ward.joins(&token);
    let host = host(&ward);
    let path = format!("/machines/{host}");
    until("the hub knows the ward", 60, || {
        visitor.sees("/machines").contains("ward-1").then_some(())
    });
    let again = ward.at.says(&["ringfort", "agent", "join", "--again"], &format!("{token}\n"));
    assert_eq!(again.status.code(), Some(3), "a token works once: {}", text(&again));
    let turned_away = visitor.sees("/machines?show=refused");
    assert!(turned_away.contains("A token was used twice"), "{turned_away}");

    // What was found before it joined is told without waiting for the next scan.
    let packages =
        until("the ward's packages are at the hub", 60, || packages(&visitor.sees(&path)));
    log(&ward, LINE);
    until("the case is at the hub", 120, || {
        visitor.sees(&path).contains("A door that nobody should open").then_some(())
    });
    println!("at the hub: {packages} packages of the ward, and a case of its log");
    ward.at.does(&["dpkg", "--remove", "rsync"]);
    until("the change is at the hub", 240, || {
        is_told(&hub, host, "was removed").then_some(())?;
        (at_hub(&hub, host) == at_home(&ward)).then_some(())
    });
    assert!(is_whole(&at_hub(&hub, host)));

    // Removed: it is told at once, and nothing more is taken.
    assert_eq!(visitor.presses(&format!("{path}/remove")).status, 303);
    until("the ward knows that it was removed", 60, || {
        let status = ward.at.does(&["ringfort", "agent", "status"]);
        status.contains("takes nothing any more").then_some(())
    });
    let before = at_hub(&hub, host);
    ward.at.does(&["dpkg", "--remove", "libpopt0"]);
    until("something happens on the ward", 240, || {
        (at_home(&ward).len() > before.len()).then_some(())
    });
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(at_hub(&hub, host), before);

    // Again with a token for it alone, and then it leaves by itself.
    ward.joins(&visitor.token(&format!("{path}/token")));
    until("it reports again", 120, || (at_hub(&hub, host) == at_home(&ward)).then_some(()));
    let left = ward.at.does(&["ringfort", "agent", "leave"]);
    assert!(left.contains("forgot it"), "{left}");
    assert!(visitor.sees(&path).contains("This machine was removed."));
    let status = ward.at.does(&["ringfort", "agent", "status"]);
    assert!(status.contains("reports to no hub"), "{status}");
    assert!(hub.at.holds(&["ringfort", "verify"]) && ward.at.holds(&["ringfort", "verify"]));
}
