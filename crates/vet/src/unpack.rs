//! Decompression as a stream. What `formats` unpacks comes from a distribution and may take more
//! memory; here it is bounded so that a file of any kind is read within the memory of this crate.

use std::io::{self, BufReader, Read};

use crate::bytes::{Source, Unseekable};
use crate::limits::{XZ_MEMORY_MAX, ZSTD_WINDOW_LOG_MAX};

/// A compression that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// None.
    Stored,
    /// Raw deflate (RFC 1951), as in zip.
    Deflate,
    /// zlib (RFC 1950).
    Zlib,
    /// gzip (RFC 1952), also of several members.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz, and the older lzma.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Packing {
    /// The compression that a magic number tells.
    pub fn of_magic(head: &[u8]) -> Option<Self> {
        let zlib = |head: &[u8]| {
            let pair = head.first_chunk::<2>().map(|pair| u16::from_be_bytes(*pair));
            head.first() == Some(&0x78) && pair.is_some_and(|pair| pair % 31 == 0)
        };
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] | [0x5d, 0, 0, _, _, 0xff | 0, ..] => {
                Some(Self::Xz)
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            _ if zlib(head) => Some(Self::Zlib),
            _ => None,
        }
    }

    /// The compression of a member of a zip archive, by its number (APPNOTE 4.4.5).
    pub fn of_zip_method(method: u16) -> Option<Self> {
        match method {
            0 => Some(Self::Stored),
            8 => Some(Self::Deflate),
            12 => Some(Self::Bzip2),
            20 | 93 => Some(Self::Zstd),
            95 => Some(Self::Xz),
            _ => None,
        }
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Deflate => "deflate",
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "Zstandard",
            Self::Lz4 => "LZ4",
        }
    }

    /// The decompressed stream.
    pub fn open<'a>(self, reader: impl Read + 'a) -> io::Result<Box<dyn Source + 'a>> {
        Ok(match self {
            Self::Stored => Box::new(Unseekable(reader)),
            Self::Deflate => Box::new(Unseekable(flate2::read::DeflateDecoder::new(reader))),
            Self::Zlib => Box::new(Unseekable(flate2::read::ZlibDecoder::new(reader))),
            Self::Gzip => Box::new(Unseekable(flate2::read::MultiGzDecoder::new(reader))),
            Self::Bzip2 => Box::new(Unseekable(bzip2::read::MultiBzDecoder::new(reader))),
            Self::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_auto_decoder(XZ_MEMORY_MAX, flags)
                    .map_err(io::Error::other)?;
                let reader = BufReader::new(reader);
                Box::new(Unseekable(liblzma::bufread::XzDecoder::new_stream(reader, stream)))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(reader)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(Unseekable(decoder))
            }
            Self::Lz4 => Box::new(Unseekable(lz4_flex::frame::FrameDecoder::new(reader))),
        })
    }
}

/// At most `max` decompressed bytes, and whether there were more.
pub fn up_to(reader: &mut dyn Read, max: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    // One byte more tells whether it ended there.
    let outcome = reader.take(max as u64 + 1).read_to_end(&mut out);
    let more = out.len() > max || outcome.is_err();
    out.truncate(max);
    (out, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed() -> Vec<(Packing, Vec<u8>)> {
        let plain = b"one two three ".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&plain).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&plain).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&plain).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&plain).unwrap();
        vec![
            (Packing::Gzip, gzip.finish().unwrap()),
            (Packing::Zlib, zlib.finish().unwrap()),
            (Packing::Bzip2, bzip2.finish().unwrap()),
            (Packing::Xz, xz.finish().unwrap()),
            (Packing::Zstd, zstd::encode_all(plain.as_slice(), 1).unwrap()),
            (Packing::Lz4, lz4.finish().unwrap()),
        ]
    }

    #[test]
    fn every_compression_is_told_by_its_magic_and_gives_its_bytes_back() {
        for (packing, bytes) in packed() {
            assert_eq!(Packing::of_magic(&bytes), Some(packing));
            let mut stream = packing.open(bytes.as_slice()).unwrap();
            let (out, more) = up_to(&mut stream, 1 << 20);
            assert!(out == b"one two three ".repeat(100) && !more, "{packing:?}");
            let mut stream = packing.open(bytes.as_slice()).unwrap();
            assert_eq!(up_to(&mut stream, 5), (b"one t".to_vec(), true));
        }
    }

    #[test]
    fn what_is_cut_short_says_that_there_was_more() {
        for (packing, bytes) in packed() {
            let cut = &bytes[..bytes.len() / 2];
            if let Ok(mut stream) = packing.open(cut) {
                let (out, more) = up_to(&mut stream, 1 << 20);
                assert!(out.len() < 1_400 && (more || out.is_empty()), "{packing:?}");
            }
        }
    }
}
