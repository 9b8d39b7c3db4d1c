//! An ordinary hour.

use super::catalog::{CHROME, COMMON, EDGE, EXPLORER, SERVICES, SVCHOST};
use super::tools::{ADMIN, DOMAINS, LIBRARIES, LOOKERS, PIPES, SCRIPTS, VALUES};
use super::windows::Desk;
use super::{Event, Role, Scene};

/// What a machine does in an hour.
pub fn hour(scene: &Scene<'_>, events: &mut Vec<Event>) {
    let role = scene.machine().role;
    if !role.is_windows() {
        return super::unix::hour(scene, events);
    }
    let mut desk = Desk { scene, events };
    windows_itself(&mut desk);
    match role {
        Role::Directory => directory(&mut desk),
        Role::Server => server(&mut desk),
        _ => {}
    }
    if is_at_work(scene) {
        work(&mut desk);
    }
    super::chores::hour(&mut desk);
}

/// Whether somebody sits at the machine.
pub fn is_at_work(scene: &Scene<'_>) -> bool {
    let machine = scene.machine();
    if !matches!(machine.role, Role::Workstation | Role::Admin) {
        return false;
    }
    let (from, to) = machine.hours;
    let in_shift = |hour: u32| (from..to).contains(&hour);
    let weekend = scene.weekday() >= 5;
    let works = in_shift(scene.hour) || in_shift(scene.hour + 24);
    // Somebody is ill, at lunch, or comes in on a Saturday.
    let is_ill = scene.day * 31 % 23 == u32::try_from(scene.at).unwrap_or(0) % 23;
    if weekend || is_ill {
        works && from >= 20 || scene.chance(12)
    } else {
        works || scene.chance(15)
    }
}

/// What Windows does without anybody.
fn windows_itself(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    for _ in 0..3 + scene.rng.below(6) {
        let (from, to, access) = scene.pick(LOOKERS);
        desk.look(scene.time_ms(), from, to, access);
    }
    for _ in 0..2 + scene.rng.below(4) {
        let (image, path, data) = scene.pick_first(VALUES);
        let path = desk.fill(path, "x");
        desk.value(scene.time_ms(), image, &path, data);
    }
    for _ in 0..2 + scene.rng.below(3) {
        let (image, path, _) = scene.pick(VALUES);
        let path = desk.fill(path, "x");
        let key = path.rsplit_once('\\').map_or("", |(key, _)| key).to_owned();
        let kind = scene.pick(&["CreateKey", "CreateKey", "DeleteKey", "DeleteValue"]);
        desk.key(scene.time_ms(), image, &key, kind);
    }
    for _ in 0..=scene.rng.below(3) {
        let image = scene.pick(&[
            SVCHOST,
            SERVICES,
            "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
            "C:\\Windows\\System32\\taskhostw.exe",
        ]);
        let library = format!("C:\\Windows\\System32\\{}", scene.pick(LIBRARIES));
        desk.library(scene.time_ms(), image, &library);
    }
    for _ in 0..=scene.rng.below(2) {
        let (image, name) = scene.pick_first(PIPES);
        let name = desk.fill(name, "x");
        desk.pipe(scene.time_ms(), image, &name, scene.chance(300));
    }
    services(desk);
    desk.logon("SYSTEM", 5, "-", true);
    desk.ask(SVCHOST, scene.pick_first(DOMAINS));
    desk.connect(SVCHOST, "SYSTEM", "198.51.100.20", 443);
    desk.connect("C:\\Windows\\System32\\lsass.exe", "SYSTEM", "10.20.1.10", 88);
    if scene.chance(600) {
        desk.privilege(SVCHOST);
    }
    if scene.chance(500) {
        let object = "\\Device\\HarddiskVolume2\\Windows\\System32\\lsass.exe";
        desk.handle("SYSTEM", "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "Process", object);
    }
    if scene.chance(600) {
        let key = "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Control\\Lsa";
        desk.handle("SYSTEM", SVCHOST, "Key", key);
    }
    if scene.chance(200) {
        desk.put(
            scene.time_ms(),
            "Microsoft-Windows-Sysmon/Operational",
            9,
            vec![
                ("Image", scene.pick(&["System", "C:\\Windows\\System32\\Defrag.exe"]).to_owned()),
                ("Device", "\\Device\\HarddiskVolume3".into()),
            ],
        );
    }
}

/// Programs that Windows starts by itself: what, its line, what starts it.
const OWN: &[(&str, &str, &str)] = &[
    (SVCHOST, "C:\\Windows\\system32\\svchost.exe -k netsvcs -p -s wuauserv", SERVICES),
    (SVCHOST, "C:\\Windows\\system32\\svchost.exe -k LocalService -p", SERVICES),
    ("C:\\Windows\\System32\\taskhostw.exe", "taskhostw.exe Install $(Arg0)", SVCHOST),
    (
        "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
        "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding",
        SVCHOST,
    ),
    (
        "C:\\Windows\\System32\\backgroundTaskHost.exe",
        "\"backgroundTaskHost.exe\" -ServerName:App.AppX",
        SVCHOST,
    ),
    (
        "C:\\Windows\\System32\\rundll32.exe",
        "rundll32.exe C:\\Windows\\system32\\PcaSvc.dll,PcaPatchSdbTask",
        SVCHOST,
    ),
    (
        "C:\\Program Files (x86)\\Google\\GoogleUpdater\\140.0\\updater.exe",
        "\"updater.exe\" --wake --system",
        SVCHOST,
    ),
    (
        "C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe",
        "\"MicrosoftEdgeUpdate.exe\" /ua /installsource scheduler",
        SVCHOST,
    ),
    (
        "C:\\Windows\\System32\\MoUsoCoreWorker.exe",
        "C:\\Windows\\System32\\mousocoreworker.exe -Embedding",
        SVCHOST,
    ),
    ("C:\\Windows\\System32\\cleanmgr.exe", "cleanmgr.exe /autoclean /d C:", SVCHOST),
    (
        "C:\\Windows\\System32\\CompatTelRunner.exe",
        "CompatTelRunner.exe -m:appraiser.dll -f:DoScheduledTelemetryRun",
        SVCHOST,
    ),
    (
        "C:\\Windows\\System32\\sc.exe",
        "C:\\Windows\\system32\\sc.exe start w32time task_started",
        SVCHOST,
    ),
    (
        "C:\\Windows\\System32\\schtasks.exe",
        "schtasks.exe /run /tn \"\\Microsoft\\Windows\\Servicing\\StartComponentCleanup\"",
        SVCHOST,
    ),
    (
        "C:\\Windows\\System32\\conhost.exe",
        "\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1",
        SVCHOST,
    ),
];

fn services(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    for _ in 0..=scene.rng.below(3) {
        let (image, line, parent) = scene.pick(OWN);
        desk.run(image, line, parent, "SYSTEM");
    }
    if scene.chance(500) {
        let name = scene.pick(&[
            "\\Microsoft\\Windows\\UpdateOrchestrator\\Schedule Scan",
            "\\GoogleUpdaterTaskSystem",
            "\\Agent\\Inventory",
        ]);
        desk.task(scene.pick(&[100, 129, 200, 201]), name, "C:\\Windows\\System32\\usoclient.exe");
    }
    if scene.chance(400) {
        let name = scene.pick(&[
            "Windows Update",
            "Background Intelligent Transfer Service",
            "Windows Modules Installer",
        ]);
        desk.service(7036, name, scene.pick(&["running", "stopped"]));
        desk.service(7040, name, "demand start");
    }
    if scene.chance(250) {
        desk.other(
            "Microsoft-Windows-WMI-Activity/Operational",
            scene.pick(&[5857, 5858]),
            vec![("ProviderName", "CIMWin32".into()), ("HostProcess", "wmiprvse.exe".into())],
        );
    }
    // The agent of the firm that looks after the machines.
    if scene.hour % 4 == 1 {
        let agent = "C:\\Program Files (x86)\\Agent\\agent.exe";
        desk.run(agent, "\"agent.exe\" --inventory", SERVICES, "SYSTEM");
        let line = "powershell.exe -NoProfile -ExecutionPolicy Bypass -File \"C:\\ProgramDat\
            a\\Agent\\collect.ps1\"";
        desk.run(super::catalog::POWERSHELL, line, agent, "SYSTEM");
        desk.run(
            super::catalog::CMD,
            "cmd.exe /c \"wmic product get name,version /format:csv\"",
            agent,
            "SYSTEM",
        );
        desk.shell("SYSTEM");
        desk.script("SYSTEM", scene.pick(SCRIPTS));
        desk.connect(agent, "SYSTEM", "203.0.113.40", 443);
    }
}

/// What people do.
fn work(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    let machine = scene.machine();
    let user = machine.user.clone();
    if scene.hour % 24 == machine.hours.0 % 24 || scene.chance(80) {
        desk.logon(&user, scene.pick(&[2, 7, 11]), "127.0.0.1", machine.role == Role::Admin);
        desk.run(
            "C:\\Windows\\System32\\userinit.exe",
            "C:\\Windows\\system32\\userinit.exe",
            "C:\\Windows\\System32\\winlogon.exe",
            &user,
        );
        desk.run(
            EXPLORER,
            "C:\\Windows\\Explorer.EXE",
            "C:\\Windows\\System32\\userinit.exe",
            &user,
        );
    }
    for _ in 0..3 + scene.rng.below(6) {
        let own = machine.trade.programs;
        let program = match own.len() {
            0 => &COMMON[scene.rng.index(COMMON.len())],
            _ if scene.chance(400) => &own[scene.rng.index(own.len())],
            _ => &COMMON[scene.rng.index(COMMON.len()).min(scene.rng.index(COMMON.len()))],
        };
        desk.start(program, &user);
    }
    if machine.role == Role::Admin {
        administer(desk, &user);
    }
    if machine.trade.name == "development" && scene.chance(400) {
        desk.shell(&user);
        desk.script(
            &user,
            scene.pick(&["git status", "npm test", "Get-ChildItem", "docker ps", "cd C:\\src"]),
        );
    }
    browse(desk, &user);
}

/// What people look at and leave behind.
fn browse(desk: &mut Desk<'_, '_>, user: &str) {
    let scene = desk.scene;
    for _ in 0..2 + scene.rng.below(5) {
        let browser = scene.pick(&[CHROME, EDGE]);
        // Half of what people look at they never looked at before.
        let (name, address) = if scene.chance(500) {
            (scene.pick_first(DOMAINS).to_owned(), format!("198.51.100.{}", scene.rng.below(60)))
        } else {
            let (a, b) = (scene.rng.below(90), scene.rng.below(250));
            (format!("www.site{}.example", scene.rng.below(4_000)), format!("93.{a}.{b}.7"))
        };
        desk.ask(browser, &name);
        desk.connect(browser, user, &address, scene.pick(&[443, 443, 443, 80, 8443]));
    }
    for _ in 0..=scene.rng.below(4) {
        let (image, folder, kind) = scene.pick(&[
            (CHROME, "Downloads", "pdf"),
            (CHROME, "Downloads", "tmp"),
            (CHROME, "Downloads", "zip"),
            (EDGE, "Downloads", "exe"),
            (EXPLORER, "Desktop", "lnk"),
            (EXPLORER, "Documents", "docx"),
            (CHROME, "AppData\\Local\\Temp", "tmp"),
            (EDGE, "AppData\\Local\\Temp", "dll"),
        ]);
        let path = desk.fill("{d}", user);
        desk.file(scene.time_ms(), image, &format!("C:\\Users\\{user}\\{folder}\\{path}.{kind}"));
        if scene.chance(400) {
            desk.file_deleted(
                scene.time_ms(),
                image,
                &format!("C:\\Users\\{user}\\{folder}\\{path}.tmp"),
                user,
            );
        }
    }
    if scene.chance(500) {
        let files = "\\Device\\HarddiskVolume2\\Users\\Public\\share";
        desk.handle(user, EXPLORER, "File", files);
    }
}

fn administer(desk: &mut Desk<'_, '_>, user: &str) {
    let scene = desk.scene;
    for _ in 0..=scene.rng.below(4) {
        desk.start(&ADMIN[scene.rng.index(ADMIN.len())], user);
    }
    if scene.chance(400) {
        desk.shell(user);
        for _ in 0..=scene.rng.below(3) {
            desk.script(user, scene.pick(SCRIPTS));
        }
    }
    if scene.chance(500) {
        desk.connect("C:\\Windows\\System32\\mstsc.exe", user, "10.20.1.11", 3_389);
    }
    if scene.chance(300) {
        desk.connect("System", "SYSTEM", "10.20.1.11", 445);
        desk.connect(
            "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
            user,
            "10.20.1.11",
            5_985,
        );
    }
}

/// A domain controller serves everybody.
fn directory(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    for _ in 0..6 + scene.rng.below(10) {
        let other = &scene.machines[scene.rng.index(scene.machines.len())];
        let account =
            if scene.chance(400) { format!("{}$", other.short()) } else { other.user.clone() };
        desk.ticket(4_768, &account, "krbtgt", &other.ip);
        let service = scene.pick(&["SRV01$", "DC01$", "cifs/srv01", "LDAP/dc01"]);
        desk.ticket(4_769, &account, service, &other.ip);
        desk.logon(&account, 3, &other.ip, account.ends_with('$') && scene.chance(200));
    }
    if scene.chance(500) {
        let other = &scene.machines[scene.rng.index(scene.machines.len())];
        desk.share(&other.user, &other.ip, "SYSVOL", "yard.example\\Policies\\gpt.ini");
        desk.share(&other.user, &other.ip, "IPC$", "srvsvc");
    }
    if scene.chance(300) {
        desk.other(
            "Security",
            4_776,
            vec![
                ("TargetUserName", scene.pick(&["scanner", "printer", "hugo"]).to_owned()),
                ("Workstation", "MFP01".into()),
                ("Status", "0x0".into()),
            ],
        );
    }
    if scene.chance(200) {
        let machine = scene.machine().short();
        desk.other(
            "Security",
            4_662,
            vec![
                ("SubjectUserName", format!("{machine}$")),
                ("ObjectType", "domainDNS".into()),
                ("Properties", "{1131f6aa-9c07-11d1-f79f-00c04fc2dcd2}".into()),
                ("AccessMask", "0x100".into()),
            ],
        );
    }
    if scene.chance(200) {
        desk.other(
            "Security",
            scene.pick(&[4_799, 4_661]),
            vec![
                ("SubjectUserName", "amara".into()),
                ("TargetUserName", "Administrators".into()),
                ("CallerProcessName", SVCHOST.into()),
            ],
        );
    }
}

fn server(desk: &mut Desk<'_, '_>) {
    let scene = desk.scene;
    let busy = (7..18).contains(&scene.hour);
    for _ in 0..if busy { 5 + scene.rng.below(8) } else { scene.rng.below(2) } {
        let other = &scene.machines[scene.rng.index(scene.machines.len())];
        let file = desk.fill("{d}.xlsx", "x");
        desk.logon(&other.user, 3, &other.ip, false);
        desk.share(
            &other.user,
            &other.ip,
            scene.pick(&["share", "labels", "IPC$", "install"]),
            &file,
        );
        if scene.chance(300) {
            desk.handle(&other.user, "", "File", &format!("D:\\share\\{file}"));
        }
    }
    if busy {
        desk.run(
            "C:\\Windows\\System32\\spoolsv.exe",
            "C:\\Windows\\System32\\spoolsv.exe",
            SERVICES,
            "SYSTEM",
        );
        desk.run("D:\\Ledger\\server\\ledgerd.exe", "ledgerd.exe --service", SERVICES, "SYSTEM");
        desk.file(
            scene.time_ms(),
            "C:\\Windows\\System32\\spoolsv.exe",
            "C:\\Windows\\System32\\spool\\PRINTERS\\00012.SPL",
        );
    }
}
