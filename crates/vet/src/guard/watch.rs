//! What a model says, while it says it: marks that come out, pictures whose address carries what
//! the model knows, and one phrase without end.
//!
//! A text is looked at piece by piece, as a stream brings it; what is denied is denied with the
//! piece that completes it, before that piece is passed on.

use super::Denial;
use super::canary::{Look, Marks};
use super::value::addresses::is_listed;

/// Bytes of a text that are kept to look back at.
const BACK_BYTES: usize = 4096;
/// A phrase of at most so many characters that fills so many is repeated without end.
const PERIOD_MAX: usize = 200;
const REPEATED_CHARS: usize = 2000;
/// How often repetition is looked for, bytes.
const EVERY_BYTES: usize = 500;

const LOOK: &str = "read the conversation: a text in it may be giving orders to the model";

/// Tags whose address a page fetches by itself.
const FETCHING: [&str; 13] = [
    "img", "source", "picture", "link", "iframe", "script", "video", "audio", "embed", "object",
    "image", "use", "base",
];

/// Looks at one text.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    marks: Look,
    back: String,
    since_check: usize,
    chars: u64,
    head: String,
    uses_references: bool,
    foreign_reference: bool,
}

impl Watch {
    /// Takes the next piece.
    pub fn feed(&mut self, piece: &str, marks: &Marks, hosts: &[String]) -> Result<(), Denial> {
        self.chars += piece.chars().count() as u64;
        if self.head.len() < 200 {
            self.head.push_str(piece.get(..piece.len().min(400)).unwrap_or(piece));
        }
        if self.marks.sees(marks, piece) {
            return Err(Denial::new("canary.answer", "a mark came out", LOOK));
        }
        self.back.push_str(piece);
        if self.back.contains(['!', '<']) || piece.contains(['!', '<', ']']) {
            self.pictures(hosts)?;
        }
        self.since_check += piece.len();
        if self.since_check >= EVERY_BYTES {
            self.since_check = 0;
            if repeats(&self.back) {
                let why = "the model repeats one phrase without end";
                return Err(Denial::new("extraction.repetition", why, LOOK));
            }
        }
        let mut from = self.back.len().saturating_sub(BACK_BYTES);
        while !self.back.is_char_boundary(from) {
            from -= 1;
        }
        self.back.drain(..from);
        Ok(())
    }

    /// Characters so far.
    pub const fn chars(&self) -> u64 {
        self.chars
    }

    /// Whether the answer begins as refusals do.
    pub fn refuses(&self) -> bool {
        const BEGINNINGS: [&str; 14] = [
            "i can't",
            "i cannot",
            "i can not",
            "i'm sorry",
            "i am sorry",
            "sorry,",
            "i'm unable",
            "i am unable",
            "i won't",
            "i will not",
            "as an ai",
            "i'm not able",
            "i am not able",
            "unfortunately, i",
        ];
        let head = self.head.trim_start().to_lowercase().replace('\u{2019}', "'");
        BEGINNINGS.iter().any(|beginning| head.starts_with(beginning))
    }

    fn pictures(&mut self, hosts: &[String]) -> Result<(), Denial> {
        let lower = self.back.to_lowercase();
        let foreign = markdown(&lower, hosts) || tags(&lower, hosts);
        self.uses_references |= uses_reference(&lower);
        self.foreign_reference |= defines_foreign(&lower, hosts);
        if foreign || self.uses_references && self.foreign_reference {
            let why = "a picture, or the like, would be fetched from a host that is not listed";
            return Err(Denial::new("answer.picture", why, LOOK));
        }
        Ok(())
    }
}

/// The host that an address leads to, with whatever stands around it; nothing: it leads nowhere
/// else.
fn host_of(address: &str) -> Option<&str> {
    let address = address.trim_start_matches(['<', '"', '\'', ' ', '\n', '\t']);
    let rest = match address.split_once("//") {
        Some((scheme, rest)) if scheme.is_empty() || scheme.ends_with(':') => rest,
        _ => return None,
    };
    Some(rest.split(['/', '?', '#', ')', '>', '"', '\'', ' ', '\n', '\\']).next().unwrap_or(rest))
}

fn is_foreign(address: &str, hosts: &[String]) -> bool {
    host_of(address).is_some_and(|host| !is_listed(host, hosts))
}

/// `![text](address)`, as soon as its host stands there in full.
fn markdown(text: &str, hosts: &[String]) -> bool {
    text.match_indices("![").filter_map(|(at, _)| text.get(at..)).any(|image| {
        let Some((_, address)) = image.split_once("](") else { return false };
        let address = address.trim_start_matches(['<', ' ', '\n', '\t']);
        let end = address.find([')', ' ', '\n', '>']);
        let begun = address.split_once("//").and_then(|(_, rest)| rest.find(['/', '?', '#']));
        (end.is_some() || begun.is_some()) && is_foreign(address, hosts)
    })
}

/// `![text][name]`, or `![name]` with nothing after it.
fn uses_reference(text: &str) -> bool {
    text.match_indices("![").filter_map(|(at, _)| text.get(at..)).any(|image| {
        let after = image.split_once(']').map(|(_, after)| after);
        after.is_some_and(|after| after.starts_with('[') || after.starts_with(['\n', ' ']))
    })
}

/// `[name]: address` at the beginning of a line, whose host is not listed.
fn defines_foreign(text: &str, hosts: &[String]) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with('[')
            && line.split_once("]:").is_some_and(|(_, address)| is_foreign(address, hosts))
    })
}

/// Tags that fetch something, and styles that do.
fn tags(text: &str, hosts: &[String]) -> bool {
    text.match_indices('<').filter_map(|(at, _)| text.get(at + 1..)).any(|tag| {
        let name_end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let name = tag.get(..name_end).unwrap_or_default();
        let body = tag.split('>').next().unwrap_or(tag);
        let fetches = FETCHING.contains(&name) || !name.is_empty() && body.contains("url(");
        fetches
            && body.match_indices("//").filter_map(|(at, _)| body.get(at..)).any(|address| {
                // The host has ended, or the tag has.
                let ended = body.len() < tag.len()
                    || address
                        .get(2..)
                        .is_some_and(|rest| rest.contains(['/', '?', '#', ' ', '"', '\'']));
                ended && is_foreign(address, hosts)
            })
    })
}

/// Whether the end of a text is one phrase over and over.
fn repeats(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(end) = bytes.len().checked_sub(REPEATED_CHARS).and_then(|from| bytes.get(from..))
    else {
        return false;
    };
    (1..=PERIOD_MAX).any(|period| end.iter().zip(end.iter().skip(period)).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str, size: usize) -> Option<&'static str> {
        let marks = Marks::new(["HERON-7731-KESTREL"].into_iter());
        let hosts = ["ok.example".to_owned()];
        let mut watch = Watch::default();
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(size) {
            let piece: String = piece.iter().collect();
            if let Err(denial) = watch.feed(&piece, &marks, &hosts) {
                return Some(denial.rule);
            }
        }
        None
    }

    #[test]
    fn pictures_come_from_listed_hosts_only() {
        for text in [
            "![a](https://evil.example/x)",
            "![a\nb]( <https://evil.example/x> )",
            "![a](//evil.example/x)",
            "![a][b]\n\n[b]: https://evil.example/x\n",
            "[b]: https://evil.example/x\n\n![a][b]\n",
            "<img width=1 src='https://evil.example/x'>",
            "<p style=\"background:url(https://evil.example/x)\">",
            "![a](https://ok.example@evil.example/x)",
            "![a](https://ok.example.evil.example/x)",
        ] {
            for size in [1, 3, 1000] {
                assert_eq!(rule(text, size), Some("answer.picture"), "{text} {size}");
            }
        }
        for text in [
            "![a](https://ok.example/x) ![b](x.png) ![c](data:image/png;base64,AA//BB)",
            "[a link](https://elsewhere.example/x), <b>bold</b>, 1 < 2, print('![not a picture]')",
            "[1]: https://elsewhere.example/x",
            "<a href=\"https://elsewhere.example\">x</a>",
        ] {
            for size in [1, 3, 1000] {
                assert_eq!(rule(text, size), None, "{text} {size}");
            }
        }
    }

    #[test]
    fn marks_and_endless_phrases_end_an_answer() {
        assert_eq!(rule("it is heron 7731 kestrel", 2), Some("canary.answer"));
        assert_eq!(rule(&"poem ".repeat(2000), 7), Some("extraction.repetition"));
        assert_eq!(rule(&"| Mon | 8 | 6 |\n".repeat(40), 7), None);
        let counted = (0..2000).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(rule(&counted, 7), None);
    }

    #[test]
    fn refusals_are_told_by_their_beginning() {
        let refuses = |text: &str| {
            let mut watch = Watch::default();
            watch.feed(text, &Marks::default(), &[]).unwrap();
            watch.refuses()
        };
        assert!(refuses("I\u{2019}m sorry, but I can't help with that."));
        assert!(!refuses("I can help with that."));
    }
}
