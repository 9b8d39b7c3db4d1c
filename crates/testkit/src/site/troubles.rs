//! What is not ordinary, and no attack. Each trouble has its days and its machines by the seed.

use crate::rng::SeededRng;

use super::catalog::{CMD, POWERSHELL, SERVICES, SVCHOST};
use super::linux::{exec, syslog};
use super::routine::is_at_work;
use super::software::{install, old_software, patches, update};
use super::windows::Desk;
use super::{Event, Role, Scene};

/// What troubles a machine in an hour.
pub fn hour(scene: &Scene<'_>, seed: u64, events: &mut Vec<Event>) {
    let fate = |of: u64, among: u64| SeededRng::new(seed.wrapping_mul(977) ^ of).below(among);
    let at = scene.at as u64;
    if !scene.machine().role.is_windows() {
        return unix(scene, &fate, events);
    }
    let mut desk = Desk { scene, events };
    let hour_of_day = u64::from(scene.hour);
    let day = u64::from(scene.day);
    // Patches come in the second week, each machine in its own hour of the night or morning.
    if (day == 8 || day == 9) && hour_of_day == fate(11 + at, 12) {
        patches(&mut desk);
    }
    // A program updates itself, some machines a day.
    if fate(1_000 + day * 64 + at, 9) == 0 && hour_of_day == 7 + fate(2_000 + day * 64 + at, 10) {
        let which = usize::try_from(fate(3_000 + day * 64 + at, 5)).unwrap_or(0);
        update(&mut desk, which);
    }
    // New software: one program for a third of the machines, another for one machine alone.
    if fate(4_000 + at, 3) == 0 && day == 3 + fate(4_500 + at, 3) && hour_of_day == 10 {
        install(&mut desk, "Rota", "C:\\Program Files\\Rota\\rota.exe");
    }
    if at == 5 + fate(4_900, 6) && day == 6 + fate(4_901, 6) && hour_of_day == 15 {
        install(&mut desk, "Chart2000", "C:\\Chart2000\\CHART.EXE");
        old_software(&mut desk);
    }
    match scene.machine().role {
        Role::Workstation => workstation(&mut desk, &fate),
        Role::Admin => administrator(&mut desk, &fate),
        Role::Server => server(&mut desk, &fate),
        _ => directory(&mut desk, &fate),
    }
}

fn workstation(desk: &mut Desk<'_, '_>, fate: &dyn Fn(u64, u64) -> u64) {
    let scene = desk.scene;
    let (at, day) = (scene.at as u64, u64::from(scene.day));
    let user = scene.machine().user.clone();
    if is_at_work(scene) && scene.day == scene.machine().since_day && scene.day > 0 {
        first_day(desk, &user);
    }
    // Somebody forgets the password, plugs something in, or something crashes.
    if is_at_work(scene) && scene.chance(15) {
        for _ in 0..2 + scene.rng.below(6) {
            desk.logon_failed(&user, 2, "127.0.0.1");
        }
    }
    if is_at_work(scene) && scene.chance(25) {
        let line = format!(
            "C:\\Windows\\system32\\WerFault.exe -u -p {} -s 700",
            4 * scene.rng.below(4_000)
        );
        desk.run("C:\\Windows\\System32\\WerFault.exe", &line, SVCHOST, &user);
        desk.other("Application", 1_000, vec![("Data", "appoint.exe".into())]);
    }
    if is_at_work(scene) && scene.chance(20) {
        desk.other(
            "Microsoft-Windows-DriverFrameworks-UserMode/Operational",
            2_003,
            vec![("InstanceId", "USB".into())],
        );
        let line = format!("\"E:\\start{}.exe\"", scene.rng.below(9));
        desk.run("E:\\start.exe", &line, "C:\\Windows\\explorer.exe", &user);
    }
    // Help over a remote screen.
    if fate(5_000 + day * 64 + at, 40) == 0 && scene.hour == 11 {
        let image = format!("C:\\Users\\{user}\\Downloads\\TeamViewerQS.exe");
        desk.run(&image, &format!("\"{image}\""), "C:\\Windows\\explorer.exe", &user);
        desk.run(
            "C:\\Users\\Public\\TeamViewer\\TeamViewer.exe",
            "TeamViewer.exe --qs",
            &image,
            &user,
        );
        desk.connect(
            "C:\\Users\\Public\\TeamViewer\\TeamViewer.exe",
            &user,
            "188.172.219.140",
            5_938,
        );
    }
}

/// The first day of somebody new: everything is.
fn first_day(desk: &mut Desk<'_, '_>, user: &str) {
    desk.run(
        "C:\\Windows\\System32\\unregmp2.exe",
        "unregmp2.exe /FirstLogon",
        "C:\\Windows\\System32\\ie4uinit.exe",
        user,
    );
    desk.run(
        "C:\\Windows\\System32\\ie4uinit.exe",
        "ie4uinit.exe -UserConfig",
        "C:\\Windows\\System32\\runonce.exe",
        user,
    );
    desk.run(
        "C:\\Windows\\System32\\runonce.exe",
        "runonce.exe /AlternateShellStartup",
        "C:\\Windows\\explorer.exe",
        user,
    );
    desk.run(
        "C:\\Windows\\System32\\FirstLogonAnim.exe",
        "FirstLogonAnim.exe",
        "C:\\Windows\\System32\\winlogon.exe",
        user,
    );
    desk.run(
        POWERSHELL,
        "powershell.exe -ExecutionPolicy Bypass -File \\\\dc01\\netlogon\\newuser.ps1",
        "C:\\Windows\\System32\\gpscript.exe",
        user,
    );
    desk.shell(user);
    desk.script(user, "New-Item -Path \"$env:USERPROFILE\\Desktop\\Help.url\" -ItemType File");
}

fn administrator(desk: &mut Desk<'_, '_>, fate: &dyn Fn(u64, u64) -> u64) {
    let scene = desk.scene;
    let day = u64::from(scene.day);
    let user = scene.machine().user.clone();
    if !is_at_work(scene) {
        return;
    }
    // Once or twice a week something that looks bad and is not.
    let today = fate(6_000 + day, 10);
    if u64::from(scene.hour) != 9 + fate(6_100 + day, 6) {
        return;
    }
    let run = |desk: &mut Desk<'_, '_>, image: &str, line: &str| desk.run(image, line, CMD, &user);
    match today {
        0 => run(
            desk,
            "C:\\Windows\\System32\\wevtutil.exe",
            "wevtutil epl System C:\\Tools\\system.evtx",
        ),
        1 => run(desk, "C:\\Windows\\System32\\vssadmin.exe", "vssadmin list shadows"),
        2 => {
            run(desk, "C:\\Windows\\System32\\net.exe", "net user tempuser Start123! /add");
            run(
                desk,
                "C:\\Windows\\System32\\net1.exe",
                "C:\\Windows\\system32\\net1 user tempuser Start123! /add",
            );
        }
        3 => run(
            desk,
            "C:\\Windows\\System32\\netsh.exe",
            "netsh advfirewall set allprofiles state on",
        ),
        4 => run(
            desk,
            "C:\\Windows\\System32\\schtasks.exe",
            "schtasks /create /ru SYSTEM /sc daily /tn Cleanup /tr C:\\Tools\\cleanup.bat /st \
                03:00",
        ),
        5 => run(
            desk,
            "C:\\Tools\\Sysinternals\\procdump64.exe",
            "procdump64.exe -ma ledgerd.exe C:\\Tools\\ledgerd.dmp",
        ),
        6 => {
            run(desk, "C:\\Windows\\System32\\nltest.exe", "nltest /dclist:yard.example");
            run(desk, "C:\\Windows\\System32\\dsquery.exe", "dsquery user -inactive 8");
        }
        7 => run(desk, "C:\\Tools\\nmap\\nmap.exe", "nmap -sn 10.20.0.0/24"),
        _ => {}
    }
}

fn server(desk: &mut Desk<'_, '_>, fate: &dyn Fn(u64, u64) -> u64) {
    let scene = desk.scene;
    if scene.hour == 1 {
        backup(desk);
    }
    // A job whose password has run out fails every quarter of an hour for days.
    let broken_from = fate(7_000, 8);
    if (broken_from..broken_from + 4).contains(&u64::from(scene.day)) {
        for _ in 0..4 {
            desk.run(CMD, "cmd.exe /c D:\\jobs\\export.bat", SVCHOST, "SYSTEM");
            desk.logon_failed("svc_export", 4, "-");
            desk.task(203, "\\Export", "D:\\jobs\\export.bat");
        }
    }
    // The administrator comes over.
    if (9..16).contains(&scene.hour) && scene.weekday() < 5 && scene.chance(150) {
        let Some(admin) = scene.machines.iter().find(|other| other.role == Role::Admin) else {
            return;
        };
        desk.logon(&admin.user, 10, &admin.ip, true);
        desk.run(
            "C:\\Windows\\System32\\mmc.exe",
            "\"mmc.exe\" C:\\Windows\\system32\\services.msc",
            "C:\\Windows\\explorer.exe",
            &admin.user,
        );
        desk.run(
            "C:\\Windows\\System32\\wsmprovhost.exe",
            "C:\\Windows\\system32\\wsmprovhost.exe -Embedding",
            SVCHOST,
            &admin.user,
        );
        if scene.chance(300) {
            desk.service(7_045, "PSEXESVC", "%SystemRoot%\\PSEXESVC.exe");
            desk.run("C:\\Windows\\PSEXESVC.exe", "C:\\Windows\\PSEXESVC.exe", SERVICES, "SYSTEM");
            desk.pipe(scene.time_ms(), "C:\\Windows\\PSEXESVC.exe", "\\PSEXESVC", true);
            desk.run(CMD, "cmd /c gpupdate /force", "C:\\Windows\\PSEXESVC.exe", "SYSTEM");
        }
    }
}

fn backup(desk: &mut Desk<'_, '_>) {
    let agent = "C:\\Program Files\\Safekeep\\agent.exe";
    desk.run(agent, "\"agent.exe\" --job nightly", SERVICES, "SYSTEM");
    desk.run(
        "C:\\Windows\\System32\\VSSVC.exe",
        "C:\\Windows\\system32\\vssvc.exe",
        SERVICES,
        "SYSTEM",
    );
    desk.run(
        "C:\\Windows\\System32\\vssadmin.exe",
        "vssadmin.exe create shadow /for=D:",
        agent,
        "SYSTEM",
    );
    desk.run(
        "C:\\Windows\\System32\\wbadmin.exe",
        "wbadmin start systemstatebackup -backupTarget:E: -quiet",
        agent,
        "SYSTEM",
    );
    desk.run(
        "C:\\Windows\\System32\\Robocopy.exe",
        "robocopy D:\\share E:\\mirror /mir /b /r:1",
        CMD,
        "SYSTEM",
    );
    desk.service(7_036, "Volume Shadow Copy", "running");
    for _ in 0..4 {
        let name = desk.fill("E:\\mirror\\{d}.vhdx", "x");
        desk.file(desk.scene.time_ms(), agent, &name);
    }
    desk.connect(agent, "SYSTEM", "10.20.1.13", 10_006);
}

fn directory(desk: &mut Desk<'_, '_>, fate: &dyn Fn(u64, u64) -> u64) {
    let scene = desk.scene;
    if scene.hour == 1 {
        desk.run(
            "C:\\Windows\\System32\\wbadmin.exe",
            "wbadmin start systemstatebackup -backupTarget:E: -quiet",
            SVCHOST,
            "SYSTEM",
        );
        desk.run(
            "C:\\Windows\\System32\\VSSVC.exe",
            "C:\\Windows\\system32\\vssvc.exe",
            SERVICES,
            "SYSTEM",
        );
    }
    // New staff are put in on the day before, and somebody leaves.
    for machine in scene.machines.iter().filter(|machine| machine.since_day == scene.day + 1) {
        if scene.hour == 14 {
            for id in [4_720, 4_722, 4_724, 4_738, 4_728, 4_732] {
                desk.directory(id, "amara", &machine.user);
            }
        }
    }
    if u64::from(scene.day) == fate(8_000, 14) && scene.hour == 16 {
        desk.directory(4_725, "amara", "zora");
        desk.directory(4_729, "amara", "zora");
        desk.directory(4_740, "amara", "hugo");
    }
    // The insurer's scan, once.
    if u64::from(scene.day) == 4 + fate(8_100, 8) && scene.hour == 20 {
        for user in ["guest", "administrator", "admin", "test", "backup", "sa"] {
            desk.logon_failed(user, 3, "10.20.0.250");
        }
    }
}

fn unix(scene: &Scene<'_>, fate: &dyn Fn(u64, u64) -> u64, events: &mut Vec<Event>) {
    let day = u64::from(scene.day);
    if scene.hour == 6 && (day % 7 == 2 || fate(9_000 + day, 4) == 0) {
        for (path, words) in [
            ("/usr/bin/apt-get", ["apt-get", "-y", "upgrade"]),
            ("/usr/bin/dpkg", ["dpkg", "--configure", "-a"]),
            ("/usr/bin/unattended-upgrade", ["unattended-upgrade", "-v", "-d"]),
            ("/usr/sbin/update-initramfs", ["update-initramfs", "-u", "-k"]),
            ("/usr/sbin/depmod", ["depmod", "-a", "6.1.0"]),
        ] {
            exec(scene, path, &words, 0, events);
        }
        syslog(scene, "systemd", "Reloading.", events);
    }
    let broken_from = fate(9_100, 9);
    if (broken_from..broken_from + 3).contains(&day) {
        for _ in 0..6 {
            syslog(scene, "CRON", "(backup) CMD (/opt/jobs/pull.sh)", events);
            exec(scene, "/opt/jobs/pull.sh", &["/bin/sh", "/opt/jobs/pull.sh"], 34, events);
            syslog(scene, "pull", "error: connection refused", events);
        }
    }
    if day == 5 + fate(9_200, 6) && scene.hour == 13 {
        for words in
            [["useradd", "-m", "deploy"], ["usermod", "-aG", "docker"], ["passwd", "deploy", ""]]
        {
            exec(scene, "/usr/sbin/useradd", &words, 0, events);
        }
        syslog(
            scene,
            "useradd",
            "new user: name=deploy, UID=1005, GID=1005, home=/home/deploy, shell=/bin/bash, fr\
                om=/dev/pts/0",
            events,
        );
        syslog(scene, "usermod", "add 'deploy' to group 'docker'", events);
    }
}
