//! NSL-KDD and KDD points: `cargo run --release -p detect --example bench_points`. A smoke test:
//! the recordings are of 1998, and flawed. With `--export DIR` the same split is written there as
//! CSV, so that a peer can be measured on exactly the same rows.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "figures for people, from recordings of bounded size"
)]

#[path = "common/mod.rs"]
mod common;

use std::io::{Read as _, Write as _};

use common::{Row, Table, auc};
use learn::points::{Field, Points};
use sha2::{Digest as _, Sha256};

/// A split: normal records to train on, and records to judge with their labels.
struct Split {
    name: String,
    train: Vec<Vec<Field>>,
    test: Vec<(Vec<Field>, bool)>,
}

fn main() {
    let mut splits: Vec<Split> = nsl().into_iter().collect();
    for name in ["16_http", "34_smtp", "32_shuttle"] {
        splits.extend(points(name));
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder] = arguments.as_slice()
        && flag == "--export"
    {
        for split in &splits {
            export(split, folder).unwrap_or_else(|error| eprintln!("{}: {error}", split.name));
        }
        return;
    }
    let mut rows = Vec::new();
    for split in &splits {
        let model = Points::train(&split.train);
        let scores = |attack: bool| -> Vec<f64> {
            let wanted = split.test.iter().filter(|(_, is_attack)| *is_attack == attack);
            wanted.map(|(record, _)| model.score(record)).collect()
        };
        let (normal, attack) = (scores(false), scores(true));
        let value = auc(&normal, &attack);
        println!(
            "{}: {} to train on, {} normal, {} attack: AUC {value:.4}",
            split.name,
            split.train.len(),
            normal.len(),
            attack.len()
        );
        match split.name.as_str() {
            "NSL-KDD" => rows.push(Row::min("NSL-KDD AUC", value, 0.95)),
            "16_http" => rows.push(Row::min("KDD http AUC", value, 0.996)),
            _ => {}
        }
    }
    Table(&rows).print();
}

fn nsl() -> Option<Split> {
    let rows = |path: &str| -> Option<Vec<(Vec<Field>, bool)>> {
        let mut text = String::new();
        let bytes = common::read(path)?;
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).ok()?;
        Some(text.lines().filter_map(nsl_row).collect())
    };
    let train = rows("detect/nsl-kdd/KDDTrain+_20Percent.txt.gz")?;
    let train = train.into_iter().filter(|(_, is_attack)| !is_attack).map(|(row, _)| row).collect();
    let test = rows("detect/nsl-kdd/KDDTest+dev.txt.gz")?;
    Some(Split { name: "NSL-KDD".into(), train, test })
}

fn nsl_row(line: &str) -> Option<(Vec<Field>, bool)> {
    let parts: Vec<&str> = line.trim().split(',').collect();
    let fields = parts.get(..41)?.iter().enumerate().map(|(at, part)| match at {
        1..=3 => Field::Word((*part).to_owned()),
        _ => Field::Number(part.parse().unwrap_or(0.0)),
    });
    Some((fields.collect(), *parts.get(41)? != "normal"))
}

/// A set of ADBench: half of the normal rows by the hash of the row to train on, the rest to judge.
fn points(name: &str) -> Option<Split> {
    let bytes = common::read(&format!("detect/kdd-points/{name}.npz"))?;
    let arrays = common::unzip_bytes(&bytes);
    let array =
        |file: &str| arrays.iter().find(|(name, _)| name == file).map(|(_, bytes)| npy(bytes));
    let ((columns, values), (_, labels)) = (array("X.npy")??, array("y.npy")??);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (row, label) in values.chunks(columns).zip(labels) {
        let mut hash = Sha256::new();
        for value in row {
            hash.update(value.to_le_bytes());
        }
        let is_even = hash.finalize().last().is_some_and(|byte| byte % 2 == 0);
        let record: Vec<Field> = row.iter().map(|value| Field::Number(*value)).collect();
        if is_even && label == 0.0 {
            train.push(record);
        } else {
            test.push((record, label != 0.0));
        }
    }
    Some(Split { name: name.to_owned(), train, test })
}

/// An array of NumPy's format 1.0: its columns, and its values row by row as floats.
fn npy(bytes: &[u8]) -> Option<(usize, Vec<f64>)> {
    let length = usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk::<2>()?));
    let header = std::str::from_utf8(bytes.get(10..10 + length)?).ok()?;
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let columns = shape.split(',').nth(1).and_then(|part| part.trim().parse().ok()).unwrap_or(1);
    let data = bytes.get(10 + length..)?;
    let values =
        |width: usize, read: &dyn Fn(&[u8]) -> f64| data.chunks_exact(width).map(read).collect();
    let descr = header.split_once("'descr': '")?.1.split_once('\'')?.0;
    let values: Vec<f64> = match descr {
        "<f8" => values(8, &|b| b.first_chunk().map_or(0.0, |b| f64::from_le_bytes(*b))),
        "<i8" => values(8, &|b| b.first_chunk().map_or(0.0, |b| i64::from_le_bytes(*b) as f64)),
        "<i4" => values(4, &|b| b.first_chunk().map_or(0.0, |b| i32::from_le_bytes(*b).into())),
        "<i2" => values(2, &|b| b.first_chunk().map_or(0.0, |b| i16::from_le_bytes(*b).into())),
        "|u1" => values(1, &|b| b.first().map_or(0.0, |b| f64::from(*b))),
        "|i1" => values(1, &|b| b.first_chunk().map_or(0.0, |b| i8::from_le_bytes(*b).into())),
        _ => return None,
    };
    if header.contains("'fortran_order': True") {
        let rows = values.len() / columns;
        let by_row = (0..rows).flat_map(|row| (0..columns).map(move |column| column * rows + row));
        return Some((columns, by_row.map(|at| values[at]).collect()));
    }
    Some((columns, values))
}

fn export(split: &Split, folder: &str) -> std::io::Result<()> {
    let write = |part: &str, rows: &mut dyn Iterator<Item = (&Vec<Field>, bool)>| {
        let path = format!("{folder}/{}.{part}.csv", split.name);
        let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
        for (record, is_attack) in rows {
            for field in record {
                match field {
                    Field::Number(x) => write!(out, "{x},")?,
                    Field::Word(word) => write!(out, "{word},")?,
                }
            }
            writeln!(out, "{}", u8::from(is_attack))?;
        }
        out.flush()
    };
    write("train", &mut split.train.iter().map(|record| (record, false)))?;
    write("test", &mut split.test.iter().map(|(record, is_attack)| (record, *is_attack)))
}
