//! Drafts of legal notices, filled with what ringfort knows and with blanks for what it does not.
//! They are text for a person to finish and send; ringfort sends none (red line RL20), and no
//! lawyer has checked the wording.

use std::fmt::Write as _;

use serde::Serialize;
use spine::Case;

use super::timeline::{Source, Timeline};
use crate::look::foreign::plain;
use crate::look::words;

const HOUR_MS: i64 = 3_600_000;
/// Lines of what happened and of what was done that a draft holds.
const LINES_MAX: usize = 12;
/// The mark of every draft.
pub const MARK: &str = "DRAFT. NOT SENT. ringfort never sends notices; a person finishes, checks and \
    sends them. No lawyer has checked this text.";

/// One draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// Its id, such as `gdpr-33`.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// To whom it goes.
    pub to: &'static str,
    /// When it would be due if the moment of awareness were when ringfort showed the case first,
    /// milliseconds since the Unix epoch; `None` where the instrument names no hours.
    pub due_ms: Option<i64>,
    /// The text. Every line that begins with `[` is a blank.
    pub text: String,
}

/// Something that a person must fill in.
fn blank(what: &str) -> String {
    format!("[to fill in: {what}]")
}

struct Facts<'a> {
    case: &'a Case,
    machine: String,
    happened: Vec<String>,
    done: Vec<String>,
    first_ms: i64,
}

impl<'a> Facts<'a> {
    fn of(case: &'a Case, machine: Option<&str>, timeline: &Timeline) -> Self {
        let line = |line: &super::timeline::Line| {
            format!("{}  {}", words::time(line.time_ms), plain(&line.text))
        };
        let of = |source: Source| timeline.lines.iter().filter(move |line| line.source == source);
        let mut happened: Vec<String> = of(Source::Logs).take(LINES_MAX).map(line).collect();
        happened.extend(case.explanation.iter().take(LINES_MAX).map(|why| plain(why)));
        let done = of(Source::Record).filter(|line| line.text.contains("done"));
        Self {
            case,
            machine: machine.map_or_else(|| blank("which machine"), plain),
            happened,
            done: done.take(LINES_MAX).map(line).collect(),
            first_ms: timeline.lines.first().map_or(case.created_ms, |line| line.time_ms),
        }
    }

    fn list(lines: &[String], none: &str) -> String {
        if lines.is_empty() {
            return format!("  - {none}\n");
        }
        let mut told = String::new();
        for line in lines {
            let _ = writeln!(told, "  - {line}");
        }
        told
    }

    fn aware(&self) -> String {
        format!(
            "ringfort showed it first at {}.\n{}",
            words::time(self.case.created_ms),
            blank("when you became aware of it; hours are counted from then")
        )
    }

    fn nature(&self) -> String {
        let first = words::time(self.first_ms);
        let title = plain(&self.case.title);
        let happened = Self::list(&self.happened, &blank("what happened"));
        format!(
            "{title}\nMachine: {}\nThe first sign that was seen: {first}\n{happened}",
            self.machine
        )
    }

    fn measures(&self) -> String {
        let done = Self::list(&self.done, "Nothing was done through ringfort so far.");
        format!(
            "Done through ringfort, from its tamper-evident record:\n{done}{}\n{}\n",
            blank("what was done beside"),
            blank("what is planned")
        )
    }
}

/// The drafts for a case.
pub fn drafts(case: &Case, machine: Option<&str>, timeline: &Timeline) -> Vec<Draft> {
    let facts = Facts::of(case, machine, timeline);
    let due = |hours: i64| Some(case.created_ms.saturating_add(hours * HOUR_MS));
    vec![
        Draft {
            id: "gdpr-33",
            title: "Notice of a personal data breach to the supervisory authority (GDPR, Article 33)",
            to: "your data protection authority",
            due_ms: due(72),
            text: to_authority(&facts),
        },
        Draft {
            id: "gdpr-34",
            title: "Message to the people concerned (GDPR, Article 34)",
            to: "the people whose data is concerned, if the risk to them is high",
            due_ms: None,
            text: to_people(&facts),
        },
        Draft {
            id: "nis2-24h",
            title: "Early warning (NIS2, within 24 hours)",
            to: "your CSIRT or competent authority, if you are an essential or important entity",
            due_ms: due(24),
            text: early_warning(&facts),
        },
        Draft {
            id: "nis2-72h",
            title: "Incident notification (NIS2, within 72 hours)",
            to: "your CSIRT or competent authority, if you are an essential or important entity",
            due_ms: due(72),
            text: notification(&facts),
        },
    ]
}

fn to_authority(facts: &Facts<'_>) -> String {
    format!(
        "{MARK}\n\n\
         Who notifies\n{}\n{}\n\n\
         When it happened and when it became known\n{}\n{}\n\n\
         What happened\n{}{}\n\n\
         Whose data, and how much\n{}\n{}\n{}\n{}\n\n\
         What it may lead to for these people\n{}\n\n\
         What was done and is planned\n{}\n\
         Are the people told? If not, why not\n{}\n\n\
         What is not known yet follows as soon as it is: notices may be given in parts.\n",
        blank("name and address of the controller"),
        blank("name, telephone and mail of the data protection officer or another contact"),
        facts.aware(),
        blank("if more than 72 hours have passed since: why"),
        facts.nature(),
        blank("whether personal data was read, changed, lost or locked, and how you know"),
        blank("which kinds of people: patients, pupils, customers, employees"),
        blank("about how many people"),
        blank("which kinds of records"),
        blank("about how many records"),
        blank("such as loss of secrecy, wrong treatment, fraud, or none that is likely and why"),
        facts.measures(),
        blank("yes, when and how; or the reason"),
    )
}

fn to_people(facts: &Facts<'_>) -> String {
    format!(
        "{MARK}\n\n\
         Dear {}\n\n\
         Something happened to data about you that we keep. {}\n\n\
         What happened, in plain words: {}\n\
         It was first seen on {}.\n\n\
         What it may mean for you: {}\n\n\
         What we did and do: {}\n\n\
         What you can do: {}\n\n\
         Whom you can ask: {}\n",
        blank("name, or how you address them"),
        blank("which data"),
        blank("no names of machines or programs; what was taken, changed or lost"),
        words::time(facts.first_ms),
        blank("the likely consequences, honestly"),
        blank("measures that concern these people"),
        blank("such as changing a password, watching an account, calling you back"),
        blank("name, telephone and mail of the data protection officer or another contact"),
    )
}

fn early_warning(facts: &Facts<'_>) -> String {
    format!(
        "{MARK}\n\n\
         Who warns\n{}\n\n\
         When it became known\n{}\n\n\
         What is known so far\n{}\n\
         Is it thought to come from unlawful or malicious acts?\n{}\n\n\
         May it reach across borders?\n{}\n\n\
         Is help wanted?\n{}\n",
        blank("name and sector of the entity, contact for questions at any hour"),
        facts.aware(),
        facts.nature(),
        blank("yes, no, not known yet"),
        blank("yes and where; no; not known yet"),
        blank("yes and for what; no"),
    )
}

fn notification(facts: &Facts<'_>) -> String {
    let ids: Vec<String> = facts.case.ids.iter().take(LINES_MAX).map(|id| plain(id)).collect();
    format!(
        "{MARK}\n\n\
         Who notifies, and which early warning this follows\n{}\n\n\
         When it became known\n{}\n\n\
         What changed since the early warning\n{}\n{}\n\
         How severe it is, and what it reaches: a first assessment\n\
         ringfort's own urgency: {}\n{}\n{}\n\n\
         Signs of compromise and public ids\n{}\
         The evidence bundle of the case holds the log lines with their hashes.\n\n\
         What was done and is planned\n{}\n\
         A final report follows within one month.\n",
        blank("name and sector of the entity, number of the early warning"),
        facts.aware(),
        facts.nature(),
        blank("corrections of the early warning"),
        words::when_long(facts.case.priority),
        blank("which services do not work, for whom, since when"),
        blank("how many people are concerned"),
        Facts::list(&ids, "none are known"),
        facts.measures(),
    )
}

#[cfg(test)]
mod tests {
    use spine::{CaseState, Digest, HostId, Priority};

    use super::super::timeline::Line;
    use super::*;

    fn case() -> Case {
        let host = HostId(Digest([1; 32]));
        Case {
            id: Case::identity(host, "behaviour", "x").unwrap(),
            host,
            kind: "behaviour".into(),
            subject: "x".into(),
            title: "Passwords are read on desk\u{202e}".into(),
            priority: Priority::Immediate,
            state: CaseState::Open,
            owner: None,
            findings: vec![],
            ids: vec!["T1003".into()],
            explanation: vec!["One in a million.".into()],
            created_ms: 10 * HOUR_MS,
            updated_ms: 0,
        }
    }

    fn timeline() -> Timeline {
        let line = |time_ms, source, text: &str| Line { time_ms, source, text: text.into() };
        Timeline {
            lines: vec![
                line(HOUR_MS, Source::Logs, "desk: rule match"),
                line(
                    11 * HOUR_MS,
                    Source::Record,
                    "plan ab: done, 192.0.2.7 is blocked (receipt 7)",
                ),
            ],
            missing: vec![],
        }
    }

    #[test]
    fn every_draft_is_marked_and_has_blanks_for_what_ringfort_cannot_know() {
        for draft in drafts(&case(), Some("desk"), &timeline()) {
            assert!(draft.text.starts_with("DRAFT. NOT SENT."), "{}", draft.id);
            assert!(draft.text.matches("[to fill in: ").count() >= 5, "{}", draft.text);
            assert!(!draft.text.contains('\u{202e}'), "{}", draft.id);
        }
    }

    #[test]
    fn what_is_known_is_filled_in_from_the_case_and_the_record() {
        let drafts = drafts(&case(), Some("desk"), &timeline());
        let [authority, people, early, later] = drafts.as_slice() else { panic!("four drafts") };
        assert!(authority.text.contains("192.0.2.7 is blocked (receipt 7)"));
        assert!(authority.text.contains("The first sign that was seen: 1970-01-01 01:00 UTC"));
        assert_eq!((authority.due_ms, early.due_ms), (Some(82 * HOUR_MS), Some(34 * HOUR_MS)));
        assert!(later.text.contains("  - T1003\n"));
        assert!(people.due_ms.is_none() && !people.text.contains("desk"), "people need no machine");
        let nothing = super::drafts(&case(), None, &Timeline::default());
        assert!(nothing[0].text.contains("Nothing was done through ringfort so far."));
    }
}
