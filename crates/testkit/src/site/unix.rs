//! An ordinary hour of a Linux server.

use super::linux::{exec, ssh, sudo, syslog};
use super::{Event, Role, Scene};

/// What a Linux server does in an hour.
pub fn hour(scene: &Scene<'_>, events: &mut Vec<Event>) {
    let admin = scene.machines.iter().find(|machine| machine.role == Role::Admin);
    let from = admin.map_or("10.20.1.14", |machine| machine.ip.as_str());
    syslog(scene, "CRON", "(root) CMD (cd / && run-parts --report /etc/cron.hourly)", events);
    exec(
        scene,
        "/usr/bin/dash",
        &["/bin/sh", "-c", "cd / && run-parts --report /etc/cron.hourly"],
        0,
        events,
    );
    exec(scene, "/usr/bin/run-parts", &["run-parts", "--report", "/etc/cron.hourly"], 0, events);
    syslog(scene, "systemd", "Started session-2.scope - Session 2 of user root.", events);
    for _ in 0..=scene.rng.below(4) {
        let unit = scene.pick(&[
            "logrotate.service",
            "fstrim.service",
            "apt-daily.service",
            "man-db.service",
            "php8.2-fpm.service",
            "certbot.service",
        ]);
        syslog(scene, "systemd", &format!("Finished {unit}."), events);
    }
    duty(scene, events);
    visit(scene, from, admin.map_or("amara", |machine| machine.user.as_str()), events);
}

/// What the server is there for.
fn duty(scene: &Scene<'_>, events: &mut Vec<Event>) {
    // The whole world tries the doors of what is on the web.
    if scene.machine().role == Role::Web {
        for _ in 0..2 + scene.rng.below(12) {
            let user =
                scene.pick(&["root", "admin", "oracle", "test", "ubuntu", "git", "postgres"]);
            let (a, b) = (scene.rng.below(220), scene.rng.below(250));
            let text = format!(
                "Failed password for invalid user {user} from 185.{a}.{b}.9 port 40000 ssh2"
            );
            syslog(scene, "sshd", &text, events);
        }
        exec(scene, "/usr/sbin/php-fpm8.2", &["php-fpm: pool www"], 33, events);
        if scene.chance(300) {
            exec(
                scene,
                "/usr/bin/convert",
                &["convert", "-resize", "200x", "in.png", "out.png"],
                33,
                events,
            );
        }
    } else if scene.hour == 2 {
        let line = ["rsync", "-a", "--delete", "srv01:/share/", "/backup/share/"];
        exec(scene, "/usr/bin/rsync", &line, 0, events);
        exec(scene, "/usr/bin/ssh", &["ssh", "srv01", "rsync", "--server"], 0, events);
        exec(
            scene,
            "/usr/bin/tar",
            &["tar", "-czf", "/backup/daily.tar.gz", "/backup/share"],
            0,
            events,
        );
        exec(scene, "/usr/bin/find", &["find", "/backup", "-mtime", "+30", "-delete"], 0, events);
    }
}

/// The administrator looks in.
fn visit(scene: &Scene<'_>, from: &str, user: &str, events: &mut Vec<Event>) {
    if (8..18).contains(&scene.hour) && scene.weekday() < 5 && scene.chance(350) {
        ssh(scene, user, from, events);
        for _ in 0..=scene.rng.below(4) {
            let (command, path, words) = scene.pick::<(&str, &str, &[&str])>(&[
                ("/usr/bin/apt-get update", "/usr/bin/apt-get", &["apt-get", "update"]),
                (
                    "/usr/bin/systemctl restart nginx",
                    "/usr/bin/systemctl",
                    &["systemctl", "restart", "nginx"],
                ),
                (
                    "/usr/bin/tail -f /var/log/syslog",
                    "/usr/bin/tail",
                    &["tail", "-f", "/var/log/syslog"],
                ),
                (
                    "/usr/bin/vim /etc/nginx/nginx.conf",
                    "/usr/bin/vim.basic",
                    &["vim", "/etc/nginx/nginx.conf"],
                ),
                ("/usr/bin/df -h", "/usr/bin/df", &["df", "-h"]),
                ("/usr/bin/journalctl -xe", "/usr/bin/journalctl", &["journalctl", "-xe"]),
                ("/usr/bin/cat /etc/passwd", "/usr/bin/cat", &["cat", "/etc/passwd"]),
                (
                    "/usr/sbin/ufw status",
                    "/usr/bin/python3.11",
                    &["/usr/bin/python3", "/usr/sbin/ufw", "status"],
                ),
                (
                    "/usr/bin/curl -I https://www.yard.example",
                    "/usr/bin/curl",
                    &["curl", "-I", "https://www.yard.example"],
                ),
                ("/usr/bin/docker ps", "/usr/bin/docker", &["docker", "ps"]),
            ]);
            sudo(scene, user, command, events);
            exec(scene, path, words, 0, events);
        }
    }
}
