//! HDF5: Keras' older models and weights, and tables of pandas and PyTables.
//!
//! The file's own tables are followed to every object. A Keras model keeps its configuration as a
//! text attribute, which is read as one. Attributes in which PyTables keeps pickled objects are
//! read as pickles. Links and data that lie in other files are reported, and the filters that data
//! passes. Where the tables are broken, that is said, and configurations are looked for wherever
//! they lie.

use crate::bytes::{Walk, read_up_to};
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe, is_text};
use crate::hdf5::{self, Attribute, File, Seen, file::MAGIC};
use crate::keras;
use crate::pickle::looks_like_pickle;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "hdf5",
    title: "HDF5",
    family: "hdf5",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// The most configurations that are read of one file.
const CONFIGS_MAX: u32 = 64;
/// How much of a file is searched, bytes. Attributes stand at the beginning, or where they were
/// added.
const SEARCHED_MAX: u64 = 4 << 30;

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    // A user block of 512, 1024 ... bytes may stand before it.
    let at_block = [0, 512, 1024, 2048].iter().any(|at| probe.has_at(*at, MAGIC));
    at_block.then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let Some(file) = File::open(item.bytes) else {
        facts.odd(0, "header.broken", "the superblock");
        return search(item, facts);
    };
    let outcome = hdf5::walk(&file, &mut |seen| note(seen, facts));
    if let Err(why) = outcome {
        facts.odd(0, "header.broken", why);
        search(item, facts);
    }
}

fn note(seen: Seen, facts: &mut Facts) {
    let external = |path| Fact::Path { role: PathRole::ExternalData, path };
    match seen {
        Seen::Attribute(_, attribute) => of_attribute(attribute, facts),
        Seen::Text(path, text) => of_text(&path, &text, facts),
        Seen::External(_, file) | Seen::ExternalData(_, file) | Seen::Virtual(_, file) => {
            facts.note(external(file));
        }
        Seen::Filter(number, name) => {
            // From 256 on, a filter is a library that is loaded when the data is read.
            if number >= 256 {
                let key = "hdf5.filter".to_owned();
                facts.note(Fact::Setting { key, value: format!("{number} {name}") });
            }
        }
    }
}

fn of_attribute(attribute: Attribute, facts: &mut Facts) {
    let Attribute { name, value } = attribute;
    let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let value = value.get(..end).unwrap_or_default();
    if value.len() >= 4 && looks_like_pickle(value) {
        return facts.nested(&format!("attribute {name}"), &value.to_vec());
    }
    if is_text(value) {
        of_text(&name, &String::from_utf8_lossy(value), facts);
    }
}

fn of_text(name: &str, text: &str, facts: &mut Facts) {
    let trimmed = text.trim_start();
    if trimmed.starts_with('{') || trimmed.starts_with('[') {
        if let Err(why) = keras::config(trimmed.as_bytes(), facts) {
            facts.odd(0, "json.broken", format!("{name}: {why}"));
        }
    } else {
        facts.note(Fact::Text { key: name.to_owned(), text: text.to_owned() });
    }
}

/// Looks for configurations wherever they lie.
fn search(item: &Item<'_>, facts: &mut Facts) {
    const STEP: usize = 256 << 10;
    const MARKS: &[&[u8]] = &[
        b"{\"class_name\"",
        b"{\"module\"",
        b"{\"config\"",
        b"{\"backend\"",
        b"{\"name\"",
        b"{\"layers\"",
    ];
    let end = item.bytes.size().min(SEARCHED_MAX);
    let (mut at, mut from, mut read) = (0_u64, 0_u64, 0);
    while at < end {
        let Ok(window) = read_up_to(item.bytes, at, STEP + 64) else { return };
        for place in memchr::memmem::find_iter(&window, b"{\"") {
            let offset = at + place as u64;
            let rest = window.get(place..).unwrap_or_default();
            if offset < from
                || read >= CONFIGS_MAX
                || !MARKS.iter().any(|mark| rest.starts_with(mark))
            {
                continue;
            }
            let mut source = Counted { inner: Walk::new(item.bytes, offset), read: 0 };
            let before = facts.len();
            // What stands behind the document is not JSON: the walk ends there.
            if keras::config(&mut source, facts).is_ok() {
                read += 1;
                // What lies inside the document was read with it; the stream was asked for up to
                // one buffer more.
                from = offset + source.read.saturating_sub(8 << 10).max(2);
            } else if facts.len() == before {
                from = offset + 1;
            }
        }
        if window.len() <= STEP {
            break;
        }
        at += STEP as u64;
    }
    if item.bytes.size() > end {
        facts.unread("the file is longer than what is searched");
    }
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: std::io::Read> std::io::Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::MAGIC;
    use crate::finding::Verdict;
    use crate::vet;

    fn word(out: &mut Vec<u8>, number: u64) {
        out.extend(number.to_le_bytes());
    }

    /// A message of an object header of version 1.
    fn message(kind: u16, mut body: Vec<u8>) -> Vec<u8> {
        body.resize(body.len().next_multiple_of(8), 0);
        let mut out = kind.to_le_bytes().to_vec();
        out.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
        out.extend([0; 4]);
        out.extend(body);
        out
    }

    /// An attribute of version 1: a text of fixed length.
    fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
        let padded = |bytes: &[u8]| {
            let mut out = bytes.to_vec();
            out.resize(out.len().next_multiple_of(8), 0);
            out
        };
        let mut datatype = vec![0x13, 0, 0, 0];
        datatype.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        let space = [1, 0, 0, 0, 0, 0, 0, 0];
        let name = [name.as_bytes(), &[0]].concat();
        let mut out = vec![1, 0];
        for part in [&name[..], &datatype, &space] {
            out.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
        }
        for part in [&name[..], &datatype, &space, value] {
            out.extend(padded(part));
        }
        message(0x0c, out)
    }

    /// A link message to an object of another file.
    fn external(name: &str, file: &str) -> Vec<u8> {
        let mut out = vec![1, 8, 64, u8::try_from(name.len()).unwrap()];
        out.extend(name.as_bytes());
        let value = [b"\0", file.as_bytes(), b"\0/x\0"].concat();
        out.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        out.extend(value);
        message(0x06, out)
    }

    /// A file whose root has these messages.
    pub(crate) fn file(messages: &[Vec<u8>]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0]);
        for number in [0, u64::MAX, 4_096, u64::MAX, 0, 96] {
            word(&mut out, number);
        }
        out.resize(96, 0);
        let body = messages.concat();
        out.extend([1, 0]);
        out.extend(u16::try_from(messages.len()).unwrap().to_le_bytes());
        out.extend([1, 0, 0, 0]);
        out.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        out.extend([0; 4]);
        out.extend(body);
        out
    }

    fn model(config: &str) -> Vec<u8> {
        file(&[attribute("model_config", config.as_bytes())])
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            model(r#"{"class_name": "Sequential", "config": {"layers": []}}"#),
            model(
                r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda"}]}}"#,
            ),
            file(&[external("weights", "../../secret.h5")]),
            file(&[attribute("meta", b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R.")]),
        ]
    }

    #[test]
    fn a_configuration_is_read_from_its_attribute() {
        let [good, bad, ..] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.h5", good).verdict, Verdict::NothingFound);
        assert_eq!(vet("m.h5", bad).verdict, Verdict::Malicious);
    }

    #[test]
    fn other_files_and_pickled_attributes_are_seen() {
        let [.., link, pickled] = &samples()[..] else { panic!() };
        assert!(vet("m.h5", link).verdict.is_flagged());
        assert_eq!(vet("m.h5", pickled).verdict, Verdict::Malicious);
        let inside = file(&[external("weights", "weights.h5")]);
        assert_eq!(vet("m.h5", &inside).verdict, Verdict::NothingFound);
    }

    #[test]
    fn where_the_tables_are_broken_configurations_are_still_found() {
        let [good, bad, ..] = &samples()[..] else { panic!() };
        let broken = |file: &[u8]| {
            let mut out = file.to_vec();
            out[8] = 9;
            out
        };
        assert_eq!(vet("m.h5", &broken(good)).verdict, Verdict::Unknown);
        assert_eq!(vet("m.h5", &broken(bad)).verdict, Verdict::Malicious);
    }
}
