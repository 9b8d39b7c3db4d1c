//! The contents of files before they change: one compressed stream, a line of JSON and the bytes
//! for each file.

use std::fs;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spine::Digest;

use super::escape;
use crate::limits::INDEX_LINE_BYTES_MAX;

#[derive(Serialize, Deserialize)]
struct Header {
    path: String,
    size: u64,
    sha256: Digest,
}

/// Packs the regular files at these paths of a root, durably. What is not a regular file (any
/// more) is passed over: the index holds all there is to know of it.
pub fn write<'a>(
    root: &Path,
    paths: impl IntoIterator<Item = &'a PathBuf>,
    pack: &Path,
) -> io::Result<()> {
    let mut out = zstd::Encoder::new(fs::File::create(pack)?, 1)?;
    for path in paths {
        let full = root.join(path);
        if !fs::symlink_metadata(&full).is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        // Read twice: a file that changes meanwhile is an error, not a wrong undo.
        let sha256 = super::hash_file(&full)?;
        let mut file = fs::File::open(&full)?;
        let size = file.metadata()?.len();
        let header = Header { path: escape::text(path), size, sha256 };
        serde_json::to_writer(&mut out, &header)?;
        out.write_all(b"\n")?;
        let copied = io::copy(&mut (&mut file).take(size), &mut out)?;
        if copied != size {
            return Err(io::Error::other(format!(
                "`{}` changed while it was packed",
                path.display()
            )));
        }
    }
    out.finish()?.sync_all()
}

/// Calls `each` for every file of a pack; it takes the content or leaves it.
pub fn read(
    pack: &Path,
    each: &mut dyn FnMut(PathBuf, Digest, &mut dyn io::Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut input = io::BufReader::new(zstd::Decoder::new(fs::File::open(pack)?)?);
    loop {
        let mut line = Vec::new();
        let limit = INDEX_LINE_BYTES_MAX as u64;
        if (&mut input).take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let header: Header = serde_json::from_slice(&line)?;
        let path =
            escape::path(&header.path).ok_or_else(|| io::Error::other("a path is damaged"))?;
        let mut content = Hashed { inner: (&mut input).take(header.size), hasher: Sha256::new() };
        each(path, header.sha256, &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        if Digest(content.hasher.finalize().into()) != header.sha256 {
            return Err(io::Error::other(format!("the packed `{}` is damaged", header.path)));
        }
    }
}

struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: io::Read> io::Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}
