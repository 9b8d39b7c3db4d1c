//! Ending a process with SIGKILL at a random moment, and seeing what is left.
//!
//! The test calls itself: [`Killer::round`] runs the current test binary again with only that
//! test, and the test plays the child when [`child_dir`] says so.
//!
//! ```no_run
//! # use testkit::killer::{self, Killer};
//! #[test]
//! fn nothing_acknowledged_is_lost() {
//!     if let Some(dir) = killer::child_dir() {
//!         loop {
//!             // do one durable thing in `dir`, then:
//!             killer::ack("what was done");
//!         }
//!     }
//!     let dir = std::env::temp_dir();
//!     let mut killer = Killer::new("nothing_acknowledged_is_lost", 1);
//!     for _ in 0..20 {
//!         let round = killer.round(&dir).unwrap();
//!         // all of round.acked must be in `dir`
//!     }
//! }
//! ```
#![expect(clippy::disallowed_methods, reason = "tests start processes here and nowhere else")]

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::process;
use crate::rng::SeededRng;

const CHILD_DIR: &str = "RINGFORT_TESTKIT_CHILD_DIR";
const ACK: &str = "@ack ";
/// Bytes of one acknowledgement: a write to a pipe of up to 4,096 bytes is not torn.
const ACK_BYTES_MAX: usize = 4_000;

/// The folder to work in, if this process is a child that is to be killed.
pub fn child_dir() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIR).map(PathBuf::from)
}

/// In the child: tells the parent that `what` (one line) is acknowledged as done.
///
/// # Panics
/// If `what` is too long or has more than one line.
pub fn ack(what: &str) {
    assert!(what.len() <= ACK_BYTES_MAX && !what.contains('\n'), "not one short line");
    // The test runner's own output has no line end before ours.
    let line = format!("\n{ACK}{what}\n");
    let mut out = io::stdout().lock();
    if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0); // the parent is gone
    }
}

/// Runs and kills children of one test.
pub struct Killer {
    test: String,
    rng: SeededRng,
    /// The most acknowledgements a child is let live for.
    pub acks_max: u64,
    /// The longest wait after the last of those acknowledgements before the kill.
    pub after_ack_max: Duration,
    /// In a quarter of the rounds the child is killed this soon after its start at the latest, so
    /// that recovery is interrupted too.
    pub after_start_max: Duration,
    /// A round that takes longer than this is an error.
    pub round_max: Duration,
}

/// What one child did before it ended.
#[derive(Debug)]
pub struct Round {
    /// What it acknowledged, in order.
    pub acked: Vec<String>,
    /// Whether SIGKILL ended it; otherwise it ended by itself, successfully.
    pub killed: bool,
}

impl Killer {
    /// A killer for the test of this full name (`module::tests::name`, as the test runner prints
    /// it), whose moments follow from `seed`.
    pub fn new(test: &str, seed: u64) -> Self {
        Self {
            test: test.to_owned(),
            rng: SeededRng::new(seed),
            acks_max: 20,
            after_ack_max: Duration::from_millis(4),
            after_start_max: Duration::from_millis(20),
            round_max: Duration::from_secs(30),
        }
    }

    /// Starts a child on `dir`, lets it live for a while, kills it, and returns what it
    /// acknowledged. A child that fails by itself (a panic, an exit code) is an error that carries
    /// its standard error.
    pub fn round(&mut self, dir: &Path) -> io::Result<Round> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([self.test.as_str(), "--exact", "--nocapture", "--include-ignored"])
            .args(["--test-threads", "1"])
            .env(CHILD_DIR, dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = process::collect(child.stderr.take());
        let (sender, acks) = channel();
        let stdout = child.stdout.take();
        let reader = thread::spawn(move || {
            let Some(stdout) = stdout else { return };
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some(what) = line.strip_prefix(ACK) {
                    let _ = sender.send(what.to_owned());
                }
            }
        });
        let mut acked = Vec::new();
        let hung = self.let_live(&acks, &mut acked);
        let ended = child.try_wait()?;
        child.kill()?;
        let status = match ended {
            Some(status) => status,
            None => process::wait(&mut child, self.round_max)?,
        };
        let _ = reader.join();
        acked.extend(acks.try_iter());
        let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        let stderr = stderr.join().unwrap_or_default();
        if !killed && !status.success() {
            return Err(io::Error::other(format!(
                "the child failed by itself: {status}\n{stderr}"
            )));
        }
        if hung {
            return Err(io::Error::other(format!("the child hung\n{stderr}")));
        }
        Ok(Round { acked, killed })
    }

    /// Waits until the child is to be killed or ended by itself; true if it hung.
    fn let_live(&self, acks: &Receiver<String>, acked: &mut Vec<String>) -> bool {
        if self.rng.chance(250) {
            thread::sleep(self.up_to(self.after_start_max));
            return false;
        }
        let wanted = 1 + self.rng.below(self.acks_max);
        let deadline = Instant::now() + self.round_max;
        while (acked.len() as u64) < wanted {
            match acks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(what) => acked.push(what),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        thread::sleep(self.up_to(self.after_ack_max));
        false
    }

    fn up_to(&self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.below(micros.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_killed_and_its_acknowledgements_are_kept() {
        if let Some(dir) = child_dir() {
            for n in 0_u64.. {
                std::fs::write(dir.join(n.to_string()), b"").unwrap();
                ack(&n.to_string());
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let mut killer =
            Killer::new("killer::tests::a_child_is_killed_and_its_acknowledgements_are_kept", 5);
        let mut all = 0;
        for _ in 0..8 {
            let round = killer.round(dir.path()).unwrap();
            assert!(round.killed);
            for what in &round.acked {
                assert!(dir.path().join(what).exists());
            }
            all += round.acked.len();
        }
        assert!(all > 0);
    }

    #[test]
    fn a_child_that_fails_by_itself_is_an_error() {
        assert!(child_dir().is_none(), "on purpose");
        let dir = tempfile::tempdir().unwrap();
        let mut killer = Killer::new("killer::tests::a_child_that_fails_by_itself_is_an_error", 1);
        killer.after_start_max = Duration::from_secs(5);
        let error = killer.round(dir.path()).unwrap_err();
        assert!(error.to_string().contains("on purpose"), "{error}");
    }
}
