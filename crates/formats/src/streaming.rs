//! Walking a large JSON array or object one item at a time, so that memory stays that of one item.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::FormatError;

/// What a walk may take in.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub format: &'static str,
    pub bytes: u64,
    pub items: usize,
}

/// A reader that fails once more than its limit was read, and remembers that it did.
struct Capped<'a, R> {
    inner: R,
    left: u64,
    passed: &'a std::cell::Cell<bool>,
}

impl<R: Read> Read for Capped<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let count = u64::try_from(read).unwrap_or(u64::MAX);
        if count > self.left {
            self.passed.set(true);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more bytes than the limit"));
        }
        self.left -= count;
        Ok(read)
    }
}

/// Calls `each` with every item of a JSON array. Returns the number of items.
pub(crate) fn json_array<T: DeserializeOwned>(
    reader: impl Read,
    bounds: Bounds,
    mut each: impl FnMut(T) -> Result<(), FormatError>,
) -> Result<usize, FormatError> {
    json_items(reader, bounds, &mut |_: Option<String>, item| each(item))
}

/// Calls `each` with every key and value of a JSON object. Returns the number of keys.
pub(crate) fn json_object<T: DeserializeOwned>(
    reader: impl Read,
    bounds: Bounds,
    mut each: impl FnMut(String, T) -> Result<(), FormatError>,
) -> Result<usize, FormatError> {
    json_items(reader, bounds, &mut |key: Option<String>, item| each(key.unwrap_or_default(), item))
}

type Each<'a, T> = &'a mut dyn FnMut(Option<String>, T) -> Result<(), FormatError>;

fn json_items<T: DeserializeOwned>(
    reader: impl Read,
    bounds: Bounds,
    each: Each<'_, T>,
) -> Result<usize, FormatError> {
    let passed = std::cell::Cell::new(false);
    let capped = Capped { inner: reader, left: bounds.bytes, passed: &passed };
    let mut stopped = None;
    let mut count = 0;
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(capped));
    let walk = Walk {
        bounds,
        count: &mut count,
        stopped: &mut stopped,
        each,
        item: PhantomData::<fn() -> T>,
    };
    let outcome = walk.deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = stopped {
        return Err(error);
    }
    if passed.get() {
        return Err(FormatError::TooLarge { format: bounds.format, limit: bounds.bytes });
    }
    outcome.map_err(|error| FormatError::malformed(bounds.format, error))?;
    Ok(count)
}

struct Walk<'a, T> {
    bounds: Bounds,
    count: &'a mut usize,
    stopped: &'a mut Option<FormatError>,
    each: Each<'a, T>,
    item: PhantomData<fn() -> T>,
}

impl<T> Walk<'_, T> {
    fn take<E: serde::de::Error>(&mut self, key: Option<String>, item: T) -> Result<(), E> {
        let Bounds { format, items, .. } = self.bounds;
        *self.count += 1;
        FormatError::check_count(format, "items", *self.count, items)
            .and_then(|()| (self.each)(key, item))
            .map_err(|error| {
                let text = E::custom(&error);
                *self.stopped = Some(error);
                text
            })
    }
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Walk<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Walk<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<T>()? {
            self.take(None, item)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, item)) = map.next_entry::<String, T>()? {
            self.take(Some(key), item)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { format: "test", bytes: 64, items: 3 };

    fn numbers(text: &str) -> Result<Vec<u32>, FormatError> {
        let mut all = Vec::new();
        json_array(text.as_bytes(), BOUNDS, |n: u32| {
            all.push(n);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn items_come_one_at_a_time_and_limits_are_named() {
        assert_eq!(numbers("[1, 2, 3]").unwrap(), [1, 2, 3]);
        assert_eq!(
            numbers("[1,2,3,4]"),
            Err(FormatError::TooMany { format: "test", what: "items", limit: 3 })
        );
        let long = format!("[{}1]", " ".repeat(100));
        assert_eq!(numbers(&long), Err(FormatError::TooLarge { format: "test", limit: 64 }));
        for bad in ["", "[1,", "[1] x", "7", "[\"a\"]"] {
            assert!(matches!(numbers(bad), Err(FormatError::Malformed { .. })), "{bad}");
        }
    }
}
