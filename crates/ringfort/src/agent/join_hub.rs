//! What root does on the hub's own machine for others to join: a token without the page, and the
//! signed list of the machines that count for one another.

use std::sync::Arc;

use hub::machines::Machines;
use hub::machines::limits::FLEET_MAX;
use hub::machines::wire::{Fleet, Member};
use spine::{Clock as _, HostId};

use super::session::give_to_agent;
use crate::approving::confirm;
use crate::cli_support::said;
use crate::client::Client;
use crate::context::{Context, inert};
use crate::failure::{Exit, Failure, OrHint as _, Outcome};
use crate::keys::{self, key_id};
use crate::protocol::Request;
use crate::rim::{OsRng, SystemClock};
use crate::verbs::registry::hub::{hub_dir, listening};

const HELP: &str = "check the disk, and run this on the machine where the hub runs";

fn machines(context: &Context) -> Result<Machines, Failure> {
    let dir = hub_dir(&context.config.data_dir).or_hint("the hub's folder", HELP)?;
    let rim = (Arc::new(SystemClock) as Arc<_>, Arc::new(OsRng) as Arc<_>);
    let machines = Machines::open(&dir, listening(context)?, rim);
    let machines = machines.or_hint("what the hub knows of machines does not open", HELP)?;
    for name in ["machines.db", "machines.db-wal", "machines.db-shm"] {
        give_to_agent(&dir.join(name)).or_hint("the hub cannot have its own files", HELP)?;
    }
    Ok(machines)
}

/// Prints a token to join with.
pub fn token(context: &Context, again: Option<HostId>) -> Outcome {
    let help = "set `[machines] listen` and `at` in the configuration; see docs/machines.md";
    let made = machines(context)?.token("the command line", again).or_hint("no token", help)?;
    let authority = context.config.data_dir.join("hub/authority.pem");
    give_to_agent(&authority).or_hint("the hub cannot have its own files", HELP)?;
    if context.json {
        context.print_json(&serde_json::json!({ "token": made.to_string() }))?;
    } else {
        context.progress("good for 15 minutes and one machine: run `ringfort agent join` there");
        context.print(made);
    }
    Ok(Exit::Done)
}

/// Signs which machines count for one another, as the hub knows them now, and hands the list out.
pub fn fleet(context: &Context, yes: bool) -> Outcome {
    let machines = machines(context)?;
    let known = machines.db.machines(FLEET_MAX).or_hint("the machines do not read", HELP)?;
    let mut client = Client::connect(context)?;
    let standing = client.standing()?;
    let mut members = vec![Member { host: standing.host, record_key: standing.ledger_key.clone() }];
    context.print("These machines will count one another's actions, so that together they stay");
    context.print("within the share that may act alone. Compare the keys with `ringfort verify`");
    context.print("on each machine:");
    context.print(format!("  this machine  {}", standing.ledger_key));
    for machine in known {
        context.print(format!("  {}  {}", inert(&machine.name), inert(&machine.record_key)));
        members.push(Member { host: machine.host, record_key: machine.record_key });
    }
    members.sort();
    if !confirm("Sign this list?", yes)? {
        return Ok(Exit::Done);
    }
    let enrolled: Vec<_> = standing.keys.iter().map(|key| key.id).collect();
    let signer = keys::find_signer(&enrolled)?;
    let signed_ms = SystemClock.now_ms();
    let signature = signer.sign(&Fleet::bytes(&members, signed_ms))?;
    let fleet = Fleet {
        machines: members,
        signed_ms,
        key: key_id(&signer.public()),
        signature: hex::encode(signature),
    };
    machines.set_fleet(&fleet).or_hint("the list cannot be kept", HELP)?;
    said(context, client.ask(&Request::Fleet { fleet: Box::new(fleet) }, &mut |_| ())?)
}
