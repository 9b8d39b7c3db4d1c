//! The red lines in plain English, for the page. The rules themselves are Cedar policies in
//! `norms`; a test holds the two lists together.

/// What lifts a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifts {
    /// Nothing and nobody.
    Nothing,
    /// One person.
    One,
    /// Two different people.
    Two,
}

/// One red line.
pub struct RedLine {
    /// Its id.
    pub id: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Why it is there.
    pub why: &'static str,
    /// What lifts it.
    pub lifts: Lifts,
}

const fn line(id: &'static str, lifts: Lifts, says: &'static str, why: &'static str) -> RedLine {
    RedLine { id, says, why, lifts }
}

/// The red lines, in order.
pub const RED_LINES: [RedLine; 20] = [
    line(
        "RL01",
        Lifts::Nothing,
        "ringfort acts only on machines that you own and enrolled.",
        "Whoever strikes back at a stranger usually hits another victim.",
    ),
    line(
        "RL02",
        Lifts::Nothing,
        "It never attacks, never collects passwords, never scans others.",
        "A defender with weapons is one more danger.",
    ),
    line(
        "RL03",
        Lifts::Nothing,
        "It never acts against response teams and sharing partners.",
        "They are the ones who help.",
    ),
    line(
        "RL04",
        Lifts::Two,
        "On medical and process-control machines it never acts alone.",
        "There, a wrong act can harm people. Machines whose kind nobody stated count as such in \
         clinics and utilities.",
    ),
    line(
        "RL05",
        Lifts::Nothing,
        "It never blocks what everybody needs: name servers, time, \
        updates, your own gateway, emergency services.",
        "Being cut off is the damage.",
    ),
    line(
        "RL06",
        Lifts::Two,
        "What cannot be taken back needs two different people.",
        "Nobody should be able to make such a mistake alone.",
    ),
    line(
        "RL07",
        Lifts::Nothing,
        "It changes nothing that it has not tried on a copy and taken \
        back there.",
        "A repair that breaks the machine is no repair.",
    ),
    line(
        "RL08",
        Lifts::One,
        "By itself it reaches few machines and acts rarely: at most 5 % of \
        them, at most 25 targets, at most 50 acts an hour.",
        "A mistake must stay small.",
    ),
    line(
        "RL09",
        Lifts::Nothing,
        "Containment ends by itself after at most 24 hours.",
        "What was done in a hurry must not stay for ever.",
    ),
    line(
        "RL10",
        Lifts::Nothing,
        "What people would notice needs two kinds of evidence, one of them \
        seen on the machine itself.",
        "Shared warnings can be wrong, or planted.",
    ),
    line(
        "RL11",
        Lifts::One,
        "A plan with a part that an attacker could have written goes to a \
        person.",
        "Text in a log is not an order.",
    ),
    line(
        "RL12",
        Lifts::Nothing,
        "What cannot be recorded is not done.",
        "You must be able to see afterwards what happened.",
    ),
    line(
        "RL13",
        Lifts::Nothing,
        "The stop switch stops everything but taking things back.",
        "There must be one thing that always works.",
    ),
    line(
        "RL14",
        Lifts::Two,
        "It does not change its own rules, keys, record or updates.",
        "Otherwise whoever takes it over could free it.",
    ),
    line(
        "RL15",
        Lifts::One,
        "Evidence is kept before anything is stopped, moved or deleted.",
        "Without it nobody can find out what happened.",
    ),
    line(
        "RL16",
        Lifts::Nothing,
        "Nothing is shared that names people or your machines, or beyond \
        what its marking allows.",
        "Helping others must not expose you.",
    ),
    line(
        "RL17",
        Lifts::Nothing,
        "It does not watch people: nothing about belief, health or mood.",
        "It protects the people who work here.",
    ),
    line(
        "RL18",
        Lifts::Nothing,
        "No raw data leaves the site unless you chose that.",
        "It is yours.",
    ),
    line(
        "RL19",
        Lifts::Nothing,
        "It loads no model and no rules that are not signed or pinned by \
        you.",
        "What it learns from must not come from an attacker.",
    ),
    line(
        "RL20",
        Lifts::Nothing,
        "Legal notices are drafted, never sent.",
        "That is for you to decide.",
    ),
];

#[cfg(test)]
mod tests {
    use norms::policy::POLICIES;

    use super::*;

    #[test]
    fn the_list_has_exactly_the_red_lines_of_the_norms() {
        let ours: Vec<String> = RED_LINES.iter().map(|line| line.id.to_lowercase()).collect();
        let theirs: Vec<String> = POLICIES
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .filter(|name| name.starts_with("rl"))
            .collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn what_lifts_a_line_is_what_its_policy_says() {
        for line in &RED_LINES {
            let name = line.id.to_lowercase();
            let (_, text) = POLICIES.iter().find(|(policy, _)| *policy == name).unwrap();
            let lifted = |grade: &str| text.contains(&format!("@lifts(\"{grade}\")"));
            let expected = match line.lifts {
                Lifts::Nothing => lifted("H"),
                Lifts::One => lifted("G1"),
                Lifts::Two => lifted("G2"),
            };
            assert!(expected, "{}", line.id);
        }
    }
}
