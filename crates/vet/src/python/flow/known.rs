//! What is known of a value.

use std::rc::Rc;

/// The most names or texts that one value is followed as.
const ALTERNATIVES_MAX: usize = 6;
/// The most items of one container that are followed.
pub const ITEMS_MAX: usize = 4_096;
/// How deep containers in containers are followed.
const NESTED_MAX: u8 = 6;

/// What is known of a value. It may be one of several: branches are not decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// Dotted names of what it may be. `@name` is a function or class of the module itself,
    /// `@name()` an object of such a class, `?` a module that is not known.
    pub paths: Vec<Rc<str>>,
    /// Texts that it may be. A NUL stands for a part that is not known.
    pub texts: Vec<Rc<str>>,
    /// The number that it is.
    pub number: Option<i64>,
    /// What it holds, if it is a container: dictionaries have keys.
    pub items: Option<Rc<Vec<Item>>>,
    /// Where it comes from.
    pub taint: u16,
    /// How deep containers lie in it.
    pub nested: u8,
}

/// One item of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its key, if it is a known text.
    pub key: Option<Rc<str>>,
    /// What it is.
    pub value: Value,
}

impl Value {
    /// Something with a dotted name.
    pub fn of_path(path: impl Into<Rc<str>>) -> Self {
        Self { paths: vec![path.into()], ..Self::default() }
    }

    /// A text.
    pub fn of_text(text: impl Into<Rc<str>>) -> Self {
        Self { texts: vec![text.into()], ..Self::default() }
    }

    /// A number.
    pub fn of_number(number: i64) -> Self {
        Self { number: Some(number), ..Self::default() }
    }

    /// Something of which only is known where it comes from.
    pub fn of_taint(taint: u16) -> Self {
        Self { taint, ..Self::default() }
    }

    /// A container.
    pub fn of_items(mut items: Vec<Item>) -> Self {
        items.truncate(ITEMS_MAX);
        let taint = items.iter().fold(0, |sum, item| sum | item.value.taint);
        let nested = items.iter().map(|item| item.value.nested).max().unwrap_or(0) + 1;
        if nested > NESTED_MAX {
            return Self::of_taint(taint);
        }
        Self { items: Some(Rc::new(items)), taint, nested, ..Self::default() }
    }

    /// The first of its names.
    pub fn path(&self) -> Option<&str> {
        self.paths.first().map(|path| &**path)
    }

    /// Its text, if there is but one.
    pub fn text(&self) -> Option<&str> {
        match self.texts.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// Its text with nothing unknown in it.
    pub fn whole_text(&self) -> Option<&str> {
        self.text().filter(|text| !text.contains('\0'))
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.paths.is_empty()
            && self.texts.is_empty()
            && self.number.is_none()
            && self.items.is_none()
    }

    /// The items of a container.
    pub fn items(&self) -> &[Item] {
        self.items.as_deref().map_or(&[], Vec::as_slice)
    }

    /// What stands under a key.
    pub fn under(&self, key: &str) -> Option<&Self> {
        self.items().iter().find(|item| item.key.as_deref() == Some(key)).map(|item| &item.value)
    }

    /// The same, coming from somewhere else too.
    #[must_use]
    pub fn tainted(mut self, taint: u16) -> Self {
        self.taint |= taint;
        self
    }

    /// This or that.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        for path in &other.paths {
            if self.paths.len() < ALTERNATIVES_MAX && !self.paths.contains(path) {
                self.paths.push(Rc::clone(path));
            }
        }
        for text in &other.texts {
            if self.texts.len() < ALTERNATIVES_MAX && !self.texts.contains(text) {
                self.texts.push(Rc::clone(text));
            }
        }
        self.taint |= other.taint;
        self.nested = self.nested.max(other.nested);
        match (&self.items, &other.items) {
            (None, Some(_)) => self.items.clone_from(&other.items),
            (Some(mine), Some(theirs)) if !Rc::ptr_eq(mine, theirs) && mine.len() < 64 => {
                let mut both = mine.as_ref().clone();
                let new = theirs.iter().take(64).filter(|item| !mine.contains(item));
                both.extend(new.cloned().collect::<Vec<_>>());
                self.items = Some(Rc::new(both));
            }
            _ => {}
        }
        if self.number != other.number {
            self.number = None;
        }
        self
    }

    /// What one item of it is, whichever that may be.
    pub fn any_item(&self) -> Self {
        let mut out = Self::of_taint(self.taint);
        let mut first = true;
        for item in self.items().iter().take(64) {
            out = if first { item.value.clone().tainted(self.taint) } else { out.or(&item.value) };
            first = false;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_of_two_is_both() {
        let both = Value::of_path("os").or(&Value::default()).or(&Value::of_path("sys"));
        assert_eq!(both.paths, ["os".into(), "sys".into()]);
        assert_eq!(both.path(), Some("os"));
    }

    #[test]
    fn containers_are_followed_to_a_depth() {
        let mut value = Value::of_path("os");
        for _ in 0..100 {
            value = Value::of_items(vec![Item { key: None, value }]);
        }
        assert!(value.nested <= NESTED_MAX);
    }
}
