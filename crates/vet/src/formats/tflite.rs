//! TensorFlow Lite: graphs as flat buffers.
//!
//! Its own operators only compute. Operators of full TensorFlow that a model brings along (`Flex`)
//! may read and write files; those are reported, and texts that hold commands.

use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::HELD_BYTES_MAX;
use crate::policy::operator;
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "tflite",
    title: "TensorFlow Lite",
    family: "tflite",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.has_at(4, b"TFL3").then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    search(item, facts);
    let all = item.all(HELD_BYTES_MAX);
    for at in memchr::memmem::find_iter(&all, b"\0Flex") {
        let rest = all.get(at + 5..).unwrap_or_default();
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(0);
        let name =
            String::from_utf8_lossy(rest.get(..end.min(64)).unwrap_or_default()).into_owned();
        if operator::judge("tensorflow", &name, "").is_some() {
            let detail = "brought along from TensorFlow".to_owned();
            facts.at(at as u64, Fact::Operator { family: "tensorflow", name, detail });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![b"\x1c\0\0\0TFL3\x14\0".to_vec(), b"\x1c\0\0\0TFL3\x14\0FlexWriteFile\0".to_vec()]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.tflite", good).verdict, Verdict::NothingFound);
        assert!(vet("m.tflite", bad).verdict.is_flagged());
    }
}
