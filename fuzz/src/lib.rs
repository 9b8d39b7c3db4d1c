//! What the targets share: reading bytes as one format, and a program for those without a fuzzer.

use vet::bytes::Feed;
use vet::fact::Facts;
use vet::format::Item;
use vet::limits::HEAD_BYTES;
use vet::{policy, registry};

/// Reads bytes as one format, whatever they are, in memory and as a stream, and judges what is
/// found.
pub fn read_as(format: &str, data: &[u8]) {
    let Some(format) = registry::ALL.iter().find(|known| known.name == format) else {
        panic!("there is no format `{format}`");
    };
    let bytes = data.to_vec();
    let head = data.get(..HEAD_BYTES).unwrap_or(data);
    let item = Item { name: "fuzz", bytes: &bytes, head, cut: false };
    let mut facts = Facts::new();
    (format.read)(&item, &mut facts);
    if let Some(stream) = format.stream {
        stream(&mut Feed::of(&bytes), &mut facts);
    }
    policy::judge(&facts);
}

/// Makes a target of a function of bytes: for the fuzzer where it builds, else a program that reads
/// the files that it is given, so that what was found once is tried again on any compiler.
#[macro_export]
macro_rules! target {
    ($read:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let read: fn(&[u8]) = $read;
            read(data)
        });

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            let read: fn(&[u8]) = $read;
            for path in std::env::args_os().skip(1) {
                read(&std::fs::read(path)?);
            }
            Ok(())
        }
    };
}
