//! Stands between an application and the model that it asks.
//!
//! `ringfort guard --upstream URL` is a reverse proxy in the form of the OpenAI API (chat
//! completions, completions, embeddings, lists of models; streams stay streams). Point the
//! application's base address at it, and it at the model's server. It decides by the rules of
//! `--policy FILE` (TOML), and by code alone: which tools a model may call, with arguments of which
//! type, and where they may lead. An address that a web page or a document brought in chooses no
//! destination. It plants a mark into the system's instructions and ends an answer in which a mark
//! comes out, ends answers that fetch pictures from elsewhere or repeat themselves without end, and
//! limits how much each client asks. It raises, and never denies for, what the small
//! prompt-injection model suspects, and questions, answers and refusals that become others.
//!
//! It writes one line a request to `guard/record.jsonl` in the data folder (`--record FILE` names
//! another): who asked which model when, hashes and lengths, what was raised, what was denied. No
//! text of a conversation is kept. `--model FILE` names the file of the model that answers, so that
//! its hash and that of its chat template stand in the record.
//!
//! `ringfort guard --self-test` proves on loopback that each check fires, and that it passes what
//! is ordinary. Exit codes: of the self-test, 0 or 1; 5 where the guard cannot serve.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hub::guard::recorder::Recorder;
use hub::guard::upstream::Upstream;
use hub::guard::{Guard, ModelFacts, self_test, serve};
use hub::tls;
use spine::{Clock, Rng};
use vet::guard::policy::Policy;

use crate::agent::vetting::VetJob;
use crate::agent::worker;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::rim::{OsRng, SystemClock};
use crate::verbs::Verb;

/// The verb.
pub const VERB: Verb = Verb {
    name: "guard",
    about: "Stand between an application and the model that it asks",
    hidden: false,
    args,
    run,
};

const POLICY_BYTES_MAX: u64 = 1 << 20;

fn args(command: Command) -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    command
        .arg(
            Arg::new("upstream")
                .long("upstream")
                .value_name("URL")
                .required_unless_present_any(["self-test", "check-policy"])
                .help("The model's server, such as http://127.0.0.1:8000/v1"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .default_value("127.0.0.1:7118")
                .value_parser(value_parser!(SocketAddr))
                .help("Where to listen; elsewhere than on this machine TLS is needed"),
        )
        .arg(file("policy", "The site's rules, TOML"))
        .arg(
            Arg::new("check-policy")
                .long("check-policy")
                .action(ArgAction::SetTrue)
                .requires("policy")
                .help("Read the rules, say what they are, and end"),
        )
        .arg(file("model", "The file of the model that answers"))
        .arg(file("record", "Where the record goes"))
        .arg(file("upstream-ca", "Roots that the server's certificate leads to, PEM"))
        .arg(file("tls-cert", "The certificate of the guard, PEM").requires("tls-key"))
        .arg(file("tls-key", "Its key, PEM").requires("tls-cert"))
        .arg(
            Arg::new("self-test")
                .long("self-test")
                .action(ArgAction::SetTrue)
                .help("Prove that each check fires, and end"),
        )
}

fn rim() -> (Arc<dyn Clock>, Arc<dyn Rng>) {
    (Arc::new(SystemClock), Arc::new(OsRng))
}

fn run(matches: &ArgMatches, context: &Context) -> Outcome {
    let help = "look at what else runs on this machine";
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_hint("the guard cannot be started", help)?;
    if matches.get_flag("self-test") {
        let outcomes = runtime
            .block_on(self_test::run(rim()))
            .or_hint("the self-test cannot be run", "loopback addresses are needed for it")?;
        return told(context, &outcomes);
    }
    let policy = policy(matches)?;
    if matches.get_flag("check-policy") {
        context.print(format!("the policy reads: {} tools", policy.tools.len()));
        return Ok(Exit::Done);
    }
    runtime.block_on(guard(matches, context, policy))
}

fn policy(matches: &ArgMatches) -> Result<Policy, Failure> {
    let Some(path) = matches.get_one::<PathBuf>("policy") else { return Ok(Policy::default()) };
    let help = "name a TOML file; docs/vet-and-guard.md shows one";
    let doing = format!("the policy `{}` cannot be read", path.display());
    let size = std::fs::metadata(path).or_hint(&doing, help)?.len();
    if size > POLICY_BYTES_MAX {
        return Err(Failure::usage(format!("{doing}: it has more than 1 MiB"), help));
    }
    let text = std::fs::read_to_string(path).or_hint(doing, help)?;
    Policy::from_toml(&text).map_err(|error| Failure::usage(error, help))
}

async fn guard(matches: &ArgMatches, context: &Context, policy: Policy) -> Outcome {
    let help = "name another address with `--listen`";
    let listen = matches.get_one::<SocketAddr>("listen").copied();
    let listen = listen.ok_or_else(|| Failure::usage("no address to listen on", help))?;
    let file = |name: &str| matches.get_one::<PathBuf>(name);
    let tls = match file("tls-cert").zip(file("tls-key")) {
        Some((chain, key)) => Some(
            tls::from_files(chain, key)
                .or_hint("the certificate cannot be used", "give both as PEM")?,
        ),
        None if listen.ip().is_loopback() => None,
        None => {
            let message = format!("{listen} can be reached by others, and there is no TLS");
            let help = "give `--tls-cert` and `--tls-key`, or listen on 127.0.0.1";
            return Err(Failure::usage(message, help));
        }
    };
    let upstream = upstream(matches)?;
    if upstream.is_in_the_open() {
        context.warn("the model's server is asked over a network without TLS");
    }
    if file("policy").is_none() {
        context.warn("no policy: only addresses in what tools and documents said are watched");
    }
    let model = match file("model") {
        Some(path) => facts(path)?,
        None => ModelFacts::default(),
    };
    let guard = Guard::new(policy, upstream, model, recorder(matches, context)?, rim());
    let doing = format!("cannot listen on {listen}");
    let listener = tokio::net::TcpListener::bind(listen).await.or_hint(doing, help)?;
    let address = listener.local_addr().or_hint("no address", help)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    if context.json {
        context.print_json(&serde_json::json!({ "base": format!("{scheme}://{address}/v1") }))?;
    } else {
        context.print(format!("the guard: point the application at {scheme}://{address}/v1"));
    }
    serve::serve(Arc::new(guard), listener, tls).await.or_hint("the guard ended", help)?;
    Ok(Exit::Done)
}

fn upstream(matches: &ArgMatches) -> Result<Upstream, Failure> {
    let help = "give the server's address, such as http://127.0.0.1:8000/v1";
    let Some(address) = matches.get_one::<String>("upstream") else {
        return Err(Failure::usage("no server was named", help));
    };
    let ca = match matches.get_one::<PathBuf>("upstream-ca") {
        Some(path) => Some(std::fs::read(path).or_hint("the roots cannot be read", "name a PEM")?),
        None => None,
    };
    Upstream::new(address, ca.as_deref())
        .map_err(|error| Failure::usage(format!("`{}`: {error}", inert(address)), help))
}

/// The hash of the model's file, and of its chat template, read in a worker.
fn facts(path: &Path) -> Result<ModelFacts, Failure> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let job = VetJob { files: vec![whole], inventory: true, ..VetJob::default() };
    let result = worker::vet(job)?;
    let sha256 = result.reports.first().map(|report| report.sha256.clone());
    let sha256 = sha256.filter(|sha256| !sha256.is_empty()).ok_or_else(|| {
        Failure::unknown(format!("`{}` cannot be read", path.display()), "name the model's file")
    })?;
    Ok(ModelFacts { sha256: Some(sha256), template_sha256: result.templates.into_iter().next() })
}

fn recorder(matches: &ArgMatches, context: &Context) -> Result<Recorder, Failure> {
    let help = "name a file that can be written with `--record`";
    let path = match matches.get_one::<PathBuf>("record") {
        Some(path) => path.clone(),
        None => {
            let dir = context.config.data_dir.join("guard");
            std::fs::create_dir_all(&dir).or_hint("the record's folder cannot be made", help)?;
            dir.join("record.jsonl")
        }
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .or_hint(format!("the record `{}` cannot be written", path.display()), help)?;
    Ok(Recorder::start(Box::new(file)))
}

fn told(context: &Context, outcomes: &[self_test::Outcome]) -> Outcome {
    let silent = outcomes.iter().filter(|outcome| !outcome.fires).count();
    for outcome in outcomes {
        if context.json {
            context.print_json(outcome)?;
        } else {
            let word = if outcome.fires { "fires" } else { "DOES NOT FIRE" };
            context.print(format!("{:24} {word}  {}", outcome.check, inert(&outcome.instead)));
        }
    }
    if !context.json {
        context.print(format!("{} checks, {silent} do not fire", outcomes.len()));
    }
    Ok(if silent == 0 { Exit::Done } else { Exit::Findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(line: &[&str]) -> Result<ArgMatches, clap::Error> {
        args(Command::new("guard")).try_get_matches_from(["guard"].iter().chain(line))
    }

    #[test]
    fn a_server_is_named_or_the_self_test_asked_for() {
        assert!(matches(&[]).is_err());
        assert!(matches(&["--self-test"]).is_ok());
        assert!(matches(&["--upstream", "http://127.0.0.1:1", "--tls-key", "k"]).is_err());
    }

    #[test]
    fn a_policy_that_does_not_read_is_told_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.toml");
        std::fs::write(&path, "[tools.a]\nkind = 'egress'\n").unwrap();
        let line = ["--check-policy", "--policy", path.to_str().unwrap()];
        let failure = policy(&matches(&line).unwrap()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("no argument says where"), "{}", failure.message);
    }
}
