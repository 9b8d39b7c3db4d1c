//! Starting ringfort's own processes: the executor, and workers without rights. The only other
//! place that starts processes is `act`.
#![expect(clippy::disallowed_methods, reason = "this module starts ringfort's own processes")]

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The user and group id that unprivileged parts run under when started by root and no user
/// `ringfort` exists: one from the range that systemd keeps for dynamic users (61184 to 65519).
pub const UNPRIVILEGED_ID: u32 = 61_947;

/// The most bytes that are taken from a worker.
pub const WORKER_OUTPUT_BYTES_MAX: u64 = 256 << 20;

/// This very program, also after its file was replaced by an update.
const THIS_PROGRAM: &str = "/proc/self/exe";

fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "LANG", "NO_COLOR", "RINGFORT_LOG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
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

/// Runs a worker: hands it a job on standard input, takes its standard output, and kills it when
/// it takes too long.
pub fn worker(args: &[&str], job: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
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
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.take(WORKER_OUTPUT_BYTES_MAX).read_to_end(&mut output);
        // The receiver is gone only after the timeout.
        let _ = sender.send(read.map(|_| output));
    });
    let output = receiver.recv_timeout(timeout);
    if output.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    // A worker that died early did not read its whole job; its status tells more.
    let _ = feeder.join();
    let errors = errors.join().unwrap_or_default();
    let output = output.map_err(|_| {
        let text = format!("the worker took longer than {} s", timeout.as_secs());
        io::Error::new(io::ErrorKind::TimedOut, text)
    })??;
    if status.success() {
        Ok(output)
    } else {
        Err(io::Error::other(format!("the worker ended with {status}: {}", errors.trim())))
    }
}
