//! Logons, rights, services, tasks and scripts, as the other channels of Windows tell of them.

use super::catalog::POWERSHELL;
use super::windows::{Desk, Fields, SECURITY, SHELL, SHELL_CLASSIC, SYSTEM, TASKS};

impl Desk<'_, '_> {
    /// A logon of a kind, from an address.
    pub fn logon(&mut self, user: &str, kind: u32, from: &str, elevated: bool) {
        let at = self.scene.time_ms();
        let (subject, machine) = (self.subject("SYSTEM"), self.subject(user));
        let package = match kind {
            2 | 5 | 7 | 11 => "Negotiate",
            _ => "Kerberos",
        };
        self.put(
            at,
            SECURITY,
            4624,
            vec![
                ("SubjectUserName", if from == "-" { subject } else { "-".into() }),
                ("TargetUserName", machine.clone()),
                ("TargetDomainName", "YARD".into()),
                ("LogonType", kind.to_string()),
                ("LogonProcessName", "Kerberos".into()),
                ("AuthenticationPackageName", package.into()),
                ("WorkstationName", "-".into()),
                ("IpAddress", from.to_owned()),
                ("IpPort", "0".into()),
                ("ProcessName", "-".into()),
            ],
        );
        self.put(
            at,
            SECURITY,
            4627,
            vec![
                ("TargetUserName", machine.clone()),
                ("LogonType", kind.to_string()),
                ("GroupMembership", "%{S-1-1-0}".into()),
            ],
        );
        if elevated {
            self.put(
                at,
                SECURITY,
                4672,
                vec![
                    ("SubjectUserName", machine.clone()),
                    ("SubjectDomainName", "YARD".into()),
                    (
                        "PrivilegeList",
                        "SeSecurityPrivilege SeBackupPrivilege SeDebugPrivilege".into(),
                    ),
                ],
            );
        }
        if self.scene.chance(600) {
            self.put(
                at + 5_000,
                SECURITY,
                4634,
                vec![
                    ("TargetUserName", machine),
                    ("TargetDomainName", "YARD".into()),
                    ("LogonType", kind.to_string()),
                ],
            );
        }
    }

    /// A logon over the network by another package than Kerberos.
    pub fn logon_by(&mut self, package: &str, user: &str, from: &str) {
        let at = self.scene.time_ms();
        self.put(
            at,
            SECURITY,
            4624,
            vec![
                ("SubjectUserName", "-".into()),
                ("TargetUserName", user.to_owned()),
                ("TargetDomainName", "YARD".into()),
                ("LogonType", "3".into()),
                ("LogonProcessName", "NtLmSsp".into()),
                ("AuthenticationPackageName", package.to_owned()),
                ("WorkstationName", "MFP01".into()),
                ("IpAddress", from.to_owned()),
                ("IpPort", "50000".into()),
                ("ProcessName", "-".into()),
            ],
        );
    }

    pub fn logon_failed(&mut self, user: &str, kind: u32, from: &str) {
        let at = self.scene.time_ms();
        self.put(
            at,
            SECURITY,
            4625,
            vec![
                ("SubjectUserName", "-".into()),
                ("TargetUserName", user.to_owned()),
                ("TargetDomainName", "YARD".into()),
                ("LogonType", kind.to_string()),
                ("Status", "0xc000006d".into()),
                ("SubStatus", "0xc000006a".into()),
                ("AuthenticationPackageName", "NTLM".into()),
                ("IpAddress", from.to_owned()),
            ],
        );
    }

    /// A line of PowerShell, as its logs tell it.
    pub fn script(&mut self, user: &str, text: &str) {
        let at = self.scene.time_ms();
        let account = Self::account(user);
        self.put(
            at,
            SHELL,
            4104,
            vec![
                ("ScriptBlockText", text.to_owned()),
                ("ScriptBlockId", self.scene.hex(32)),
                ("MessageNumber", "1".into()),
                ("MessageTotal", "1".into()),
                ("UserID", "S-1-5-21-1-2-3-1104".into()),
            ],
        );
        let verb = text.split([' ', '|']).next().unwrap_or_default();
        let host = POWERSHELL;
        self.put(
            at + 1,
            SHELL,
            4103,
            vec![
                ("Payload", format!("CommandInvocation({verb}): \"{verb}\"")),
                ("ContextInfo", format!("Host Application = {host} User = {account}")),
            ],
        );
        self.put(at + 2, SHELL_CLASSIC, 800, vec![("Data", text.to_owned())]);
    }

    /// A console of PowerShell begins.
    pub fn shell(&mut self, user: &str) {
        let at = self.scene.time_ms();
        for id in [40_961, 53_504, 40_962] {
            self.put(at, SHELL, id, vec![("UserID", "S-1-5-21-1-2-3-1104".into())]);
        }
        for id in [600, 400, 403] {
            self.put(at, SHELL_CLASSIC, id, vec![("Data", "Registry, Started".into())]);
        }
        let (ticks, pid) = (self.scene.rng.below(1 << 50), self.pid());
        let name = format!("\\PSHost.{ticks}.{pid}.DefaultAppDomain.powershell");
        self.pipe(at, POWERSHELL, &name, true);
        let test = format!(
            "C:\\Users\\{user}\\AppData\\Local\\Temp\\__PSScriptPolicyTest_{}.ps1",
            self.scene.hex(8)
        );
        self.file(at, POWERSHELL, &test);
        self.file_deleted(at + 10, POWERSHELL, &test, user);
    }

    /// A handle on an object, opened and closed.
    pub fn handle(&mut self, user: &str, process: &str, kind: &str, object: &str) {
        let at = self.scene.time_ms();
        let subject = self.subject(user);
        let of = |names: &[(&'static str, &str)]| -> Fields {
            let mut fields: Fields =
                names.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            fields.extend([
                ("SubjectUserName", subject.clone()),
                ("ProcessName", process.to_owned()),
                ("HandleId", "0x1a4".to_owned()),
            ]);
            fields
        };
        let object = [
            ("ObjectType", kind),
            ("ObjectName", object),
            ("ObjectServer", "Security"),
            ("AccessMask", "0x1"),
        ];
        self.put(at, SECURITY, 4656, of(&object));
        self.put(at, SECURITY, 4663, of(&object));
        self.put(at, SECURITY, 4690, of(&[("SourceHandleId", "0x1a4")]));
        self.put(at, SECURITY, 4658, of(&[("ObjectServer", "Security")]));
    }

    /// Somebody's use of a share.
    pub fn share(&mut self, user: &str, from: &str, share: &str, path: &str) {
        let at = self.scene.time_ms();
        let fields = |name: Option<&str>| -> Fields {
            let mut fields = vec![
                ("SubjectUserName", user.to_owned()),
                ("IpAddress", from.to_owned()),
                ("ShareName", format!("\\\\*\\{share}")),
                ("ObjectType", "File".to_owned()),
                ("AccessMask", "0x1".to_owned()),
            ];
            fields.extend(name.map(|name| ("RelativeTargetName", name.to_owned())));
            fields
        };
        self.put(at, SECURITY, 5140, fields(None));
        self.put(at, SECURITY, 5145, fields(Some(path)));
    }

    /// A privilege that a program of Windows uses.
    pub fn privilege(&mut self, process: &str) {
        let at = self.scene.time_ms();
        let subject = self.subject("SYSTEM");
        self.put(
            at,
            SECURITY,
            4703,
            vec![
                ("SubjectUserName", subject.clone()),
                ("TargetUserName", subject.clone()),
                ("ProcessName", process.to_owned()),
                ("EnabledPrivilegeList", "SeBackupPrivilege".into()),
            ],
        );
        self.put(
            at,
            SECURITY,
            4673,
            vec![
                ("SubjectUserName", subject),
                ("ProcessName", process.to_owned()),
                ("PrivilegeList", "SeTcbPrivilege".into()),
                ("Service", "LsaRegisterLogonProcess()".into()),
            ],
        );
    }

    /// A service: changes of its state, or a new one.
    pub fn service(&mut self, id: u32, name: &str, path: &str) {
        let at = self.scene.time_ms();
        let fields = match id {
            7045 => vec![
                ("ServiceName", name.to_owned()),
                ("ImagePath", path.to_owned()),
                ("ServiceType", "user mode service".into()),
                ("StartType", "auto start".into()),
                ("AccountName", "LocalSystem".into()),
            ],
            _ => vec![("param1", name.to_owned()), ("param2", path.to_owned())],
        };
        self.put(at, SYSTEM, id, fields);
    }

    /// A scheduled task runs, or is made.
    pub fn task(&mut self, id: u32, name: &str, action: &str) {
        let at = self.scene.time_ms();
        let user = self.subject("SYSTEM");
        self.put(
            at,
            TASKS,
            id,
            vec![
                ("TaskName", name.to_owned()),
                ("ActionName", action.to_owned()),
                ("UserContext", user.clone()),
            ],
        );
        if id == 106 {
            self.put(
                at,
                SECURITY,
                4698,
                vec![
                    ("SubjectUserName", user),
                    ("TaskName", name.to_owned()),
                    ("TaskContent", format!("<Exec><Command>{action}</Command></Exec>")),
                ],
            );
        }
    }

    /// A change of an account or group, by an administrator.
    pub fn directory(&mut self, id: u32, by: &str, target: &str) {
        let at = self.scene.time_ms();
        self.put(
            at,
            SECURITY,
            id,
            vec![
                ("SubjectUserName", by.to_owned()),
                ("SubjectDomainName", "YARD".into()),
                ("TargetUserName", target.to_owned()),
                ("TargetDomainName", "YARD".into()),
                ("MemberName", format!("CN={target},OU=staff,DC=yard,DC=example")),
            ],
        );
    }

    /// A ticket of Kerberos on the domain controller.
    pub fn ticket(&mut self, id: u32, user: &str, service: &str, from: &str) {
        let at = self.scene.time_ms();
        self.put(
            at,
            SECURITY,
            id,
            vec![
                ("TargetUserName", user.to_owned()),
                ("TargetDomainName", "YARD.EXAMPLE".into()),
                ("ServiceName", service.to_owned()),
                ("IpAddress", format!("::ffff:{from}")),
                ("TicketEncryptionType", "0x12".into()),
                ("Status", "0x0".into()),
            ],
        );
    }

    /// A ticket that was not given.
    pub fn ticket_failed(&mut self, id: u32, user: &str, status: &str, from: &str) {
        let at = self.scene.time_ms();
        self.put(
            at,
            SECURITY,
            id,
            vec![
                ("TargetUserName", user.to_owned()),
                ("TargetDomainName", "YARD.EXAMPLE".into()),
                ("ServiceName", "krbtgt".into()),
                ("IpAddress", format!("::ffff:{from}")),
                ("Status", status.to_owned()),
            ],
        );
    }

    /// An event that only some channel knows.
    pub fn other(&mut self, channel: &'static str, id: u32, fields: Fields) {
        let at = self.scene.time_ms();
        self.put(at, channel, id, fields);
    }
}
