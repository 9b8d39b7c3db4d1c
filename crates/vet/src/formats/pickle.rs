//! Pickle: Python's own serialisation, also as PyTorch's older files, joblib, dill and cloudpickle.
//!
//! A pickle is a program: loading it imports what it names and calls what it says. ringfort follows
//! that program on paper, through every pickle in the file, in bytes and texts inside it, and
//! behind its end, and reports what would be imported and called with which arguments. It never
//! unpickles.
//!
//! What it cannot tell: whether a class of a package that only you have does harm when an object
//! of it is made.

use crate::bytes::Feed;
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::pickle::{looks_like_pickle, read_bytes, read_stream};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "pickle",
    title: "Python pickle",
    family: "pickle",
    wants,
    read,
    stream: Some(stream),
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    if !looks_like_pickle(probe.head()) {
        return None;
    }
    Some(if probe.starts(&[0x80]) { Claim::Magic } else { Claim::Structure })
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    read_bytes(item.bytes, facts);
    programs_behind(item, facts);
}

fn stream(feed: &mut Feed<'_>, facts: &mut Facts) {
    read_stream(feed, facts);
}

/// A program glued to a pickle: its marks stand where only rubbish or weights should be.
fn programs_behind(item: &Item<'_>, facts: &mut Facts) {
    const STEP: usize = 256 << 10;
    const DOS: &[u8] = b"This program cannot be run in DOS mode";
    let size = item.bytes.size().min(crate::limits::PICKLE_TRAILER_BYTES);
    let mut at = 0;
    while at < size {
        let Ok(window) = crate::bytes::read_up_to(item.bytes, at, STEP + 64) else { return };
        if let Some(place) = memchr::memmem::find(&window, DOS) {
            return facts.at(at + place as u64, Fact::Program { kind: "PE" });
        }
        let elf = memchr::memmem::find_iter(&window, b"\x7fELF").find(|place| {
            window
                .get(*place..)
                .is_some_and(|rest| crate::pickle::looks_like_program(rest).is_some())
        });
        if let Some(place) = elf {
            return facts.at(at + place as u64, Fact::Program { kind: "ELF" });
        }
        if window.len() <= STEP {
            return;
        }
        at += STEP as u64;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"(lp0\nI1\naI2\na.".to_vec(),
            reduce("os", "system", "id"),
            b"\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93\x8c\x02id\x85R.".to_vec(),
            b"c__builtin__\ngetattr\n(cimportlib\nimport_module\n(Vos\ntRVsystem\ntR(Vid\ntR."
                .to_vec(),
            b"\x80\x02ccollections\nOrderedDict\n)R}(X\x01\x00\x00\x00aK\x01ub.".to_vec(),
        ]
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        vet("x.pkl", &bytes.to_vec()).verdict
    }

    #[test]
    fn running_a_command_is_malicious_and_plain_data_is_nothing() {
        assert_eq!(verdict(&reduce("os", "system", "id")), Verdict::Malicious);
        assert_eq!(verdict(b"\x80\x02]q\x00(K\x01K\x02e."), Verdict::NothingFound);
    }

    #[test]
    fn a_state_dict_is_nothing() {
        let bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.";
        assert_eq!(verdict(bytes), Verdict::NothingFound);
    }

    #[test]
    fn a_function_that_nobody_knows_is_suspicious_when_called() {
        assert_eq!(verdict(&reduce("somebody", "helper", "x")), Verdict::Suspicious);
    }

    #[test]
    fn a_file_that_is_cut_short_is_unknown() {
        assert_eq!(verdict(b"\x80\x02]q\x00(K\x01K\x02"), Verdict::Unknown);
    }
}
