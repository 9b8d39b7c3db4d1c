//! A sheet to print: how to take one action back when this page, the hub, or the network is gone.

use maud::{Markup, html};
use serde_json::Value;
use spine::{ActionId, Plan, Step};
use store::{HostRecord, Overview as _, State as _};

use super::{Ask, Oops, Page, View};
use crate::look::foreign::Foreign;
use crate::look::{parts, words};
use crate::role::Role;

/// The page.
pub const PAGE: Page = Page {
    path: "/undo/{id}",
    title: "Undo sheet",
    nav: None,
    sees: Some(Role::Viewer),
    view,
    acts: &[],
};

/// Packages whose earlier version is named.
const PACKAGES_SHOWN: usize = 40;

fn view(ask: &Ask<'_>) -> Result<View, Oops> {
    let wanted = ask.part("id");
    let actions = ask.hub.executor.actions()?;
    let action = actions.iter().find(|action| action.id.to_string() == wanted);
    let action = action.ok_or(Oops::NotFound("action"))?;
    let own = ask.hub.own_host();
    let (plan, machine) = ask.hub.state(|state| {
        let machine: Option<HostRecord> = match own {
            Some(host) => state.host(host)?,
            None => None,
        };
        Ok((state.plan(&action.plan)?, machine))
    })?;
    let body = html! {
        h1 { "Taking back: " (what(&action.types)) }
        p.no-print { button.button type="button" data-print="" hidden { "Print this sheet" } }
        dl.facts {
            dt { "Machine" }
            dd { @match &machine {
                Some(machine) => { strong { (Foreign(&machine.name)) } ", " (Foreign(&machine.os)) },
                None => "the hub's own",
            } @if let Some(host) = own { " (" code { (beginning(&host.0.to_hex())) } ")" } }
            dt { "Action" } dd { code { (action.id) } }
            dt { "Plan" } dd { code { (action.plan.short()) }
                @if let Some(plan) = &plan { " " (Foreign(&plan.purpose)) } }
            dt { "Begun" } dd { (parts::at(action.started_ms)) }
            @if let Some(end_ms) = action.lapses_ms {
                dt { "Ends by itself" } dd { (parts::at(end_ms)) }
            }
            dt { "On" } dd { code { (Foreign(&action.root)) } " of this machine" }
            dt { "State" } dd { (words::action(&action.state)) }
        }
        @if action.undoable {
            (what_to_do(action.id))
            @if let Some(plan) = &plan { (by_hand(action.id, plan)) }
            (kept(action.id))
        } @else {
            p.lead { "This action cannot be taken back any more, or was taken back already." }
        }
        p.small { "Printed " (parts::at(ask.now_ms)) ". What was done since is not on it." }
    };
    Ok(View::new("Undo sheet", body))
}

/// What was done, in a few words.
fn what(types: &[String]) -> String {
    types.iter().map(|kind| words::action(kind)).collect::<Vec<_>>().join(", ")
}

/// As much of an id as people compare.
fn beginning(id: &str) -> String {
    id.chars().take(12).collect()
}

fn what_to_do(id: ActionId) -> Markup {
    html! {
        h2 { "What to do" }
        ol.steps {
            li { "Go to the machine, or sign in to it. You need root and the owner's key with its \
                passphrase, or another enrolled key. This page, the hub and the network are not \
                needed." }
            li { "Run:" (parts::command(&format!("ringfort undo {id}"))) }
            li { "It asks for the passphrase, puts back everything that the action changed, and names \
                what somebody else changed since: that is kept aside, not lost." }
            li { "Check the record:" (parts::command("ringfort verify")) }
        }
    }
}

/// The same without ringfort, step by step, the last step first.
fn by_hand(id: ActionId, plan: &Plan) -> Markup {
    html! {
        h2 { "If the program itself is gone: by hand, as root" }
        p { "ringfort's record does not know of what is done by hand. Note when you did it." }
        ol.steps { @for step in plan.steps.iter().rev() { li { (one(id, &plan.root, step)) } } }
    }
}

fn one(id: ActionId, root: &str, step: &Step) -> Markup {
    let text = |name: &str| step.params.get(name).and_then(Value::as_str).unwrap_or_default();
    match step.actuator.as_str() {
        "net.block_address" => {
            let address = text("address");
            let set = if address.contains(':') { "blocked6" } else { "blocked4" };
            html! {
                "Let the address " code { (Foreign(address)) } " in again:"
                (parts::command(&format!(
                    "nft delete element inet ringfort {set} '{{ {} }}'", bare(address))))
                p { "The kernel does it by itself when the time is over. To lift every block:" }
                (parts::command("nft delete table inet ringfort"))
            }
        }
        "process.freeze" => html! {
            "Let process " code { (step.params.get("pid").map(ToString::to_string).unwrap_or_default()) }
            " and what is below it go on:"
            (parts::command(&format!("echo 0 > /sys/fs/cgroup/ringfort-{id}/cgroup.freeze")))
            p { "Where there are groups of both kinds, it lies in " code { "/sys/fs/cgroup/unified" } "." }
        },
        "file.quarantine" => html! {
            "The file is kept whole in the folder below, in " code { "pack" } ". It belongs at:"
            (parts::command(&format!("{}{}", root.trim_end_matches('/'), text("path"))))
        },
        "apt.upgrade" => {
            let packages = step.params.get("packages").and_then(Value::as_array);
            let packages: Vec<&Value> = packages.into_iter().flatten().collect();
            html! {
                "These packages had another version before:"
                ul.versions { @for package in packages.iter().take(PACKAGES_SHOWN) {
                    @let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
                    li { (Foreign(&field("name"))) " "
                        @if field("from").is_empty() { "(was not installed)" }
                        @else { (Foreign(&field("from"))) } }
                } }
                @if packages.len() > PACKAGES_SHOWN { "and " (packages.len() - PACKAGES_SHOWN) " more. " }
                p { "Do not install older versions over newer ones by hand if you can wait: what was \
                    kept is exact, and a package manager going backwards is not." }
            }
        }
        other => html! { "There is no way by hand for " code { (Foreign(other)) } "." },
    }
}

/// An address as it goes into a command: nothing but what addresses are made of.
fn bare(address: &str) -> String {
    address.chars().filter(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.')).collect()
}

fn kept(id: ActionId) -> Markup {
    html! {
        h2 { "Where everything is kept" }
        p { "In ringfort's data folder, usually:" }
        (parts::command(&format!("/var/lib/ringfort/exec/actions/{id}/")))
        p { "The journal in it names every step; what is needed to go back stands beside it." }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(actuator: &str, params: &Value) -> String {
        let id = "019d19f0-ba60-72a1-82b2-2c3d4e5f6071".parse().unwrap();
        let params = params.as_object().cloned().unwrap();
        one(id, "/", &Step { actuator: actuator.into(), params }).into_string()
    }

    #[test]
    fn each_step_has_its_own_way_back_by_hand() {
        let block = told("net.block_address", &json!({ "address": "192.0.2.7" }));
        assert!(block.contains("nft delete element inet ringfort blocked4 '{ 192.0.2.7 }'"));
        let six = told("net.block_address", &json!({ "address": "2001:db8::7" }));
        assert!(six.contains("blocked6"));
        let freeze = told("process.freeze", &json!({ "pid": 7 }));
        assert!(freeze.contains(
            "echo 0 &gt; /sys/fs/cgroup/ringfort-019d19f0-ba60-72a1-82b2-2c3d4e5f6071/cgroup.freeze"
        ));
        assert!(told("file.quarantine", &json!({ "path": "/tmp/x" })).contains("/tmp/x"));
        let packages = json!({ "packages": [{ "name": "rsync", "from": "1", "to": "2" }] });
        assert!(told("apt.upgrade", &packages).contains("rsync"));
        assert!(told("odd.<b>", &json!({})).contains("There is no way by hand"));
    }

    #[test]
    fn nothing_but_an_address_gets_into_a_command() {
        let shown = told("net.block_address", &json!({ "address": "1.2.3.4'; reboot; '" }));
        assert!(shown.contains("blocked4 '{ 1.2.3.4eb }'"), "{shown}");
    }
}
