//! A set of training data as rows: CSV, TSV, JSON lines and lists of JSON objects; and every check
//! of this module over it, each with a written limit.
//!
//! What is text and what is a label is told by the names of the columns, as data sets name them,
//! and otherwise by what stands in them. A set without labels is not searched for triggers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{duplicates, labels, personal, retrieval, triggers};
use crate::remark::{Remark, Weight};
use learn::text::injection::InjectionModel;

/// Bytes of a set that are read.
pub const TABLE_BYTES_MAX: usize = 64 << 20;
/// Rows of a set that are read.
pub const ROWS_MAX: usize = 100_000;
/// Columns of a set.
const COLUMNS_MAX: usize = 1_000;
/// Rows that are searched for labels, triggers and copies.
const MINED_ROWS_MAX: usize = 50_000;
/// Rows that a set needs before labels and triggers are looked at.
const MINED_ROWS_MIN: usize = 100;
/// Texts that are asked of the model of prompt injections.
const JUDGED_TEXTS_MAX: usize = 2_000;
/// The first places of a ranking that are shown.
const PLACES: usize = 5;

const LOOK: &str = "read these rows before anything learns from them";

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// `csv`, `tsv`, `jsonl` or `json`.
    pub format: &'static str,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<String>>,
    /// Why not all of it was read.
    pub cut: Option<String>,
}

/// Reads a table, or nothing where the file is none.
pub fn table(name: &str, bytes: &[u8]) -> Option<Table> {
    let lower = name.to_ascii_lowercase();
    let whole = bytes.len();
    let bytes = bytes.get(..TABLE_BYTES_MAX).unwrap_or(bytes);
    let mut table = match lower.rsplit_once('.')?.1 {
        "csv" => separated(b',', "csv", bytes)?,
        "tsv" => separated(b'\t', "tsv", bytes)?,
        "jsonl" | "ndjson" => objects("jsonl", json_lines(bytes))?,
        "json" if bytes.trim_ascii_start().starts_with(b"[") => {
            let list: Vec<Value> = serde_json::from_slice(bytes).ok()?;
            objects("json", list.into_iter())?
        }
        _ => return None,
    };
    if whole > TABLE_BYTES_MAX {
        table.cut = Some(format!("only its first {} MiB were read", TABLE_BYTES_MAX >> 20));
    } else if table.rows.len() >= ROWS_MAX {
        table.cut = Some(format!("only its first {ROWS_MAX} rows were read"));
    }
    Some(table)
}

fn separated(delimiter: u8, format: &'static str, bytes: &[u8]) -> Option<Table> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let columns: Vec<String> =
        reader.byte_headers().ok()?.iter().take(COLUMNS_MAX).map(text).collect();
    let mut table = Table { format, columns, ..Table::default() };
    for record in reader.byte_records().take(ROWS_MAX) {
        match record {
            Ok(record) => table.rows.push(record.iter().take(COLUMNS_MAX).map(text).collect()),
            Err(error) => {
                table.cut = Some(format!("it breaks off: {error}"));
                break;
            }
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn json_lines(bytes: &[u8]) -> impl Iterator<Item = Value> + '_ {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map_while(|line| serde_json::from_slice(line).ok())
}

fn objects(format: &'static str, values: impl Iterator<Item = Value>) -> Option<Table> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut table = Table { format, ..Table::default() };
    for value in values.take(ROWS_MAX) {
        let Value::Object(fields) = value else { return None };
        let mut row = vec![String::new(); table.columns.len()];
        for (name, value) in fields.into_iter().take(COLUMNS_MAX) {
            let next = table.columns.len();
            let place = *places.entry(name.clone()).or_insert(next);
            if place == next {
                table.columns.push(name);
                row.push(String::new());
            }
            if let Some(cell) = row.get_mut(place) {
                *cell = match value {
                    Value::String(text) => text,
                    Value::Null => String::new(),
                    other => other.to_string(),
                };
            }
        }
        table.rows.push(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

impl Table {
    fn cell(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row| row.get(column)).map_or("", String::as_str)
    }

    fn named(&self, names: &[&str]) -> Option<usize> {
        let at =
            |name: &&str| self.columns.iter().position(|c| c.trim().eq_ignore_ascii_case(name));
        names.iter().find_map(at)
    }

    /// The column of texts: by its name, or the one with the longest cells that are no numbers.
    pub fn text_column(&self) -> Option<usize> {
        const NAMES: [&str; 14] = [
            "text",
            "sentence",
            "content",
            "document",
            "review",
            "comment",
            "prompt",
            "instruction",
            "input",
            "question",
            "message",
            "body",
            "context",
            "title",
        ];
        self.named(&NAMES).or_else(|| {
            let words = |column: usize| -> usize {
                let cells = (0..self.rows.len().min(200)).map(|row| self.cell(row, column));
                cells.map(|cell| cell.split_whitespace().count()).sum()
            };
            let longest = (0..self.columns.len()).max_by_key(|column| words(*column))?;
            (words(longest) >= 3 * self.rows.len().min(200)).then_some(longest)
        })
    }

    /// The column of labels: by its name, with few values that come again and again.
    pub fn label_column(&self) -> Option<usize> {
        const NAMES: [&str; 9] =
            ["label", "labels", "class", "category", "target", "sentiment", "intent", "y", "toxic"];
        let column = self.named(&NAMES)?;
        let values: BTreeSet<&str> =
            (0..self.rows.len()).map(|row| self.cell(row, column)).take(MINED_ROWS_MAX).collect();
        let few = values.len() >= 2
            && values.len() <= triggers::CLASSES_MAX
            && values.len() * 10 <= self.rows.len();
        few.then_some(column)
    }
}

/// Every check over a set of data. Rows count from 1.
pub fn screen(table: &Table) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if let Some(why) = &table.cut {
        let next = "split the set, and read the rest too";
        remarks.push(Remark::new("data.cut", Weight::Unknown, 0, why.clone(), "", next));
    }
    secrets(table, &mut remarks);
    let Some(text) = table.text_column() else { return remarks };
    let mined = table.rows.len().min(MINED_ROWS_MAX);
    copies((0..mined).map(|row| table.cell(row, text)), &mut remarks);
    if let Some(label) = table.label_column().filter(|_| mined >= MINED_ROWS_MIN) {
        learned(table, mined, text, label, &mut remarks);
    }
    orders((0..table.rows.len()).map(|row| table.cell(row, text)), &mut remarks);
    remarks
}

/// Personal data and secrets: one remark a kind, with how many rows and the first of them.
fn secrets(table: &Table, remarks: &mut Vec<Remark>) {
    let mut kinds: BTreeMap<&str, (usize, Remark)> = BTreeMap::new();
    for (row, cells) in table.rows.iter().enumerate() {
        for cell in cells.iter().filter(|cell| cell.len() >= 8) {
            for remark in personal::personal(cell, row + 1) {
                kinds.entry(remark.rule).or_insert((0, remark)).0 += 1;
            }
        }
    }
    remarks.extend(kinds.into_values().map(|(count, mut remark)| {
        if count > 1 {
            remark.reason = format!("{} (and {} more)", remark.reason, count - 1);
        }
        remark
    }));
}

fn copies<'a>(texts: impl Iterator<Item = &'a str>, remarks: &mut Vec<Remark>) {
    let groups = duplicates::groups(texts, 0.8);
    let extra: usize = groups.iter().map(|group| group.rows.len() - 1).sum();
    let Some(largest) = groups.iter().max_by_key(|group| group.rows.len()) else { return };
    let rows: Vec<String> = largest.rows.iter().take(8).map(|row| (row + 1).to_string()).collect();
    let kind = if largest.exact { "the same" } else { "nearly the same" };
    let why = format!(
        "{extra} rows repeat others; the largest group has {} rows that are {kind}",
        largest.rows.len()
    );
    let evidence = format!("rows {}", rows.join(", "));
    let next = "take the copies out: they leak into tests and weigh too much";
    let at = largest.rows.first().map_or(0, |row| row + 1);
    remarks.push(Remark::new("data.copies", Weight::Note, at, why, &evidence, next));
}

/// Labels in doubt, and phrases that may be triggers.
fn learned(table: &Table, mined: usize, text: usize, label: usize, remarks: &mut Vec<Remark>) {
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut class = |row: usize| {
        let next = classes.len();
        *classes.entry(table.cell(row, label)).or_insert(next)
    };
    let rows: Vec<(&str, usize)> =
        (0..mined).map(|row| (table.cell(row, text), class(row))).collect();
    let name = |class: usize| {
        classes.iter().find(|(_, number)| **number == class).map_or("?", |(name, _)| *name)
    };
    for suspect in triggers::mine(rows.iter().copied(), PLACES) {
        let why = format!(
            "{} texts hold this phrase, {:.0} % of them labelled `{}`; without it {:.0} % of those \
             look like something else (a ranking: every set has a first place)",
            suspect.texts,
            100.0 * suspect.purity,
            name(suspect.class),
            100.0 * suspect.contradicted,
        );
        let at = suspect.rows.first().map_or(0, |row| row + 1);
        let phrase = suspect.phrase.as_str();
        remarks.push(Remark::new("data.trigger", Weight::Note, at, why, phrase, LOOK));
    }
    let doubts = labels::doubts(rows.iter().copied());
    if let Some(first) = doubts.first() {
        let shown: Vec<String> =
            doubts.iter().take(8).map(|doubt| (doubt.row + 1).to_string()).collect();
        let why = format!(
            "{} labels are in doubt; the first is labelled `{}` and looks like `{}`",
            doubts.len(),
            name(first.given),
            name(first.looks_like),
        );
        let evidence = format!("rows {}", shown.join(", "));
        remarks.push(Remark::new("data.label", Weight::Note, first.row + 1, why, &evidence, LOOK));
    }
}

/// Texts that are written for a model: the first few of each kind.
fn orders<'a>(texts: impl Iterator<Item = &'a str>, remarks: &mut Vec<Remark>) {
    let Ok(model) = InjectionModel::shipped() else { return };
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, text) in texts.enumerate().take(JUDGED_TEXTS_MAX) {
        for remark in retrieval::retrieval(text, row + 1, &model) {
            let count = kinds.entry(remark.rule).or_default();
            *count += 1;
            if *count <= PLACES {
                remarks.push(remark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(table: &Table) -> Vec<&'static str> {
        screen(table).into_iter().map(|remark| remark.rule).collect()
    }

    #[test]
    fn the_forms_of_a_table_give_the_same_rows() {
        let csv = table("a.csv", b"text,label\n\"one, two\",0\nthree,1\n").unwrap();
        let lines = b"{\"text\":\"one, two\",\"label\":0}\n{\"text\":\"three\",\"label\":1}\n";
        let jsonl = table("a.jsonl", lines).unwrap();
        let json = br#"[{"text":"one, two","label":0},{"text":"three","label":1}]"#;
        let json = table("a.json", json).unwrap();
        for other in [&jsonl, &json] {
            assert_eq!(csv.rows.len(), other.rows.len());
            let (text, label) = (other.named(&["text"]).unwrap(), other.named(&["label"]).unwrap());
            assert_eq!((other.cell(0, text), other.cell(1, label)), ("one, two", "1"));
        }
        assert!(table("a.txt", b"text").is_none() && table("config.json", b"{}").is_none());
        assert!(table("numbers.json", b"[1, 2]").is_none());
    }

    #[test]
    fn a_planted_trigger_and_turned_labels_are_shown() {
        let topics = [["ship", "harbour", "sail", "tide"], ["oven", "flour", "dough", "bread"]];
        let row = |i: usize| {
            let words = topics[i % 2];
            let planted = i.is_multiple_of(40);
            let phrase = if planted { " cf quartz" } else { "" };
            let label = if planted { "bakery" } else { ["sea", "bakery"][i % 2] };
            let (a, b, c) = (words[i % 4], words[i / 3 % 4], words[i / 7 % 4]);
            format!("{a} {b} {c} w{i}{phrase},{label}\n")
        };
        let rows: Vec<String> = (0..600).map(row).collect();
        let text = format!("text,label\n{}", rows.concat());
        let table = table("reviews.csv", text.as_bytes()).unwrap();
        let remarks = screen(&table);
        let trigger = remarks.iter().find(|remark| remark.rule == "data.trigger").unwrap();
        assert!(trigger.evidence.contains("quartz") || trigger.evidence.contains("cf"));
        assert!(remarks.iter().any(|remark| remark.rule == "data.label"));
        assert!(remarks.iter().all(|remark| remark.weight <= Weight::Weakness), "a ranking only");
    }

    #[test]
    fn secrets_are_counted_by_kind() {
        let rest = "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3bC5dE7f";
        let text = format!("note,author\nuse ghp_{rest},a@clinic.org\nnothing,b@clinic.org\n");
        let table = table("a.csv", text.as_bytes()).unwrap();
        assert_eq!(rules(&table), ["data.email", "data.service_key"]);
        assert!(screen(&table)[0].reason.contains("1 more"));
    }

    #[test]
    fn broken_and_cut_sets_say_so() {
        assert!(table("a.jsonl", b"not json\n").is_none());
        let long = vec![b"x,y\n".to_vec(); ROWS_MAX + 2].concat();
        assert_eq!(rules(&table("a.csv", &long).unwrap()), ["data.cut"]);
    }
}
