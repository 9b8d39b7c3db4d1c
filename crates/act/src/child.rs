//! Child processes with limits of time and output, a clean environment, and no shell strings that
//! hold a parameter.
#![expect(clippy::disallowed_methods, reason = "the actuators start the distribution's programs")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::error::ActError;
use crate::limits::CHILD_OUTPUT_BYTES_MAX;

/// What a child left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// The first bytes of its standard output.
    pub stdout: String,
    /// The first bytes of its standard error.
    pub stderr: String,
}

impl Output {
    /// The last lines that it said, for a message.
    pub fn last_words(&self) -> String {
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(6);
        lines.get(from..).unwrap_or_default().join(" | ").chars().take(800).collect()
    }
}

/// One program to run.
pub struct Child<'a> {
    program: &'a str,
    args: Vec<&'a OsStr>,
    input: &'a [u8],
    held: Option<&'a File>,
    time_max: Duration,
}

impl<'a> Child<'a> {
    /// A program with a limit of time.
    pub fn new(program: &'a str, time_max: Duration) -> Self {
        Self { program, args: Vec::new(), input: &[], held: None, time_max }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr> + ?Sized + 'a>(
        mut self,
        args: impl IntoIterator<Item = &'a S>,
    ) -> Self {
        self.args.extend(args.into_iter().map(AsRef::as_ref));
        self
    }

    /// Gives it something on standard input.
    #[must_use]
    pub fn input(mut self, input: &'a [u8]) -> Self {
        self.input = input;
        self
    }

    /// Gives it a file in place of standard input, which everything that it starts inherits.
    #[must_use]
    pub fn held(mut self, file: Option<&'a File>) -> Self {
        self.held = file;
        self
    }

    /// Runs it to its end, or kills it when its time is over.
    pub fn run(self) -> Result<Output, ActError> {
        let failed = |reason: String| ActError::Child { program: self.program.to_owned(), reason };
        let stdin = match self.held.map(File::try_clone) {
            None => Stdio::piped(),
            Some(file) => file.map_err(|error| failed(format!("gets no input: {error}")))?.into(),
        };
        let mut command = Command::new(self.program);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("APT_LISTCHANGES_FRONTEND", "none")
            .env("NEEDRESTART_SUSPEND", "1")
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| failed(format!("does not start: {error}")))?;
        // The command would hold the file open until it is dropped.
        drop(command);
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(failed("has no pipes".to_owned()));
        };
        let (out, err) = (collect(stdout), collect(stderr));
        // A child that reads nothing ends well all the same.
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(self.input);
        }
        let first = out.recv_timeout(self.time_max);
        if first.is_err() {
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| failed(format!("is lost: {error}")))?;
        let grace = Duration::from_secs(10);
        let stderr = err.recv_timeout(grace).unwrap_or_default();
        match first {
            Ok(stdout) => Ok(Output { status, stdout, stderr }),
            Err(_) => Err(failed(format!("took longer than {} s", self.time_max.as_secs()))),
        }
    }

    /// Runs it and takes any end but success for a failure.
    pub fn success(self) -> Result<Output, ActError> {
        let program = self.program.to_owned();
        let output = self.run()?;
        if output.status.success() {
            return Ok(output);
        }
        let reason = format!("ended with {}: {}", output.status, output.last_words());
        Err(ActError::Child { program, reason })
    }
}

/// Reads a stream to its end in a thread, keeping the first bytes.
fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let limit = CHILD_OUTPUT_BYTES_MAX as u64;
        let _ = (&mut stream).take(limit).read_to_end(&mut kept);
        // The rest is read so that the child does not wait for us.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        let _ = sender.send(String::from_utf8_lossy(&kept).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_come_back_and_time_is_limited() {
        let limit = Duration::from_secs(20);
        let output = Child::new("cat", limit).input(b"hello").success().unwrap();
        assert_eq!(output.stdout, "hello");
        assert!(Child::new("false", limit).success().is_err());
        let error = Child::new("sleep", Duration::from_millis(100)).args(["20"]).run().unwrap_err();
        assert!(error.to_string().contains("longer"));
    }
}
