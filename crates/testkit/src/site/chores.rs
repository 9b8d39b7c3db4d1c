//! What the logs of real machines are full of besides: programs that open what they start, updates
//! in the background, old devices, users who follow a voice on the telephone.

use super::Role;
use super::catalog::{CHROME, CMD, EXPLORER, OUTLOOK, POWERSHELL, SVCHOST};
use super::routine::is_at_work;
use super::windows::Desk;

const LSASS: &str = "C:\\Windows\\System32\\lsass.exe";
const ONEDRIVE: &str = "C:\\Users\\{u}\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe";
const DEFENDER: &str = "C:\\Program Files\\Windows Defender\\MsMpEng.exe";

/// Registry values that are written now and then: who, where, what.
const VALUES: &[(&str, &str, &str)] = &[
    (
        SVCHOST,
        "HKLM\\System\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\Fir\
            ewallRules\\{h}",
        "v2.30|Action=Allow|App=C:\\Program Files\\Rota\\rota.exe|",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WINEVT\\Channels\\Microsoft-Windows-CAPI2\
            /Operational\\Enabled",
        "DWORD (0x00000000)",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\{h}\\Id",
        "x",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\SystemCertificates\\AuthRoot\\Certificates\\{h}\\Blob",
        "Binary Data",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\ProxyServer",
        "x",
    ),
    (
        DEFENDER,
        "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Features\\TamperProtection",
        "DWORD (0x00000005)",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\TypedPaths\\\
            url1",
        "D:\\share",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell F\
            olders\\Personal",
        "x",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RunMRU\\a",
        "x",
    ),
    (
        OUTLOOK,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Office\\16.0\\Outlook\\Security\\OutlookSecure\
            TempFolder",
        "x",
    ),
    (
        "C:\\Windows\\System32\\spoolsv.exe",
        "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Print\\Environments\\x64\\Drivers\\Version-3\
            \\MFP\\Driver",
        "x",
    ),
    (
        "C:\\Windows\\System32\\mstsc.exe",
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Terminal Server Client\\Default\\MRU0",
        "srv01",
    ),
];

/// Scripts that management agents and modules of Windows run.
const MODULES: &[&str] = &[
    "Add-Type -TypeDefinition 'using System.Runtime.InteropServices; public class Q { [DllImport(\"ker\
        nel32\")] public static extern int GetTickCount(); }'",
    "function Get-MpStatus { Get-MpPreference | Select-Object -Property DisableRealtimeMonitoring }",
    "Get-WinEvent -LogName System -MaxEvents 50 | Where-Object LevelDisplayName -eq Error",
    "Get-ScheduledTask | Where-Object State -ne Disabled",
    "$c = New-Object Net.WebClient; $c.DownloadFile('https://updates.example/a.cab', 'C:\\ProgramData\\Ag\
        ent\\a.cab')",
    "Get-NetFirewallProfile | Select-Object Name, Enabled",
];

/// What happens besides in an hour of a machine with Windows.
pub fn hour(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    background(desk);
    records(desk);
    if matches!(scene.machine().role, Role::Directory | Role::Server) {
        served(desk);
    }
    if is_at_work(scene) {
        used(desk);
    }
}

/// Windows and its services.
fn background(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    for _ in 0..scene.rng.below(3) {
        let (image, path, data) = scene.pick_first(VALUES);
        let path = desk.fill(path, "x");
        desk.value(scene.time_ms(), image, &path, data);
    }
    if scene.chance(300) {
        for program in ["SearchApp.exe", "smartscreen.exe", "backgroundTaskHost.exe"] {
            let image = format!("C:\\Windows\\System32\\{program}");
            desk.connect(&image, "SYSTEM", "198.51.100.21", 443);
        }
    }
    if scene.chance(200) {
        desk.pipe(
            scene.time_ms(),
            SVCHOST,
            scene.pick(&["\\eventlog", "\\atsvc", "\\epmapper", "\\winreg"]),
            true,
        );
    }
    if scene.chance(150) {
        let file = format!("C:\\Windows\\System32\\Tasks\\Agent\\Inventory{}", scene.rng.below(3));
        desk.file(scene.time_ms(), SVCHOST, &file);
    }
    if scene.chance(60) {
        desk.script("SYSTEM", scene.pick(MODULES));
    }
    if scene.chance(120) {
        desk.connect(POWERSHELL, "SYSTEM", "203.0.113.40", 443);
    }
    if scene.chance(80) {
        let library = "C:\\Windows\\assembly\\NativeImages_v4.0.30319_64\\System\\x\\System.ni.dll";
        desk.unsigned(
            scene.time_ms(),
            scene.pick(&[POWERSHELL, "C:\\Windows\\System32\\mmc.exe"]),
            library,
        );
    }
    if scene.chance(40) {
        let crash = "C:\\Windows\\System32\\WerFault.exe";
        desk.look(scene.time_ms(), crash, scene.pick(&[CHROME, SVCHOST, EXPLORER]), "0x1fffff");
    }
    if scene.chance(30) {
        let command = "C:\\Windows\\System32\\cmd.exe";
        desk.look(scene.time_ms(), LSASS, command, "0x1478");
    }
}

/// Events that are told by their number alone.
fn records(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    let data = |text: &str| vec![("Data", text.to_owned())];
    if scene.chance(250) {
        for id in [3, 59, 60] {
            let fields = vec![("jobTitle", "Updates".into()), ("name", "Updates".into())];
            desk.other("Microsoft-Windows-Bits-Client/Operational", id, fields);
        }
    }
    if scene.chance(120) {
        for id in [326, 325, 327] {
            desk.other("Application", id, data("svchost, catdb"));
        }
    }
    if scene.chance(150) {
        desk.other(
            "Microsoft-Windows-Windows Defender/Operational",
            scene.pick(&[2_000, 1_150, 5_007]),
            data("signatures"),
        );
    }
    if scene.chance(300) {
        desk.other("Security", 5_379, vec![("SubjectUserName", scene.machine().user.clone())]);
    }
    if scene.chance(60) {
        desk.other(
            "Microsoft-Windows-WMI-Activity/Operational",
            5_860,
            data("SELECT * FROM Win32"),
        );
    }
    if scene.chance(15) {
        desk.other("Microsoft-Windows-CodeIntegrity/Operational", 3_033, data("agent.dll"));
    }
    if scene.chance(8) {
        desk.other("System", 7_034, vec![("param1", "Print Spooler".into())]);
    }
    if scene.chance(5) {
        desk.other("Microsoft-Windows-Sysmon/Operational", 16, data("a new configuration"));
    }
    if scene.chance(4) {
        desk.other("Microsoft-Windows-Sysmon/Operational", 6, data("a scanner's driver"));
    }
    if scene.chance(3) {
        desk.other("Security", 4_826, data("as always"));
        desk.other("Security", 4_902, data("at the start"));
    }
}

/// What servers are asked for.
fn served(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    let other = &scene.machines[scene.rng.index(scene.machines.len())];
    let door = scene.pick(&["srvsvc", "wkssvc", "samr", "lsarpc", "spoolss", "netlogon"]);
    desk.share(&other.user, &other.ip, "IPC$", door);
    desk.pipe(scene.time_ms(), "System", &format!("\\{door}"), false);
    // Old devices know nothing newer.
    if scene.chance(150) {
        desk.logon_by("NTLM", scene.pick(&["scanner", "printer"]), "10.20.0.200");
    }
    if scene.chance(40) {
        desk.logon_by("NTLM", "ANONYMOUS LOGON", &other.ip);
    }
    if scene.chance(30) {
        desk.logon_by("Negotiate", "Administrator", "10.20.1.14");
    }
    if scene.machine().role == Role::Directory {
        if scene.chance(200) {
            desk.ticket_failed(4_771, &other.user, "0x18", &other.ip);
        }
        if scene.chance(100) {
            desk.ticket_failed(4_768, "scannr", "0x6", "10.20.0.200");
        }
    }
}

/// What people do without thinking of it.
fn used(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    let user = scene.machine().user.clone();
    let drive = desk.fill(ONEDRIVE, &user);
    desk.connect(&drive, &user, "198.51.100.22", 443);
    if scene.chance(300) {
        let teams =
            format!("C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Teams\\current\\Teams.exe");
        desk.connect(&teams, &user, "198.51.100.23", 443);
        let library =
            format!("C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Teams\\current\\ffmpeg.dll");
        desk.library(scene.time_ms(), &teams, &library);
    }
    if scene.chance(200) {
        desk.connect(EXPLORER, &user, "198.51.100.24", 443);
        desk.connect(OUTLOOK, &user, "198.51.100.25", 443);
    }
    if scene.chance(120) {
        let (folder, kind) = scene.pick(&[
            ("Desktop", "lnk"),
            ("Downloads", "exe"),
            ("Documents", "bat"),
            ("Desktop", "rdp"),
            ("Documents", "xlsm"),
            ("Desktop", "url"),
        ]);
        let name = desk.fill("{d}", &user);
        let path = format!("C:\\Users\\{user}\\{folder}\\{name}.{kind}");
        desk.file(scene.time_ms(), EXPLORER, &path);
    }
    if scene.chance(60) {
        let path = desk.fill("C:\\Users\\{u}\\AppData\\Local\\Temp\\7z{h}\\{d}.exe", &user);
        desk.file(scene.time_ms(), "C:\\Program Files\\7-Zip\\7zFM.exe", &path);
    }
    // Somebody on the telephone says what to type.
    if scene.chance(4) {
        desk.run(CMD, "\"cmd.exe\"", EXPLORER, &user);
        desk.run("C:\\Windows\\System32\\ipconfig.exe", "ipconfig /all", CMD, &user);
        desk.run("C:\\Windows\\System32\\PING.EXE", "ping srv01", CMD, &user);
    }
    if scene.chance(3) {
        desk.run(POWERSHELL, "\"powershell.exe\"", EXPLORER, &user);
        desk.shell(&user);
    }
}
