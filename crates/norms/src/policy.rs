//! The policy set: the red lines, one file each, and the site's own rules, which may only forbid.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{
    Effect, Entities, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use spine::RuleId;

use crate::limits;

/// The Cedar schema, which says what policies may read.
pub const SCHEMA: &str = include_str!("../ringfort.cedarschema");

macro_rules! policies {
    ($($file:literal),* $(,)?) => {
        /// The policy files, by name, with their text.
        pub const POLICIES: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../policies/", $file, ".cedar"))),)*];
    };
}

policies![
    "permit_agent",
    "permit_people",
    "rl01",
    "rl02",
    "rl03",
    "rl04",
    "rl05",
    "rl06",
    "rl07",
    "rl08",
    "rl09",
    "rl10",
    "rl11",
    "rl12",
    "rl13",
    "rl14",
    "rl15",
    "rl16",
    "rl17",
    "rl18",
    "rl19",
    "rl20",
];

/// Why the norms could not be laid down.
#[derive(Debug, thiserror::Error)]
pub enum NormsError {
    /// The red lines of this build do not hold together; the build is broken.
    #[error("the built-in red lines are broken: {0}")]
    BuiltIn(String),
    /// The site policy is too large.
    #[error(
        "the site policy is larger than {bytes} bytes or has more than {policies} rules",
        bytes = limits::SITE_POLICY_BYTES_MAX,
        policies = limits::SITE_POLICIES_MAX
    )]
    SiteTooLarge,
    /// The site policy is not Cedar.
    #[error("the site policy cannot be read: {0}")]
    SiteSyntax(String),
    /// The site policy would permit something.
    #[error("rule `{0}` of the site policy is a `permit`; a site may only forbid")]
    SitePermit(String),
    /// The site policy has a template, which nothing here fills.
    #[error("the site policy has a template; only plain `forbid` rules are possible")]
    SiteTemplate,
    /// The site policy reads what is not there, or compares what cannot be compared.
    #[error("the site policy does not fit the schema: {0}")]
    SiteInvalid(String),
}

/// What lifts a rule that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifts {
    /// Nothing does.
    Nothing,
    /// People may; trying tells how many.
    People,
}

/// What is said of a rule that fired.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: RuleId,
    pub(crate) reason: String,
    pub(crate) lifts: Lifts,
}

/// A validated policy set with what is said of each of its rules.
#[derive(Debug)]
pub(crate) struct Policies {
    pub(crate) set: PolicySet,
    pub(crate) rules: BTreeMap<PolicyId, Rule>,
    pub(crate) actions: Entities,
}

impl Policies {
    /// The built-in policies and a site's own.
    pub(crate) fn new(site: Option<&str>) -> Result<Self, NormsError> {
        Self::of(built_in()?, site)
    }

    /// Given built-in policies and a site's own: apart from [`Self::new`], for the mutation tests.
    pub(crate) fn of(vendor: Vec<Policy>, site: Option<&str>) -> Result<Self, NormsError> {
        let broken = |error: &dyn std::fmt::Display| NormsError::BuiltIn(error.to_string());
        let schema = schema()?;
        let actions = schema.action_entities().map_err(|e| broken(&e))?;
        let mut rules: BTreeMap<_, _> =
            vendor.iter().map(|policy| (policy.id().clone(), vendor_rule(policy))).collect();
        let mut set = PolicySet::from_policies(vendor).map_err(|e| broken(&e))?;
        let validator = Validator::new(schema);
        strictly_valid(&validator, &set).map_err(|e| broken(&e))?;
        for (rule, policy) in site_policies(&validator, site.unwrap_or_default())? {
            rules.insert(policy.id().clone(), rule);
            set.add(policy).map_err(|e| NormsError::SiteSyntax(e.to_string()))?;
        }
        Ok(Self { set, rules, actions })
    }
}

/// The schema.
pub(crate) fn schema() -> Result<Schema, NormsError> {
    Schema::from_str(SCHEMA).map_err(|e| NormsError::BuiltIn(format!("{e:?}")))
}

/// The built-in policies, with the name of their file and their position in it as ids.
pub(crate) fn built_in() -> Result<Vec<Policy>, NormsError> {
    let mut all = Vec::new();
    for (file, text) in POLICIES {
        let parsed =
            PolicySet::from_str(text).map_err(|e| NormsError::BuiltIn(format!("{file}: {e:?}")))?;
        let numbered = in_order_of_text(&parsed).into_iter().enumerate();
        all.extend(numbered.map(|(i, p)| p.new_id(PolicyId::new(format!("{file}.{}", i + 1)))));
    }
    Ok(all)
}

/// Cedar numbers the policies of a text `policy0`, `policy1`, ..., `policy10`.
fn in_order_of_text(set: &PolicySet) -> Vec<Policy> {
    let mut policies: Vec<_> = set.policies().cloned().collect();
    policies.sort_by_key(|p| {
        let id = p.id().to_string();
        (id.len(), id)
    });
    policies
}

fn vendor_rule(policy: &Policy) -> Rule {
    let lifts = match policy.annotation("lifts") {
        Some("G1" | "G2") => Lifts::People,
        _ => Lifts::Nothing,
    };
    Rule {
        id: RuleId(policy.annotation("id").unwrap_or_default().to_owned()),
        reason: policy.annotation("reason").unwrap_or_default().to_owned(),
        lifts,
    }
}

fn site_policies(validator: &Validator, text: &str) -> Result<Vec<(Rule, Policy)>, NormsError> {
    if text.len() > limits::SITE_POLICY_BYTES_MAX {
        return Err(NormsError::SiteTooLarge);
    }
    let parsed = PolicySet::from_str(text).map_err(|e| NormsError::SiteSyntax(e.to_string()))?;
    if parsed.num_of_policies() > limits::SITE_POLICIES_MAX {
        return Err(NormsError::SiteTooLarge);
    }
    if parsed.num_of_templates() > 0 {
        return Err(NormsError::SiteTemplate);
    }
    strictly_valid(validator, &parsed).map_err(NormsError::SiteInvalid)?;
    let mut all = Vec::new();
    for (position, policy) in in_order_of_text(&parsed).into_iter().enumerate() {
        let name =
            policy.annotation("id").map_or_else(|| (position + 1).to_string(), str::to_owned);
        if policy.effect() != Effect::Forbid {
            return Err(NormsError::SitePermit(name));
        }
        let reason = policy.annotation("reason").unwrap_or("A rule of this site forbids it.");
        // Whether people lift a site's rule shows when they are tried.
        let rule = Rule {
            id: RuleId(format!("site:{name}")),
            reason: reason.to_owned(),
            lifts: Lifts::People,
        };
        all.push((rule, policy.new_id(PolicyId::new(format!("site.{}", position + 1)))));
    }
    Ok(all)
}

fn strictly_valid(validator: &Validator, set: &PolicySet) -> Result<(), String> {
    let result = validator.validate(set, ValidationMode::Strict);
    let mut errors: Vec<_> = result.validation_errors().map(ToString::to_string).collect();
    errors.sort_unstable();
    if result.validation_passed() { Ok(()) } else { Err(errors.join("; ")) }
}
