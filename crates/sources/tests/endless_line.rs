//! A line that never ends is counted by every log source and never held: what a reader keeps in
//! memory does not grow with it. Alone in its process, so that the memory of the process is the
//! reader's.
//!
//! The line is made while it is read. `RINGFORT_LINE_GB=10` makes it 10 GB, which takes minutes.

use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use sources::log::Context;
use sources::log_registry;

/// The line in every test run: sixty times what a reader may hold.
const LINE_BYTES: u64 = 128 << 20;
/// What reading may add to the memory of the process: a record, and room to put it together.
const HELD_KIB_MAX: u64 = 24 << 10;

/// A beginning, then one byte again and again.
struct Line {
    head: &'static [u8],
    byte: u8,
    left: u64,
}

impl Read for Line {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(buf);
        }
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        buf[..count].fill(self.byte);
        self.left -= count as u64;
        Ok(count)
    }
}

/// The largest resident memory of this process so far.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[test]
fn a_line_without_end_is_never_held() {
    let gigabytes = std::env::var("RINGFORT_LINE_GB").ok().and_then(|text| text.parse().ok());
    let left = gigabytes.map_or(LINE_BYTES, |gb: u64| gb * 1_000_000_000);
    let before = peak_kib();
    assert!(before > 0, "this system does not tell the memory of a process");
    for source in log_registry::ALL {
        for (head, byte) in [(&b""[..], b'x'), (b"{\"a\":\"", b'x'), (b"<Event a='", 0xff)] {
            let mut input = BufReader::new(Line { head, byte, left });
            let mut count = 0;
            let counts = (source.read)(&mut input, &Context::default(), &mut |_| {
                count += 1;
                ControlFlow::Continue(())
            });
            assert_eq!(count, 0, "{}", source.name);
            if let Ok(counts) = counts {
                // Text before the first `<Event` begins no record of XML.
                let none_began = source.name == "windows_xml" && head.first() != Some(&b'<');
                assert!(counts.bad > 0 || none_began, "{}: {counts:?}", source.name);
            }
            let held = peak_kib() - before;
            assert!(held < HELD_KIB_MAX, "{} held {held} KiB", source.name);
        }
    }
}
