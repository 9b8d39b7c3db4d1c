//! What maintainer scripts ask of the service manager. On a copy it is written down and not done,
//! so that a plan can name the services that it restarts.
//!
//! A folder of stand-ins comes first on the path of everything that runs in the copy, and
//! `policy-rc.d` (Debian Policy 9.3.3.1) refuses what reaches it in other ways. What a script
//! writes there itself is text of a stranger: it is read with limits, and can only name services.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::limits::{CALLS_BYTES_MAX, CALLS_MAX, UNIT_NAME_CHARS_MAX};
use crate::report::ServiceRestart;

/// Programs that scripts reach services by.
const PROGRAMS: [&str; 4] = ["systemctl", "deb-systemd-invoke", "invoke-rc.d", "service"];

/// What stands in for each of them: it writes the call down. `systemctl` is then asked only for
/// what it does to files, as in a system that is not running; the others go on to `policy-rc.d`.
const STAND_IN: &str = r#"#!/bin/sh
# Put here by ringfort while it tries a plan on a copy of the machine.
name=${0##*/}
printf '%s %s\n' "$name" "$*" >> /run/ringfort/calls 2> /dev/null
verb=
for word in "$@"; do
    case "$word" in -*) ;; *) verb=$word; break ;; esac
done
if [ "$name" = systemctl ]; then
    SYSTEMD_OFFLINE=1
    export SYSTEMD_OFFLINE
    case "$verb" in
        enable | disable | reenable | mask | unmask | preset | is-enabled | cat) ;;
        *) exit 0 ;;
    esac
fi
for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
    if [ -x "$folder/$name" ]; then exec "$folder/$name" "$@"; fi
done
exit 0
"#;

/// What stands at `usr/sbin/policy-rc.d` on the copy.
pub const RECORDING_POLICY: &str = "#!/bin/sh
# put here by ringfort while it tries a plan on a copy
printf 'policy-rc.d %s\\n' \"$*\" >> /run/ringfort/calls 2> /dev/null
exit 101
";

/// Furnishes a folder that is bound to `/run/ringfort` in the copy. `booted`: whether scripts see
/// a system that systemd runs, as they will when the plan is applied.
pub fn furnish(dir: PathBuf, booted: bool) -> io::Result<PathBuf> {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin)?;
    for name in PROGRAMS {
        let path = bin.join(name);
        fs::write(&path, STAND_IN)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    let calls = dir.join("calls");
    fs::write(&calls, "")?;
    fs::set_permissions(&calls, fs::Permissions::from_mode(0o666))?;
    if booted {
        fs::write(dir.join("systemd"), "")?;
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
    Ok(dir)
}

/// The services that were asked for, and what would become of them.
pub fn read(dir: &Path) -> io::Result<Vec<ServiceRestart>> {
    let mut bytes = Vec::new();
    fs::File::open(dir.join("calls"))?.take(CALLS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(services(&String::from_utf8_lossy(&bytes)))
}

fn services(text: &str) -> Vec<ServiceRestart> {
    let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (unit, verb) in text.lines().take(CALLS_MAX).flat_map(call) {
        asked.entry(unit).or_default().insert(verb);
    }
    let service = |(unit, verbs): (&str, BTreeSet<&str>)| {
        let name = unit.strip_suffix(".service").unwrap_or(unit).to_owned();
        Some(ServiceRestart { name, why: "script".to_owned(), verb: fate(&verbs)?.to_owned() })
    };
    asked.into_iter().filter_map(service).collect()
}

/// Which units one call asks for what.
fn call(line: &str) -> Vec<(&str, &str)> {
    let mut words = line.split_whitespace().filter(|word| !word.starts_with('-'));
    let named = |unit: &str| {
        unit.len() <= UNIT_NAME_CHARS_MAX
            && unit.chars().all(|c| c.is_ascii_alphanumeric() || "@_.:\\-".contains(c))
    };
    let mut calls = Vec::new();
    match (words.next(), words.next(), words.next()) {
        (Some("policy-rc.d" | "invoke-rc.d" | "service"), Some(unit), Some(verb)) => {
            calls.push((unit, verb));
        }
        (Some("systemctl" | "deb-systemd-invoke"), Some(verb), Some(unit)) => {
            calls.push((unit, verb));
            calls.extend(words.map(|unit| (unit, verb)));
        }
        _ => {}
    }
    calls.retain(|(unit, _)| named(unit));
    calls
}

/// What becomes of a service of which all this was asked; nothing if it was only looked at.
fn fate(verbs: &BTreeSet<&str>) -> Option<&'static str> {
    const RESTART: [&str; 6] =
        ["restart", "try-restart", "condrestart", "reload-or-restart", "upgrade", "force-restart"];
    const RELOAD: [&str; 3] = ["reload", "force-reload", "try-reload-or-restart"];
    let any = |of: &[&str]| of.iter().any(|verb| verbs.contains(verb));
    match () {
        () if any(&RESTART) || (any(&["stop"]) && any(&["start"])) => Some("restart"),
        () if any(&["start"]) => Some("start"),
        () if any(&["stop"]) => Some("stop"),
        () if any(&RELOAD) => Some("reload"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_every_kind_name_their_services_and_only_looking_names_none() {
        let text = "\
policy-rc.d rsync restart
deb-systemd-invoke --user restart a.service b.service
systemctl --system daemon-reload
systemctl --quiet is-active cron.service
systemctl stop old.service
systemctl start old.service
invoke-rc.d --skip-systemd-native ssh reload
service nginx upgrade
systemctl restart $(id) ../x
deb-systemd-invoke stop gone.socket
";
        let named: Vec<String> =
            services(text).iter().map(|s| format!("{} {}", s.verb, s.name)).collect();
        let expected =
            ["restart a", "restart b", "stop gone.socket", "restart nginx", "restart old"];
        assert_eq!(named[..5], expected);
        assert_eq!(named[5..], ["restart rsync", "reload ssh"]);
    }

    #[test]
    fn a_folder_is_furnished_and_what_a_script_leaves_there_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let place = furnish(dir.path().join("calls"), true).unwrap();
        assert!(read(&place).unwrap().is_empty());
        let many: Vec<String> = (0..100_000).map(|n| format!("service s{n} restart")).collect();
        fs::write(place.join("calls"), many.join("\n")).unwrap();
        assert_eq!(read(&place).unwrap().len(), CALLS_MAX);
    }
}
