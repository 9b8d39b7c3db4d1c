//! Programs, places, names. Written from general knowledge of such offices.

/// First names, invented people.
pub const NAMES: &[&str] = &[
    "amara", "bruno", "carla", "dario", "elena", "farid", "greta", "hugo", "ines", "jonas",
    "karin", "lukas", "mila", "nadia", "oskar", "petra", "quinn", "rosa", "sven", "tania", "ugo",
    "vera", "wanda", "xenia", "yusuf", "zora", "anton", "birgit", "cesar", "doris", "emil",
    "frieda", "gustav", "hanna", "ivan", "jutta", "kemal", "lena", "marek", "nora",
];

/// What somebody does all day.
#[derive(Debug)]
pub struct Trade {
    pub name: &'static str,
    pub programs: &'static [Program],
}

/// A program that people start.
#[derive(Debug)]
pub struct Program {
    pub image: &'static str,
    /// `{u}` is the user, `{r}` a random number, `{d}` a document.
    pub line: &'static str,
    pub parent: &'static str,
    pub child: Option<(&'static str, &'static str)>,
}

const fn program(image: &'static str, line: &'static str) -> Program {
    Program { image, line, parent: EXPLORER, child: None }
}

const fn under(parent: &'static str, image: &'static str, line: &'static str) -> Program {
    Program { image, line, parent, child: None }
}

const fn with(
    image: &'static str,
    line: &'static str,
    child: (&'static str, &'static str),
) -> Program {
    Program { image, line, parent: EXPLORER, child: Some(child) }
}

pub const EXPLORER: &str = "C:\\Windows\\explorer.exe";
pub const SERVICES: &str = "C:\\Windows\\System32\\services.exe";
pub const SVCHOST: &str = "C:\\Windows\\System32\\svchost.exe";
pub const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
pub const CONHOST: &str = "C:\\Windows\\System32\\conhost.exe";
pub const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
pub const CHROME: &str = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe";
pub const EDGE: &str = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe";
const WORD: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
const EXCEL: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE";
const OUTLOOK: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE";
const TEAMS: &str = "C:\\Users\\{u}\\AppData\\Local\\Microsoft\\Teams\\current\\Teams.exe";
const CODE: &str = "C:\\Users\\{u}\\AppData\\Local\\Programs\\Microsoft VS Code\\Code.exe";
const GIT: &str = "C:\\Program Files\\Git\\cmd\\git.exe";
const NODE: &str = "C:\\Program Files\\nodejs\\node.exe";
const PYTHON: &str = "C:\\Users\\{u}\\AppData\\Local\\Programs\\Python\\Python312\\python.exe";

/// What everybody starts.
pub const COMMON: &[Program] = &[
    with(
        CHROME,
        "\"chrome.exe\" --profile-directory=Default",
        (CHROME, "\"chrome.exe\" --type=renderer --lang=en --field-trial-handle={r}"),
    ),
    with(
        EDGE,
        "\"msedge.exe\" --no-startup-window",
        (EDGE, "\"msedge.exe\" --type=utility --field-trial-handle={r}"),
    ),
    program(OUTLOOK, "\"OUTLOOK.EXE\""),
    program(WORD, "\"WINWORD.EXE\" /n \"C:\\Users\\{u}\\Documents\\{d}.docx\""),
    program(EXCEL, "\"EXCEL.EXE\" \"\\\\srv01\\share\\{d}.xlsx\""),
    with(
        TEAMS,
        "\"Teams.exe\" --system-initiated",
        (TEAMS, "\"Teams.exe\" --type=gpu-process --field-trial-handle={r}"),
    ),
    program(
        "C:\\Program Files\\Adobe\\Acrobat DC\\Acrobat\\Acrobat.exe",
        "\"Acrobat.exe\" \"C:\\Users\\{u}\\Downloads\\{d}.pdf\"",
    ),
    under(
        OUTLOOK,
        "C:\\Program Files\\Adobe\\Acrobat DC\\Acrobat\\Acrobat.exe",
        "\"Acrobat.exe\" \"C:\\Users\\{u}\\AppData\\Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\{h}\\{d}.pdf\"",
    ),
    under(OUTLOOK, CHROME, "\"chrome.exe\" --single-argument https://mail.example/{r}"),
    program(
        "C:\\Windows\\System32\\notepad.exe",
        "\"notepad.exe\" C:\\Users\\{u}\\Desktop\\{d}.txt",
    ),
    program("C:\\Windows\\System32\\calc.exe", "\"calc.exe\""),
    program("C:\\Windows\\System32\\SnippingTool.exe", "\"SnippingTool.exe\""),
    program(
        "C:\\Program Files\\7-Zip\\7zFM.exe",
        "\"7zFM.exe\" \"C:\\Users\\{u}\\Downloads\\{d}.zip\"",
    ),
    under(SVCHOST, "C:\\Windows\\System32\\RuntimeBroker.exe", "RuntimeBroker.exe -Embedding"),
    under(
        SVCHOST,
        "C:\\Windows\\System32\\SearchProtocolHost.exe",
        "\"SearchProtocolHost.exe\" Global\\UsGthrFltPipeMssGthrPipe{r}_ Global\\UsGthrCtrlFltPipeMssGthrPipe{r}",
    ),
    under(SVCHOST, "C:\\Windows\\System32\\smartscreen.exe", "smartscreen.exe -Embedding"),
    under(
        SVCHOST,
        "C:\\Windows\\System32\\dllhost.exe",
        "dllhost.exe /Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}",
    ),
    under(
        SVCHOST,
        "C:\\Windows\\SystemApps\\Microsoft.Windows.Search_cw5n1h2txyewy\\SearchApp.exe",
        "\"SearchApp.exe\" -ServerName:CortanaUI.AppX",
    ),
    program(
        "C:\\Windows\\System32\\rundll32.exe",
        "\"rundll32.exe\" C:\\Windows\\System32\\shell32.dll,OpenAs_RunDLL C:\\Users\\{u}\\Downloads\\{d}.dat",
    ),
    program("C:\\Windows\\System32\\control.exe", "\"control.exe\" printers"),
    program("C:\\Windows\\System32\\mspaint.exe", "\"mspaint.exe\""),
    program(
        "C:\\Windows\\System32\\SystemPropertiesAdvanced.exe",
        "\"SystemPropertiesAdvanced.exe\"",
    ),
    program(
        "C:\\Users\\{u}\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe",
        "\"OneDrive.exe\" /background",
    ),
    program("C:\\Users\\{u}\\Downloads\\{d}.exe", "\"{d}.exe\""),
    program(
        "C:\\Windows\\System32\\wscript.exe",
        "\"wscript.exe\" \"\\\\dc01\\netlogon\\drives.vbs\"",
    ),
    program(
        "C:\\Program Files\\VideoLAN\\VLC\\vlc.exe",
        "\"vlc.exe\" --started-from-file \"C:\\Users\\{u}\\Videos\\{d}.mp4\"",
    ),
];

/// What each trade starts beside that. The last is for servers and administrators.
pub const TRADES: &[Trade] = &[
    Trade {
        name: "office",
        programs: &[
            program(
                "C:\\Program Files\\Microsoft Office\\root\\Office16\\POWERPNT.EXE",
                "\"POWERPNT.EXE\" \"C:\\Users\\{u}\\Documents\\{d}.pptx\"",
            ),
            program(
                "C:\\Program Files\\LibreOffice\\program\\soffice.exe",
                "\"soffice.exe\" -o \"C:\\Users\\{u}\\Documents\\{d}.odt\"",
            ),
            program(
                "C:\\Program Files\\Zoom\\bin\\Zoom.exe",
                "\"Zoom.exe\" --url=zoommtg://meet.example/{r}",
            ),
            program("C:\\Windows\\System32\\mstsc.exe", "\"mstsc.exe\" /v:srv01"),
        ],
    },
    Trade {
        name: "accounts",
        programs: &[
            with(
                "C:\\Ledger\\bin\\ledger.exe",
                "\"ledger.exe\" /db:srv01 /user:{u}",
                (CMD, "cmd.exe /c copy C:\\Ledger\\out\\{d}.csv \\\\srv01\\share\\bank\\ /y"),
            ),
            program(EXCEL, "\"EXCEL.EXE\" /dde \"C:\\Ledger\\out\\{d}.xlsm\""),
            under(EXCEL, "C:\\Windows\\splwow64.exe", "splwow64.exe 8192"),
            program("C:\\Program Files (x86)\\BankLink\\banklink.exe", "\"banklink.exe\" -sync"),
            under(
                "C:\\Program Files (x86)\\BankLink\\banklink.exe",
                "C:\\Program Files (x86)\\BankLink\\jre\\bin\\javaw.exe",
                "javaw.exe -jar sign.jar {d}.xml",
            ),
        ],
    },
    Trade {
        name: "front desk",
        programs: &[
            program("C:\\Program Files (x86)\\Appoint\\appoint.exe", "\"appoint.exe\" /terminal 3"),
            under(
                "C:\\Program Files (x86)\\Appoint\\appoint.exe",
                "C:\\Windows\\System32\\printui.exe",
                "printui.exe /y /n \"Label printer\"",
            ),
            program("C:\\Windows\\System32\\WFS.exe", "\"WFS.exe\" /SendTo"),
            program(
                "C:\\Program Files (x86)\\Appoint\\cardreader.exe",
                "\"cardreader.exe\" --port COM3",
            ),
        ],
    },
    Trade {
        name: "development",
        programs: &[
            with(
                CODE,
                "\"Code.exe\" C:\\src\\{d}",
                (CMD, "C:\\Windows\\System32\\cmd.exe /d /s /c \"git rev-parse --show-toplevel\""),
            ),
            with(
                GIT,
                "git.exe fetch --prune origin",
                (
                    "C:\\Program Files\\Git\\mingw64\\libexec\\git-core\\git-remote-https.exe",
                    "git-remote-https origin https://git.example/{d}.git",
                ),
            ),
            with(
                NODE,
                "node.exe C:\\src\\{d}\\node_modules\\.bin\\vite build",
                (CMD, "cmd.exe /d /s /c \"npm run build --silent\""),
            ),
            with(
                PYTHON,
                "python.exe -m pytest -q C:\\src\\{d}",
                (CMD, "cmd.exe /c \"where python\""),
            ),
            with(
                POWERSHELL,
                "\"powershell.exe\" -NoLogo",
                (
                    "C:\\Program Files\\Docker\\Docker\\resources\\bin\\docker.exe",
                    "docker.exe compose up -d",
                ),
            ),
            under(
                POWERSHELL,
                "C:\\Windows\\System32\\curl.exe",
                "curl.exe -sS -o out.json https://api.example/{d}",
            ),
            under(POWERSHELL, "C:\\Windows\\System32\\OpenSSH\\ssh.exe", "ssh.exe web01"),
            under(CMD, "C:\\src\\{d}\\target\\debug\\{d}.exe", "{d}.exe --test-threads 4"),
            under(
                CMD,
                "C:\\Users\\{u}\\AppData\\Local\\Temp\\{h}\\build-script.exe",
                "build-script.exe",
            ),
            under(
                CODE,
                POWERSHELL,
                "powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\src\\{d}\\scripts\\setup.ps1",
            ),
            program("C:\\Program Files\\PuTTY\\putty.exe", "\"putty.exe\" -load web01"),
            program("C:\\Windows\\System32\\wsl.exe", "wsl.exe -d Debian"),
            under(POWERSHELL, "C:\\Windows\\System32\\tar.exe", "tar.exe -xf {d}.tar.gz"),
            under(CMD, "C:\\Windows\\System32\\netstat.exe", "netstat -ano"),
        ],
    },
    Trade {
        name: "warehouse",
        programs: &[
            program("C:\\Stock\\stock.exe", "\"stock.exe\" -scanner"),
            under("C:\\Stock\\stock.exe", CMD, "cmd /c \"C:\\Stock\\labels.bat {r}\""),
            under(CMD, "C:\\Windows\\System32\\print.exe", "print /d:LPT1 C:\\Stock\\out\\{d}.lbl"),
            under(CMD, "C:\\Windows\\System32\\net.exe", "net use L: \\\\srv01\\labels"),
        ],
    },
    Trade { name: "servers", programs: &[] },
];

/// What an administrator starts, each with the program that starts it.
pub const ADMIN: &[Program] = &[
    program("C:\\Windows\\System32\\mmc.exe", "\"mmc.exe\" \"C:\\Windows\\system32\\dsa.msc\""),
    program(
        "C:\\Windows\\System32\\mmc.exe",
        "\"mmc.exe\" \"C:\\Windows\\system32\\eventvwr.msc\" /s",
    ),
    program(
        "C:\\Windows\\System32\\mmc.exe",
        "\"mmc.exe\" \"C:\\Windows\\system32\\compmgmt.msc\"",
    ),
    program("C:\\Windows\\System32\\mstsc.exe", "\"mstsc.exe\" /v:dc01 /admin"),
    program("C:\\Windows\\System32\\Taskmgr.exe", "\"Taskmgr.exe\" /7"),
    program(CMD, "\"cmd.exe\""),
    program(POWERSHELL, "\"powershell.exe\""),
    under(CMD, "C:\\Windows\\System32\\ipconfig.exe", "ipconfig /all"),
    under(CMD, "C:\\Windows\\System32\\PING.EXE", "ping -n 4 srv01"),
    under(CMD, "C:\\Windows\\System32\\nslookup.exe", "nslookup mail.example"),
    under(CMD, "C:\\Windows\\System32\\gpupdate.exe", "gpupdate /force"),
    under(CMD, "C:\\Windows\\System32\\whoami.exe", "whoami /groups"),
    under(CMD, "C:\\Windows\\System32\\systeminfo.exe", "systeminfo"),
    under(CMD, "C:\\Windows\\System32\\net.exe", "net use Z: \\\\srv01\\install /persistent:no"),
    under(CMD, "C:\\Windows\\System32\\net.exe", "net user {u} /domain"),
    under(CMD, "C:\\Windows\\System32\\net.exe", "net localgroup administrators"),
    under(CMD, "C:\\Windows\\System32\\sc.exe", "sc query spooler"),
    under(CMD, "C:\\Windows\\System32\\net.exe", "net stop spooler"),
    under(CMD, "C:\\Windows\\System32\\tasklist.exe", "tasklist /svc"),
    under(CMD, "C:\\Windows\\System32\\taskkill.exe", "taskkill /f /im appoint.exe"),
    under(CMD, "C:\\Windows\\System32\\schtasks.exe", "schtasks /query /fo list"),
    under(CMD, "C:\\Windows\\System32\\netsh.exe", "netsh interface show interface"),
    under(
        CMD,
        "C:\\Windows\\System32\\reg.exe",
        "reg query HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
    ),
    under(CMD, "C:\\Windows\\System32\\icacls.exe", "icacls D:\\share\\{d} /grant staff:(OI)(CI)M"),
    under(CMD, "C:\\Windows\\System32\\Robocopy.exe", "robocopy D:\\share E:\\mirror /mir /r:1"),
    under(CMD, "C:\\Windows\\System32\\wbem\\WMIC.exe", "wmic bios get serialnumber"),
    under(CMD, "C:\\Windows\\System32\\quser.exe", "quser /server:srv01"),
    under(CMD, "C:\\Tools\\PsExec64.exe", "PsExec64.exe \\\\pc01 -s cmd /c gpupdate /force"),
    under(POWERSHELL, "C:\\Windows\\System32\\HOSTNAME.EXE", "hostname"),
    under(POWERSHELL, "C:\\Windows\\System32\\PING.EXE", "ping pc01"),
    program("C:\\Tools\\Sysinternals\\procexp64.exe", "\"procexp64.exe\""),
    program("C:\\Program Files\\PuTTY\\putty.exe", "\"putty.exe\" root@web01"),
    program("C:\\Program Files (x86)\\WinSCP\\WinSCP.exe", "\"WinSCP.exe\""),
    program("C:\\Program Files\\Wireshark\\Wireshark.exe", "\"Wireshark.exe\""),
    program(
        "C:\\Program Files\\Notepad++\\notepad++.exe",
        "\"notepad++.exe\" \"D:\\share\\scripts\\{d}.ps1\"",
    ),
];

/// Lines of scripts that administrators and agents run.
pub const SCRIPTS: &[&str] = &[
    "Get-Service | Where-Object {$_.Status -eq 'Stopped'}",
    "Get-ADUser -Filter * -Properties LastLogonDate | Export-Csv C:\\Tools\\users.csv",
    "Get-EventLog -LogName System -Newest 50",
    "Import-Module ActiveDirectory",
    "Restart-Service -Name Spooler",
    "Get-WmiObject -Class Win32_LogicalDisk -ComputerName srv01",
    "Get-ChildItem -Path D:\\share -Recurse | Measure-Object -Property Length -Sum",
    "Test-NetConnection srv01 -Port 445",
    "Invoke-Command -ComputerName srv01 -ScriptBlock { Get-HotFix }",
    "Get-Content C:\\Logs\\agent.log -Tail 20",
    "$s = New-PSSession -ComputerName dc01; Invoke-Command -Session $s { Get-Date }",
    "Invoke-WebRequest -Uri https://updates.example/agent.json -OutFile C:\\ProgramData\\Agent\\agent.json",
    "Set-ADAccountPassword -Identity amara -Reset",
    "Copy-Item -Path \\\\srv01\\install\\*.msi -Destination C:\\Temp",
    "Get-Process | Sort-Object CPU -Descending | Select-Object -First 10",
    "Set-ExecutionPolicy -Scope Process -ExecutionPolicy Bypass",
];

/// Libraries that programs load.
pub const LIBRARIES: &[&str] = &[
    "ntdll.dll",
    "kernel32.dll",
    "KernelBase.dll",
    "user32.dll",
    "advapi32.dll",
    "combase.dll",
    "rpcrt4.dll",
    "sechost.dll",
    "ole32.dll",
    "shell32.dll",
    "ws2_32.dll",
    "winhttp.dll",
    "crypt32.dll",
    "bcrypt.dll",
    "amsi.dll",
    "wbemcomn.dll",
    "taskschd.dll",
    "urlmon.dll",
    "wininet.dll",
    "dbghelp.dll",
    "samlib.dll",
    "vaultcli.dll",
    "wldp.dll",
    "mpr.dll",
    "version.dll",
];

/// Programs of Windows that look into others, at what, and how.
pub const LOOKERS: &[(&str, &str, &str)] = &[
    (SVCHOST, SVCHOST, "0x1000"),
    (SVCHOST, EXPLORER, "0x1000"),
    (SVCHOST, "C:\\Windows\\System32\\lsass.exe", "0x1000"),
    ("C:\\Windows\\System32\\csrss.exe", SVCHOST, "0x1fffff"),
    ("C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", SVCHOST, "0x1410"),
    ("C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "C:\\Windows\\System32\\lsass.exe", "0x1410"),
    ("C:\\Program Files\\Windows Defender\\MsMpEng.exe", SVCHOST, "0x1000"),
    (
        "C:\\Program Files\\Windows Defender\\MsMpEng.exe",
        "C:\\Windows\\System32\\lsass.exe",
        "0x1000",
    ),
    ("C:\\Windows\\System32\\services.exe", SVCHOST, "0x1fffff"),
    ("C:\\Windows\\System32\\lsass.exe", SVCHOST, "0x1478"),
    ("C:\\Windows\\System32\\taskhostw.exe", EXPLORER, "0x1400"),
    ("C:\\Windows\\System32\\Taskmgr.exe", CHROME, "0x1410"),
    (EXPLORER, CHROME, "0x1400"),
    (CHROME, CHROME, "0x1fffff"),
    (EDGE, EDGE, "0x1fffff"),
    ("C:\\Program Files (x86)\\Agent\\agent.exe", SVCHOST, "0x1400"),
];

/// Registry values that are written all day, with who writes them.
pub const VALUES: &[(&str, &str, &str)] = &[
    (
        SVCHOST,
        "HKLM\\System\\CurrentControlSet\\Services\\W32Time\\Config\\LastKnownGoodTime",
        "QWORD",
    ),
    (
        SVCHOST,
        "HKLM\\System\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\{h}\\LeaseTerminatesTime",
        "DWORD (0x67)",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks\\{h}\\DynamicInfo",
        "Binary Data",
    ),
    (
        SVCHOST,
        "HKLM\\System\\CurrentControlSet\\Services\\bam\\State\\UserSettings\\S-1-5-21-1-2-3-1104\\{h}",
        "Binary Data",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Diagnostics\\DiagTrack\\HeartBeats\\Default\\LastHeartBeatTime",
        "QWORD",
    ),
    (
        SERVICES,
        "HKLM\\System\\CurrentControlSet\\Services\\GoogleUpdater\\Start",
        "DWORD (0x00000003)",
    ),
    (SERVICES, "HKLM\\System\\CurrentControlSet\\Services\\BITS\\Start", "DWORD (0x00000003)"),
    (
        SERVICES,
        "HKLM\\System\\CurrentControlSet\\Services\\edgeupdate\\Start",
        "DWORD (0x00000003)",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RecentDocs\\MRUListEx",
        "Binary Data",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\{h}\\Count\\x",
        "Binary Data",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\FileExts\\.pdf\\OpenWithList\\a",
        "Acrobat.exe",
    ),
    (
        CHROME,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Google\\Chrome\\StabilityMetrics\\user_experience_metrics.stability.exited_cleanly",
        "DWORD (0x00000001)",
    ),
    (
        OUTLOOK,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Office\\16.0\\Outlook\\Profiles\\x",
        "Binary Data",
    ),
    (
        WORD,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Office\\16.0\\Word\\File MRU\\Item 1",
        "x",
    ),
    (
        "C:\\Windows\\System32\\lsass.exe",
        "HKLM\\System\\CurrentControlSet\\Control\\Lsa\\CachedMachineNames\\NameUserPrincipal",
        "x",
    ),
    (
        "C:\\Program Files\\Windows Defender\\MsMpEng.exe",
        "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Signature Updates\\SignaturesLastUpdated",
        "Binary Data",
    ),
];

/// Pipes, with who opens them.
pub const PIPES: &[(&str, &str)] = &[
    (SVCHOST, "\\wkssvc"),
    (SVCHOST, "\\srvsvc"),
    ("C:\\Windows\\System32\\lsass.exe", "\\lsass"),
    (SVCHOST, "\\ntsvcs"),
    ("System", "\\spoolss"),
    (CHROME, "\\mojo.{r}.{r}"),
    (EDGE, "\\mojo.{r}.{r}"),
    ("System", "\\samr"),
    (SVCHOST, "\\W32TIME_ALT"),
    ("C:\\Program Files\\Windows Defender\\MsMpEng.exe", "\\wkssvc"),
];

/// Names that machines ask for; the first ones far more often.
pub const DOMAINS: &[&str] = &[
    "login.live.example",
    "outlook.office.example",
    "wdcp.microsoft.example",
    "dc01.yard.example",
    "srv01.yard.example",
    "ctldl.windowsupdate.example",
    "teams.cloud.example",
    "www.search.example",
    "fonts.static.example",
    "api.bank.example",
    "news.daily.example",
    "cdn.shop.example",
    "maps.place.example",
    "static.video.example",
    "updates.agent.example",
    "wpad.yard.example",
    "ocsp.certs.example",
    "telemetry.print.example",
    "weather.sky.example",
    "git.example",
];

/// A word for a document.
pub const DOCUMENTS: &[&str] = &[
    "invoice", "offer", "minutes", "plan", "contract", "report", "list", "budget", "letter",
    "order", "survey", "menu", "photo", "scan", "backup", "notes", "rota", "price", "form",
    "manual",
];
