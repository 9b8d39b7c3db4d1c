//! Bounded decompression: every stream has a limit of bytes that come out, and of memory.

use std::io::{self, BufReader, Read};

use crate::limits::{XZ_MEMORY_MAX, ZSTD_WINDOW_LOG_MAX};

/// A compression that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// None.
    Plain,
    /// gzip (RFC 1952), also of several members.
    Gzip,
    /// xz, and the older lzma.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Compression {
    /// The compression that a file's last extension names, and the name without it. `None` for
    /// one that is not read (`.bz2`).
    pub fn of_name(name: &str) -> Option<(Self, &str)> {
        let Some((stem, extension)) = name.rsplit_once('.') else {
            return Some((Self::Plain, name));
        };
        match extension {
            "gz" => Some((Self::Gzip, stem)),
            "xz" | "lzma" => Some((Self::Xz, stem)),
            "zst" => Some((Self::Zstd, stem)),
            "lz4" => Some((Self::Lz4, stem)),
            "bz2" => None,
            _ => Some((Self::Plain, name)),
        }
    }
}

/// The error inside an [`io::Error`] when more bytes come out than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("over the limit of {limit} decompressed bytes")]
pub struct OverLimit {
    /// The limit, bytes.
    pub limit: u64,
}

/// Whether an error says that a limit was hit.
pub fn is_over_limit(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<OverLimit>()).is_some()
}

/// A reader of the decompressed bytes of `reader`, of which at most `limit` come out; asking for
/// more is an error that says so.
pub fn unpack<'a>(
    compression: Compression,
    reader: impl Read + 'a,
    limit: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::Plain => Box::new(Bounded::new(reader, limit)),
        Compression::Gzip => {
            Box::new(Bounded::new(flate2::read::MultiGzDecoder::new(reader), limit))
        }
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_auto_decoder(
                XZ_MEMORY_MAX,
                liblzma::stream::CONCATENATED,
            )
            .map_err(io::Error::other)?;
            let decoder = liblzma::bufread::XzDecoder::new_stream(BufReader::new(reader), stream);
            Box::new(Bounded::new(decoder, limit))
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(reader)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(Bounded::new(decoder, limit))
        }
        Compression::Lz4 => {
            Box::new(Bounded::new(lz4_flex::frame::FrameDecoder::new(reader), limit))
        }
    })
}

struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit, limit }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(OverLimit { limit: self.limit })),
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Plain => bytes.to_vec(),
            Compression::Gzip => {
                let mut out =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Compression::Xz => {
                let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
            Compression::Lz4 => {
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
        }
    }

    #[test]
    fn every_compression_gives_its_bytes_back_up_to_the_limit_and_an_error_when_cut() {
        let bytes = b"one two three ".repeat(1_000);
        for compression in [
            Compression::Plain,
            Compression::Gzip,
            Compression::Xz,
            Compression::Zstd,
            Compression::Lz4,
        ] {
            let small = packed(compression, &bytes);
            let limit = bytes.len() as u64;
            let mut out = Vec::new();
            unpack(compression, small.as_slice(), limit).unwrap().read_to_end(&mut out).unwrap();
            assert_eq!(out, bytes, "{compression:?}");
            let error = unpack(compression, small.as_slice(), limit - 1)
                .unwrap()
                .read_to_end(&mut Vec::new())
                .unwrap_err();
            assert!(is_over_limit(&error), "{compression:?}: {error}");
            let short = &small[..small.len() / 2];
            let cut = unpack(compression, short, limit).unwrap().read_to_end(&mut Vec::new());
            assert_eq!(cut.is_ok(), compression == Compression::Plain, "{compression:?}");
        }
    }

    #[test]
    fn the_last_extension_names_the_compression() {
        assert_eq!(Compression::of_name("Packages.xz"), Some((Compression::Xz, "Packages")));
        assert_eq!(Compression::of_name("Packages"), Some((Compression::Plain, "Packages")));
        assert_eq!(Compression::of_name("Packages.bz2"), None);
    }
}
