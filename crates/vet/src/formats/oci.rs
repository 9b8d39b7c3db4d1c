//! Images of containers and models as OCI keeps them: an image layout or what `docker save` writes,
//! in a tar archive.
//!
//! The layers are found by their media types in the manifests, and each blob is held against the
//! digest that it is called by. A layer that is a model (as Ollama, ModelPack and ORAS store them)
//! is read as what it is. In a layer that is a file system, only model files are looked at:
//! programs, scripts and links to anywhere belong into an image of a container.

use sha2::{Digest as _, Sha256};

use crate::bytes::{Bytes, Feed, Part, read_up_to};
use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::{CHUNK_BYTES, HEAD_BYTES};
use crate::reader;
use crate::registry::tar::{self, Ending};
use crate::unpack::Packing;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "oci",
    title: "OCI image or model",
    family: "tar",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// The formats that are models, among what else lies in a file system.
const MODELS: &[&str] = &[
    "pickle",
    "gguf",
    "safetensors",
    "onnx",
    "hdf5",
    "tensorflow",
    "tflite",
    "torch_zip",
    "keras_zip",
    "npy",
    "coreml",
    "xgboost_bin",
    "catboost",
    "r_data",
    "tensorrt",
    "executorch",
    "skops",
    "paddle_mxnet",
    "torchserve",
];

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    if !probe.has_at(257, b"ustar") {
        return None;
    }
    let mut marks = 0;
    let first = Part::new(probe.item.bytes, 0, 64 << 20);
    tar::walk(&first, &mut |member, _| {
        let name = member.name.trim_start_matches("./");
        marks |= match name {
            "oci-layout" => 3,
            "index.json" | "manifest.json" => 1,
            _ if name.starts_with("blobs/sha256") => 2,
            _ => 0,
        };
    });
    (marks == 3).then_some(Claim::Special)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let ending = tar::walk(item.bytes, &mut |member, part| {
        let name = member.name.trim_start_matches("./");
        if !member.is_file() {
            return;
        }
        if let Some(digest) = name.strip_prefix("blobs/sha256/") {
            check(member.at, digest, part, facts);
        }
        if !is_file_system(part) {
            facts.nested(&member.name, part);
            return;
        }
        facts.enter(&member.name);
        layer(part, facts);
        facts.leave();
    });
    if let Ending::Broken(at) = ending {
        facts.odd(at, "header.broken", "the checksum of a member's header is wrong");
    }
}

/// A blob is called by its hash: another one was put in its place.
fn check(at: u64, digest: &str, part: &Part<'_>, facts: &mut Facts) {
    let mut state = Sha256::new();
    let mut offset = 0;
    while let Ok(chunk) = read_up_to(part, offset, CHUNK_BYTES) {
        if chunk.is_empty() {
            break;
        }
        offset += chunk.len() as u64;
        state.update(&chunk);
    }
    if hex::encode(state.finalize()) != digest {
        facts.odd(at, "oci.digest", digest);
    }
}

/// Whether a blob is a layer of a file system: a tar archive, mostly compressed.
fn is_file_system(part: &Part<'_>) -> bool {
    let Ok(head) = read_up_to(part, 0, HEAD_BYTES) else { return false };
    let plain = |head: &[u8]| head.get(257..262) == Some(b"ustar");
    let unpacked = || {
        let mut stream = Packing::of_magic(&head)?.open(head.as_slice()).ok()?;
        let mut out = vec![0; 512];
        let mut filled = 0;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            match std::io::Read::read(&mut stream, room) {
                Ok(0) | Err(_) => break,
                Ok(read) => filled += read,
            }
        }
        Some(out)
    };
    plain(&head) || unpacked().is_some_and(|out| plain(&out))
}

/// Reads the model files of a layer.
fn layer(part: &Part<'_>, facts: &mut Facts) {
    let head = read_up_to(part, 0, 8).unwrap_or_default();
    let read = |name: &str, bytes: &dyn Bytes, facts: &mut Facts| {
        let Ok(head) = read_up_to(bytes, 0, HEAD_BYTES) else { return };
        let item = Item { name, bytes, head: &head, cut: false };
        let claimed = reader::claims(&Probe::new(item)).first().map(|(format, _)| format.name);
        if claimed.is_some_and(|name| MODELS.contains(&name)) {
            facts.nested(name, bytes);
        }
    };
    match Packing::of_magic(&head) {
        Some(packing) => {
            let Ok(source) = packing.open(crate::bytes::Walk::new(part, 0)) else {
                return facts.unread("its compression is not read");
            };
            let mut feed = Feed::new(source);
            tar::stream(&mut feed, facts, &mut |member, held, _, facts| {
                if member.is_file() {
                    read(&member.name, held, facts);
                }
            });
            if !facts.spend(feed.offset()) {
                facts.unread("it unpacks to more than is read of one file");
            }
        }
        None => {
            tar::walk(part, &mut |member, part| {
                if member.is_file() {
                    read(&member.name, part, facts);
                }
            });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::registry::tar::tests::archive;
    use crate::vet;

    fn image(blob: &[u8], digest: Option<&str>) -> Vec<u8> {
        let own = hex::encode(Sha256::digest(blob));
        let name = format!("blobs/sha256/{}", digest.unwrap_or(&own));
        archive(&[
            ("oci-layout", b'0', "", br#"{"imageLayoutVersion": "1.0.0"}"#.as_slice()),
            ("index.json", b'0', "", br#"{"schemaVersion": 2, "manifests": []}"#),
            (&name, b'0', "", blob),
        ])
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let system = archive(&[
            ("bin/sh", b'0', "", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".as_slice()),
            ("lib", b'2', "/usr/lib", b""),
            ("x.py", b'0', "", b"import os\nos.system('id')\n"),
        ]);
        let model = archive(&[("m.pkl", b'0', "", reduce("os", "system", "id").as_slice())]);
        vec![image(&system, None), image(&model, None), image(b"GGUF", Some(&"0".repeat(64)))]
    }

    #[test]
    fn models_in_layers_are_read_and_programs_are_left_alone() {
        let [system, model, swapped] = &samples()[..] else { panic!() };
        assert_eq!(vet("i.tar", system).verdict, Verdict::NothingFound);
        assert_eq!(vet("i.tar", model).verdict, Verdict::Malicious);
        assert!(vet("i.tar", swapped).findings.iter().any(|f| f.rule == "oci.digest"));
    }

    #[test]
    fn a_compressed_layer_is_read() {
        use std::io::Write as _;
        let model = archive(&[("m.pkl", b'0', "", reduce("os", "system", "id").as_slice())]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&model).unwrap();
        let blob = gzip.finish().unwrap();
        assert_eq!(vet("i.tar", &image(&blob, None)).verdict, Verdict::Malicious);
    }
}
