//! The body of a response: counted as received, decoded within bounds, hashed as written.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use spine::Digest;

use crate::{NetError, limits};

/// How the body is coded on the way (RFC 9110 §8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

/// Reads at most `limit` bytes and remembers how many there were; one more is an error.
struct Counted<R> {
    inner: R,
    limit: u64,
    got: u64,
    over: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(out)?;
        self.got = self.got.saturating_add(bytes as u64);
        if self.got > self.limit {
            self.over = true;
            return Err(io::Error::other("over the limit"));
        }
        Ok(bytes)
    }
}

/// What was copied.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
    pub(crate) wire_bytes: u64,
}

/// Why copying stopped, and whether anything was written before it did.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) error: NetError,
    pub(crate) wrote: bool,
}

/// Copies a body: at most `limit` bytes as received and as decoded. `stated` is the length that
/// the server stated; `explain` turns an error of the connection into ours.
pub(crate) fn copy(
    url: &str,
    from: impl Read,
    coding: Coding,
    (stated, limit): (Option<u64>, u64),
    out: &mut dyn Write,
    explain: &dyn Fn(io::Error) -> NetError,
) -> Result<Copied, Stopped> {
    let too_large = |measured| NetError::TooLarge { url: url.to_owned(), limit, measured };
    if stated.is_some_and(|stated| stated > limit) {
        return Err(Stopped { error: too_large("as stated"), wrote: false });
    }
    let mut wire = Counted { inner: from, limit, got: 0, over: false };
    let pumped = match coding {
        Coding::Identity => pump(&mut wire, limit, out),
        Coding::Gzip => pump(&mut MultiGzDecoder::new(&mut wire), limit, out),
    };
    let Pumped { hasher, bytes, end } = pumped;
    let error = match end {
        _ if wire.over => too_large("as received"),
        End::Over => too_large("as decompressed"),
        End::Write(error) => NetError::Write(error),
        End::Read(error) => {
            let broken =
                matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
            if coding == Coding::Gzip && broken {
                NetError::Coding { url: url.to_owned(), reason: "it is not gzip".into() }
            } else {
                explain(error)
            }
        }
        End::Done => match stated.filter(|stated| *stated != wire.got) {
            None => {
                let sha256 = Digest(hasher.finalize().into());
                return Ok(Copied { sha256, bytes, wire_bytes: wire.got });
            }
            Some(stated) => NetError::CutShort {
                url: url.to_owned(),
                got: wire.got,
                expected: stated.to_string(),
            },
        },
    };
    Err(Stopped { error, wrote: bytes > 0 })
}

enum End {
    Done,
    Over,
    Read(io::Error),
    Write(io::Error),
}

struct Pumped {
    hasher: Sha256,
    bytes: u64,
    end: End,
}

fn pump(from: &mut dyn Read, limit: u64, out: &mut dyn Write) -> Pumped {
    let mut pumped = Pumped { hasher: Sha256::new(), bytes: 0, end: End::Done };
    let mut chunk = vec![0; limits::CHUNK_BYTES];
    loop {
        let got = match from.read(&mut chunk) {
            Ok(0) => return pumped,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                pumped.end = End::Read(error);
                return pumped;
            }
        };
        let bytes = chunk.get(..got).unwrap_or_default();
        if pumped.bytes.saturating_add(got as u64) > limit {
            pumped.end = End::Over;
            return pumped;
        }
        if let Err(error) = out.write_all(bytes) {
            pumped.end = End::Write(error);
            return pumped;
        }
        pumped.hasher.update(bytes);
        pumped.bytes += got as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn fetch(wire: &[u8], coding: Coding, limit: u64) -> (Result<Copied, Stopped>, Vec<u8>) {
        let mut out = Vec::new();
        let explain = |error: io::Error| NetError::CutShort {
            url: String::new(),
            got: 0,
            expected: error.to_string(),
        };
        let stated = Some(wire.len() as u64);
        (copy("u", wire, coding, (stated, limit), &mut out, &explain), out)
    }

    #[test]
    fn a_small_bomb_is_stopped_when_it_unfolds() {
        let bomb = gzip(&vec![0; 8 << 20]);
        assert!(bomb.len() < 100_000);
        let (result, out) = fetch(&bomb, Coding::Gzip, 1 << 20);
        let error = result.unwrap_err().error;
        assert!(matches!(error, NetError::TooLarge { measured: "as decompressed", .. }), "{error}");
        assert!(out.len() <= 1 << 20);
    }

    #[test]
    fn what_is_written_is_hashed() {
        let (result, out) = fetch(&gzip(b"abc"), Coding::Gzip, 100);
        let copied = result.unwrap();
        assert_eq!((out.as_slice(), copied.bytes), (&b"abc"[..], 3));
        assert_eq!(copied.sha256.to_hex(), spine::sha256_hex(b"abc"));
    }

    proptest! {
        #[test]
        fn a_body_comes_through_whole_or_not_at_all(
            body in prop::collection::vec(any::<u8>(), 0..2_000),
            limit in 0_u64..3_000,
            coding in prop_oneof![Just(Coding::Identity), Just(Coding::Gzip)],
        ) {
            let wire = if coding == Coding::Gzip { gzip(&body) } else { body.clone() };
            let fits = body.len() as u64 <= limit && wire.len() as u64 <= limit;
            let (result, out) = fetch(&wire, coding, limit);
            prop_assert_eq!(result.is_ok(), fits);
            prop_assert!(out.len() as u64 <= limit && body.starts_with(&out));
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(
            wire in prop::collection::vec(any::<u8>(), 1..500),
        ) {
            let (result, _) = fetch(&wire, Coding::Gzip, 10_000);
            prop_assert!(result.is_err());
        }
    }
}
