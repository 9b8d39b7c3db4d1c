//! Starting ringfort's own processes: the executor, and workers without rights. The only other
//! place that starts processes is `act`.
#![expect(clippy::disallowed_methods, reason = "this module starts ringfort's own processes")]

use std::ffi::OsStr;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// The user and group id that unprivileged parts run under when started by root and no user
/// `ringfort` exists: one from the range that systemd keeps for dynamic users (61184 to 65519).
pub const UNPRIVILEGED_ID: u32 = 61_947;

/// The most bytes that are taken from a worker.
pub const WORKER_OUTPUT_BYTES_MAX: u64 = 256 << 20;

/// This very program, also after its file was replaced by an update.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Settings of the C library's allocator (mallopt(3)): these processes run for months beside others
/// on a small machine, so memory that is free goes back soon, and threads share their heap.
const ALLOCATOR: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
];

fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "LANG", "NO_COLOR", "RINGFORT_LOG", "JOURNAL_STREAM"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(ALLOCATOR);
    command
}

/// Starts an executor that serves one connection, which is returned.
pub fn executor_for_one(data_dir: &Path, config: Option<&Path>) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = clean(THIS_PROGRAM);
    command.arg("exec").arg("--data-dir").arg(data_dir);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let child = command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).spawn()?;
    Ok((ours, child))
}

/// Starts an executor that listens on a socket.
pub fn executor_listening(
    data_dir: &Path,
    config: Option<&Path>,
    socket: &Path,
) -> io::Result<Child> {
    let mut command = clean(THIS_PROGRAM);
    command.arg("exec").arg("--data-dir").arg(data_dir).arg("--listen").arg(socket);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

/// Starts the agent, or the hub; as an unprivileged user if this process is root.
pub fn unprivileged(args: &[&str], uid: Option<u32>) -> io::Result<Child> {
    // After a change of user the link in /proc may not be followed; the path may.
    let mut command = clean(std::env::current_exe()?);
    command.args(args).stdin(Stdio::null());
    if let Some(uid) = uid {
        // The standard library also drops the supplementary groups when root sets the user.
        command.uid(uid).gid(uid).env("HOME", "/nonexistent");
    }
    command.spawn()
}

/// Starts the watcher of logs. With `after` (even an empty one) the systemd journal is read to it,
/// from that cursor on; both children are returned, and the watcher's standard output.
pub fn watcher(
    args: &[&OsStr],
    after: Option<&str>,
) -> io::Result<(Child, Option<Child>, ChildStdout)> {
    let mut journal = match after {
        None => None,
        Some(cursor) => {
            let mut command = clean("journalctl");
            command.args(["--follow", "--no-tail", "--output=export", "--quiet"]);
            if cursor.is_empty() {
                command.arg("--since=-7d");
            } else {
                command.arg(format!("--after-cursor={cursor}"));
            }
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            Some(command.spawn()?)
        }
    };
    let mut command = clean(THIS_PROGRAM);
    let input = journal.as_mut().and_then(|journal| journal.stdout.take());
    command.arg("watch").args(args).stdin(input.map_or_else(Stdio::null, Stdio::from));
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((child, journal, stdout))
}

/// A worker that has its job and works.
struct Working {
    child: Child,
    stdout: ChildStdout,
    feeder: JoinHandle<io::Result<()>>,
    errors: JoinHandle<String>,
}

impl Working {
    /// Starts a worker and hands it its job on standard input.
    fn start(args: &[&str], job: &[u8]) -> io::Result<Self> {
        let mut command = clean(THIS_PROGRAM);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let job = job.to_vec();
        let feeder = std::thread::spawn(move || stdin.write_all(&job));
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            // What is not text is of no use in a message.
            let _ = stderr.take(64 << 10).read_to_string(&mut text);
            text
        });
        Ok(Self { child, stdout, feeder, errors })
    }
}

/// Waits for a worker's end; kills it first if what it said cannot be used.
fn end<T>(
    mut child: Child,
    feeder: JoinHandle<io::Result<()>>,
    errors: JoinHandle<String>,
    output: io::Result<T>,
) -> io::Result<T> {
    if output.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    // A worker that died early did not read its whole job; its status tells more.
    let _ = feeder.join();
    let errors = errors.join().unwrap_or_default();
    let output = output?;
    if status.success() {
        Ok(output)
    } else {
        Err(io::Error::other(format!("the worker ended with {status}: {}", errors.trim())))
    }
}

fn too_long(what: &str, timeout: Duration) -> io::Error {
    let text = format!("the worker {what} {} s", timeout.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Runs a worker: hands it a job on standard input, takes its standard output, and kills it when
/// it takes too long.
pub fn worker(args: &[&str], job: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
    let Working { child, stdout, feeder, errors } = Working::start(args, job)?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.take(WORKER_OUTPUT_BYTES_MAX).read_to_end(&mut output);
        // The receiver is gone only after the timeout.
        let _ = sender.send(read.map(|_| output));
    });
    let output = receiver.recv_timeout(timeout);
    let output = output.unwrap_or_else(|_| Err(too_long("took longer than", timeout)));
    end(child, feeder, errors, output)
}

/// Runs a worker that says what it has in lines, and hands over each as it comes. A worker that is
/// silent for longer than `silence` is killed, and so is one whose line is over `line_bytes_max`.
pub fn worker_lines(
    args: &[&str],
    job: &[u8],
    silence: Duration,
    line_bytes_max: u64,
    each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let Working { child, stdout, feeder, errors } = Working::start(args, job)?;
    // A full channel holds the worker back: what it says is never piled up here.
    let (sender, receiver) = std::sync::mpsc::sync_channel(64);
    std::thread::spawn(move || {
        let mut stdout = io::BufReader::with_capacity(256 << 10, stdout);
        loop {
            let mut line = Vec::new();
            let read = (&mut stdout).take(line_bytes_max).read_until(b'\n', &mut line);
            let ends = matches!(read, Ok(0) | Err(_));
            if sender.send(read.map(|_| line)).is_err() || ends {
                return;
            }
        }
    });
    let output = loop {
        match receiver.recv_timeout(silence) {
            Ok(Ok(line)) if line.is_empty() => break Ok(()),
            Ok(Ok(line)) if line.ends_with(b"\n") => match each(&line) {
                Ok(()) => {}
                Err(error) => break Err(error),
            },
            Ok(Ok(_)) => {
                break Err(io::Error::other("the worker's line has no end, or is too long"));
            }
            Ok(Err(error)) => break Err(error),
            Err(_) => break Err(too_long("said nothing for", silence)),
        }
    };
    drop(receiver);
    end(child, feeder, errors, output)
}
