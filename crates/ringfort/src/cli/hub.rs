//! The page: what needs you today, in a browser.
//!
//! `ringfort up` starts it as an unprivileged process. It listens on this machine only; with
//! `--listen` elsewhere it speaks TLS, with a certificate of its own making or with yours
//! (`--tls-cert`, `--tls-key`). Passkeys belong to a name, so give it one with `--name`. The
//! section `[page]` of the configuration says the same for `ringfort up`.
//!
//! `ringfort hub --link` prints a link that signs in once, for half an hour. Where systemd keeps
//! what is printed in the journal, starting the page prints none.
//!
//! The page proposes and shows. It holds no key that approves, and what it says is not believed by
//! any executor: whoever steals it can look, and can act on nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hub::machines::MachinesConfig;
use hub::{Hub, HubConfig, Tls};

use crate::agent::session::{agent_dir, give_to_agent, open_state};
use crate::context::Context;
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::hub_port::Port;
use crate::rim::{OsRng, SystemClock};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb =
    Verb { name: "hub", about: "Show the page in a browser", hidden: false, args, run };

fn args(command: Command) -> Command {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    command
        .arg(
            Arg::new("link")
                .long("link")
                .action(ArgAction::SetTrue)
                .help("Print a link that signs in once, and end"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .value_parser(value_parser!(SocketAddr))
                .help("Where to listen, such as 192.0.2.7:7117; TLS is used"),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("The name it is reached by, such as hub.clinic.example"),
        )
        .arg(
            Arg::new("tls")
                .long("tls")
                .action(ArgAction::SetTrue)
                .help("Use TLS on this machine too, for browsers that ask for it"),
        )
        .arg(path("tls-cert", "The certificate, PEM").requires("tls-key"))
        .arg(path("tls-key", "Its key, PEM").requires("tls-cert"))
}

/// Where the page keeps what is its own; the folder belongs to the unprivileged user.
pub fn hub_dir(data_dir: &Path) -> std::io::Result<PathBuf> {
    let dir = data_dir.join("hub");
    std::fs::create_dir_all(&dir)?;
    give_to_agent(&dir)?;
    Ok(dir)
}

fn config(matches: &ArgMatches, context: &Context) -> Result<HubConfig, Failure> {
    let data_dir = &context.config.data_dir;
    let dir = hub_dir(data_dir).or_hint("the page's folder cannot be made", "check the disk")?;
    let set = &context.config.page;
    let listen = matches.get_one::<SocketAddr>("listen").copied().unwrap_or(set.listen);
    let file = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let own = matches.get_flag("tls") || set.tls || !listen.ip().is_loopback();
    let chain = file("tls-cert").or_else(|| set.tls_cert.clone());
    let key = file("tls-key").or_else(|| set.tls_key.clone());
    let tls = match (chain, key) {
        (Some(chain), Some(key)) => Some(Tls::Files(chain, key)),
        _ => own.then_some(Tls::SelfSigned),
    };
    let name = matches.get_one::<String>("name").unwrap_or(&set.name);
    Ok(HubConfig {
        state_db: agent_dir(data_dir).or_hint("no data folder", "check it")?.join("state.db"),
        dir,
        listen,
        name: name.to_ascii_lowercase(),
        tls,
        site: context.config.site.clone(),
        machines: listening(context)?,
    })
}

/// Where the hub listens for machines, if the owner wants it to.
pub fn listening(context: &Context) -> Result<Option<MachinesConfig>, Failure> {
    let set = &context.config.machines;
    let Some(listen) = set.listen else { return Ok(None) };
    let named = &context.config.page.name;
    let at = match &set.at {
        Some(at) => at.clone(),
        None if listen.ip().is_loopback() => listen.to_string(),
        None if named != "localhost" => format!("{named}:{}", listen.port()),
        None => {
            return Err(Failure::usage(
                "the hub listens for machines, but how they reach it is not said",
                "set `at` in `[machines]`, such as `at = \"hub.clinic.example:7118\"`",
            ));
        }
    };
    Ok(Some(MachinesConfig { listen, at }))
}

/// Serves machines beside the page, if the owner wants it.
async fn serve_machines(hub: &Arc<Hub>, context: &Context) -> Result<(), Failure> {
    let Some(set) = &hub.config.machines else { return Ok(()) };
    let help = "another program may listen there; change `listen` in `[machines]`";
    let doing = format!("cannot listen for machines on {}", set.listen);
    let listener = tokio::net::TcpListener::bind(set.listen).await.or_hint(doing, help)?;
    let log = store::EventLogConfig {
        retention_bytes_max: context.config.events_bytes_max,
        retention_days_max: context.config.events_days_max,
        ..store::EventLogConfig::default()
    };
    let service = hub::machines::serve::Service::open(Arc::clone(hub), log)
        .or_hint("machines cannot be served", "check the disk; is another hub running here?")?;
    context.print(format!("machines join at {} (listening on {})", set.at, set.listen));
    tokio::spawn(async move {
        if let Err(error) = service.serve(listener).await {
            tracing::error!(%error, "machines are served no longer");
        }
    });
    Ok(())
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let config = config(matches, context)?;
    // Made here, so that it belongs to the agent whoever comes first.
    drop(open_state(&context.config.data_dir)?);
    if matches.get_flag("link") {
        return print_link(config, context);
    }
    super::agent::end_with_parent()?;
    let help = "another program may listen there; name another address with `--listen`";
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_hint("the page cannot be started", help)?;
    runtime.block_on(async {
        let doing = format!("cannot listen on {}", config.listen);
        let listener = tokio::net::TcpListener::bind(config.listen).await.or_hint(doing, help)?;
        let address = listener.local_addr().or_hint("no address", help)?;
        let origin = config.origin(address.port());
        let hub = open(config, origin, context)?;
        context.print(format!("the page: {}", hub.origin));
        if is_kept_by_journal() {
            context.print("`ringfort hub --link` prints a link that signs in once");
        } else {
            let link = hub.sign_in_link().or_hint("no link can be made", "check the disk")?;
            context.print(format!("sign in once, within half an hour: {link}"));
        }
        hub::messages::start(Arc::clone(&hub));
        serve_machines(&hub, context).await?;
        hub::server::serve(hub, listener).await.or_hint("the page ended", help)
    })?;
    Ok(Exit::Done)
}

/// Whether what is printed goes to the journal (systemd.exec(5), `JOURNAL_STREAM`), where others
/// may read it later.
fn is_kept_by_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(std::io::stdout())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

fn open(config: HubConfig, origin: String, context: &Context) -> Result<Arc<Hub>, Failure> {
    let rim = (Arc::new(SystemClock) as Arc<_>, Arc::new(OsRng) as Arc<_>);
    let dir = config.dir.clone();
    let port = Arc::new(Port::new(context));
    let hub = Hub::open(config, origin.clone(), port, rim)
        .or_hint("the page's database does not open", "check the disk")?;
    std::fs::write(dir.join("origin"), &origin).or_hint("cannot write", "check the disk")?;
    let machines = ["machines.db", "machines.db-wal", "machines.db-shm"];
    for name in ["hub.db", "hub.db-wal", "hub.db-shm", "origin"].into_iter().chain(machines) {
        give_to_agent(&dir.join(name)).or_hint("the page cannot have its own files", "")?;
    }
    Ok(Arc::new(hub))
}

/// A link for the page that runs already, or will.
fn print_link(config: HubConfig, context: &Context) -> Outcome {
    let origin = std::fs::read_to_string(config.dir.join("origin"))
        .unwrap_or_else(|_| config.origin(config.listen.port()));
    let hub = open(config, origin, context)?;
    let link = hub.sign_in_link().or_hint("no link can be made", "check the disk")?;
    if context.json {
        context.print_json(&serde_json::json!({ "link": link }))?;
    } else {
        context.print(link);
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    #[test]
    fn a_certificate_comes_with_its_key() {
        let command = super::args(Command::new("hub"));
        assert!(command.clone().try_get_matches_from(["hub", "--tls-cert", "a.pem"]).is_err());
        assert!(command.clone().try_get_matches_from(["hub", "--listen", "nonsense"]).is_err());
        let matches = command.try_get_matches_from(["hub"]).unwrap();
        assert!(matches.get_one::<String>("name").is_none(), "the configuration says");
    }
}
