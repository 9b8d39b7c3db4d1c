//! An append-only log of CRC-32C frames.
//!
//! A frame is `length: u32 le`, `crc32c: u32 le` over the length's bytes and the payload, then the
//! payload. Reading stops at the first frame that is short or whose check fails: what stands
//! before it is whole, what stands after it was never acknowledged (the log has one writer, which
//! syncs before it acknowledges) and is cut off.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{AppendFile, Files};

/// The largest payload of one frame, bytes.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

const HEADER_BYTES: usize = 8;

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The payloads that are whole, in order.
    pub frames: Vec<Vec<u8>>,
    /// Bytes of a bad tail that were cut off; 0 after a clean stop.
    pub tail_bytes_cut: u64,
}

/// An append-only log with one writer.
pub struct FrameLog {
    path: PathBuf,
    file: Box<dyn AppendFile>,
    /// Bytes of whole frames that were written.
    len: u64,
    /// Set after a failed append or sync: the file's end is unknown, so nothing more is taken.
    broken: bool,
}

impl FrameLog {
    /// Opens or makes the log, cuts a bad tail, and returns what was in it.
    pub fn open(files: &dyn Files, path: &Path) -> io::Result<(Self, Recovered)> {
        let bytes = match files.read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let (frames, whole) = parse(&bytes);
        let tail_bytes_cut = (bytes.len() - whole) as u64;
        let mut file = files.open_append(path)?;
        if tail_bytes_cut > 0 {
            file.truncate(whole as u64)?;
        }
        let log = Self { path: path.to_path_buf(), file, len: whole as u64, broken: false };
        Ok((log, Recovered { frames, tail_bytes_cut }))
    }

    /// Appends one payload. It is durable only after [`FrameLog::sync`] returns.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(self.broken_error());
        }
        if payload.len() > FRAME_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a frame of {} bytes is over the limit of {FRAME_BYTES_MAX}",
                    payload.len()
                ),
            ));
        }
        let frame = encode(payload);
        if let Err(error) = self.file.append(&frame) {
            // Part of the frame may be in the file; take it out, or take nothing more.
            self.broken = self.file.truncate(self.len).is_err();
            return Err(error);
        }
        self.len += frame.len() as u64;
        Ok(())
    }

    /// Makes everything appended so far durable. After a failed sync the log takes nothing more:
    /// the kernel may have dropped the bytes and reported it only once; open it again to go on.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.broken {
            return Err(self.broken_error());
        }
        self.file.sync().inspect_err(|_| self.broken = true)
    }

    /// Empties the log, durably.
    pub fn clear(&mut self) -> io::Result<()> {
        self.rewind(0)
    }

    /// Cuts the log back to an earlier [`FrameLog::len`], durably. Cutting back to the length of
    /// the last good sync also mends a log whose sync failed: what it may have lost is gone.
    pub fn rewind(&mut self, len: u64) -> io::Result<()> {
        let len = len.min(self.len);
        self.file.truncate(len).inspect_err(|_| self.broken = true)?;
        self.len = len;
        self.broken = false;
        Ok(())
    }

    /// Bytes of whole frames in the log.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the log holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn broken_error(&self) -> io::Error {
        io::Error::other(format!(
            "`{}` failed to sync before and takes nothing more until it is opened again",
            self.path.display()
        ))
    }
}

fn encode(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length), payload).to_le_bytes();
    [&length, &crc, payload].concat()
}

/// The payloads of the whole frames at the start of `bytes`, and how many bytes they take.
pub fn parse(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((payload, after)) = parse_one(rest) {
        frames.push(payload.to_vec());
        rest = after;
    }
    (frames, bytes.len() - rest.len())
}

fn parse_one(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (length, crc) = header.split_first_chunk::<4>()?;
    let payload_len = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if payload_len > FRAME_BYTES_MAX {
        return None;
    }
    let (payload, after) = rest.split_at_checked(payload_len)?;
    let expected = crc32c::crc32c_append(crc32c::crc32c(length), payload);
    (crc == expected.to_le_bytes()).then_some((payload, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::StdFiles;
    use proptest::prelude::*;

    #[test]
    fn what_was_appended_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (mut log, recovered) = FrameLog::open(&StdFiles, &path).unwrap();
        assert_eq!(recovered, Recovered::default());
        log.append(b"one").unwrap();
        log.append(b"").unwrap();
        log.sync().unwrap();
        drop(log);
        let (_, recovered) = FrameLog::open(&StdFiles, &path).unwrap();
        assert_eq!(recovered.frames, [b"one".to_vec(), Vec::new()]);
        assert_eq!(recovered.tail_bytes_cut, 0);
    }

    #[test]
    fn a_rewound_log_holds_what_stood_before_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (mut log, _) = FrameLog::open(&StdFiles, &path).unwrap();
        log.append(b"one").unwrap();
        log.sync().unwrap();
        let good = log.len();
        log.append(b"two").unwrap();
        log.rewind(good).unwrap();
        log.append(b"three").unwrap();
        log.sync().unwrap();
        drop(log);
        let (_, recovered) = FrameLog::open(&StdFiles, &path).unwrap();
        assert_eq!(recovered.frames, [b"one".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn a_zero_filled_tail_is_cut() {
        // After power loss a file system may show a tail of zeros; 8 zero bytes must not read as
        // an empty frame.
        let bytes = [encode(b"one"), vec![0; 64]].concat();
        let (frames, whole) = parse(&bytes);
        assert_eq!((frames.len(), whole), (1, 11));
    }

    proptest! {
        #[test]
        fn a_log_cut_anywhere_gives_a_prefix_and_can_go_on(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|p| encode(p)).collect();
            let cut = cut.index(bytes.len() + 1);
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (mut log, recovered) = FrameLog::open(&StdFiles, &path).unwrap();
            prop_assert!(payloads.starts_with(&recovered.frames));
            log.append(b"next").unwrap();
            log.sync().unwrap();
            drop(log);
            let (_, again) = FrameLog::open(&StdFiles, &path).unwrap();
            prop_assert_eq!(again.tail_bytes_cut, 0);
            prop_assert_eq!(again.frames.last().map(Vec::as_slice), Some(&b"next"[..]));
        }

        #[test]
        fn a_flipped_bit_never_gives_a_payload_that_was_not_written(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let mut bytes: Vec<u8> = payloads.iter().flat_map(|p| encode(p)).collect();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (frames, _) = parse(&bytes);
            prop_assert!(payloads.starts_with(&frames) && frames.len() < payloads.len());
        }
    }
}
