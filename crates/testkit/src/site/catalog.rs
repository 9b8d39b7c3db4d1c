//! Programs and names of people. Written from general knowledge of such offices.

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

pub const fn program(image: &'static str, line: &'static str) -> Program {
    Program { image, line, parent: EXPLORER, child: None }
}

pub const fn under(parent: &'static str, image: &'static str, line: &'static str) -> Program {
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
pub const WORD: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
const EXCEL: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE";
pub const OUTLOOK: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE";
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
        "\"Acrobat.exe\" \"C:\\Users\\{u}\\AppData\\Local\\Microsoft\\Windows\\INetCache\\Cont\
            ent.Outlook\\{h}\\{d}.pdf\"",
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
        "\"SearchProtocolHost.exe\" Global\\UsGthrFltPipeMssGthrPipe{r}_ Global\\UsGthrCtrlFlt\
            PipeMssGthrPipe{r}",
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
        "\"rundll32.exe\" C:\\Windows\\System32\\shell32.dll,OpenAs_RunDLL C:\\Users\\{u}\\Dow\
            nloads\\{d}.dat",
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
                "powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\src\\{d}\\script\
                    s\\setup.ps1",
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
