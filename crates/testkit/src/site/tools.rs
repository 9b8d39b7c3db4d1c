//! Tools of administrators and of Windows itself, and what machines ask for.

use super::catalog::{
    CHROME, CMD, EDGE, EXPLORER, OUTLOOK, POWERSHELL, Program, SERVICES, SVCHOST, WORD, program,
    under,
};

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
    "Invoke-WebRequest -Uri https://updates.example/agent.json -OutFile C:\\ProgramData\\Agen\
        t\\agent.json",
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
        "HKLM\\System\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\{h}\\LeaseT\
            erminatesTime",
        "DWORD (0x67)",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks\\\
            {h}\\DynamicInfo",
        "Binary Data",
    ),
    (
        SVCHOST,
        "HKLM\\System\\CurrentControlSet\\Services\\bam\\State\\UserSettings\\S-1-5-21-1-2-3-1\
            104\\{h}",
        "Binary Data",
    ),
    (
        SVCHOST,
        "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Diagnostics\\DiagTrack\\HeartBeat\
            s\\Default\\LastHeartBeatTime",
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
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\Rec\
            entDocs\\MRUListEx",
        "Binary Data",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\Use\
            rAssist\\{h}\\Count\\x",
        "Binary Data",
    ),
    (
        EXPLORER,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\Fil\
            eExts\\.pdf\\OpenWithList\\a",
        "Acrobat.exe",
    ),
    (
        CHROME,
        "HKU\\S-1-5-21-1-2-3-1104\\Software\\Google\\Chrome\\StabilityMetrics\\user_experience\
            _metrics.stability.exited_cleanly",
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
