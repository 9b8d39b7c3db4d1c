//! HDF5: Keras' older models and weights.
//!
//! A Keras model keeps its configuration as one text in the file. It is found wherever it lies,
//! without following the file's own tables, which a hostile file can bend, and read as a Keras
//! configuration is. Links to other files are reported.

use crate::bytes::{Walk, read_up_to};
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::keras;
use crate::policy::rules::escapes;

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

const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
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
        external(at, &window, facts);
        if window.len() <= STEP {
            break;
        }
        at += STEP as u64;
    }
    if item.bytes.size() > end {
        facts.unread("the file is longer than what is searched");
    }
}

/// External links name a file and an object in it, one after the other behind a flag byte.
fn external(at: u64, window: &[u8], facts: &mut Facts) {
    for place in memchr::memmem::find_iter(window, b".h5\0/") {
        let start = window
            .get(..place)
            .and_then(|head| head.iter().rposition(|byte| !(0x20..0x7f).contains(byte)))
            .map_or(0, |before| before + 1);
        let name = window.get(start..place + 3).unwrap_or_default();
        let path = String::from_utf8_lossy(name).into_owned();
        if escapes(&path) {
            facts.at(at + start as u64, Fact::Path { role: PathRole::ExternalData, path });
        }
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

    fn file(config: &str) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([0; 100]);
        out.extend(config.as_bytes());
        out.extend([0; 20]);
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            file(r#"{"class_name": "Sequential", "config": {"layers": []}}"#),
            file(
                r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda"}]}}"#,
            ),
        ]
    }

    #[test]
    fn a_lambda_layer_is_found_wherever_the_configuration_lies() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.h5", good).verdict, Verdict::NothingFound);
        assert_eq!(vet("m.h5", bad).verdict, Verdict::Malicious);
    }
}
