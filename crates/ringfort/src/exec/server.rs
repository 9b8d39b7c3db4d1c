//! Connections to the executor: who may speak, how much, and one thread each.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::exec::{Executor, Peer};
use crate::protocol::{Message, Reply, Request, read_frame, write_message};

/// The most connections at once; further ones are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// How long a peer may take to send the rest of a message, or to take one.
const IO_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a quiet connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The pause between two looks at leases and windows.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Makes the socket that the executor listens on; `group` may connect beside root.
pub fn bind(path: &Path, group: Option<u32>) -> io::Result<UnixListener> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(group))?;
    }
    Ok(listener)
}

/// Serves connections until the process is told to end.
pub fn serve(executor: &Arc<Executor>, listener: &UnixListener) -> io::Result<()> {
    every_second(executor, Executor::lapse);
    every_second(executor, Executor::watch);
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let stream = stream?;
        if open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::SeqCst);
            tracing::warn!("a connection was refused: {CONNECTIONS_MAX} are open");
            continue;
        }
        let (executor, open) = (Arc::clone(executor), Arc::clone(&open));
        std::thread::spawn(move || {
            if let Err(error) = converse(&executor, stream) {
                tracing::info!(%error, "a connection ended");
            }
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
    Ok(())
}

/// Containments lapse and windows open at their time, whoever is or is not connected.
fn every_second(executor: &Arc<Executor>, look: fn(&Executor)) {
    let executor = Arc::clone(executor);
    std::thread::spawn(move || {
        loop {
            look(&executor);
            std::thread::sleep(LOOK_PAUSE);
        }
    });
}

/// Serves one connection until it is closed.
pub fn converse(executor: &Executor, stream: UnixStream) -> io::Result<()> {
    let credentials = rustix::net::sockopt::socket_peercred(&stream)?;
    let peer = Peer { uid: credentials.uid.as_raw() };
    stream.set_write_timeout(Some(IO_TIMEOUT))?;
    let mut input = stream.try_clone()?;
    loop {
        stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
        let reply = match read_frame(&mut input) {
            Ok(None) => return Ok(()),
            Ok(Some(bytes)) => match serde_json::from_slice::<Request>(&bytes) {
                Ok(request) => {
                    let mut progress = |text: &str| {
                        // A peer that no longer listens does not stop an action half-way.
                        let message = Message::Progress { text: text.to_owned() };
                        let _ = write_message(&mut &stream, &message);
                    };
                    executor.answer(request, peer, &mut progress)
                }
                Err(error) => executor.refuse(format!("malformed request: {error}"), None, peer),
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let reply = executor.refuse(format!("malformed request: {error}"), None, peer);
                return say(&stream, reply);
            }
            Err(error) => return Err(error),
        };
        say(&stream, reply)?;
    }
}

fn say(stream: &UnixStream, reply: Reply) -> io::Result<()> {
    write_message(&mut &*stream, &Message::Reply(Box::new(reply)))
}
