//! What changed between two snapshots of a model in safetensors: tensors that came and went, other
//! shapes and types, the share of changed numbers, and how the change looks.
//!
//! Both files are read once, side by side, tensor by tensor; memory does not grow with the model
//! but
//! for the one tensor whose change is looked at (at most [`SPECTRUM_VALUES_MAX`] numbers). A change
//! of low rank (its largest singular value carries most of it) is what an adapter or a planted rule
//! leaves; training moves everything a little. It is evidence for a person, not a verdict.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of the head of a safetensors file, as the format limits them.
pub const HEAD_BYTES_MAX: u64 = 100_000_000;
/// Tensors of one file.
pub const TENSORS_MAX: usize = 200_000;
/// Numbers of a matrix whose change is looked at as a whole.
pub const SPECTRUM_VALUES_MAX: usize = 4 << 20;
/// Rounds of the power iteration.
const ROUNDS: usize = 30;

/// Why two snapshots could not be compared.
#[derive(Debug, Error)]
pub enum DriftError {
    /// A file is not what its format says.
    #[error("the safetensors file is broken: {0}")]
    Broken(String),
    /// A file could not be read.
    #[error("the file could not be read: {0}")]
    Io(#[from] std::io::Error),
}

/// The head of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Row {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The kind and the shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// The type of its numbers, such as `F32`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<u64>,
}

/// How the numbers of one tensor changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The share of numbers that are not the same.
    pub changed: f64,
    /// The length of the change, over the length of what was (Frobenius norms). `None`: the type of
    /// the numbers is not one that is read here.
    pub relative: Option<f64>,
    /// The share of the change (its squared length) that lies in one direction; 1 is a change of
    /// rank one. `None`: it is no matrix, or too large.
    pub top_share: Option<f64>,
    /// The largest singular value before and after, for the same matrices.
    pub spectral: Option<(f64, f64)>,
    /// Numbers that are not finite now.
    pub not_finite: u64,
}

/// The difference of two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Tensors that are new.
    pub added: BTreeMap<String, Form>,
    /// Tensors that went.
    pub removed: BTreeMap<String, Form>,
    /// Tensors with another type or shape: what they were and are.
    pub reshaped: BTreeMap<String, (Form, Form)>,
    /// Tensors with other numbers.
    pub changed: BTreeMap<String, Change>,
    /// Tensors that are the same, bit by bit.
    pub same: usize,
    /// Tensors that could not be compared because the two files keep them in another order.
    pub unknown: Vec<String>,
}

/// One file: its tensors in the order of their bytes, and where the reader stands.
struct Side<R> {
    reader: R,
    rows: BTreeMap<String, Row>,
    at: u64,
}

impl<R: Read> Side<R> {
    fn open(mut reader: R) -> Result<Self, DriftError> {
        let broken = |reason: &str| DriftError::Broken(reason.to_owned());
        let mut length = [0; 8];
        reader.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > HEAD_BYTES_MAX {
            return Err(broken("its head is too long"));
        }
        let mut head = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut head)?;
        if head.len() as u64 != length {
            return Err(broken("it ends inside its head"));
        }
        let values: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&head).map_err(|e| DriftError::Broken(e.to_string()))?;
        if values.len() > TENSORS_MAX {
            return Err(broken("it has too many tensors"));
        }
        let mut rows = BTreeMap::new();
        for (name, value) in values.into_iter().filter(|(name, _)| name != "__metadata__") {
            let row: Row =
                serde_json::from_value(value).map_err(|e| DriftError::Broken(e.to_string()))?;
            let [start, end] = row.data_offsets;
            if start > end {
                return Err(broken("a tensor ends before it begins"));
            }
            rows.insert(name, row);
        }
        Ok(Self { reader, rows, at: 0 })
    }

    /// Reads the bytes of a tensor in pieces. `false`: the reader is past it.
    fn skip_to(&mut self, start: u64) -> Result<bool, DriftError> {
        let Some(gap) = start.checked_sub(self.at) else { return Ok(false) };
        let skipped = std::io::copy(&mut self.reader.by_ref().take(gap), &mut std::io::sink())?;
        self.at += skipped;
        if skipped < gap {
            return Err(DriftError::Broken("it is cut short".to_owned()));
        }
        Ok(true)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), DriftError> {
        self.reader.read_exact(buffer)?;
        self.at += buffer.len() as u64;
        Ok(())
    }
}

/// Compares two snapshots, the older first.
pub fn drift(older: impl Read, newer: impl Read) -> Result<Drift, DriftError> {
    let (mut older, mut newer) = (Side::open(older)?, Side::open(newer)?);
    let form = |row: &Row| Form { dtype: row.dtype.clone(), shape: row.shape.clone() };
    let mut drift = Drift::default();
    let mut both: Vec<(String, Row, Row)> = Vec::new();
    for (name, old) in &older.rows {
        match newer.rows.get(name) {
            None => drop(drift.removed.insert(name.clone(), form(old))),
            Some(new) if form(old) != form(new) => {
                drift.reshaped.insert(name.clone(), (form(old), form(new)));
            }
            Some(new) => both.push((name.clone(), old.clone(), new.clone())),
        }
    }
    let added = newer.rows.iter().filter(|(name, _)| !older.rows.contains_key(*name));
    drift.added = added.map(|(name, row)| (name.clone(), form(row))).collect();
    both.sort_by_key(|(_, old, _)| old.data_offsets);
    for (name, old, new) in both {
        let ([start_old, end_old], [start_new, end_new]) = (old.data_offsets, new.data_offsets);
        if end_old - start_old != end_new - start_new
            || !older.skip_to(start_old)?
            || !newer.skip_to(start_new)?
        {
            drift.unknown.push(name);
            continue;
        }
        match compare(&mut older, &mut newer, &old, end_old - start_old)? {
            Some(change) => drop(drift.changed.insert(name, change)),
            None => drift.same += 1,
        }
    }
    Ok(drift)
}

/// Compares one tensor. `None`: it is the same, bit by bit.
fn compare<A: Read, B: Read>(
    older: &mut Side<A>,
    newer: &mut Side<B>,
    row: &Row,
    bytes: u64,
) -> Result<Option<Change>, DriftError> {
    const PIECE: usize = 1 << 16;
    let kind = Kind::of(&row.dtype);
    let width = kind.map_or(1, Kind::bytes);
    let columns = row.shape.last().copied().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let values = usize::try_from(bytes).ok().map(|bytes| bytes / width);
    let matrix = kind.is_some()
        && row.shape.len() >= 2
        && columns > 0
        && values.is_some_and(|values| values <= SPECTRUM_VALUES_MAX);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut sums = Sums::default();
    let mut left = bytes;
    let (mut old, mut new) = (vec![0; PIECE], vec![0; PIECE]);
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        old.truncate(size);
        new.truncate(size);
        older.fill(&mut old)?;
        newer.fill(&mut new)?;
        left -= size as u64;
        for (a, b) in old.chunks(width).zip(new.chunks(width)) {
            sums.all += 1;
            sums.changed += u64::from(a != b);
            let Some((a, b)) = kind.and_then(|kind| Some((kind.read(a)?, kind.read(b)?))) else {
                continue;
            };
            sums.add(a, b);
            if matrix {
                before.push(a);
                after.push(b);
            }
        }
    }
    if sums.changed == 0 {
        return Ok(None);
    }
    let relative = kind.map(|_| (sums.difference / sums.length.max(f64::MIN_POSITIVE)).sqrt());
    let spectrum = matrix && sums.not_finite == 0;
    let delta: Vec<f32> = before.iter().zip(&after).map(|(a, b)| b - a).collect();
    Ok(Some(Change {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        changed: sums.changed as f64 / sums.all.max(1) as f64,
        relative,
        top_share: (spectrum && sums.difference > 0.0)
            .then(|| top_singular(&delta, columns).powi(2) / sums.difference),
        spectral: spectrum.then(|| (top_singular(&before, columns), top_singular(&after, columns))),
        not_finite: sums.not_finite,
    }))
}

#[derive(Default)]
struct Sums {
    all: u64,
    changed: u64,
    length: f64,
    difference: f64,
    not_finite: u64,
}

impl Sums {
    fn add(&mut self, a: f32, b: f32) {
        if !b.is_finite() {
            self.not_finite += 1;
        } else if a.is_finite() {
            self.length += f64::from(a) * f64::from(a);
            self.difference += (f64::from(b) - f64::from(a)).powi(2);
        }
    }
}

/// A type of numbers that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    F64,
    F32,
    F16,
    Bf16,
}

impl Kind {
    pub(crate) fn of(dtype: &str) -> Option<Self> {
        match dtype {
            "F64" => Some(Self::F64),
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::Bf16),
            _ => None,
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "statistics need no more than f32")]
    pub(crate) fn read(self, bytes: &[u8]) -> Option<f32> {
        Some(match self {
            Self::F64 => f64::from_le_bytes(bytes.try_into().ok()?) as f32,
            Self::F32 => f32::from_le_bytes(bytes.try_into().ok()?),
            Self::F16 => half(u16::from_le_bytes(bytes.try_into().ok()?)),
            Self::Bf16 => {
                f32::from_bits(u32::from(u16::from_le_bytes(bytes.try_into().ok()?)) << 16)
            }
        })
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    }
}

/// The largest singular value of a matrix, row by row, by power iteration from a fixed start.
pub(crate) fn top_singular(values: &[f32], columns: usize) -> f64 {
    if columns == 0 || values.len() < columns {
        return 0.0;
    }
    // A start without pattern: a vector that is orthogonal to the answer would never find it.
    let mut state = 1_u32;
    let mut direction: Vec<f64> = (0..columns)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1_u32 << 24) + 0.1
        })
        .collect();
    let mut value = 0.0;
    for _ in 0..ROUNDS {
        let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length <= f64::MIN_POSITIVE {
            return 0.0;
        }
        for part in &mut direction {
            *part /= length;
        }
        let mut next = vec![0.0; columns];
        let mut squared = 0.0;
        for row in values.chunks_exact(columns) {
            let dot: f64 = row.iter().zip(&direction).map(|(a, b)| f64::from(*a) * b).sum();
            squared += dot * dot;
            next.iter_mut().zip(row).for_each(|(n, a)| *n += dot * f64::from(*a));
        }
        value = squared.sqrt();
        direction = next;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A safetensors file of F32 tensors.
    pub(crate) fn file(tensors: &[(&str, &[u64], &[f32])]) -> Vec<u8> {
        let (mut head, mut body) = (serde_json::Map::new(), Vec::new());
        for (name, shape, values) in tensors {
            let start = body.len();
            body.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let row = serde_json::json!({
                "dtype": "F32", "shape": shape, "data_offsets": [start, body.len()]
            });
            head.insert((*name).to_owned(), row);
        }
        let head = serde_json::to_vec(&head).unwrap();
        [&(head.len() as u64).to_le_bytes(), head.as_slice(), &body].concat()
    }

    #[test]
    fn what_came_went_and_changed_is_told_apart() {
        let old = file(&[("a", &[2], &[1.0, 2.0]), ("b", &[1], &[3.0]), ("d", &[2], &[0.0, 1.0])]);
        let new =
            file(&[("a", &[2], &[1.0, 2.5]), ("c", &[1], &[3.0]), ("d", &[2, 1], &[0.0, 1.0])]);
        let drift = drift(old.as_slice(), new.as_slice()).unwrap();
        assert_eq!(drift.added.keys().collect::<Vec<_>>(), ["c"]);
        assert_eq!(drift.removed.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(drift.reshaped.keys().collect::<Vec<_>>(), ["d"]);
        let change = &drift.changed["a"];
        assert!((change.changed - 0.5).abs() < 1e-9);
        assert!((change.relative.unwrap() - 0.5 / 5.0_f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn the_same_file_does_not_drift() {
        let one = file(&[("a", &[2, 2], &[1.0, 2.0, 3.0, 4.0])]);
        let drift = drift(one.as_slice(), one.as_slice()).unwrap();
        assert_eq!((drift.same, drift.changed.len()), (1, 0));
    }

    #[test]
    fn a_change_of_rank_one_is_seen_as_one() {
        let old: Vec<f32> = (0..64_u8).map(|i| f32::from(i % 7)).collect();
        let planted: Vec<f32> =
            old.iter().zip(0_u8..).map(|(v, i)| v + f32::from(i / 8) * f32::from(i % 8)).collect();
        let trained: Vec<f32> =
            old.iter().zip(0_u8..).map(|(v, i)| v + f32::from(i.wrapping_mul(97) % 13)).collect();
        let share = |new: &[f32]| {
            let (a, b) = (file(&[("w", &[8, 8], &old)]), file(&[("w", &[8, 8], new)]));
            drift(a.as_slice(), b.as_slice()).unwrap().changed["w"].top_share.unwrap()
        };
        assert!(share(&planted) > 0.999, "{}", share(&planted));
        assert!(share(&trained) < 0.95, "{}", share(&trained));
    }

    #[test]
    fn singular_values_and_half_floats_are_right() {
        assert!((top_singular(&[3.0, 0.0, 0.0, 4.0], 2) - 4.0).abs() < 1e-6);
        assert_eq!(half(0x3c00).to_bits(), 1.0_f32.to_bits());
        assert_eq!(half(0xc000).to_bits(), (-2.0_f32).to_bits());
        assert_eq!(half(0x0001).to_bits(), 2.0_f32.powi(-24).to_bits());
        assert!(half(0x7c00).is_infinite());
        assert_eq!(Kind::Bf16.read(&[0x80, 0x3f]), Some(1.0));
    }

    #[test]
    fn broken_files_are_errors() {
        let good = file(&[("a", &[2], &[1.0, 2.0])]);
        for cut in 0..good.len() {
            assert!(drift(&good[..cut], good.as_slice()).is_err(), "{cut}");
        }
        let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        assert!(drift(huge.as_slice(), good.as_slice()).is_err());
    }
}
