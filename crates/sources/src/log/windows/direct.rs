//! An event of Windows from JSON straight into its flat form: what [`super::flat::flatten`] makes
//! of the parsed tree, without most of the tree.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::flat::{NESTED_MAX, flatten_item, is_field, message, put};
use crate::log::json::ValueSeed;

type Flat = Map<String, Value>;

/// Reads `{"Event": {"System": .., "EventData": ..}}` as the `evtx` library prints it: what tells
/// an event apart comes before its data.
pub(crate) fn read(json: &[u8]) -> serde_json::Result<Flat> {
    let (mut flat, fields) = (Flat::new(), Cell::new(0));
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let seed = ValueSeed::new(&fields);
    deserializer.deserialize_map(Level { at: At::Root, flat: &mut flat, seed })?;
    deserializer.end()?;
    Ok(flat)
}

/// Which object is read.
#[derive(Clone, Copy)]
enum At {
    Root,
    Event,
    System,
}

/// One of the objects that every event has.
struct Level<'f, 'c> {
    at: At,
    flat: &'f mut Flat,
    seed: ValueSeed<'c>,
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let (flat, seed) = (self.flat, self.seed.deeper()?);
        while let Some(key) = access.next_key::<String>()? {
            seed.count()?;
            match (self.at, key.as_str()) {
                (At::Root, "Event") => {
                    access.next_value_seed(Level { at: At::Event, flat: &mut *flat, seed })?;
                }
                (At::Event, "System") => {
                    access.next_value_seed(Level { at: At::System, flat: &mut *flat, seed })?;
                }
                (At::Root, _) | (At::Event, "#attributes" | "xmlns") => {
                    access.next_value::<IgnoredAny>()?;
                }
                (At::Event, "RenderingInfo") => {
                    let info = access.next_value_seed(seed)?;
                    flat.extend(message(&info).map(|text| ("Message".to_owned(), text.clone())));
                }
                (At::Event, _) => {
                    access.next_value_seed(Data { key, depth: 0, flat: &mut *flat, seed })?;
                }
                (At::System, _) => flatten_item(key, access.next_value_seed(seed)?, flat),
            }
        }
        Ok(())
    }
}

/// Event data: what stands behind a key, and in it.
struct Data<'f, 'c> {
    key: String,
    depth: usize,
    flat: &'f mut Flat,
    seed: ValueSeed<'c>,
}

impl Data<'_, '_> {
    fn put(self, value: Value) {
        put(self.key, value, self.flat);
    }
}

impl<'de> DeserializeSeed<'de> for Data<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("event data")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(Value::from(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(Value::from(value));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(Value::from(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.put(Value::String(value.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let list = self.seed.visit_seq(seq)?;
        self.put(list);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        if self.depth >= NESTED_MAX {
            let whole = self.seed.visit_map(access)?;
            self.put(whole);
            return Ok(());
        }
        let Self { key: own, depth, flat, seed } = self;
        let seed = seed.deeper()?;
        let (mut attributes, mut others) = (None, false);
        while let Some(key) = access.next_key::<String>()? {
            seed.count::<A::Error>()?;
            if key == "#attributes" {
                attributes = Some(access.next_value_seed(seed)?);
                continue;
            }
            others = true;
            let key = if key == "#text" { own.clone() } else { key };
            access.next_value_seed(Data { key, depth: depth + 1, flat: &mut *flat, seed })?;
        }
        // An element that has nothing but attributes: they are the data.
        if let Some(Value::Object(attributes)) = attributes.filter(|_| !others) {
            let fields = attributes.into_iter().filter(|(name, _)| is_field(name));
            fields.for_each(|(name, value)| put(name, value, flat));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::flat::flatten;
    use super::*;
    use crate::log::json;

    /// What comes of the tree.
    fn by_tree(text: &str) -> Flat {
        let mut event = json::parse(text.as_bytes()).unwrap();
        match event.remove("Event") {
            Some(Value::Object(inner)) => flatten(inner),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_what_the_tree_gives() {
        for data in [
            r#""EventData":{"Image":"C:\\a.exe","Level":"own","Channel":"of another","X":null}"#,
            r##""EventData":{"Data":{"#text":["a","b"]},"Binary":null}"##,
            r#""EventData":{"Data":"a","Data_1":2,"Data_2":true,"Data_3":1.5}"#,
            r##""UserData":{"LogFileCleared":{"#attributes":{"xmlns":"y"},"SubjectUserName":"ann"}}"##,
            r##""UserData":{"A":{"#attributes":{"xmlns":"y","Id":7}}},"RenderingInfo":{"Message":"m"}"##,
            r#""EventData":{"A":{"B":{"C":{"D":{"E":{"F":{"G":{"H":{"I":{"J":1}}}}}}}}}}"#,
            r#""EventData":null,"ProcessingErrorData":{"ErrorCode":15},"RenderingInfo":null"#,
        ] {
            let text = format!(
                "{{\"Event\":{{\"#attributes\":{{\"xmlns\":\"x\"}},\"System\":{{\
                 \"Provider\":{{\"#attributes\":{{\"Name\":\"P\",\"Guid\":\"{{g}}\"}}}},\
                 \"EventID\":{{\"#attributes\":{{\"Qualifiers\":16384}},\"#text\":7045}},\
                 \"Channel\":\"System\",\"Correlation\":null,\"Level\":4}},{data}}}}}"
            );
            assert_eq!(read(text.as_bytes()).unwrap(), by_tree(&text), "{text}");
        }
    }

    #[test]
    fn depth_and_fields_are_bounded() {
        let deep = format!("{{\"Event\":{}1{}}}", "{\"a\":".repeat(90), "}".repeat(90));
        assert!(read(deep.as_bytes()).unwrap_err().to_string().contains("levels"));
        let many = (0..20_000).map(|n| format!("\"f{n}\":1")).collect::<Vec<_>>().join(",");
        let many = format!("{{\"Event\":{{\"EventData\":{{{many}}}}}}}");
        assert!(read(many.as_bytes()).unwrap_err().to_string().contains("fields"));
        assert!(read(b"{\"Event\":3}").is_err() && read(b"[]").is_err());
    }
}
