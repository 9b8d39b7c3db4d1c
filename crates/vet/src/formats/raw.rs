//! Everything else: weights without a header, and formats that are not known here.
//!
//! No loader that is known runs code out of such a file. It is searched for programs, for pickles
//! at its beginning, and for commands and code in its texts; what was found by that is said, and
//! also that nothing else could be looked at.

use crate::bytes::read_up_to;
use crate::fact::{Fact, Facts, shorten};
use crate::format::{Claim, Format, Item, Probe};
use crate::runs::text_runs;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "raw",
    title: "data of no known format",
    family: "raw",
    wants,
    read,
    stream: None,
    head_only: true,
    #[cfg(test)]
    samples: tests::samples,
};

/// How much of it is searched, bytes.
const SEARCHED_MAX: u64 = 64 << 20;
/// The shortest run of letters that is looked at as a text.
const RUN_MIN: usize = 12;

#[expect(clippy::unnecessary_wraps, reason = "every reader has this shape")]
fn wants(_: &Probe<'_>) -> Option<Claim> {
    Some(Claim::Rest)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    if item.bytes.size() == 0 {
        return;
    }
    if facts.depth() == 0 && !is_text(item) {
        let detail = format!("{} bytes of no known format", item.bytes.size());
        facts.note(Fact::Odd { id: "opaque", detail });
    }
    search(item, facts);
}

/// Whether it begins as plain text does: there is no format behind that could not be read.
fn is_text(item: &Item<'_>) -> bool {
    let Ok(window) = read_up_to(item.bytes, 0, 4096) else { return false };
    let valid = match std::str::from_utf8(&window) {
        Ok(_) => true,
        // A character may be cut at the window's end.
        Err(error) => error.error_len().is_none(),
    };
    valid && !window.iter().any(|b| *b < 0x20 && !matches!(b, b'\n' | b'\r' | b'\t' | 0x0c))
}

/// Searches for programs and for texts that hold commands.
pub(crate) fn search(item: &Item<'_>, facts: &mut Facts) {
    const STEP: usize = 256 << 10;
    let end = item.bytes.size().min(SEARCHED_MAX);
    let mut at = 0;
    let mut noted = 0;
    while at < end {
        let Ok(window) = read_up_to(item.bytes, at, STEP + 4096) else { return };
        if let Some(place) =
            memchr::memmem::find(&window, b"This program cannot be run in DOS mode")
        {
            facts.at(at + place as u64, Fact::Program { kind: "PE" });
        }
        for run in text_runs(&window, RUN_MIN) {
            let text = String::from_utf8_lossy(run);
            if noted < 32 && crate::policy::text::judge("text", &text).is_some() {
                noted += 1;
                let text: String = text.chars().take(4096).collect();
                facts.at(at, Fact::Text { key: "text in the data".to_owned(), text });
            }
        }
        if window.len() <= STEP {
            return;
        }
        at += STEP as u64;
    }
    if item.bytes.size() > end && facts.depth() == 0 {
        let detail = shorten(&format!("only the first {} MiB were searched", SEARCHED_MAX >> 20));
        facts.note(Fact::Odd { id: "opaque", detail });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![vec![0, 1, 2, 3, 0xff, 0xfe], b"\x01\x02\x03\x00os.system('id')\x00".to_vec()]
    }

    /// A format in which nothing runs: the first sample is plain, the second holds a command.
    pub(crate) fn only_texts_matter(samples: &[Vec<u8>]) {
        let [plain, command] = samples else { panic!("two samples are needed") };
        assert_eq!(vet("m", plain).verdict, Verdict::NothingFound);
        assert!(vet("m", command).verdict.is_flagged());
    }

    #[test]
    fn commands_in_unknown_data_are_found() {
        let [weights, command] = &samples()[..] else { panic!() };
        assert_eq!(vet("x.bin", weights).verdict, Verdict::Unknown);
        assert_eq!(vet("x.txt", &b"words of people\n".to_vec()).verdict, Verdict::NothingFound);
        assert_eq!(vet("x.bin", command).verdict, Verdict::Suspicious);
    }
}
