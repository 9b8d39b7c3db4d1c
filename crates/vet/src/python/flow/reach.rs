//! Tells what happens when the module is imported: what its body does, and what the functions do
//! that its body calls or hands on, and those that these call.

use std::collections::HashSet;

use super::Flow;

impl Flow {
    /// Notes that a function, class or object of the module is used here.
    pub(super) fn refer(&mut self, path: &str) {
        let Some(name) = path.strip_prefix('@') else { return };
        let here = self.function().unwrap_or_default();
        let names = self.references.entry(here).or_default();
        if names.len() < 4_096 {
            names.insert(name.to_owned());
        }
    }

    /// Marks what happens on import.
    pub(super) fn tell_import(&mut self) {
        let mut reached: HashSet<String> = HashSet::new();
        let mut next: Vec<String> = vec!["__getattr__".to_owned(), "__dir__".to_owned()];
        next.extend(self.references.get("").into_iter().flatten().cloned());
        while let Some(name) = next.pop() {
            if !reached.insert(name.clone()) {
                continue;
            }
            let inside = self.references.get(name.as_str()).into_iter().flatten().cloned();
            next.extend(inside);
            if self.classes.contains_key(&name) {
                next.extend(self.made_by(&name));
            }
        }
        for act in &mut self.acts {
            let within = act.within.as_deref();
            act.on_import = within.is_none_or(|name| reached.contains(name));
        }
    }

    /// The methods that run when an object of a class is made, or a class is derived from it.
    fn made_by(&self, class: &str) -> Vec<String> {
        let own = |name: &String| {
            let method = name.strip_prefix(class).and_then(|rest| rest.strip_prefix('.'));
            method.is_some_and(|method| method.starts_with("__") && method != "__call__")
        };
        let mut out: Vec<String> =
            self.functions.keys().filter(|name| own(name)).cloned().collect();
        out.extend(self.classes.get(class).into_iter().flatten().cloned());
        out
    }

    /// The class of another module that acts, from which a class is derived.
    pub(super) fn other_base(&self, class: &str) -> Option<&str> {
        let bases = self.classes.get(class)?;
        bases.iter().map(String::as_str).find(|base| !self.classes.contains_key(*base))
    }

    /// The function that a method of a class is, in the class itself or in one it is derived from.
    pub(super) fn method_of(&self, class: &str, method: &str) -> Option<String> {
        let mut class = class.to_owned();
        for _ in 0..8 {
            let name = format!("{class}.{method}");
            if self.functions.contains_key(&name) {
                return Some(name);
            }
            let bases = self.classes.get(&class)?;
            class = bases.iter().find(|base| self.classes.contains_key(*base))?.clone();
        }
        None
    }
}
