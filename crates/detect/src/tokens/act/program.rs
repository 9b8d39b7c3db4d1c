//! What sort of program a path is.
//!
//! Windows' own programs are told by name, and only where they lie in its folders: elsewhere the
//! same name is a disguise. Of everything else the place counts, because a name may be anything.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::shape;

/// The sort of a program.
pub fn sort(path: &str) -> &'static str {
    let lower = path.to_ascii_lowercase();
    let name = shape::file_name(&lower);
    if lower.starts_with('/') {
        return unix(name, shape::place(path));
    }
    if lower.starts_with("\\device\\mup\\") {
        return "network program";
    }
    match shape::place(path) {
        "system" | "windows" => windows(name).unwrap_or("windows"),
        "programs" => known(name).unwrap_or("installed"),
        "bare" => windows(name).or_else(|| known(name)).unwrap_or("named"),
        place => {
            if is_core_name(name) {
                return "misplaced";
            }
            match place {
                "temp" => "temp program",
                "shared" => "shared program",
                "appdata" => known(name).unwrap_or("profile program"),
                "home" => "home program",
                "network" => "network program",
                "autostart" => "autostart program",
                _ => known(name).unwrap_or("other program"),
            }
        }
    }
}

/// Whether a program of the sort lies where anybody may write.
pub fn is_loose(sort: &str) -> bool {
    matches!(
        sort,
        "temp program"
            | "shared program"
            | "home program"
            | "network program"
            | "autostart program"
            | "other program"
            | "misplaced"
    )
}

/// Whether it runs what it is given: what it does says more than that it runs.
pub fn is_telling(sort: &str) -> bool {
    is_loose(sort)
        || matches!(
            sort,
            "cmd"
                | "powershell"
                | "script host"
                | "mshta"
                | "loader"
                | "proxy"
                | "fetcher"
                | "asker"
                | "net"
                | "setter"
                | "elevator"
                | "remote shell"
                | "interpreter"
                | "unix shell"
                | "profile program"
        )
}

/// Names that belong into the folders of Windows.
fn is_core_name(name: &str) -> bool {
    matches!(
        name,
        "svchost.exe"
            | "lsass.exe"
            | "csrss.exe"
            | "services.exe"
            | "winlogon.exe"
            | "smss.exe"
            | "wininit.exe"
            | "explorer.exe"
            | "rundll32.exe"
            | "regsvr32.exe"
            | "cmd.exe"
            | "powershell.exe"
            | "taskhostw.exe"
            | "spoolsv.exe"
            | "dllhost.exe"
            | "conhost.exe"
            | "wscript.exe"
            | "cscript.exe"
            | "mshta.exe"
            | "mmc.exe"
            | "taskmgr.exe"
            | "winword.exe"
            | "excel.exe"
            | "outlook.exe"
    )
}

/// Programs of Windows by their sort: names between blanks.
const WINDOWS: [(&str, &str); 23] = [
    ("cmd", "cmd.exe"),
    ("powershell", "powershell.exe pwsh.exe powershell_ise.exe"),
    ("script host", "wscript.exe cscript.exe msxsl.exe"),
    ("mshta", "mshta.exe"),
    ("loader", "rundll32.exe regsvr32.exe"),
    (
        "proxy",
        "msbuild.exe installutil.exe regasm.exe regsvcs.exe cmstp.exe hh.exe control.exe \
         pcalua.exe forfiles.exe odbcconf.exe wmic.exe mavinject.exe presentationhost.exe \
         infdefaultinstall.exe dfsvc.exe syncappvpublishingserver.exe csc.exe vbc.exe \
         jsc.exe ieexec.exe xwizard.exe verclsid.exe register-cimprovider.exe \
         tttracer.exe wuauclt.exe scriptrunner.exe bash.exe",
    ),
    (
        "fetcher",
        "certutil.exe bitsadmin.exe curl.exe desktopimgdownldr.exe finger.exe ftp.exe \
         tftp.exe expand.exe extrac32.exe makecab.exe esentutl.exe certreq.exe hcp.exe \
         ntdsutil.exe diskshadow.exe",
    ),
    (
        "asker",
        "whoami.exe systeminfo.exe nltest.exe netstat.exe tasklist.exe quser.exe \
         query.exe qwinsta.exe arp.exe route.exe dsquery.exe dsget.exe gpresult.exe \
         klist.exe cmdkey.exe setspn.exe ipconfig.exe hostname.exe nslookup.exe ping.exe \
         tracert.exe nbtstat.exe driverquery.exe where.exe find.exe findstr.exe",
    ),
    ("net", "net.exe net1.exe"),
    (
        "setter",
        "sc.exe schtasks.exe at.exe reg.exe regedit.exe netsh.exe icacls.exe takeown.exe \
         attrib.exe taskkill.exe wevtutil.exe bcdedit.exe vssadmin.exe wbadmin.exe \
         fsutil.exe cipher.exe fltmc.exe auditpol.exe secedit.exe shutdown.exe winrs.exe",
    ),
    (
        "elevator",
        "fodhelper.exe eventvwr.exe sdclt.exe computerdefaults.exe compmgmtlauncher.exe \
         wsreset.exe slui.exe sysprep.exe migwiz.exe pkgmgr.exe changepk.exe dccw.exe \
         sethc.exe utilman.exe osk.exe magnify.exe narrator.exe displayswitch.exe \
         perfmon.exe",
    ),
    ("remote shell", "wsmprovhost.exe winrshost.exe psexesvc.exe paexec.exe"),
    ("services", "services.exe"),
    ("svchost", "svchost.exe"),
    ("wmi", "wmiprvse.exe scrcons.exe"),
    ("task host", "taskeng.exe taskhostw.exe taskhost.exe"),
    ("dllhost", "dllhost.exe"),
    ("console", "mmc.exe"),
    ("desktop", "explorer.exe"),
    ("spooler", "spoolsv.exe"),
    ("web server", "w3wp.exe"),
    ("lsass", "lsass.exe"),
    ("core", "winlogon.exe csrss.exe smss.exe wininit.exe lsm.exe logonui.exe"),
];

/// A program of Windows.
fn windows(name: &str) -> Option<&'static str> {
    static SORTS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        let each = |(sort, names): (&'static str, &'static str)| {
            names.split_whitespace().map(move |name| (name, sort))
        };
        WINDOWS.into_iter().flat_map(each).collect()
    });
    SORTS.get(name).copied()
}

/// A program that many machines have installed.
fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "winword.exe" | "excel.exe" | "powerpnt.exe" | "outlook.exe" | "msaccess.exe"
        | "mspub.exe" | "visio.exe" | "onenote.exe" | "eqnedt32.exe" | "soffice.bin"
        | "soffice.exe" => "office",
        "chrome.exe" | "msedge.exe" | "firefox.exe" | "iexplore.exe" | "opera.exe"
        | "brave.exe" => "browser",
        "acrord32.exe" | "acrobat.exe" | "foxitreader.exe" => "reader",
        "sqlservr.exe" | "mysqld.exe" | "postgres.exe" | "oracle.exe" => "database",
        "httpd.exe" | "nginx.exe" | "tomcat9.exe" | "php-cgi.exe" => "web server",
        "python.exe" | "pythonw.exe" | "perl.exe" | "ruby.exe" | "node.exe" | "java.exe"
        | "javaw.exe" | "jjs.exe" => "interpreter",
        _ => return None,
    })
}

/// A program of Linux.
fn unix(name: &str, place: &str) -> &'static str {
    if matches!(place, "temp" | "home" | "other") {
        return if place == "temp" { "temp program" } else { "home program" };
    }
    // `python3.11` is `python`.
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match stem {
        "sh" | "bash" | "dash" | "zsh" | "ksh" => "unix shell",
        "python" | "perl" | "ruby" | "php" | "node" | "lua" | "awk" | "gawk" => "interpreter",
        "curl" | "wget" | "nc" | "ncat" | "socat" | "scp" | "tftp" | "ftp" => "fetcher",
        "id" | "whoami" | "uname" | "hostname" | "ifconfig" | "ss" | "netstat" | "ps" | "lsof"
        | "getent" | "last" | "who" => "asker",
        "useradd" | "usermod" | "passwd" | "chpasswd" | "visudo" | "crontab" | "chattr"
        | "iptables" | "nft" | "setenforce" | "insmod" | "modprobe" | "auditctl" | "shred"
        | "setcap" => "setter",
        "apache" | "httpd" | "nginx" | "php-fpm" | "lighttpd" => "web server",
        "mysqld" | "postgres" | "mariadbd" => "database",
        _ => "unix program",
    }
}
