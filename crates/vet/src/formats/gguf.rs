//! GGUF: llama.cpp's model files. The chat templates in them are rendered by whoever runs them.
//!
//! Templates are judged as templates, texts of the metadata are searched for commands, keys for
//! paths that lead out. Counts and lengths that no honest file has are reported: they have broken
//! readers before.

use crate::bytes::Feed;
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::VALUES_MAX;
use crate::policy::{template, text};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "gguf",
    title: "GGUF",
    family: "gguf",
    wants,
    read,
    stream: Some(stream),
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// The longest text that is kept, bytes.
const TEXT_MAX: u64 = 4 << 20;

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"GGUF").then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    stream(&mut Feed::of(item.bytes), facts);
}

fn stream(feed: &mut Feed<'_>, facts: &mut Facts) {
    if header(feed, facts).is_none() {
        facts.odd(feed.offset(), "header.broken", "the metadata is cut short or broken");
    }
}

fn header(feed: &mut Feed<'_>, facts: &mut Facts) -> Option<()> {
    feed.skip(4)?;
    let version = u32::from_le_bytes(feed.array()?);
    if version == 0 || version > 16 {
        facts.odd(4, "header.broken", format!("version {version}"));
        return Some(());
    }
    let wide = version > 1;
    let tensors = count(feed, wide)?;
    let pairs = count(feed, wide)?;
    if tensors > 1 << 24 || pairs > 1 << 24 {
        facts.odd(8, "structure.absurd", format!("{tensors} tensors and {pairs} keys"));
        return Some(());
    }
    for _ in 0..pairs {
        let key = string(feed, wide, facts)?;
        let kind = u32::from_le_bytes(feed.array()?);
        if text::judge(&key, "").is_some() {
            facts.at(feed.offset(), Fact::Text { key: key.clone(), text: String::new() });
        }
        value(feed, wide, kind, &key, 0, facts)?;
    }
    for _ in 0..tensors {
        let name = string(feed, wide, facts)?;
        let dimensions = u32::from_le_bytes(feed.array()?);
        if dimensions > 16 {
            let detail = format!("tensor `{name}` with {dimensions} dimensions");
            facts.odd(feed.offset(), "structure.absurd", detail);
            return Some(());
        }
        feed.skip(u64::from(dimensions) * if wide { 8 } else { 4 } + 4 + 8)?;
    }
    Some(())
}

fn count(feed: &mut Feed<'_>, wide: bool) -> Option<u64> {
    if wide {
        Some(u64::from_le_bytes(feed.array()?))
    } else {
        Some(u64::from(u32::from_le_bytes(feed.array()?)))
    }
}

/// A text; `None` also for one that is absurdly long, which is said.
fn string(feed: &mut Feed<'_>, wide: bool, facts: &mut Facts) -> Option<String> {
    let length = count(feed, wide)?;
    if length > TEXT_MAX {
        facts.odd(feed.offset(), "structure.absurd", format!("a text of {length} bytes"));
        return None;
    }
    let bytes = feed.slice(usize::try_from(length).ok()?)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

fn value(
    feed: &mut Feed<'_>,
    wide: bool,
    kind: u32,
    key: &str,
    depth: u32,
    facts: &mut Facts,
) -> Option<()> {
    match kind {
        0 | 1 | 7 => feed.skip(1),
        2 | 3 => feed.skip(2),
        4..=6 => feed.skip(4),
        10..=12 => feed.skip(8),
        8 => {
            let at = feed.offset();
            let text = string(feed, wide, facts)?;
            note(at, key, text, depth, facts);
            Some(())
        }
        9 if depth < 4 => {
            let kind = u32::from_le_bytes(feed.array()?);
            let items = count(feed, wide)?;
            let size = match kind {
                0 | 1 | 7 => Some(1),
                2 | 3 => Some(2),
                4..=6 => Some(4),
                10..=12 => Some(8),
                _ => None,
            };
            if let Some(size) = size {
                return feed.skip(items.checked_mul(size)?);
            }
            if items > VALUES_MAX as u64 {
                facts.odd(feed.offset(), "structure.absurd", format!("`{key}` has {items} items"));
                return None;
            }
            for _ in 0..items {
                value(feed, wide, kind, key, depth + 1, facts)?;
            }
            Some(())
        }
        _ => None,
    }
}

fn note(at: u64, key: &str, text: String, depth: u32, facts: &mut Facts) {
    // The words of a vocabulary are not texts for anybody to run.
    if depth > 0 && key.starts_with("tokenizer.ggml.") {
        return;
    }
    if key.contains("template") || template::is_template(&text) && text.len() > 16 {
        facts.at(at, Fact::Template { key: key.to_owned(), text });
    } else if text::judge(key, &text).is_some() {
        facts.at(at, Fact::Text { key: key.to_owned(), text });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    fn file(key: &str, text: &str) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend(0_u64.to_le_bytes());
        out.extend(1_u64.to_le_bytes());
        out.extend((key.len() as u64).to_le_bytes());
        out.extend(key.as_bytes());
        out.extend(8_u32.to_le_bytes());
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![file("tokenizer.chat_template", "{{ ''.__class__ }}"), file("general.name", "a model")]
    }

    fn verdict(key: &str, text: &str) -> Verdict {
        vet("m.gguf", &file(key, text)).verdict
    }

    #[test]
    fn templates_keys_and_texts_are_judged() {
        assert_eq!(verdict("tokenizer.chat_template", "{{ ''.__class__ }}"), Verdict::Malicious);
        assert_eq!(verdict("tokenizer.chat_template", "{{ messages }}"), Verdict::NothingFound);
        assert_eq!(verdict("../../etc/passwd", "root"), Verdict::Suspicious);
        assert_eq!(verdict("command", "rm -rf /"), Verdict::Suspicious);
    }

    #[test]
    fn absurd_counts_are_said_and_not_followed() {
        let mut bytes = file("a", "b");
        bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(vet("m.gguf", &bytes).verdict, Verdict::Suspicious);
    }
}
