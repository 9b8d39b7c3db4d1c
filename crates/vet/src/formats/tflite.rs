//! TensorFlow Lite: graphs as flat buffers.
//!
//! Its own operators only compute. The table of operators is read: those of full TensorFlow that a
//! model brings along (`Flex`) may read and write files and are judged as TensorFlow's; those that
//! only a library outside of the model knows are named. Texts that hold commands are found wherever
//! they lie.

use crate::bytes::{Bytes, read_up_to};
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "tflite",
    title: "TensorFlow Lite",
    family: "tflite",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// The number of the operator that stands for all that the format does not know.
const CUSTOM: i64 = 32;
/// The most operators that are read.
const OPERATORS_MAX: u64 = 10_000;
/// The longest name of an operator, bytes.
const NAME_MAX: usize = 256;

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.has_at(4, b"TFL3").then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    if operators(item.bytes, facts).is_none() {
        facts.odd(0, "header.broken", "the table of operators");
    }
    search(item, facts);
}

/// Reads the table of operators: `Model.operator_codes`.
fn operators(bytes: &dyn Bytes, facts: &mut Facts) -> Option<()> {
    let model = Table::at(bytes, u64::from(word(bytes, 0)?))?;
    let Some(codes) = model.follow(1) else { return Some(()) };
    let count = u64::from(word(bytes, codes)?);
    for index in 0..count.min(OPERATORS_MAX) {
        let at = codes + 4 + 4 * index;
        let code = Table::at(bytes, at.checked_add(u64::from(word(bytes, at)?))?)?;
        // Numbers above 127 have a field of their own.
        let old = code.field(0).and_then(|at| read_up_to(bytes, at, 1).ok()?.first().copied());
        let new = code.field(3).and_then(|at| word(bytes, at)).unwrap_or(0);
        let number = i64::from(old.unwrap_or(0)).max(i64::from(new));
        let Some(text) = code.follow(1).filter(|_| number == CUSTOM) else { continue };
        let length = usize::try_from(word(bytes, text)?).unwrap_or(usize::MAX).min(NAME_MAX);
        let name = read_up_to(bytes, text + 4, length).ok()?;
        operator(text, &String::from_utf8_lossy(&name), facts);
    }
    Some(())
}

fn operator(at: u64, name: &str, facts: &mut Facts) {
    let (family, name, detail) = match name.strip_prefix("Flex") {
        Some(name) => ("tensorflow", name, "brought along from TensorFlow"),
        None => ("tflite.custom", name, ""),
    };
    let (name, detail) = (name.to_owned(), detail.to_owned());
    facts.at(at, Fact::Operator { family, name, detail });
}

/// A table of a flat buffer: where its fields stand is kept in another table.
struct Table<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
    fields: Vec<u8>,
}

impl<'a> Table<'a> {
    fn at(bytes: &'a dyn Bytes, at: u64) -> Option<Self> {
        let back = i64::from(i32::from_le_bytes(word(bytes, at)?.to_le_bytes()));
        let fields = u64::try_from(i64::try_from(at).ok()?.checked_sub(back)?).ok()?;
        let head = read_up_to(bytes, fields, 2).ok()?;
        let size = u16::from_le_bytes(*head.first_chunk::<2>()?);
        let fields = read_up_to(bytes, fields, usize::from(size)).ok()?;
        Some(Self { bytes, at, fields })
    }

    /// Where a field stands, if it is there.
    fn field(&self, number: usize) -> Option<u64> {
        let entry = self.fields.get(4 + 2 * number..)?.first_chunk::<2>()?;
        let offset = u16::from_le_bytes(*entry);
        (offset != 0).then(|| self.at + u64::from(offset))
    }

    /// Where the vector, text or table lies that a field points to.
    fn follow(&self, number: usize) -> Option<u64> {
        let at = self.field(number)?;
        at.checked_add(u64::from(word(self.bytes, at)?))
    }
}

fn word(bytes: &dyn Bytes, at: u64) -> Option<u32> {
    Some(u32::from_le_bytes(*read_up_to(bytes, at, 4).ok()?.first_chunk::<4>()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    /// A model with one operator that the format does not know.
    fn model(operator: &str) -> Vec<u8> {
        let mut out = b"\x14\0\0\0TFL3".to_vec();
        // The fields of the model: only the second is there.
        out.extend([8, 0, 8, 0, 0, 0, 4, 0]);
        out.extend([0; 4]);
        // The model, and where its operators are.
        out.extend([12, 0, 0, 0, 4, 0, 0, 0]);
        // One operator, right behind the fields of its table.
        out.extend([1, 0, 0, 0, 16, 0, 0, 0]);
        out.extend([12, 0, 12, 0, 8, 0, 4, 0, 0, 0, 0, 0]);
        out.extend([12, 0, 0, 0, 8, 0, 0, 0, 32, 0, 0, 0]);
        out.extend(u32::try_from(operator.len()).unwrap().to_le_bytes());
        out.extend(operator.as_bytes());
        out.push(0);
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![model("Own"), model("FlexWriteFile")]
    }

    #[test]
    fn operators_that_act_are_found_in_their_table() {
        let [own, bad] = &samples()[..] else { panic!() };
        let report = vet("m.tflite", own);
        assert_eq!(report.verdict, Verdict::NothingFound);
        assert!(report.findings.iter().any(|f| f.rule == "graph.custom_op"), "{report:?}");
        assert_eq!(vet("m.tflite", bad).verdict, Verdict::Malicious);
    }

    #[test]
    fn a_table_that_is_not_there_is_not_taken_for_clean() {
        assert_eq!(vet("m.tflite", &b"\x1c\0\0\0TFL3".to_vec()).verdict, Verdict::Unknown);
    }
}
