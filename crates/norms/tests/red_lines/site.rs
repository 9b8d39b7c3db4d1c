//! A site's own rules: they may forbid and nothing else.

use norms::{Norms, NormsError};
use spine::{ActionType, Author, Verdict};

use super::support::{Chance, any_facts, bound, harmless};
use super::{approvals, rounds};

fn refused(policy: &str) -> NormsError {
    Norms::new(Some(policy)).unwrap_err()
}

#[test]
fn a_site_may_forbid_and_says_why() {
    let policy = r#"
        @id("friday") @reason("Nothing is upgraded on a Friday.")
        forbid (principal, action == Action::"upgrade_packages", resource)
        unless { context.people >= 2 };
        forbid (principal, action == Action::"dry_run", resource);
    "#;
    let norms = Norms::new(Some(policy)).unwrap();
    let (plan, facts) = bound(harmless(Author::Human, ActionType::UpgradePackages));
    let (decision, _permit) = norms.decide(&plan, &facts, &approvals(&plan, 1));
    assert_eq!(decision.verdict, Verdict::NeedsApproval { humans: 2 });
    assert_eq!(decision.rules[0].0, "site:friday");
    assert_eq!(decision.reasons, ["Nothing is upgraded on a Friday."]);
    let (plan, facts) = bound(harmless(Author::Agent, ActionType::DryRun));
    let (decision, _permit) = norms.decide(&plan, &facts, &approvals(&plan, 2));
    assert_eq!((decision.verdict, &*decision.rules[0].0), (Verdict::Deny, "site:2"));
}

#[test]
fn a_site_may_do_nothing_else() {
    let permit = r#"@id("mine") permit (principal, action, resource);"#;
    assert!(matches!(refused(permit), NormsError::SitePermit(id) if id == "mine"));
    let hidden = "forbid (principal, action, resource); permit(principal, action, resource);";
    assert!(matches!(refused(hidden), NormsError::SitePermit(_)));
    let template = "forbid (principal == ?principal, action, resource);";
    assert!(matches!(refused(template), NormsError::SiteTemplate));
    for wrong in [
        "forbid (principal, action, resource) when { context.nothing };",
        "forbid (principal, action, resource) when { context.level == \"high\" };",
        "forbid (principal, action == Action::\"attack\", resource);",
        "forbid (principal, action, resource) when { context.class == Class::\"kill\" };",
    ] {
        assert!(matches!(refused(wrong), NormsError::SiteInvalid(_)), "{wrong}");
    }
    assert!(matches!(refused("forbid everything"), NormsError::SiteSyntax(_)));
    assert!(matches!(refused(&" ".repeat(65_537)), NormsError::SiteTooLarge));
    let many = "forbid (principal, action, resource) when { false };".repeat(129);
    assert!(matches!(refused(&many), NormsError::SiteTooLarge));
}

#[test]
fn a_rule_of_a_site_that_errs_denies() {
    let policy = "forbid (principal, action, resource)
        when { context.fleet_size * 9223372036854775807 < 0 };";
    let norms = Norms::new(Some(policy)).unwrap();
    let (plan, facts) = bound(harmless(Author::Agent, ActionType::RefreshIndex));
    let (decision, permit) = norms.decide(&plan, &facts, &[]);
    assert_eq!((decision.verdict, &*decision.rules[0].0), (Verdict::Deny, "ERROR"));
    assert!(permit.is_none());
}

/// A site's rule with random conditions.
fn any_rule(chance: &mut Chance) -> String {
    let condition = |chance: &mut Chance| {
        chance.pick(&[
            "context.tainted",
            "context.reversible",
            "context.level >= 2",
            "context.approvers < 2",
            "context.people < 3",
            "context.class == Class::\"change\"",
            "context.profile == Profile::\"school\"",
            "principal is Agent",
            "action in Action::\"contain\"",
            "context.targets * context.fleet_size * context.fleet_size * 1000 > 7",
            "!(context.disruptive && context.break_glass)",
        ])
    };
    let (one, two) = (condition(chance), condition(chance));
    let joint = chance.pick(&["&&", "||"]);
    let clause = chance.pick(&["when", "unless"]);
    format!("forbid (principal, action, resource) {clause} {{ {one} {joint} ({two}) }};")
}

const fn strictness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::NeedsApproval { humans } => humans,
        Verdict::Deny => u8::MAX,
    }
}

#[test]
fn whatever_a_site_writes_it_only_tightens() {
    let ours = Norms::new(None).unwrap();
    let mut chance = Chance(4);
    let mut tightened = 0;
    for _ in 0..rounds(2_000) / 40 {
        let policy: String = (0..=chance.next() % 3).map(|_| any_rule(&mut chance)).collect();
        let site = Norms::new(Some(&policy)).unwrap();
        for _ in 0..40 {
            let (plan, facts) = bound(any_facts(&mut chance));
            let papers = approvals(&plan, chance.pick(&[0, 1, 2]));
            let [with, without] =
                [&site, &ours].map(|norms| norms.decide(&plan, &facts, &papers).0.verdict);
            assert!(strictness(with) >= strictness(without), "{policy}\n{facts:#?}");
            tightened += u64::from(strictness(with) > strictness(without));
        }
    }
    assert!(tightened > 50, "the rules never bit");
}
