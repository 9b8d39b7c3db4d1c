//! XML: PMML, OpenVINO and others.
//!
//! Reported are declared entities, which make careless readers open files and addresses (XXE),
//! scripts and commands in it, and layers of OpenVINO that ask for native libraries.

use crate::bytes::read_up_to;
use crate::fact::{Fact, Facts, shorten};
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "xml",
    title: "XML document",
    family: "text",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let head = probe.head().strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(probe.head());
    let head = head.trim_ascii_start();
    let wide = probe.starts(&[0xff, 0xfe, b'<', 0]) || probe.starts(&[0xfe, 0xff, 0, b'<']);
    let is = head.starts_with(b"<?xml")
        || head.starts_with(b"<PMML")
        || head.starts_with(b"<net ")
        || head.starts_with(b"<!DOCTYPE") && !head.starts_with(b"<!DOCTYPE html");
    (is || wide).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    const STEP: usize = 256 << 10;
    let mut at = 0;
    while at < item.bytes.size().min(256 << 20) {
        let Ok(raw) = read_up_to(item.bytes, at, STEP + 512) else { return };
        // In two bytes a letter the other one is zero: it hides nothing.
        let window: Vec<u8> = raw.iter().copied().filter(|byte| *byte != 0).collect();
        if let Some(place) = memchr::memmem::find(&window, b"<!ENTITY") {
            let text = window.get(place..).unwrap_or_default();
            let text: String = String::from_utf8_lossy(text).chars().take(120).collect();
            facts.odd(at, "xml.entity", shorten(&text));
        }
        for mark in [b"<script".as_slice(), b"<Script", b"<SCRIPT"] {
            if let Some(place) = memchr::memmem::find(&window, mark) {
                let text = window.get(place..).unwrap_or_default();
                let text: String = String::from_utf8_lossy(text).chars().take(300).collect();
                facts.at(at, Fact::Text { key: "script".to_owned(), text });
            }
        }
        for mark in [b".so\"".as_slice(), b".dll\"", b"library=\""] {
            if let Some(place) = memchr::memmem::find(&window, mark) {
                let start =
                    window.get(..place).and_then(|head| head.iter().rposition(|b| *b == b'<'));
                let text = window.get(start.unwrap_or(place)..).unwrap_or_default();
                let name: String = String::from_utf8_lossy(text).chars().take(80).collect();
                facts.at(at, Fact::Operator { family: "plugin", name, detail: String::new() });
            }
        }
        if raw.len() <= STEP {
            break;
        }
        at += STEP as u64;
    }
    search(item, facts);
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"<?xml version='1.0'?><PMML version='4.4'><Header/></PMML>".to_vec(),
            b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><PMML>&x;</PMML>".to_vec(),
        ]
    }

    #[test]
    fn entities_scripts_and_libraries_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.pmml", good).verdict, Verdict::NothingFound);
        assert_eq!(vet("m.pmml", bad).verdict, Verdict::Malicious);
        let script = b"<?xml version='1.0'?><PMML><Extension><script>x</script></Extension></PMML>";
        assert!(vet("m.pmml", &script.to_vec()).verdict.is_flagged());
    }
}
