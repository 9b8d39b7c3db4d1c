//! Patches, programs that bring themselves up to date, and new programs.

use super::catalog::{CMD, SERVICES, SVCHOST};
use super::windows::Desk;

/// A monthly round of patches.
pub fn patches(desk: &mut Desk<'_, '_>) {
    let hex = desk.scene.hex(8);
    let lines = [
        (
            "C:\\Windows\\servicing\\TrustedInstaller.exe",
            "C:\\Windows\\servicing\\TrustedInstaller.exe".to_owned(),
            SERVICES,
        ),
        (
            "C:\\Windows\\WinSxS\\amd64_microsoft-windows-servicingstack\\TiWorker.exe",
            "TiWorker.exe -Embedding".to_owned(),
            SVCHOST,
        ),
        (
            "C:\\Windows\\System32\\wusa.exe",
            format!("wusa.exe C:\\Windows\\SoftwareDistribution\\Download\\{hex}\\kb.msu /quiet"),
            SVCHOST,
        ),
        (
            "C:\\Windows\\System32\\poqexec.exe",
            "poqexec.exe /display_progress C:\\Windows\\WinSxS\\pending.xml".to_owned(),
            SERVICES,
        ),
        (
            "C:\\Windows\\SoftwareDistribution\\Download\\Install\\AM_Delta.exe",
            "AM_Delta.exe WD /q".to_owned(),
            SVCHOST,
        ),
        (
            "C:\\Windows\\System32\\DISM.exe",
            "dism.exe /online /cleanup-image /startcomponentcleanup".to_owned(),
            SVCHOST,
        ),
        ("C:\\Windows\\System32\\bcdedit.exe", "bcdedit.exe /enum".to_owned(), SVCHOST),
    ];
    for (image, line, parent) in lines {
        desk.run(image, &line, parent, "SYSTEM");
    }
    let now = desk.scene.time_ms();
    for _ in 0..6 {
        let path = format!("C:\\Windows\\WinSxS\\Temp\\InFlight\\{}\\x.dll", desk.scene.hex(8));
        desk.file(now, "C:\\Windows\\WinSxS\\TiWorker.exe", &path);
        let key = format!("HKLM\\COMPONENTS\\DerivedData\\Components\\{}", desk.scene.hex(8));
        desk.value(now, "C:\\Windows\\WinSxS\\TiWorker.exe", &key, "Binary Data");
    }
    desk.service(7_045, "Malicious Software Removal", "C:\\Windows\\System32\\MRT.exe /driver");
    desk.service(7_040, "Windows Modules Installer", "auto start");
    desk.other(
        "System",
        1_074,
        vec![("param1", "C:\\Windows\\servicing\\TrustedInstaller.exe".into())],
    );
    for id in [6_005, 6_006, 6_009, 12, 13] {
        desk.other("System", id, vec![("param1", "x".into())]);
    }
    desk.other("Security", 4_608, vec![("x", "y".into())]);
}

/// A program that brings itself up to date.
pub fn update(desk: &mut Desk<'_, '_>, which: usize) {
    let user = desk.scene.machine().user.clone();
    let hex = desk.scene.hex(6);
    let temp = format!("C:\\Users\\{user}\\AppData\\Local\\Temp\\{hex}");
    match which {
        0 => update_browser(desk, &temp, &hex),
        1 => update_reader(desk, &temp, &hex),
        2 => {
            let update = format!("C:\\Users\\{user}\\AppData\\Local\\Microsoft\\Teams\\Update.exe");
            desk.run(&update, "\"Update.exe\" --processStart \"Teams.exe\"", &update, &user);
            desk.value(
                desk.scene.time_ms(),
                &update,
                "HKU\\S-1-5-21-1-2-3-1104\\Software\\Mic\
                rosoft\\Windows\\CurrentVersion\\Run\\com.squirrel.Teams.Teams",
                "Update.exe --processStart Teams.exe",
            );
        }
        3 => {
            desk.run(
                "C:\\Program Files\\Common Files\\microsoft shared\\ClickToRun\\OfficeCli\
                ckToRun.exe",
                "OfficeClickToRun.exe /update",
                SERVICES,
                "SYSTEM",
            );
            desk.run(
                "C:\\Program Files\\Common Files\\microsoft shared\\ClickToRun\\Updates\\\
                16.0\\OfficeC2RClient.exe",
                "OfficeC2RClient.exe /applyupdate",
                SERVICES,
                "SYSTEM",
            );
        }
        _ => update_printer(desk, &temp, &hex, &user),
    }
    desk.connect(SVCHOST, "SYSTEM", &format!("151.101.{}.10", desk.scene.rng.below(200)), 443);
}

/// A browser, with its service and its task.
fn update_browser(desk: &mut Desk<'_, '_>, temp: &str, hex: &str) {
    let setup = format!("{temp}\\CR_{hex}.tmp\\setup.exe");
    desk.run(
        &setup,
        "setup.exe --install-archive=chrome.7z --system-level",
        "C:\\Program Files (x86)\\Google\\GoogleUpdater\\140.0\\updater.exe",
        "SYSTEM",
    );
    desk.service(
        7_045,
        "GoogleUpdaterService140",
        "\"C:\\Program Files (x86)\\Googl\
        e\\GoogleUpdater\\140.0\\updater.exe\" --system --windows-service",
    );
    desk.task(
        106,
        "\\GoogleUpdaterTaskSystem140",
        "C:\\Program Files (x86)\\Google\\GoogleUpdater\\140.0\\updater.exe",
    );
}

/// A reader of documents, by the installer of Windows.
fn update_reader(desk: &mut Desk<'_, '_>, temp: &str, hex: &str) {
    let line = format!("C:\\Windows\\system32\\msiexec.exe /i \"{temp}\\AcroRdr.msp\" /qn");
    desk.run("C:\\Windows\\System32\\msiexec.exe", &line, SVCHOST, "SYSTEM");
    desk.run(
        "C:\\Windows\\SysWOW64\\msiexec.exe",
        "C:\\Windows\\syswow64\\MsiExec.exe -Embedding 0A1B2C",
        "C:\\Windows\\System32\\msiexec.exe",
        "SYSTEM",
    );
    let rundll = format!(
        "rundll32.exe \"C:\\Windows\\Installer\\MSI{hex}.tmp\",zzzzInvokeManagedCustom\
            ActionOutOfProc"
    );
    desk.run(
        "C:\\Windows\\System32\\rundll32.exe",
        &rundll,
        "C:\\Windows\\SysWOW64\\msiexec.exe",
        "SYSTEM",
    );
}

/// A printer, with its driver.
fn update_printer(desk: &mut Desk<'_, '_>, temp: &str, hex: &str, user: &str) {
    let setup = format!("{temp}\\printer-{hex}.exe");
    desk.run(&setup, &format!("\"{setup}\" /silent"), "C:\\Windows\\explorer.exe", user);
    desk.run(
        "C:\\Windows\\System32\\pnputil.exe",
        "pnputil.exe /add-driver C:\\Temp\\prn.inf /install",
        &setup,
        "SYSTEM",
    );
    desk.other(
        "Microsoft-Windows-Sysmon/Operational",
        6,
        vec![
            ("ImageLoaded", "C:\\Windows\\System32\\drivers\\usbprint.sys".into()),
            ("Signed", "true".into()),
            ("Signature", "Print Maker".into()),
        ],
    );
}

/// New software, put there by its own installer.
pub fn install(desk: &mut Desk<'_, '_>, name: &str, image: &str) {
    let user = desk.scene.machine().user.clone();
    let setup = format!("C:\\Users\\{user}\\Downloads\\{name}-setup.exe");
    let helper = format!(
        "C:\\Users\\{user}\\AppData\\Local\\Temp\\is-{}.tmp\\{name}-setup.tmp",
        desk.scene.hex(5)
    );
    desk.run(&setup, &format!("\"{setup}\""), "C:\\Windows\\explorer.exe", &user);
    desk.run(&helper, &format!("\"{helper}\" /SL5=\"$A0B0C,1234,{setup}\""), &setup, &user);
    desk.run(CMD, &format!("cmd.exe /c \"{image}\" --register"), &helper, &user);
    desk.run(
        "C:\\Windows\\System32\\regsvr32.exe",
        &format!("regsvr32.exe /s \"{}.ocx\"", image.trim_end_matches(".exe")),
        &helper,
        &user,
    );
    desk.run(
        "C:\\Windows\\System32\\netsh.exe",
        &format!(
            "netsh advfirewall firewall add rul\
        e name=\"{name}\" dir=in action=allow program=\"{image}\""
        ),
        &helper,
        &user,
    );
    desk.run(
        "C:\\Windows\\System32\\schtasks.exe",
        &format!(
            "schtasks /create /tn \"{name} Update\" /tr \"{image} /update\" /sc daily /st 12:00"
        ),
        &helper,
        &user,
    );
    desk.run(image, &format!("\"{image}\""), "C:\\Windows\\explorer.exe", &user);
    desk.task(106, &format!("\\{name} Update"), image);
    desk.service(7_045, name, &format!("\"{image}\" --service"));
    let now = desk.scene.time_ms();
    desk.file(now, &helper, image);
    desk.file(
        now,
        &helper,
        &format!(
            "C:\\Users\\{user}\\AppData\\Roaming\\Microsoft\\Window\
        s\\Start Menu\\Programs\\Startup\\{name}.lnk"
        ),
    );
    desk.value(
        now,
        &helper,
        &format!("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\{name}"),
        image,
    );
    desk.connect(image, &user, &format!("104.{}.20.7", desk.scene.rng.below(60)), 8_080);
}

/// A program of another age does what was usual then.
pub fn old_software(desk: &mut Desk<'_, '_>) {
    let user = desk.scene.machine().user.clone();
    let now = desk.scene.time_ms();
    desk.file(now, "C:\\Chart2000\\CHART.EXE", "C:\\Windows\\CHART.INI");
    desk.library(now, "C:\\Chart2000\\CHART.EXE", "C:\\Chart2000\\VB6\\msvbvm60.dll");
    desk.run(CMD, "command /c C:\\Chart2000\\RUN.BAT", "C:\\Chart2000\\CHART.EXE", &user);
    desk.look(now, "C:\\Chart2000\\CHART.EXE", "C:\\Windows\\explorer.exe", "0x1f3fff");
}
