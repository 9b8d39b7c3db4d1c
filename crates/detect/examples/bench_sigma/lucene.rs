//! The data set's rules are Lucene filters that were made from Sigma rules; this turns them back.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A Sigma rule with the meaning of a filter. `None` where the filter uses more than terms,
/// phrases, regular expressions, `AND`, `OR`, `NOT`, lists and brackets.
pub fn to_sigma(title: &str, filter: &str) -> Option<String> {
    let mut reader = Reader { rest: filter, leaves: Vec::new() };
    let condition = reader.either(None)?;
    if !reader.rest.trim().is_empty() {
        return None;
    }
    let mut detection = BTreeMap::new();
    for (place, (field, value)) in reader.leaves.iter().enumerate() {
        detection.insert(format!("s{place}"), BTreeMap::from([(field, value)]));
    }
    let mut out = format!(
        "title: {title}\nid: {title}\nlogsource: {{product: windows, category: process_creation}}\n\
         detection:\n"
    );
    for (name, item) in detection {
        for (field, value) in item {
            writeln!(out, "  {name}:\n    {}: {}", quoted(field), value).ok()?;
        }
    }
    writeln!(out, "  condition: {}", quoted(&condition)).ok()?;
    Some(out)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

struct Reader<'a> {
    rest: &'a str,
    /// Field and value as YAML.
    leaves: Vec<(String, String)>,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn either(&mut self, field: Option<&str>) -> Option<String> {
        let mut parts = vec![self.both(field)?];
        while self.take("OR ") || self.take("OR\n") {
            parts.push(self.both(field)?);
        }
        Some(format!("({})", parts.join(" or ")))
    }

    fn both(&mut self, field: Option<&str>) -> Option<String> {
        let mut parts = vec![self.one(field)?];
        while self.take("AND ") || self.take("AND\n") {
            parts.push(self.one(field)?);
        }
        Some(parts.join(" and "))
    }

    fn one(&mut self, field: Option<&str>) -> Option<String> {
        if self.take("NOT ") {
            return Some(format!("not {}", self.one(field)?));
        }
        if self.take("(") {
            let inner = self.either(field)?;
            return self.take(")").then_some(inner);
        }
        match field {
            Some(field) => self.value(field),
            None => {
                let end = self
                    .rest
                    .find(|c: char| !(c.is_alphanumeric() || "._@".contains(c)))
                    .unwrap_or(self.rest.len());
                let (name, rest) = self.rest.split_at(end);
                if name.is_empty() {
                    return None;
                }
                self.rest = rest;
                let name = sigma_name(name);
                if !self.take(":") {
                    return Some(self.leaf(format!("{name}|exists"), "true".to_owned()));
                }
                self.one(Some(&name))
            }
        }
    }

    fn value(&mut self, field: &str) -> Option<String> {
        self.rest = self.rest.trim_start();
        if let Some(rest) = self.rest.strip_prefix('/') {
            let end = rest.find('/')?;
            let (pattern, after) = rest.split_at(end);
            self.rest = after.get(1..)?;
            // A Lucene expression matches the whole value.
            return Some(self.leaf(format!("{field}|re"), quoted(&format!("^(?:{pattern})$"))));
        }
        if let Some(rest) = self.rest.strip_prefix('"') {
            let mut text = String::new();
            let mut chars = rest.char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        self.rest = rest.get(at + 1..)?;
                        return Some(self.leaf(field.to_owned(), quoted(&text)));
                    }
                    '\\' => match rest.get(at + 1..)?.chars().next()? {
                        '"' => {
                            chars.next();
                            text.push('"');
                        }
                        '\\' => {
                            chars.next();
                            text.push_str("\\\\");
                        }
                        _ => text.push('\\'),
                    },
                    _ => text.push(c),
                }
            }
            return None;
        }
        let end = self.rest.find([' ', ')']).unwrap_or(self.rest.len());
        let (term, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!term.is_empty()).then(|| self.leaf(field.to_owned(), quoted(term)))
    }

    fn leaf(&mut self, field: String, value: String) -> String {
        self.leaves.push((field, value));
        format!("s{}", self.leaves.len() - 1)
    }
}

/// Sigma's name for a field.
fn sigma_name(ecs: &str) -> String {
    match ecs {
        "process.command_line" => "CommandLine",
        "process.executable" => "Image",
        "process.parent.executable" => "ParentImage",
        "process.parent.command_line" => "ParentCommandLine",
        "process.working_directory" => "CurrentDirectory",
        "user.name" => "User",
        "winlog.event_id" => "EventID",
        "winlog.channel" => "Channel",
        other => other.rsplit('.').next().unwrap_or(other),
    }
    .to_owned()
}
