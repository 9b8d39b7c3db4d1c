//! From updates that wait to a plan: the exact packages, the evidence it rests on.

use serde_json::{Map, Value, json};
use spine::{EvidenceOrigin, EvidenceRef, hash_canonical};

use crate::limits::PLAN_PACKAGES_MAX;

/// One package of an upgrade plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageStep {
    /// The package.
    pub name: String,
    /// Its architecture.
    pub arch: String,
    /// The version that is installed; empty where the package is new.
    pub from: String,
    /// The version that it shall have.
    pub to: String,
}

/// The parameters of the actuator `apt.upgrade` for these packages, sorted, each once.
pub fn upgrade_params(packages: &[PackageStep]) -> Map<String, Value> {
    let mut packages: Vec<&PackageStep> = packages.iter().take(PLAN_PACKAGES_MAX).collect();
    packages.sort();
    packages.dedup();
    let list: Vec<Value> = packages
        .iter()
        .map(|p| json!({ "name": p.name, "arch": p.arch, "from": p.from, "to": p.to }))
        .collect();
    let mut params = Map::new();
    params.insert("packages".into(), Value::Array(list));
    params
}

/// The evidence that an upgrade step rests on: what is installed (seen on the machine), and what
/// the distribution's signed metadata offers. The digests are over names and versions, so that
/// the acting host can compute them from what it sees for itself.
pub fn evidence_of(params: &Map<String, Value>) -> Vec<EvidenceRef> {
    let packages = params.get("packages").and_then(Value::as_array);
    let list = |version: &str| -> Vec<[String; 3]> {
        let field = |package: &Value, name: &str| {
            package.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let row = |p: &Value| [field(p, "name"), field(p, "arch"), field(p, version)];
        packages.into_iter().flatten().map(row).collect()
    };
    let reference = |kind: &str, origin, version| {
        let digest = hash_canonical("evidence", &(kind, list(version))).ok()?;
        Some(EvidenceRef { kind: kind.to_owned(), origin, digest })
    };
    let installed = reference("dpkg.installed", EvidenceOrigin::Local, "from");
    let candidate = reference("apt.candidate", EvidenceOrigin::Distribution, "to");
    installed.into_iter().chain(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, to: &str) -> PackageStep {
        PackageStep { name: name.into(), arch: "amd64".into(), from: "1".into(), to: to.into() }
    }

    #[test]
    fn the_order_in_which_packages_are_named_does_not_change_the_plan() {
        let (a, b) = (step("a", "2"), step("b", "2"));
        let one = upgrade_params(&[a.clone(), b.clone(), a.clone()]);
        assert_eq!(one, upgrade_params(&[b, a]));
        assert_eq!(one["packages"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn evidence_changes_with_what_it_is_about() {
        let base = evidence_of(&upgrade_params(&[step("a", "2")]));
        let other = evidence_of(&upgrade_params(&[step("a", "3")]));
        assert_eq!(base.len(), 2);
        assert_eq!(base[0], other[0], "what is installed is the same");
        assert_ne!(base[1], other[1], "what is offered is not");
    }
}
