//! What the page may ask for, answered: by the executor over its socket, and by the agent's own way
//! of preparing plans. The page is not believed here either; this only carries.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use hub::executor::{
    Away, Consent as HubConsent, Contained, Done, Executor, Held, Key, Prepared, Ran, Receipts,
    Running, Say, Seen, Standing, Suspect, Waits,
};
use serde_json::{Value, json};
use spine::{
    ActionState, ActionType, Approval, Author, Case, Decision, HostId, Plan, PlanHash, Step,
};

use crate::agent::session::{Session, Wanted};
use crate::agent::{containing, executor, patching};
use crate::client::Client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::protocol::{self, Consent, Reply, Request};

/// The other side of the page.
pub struct Port {
    context: Context,
    /// An executor that was started for this port alone: another one would be in its way.
    own: Mutex<Option<Client>>,
}

fn away(failure: Failure) -> Away {
    match failure.exit {
        Exit::Refused => Away::Refused(failure.message),
        _ => Away::Failed(failure.message),
    }
}

fn unexpected(reply: &Reply) -> Away {
    away(crate::client::unexpected(reply))
}

impl Port {
    /// A port for this machine.
    pub fn new(context: &Context) -> Self {
        // Progress of work for the page goes to the page.
        Self { context: context.heard_by(Arc::new(|_| ())), own: Mutex::new(None) }
    }

    fn own(&self) -> MutexGuard<'_, Option<Client>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> Result<Client, Away> {
        if let Some(client) = self.own().take() {
            return Ok(client);
        }
        Client::connect(&self.context).map_err(|failure| Away::NotRunning(failure.message))
    }

    fn ask(&self, request: &Request) -> Result<Reply, Away> {
        let mut client = self.connect()?;
        let reply = client.ask(request, &mut |_| ()).map_err(away);
        if client.is_for_this_only() {
            *self.own() = Some(client);
        }
        reply
    }

    /// Runs work in a thread whose progress is handed on.
    fn heard<T: Send>(
        &self,
        say: Say<'_>,
        work: impl FnOnce(&Context) -> Result<T, Failure> + Send,
    ) -> Result<T, Away> {
        let (sender, receiver) = mpsc::channel::<String>();
        let sender = Mutex::new(sender);
        let context = self.context.heard_by(Arc::new(move |text: &str| {
            let sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever listened may be gone; the work goes on.
            let _ = sender.send(text.to_owned());
        }));
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || work(&context));
            for line in receiver {
                say(&line);
            }
            match worker.join() {
                Ok(result) => result.map_err(away),
                Err(_) => Err(Away::Failed("the work broke off".into())),
            }
        })
    }
}

impl Executor for Port {
    fn standing(&self) -> Result<Standing, Away> {
        let Reply::Hello(standing) = self.ask(&Request::Hello)? else {
            return Err(Away::Failed("the executor gave an answer to another question".into()));
        };
        let standing = *standing;
        let keys = standing.keys.into_iter().map(|key| Key {
            id: key.id,
            person: key.person,
            enrolled_ms: key.enrolled_ms,
            credential: key.passkey.map(|passkey| passkey.credential),
        });
        Ok(Standing {
            version: standing.version,
            host: standing.host,
            keys: keys.collect(),
            stopped: standing.stopped,
            healthy: standing.healthy,
            autonomy_level: standing.autonomy_level as u8,
            receipts: standing.receipts,
            record_key: standing.ledger_key,
        })
    }

    fn decide(&self, plan: &Plan, approvals: &[Approval]) -> Result<Decision, Away> {
        let plan = Box::new(plan.clone());
        match self.ask(&Request::Decide { plan, approvals: approvals.to_vec() })? {
            Reply::Decided { decision } => Ok(decision),
            other => Err(unexpected(&other)),
        }
    }

    fn actions(&self) -> Result<Vec<Done>, Away> {
        let Reply::Actions { actions } = self.ask(&Request::Actions)? else {
            return Err(Away::Failed("the executor gave an answer to another question".into()));
        };
        let name = |state: ActionState| {
            let value = serde_json::to_value(state).unwrap_or_default();
            value.as_str().unwrap_or_default().to_owned()
        };
        let done = actions.into_iter().map(|action| Done {
            id: action.id,
            plan: action.plan,
            root: action.root,
            types: action.types.iter().map(|kind| kind.name().to_owned()).collect(),
            state: name(action.state),
            started_ms: action.started_ms,
            undoable: action.undoable,
            lapses_ms: action.lapses_ms,
        });
        Ok(done.collect())
    }

    fn receipts(&self, from: u64, count: u32) -> Result<Receipts, Away> {
        match self.ask(&Request::Receipts { from, count })? {
            Reply::Receipts { size, checkpoint, leaves } => {
                Ok(Receipts { size, checkpoint, leaves })
            }
            other => Err(unexpected(&other)),
        }
    }

    fn head(&self) -> Result<(String, String), Away> {
        match self.ask(&Request::Head)? {
            Reply::Head { note, checkpoint, .. } => Ok((note, checkpoint)),
            other => Err(unexpected(&other)),
        }
    }

    fn stop(&self, reason: &str) -> Result<String, Away> {
        match self.ask(&Request::Stop { reason: reason.to_owned() })? {
            Reply::Done { text } => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    fn consent_bytes(&self, host: HostId, to: &str, signed_ms: i64) -> Vec<u8> {
        Consent::bytes(host, to, signed_ms)
    }

    fn resume(&self, consent: &HubConsent) -> Result<String, Away> {
        let consent = Consent {
            key: consent.key,
            signed_ms: consent.signed_ms,
            signature: String::new(),
            assertion: Some(consent.assertion.clone()),
        };
        match self.ask(&Request::Resume { consent })? {
            Reply::Done { text } => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    fn prepare(&self, case: &Case, say: Say<'_>) -> Result<Prepared, Away> {
        let mut client = self.connect()?;
        self.heard(say, |context| {
            context.progress("looking at the machine again");
            let session = look(context, Path::new("/"))?;
            if session.host != case.host {
                let help = "prepare it on that machine with `ringfort patch --root`";
                return Err(Failure::usage("this case is about another root or machine", help));
            }
            let subjects = [case.subject.clone()];
            let chosen = patching::chosen(&session.scan.inventory.upgrades, &subjects)?;
            if chosen.is_empty() {
                let help = "`apt-mark showhold` lists what is held back";
                return Err(Failure::usage("the administrator holds this package back", help));
            }
            let place = (client.standing()?.host, session.root.as_path());
            let tried = patching::try_upgrades(context, &mut client, place, &chosen)?;
            Ok(Prepared { plan: tried.plan, dry_run: tried.report })
        })
    }

    fn prepare_undo(&self, action: &Done) -> Result<Prepared, Away> {
        let host = self.standing()?.host;
        let step = ("roll_back", json!({ "action": action.id }));
        let purpose = format!("take back action {}", action.id);
        let mut plan = executor::plan(host, Path::new(&action.root), &purpose, step);
        plan.author = Author::Human;
        Ok(Prepared { plan, dry_run: Value::Null })
    }

    fn hold(&self, plan: &Plan, approvals: &[Approval]) -> Result<Held, Away> {
        let request = Request::Hold { plan: Box::new(plan.clone()), approvals: approvals.to_vec() };
        match self.ask(&request)? {
            Reply::Held { opens_ms, .. } => Ok(Held::Waits { opens_ms }),
            Reply::Decided { decision } => Ok(Held::NotAllowed(decision)),
            other => Err(unexpected(&other)),
        }
    }

    fn waiting(&self) -> Result<Vec<Waits>, Away> {
        let Reply::Waiting { plans } = self.ask(&Request::Waiting)? else {
            return Err(Away::Failed("the executor gave an answer to another question".into()));
        };
        let waits = plans.into_iter().map(|waiting| Waits {
            plan: waiting.plan,
            purpose: waiting.purpose,
            opens_ms: waiting.opens_ms,
            closes_ms: waiting.closes_ms,
            break_glass: waiting.break_glass,
            last_try: waiting.last_try,
        });
        Ok(waits.collect())
    }

    fn withdraw(&self, plan: PlanHash) -> Result<String, Away> {
        match self.ask(&Request::Withdraw { plan })? {
            Reply::Done { text } => Ok(text),
            other => Err(unexpected(&other)),
        }
    }

    fn look(&self, suspects: &[Suspect], addresses: &[IpAddr]) -> Result<Seen, Away> {
        let suspect = |suspect: &Suspect| protocol::Suspect {
            program: suspect.program.clone(),
            pid: suspect.pid,
            before_ms: suspect.before_ms,
            listens: suspect.listens,
        };
        let suspects = suspects.iter().map(suspect).collect();
        match self.ask(&Request::Look { suspects, addresses: addresses.to_vec() })? {
            Reply::Looked { processes, connections } => {
                let running = processes.into_iter().map(|process| Running {
                    pid: process.pid,
                    start_time: process.start_time,
                    program: process.program,
                    below: process.below,
                    ports: process.ports,
                });
                Ok(Seen { processes: running.collect(), connections })
            }
            other => Err(unexpected(&other)),
        }
    }

    fn prepare_containment(
        &self,
        case: &Case,
        purpose: &str,
        steps: &[Step],
        say: Say<'_>,
    ) -> Result<Contained, Away> {
        let mut client = self.connect()?;
        self.heard(say, |context| containing::prepare(context, &mut client, case, purpose, steps))
    }

    fn carry_out(&self, plan: &Plan, approvals: &[Approval], say: Say<'_>) -> Result<Ran, Away> {
        let mut client = self.connect()?;
        self.heard(say, |context| {
            let request =
                Request::Run { plan: Box::new(plan.clone()), approvals: approvals.to_vec() };
            let reply = client.ask(&request, &mut |text| context.progress(text))?;
            match reply {
                Reply::Decided { decision } => Ok(Ran::NotAllowed(decision)),
                Reply::Ran { action, outcome, .. } => {
                    let done = outcome.state == ActionState::Done;
                    let message = if done && changes_packages(&mut client, plan)? {
                        context.progress("looking whether it is still found");
                        look_again(context, plan, outcome.message)
                    } else {
                        outcome.message
                    };
                    Ok(Ran::Ended { action, done, message })
                }
                other => Err(crate::client::unexpected(&other)),
            }
        })
    }
}

/// Whether a plan changes packages, or takes back what changed them: only then a scan would see it.
fn changes_packages(client: &mut Client, plan: &Plan) -> Result<bool, Failure> {
    if plan.steps.iter().any(|step| step.actuator == "apt.upgrade") {
        return Ok(true);
    }
    let taken_back: Vec<&str> =
        plan.steps.iter().filter_map(|step| step.params.get("action")?.as_str()).collect();
    if taken_back.is_empty() {
        return Ok(false);
    }
    match client.ask(&Request::Actions, &mut |_| ())? {
        Reply::Actions { actions } => Ok(actions.iter().any(|action| {
            taken_back.contains(&action.id.to_string().as_str())
                && action.types.contains(&ActionType::UpgradePackages)
        })),
        other => Err(crate::client::unexpected(&other)),
    }
}

fn look<'a>(context: &'a Context, root: &Path) -> Result<Session<'a>, Failure> {
    let wanted = Wanted { paths: Vec::new(), distribution: true, offline: true };
    Session::run(context, root, &wanted)
}

/// Scans again and keeps what is found; "fixed" is said only if the scan no longer finds it.
fn look_again(context: &Context, plan: &Plan, message: String) -> String {
    let looked = look(context, Path::new(&plan.root)).and_then(|mut session| {
        session.recall_changelogs();
        session.keep()?;
        Ok(session.scan.inventory.upgrades.iter().map(|u| u.name.clone()).collect::<Vec<_>>())
    });
    let names: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(|step| step.params.get("packages")?.as_array())
        .flatten()
        .filter_map(|package| package.get("name")?.as_str())
        .collect();
    match looked {
        Err(failure) => format!("{message}. Whether it is fixed is unknown: {}", failure.message),
        Ok(_) if names.is_empty() => message,
        Ok(waiting) if names.iter().any(|name| waiting.iter().any(|w| w == name)) => {
            format!("{message}. A new scan still finds it.")
        }
        Ok(_) => format!("{message}. A new scan no longer finds it: fixed."),
    }
}
