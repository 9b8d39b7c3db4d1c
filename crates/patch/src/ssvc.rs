//! What to do when: the deployer decision of SSVC (CERT/CC, Stakeholder-Specific Vulnerability
//! Categorization 2.1; the table "Deployer Patch Application Priority" 1.0.0 over Exploitation
//! 1.1.0, System Exposure 1.0.1, Automatable 2.0.0 and Human Impact 2.0.2).
//!
//! What is not known counts as the worse, and is said.

use formats::vulnrichment::Exploitation;
use serde::{Deserialize, Serialize};
use spine::{MachineClass, Priority, Profile};

/// SSVC System Exposure 1.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exposure {
    /// Local service or program; very little can reach it.
    Small,
    /// Reached only through something that stands before it.
    Controlled,
    /// Reached from a network.
    Open,
}

/// SSVC Human Impact 2.0.2: safety and mission together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HumanImpact {
    /// Hardly anybody would notice.
    Low,
    /// Work of some people stops for a while.
    Medium,
    /// The organisation cannot do what it is there for.
    High,
    /// People may come to harm.
    VeryHigh,
}

/// The 72 outcomes in the order of the table: Exploitation, then Exposure, then Automatable, then
/// Human Impact, each from its mildest value. `d`efer, `s`cheduled, `o`ut of cycle, `i`mmediate.
const TABLE: &[u8; 72] =
    b"ddssdsssdsssssssdssssssodsssssssdssssssosssossoossoosooossoooooosooiooii";

/// The outcome of the tree.
pub fn deployer_priority(
    exploitation: Exploitation,
    exposure: Exposure,
    automatable: bool,
    impact: HumanImpact,
) -> Priority {
    let row = ((exploitation as usize * 3 + exposure as usize) * 2 + usize::from(automatable)) * 4
        + impact as usize;
    match TABLE.get(row) {
        Some(b'd') => Priority::Defer,
        Some(b's') => Priority::Scheduled,
        Some(b'o') => Priority::OutOfCycle,
        _ => Priority::Immediate,
    }
}

/// What feeds say of one vulnerability. What they do not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CveIntel {
    /// The CVE id.
    pub cve: String,
    /// Whether it is in the catalogue of known exploited vulnerabilities; `None` where there is no
    /// catalogue.
    pub kev: Option<bool>,
    /// Whether ransomware crews are known to use it.
    pub ransomware: bool,
    /// EPSS: probability of exploitation within 30 days, parts per million.
    pub epss_ppm: Option<u32>,
    /// SSVC Exploitation, as CISA decided it.
    pub exploitation: Option<Exploitation>,
    /// SSVC Automatable, as CISA decided it.
    pub automatable: Option<bool>,
    /// CVSS base score in tenths.
    pub cvss_tenths: Option<u8>,
}

impl CveIntel {
    /// Whether somebody is known to attack with it.
    pub fn is_attacked(&self) -> bool {
        self.kev == Some(true) || self.exploitation == Some(Exploitation::Active)
    }
}

/// Where programs that use a package listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listening {
    /// Nowhere.
    No,
    /// Only on this machine.
    Loopback,
    /// On a network.
    Network,
}

/// What the priority of a fix rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskInputs {
    /// What feeds say, one entry a vulnerability; empty where none is named.
    pub cves: Vec<CveIntel>,
    /// Whether the update is known to fix a vulnerability (`Some(false)`: known to fix none).
    pub fixes_vulnerability: Option<bool>,
    /// Where programs that use the package listen; `None` where that could not be seen.
    pub listening: Option<Listening>,
    /// Whether a running program uses the package; `None` where that could not be seen.
    pub mapped: Option<bool>,
    /// What an outage of this machine means.
    pub human_impact: HumanImpact,
}

/// The probability from which EPSS counts like a public proof of concept: 10 %.
pub const EPSS_LIKE_POC_PPM: u32 = 100_000;

/// What an outage of a machine means, from what the owner says of it. An unknown machine of a
/// clinic or a utility counts as one that people depend on (red line RL04).
pub const fn human_impact(profile: Profile, class: MachineClass) -> HumanImpact {
    let critical_site = matches!(profile, Profile::Clinic | Profile::Utility);
    match class {
        MachineClass::Medical | MachineClass::ProcessControl => HumanImpact::VeryHigh,
        MachineClass::Unknown if critical_site => HumanImpact::VeryHigh,
        MachineClass::Server | MachineClass::Unknown => HumanImpact::High,
        MachineClass::Workstation => HumanImpact::Medium,
    }
}

/// What to do when, and why, one sentence a line.
pub fn prioritise(inputs: &RiskInputs) -> (Priority, Vec<String>) {
    if inputs.fixes_vulnerability == Some(false) && inputs.cves.is_empty() {
        let why = "This update is not known to fix a weakness that could be attacked.";
        return (Priority::Defer, vec![why.to_owned()]);
    }
    let (exposure, mut why) = exposure(inputs);
    let unnamed = [CveIntel::default()];
    let cves = if inputs.cves.is_empty() { &unnamed[..] } else { &inputs.cves };
    let rated = cves.iter().map(|cve| {
        let exploitation = exploitation(cve);
        let automatable = cve.automatable.unwrap_or(true);
        let priority = deployer_priority(exploitation, exposure, automatable, inputs.human_impact);
        (priority, exploitation, cve.epss_ppm.unwrap_or(0), cve)
    });
    let Some((priority, _, _, worst)) = rated
        .max_by_key(|(p, exploitation, epss, cve)| (*p, *exploitation, *epss, cve.cvss_tenths))
    else {
        return (Priority::Immediate, why);
    };
    explain_attack(worst, cves.len(), &mut why);
    why.push(impact_sentence(inputs.human_impact).to_owned());
    why.push(format!("So: {}.", plain(priority)));
    (priority, why)
}

/// A priority in plain words.
pub const fn plain(priority: Priority) -> &'static str {
    match priority {
        Priority::Defer => "this can wait; do it with other work",
        Priority::Scheduled => "do this in the next maintenance window",
        Priority::OutOfCycle => "do this soon, before the next maintenance window",
        Priority::Immediate => "do this now",
    }
}

fn exploitation(cve: &CveIntel) -> Exploitation {
    if cve.is_attacked() {
        return Exploitation::Active;
    }
    let likely = cve.epss_ppm.is_some_and(|ppm| ppm >= EPSS_LIKE_POC_PPM);
    match cve.exploitation {
        Some(Exploitation::None) if !likely => Exploitation::None,
        // Unknown counts like a public proof of concept: the fix itself is public.
        _ => Exploitation::PublicPoc,
    }
}

fn exposure(inputs: &RiskInputs) -> (Exposure, Vec<String>) {
    let (exposure, why) = match (inputs.listening, inputs.mapped) {
        (Some(Listening::Network), _) => {
            (Exposure::Open, "A program that uses it listens on the network.")
        }
        (Some(Listening::Loopback), _) => {
            (Exposure::Controlled, "A program that uses it listens, but only on this machine.")
        }
        (Some(Listening::No), Some(false)) => (Exposure::Small, "No running program uses it."),
        (Some(Listening::No), _) => {
            (Exposure::Small, "Nothing that uses it listens on the network.")
        }
        (None, Some(false)) => (
            Exposure::Controlled,
            "No running program was seen to use it; whether one listens could not be seen.",
        ),
        (None, _) => (
            Exposure::Open,
            "Whether it can be reached from the network could not be seen, so it counts as \
             reachable.",
        ),
    };
    (exposure, vec![why.to_owned()])
}

fn explain_attack(cve: &CveIntel, count: usize, why: &mut Vec<String>) {
    let (name, first) = match cve.cve.as_str() {
        "" => ("the weakness", "The weakness"),
        name => (name, name),
    };
    if count > 1 {
        why.push(format!("The most urgent of {count} weaknesses is {name}."));
    }
    why.push(if cve.ransomware && cve.kev == Some(true) {
        format!("{first} is being attacked in the wild, also by ransomware crews.")
    } else if cve.is_attacked() {
        format!("{first} is being attacked in the wild.")
    } else if cve.exploitation == Some(Exploitation::PublicPoc) {
        format!("Instructions to attack {name} are public.")
    } else if cve.exploitation == Some(Exploitation::None) {
        format!("No attack with {name} is known.")
    } else {
        format!(
            "Whether {name} is being attacked is not known, so it counts as if instructions were \
             public."
        )
    });
    if let Some(ppm) = cve.epss_ppm {
        let (percent, tenths) = (ppm / 10_000, ppm / 1_000 % 10);
        why.push(format!(
            "The chance of attacks within 30 days is put at {percent}.{tenths} % (EPSS)."
        ));
    }
    match cve.automatable {
        Some(true) => why.push("Attacks can be automated.".to_owned()),
        Some(false) => why.push("Each attack needs work by hand.".to_owned()),
        None => why.push(
            "Whether attacks can be automated is not known, so it counts as if they can."
                .to_owned(),
        ),
    }
}

const fn impact_sentence(impact: HumanImpact) -> &'static str {
    match impact {
        HumanImpact::Low => "An outage of this machine would hardly be noticed.",
        HumanImpact::Medium => "An outage of this machine would stop the work of some people.",
        HumanImpact::High => "An outage of this machine would stop the organisation's work.",
        HumanImpact::VeryHigh => "People may depend on this machine for their safety.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLOITATION: [Exploitation; 3] =
        [Exploitation::None, Exploitation::PublicPoc, Exploitation::Active];
    const EXPOSURE: [Exposure; 3] = [Exposure::Small, Exposure::Controlled, Exposure::Open];
    const IMPACT: [HumanImpact; 4] =
        [HumanImpact::Low, HumanImpact::Medium, HumanImpact::High, HumanImpact::VeryHigh];

    /// The table as it is published: for each row the outcomes from low to very high impact, not
    /// automatable and automatable.
    const PUBLISHED: [(Exploitation, Exposure, &str, &str); 9] = [
        (Exploitation::None, Exposure::Small, "ddss", "dsss"),
        (Exploitation::None, Exposure::Controlled, "dsss", "ssss"),
        (Exploitation::None, Exposure::Open, "dsss", "ssso"),
        (Exploitation::PublicPoc, Exposure::Small, "dsss", "ssss"),
        (Exploitation::PublicPoc, Exposure::Controlled, "dsss", "ssso"),
        (Exploitation::PublicPoc, Exposure::Open, "ssso", "ssoo"),
        (Exploitation::Active, Exposure::Small, "ssoo", "sooo"),
        (Exploitation::Active, Exposure::Controlled, "ssoo", "oooo"),
        (Exploitation::Active, Exposure::Open, "sooi", "ooii"),
    ];

    #[test]
    fn all_72_rows_are_as_published() {
        let mut rows = 0;
        for (exploitation, exposure, by_hand, automated) in PUBLISHED {
            for (automatable, outcomes) in [(false, by_hand), (true, automated)] {
                for (impact, letter) in IMPACT.into_iter().zip(outcomes.chars()) {
                    let expected = match letter {
                        'd' => Priority::Defer,
                        's' => Priority::Scheduled,
                        'o' => Priority::OutOfCycle,
                        _ => Priority::Immediate,
                    };
                    let found = deployer_priority(exploitation, exposure, automatable, impact);
                    assert_eq!(found, expected, "{exploitation:?} {exposure:?} {automatable}");
                    rows += 1;
                }
            }
        }
        assert_eq!(rows, 72);
    }

    #[test]
    fn worse_facts_never_make_it_less_urgent() {
        let mut all = Vec::new();
        for (i, exploitation) in EXPLOITATION.into_iter().enumerate() {
            for (j, exposure) in EXPOSURE.into_iter().enumerate() {
                for automatable in [false, true] {
                    for (k, impact) in IMPACT.into_iter().enumerate() {
                        let priority =
                            deployer_priority(exploitation, exposure, automatable, impact);
                        all.push(([i, j, usize::from(automatable), k], priority));
                    }
                }
            }
        }
        for (a, priority_a) in &all {
            for (b, priority_b) in &all {
                if a.iter().zip(b).all(|(x, y)| x <= y) {
                    assert!(priority_a <= priority_b, "{a:?} {b:?}");
                }
            }
        }
    }

    fn inputs(cves: Vec<CveIntel>) -> RiskInputs {
        RiskInputs {
            cves,
            fixes_vulnerability: None,
            listening: Some(Listening::Network),
            mapped: Some(true),
            human_impact: HumanImpact::High,
        }
    }

    fn known(cve: &str, exploitation: Exploitation, automatable: bool) -> CveIntel {
        CveIntel {
            cve: cve.into(),
            kev: Some(false),
            exploitation: Some(exploitation),
            automatable: Some(automatable),
            ..CveIntel::default()
        }
    }

    #[test]
    fn the_worst_of_several_decides_and_is_named() {
        let calm = known("CVE-2026-1", Exploitation::None, false);
        let mut attacked = known("CVE-2026-2", Exploitation::None, true);
        attacked.kev = Some(true);
        let (priority, why) = prioritise(&inputs(vec![calm.clone(), attacked]));
        assert_eq!(priority, Priority::Immediate);
        assert!(why.iter().any(|line| line == "CVE-2026-2 is being attacked in the wild."));
        assert_eq!(prioritise(&inputs(vec![calm])).0, Priority::Scheduled);
    }

    #[test]
    fn unknown_is_never_less_urgent_than_known_and_calm_and_is_said() {
        let calm = known("CVE-2026-1", Exploitation::None, false);
        let (known_priority, _) = prioritise(&inputs(vec![calm]));
        let (unknown_priority, why) = prioritise(&inputs(vec![]));
        assert!(unknown_priority >= known_priority);
        assert!(why.iter().filter(|line| line.contains("not known")).count() >= 2, "{why:?}");
        let mut unseen = inputs(vec![]);
        (unseen.listening, unseen.mapped) = (None, None);
        let (priority, why) = prioritise(&unseen);
        assert_eq!(priority, unknown_priority);
        assert!(why[0].contains("could not be seen"));
    }

    #[test]
    fn an_update_that_fixes_no_weakness_can_wait() {
        let mut plain = inputs(vec![]);
        plain.fixes_vulnerability = Some(false);
        assert_eq!(prioritise(&plain).0, Priority::Defer);
    }

    #[test]
    fn a_high_chance_counts_like_a_public_attack() {
        let mut cve = known("CVE-2026-1", Exploitation::None, true);
        assert_eq!(prioritise(&inputs(vec![cve.clone()])).0, Priority::Scheduled);
        cve.epss_ppm = Some(420_000);
        let (priority, why) = prioritise(&inputs(vec![cve]));
        assert_eq!(priority, Priority::OutOfCycle);
        assert!(why.iter().any(|line| line.contains("42.0 %")), "{why:?}");
    }

    #[test]
    fn unknown_machines_of_clinics_count_as_medical() {
        assert_eq!(human_impact(Profile::Clinic, MachineClass::Unknown), HumanImpact::VeryHigh);
        assert_eq!(human_impact(Profile::Office, MachineClass::Unknown), HumanImpact::High);
        assert_eq!(human_impact(Profile::School, MachineClass::Workstation), HumanImpact::Medium);
    }
}
