//! Pickle: an abstract interpreter with stack and memo. It follows what unpickling would import
//! and call, and calls nothing.
//!
//! Sources: the opcodes of CPython's `pickletools`, protocols 0 to 5 (PEP 307, 3154, 574).

mod calls;
mod machine;
mod sniff;
mod value;

pub use calls::unescape;
pub use machine::{Ending, Machine};
pub use sniff::{looks_like_pickle, looks_like_program};

use crate::bytes::{Bytes, Feed, Part, read_up_to};
use crate::fact::{Fact, Facts};
use crate::limits::{PICKLE_STREAMS_MAX, PICKLE_TRAILER_BYTES};

/// Reads every pickle of a stream, one after the other. Gives the offset behind the last one.
pub fn read_stream(feed: &mut Feed<'_>, facts: &mut Facts) -> u64 {
    let mut after = 0;
    for round in 0..PICKLE_STREAMS_MAX {
        let start = feed.offset();
        if round > 0 && !looks_like_pickle(feed.peek(4096)) {
            break;
        }
        let ending = Machine::new(facts).run(feed);
        after = feed.offset();
        let ended = matches!(ending, Ending::Stop);
        describe(&ending, start, feed, facts);
        if !ended {
            break;
        }
    }
    after
}

fn describe(ending: &Ending, start: u64, feed: &Feed<'_>, facts: &mut Facts) {
    let at = feed.offset();
    match ending {
        Ending::Stop => {}
        Ending::BadOpcode(byte) => {
            let text = format!("byte {byte:#04x} is no opcode; unpickling fails there");
            facts.odd(at.saturating_sub(1), "pickle.broken", text);
        }
        Ending::CutShort => match feed.error() {
            Some(error) => facts.unread(format!("the stream breaks off: {error}")),
            None => facts.odd(at, "pickle.cut_short", format!("begun at {start}, it has no end")),
        },
        Ending::TooMuch(what) => facts.unread(format!("{what} at offset {at}")),
    }
}

/// Reads pickles out of bytes, and looks behind the last one for more.
pub fn read_bytes(bytes: &dyn Bytes, facts: &mut Facts) {
    let mut feed = Feed::of(bytes);
    let after = read_stream(&mut feed, facts);
    drop(feed);
    look_behind(bytes, after, facts);
}

/// Looks for further pickles behind the end of one, past anything that is none.
fn look_behind(bytes: &dyn Bytes, after: u64, facts: &mut Facts) {
    const STEP: usize = 256 << 10;
    let end = bytes.size().min(after.saturating_add(PICKLE_TRAILER_BYTES));
    let mut at = after;
    let mut tried = 0_u32;
    while at < end {
        let Ok(window) = read_up_to(bytes, at, STEP + 16) else { return };
        for place in memchr::memchr_iter(0x80, window.get(..STEP.min(window.len())).unwrap_or(&[]))
        {
            let offset = at + place as u64;
            let rest = window.get(place..).unwrap_or_default();
            if !sniff::begins_with_protocol(rest) || tried > 20_000 {
                continue;
            }
            tried += 1;
            let before = facts.len();
            let part = Part::new(bytes, offset, 1 << 20);
            let mut feed = Feed::of(&part);
            let mut machine = Machine::new(facts);
            let ending = machine.run(&mut feed);
            let named = machine.globals > 0;
            if matches!(ending, Ending::Stop) && named {
                facts.odd(offset, "pickle.behind", "another pickle stands behind the end");
            } else {
                facts.take_back(before);
            }
        }
        if window.len() <= STEP {
            return;
        }
        at += STEP as u64;
    }
    if bytes.size() > end {
        let text =
            format!("behind the pickle only {} MiB were searched", PICKLE_TRAILER_BYTES >> 20);
        facts.note(Fact::Odd { id: "pickle.long_trailer", detail: text });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fact::{How, Symbol};

    /// `GLOBAL module name`, an argument, REDUCE, STOP, in protocol 2.
    pub(crate) fn reduce(module: &str, name: &str, argument: &str) -> Vec<u8> {
        let mut out = b"\x80\x02c".to_vec();
        out.extend(module.as_bytes());
        out.push(b'\n');
        out.extend(name.as_bytes());
        out.extend(b"\nX");
        out.extend(u32::try_from(argument.len()).unwrap().to_le_bytes());
        out.extend(argument.as_bytes());
        out.extend(b"\x85R.");
        out
    }

    pub(crate) fn facts(bytes: &[u8]) -> Vec<Fact> {
        let mut facts = Facts::new();
        read_bytes(&bytes.to_vec(), &mut facts);
        facts.found().iter().map(|found| found.fact.clone()).collect()
    }

    fn called(bytes: &[u8]) -> Vec<String> {
        facts(bytes)
            .into_iter()
            .filter_map(|fact| match fact {
                Fact::Called { symbol, how: How::Invoked | How::Chained, arguments } => {
                    Some(format!("{symbol}{arguments}"))
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_call_is_seen_with_its_arguments() {
        assert_eq!(called(&reduce("posix", "system", "id")), ["posix.system(\"id\")"]);
    }

    #[test]
    fn names_come_from_the_stack_and_from_the_memo() {
        // 'os', MEMOIZE, POP, 'system', MEMOIZE, POP, BINGET 0, BINGET 1, STACK_GLOBAL
        let bytes = b"\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93\x8c\x02id\x85R.";
        assert_eq!(called(bytes), ["os.system(\"id\")"]);
    }

    #[test]
    fn getattr_is_followed() {
        // getattr(import_module('os'), 'system')('id')
        let bytes =
            b"c__builtin__\ngetattr\n(cimportlib\nimport_module\n(Vos\ntRVsystem\ntR(Vid\ntR.";
        assert!(called(bytes).contains(&"os.system(\"id\")".to_owned()), "{:?}", called(bytes));
    }

    #[test]
    fn what_stood_before_an_invalid_opcode_is_kept() {
        let mut bytes = b"cos\nsystem\n(Vid\ntR".to_vec();
        bytes.extend([0xff, 0xff]);
        let facts = facts(&bytes);
        assert!(facts.contains(&Fact::Named(Symbol::new("os", "system"))));
        assert!(facts.iter().any(|f| matches!(f, Fact::Odd { id: "pickle.broken", .. })));
    }

    #[test]
    fn a_second_pickle_is_read_also_behind_rubbish() {
        let mut bytes = b"\x80\x02].".to_vec();
        bytes.extend(reduce("os", "system", "one"));
        bytes.extend([0; 5_000]);
        bytes.extend(reduce("os", "popen", "two"));
        assert_eq!(called(&bytes), ["os.system(\"one\")", "os.popen(\"two\")"]);
    }

    #[test]
    fn a_pickle_in_bytes_or_in_base64_is_read_too() {
        use base64::Engine as _;
        let inner = reduce("os", "system", "id");
        let text = base64::engine::general_purpose::STANDARD.encode(&inner);
        let mut raw = b"\x80\x03C".to_vec();
        raw.push(u8::try_from(inner.len()).unwrap());
        raw.extend(&inner);
        raw.push(b'.');
        assert_eq!(called(&raw), ["os.system(\"id\")"]);
        let mut bytes = b"\x80\x02X".to_vec();
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.push(b'.');
        assert_eq!(called(&bytes), ["os.system(\"id\")"]);
    }

    #[test]
    fn a_few_bytes_that_stand_for_millions_of_values_are_said() {
        // A list of ten of the list before, nine times over.
        let mut bytes = b"\x80\x02]q\x00".to_vec();
        for n in 0_u8..9 {
            bytes.extend(b"](");
            for _ in 0..10 {
                bytes.extend([b'h', n]);
            }
            bytes.extend([b'e', b'q', n + 1]);
        }
        bytes.push(b'.');
        let odd = |bytes: &[u8]| {
            facts(bytes).iter().any(|f| matches!(f, Fact::Odd { id: "pickle.expansion", .. }))
        };
        assert!(odd(&bytes));
        assert!(!odd(b"\x80\x02](K\x01K\x02K\x03e."));
    }

    #[test]
    fn a_dotted_name_reaches_through_a_module() {
        let bytes = b"\x80\x04\x8c\x07pathlib\x8c\x09os.system\x93)R.";
        assert_eq!(called(bytes), ["pathlib.os.system()"]);
    }
}
