//! Compressed files: gzip, zlib, bzip2, xz, Zstandard, LZ4; joblib writes its pickles so too.
//!
//! What is inside is read as it unpacks, with bounded memory. A file that unpacks to more than any
//! honest one is said to be what it is: a bomb.

use crate::bytes::Walk;
use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::unpack::Packing;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "compressed",
    title: "compressed file",
    family: "compressed",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let packing = Packing::of_magic(probe.head())?;
    // Two bytes are no magic number: what they promise must unpack.
    let weak = matches!(packing, Packing::Zlib | Packing::Xz) && !probe.starts(b"\xfd7zXZ");
    if weak {
        let mut stream = packing.open(probe.head()).ok()?;
        let mut some = [0; 16];
        let read = std::io::Read::read(&mut stream, &mut some).ok()?;
        return (read > 0).then_some(Claim::Structure);
    }
    Some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let Some(packing) = Packing::of_magic(item.head) else { return };
    let inner = item.name.rsplit_once('.').map_or(item.name, |(stem, _)| stem);
    facts.nested_stream(inner, &|| packing.open(Walk::new(item.bytes, 0)).ok());
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let evil = reduce("os", "system", "id");
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(&evil).unwrap();
        vec![gzip(&evil), zlib.finish().unwrap(), zstd::encode_all(evil.as_slice(), 1).unwrap()]
    }

    #[test]
    fn what_is_inside_decides() {
        for bytes in samples() {
            assert_eq!(vet("m.joblib", &bytes).verdict, Verdict::Malicious);
        }
        assert_eq!(vet("m.pkl.gz", &gzip(b"\x80\x02]q\x00.")).verdict, Verdict::NothingFound);
    }

    #[test]
    fn a_payload_behind_many_megabytes_is_reached() {
        let mut pickle = b"\x80\x02B".to_vec();
        let filler = 20_u32 << 20;
        pickle.extend(filler.to_le_bytes());
        pickle.resize(pickle.len() + filler as usize, 0);
        pickle.push(b'0');
        pickle.extend(&reduce("os", "system", "id")[2..]);
        assert_eq!(vet("m.pkl.gz", &gzip(&pickle)).verdict, Verdict::Malicious);
    }
}
