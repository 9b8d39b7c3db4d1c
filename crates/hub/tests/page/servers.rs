//! Messages against servers that are not ours: aiosmtpd, a mail server, over STARTTLS; and Python's
//! own HTTP server. Both are down for an hour (the hub's clock is moved), and are then started.
//!
//! Needs Debian's `python3-aiosmtpd`.
#![expect(clippy::disallowed_methods, reason = "the test starts real servers")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hub::messages::deliver;
use hub::messages::round;
use hub::messages::settings::{NAME, Secret, Settings};
use spine::Priority;

use super::support::{Page, case};

const PYTHON: &str = "/usr/bin/python3";

/// Keeps the head and the body of each request in a file of its own.
const HTTP: &str = r#"
import http.server, itertools, pathlib, sys
folder, count = pathlib.Path(sys.argv[2]), itertools.count()
class Keep(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        path = folder / f"{next(count)}"
        path.write_text(f"{self.path}\n{self.headers}" + body.decode())
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Keep).serve_forever()
"#;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(port: u16, args: &[&str]) -> Self {
        let child = Command::new(PYTHON)
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (server, begun) = (Self(child), Instant::now());
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{args:?} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

/// Ports that nobody listens on.
fn free_ports<const N: usize>() -> [u16; N] {
    [(); N]
        .map(|()| TcpListener::bind("127.0.0.1:0").unwrap())
        .map(|listener| listener.local_addr().unwrap().port())
}

fn texts(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

/// A certificate for this machine and its key, which are one file and its own authority.
fn certificate(dir: &Path) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let path = dir.join("localhost.pem");
    let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
    std::fs::write(&path, pem).unwrap();
    path
}

#[test]
fn real_servers_that_were_down_for_an_hour_get_each_message_once() {
    let has = Command::new(PYTHON).args(["-c", "import aiosmtpd"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        return println!("SKIPPED: no aiosmtpd (apt-get install python3-aiosmtpd)");
    }
    let dir = tempfile::tempdir().unwrap();
    let [mail_port, http_port] = free_ports();
    let (mail, http) = (dir.path().join("mail"), dir.path().join("http"));
    std::fs::create_dir(&http).unwrap();
    let pem = certificate(dir.path()).display().to_string();
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let settings = Settings {
        mail_server: "localhost".into(),
        mail_port,
        mail_security: "starttls".into(),
        mail_from: "ringfort@clinic.example".into(),
        mail_to: "it@clinic.example".into(),
        webhook_url: format!("http://127.0.0.1:{http_port}/hook"),
        webhook_key: Secret("a key of sixteen and more".into()),
        ntfy_url: format!("http://127.0.0.1:{http_port}/topic"),
        digest_hour: None,
        escalate_minutes: 0,
        ca_file: pem.clone(),
        ..Settings::default()
    };
    settings.check().unwrap();
    page.hub.db.set(NAME, &settings).unwrap();
    let minute = || {
        page.time.0.fetch_add(60_000, Ordering::SeqCst);
        round(&page.hub).unwrap();
    };
    (0..60).for_each(|_| minute());
    let waiting = page.hub.db.letters(9).unwrap();
    assert_eq!(waiting.len(), 3, "one on each way");
    assert!(waiting.iter().all(|letter| letter.attempts >= 5 && letter.sent_ms.is_none()));

    let at = format!("127.0.0.1:{mail_port}");
    let folder = mail.display().to_string();
    let tls = ["--tlscert", &pem, "--tlskey", &pem];
    let keep = ["-c", "aiosmtpd.handlers.Mailbox", &folder];
    let start = ["-m", "aiosmtpd", "--nosetuid", "--listen", &at];
    let _mail = Server::start(mail_port, &[&start[..], &tls, &keep].concat());
    let (port, folder) = (http_port.to_string(), http.display().to_string());
    let _http = Server::start(http_port, &["-c", HTTP, &port, &folder]);
    (0..120).for_each(|_| minute());

    let letters = texts(&mail.join("new"));
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].contains("it@clinic.example") && !letters[0].contains("rsync"));
    let requests = texts(&http);
    assert_eq!(requests.len(), 2, "{requests:?}");
    let hook = requests.iter().find(|text| text.starts_with("/hook\n")).unwrap();
    let (head, body) = hook.split_once("\n\n").unwrap();
    let field = head.lines().find_map(|line| line.strip_prefix("ringfort-signature: ")).unwrap();
    let sent_s: i64 = field.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    let expected = deliver::signature(&settings.webhook_key.0, sent_s * 1_000, body).unwrap();
    assert!(field.ends_with(&format!("v1={expected}")), "{field}");
    assert!(requests.iter().any(|text| text.starts_with("/topic\n")));
    assert!(page.hub.db.letters(9).unwrap().iter().all(|letter| letter.sent_ms.is_some()));
}
