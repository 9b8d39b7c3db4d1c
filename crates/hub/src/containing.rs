//! What of a case can be shut in: addresses that were seen, programs that run, files that they came
//! as. All of it is read from evidence, all of it is tried by the executor before a person sees a
//! plan, and what cannot be shut in is said with the reason.
//!
//! Pure: what runs now and who is connected comes as an argument.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};
use spine::limits::CONTAINMENT_TTL_S_MAX;
use spine::plan::is_normal_absolute;
use spine::{Case, Finding, FindingKind, Plan, Step};

use crate::executor::{Running, Seen, Suspect};

/// Addresses, programs and files of one case that are looked at, of each kind.
const EACH_MAX: usize = 8;
/// Reasons that are kept.
const LEFT_MAX: usize = 24;
/// How much later than the event a process may seem to have begun, milliseconds: clocks of logs and
/// of the kernel differ a little.
const SLACK_MS: i64 = 10_000;
/// Steps that contain something.
const CONTAINING: [&str; 3] = ["net.block_address", "process.freeze", "file.quarantine"];
/// Folders whose files belong to the system: moving them away, or stopping all that runs them,
/// breaks more than it stops.
const SYSTEM: [&str; 10] =
    ["/usr/", "/bin/", "/sbin/", "/lib", "/etc/", "/boot/", "/proc/", "/sys/", "/dev/", "/snap/"];
/// Folders in which anybody may leave a file.
const ANYBODYS: [&str; 3] = ["/tmp/", "/var/tmp/", "/dev/shm/"];

/// What a case names that might be shut in, and what might not, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Programs.
    pub suspects: Vec<Suspect>,
    /// Files.
    pub files: Vec<String>,
    /// What is left alone, one sentence each.
    pub left: Vec<String>,
}

/// One step, and what stops working by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The step.
    pub step: Step,
    /// What it is, in a few words.
    pub what: String,
    /// What stops working, in one sentence.
    pub cost: String,
}

/// Whether a plan only contains.
pub fn contains(plan: &Plan) -> bool {
    !plan.steps.is_empty()
        && plan.steps.iter().all(|step| CONTAINING.contains(&step.actuator.as_str()))
}

/// Whether a plan that contains ends by itself: a file that is moved away alone stays away.
pub fn lapses(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| step.actuator != "file.quarantine")
}

impl Named {
    /// Whether there is nothing to try.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.suspects.is_empty() && self.files.is_empty()
    }

    fn leave(&mut self, reason: String) {
        if self.left.len() < LEFT_MAX && !self.left.contains(&reason) {
            self.left.push(reason);
        }
    }

    fn address(&mut self, name: &str) {
        match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if address.is_loopback() || address.is_unspecified() => {
                self.leave(format!("{address} is this machine itself."));
            }
            Ok(address) => {
                if !self.addresses.contains(&address) && self.addresses.len() < EACH_MAX {
                    self.addresses.push(address);
                }
            }
            Err(_) => {
                self.leave(format!("{name} is a name and no address: names cannot be blocked."));
            }
        }
    }

    fn suspect(&mut self, suspect: Suspect) {
        if !self.suspects.contains(&suspect) && self.suspects.len() < EACH_MAX {
            self.suspects.push(suspect);
        }
    }

    fn program(&mut self, path: &str) {
        if is_of_the_system(path) {
            let text = format!("{path} belongs to the system: all that runs it would stop.");
            return self.leave(text);
        }
        let program = path.to_owned();
        self.suspect(Suspect { program, pid: None, before_ms: i64::MAX, listens: false });
        self.file(path);
    }

    fn file(&mut self, path: &str) {
        if !self.files.iter().any(|known| known == path) && self.files.len() < EACH_MAX {
            self.files.push(path.to_owned());
        }
    }
}

/// What a case names. `detected` is what the detectors say of it, `live` what was last seen to run
/// on its machine, `machine` its machine's name.
pub fn named(
    case: &Case,
    findings: &[Finding],
    detected: Option<&Value>,
    live: Option<&Value>,
    machine: Option<&str>,
) -> Named {
    let mut named = Named::default();
    if let Some(detected) = detected {
        for event in list(detected, "events") {
            of_event(&mut named, event, machine);
        }
    }
    if case.kind == "patch" {
        of_weakness(&mut named, findings, live);
    }
    for finding in findings {
        if let FindingKind::Model { path, .. } = &finding.kind {
            of_model(&mut named, path);
        }
    }
    named
}

/// A model that was vetted and flagged: the very file is known.
fn of_model(named: &mut Named, path: &str) {
    if is_of_the_system(path) || !is_normal_absolute(path) {
        let text = format!("{path} belongs to the system: a package that holds it is removed.");
        named.leave(text);
    } else {
        named.file(path);
    }
}

fn of_event(named: &mut Named, event: &Value, machine: Option<&str>) {
    let class_uid = event["class_uid"].as_u64().unwrap_or(0);
    let seen_ms = event["time_ms"].as_i64().unwrap_or(0);
    let elsewhere = is_elsewhere(event, machine);
    for entity in list(event, "entities") {
        let name = entity["name"].as_str().unwrap_or_default();
        match entity["kind"].as_str().unwrap_or_default() {
            "address" => named.address(name),
            "user" => named.leave(format!(
                "{name} is an account: ringfort has no way to lock one. Change its password."
            )),
            "file" if elsewhere => named.leave(format!(
                "{name} was seen on {}, and this page contains on its own machine only.",
                event["host"].as_str().unwrap_or("another machine")
            )),
            "file" if !is_normal_absolute(name) => {
                named.leave(format!(
                    "{name} is no whole path, so it is not known which file it is."
                ));
            }
            "file" if class_uid == 1_007 => named.program(name),
            "file" if class_uid == 1_005 && !is_of_the_system(name) => named.file(name),
            "file" if ANYBODYS.iter().any(|folder| name.starts_with(folder)) => named.file(name),
            "file" => named.leave(format!(
                "{name} was touched, and may be somebody's work: it is not moved away."
            )),
            _ => {}
        }
    }
    if !elsewhere && let Some((program, pid)) = process_of(event) {
        let before_ms = seen_ms.saturating_add(SLACK_MS);
        named.suspect(Suspect { program, pid: Some(pid), before_ms, listens: false });
    }
}

/// A weakness names nobody who uses it. What can be stopped is the service that has it.
fn of_weakness(named: &mut Named, findings: &[Finding], live: Option<&Value>) {
    let packages: BTreeSet<&str> = findings
        .iter()
        .filter_map(|finding| match &finding.kind {
            FindingKind::VulnerablePackage { package, .. } => Some(package.name.as_str()),
            _ => None,
        })
        .collect();
    let exposed = |listener: &&Value| listener["loopback"].as_bool() != Some(true);
    let Some(live) = live else {
        return named.leave("What runs on this machine was not looked at yet.".to_owned());
    };
    for listener in list(live, "listeners").filter(exposed) {
        let program = listener["program"].as_str().unwrap_or_default();
        let package = listener["package"].as_str().unwrap_or_default();
        if is_normal_absolute(program) && packages.contains(package) {
            let program = program.to_owned();
            named.suspect(Suspect { program, pid: None, before_ms: i64::MAX, listens: true });
        }
    }
    if named.suspects.is_empty() {
        let text = "It is a weakness that nobody was seen to use, and no service that other \
            machines reach has it: there is nobody and nothing to shut in.";
        named.leave(text.to_owned());
    }
}

/// Whether an event was seen on another machine than the case's.
fn is_elsewhere(event: &Value, machine: Option<&str>) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let host = event["host"].as_str().unwrap_or_default();
    machine.is_some_and(|machine| !host.is_empty() && short(host) != short(machine))
}

fn is_of_the_system(path: &str) -> bool {
    !path.starts_with("/usr/local/")
        && !ANYBODYS.iter().any(|folder| path.starts_with(folder))
        && SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// The process that an event's own fields name with its program, as auditd, the journal, Sysmon
/// and Falco write them.
fn process_of(event: &Value) -> Option<(String, u32)> {
    let raw: Value = serde_json::from_str(event["raw"].as_str()?).ok()?;
    let field = |names: &[&str]| {
        let inside = raw.get("output_fields").unwrap_or(&Value::Null);
        let found = names.iter().find_map(|name| raw.get(*name).or_else(|| inside.get(*name)))?;
        let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        Some(text.trim_matches('"').to_owned())
    };
    let pid = field(&["_PID", "pid", "ProcessId", "proc.pid"])?.parse().ok()?;
    let program = field(&["_EXE", "exe", "Image", "proc.exepath"])?;
    (pid > 2 && is_normal_absolute(&program)).then_some((program, pid))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// The steps that would contain it, with what each stops, for what runs now.
pub fn parts(named: &Named, seen: &Seen) -> Vec<Part> {
    let mut parts = Vec::new();
    for (index, address) in named.addresses.iter().enumerate() {
        parts.push(block(*address, seen.connections.get(index).copied().unwrap_or(0)));
    }
    parts.extend(seen.processes.iter().map(freeze));
    parts.extend(named.files.iter().map(|path| quarantine(path, seen)));
    parts
}

fn step(actuator: &str, params: &Value) -> Step {
    Step { actuator: actuator.into(), params: params.as_object().cloned().unwrap_or_default() }
}

fn block(address: IpAddr, connections: u32) -> Part {
    let own = if is_inside(address) {
        " It is an address of your own network: whoever works there cannot use this machine."
    } else {
        ""
    };
    let cut = match connections {
        0 => "No connection with it stands now.".to_owned(),
        1 => "The one connection that stands now is cut.".to_owned(),
        n => format!("The {n} connections that stand now are cut."),
    };
    Part {
        step: step(
            "net.block_address",
            &json!({ "address": address, "ttl_s": CONTAINMENT_TTL_S_MAX }),
        ),
        what: format!("the address {address}"),
        cost: format!("This machine and {address} cannot reach each other. {cut}{own}"),
    }
}

fn freeze(running: &Running) -> Part {
    let Running { pid, start_time, program, below, ports } = running;
    let served: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let serves = match served.as_slice() {
        [] => "It serves nobody over the network.".to_owned(),
        [one] => format!("Nobody can use what it serves on port {one}."),
        more => format!("Nobody can use what it serves on ports {}.", more.join(", ")),
    };
    let tree = match below {
        0 => String::new(),
        1 => " and one program below it".to_owned(),
        n => format!(" and {n} programs below it"),
    };
    let stand = if *below == 0 { "stands" } else { "stand" };
    let params = json!({ "pid": pid, "start_time": start_time, "ttl_s": CONTAINMENT_TTL_S_MAX });
    Part {
        step: step("process.freeze", &params),
        what: format!("the program {program} (process {pid})"),
        cost: format!("{program} (process {pid}){tree} {stand} still. {serves}"),
    }
}

fn quarantine(path: &str, seen: &Seen) -> Part {
    let runs = seen.processes.iter().any(|running| running.program == path);
    let goes_on = if runs { " What runs of it already is frozen, not ended." } else { "" };
    Part {
        step: step("file.quarantine", &json!({ "path": path })),
        what: format!("the file {path}"),
        cost: format!("{path} is moved away, whole: no program finds it there.{goes_on}"),
    }
}

/// Whether an address is one of a site's own networks (RFC 1918, RFC 4193, link-local).
fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_private() || four.is_link_local(),
        IpAddr::V6(six) => six.is_unique_local() || six.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use spine::{CaseState, Digest, FindingId, HostId, Package, Priority, Status};

    use super::*;

    fn case(kind: &str) -> Case {
        let host = HostId(Digest([1; 32]));
        Case {
            id: Case::identity(host, kind, "x").unwrap(),
            host,
            kind: kind.into(),
            subject: "x".into(),
            title: String::new(),
            priority: Priority::Immediate,
            state: CaseState::Open,
            owner: None,
            findings: vec![],
            ids: vec![],
            explanation: vec![],
            created_ms: 0,
            updated_ms: 0,
        }
    }

    fn event(class_uid: u32, entities: &Value) -> Value {
        json!({ "class_uid": class_uid, "time_ms": 5_000, "host": "desk", "entities": entities,
            "raw": "{}" })
    }

    fn of(events: &[Value]) -> Named {
        let detected = json!({ "events": events });
        named(&case("behaviour"), &[], Some(&detected), None, Some("desk.clinic.example"))
    }

    #[test]
    fn an_address_and_a_program_from_a_folder_of_anybodys_are_named() {
        let found = of(&[
            event(4_001, &json!([{ "kind": "address", "name": "::ffff:203.0.113.9" }])),
            event(1_007, &json!([{ "kind": "file", "name": "/tmp/x/miner" }])),
        ]);
        assert_eq!(found.addresses, ["203.0.113.9".parse::<IpAddr>().unwrap()]);
        assert_eq!(found.files, ["/tmp/x/miner"]);
        assert_eq!(found.suspects[0].program, "/tmp/x/miner");
        assert!(found.left.is_empty());
    }

    #[test]
    fn what_must_not_be_shut_in_is_left_with_the_reason() {
        let found = of(&[
            event(1_007, &json!([{ "kind": "file", "name": "/usr/bin/bash" }])),
            event(1_001, &json!([{ "kind": "file", "name": "/home/ann/letter.odt" }])),
            event(1_007, &json!([{ "kind": "file", "name": "miner" }])),
            event(3_002, &json!([{ "kind": "user", "name": "ann" }])),
            event(4_001, &json!([{ "kind": "address", "name": "127.0.0.1" }])),
            event(4_003, &json!([{ "kind": "address", "name": "bad.example" }])),
        ]);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(found.left.len(), 6, "{found:?}");
    }

    #[test]
    fn a_file_of_another_machine_is_never_moved_here() {
        let mut there = event(1_007, &json!([{ "kind": "file", "name": "/tmp/miner" }]));
        there["host"] = json!("other");
        there["raw"] = json!(r#"{"_PID": "77", "_EXE": "/tmp/miner"}"#);
        let found = of(&[there]);
        assert!(found.is_empty() && found.left[0].contains("was seen on other"), "{found:?}");
    }

    #[test]
    fn a_process_is_taken_from_the_log_only_with_its_program_and_its_time() {
        let mut seen = event(1_007, &json!([]));
        for (raw, expected) in [
            (r#"{"_PID": "77", "_EXE": "/usr/bin/curl"}"#, Some(77)),
            (r#"{"pid": 78, "exe": "\"/usr/bin/curl\""}"#, Some(78)),
            (r#"{"output_fields": {"proc.pid": 79, "proc.exepath": "/usr/bin/curl"}}"#, Some(79)),
            (r#"{"pid": 1, "exe": "/sbin/init"}"#, None),
            (r#"{"pid": 78}"#, None),
            ("{\"pid\": 78, \"exe\": \"/usr/bin/cu", None),
        ] {
            seen["raw"] = json!(raw);
            let found = of(std::slice::from_ref(&seen));
            let pid = found.suspects.first().and_then(|suspect| suspect.pid);
            assert_eq!(pid, expected, "{raw}");
            assert!(found.suspects.iter().all(|suspect| suspect.before_ms == 15_000));
        }
    }

    #[test]
    fn of_a_weakness_only_the_service_that_has_it_can_be_stopped() {
        let package = Package {
            ecosystem: "Debian:12".into(),
            name: "rsync".into(),
            version: "1".into(),
            arch: None,
            source: None,
            location: String::new(),
        };
        let finding = Finding {
            id: "019d19ec-2e50-71a1-81b2-1c3d4e5f6071".parse::<FindingId>().unwrap(),
            time_ms: 0,
            host: HostId(Digest([1; 32])),
            kind: FindingKind::VulnerablePackage { package, fixed: None },
            status: Status::Affected,
            ids: vec![],
            evidence: vec![],
        };
        let live = |package: &str, loopback: bool| {
            json!({ "listeners": [{ "program": "/usr/bin/rsync", "package": package, "port": 873,
                "loopback": loopback }] })
        };
        let of = |live: Option<Value>| {
            named(&case("patch"), std::slice::from_ref(&finding), None, live.as_ref(), None)
        };
        assert!(of(Some(live("rsync", false))).suspects[0].listens);
        for none in [Some(live("rsync", true)), Some(live("openssh-server", false)), None] {
            let found = of(none);
            assert!(found.is_empty() && found.left.len() == 1, "{found:?}");
        }
    }

    #[test]
    fn a_model_that_was_flagged_is_moved_away_itself_unless_it_is_the_systems() {
        let of = |path: &str| {
            let finding = Finding {
                id: "019d19ec-2e50-71a1-81b2-1c3d4e5f6071".parse::<FindingId>().unwrap(),
                time_ms: 0,
                host: HostId(Digest([1; 32])),
                kind: FindingKind::Model {
                    path: path.into(),
                    sha256: "00".repeat(32),
                    format: "pickle".into(),
                },
                status: Status::Affected,
                ids: vec![],
                evidence: vec![],
            };
            named(&case("model"), &[finding], None, None, None)
        };
        assert_eq!(of("/home/ann/weights.pkl").files, ["/home/ann/weights.pkl"]);
        for path in ["/usr/lib/python3/dist-packages/x.pkl", "weights.pkl", "/home/../etc/x"] {
            let found = of(path);
            assert!(found.is_empty() && found.left.len() == 1, "{found:?}");
        }
    }

    #[test]
    fn each_step_says_what_stops_working_from_what_the_machine_shows() {
        let found = Named {
            addresses: vec!["192.168.1.7".parse().unwrap()],
            files: vec!["/tmp/miner".into()],
            ..Named::default()
        };
        let seen = Seen {
            processes: vec![Running {
                pid: 7,
                start_time: 8,
                program: "/tmp/miner".into(),
                below: 2,
                ports: vec![80, 443],
            }],
            connections: vec![3],
        };
        let parts = parts(&found, &seen);
        let told: Vec<&str> = parts.iter().map(|part| part.cost.as_str()).collect();
        assert!(told[0].contains("3 connections") && told[0].contains("own network"), "{told:?}");
        assert!(told[1].contains("2 programs below it stand still") && told[1].contains("80, 443"));
        assert!(told[2].contains("frozen, not ended"));
        assert_eq!(parts[1].step.params["start_time"], json!(8));
        assert_eq!(parts[0].step.params["ttl_s"], json!(86_400));
    }
}
