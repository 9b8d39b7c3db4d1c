//! Another machine, as far as namespaces make one: running programs on it, and asking the page that
//! runs there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::support::text;

/// Where every machine has its programs.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// No program that a test waits for runs longer, seconds.
const PROGRAM_S_MAX: &str = "400";

/// The namespaces of a process, which stand for a machine.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    pub pid: u32,
}

impl Inside {
    /// A program on the machine, to be started.
    pub fn command(self, program: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.pid));
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--"]);
        command.args(["/usr/bin/env", "-i", PATH, "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.args(program).stdin(Stdio::null());
        command
    }

    /// Runs a program on the machine to its end, with something on its standard input.
    pub fn says(self, program: &[&str], input: &str) -> Output {
        // In a session of its own no terminal can stop it.
        let mut bounded = vec!["/usr/bin/setsid", "--wait", "/usr/bin/timeout", PROGRAM_S_MAX];
        bounded.extend(program);
        let mut child = self
            .command(&bounded)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read it is no failure.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// The same, and it must end well. Returns what it said.
    pub fn does(self, program: &[&str]) -> String {
        let output = self.says(program, "");
        assert!(output.status.success(), "{program:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Whether a program on the machine ends well.
    pub fn holds(self, program: &[&str]) -> bool {
        self.says(program, "").status.success()
    }

    /// A program of this machine in the network of the other.
    pub fn net(self, program: &[&str]) {
        let output = Command::new("nsenter")
            .args([&format!("--target={}", self.pid), "--net", "--"])
            .args(program)
            .output()
            .unwrap();
        assert!(output.status.success(), "{program:?}: {}", text(&output));
    }

    /// A connection that is made on the machine.
    pub fn connect(self, to: &'static str) -> std::io::Result<TcpStream> {
        let connecting = std::thread::spawn(move || {
            let net = File::open(format!("/proc/{}/ns/net", self.pid))?;
            // Of this thread alone, which ends right after.
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            TcpStream::connect(to)
        });
        connecting.join().unwrap()
    }
}

/// Somebody who signed in on the page of a machine.
pub struct Visitor {
    at: Inside,
    cookie: String,
}

/// What the page said.
pub struct Shown {
    pub status: u16,
    pub head: String,
    pub text: String,
}

/// The page, as it is named in every request.
const HOST: &str = "localhost:7117";

/// Asks the page of a machine.
pub fn ask(at: Inside, method: &str, path: &str, more: &str, body: &str) -> Option<Shown> {
    let mut stream = at.connect("127.0.0.1:7117").ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {HOST}\r\norigin: http://{HOST}\r\n\
         sec-fetch-site: same-origin\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {length}\r\nconnection: close\r\n{more}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Shown { status, head: head.to_owned(), text: text.to_owned() })
}

impl Visitor {
    /// Signs in with the link that the program prints.
    pub fn new(at: Inside) -> Self {
        let link = at.does(&["ringfort", "hub", "--link"]);
        let secret = link.trim().rsplit('/').next().unwrap().to_owned();
        let shown = ask(at, "POST", &format!("/link/{secret}"), "", "name=Ann").unwrap();
        assert_eq!(shown.status, 303, "{}", shown.head);
        let head = shown.head.to_lowercase();
        let cookie = head.split("__host-ringfort=").nth(1).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { at, cookie }
    }

    fn cookie(&self) -> String {
        format!("cookie: __Host-ringfort={}\r\n", self.cookie)
    }

    /// What a page shows; it must be there.
    pub fn sees(&self, path: &str) -> String {
        let shown = ask(self.at, "GET", path, &self.cookie(), "").unwrap();
        assert_eq!(shown.status, 200, "{path}: {}", shown.head);
        shown.text
    }

    /// What comes of a button.
    pub fn presses(&self, path: &str) -> Shown {
        let page = self.sees("/settings");
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let csrf = csrf.split('"').next().unwrap();
        ask(self.at, "POST", path, &self.cookie(), &format!("csrf={csrf}")).unwrap()
    }

    /// A token to join with, from the button at this path.
    pub fn token(&self, path: &str) -> String {
        let shown = self.presses(path);
        let at = shown.text.find("ringfort-join-1.").unwrap_or_else(|| panic!("{}", shown.text));
        let rest = shown.text.split_at(at).1;
        let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        rest.split(ends).next().unwrap().to_owned()
    }
}

/// Waits until something is there.
pub fn until<T>(what: &str, within_s: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        let looked = Instant::now();
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed().as_secs() < within_s, "not within {within_s} s: {what}");
        // A look that takes long is not taken often.
        std::thread::sleep(looked.elapsed().max(Duration::from_millis(250)));
    }
}
