//! What a thing that happens on Windows leaves in the logs.

use super::catalog::{CONHOST, Program};
use super::tools::{DOCUMENTS, LIBRARIES};
use super::{Event, Scene};

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";
pub const SECURITY: &str = "Security";
pub const SYSTEM: &str = "System";
pub const SHELL: &str = "Microsoft-Windows-PowerShell/Operational";
pub const SHELL_CLASSIC: &str = "Windows PowerShell";
pub const TASKS: &str = "Microsoft-Windows-TaskScheduler/Operational";

pub type Fields = Vec<(&'static str, String)>;

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

    pub fn pid(&self) -> String {
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
        // What starts a program opens it, too.
        if self.scene.chance(300) {
            self.look(at + 6, parent, image, "0x1fffff");
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
        self.load(at, image, library, true);
    }

    /// A library that nobody has signed.
    pub fn unsigned(&mut self, at: i64, image: &str, library: &str) {
        self.load(at, image, library, false);
    }

    fn load(&mut self, at: i64, image: &str, library: &str, signed: bool) {
        let hashes = format!("SHA256={}", self.scene.hex(64));
        self.put(
            at,
            SYSMON,
            7,
            vec![
                ("Image", image.to_owned()),
                ("ImageLoaded", library.to_owned()),
                ("Hashes", hashes),
                ("Signed", signed.to_string()),
                ("SignatureStatus", if signed { "Valid" } else { "Unavailable" }.into()),
                ("Signature", if signed { "Microsoft Windows" } else { "-" }.into()),
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
        self.put(
            at,
            SYSMON,
            10,
            vec![
                ("SourceImage", from.to_owned()),
                ("TargetImage", at_what.to_owned()),
                ("GrantedAccess", access.to_owned()),
                (
                    "CallTrace",
                    "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNE\
                LBASE.dll+2c13e"
                        .into(),
                ),
            ],
        );
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
}
