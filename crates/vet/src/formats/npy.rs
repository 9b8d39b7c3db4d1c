//! numpy's `.npy` arrays. An array of objects is a pickle behind a header.
//!
//! `numpy.load` unpickles it when it is told `allow_pickle=True`. The pickle is read like any
//! other.

use crate::bytes::{Part, le};
use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::pickle::read_bytes;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "npy",
    title: "numpy array",
    family: "npy",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"\x93NUMPY").then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let header = item.all(1 << 20);
    let (start, length): (usize, _) = if header.get(6) == Some(&1) {
        (10, le::<2>(&header, 8))
    } else {
        (12, le::<4>(&header, 8))
    };
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
        return facts.odd(0, "header.broken", "the header is cut short");
    };
    let body = header
        .get(start..start.saturating_add(length))
        .unwrap_or_else(|| header.get(start.min(header.len())..).unwrap_or_default());
    let text = String::from_utf8_lossy(body);
    let data = Part::new(item.bytes, (start + length) as u64, u64::MAX);
    let behind = crate::bytes::read_up_to(&data, 0, 4096).unwrap_or_default();
    // The header says whether it holds objects; the bytes are looked at in any case.
    let objects = text.contains("O'") || text.contains("O\"") || text.contains("object");
    if objects || crate::pickle::looks_like_pickle(&behind) && behind.first() == Some(&0x80) {
        if item.cut {
            facts.unread("only the beginning of an array of objects was read");
        }
        read_bytes(&data, facts);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;

    fn array(descr: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}\n");
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![array("<i4", &[1, 0, 0, 0]), array("|O", &reduce("os", "system", "id"))]
    }

    #[test]
    fn objects_are_pickles_and_numbers_are_not() {
        let [numbers, objects] = &samples()[..] else { panic!() };
        assert_eq!(vet("a.npy", numbers).verdict, Verdict::NothingFound);
        assert_eq!(vet("a.npy", objects).verdict, Verdict::Malicious);
    }
}
