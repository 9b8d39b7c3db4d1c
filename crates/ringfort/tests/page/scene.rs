//! A data folder with a real executor, a real page, and something to act on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spine::{Author, HostId, Plan, Step};

/// The program under test.
pub const RINGFORT: &str = env!("CARGO_BIN_EXE_ringfort");

/// A running executor on a data folder of its own.
pub struct Scene {
    pub data: tempfile::TempDir,
    pub host: HostId,
    executor: Child,
    page: Option<Child>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        for child in [Some(&mut self.executor), self.page.as_mut()].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether the executor can run here; says so if not.
pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("SKIPPED: the executor needs root");
    }
    root
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

impl Scene {
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("ringfort.toml"), "").unwrap();
        let socket = data.path().join("run/exec.sock");
        let executor = command(data.path(), &["exec", "--listen"]).arg(&socket).spawn().unwrap();
        let begun = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the executor did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut scene = Self { data, host: HostId(spine::Digest([0; 32])), executor, page: None };
        let hello = scene.ask(&json!({ "op": "hello" }));
        scene.host = hello["host"].as_str().unwrap().parse().unwrap();
        std::fs::create_dir_all(scene.root().join("etc")).unwrap();
        std::fs::create_dir_all(scene.root().join("srv")).unwrap();
        std::fs::write(scene.root().join("etc/os-release"), "ID=debian\nVERSION_ID=12\n").unwrap();
        scene.put_victim();
        scene
    }

    /// The root file system that plans aim at.
    pub fn root(&self) -> PathBuf {
        self.data.path().join("root")
    }

    /// The file that every plan would move away.
    pub fn victim(&self) -> PathBuf {
        self.root().join("srv/victim")
    }

    pub fn put_victim(&self) {
        std::fs::write(self.victim(), "still here").unwrap();
    }

    pub fn plan(&self, salt: u32) -> Plan {
        let params = json!({ "path": "/srv/victim" });
        Plan {
            schema: 1,
            host: self.host,
            root: self.root().display().to_string(),
            case: None,
            author: Author::Human,
            purpose: "move the victim away".into(),
            steps: vec![Step {
                actuator: "file.quarantine".into(),
                params: params.as_object().unwrap().clone(),
            }],
            evidence: vec![],
            ring: None,
            created_ms: now_ms(),
            nonce: format!("{salt:032x}"),
        }
    }

    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.data.path().join("run/exec.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Asks the executor on a connection of its own.
    pub fn ask(&self, request: &Value) -> Value {
        ask(&mut self.connect(), request)
    }

    /// Starts the page; returns its link that signs in once.
    pub fn start_page(&mut self) -> String {
        let mut page = command(self.data.path(), &["hub", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(page.stdout.take().unwrap());
        let mut lines = output.lines();
        let link = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("sign in once, within half an hour: ").map(str::to_owned)
        });
        std::thread::spawn(move || lines.for_each(drop));
        self.page = Some(page);
        link.expect("the page prints a link")
    }

    /// Runs a verb to its end.
    pub fn run(&self, args: &[&str]) -> std::process::Output {
        command(self.data.path(), args).output().unwrap()
    }
}

pub fn command(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(RINGFORT);
    command
        .arg("--data-dir")
        .arg(data)
        .args(args)
        .env("RINGFORT_CONFIG", data.join("ringfort.toml"))
        .env("XDG_CONFIG_HOME", data.join("config"))
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null());
    command
}

/// Sends one request and reads messages until the reply.
pub fn ask(stream: &mut UnixStream, request: &Value) -> Value {
    let bytes = serde_json::to_vec(request).unwrap();
    stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&bytes).unwrap();
    loop {
        let mut header = [0; 4];
        stream.read_exact(&mut header).unwrap();
        let mut body = vec![0; u32::from_be_bytes(header) as usize];
        stream.read_exact(&mut body).unwrap();
        let message: Value = serde_json::from_slice(&body).unwrap();
        if message["say"] == "reply" {
            return message;
        }
    }
}
