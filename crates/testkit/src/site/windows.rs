//! What a thing that happens on Windows leaves in the logs.

use super::catalog::{CONHOST, DOCUMENTS, LIBRARIES, POWERSHELL, Program};
use super::{Event, Scene};

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";
const SECURITY: &str = "Security";
const SYSTEM: &str = "System";
const SHELL: &str = "Microsoft-Windows-PowerShell/Operational";
const SHELL_CLASSIC: &str = "Windows PowerShell";
const TASKS: &str = "Microsoft-Windows-TaskScheduler/Operational";

type Fields = Vec<(&'static str, String)>;

/// Writes what happens in one hour on one machine.
pub struct Desk<'a, 'e> {
    pub scene: &'a Scene<'a>,
    pub events: &'e mut Vec<Event>,
}

fn provider(channel: &str) -> &'static str {
    match channel {
        SYSMON => "Microsoft-Windows-Sysmon",
        SECURITY => "Microsoft-Windows-Security-Auditing",
        SHELL => "Microsoft-Windows-PowerShell",
        SHELL_CLASSIC => "PowerShell",
        TASKS => "Microsoft-Windows-TaskScheduler",
        _ => "Service Control Manager",
    }
}

impl Desk<'_, '_> {
    /// A text with its holes filled.
    pub fn fill(&self, text: &str, user: &str) -> String {
        let scene = self.scene;
        if !text.contains('{') {
            return text.to_owned();
        }
        let document = format!("{}{}", scene.pick(DOCUMENTS), scene.rng.below(40));
        text.replace("{u}", user)
            .replace("{r}", &scene.rng.below(99_999).to_string())
            .replace("{d}", &document)
            .replace("{h}", &scene.hex(8).to_ascii_uppercase())
    }

    pub fn put(&mut self, at_ms: i64, channel: &'static str, id: u32, mut fields: Fields) {
        fields.push(("Provider_Name", provider(channel).to_owned()));
        let event = Event::windows(at_ms, self.scene.at, channel, id, fields);
        self.events.push(event);
    }

    /// An account as Sysmon writes it.
    pub fn account(user: &str) -> String {
        match user {
            "SYSTEM" => "NT AUTHORITY\\SYSTEM".to_owned(),
            user => format!("YARD\\{user}"),
        }
    }

    fn guid(&self) -> String {
        format!("{{{}-{}-{}-0000-0010}}", self.scene.hex(8), self.scene.hex(4), self.scene.hex(4))
    }

    fn pid(&self) -> String {
        (4 * (100 + self.scene.rng.below(4_000))).to_string()
    }

    /// A program from the tables, started by this user.
    pub fn start(&mut self, program: &Program, user: &str) {
        let image = self.fill(program.image, user);
        let line = self.fill(program.line, user);
        let parent = self.fill(program.parent, user);
        self.run(&image, &line, &parent, user);
        if let Some((child, line)) = program.child {
            let (child, line) = (self.fill(child, user), self.fill(line, user));
            self.run(&child, &line, &image, user);
        }
    }

    /// A program that starts, does a few things, and mostly ends.
    pub fn run(&mut self, image: &str, line: &str, parent: &str, user: &str) {
        let at = self.scene.time_ms();
        self.launch(at, image, line, parent, user);
        let name = image.rsplit('\\').next().unwrap_or_default();
        for _ in 0..self.scene.rng.below(3) {
            let library = format!("C:\\Windows\\System32\\{}", self.scene.pick_first(LIBRARIES));
            self.library(at + 40, image, &library);
        }
        if self.scene.chance(400) {
            let file =
                format!("C:\\Windows\\Prefetch\\{}-{}.pf", name.to_uppercase(), self.scene.hex(8));
            self.file(at + 900, super::catalog::SVCHOST, &file);
        }
        if self.scene.chance(500) {
            let target = "C:\\Windows\\System32\\csrss.exe";
            self.look(at + 5, target, image, "0x1fffff");
        }
        let is_console = ["cmd.exe", "powershell.exe", "net.exe", "ping.exe", "robocopy.exe"];
        if is_console.contains(&name.to_ascii_lowercase().as_str()) && self.scene.chance(500) {
            self.launch(
                at + 8,
                CONHOST,
                "\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1",
                image,
                user,
            );
        }
        if self.scene.chance(700) {
            self.end(at + 2_000, image, user);
        }
    }

    fn launch(&mut self, at: i64, image: &str, line: &str, parent: &str, user: &str) {
        let account = Self::account(user);
        let level = if user == "SYSTEM" { "System" } else { "Medium" };
        let name = image.rsplit('\\').next().unwrap_or_default().to_owned();
        let (pid, parent_pid) = (self.pid(), self.pid());
        let (guid, parent_guid) = (self.guid(), self.guid());
        let hashes = format!("SHA256={}", self.scene.hex(64));
        self.put(
            at,
            SYSMON,
            1,
            vec![
                ("UtcTime", String::new()),
                ("ProcessGuid", guid),
                ("ProcessId", pid.clone()),
                ("Image", image.to_owned()),
                ("OriginalFileName", name),
                ("CommandLine", line.to_owned()),
                ("CurrentDirectory", "C:\\Windows\\system32\\".into()),
                ("User", account),
                ("IntegrityLevel", level.into()),
                ("Hashes", hashes),
                ("ParentProcessGuid", parent_guid),
                ("ParentProcessId", parent_pid.clone()),
                ("ParentImage", parent.to_owned()),
                ("ParentCommandLine", format!("\"{parent}\"")),
            ],
        );
        if self.scene.chance(700) {
            self.put(
                at + 1,
                SECURITY,
                4688,
                vec![
                    ("SubjectUserName", self.subject(user)),
                    ("SubjectDomainName", "YARD".into()),
                    ("NewProcessId", pid),
                    ("NewProcessName", image.to_owned()),
                    ("ProcessId", parent_pid),
                    ("CommandLine", line.to_owned()),
                    ("ParentProcessName", parent.to_owned()),
                ],
            );
        }
    }

    /// The account as the security log writes it: the system is the machine.
    pub fn subject(&self, user: &str) -> String {
        if user == "SYSTEM" {
            format!("{}$", self.scene.machine().short())
        } else {
            user.to_owned()
        }
    }

    fn end(&mut self, at: i64, image: &str, user: &str) {
        let (pid, account) = (self.pid(), Self::account(user));
        self.put(
            at,
            SYSMON,
            5,
            vec![("ProcessId", pid.clone()), ("Image", image.to_owned()), ("User", account)],
        );
        if self.scene.chance(500) {
            self.put(
                at,
                SECURITY,
                4689,
                vec![
                    ("SubjectUserName", self.subject(user)),
                    ("ProcessId", pid),
                    ("ProcessName", image.to_owned()),
                    ("Status", "0x0".into()),
                ],
            );
        }
    }

    pub fn library(&mut self, at: i64, image: &str, library: &str) {
        let hashes = format!("SHA256={}", self.scene.hex(64));
        self.put(
            at,
            SYSMON,
            7,
            vec![
                ("Image", image.to_owned()),
                ("ImageLoaded", library.to_owned()),
                ("Hashes", hashes),
                ("Signed", "true".into()),
                ("SignatureStatus", "Valid".into()),
                ("Signature", "Microsoft Windows".into()),
            ],
        );
    }

    pub fn file(&mut self, at: i64, image: &str, path: &str) {
        self.put(
            at,
            SYSMON,
            11,
            vec![("Image", image.to_owned()), ("TargetFilename", path.to_owned())],
        );
    }

    pub fn file_deleted(&mut self, at: i64, image: &str, path: &str, user: &str) {
        let account = Self::account(user);
        self.put(
            at,
            SYSMON,
            23,
            vec![
                ("User", account),
                ("Image", image.to_owned()),
                ("TargetFilename", path.to_owned()),
                ("IsExecutable", "false".into()),
            ],
        );
    }

    pub fn look(&mut self, at: i64, from: &str, at_what: &str, access: &str) {
        self.put(at, SYSMON, 10, vec![
            ("SourceImage", from.to_owned()),
            ("TargetImage", at_what.to_owned()),
            ("GrantedAccess", access.to_owned()),
            ("CallTrace", "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e".into()),
        ]);
    }

    pub fn key(&mut self, at: i64, image: &str, path: &str, kind: &str) {
        self.put(
            at,
            SYSMON,
            12,
            vec![
                ("EventType", kind.to_owned()),
                ("Image", image.to_owned()),
                ("TargetObject", path.to_owned()),
            ],
        );
    }

    pub fn value(&mut self, at: i64, image: &str, path: &str, data: &str) {
        self.put(
            at,
            SYSMON,
            13,
            vec![
                ("EventType", "SetValue".into()),
                ("Image", image.to_owned()),
                ("TargetObject", path.to_owned()),
                ("Details", data.to_owned()),
            ],
        );
    }

    pub fn pipe(&mut self, at: i64, image: &str, name: &str, made: bool) {
        let (id, kind) = if made { (17, "CreatePipe") } else { (18, "ConnectPipe") };
        self.put(
            at,
            SYSMON,
            id,
            vec![
                ("EventType", kind.to_owned()),
                ("Image", image.to_owned()),
                ("PipeName", name.to_owned()),
            ],
        );
    }

    pub fn connect(&mut self, image: &str, user: &str, address: &str, port: u16) {
        let at = self.scene.time_ms();
        let (account, own) = (Self::account(user), self.scene.machine().ip.clone());
        self.put(
            at,
            SYSMON,
            3,
            vec![
                ("Image", image.to_owned()),
                ("User", account),
                ("Protocol", "tcp".into()),
                ("Initiated", "true".into()),
                ("SourceIp", own.clone()),
                ("SourcePort", (49_152 + self.scene.rng.below(16_000)).to_string()),
                ("DestinationIp", address.to_owned()),
                ("DestinationPort", port.to_string()),
            ],
        );
        if self.scene.chance(600) {
            let device = image.to_ascii_lowercase().replace("c:", "\\device\\harddiskvolume2");
            self.put(
                at,
                SECURITY,
                5156,
                vec![
                    ("Application", device.clone()),
                    ("Direction", "%%14593".into()),
                    ("SourceAddress", own),
                    ("SourcePort", "50000".into()),
                    ("DestAddress", address.to_owned()),
                    ("DestPort", port.to_string()),
                    ("Protocol", "6".into()),
                ],
            );
            self.put(
                at,
                SECURITY,
                5158,
                vec![
                    ("Application", device),
                    ("SourceAddress", "0.0.0.0".into()),
                    ("SourcePort", "50000".into()),
                    ("Protocol", "6".into()),
                ],
            );
        }
    }

    pub fn ask(&mut self, image: &str, name: &str) {
        let at = self.scene.time_ms();
        self.put(
            at,
            SYSMON,
            22,
            vec![
                ("Image", image.to_owned()),
                ("QueryName", name.to_owned()),
                ("QueryStatus", "0".into()),
                ("QueryResults", "::ffff:198.51.100.7;".into()),
            ],
        );
    }

    /// A logon of a kind, from an address.
    pub fn logon(&mut self, user: &str, kind: u32, from: &str, elevated: bool) {
        let at = self.scene.time_ms();
        let (subject, machine) = (self.subject("SYSTEM"), self.subject(user));
        let package = if from == "-" { "Negotiate" } else { "Kerberos" };
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

    /// An event that only some channel knows.
    pub fn other(&mut self, channel: &'static str, id: u32, fields: Fields) {
        let at = self.scene.time_ms();
        self.put(at, channel, id, fields);
    }
}
