//! What kind of machine it may be, by what listens on it. A proposal for a person to confirm; no
//! rule is loosened by it.

use serde_json::Value;
use spine::MachineClass;

/// A port that tells something: its number, the class it speaks for, and what it is.
const PORTS: [(u64, MachineClass, &str); 17] = [
    (104, MachineClass::Medical, "DICOM, medical images"),
    (11_112, MachineClass::Medical, "DICOM, medical images"),
    (2575, MachineClass::Medical, "HL7, medical messages"),
    (502, MachineClass::ProcessControl, "Modbus, process control"),
    (47_808, MachineClass::ProcessControl, "BACnet, building control"),
    (20_000, MachineClass::ProcessControl, "DNP3, process control"),
    (102, MachineClass::ProcessControl, "S7, process control"),
    (44_818, MachineClass::ProcessControl, "EtherNet/IP, process control"),
    (9100, MachineClass::Workstation, "a printer"),
    (631, MachineClass::Workstation, "printing"),
    (445, MachineClass::Server, "shared files (SMB)"),
    (2049, MachineClass::Server, "shared files (NFS)"),
    (80, MachineClass::Server, "a web server"),
    (443, MachineClass::Server, "a web server"),
    (25, MachineClass::Server, "a mail server"),
    (5432, MachineClass::Server, "a database"),
    (3306, MachineClass::Server, "a database"),
];

/// A proposal and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The class.
    pub class: MachineClass,
    /// What speaks for it, such as `port 104: DICOM, medical images`.
    pub reasons: Vec<String>,
}

/// What the listeners of a machine (as the agent keeps them) speak for. Life-safety comes first.
pub fn propose(live: &Value) -> Proposal {
    let listeners = live.get("listeners").and_then(Value::as_array);
    let open = |listener: &&Value| listener.get("loopback").and_then(Value::as_bool) != Some(true);
    let ports: Vec<u64> = listeners
        .into_iter()
        .flatten()
        .filter(open)
        .filter_map(|listener| listener.get("port").and_then(Value::as_u64))
        .collect();
    let order = [
        MachineClass::Medical,
        MachineClass::ProcessControl,
        MachineClass::Server,
        MachineClass::Workstation,
    ];
    for class in order {
        let mut reasons: Vec<String> = PORTS
            .iter()
            .filter(|(port, of, _)| *of == class && ports.contains(port))
            .map(|(port, _, what)| format!("port {port}: {what}"))
            .collect();
        if !reasons.is_empty() {
            reasons.dedup();
            return Proposal { class, reasons };
        }
    }
    Proposal { class: MachineClass::Unknown, reasons: Vec::new() }
}

/// The name that the configuration uses.
pub const fn name(class: MachineClass) -> &'static str {
    match class {
        MachineClass::Workstation => "workstation",
        MachineClass::Server => "server",
        MachineClass::Medical => "medical",
        MachineClass::ProcessControl => "process_control",
        MachineClass::Unknown => "unknown",
    }
}

/// The name in plain words.
pub const fn words(class: MachineClass) -> &'static str {
    match class {
        MachineClass::Workstation => "a person's computer, or near one",
        MachineClass::Server => "a server",
        MachineClass::Medical => "a medical device, or a machine that drives one",
        MachineClass::ProcessControl => "process control",
        MachineClass::Unknown => "not known",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn proposed(ports: &[(u16, bool)]) -> MachineClass {
        let listener =
            |(port, loopback): &(u16, bool)| json!({ "port": port, "loopback": loopback });
        propose(&json!({ "listeners": ports.iter().map(listener).collect::<Vec<_>>() })).class
    }

    #[test]
    fn what_may_harm_people_comes_before_what_is_common() {
        assert_eq!(proposed(&[(443, false), (104, false)]), MachineClass::Medical);
        assert_eq!(proposed(&[(443, false), (502, false)]), MachineClass::ProcessControl);
        assert_eq!(proposed(&[(443, false)]), MachineClass::Server);
        assert_eq!(proposed(&[(104, true)]), MachineClass::Unknown, "only this machine reaches it");
        assert_eq!(propose(&Value::Null).class, MachineClass::Unknown);
    }
}
