//! The other end of the executor's socket: what asks the executor needs no right of its own.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;

use crate::context::Context;
use crate::failure::{Failure, OrHint as _};
use crate::protocol::{Message, Reply, Request, Standing, read_message, write_message};
use crate::spawn;

/// Where a running executor listens.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run/exec.sock")
}

/// A connection to an executor; if it was started for this connection, it ends with it.
pub struct Client {
    stream: UnixStream,
    child: Option<Child>,
}

impl Client {
    /// Connects to the running executor, or, as root, starts one for this connection.
    pub fn connect(context: &Context) -> Result<Self, Failure> {
        let socket = socket_path(&context.config.data_dir);
        if let Ok(stream) = UnixStream::connect(&socket) {
            return Ok(Self { stream, child: None });
        }
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::new(
                "no executor is running, and without root none can be started",
                "run this as root, or start `ringfort up` as root; without root ringfort observes",
            ));
        }
        let config = context.config_file.as_deref();
        let (stream, child) = spawn::executor_for_one(&context.config.data_dir, config)
            .or_hint("cannot start the executor", "check that the program file can be run")?;
        Ok(Self { stream, child: Some(child) })
    }

    /// Asks, hands progress on, and returns the reply.
    pub fn ask(
        &mut self,
        request: &Request,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Reply, Failure> {
        let help = "the executor may have stopped: run `ringfort verify` to see its last record";
        write_message(&mut self.stream, request).or_hint("the executor did not listen", help)?;
        loop {
            match read_message(&mut self.stream).or_hint("the executor did not answer", help)? {
                Some(Message::Progress { text }) => progress(&text),
                Some(Message::Reply(reply)) => return Ok(*reply),
                None => return Err(Failure::new("the executor hung up without an answer", help)),
            }
        }
    }

    /// Whether no executor was running, so that this one was started for this connection alone.
    pub fn is_for_this_only(&self) -> bool {
        self.child.is_some()
    }

    /// Asks how the executor stands.
    pub fn standing(&mut self) -> Result<Standing, Failure> {
        match self.ask(&Request::Hello, &mut |_| ())? {
            Reply::Hello(standing) => Ok(*standing),
            other => Err(unexpected(&other)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The executor ends when its one connection ends; it may still be writing its record.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

/// Turns a reply that does not belong to the question, or says no, into a failure.
pub fn unexpected(reply: &Reply) -> Failure {
    match reply {
        Reply::Refused { reason, rules } => {
            let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
            let named =
                if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) };
            Failure::refused(
                format!("refused{named}: {reason}"),
                "the refusal is in the record: `ringfort verify` checks it",
            )
        }
        Reply::Failed { message } => {
            Failure::new(message, "`ringfort verify` shows the state of the record")
        }
        _ => Failure::new("the executor gave an answer to another question", "restart ringfort"),
    }
}
