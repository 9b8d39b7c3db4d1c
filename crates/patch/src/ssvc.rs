//! The order of cases: the SSVC deployer tree (CERT/CC, "Deployer Patch Application Priority"
//! 1.0.0: Exploitation 1.1.0, System Exposure 1.0.1, Automatable 2.0.0, Human Impact 2.0.2).
//!
//! What is not known is taken as the more urgent of what it could plausibly be, and said so.

use spine::{MachineClass, Priority, Profile};

/// State of exploitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exploitation {
    /// No evidence of exploitation and no public proof of concept.
    None,
    /// A public proof of concept exists.
    PublicPoc,
    /// It is being exploited.
    Active,
}

/// How accessible the vulnerable system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// Local only, or not running.
    Small,
    /// Reachable from the local network, or in use by programs that take input.
    Controlled,
    /// Reachable from any network.
    Open,
}

/// What an exploit means for safety and mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HumanImpact {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Very high.
    VeryHigh,
}

/// The tree: rows by exploitation, exposure and automatable (no before yes), columns by human
/// impact from low to very high. `D`efer, `S`cheduled, `O`ut-of-cycle, `I`mmediate.
const TREE: [[&[u8; 4]; 6]; 3] = [
    [b"DDSS", b"DSSS", b"DSSS", b"SSSS", b"DSSS", b"SSSO"],
    [b"DSSS", b"SSSS", b"DSSS", b"SSSO", b"SSSO", b"SSOO"],
    [b"SSOO", b"SOOO", b"SSOO", b"OOOO", b"SOOI", b"OOII"],
];

/// The outcome of the tree.
pub fn decide(
    exploitation: Exploitation,
    exposure: Exposure,
    automatable: bool,
    impact: HumanImpact,
) -> Priority {
    let column = exposure as usize * 2 + usize::from(automatable);
    let letters = TREE.get(exploitation as usize).and_then(|rows| rows.get(column));
    match letters.and_then(|letters| letters.get(impact as usize)) {
        Some(b'D') => Priority::Defer,
        Some(b'S') => Priority::Scheduled,
        Some(b'O') => Priority::OutOfCycle,
        _ => Priority::Immediate,
    }
}

/// Whether anything listens on the network with the code in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A program that runs it takes connections from other machines.
    Exposed,
    /// A program runs it.
    Running,
    /// It was looked for and nothing runs it.
    Idle,
    /// This could not be looked at.
    Unknown,
}

/// What is known of a case's risk.
#[derive(Clone, Debug)]
pub struct RiskInputs {
    /// Ids that CISA lists as exploited (KEV).
    pub known_exploited: Vec<String>,
    /// The highest EPSS probability, parts per million.
    pub epss_ppm_max: Option<u32>,
    /// Whether a public proof of concept is known (vulnrichment: `poc`).
    pub public_poc: Option<bool>,
    /// Whether exploitation can be automated (vulnrichment).
    pub automatable: Option<bool>,
    /// Whether the code is in use.
    pub in_use: Use,
    /// The kind of organisation.
    pub profile: Profile,
    /// The kind of machine.
    pub machine_class: MachineClass,
}

/// EPSS from which an unexploited vulnerability is treated as one with a proof of concept: one in
/// ten within 30 days.
const EPSS_POC_PPM: u32 = 100_000;

/// The priority, and why, in plain words.
pub fn prioritise(inputs: &RiskInputs) -> (Priority, Vec<String>) {
    let mut why = Vec::new();
    let exploitation = exploitation(inputs, &mut why);
    let exposure = match inputs.in_use {
        Use::Exposed => {
            why.push("a program that other machines can reach runs this code".to_owned());
            Exposure::Open
        }
        Use::Running => {
            why.push("programs run this code, but none that other machines can reach".to_owned());
            Exposure::Controlled
        }
        Use::Idle => {
            why.push("no program runs this code at the moment".to_owned());
            Exposure::Small
        }
        Use::Unknown => {
            why.push("whether a program runs this code is not known; taken as running".to_owned());
            Exposure::Controlled
        }
    };
    let automatable = inputs.automatable.unwrap_or(exposure == Exposure::Open);
    if inputs.automatable == Some(true) {
        why.push("attacks on it can be automated".to_owned());
    }
    (decide(exploitation, exposure, automatable, impact(inputs)), why)
}

fn exploitation(inputs: &RiskInputs, why: &mut Vec<String>) -> Exploitation {
    if let Some(id) = inputs.known_exploited.first() {
        why.push(format!("{id} is being exploited (CISA's list of exploited vulnerabilities)"));
        return Exploitation::Active;
    }
    if inputs.public_poc == Some(true) {
        why.push("a way to exploit it is public".to_owned());
        return Exploitation::PublicPoc;
    }
    if let Some(ppm) = inputs.epss_ppm_max.filter(|ppm| *ppm >= EPSS_POC_PPM) {
        let percent = ppm / 10_000;
        why.push(format!("EPSS gives {percent} % for an attack within 30 days"));
        return Exploitation::PublicPoc;
    }
    Exploitation::None
}

fn impact(inputs: &RiskInputs) -> HumanImpact {
    let near_life = matches!(inputs.profile, Profile::Clinic | Profile::Utility);
    match inputs.machine_class {
        MachineClass::Medical | MachineClass::ProcessControl => HumanImpact::VeryHigh,
        MachineClass::Unknown | MachineClass::Server if near_life => HumanImpact::VeryHigh,
        MachineClass::Server => HumanImpact::High,
        MachineClass::Workstation if near_life => HumanImpact::High,
        MachineClass::Workstation | MachineClass::Unknown => HumanImpact::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published table, row by row: exploitation, exposure, automatable, then low to very high.
    const PUBLISHED: &str = "\
        none small no D D S S\nnone small yes D S S S\nnone controlled no D S S S\n\
        none controlled yes S S S S\nnone open no D S S S\nnone open yes S S S O\n\
        poc small no D S S S\npoc small yes S S S S\npoc controlled no D S S S\n\
        poc controlled yes S S S O\npoc open no S S S O\npoc open yes S S O O\n\
        active small no S S O O\nactive small yes S O O O\nactive controlled no S S O O\n\
        active controlled yes O O O O\nactive open no S O O I\nactive open yes O O I I";

    #[test]
    fn all_72_rows_are_those_of_the_published_table() {
        let mut rows = 0;
        for line in PUBLISHED.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let exploitation = match words[0] {
                "none" => Exploitation::None,
                "poc" => Exploitation::PublicPoc,
                _ => Exploitation::Active,
            };
            let exposure = match words[1] {
                "small" => Exposure::Small,
                "controlled" => Exposure::Controlled,
                _ => Exposure::Open,
            };
            let impacts =
                [HumanImpact::Low, HumanImpact::Medium, HumanImpact::High, HumanImpact::VeryHigh];
            for (impact, letter) in impacts.into_iter().zip(&words[3..]) {
                let expected = match *letter {
                    "D" => Priority::Defer,
                    "S" => Priority::Scheduled,
                    "O" => Priority::OutOfCycle,
                    _ => Priority::Immediate,
                };
                let found = decide(exploitation, exposure, words[2] == "yes", impact);
                assert_eq!(found, expected, "{line} {impact:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, 72);
    }

    #[test]
    fn more_danger_never_lowers_the_priority() {
        use Exploitation as E;
        use Exposure as X;
        for (weaker, stronger) in [(E::None, E::PublicPoc), (E::PublicPoc, E::Active)] {
            for exposure in [X::Small, X::Controlled, X::Open] {
                for automatable in [false, true] {
                    for impact in [HumanImpact::Low, HumanImpact::VeryHigh] {
                        let low = decide(weaker, exposure, automatable, impact);
                        assert!(low <= decide(stronger, exposure, automatable, impact));
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_exploited_and_exposed_comes_first() {
        let mut inputs = RiskInputs {
            known_exploited: vec!["CVE-2024-3400".into()],
            epss_ppm_max: None,
            public_poc: None,
            automatable: None,
            in_use: Use::Exposed,
            profile: Profile::Office,
            machine_class: MachineClass::Server,
        };
        assert_eq!(prioritise(&inputs).0, Priority::Immediate);
        inputs.in_use = Use::Idle;
        assert_eq!(prioritise(&inputs).0, Priority::OutOfCycle);
        inputs.known_exploited.clear();
        assert_eq!(prioritise(&inputs).0, Priority::Scheduled);
    }
}
