//! JSON as a stream of scalars: a document of any size is walked without being held.

use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::limits::{NESTING_MAX, VALUES_MAX};

/// A scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A number, `null`, or the end of something empty.
    Other,
}

struct State<'s> {
    path: Vec<String>,
    left: usize,
    visit: &'s mut dyn FnMut(&[String], Scalar<'_>),
}

struct Walk<'a, 's>(&'a mut State<'s>);

/// Calls `visit` for every scalar with the keys that lead to it (`#` for a place in a list). An
/// error says where the document breaks; what came before it has been visited.
pub fn walk(reader: impl Read, visit: &mut dyn FnMut(&[String], Scalar<'_>)) -> Result<(), String> {
    let mut state = State { path: Vec::new(), left: VALUES_MAX, visit };
    let reader = std::io::BufReader::new(reader);
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    Walk(&mut state).deserialize(&mut deserializer).map_err(|error| error.to_string())
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.left == 0 || self.0.path.len() > NESTING_MAX {
            return Err(D::Error::custom("it holds more than is read of one document"));
        }
        self.0.left -= 1;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        (self.0.visit)(&self.0.path, Scalar::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        (self.0.visit)(&self.0.path, Scalar::Other);
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        (self.0.visit)(&self.0.path, Scalar::Other);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        (self.0.visit)(&self.0.path, Scalar::Other);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        (self.0.visit)(&self.0.path, Scalar::Other);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        (self.0.visit)(&self.0.path, Scalar::Text(value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.path.push("#".to_owned());
        while items.next_element_seed(Walk(self.0))?.is_some() {}
        self.0.path.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            self.0.path.push(key);
            entries.next_value_seed(Walk(self.0))?;
            self.0.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scalar_comes_with_its_path() {
        let mut seen = Vec::new();
        let text = br#"{"a": {"b": ["x", 1]}, "c": true}"#;
        walk(text.as_slice(), &mut |path, scalar| {
            seen.push(format!("{} {scalar:?}", path.join(".")));
        })
        .unwrap();
        assert_eq!(seen, ["a.b.# Text(\"x\")", "a.b.# Other", "c Bool(true)"]);
    }

    #[test]
    fn a_broken_document_gives_what_came_before() {
        let mut count = 0;
        assert!(walk(br#"{"a": "x", "b": "#.as_slice(), &mut |_, _| count += 1).is_err());
        assert_eq!(count, 1);
        let deep = "[".repeat(100_000);
        assert!(walk(deep.as_bytes(), &mut |_, _| {}).is_err());
    }
}
