//! Holds what the log sources emit against the OCSF schema, which stands in a folder beside the
//! repository (`RINGFORT_CORPUS`). Skipped, loudly, where it is not there.
//!
//! Checked are: the class is known, `category_uid` and `type_uid` follow from it, every attribute
//! is one of its class or object, required ones are there, types and enumerations hold, and so do
//! the constraints (`at_least_one`, `just_one`). Attributes of profiles are allowed everywhere and
//! never required.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::log::Context;
use crate::log_registry;

type Attributes = BTreeMap<String, Map<String, Value>>;

/// The schema with everything that is inherited and included filled in.
pub(crate) struct Schema {
    root: PathBuf,
    types: Map<String, Value>,
    dictionary: Map<String, Value>,
    /// Definitions of a name: its own, and what extensions add.
    events: BTreeMap<String, Vec<Value>>,
    objects: BTreeMap<String, Vec<Value>>,
    categories: BTreeMap<String, u64>,
    /// Names of classes by `class_uid`.
    classes: BTreeMap<u64, String>,
}

fn corpus(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join(below);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there; set RINGFORT_CORPUS", folder.display());
    None
}

fn json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn definitions(folder: &Path, into: &mut BTreeMap<String, Vec<Value>>, extension: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            definitions(&path, into, extension);
            continue;
        }
        let mut value = json(&path);
        value["extension_uid"] = extension.into();
        let name = value["name"].as_str().or_else(|| value["extends"].as_str()).unwrap().to_owned();
        into.entry(name).or_default().push(value);
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl Schema {
    pub(crate) fn load() -> Option<Self> {
        let root = corpus("ocsf-schema")?;
        let dictionary = json(&root.join("dictionary.json"));
        let mut schema = Self {
            types: object(&dictionary["types"]["attributes"]),
            dictionary: object(&dictionary["attributes"]),
            events: BTreeMap::new(),
            objects: BTreeMap::new(),
            categories: BTreeMap::new(),
            classes: BTreeMap::new(),
            root: root.clone(),
        };
        let categories = json(&root.join("categories.json"));
        for (name, category) in object(&categories["attributes"]) {
            schema.categories.insert(name, category["uid"].as_u64().unwrap());
        }
        definitions(&root.join("events"), &mut schema.events, 0);
        definitions(&root.join("objects"), &mut schema.objects, 0);
        for name in ["linux", "windows", "macos"] {
            let folder = root.join("extensions").join(name);
            let uid = json(&folder.join("extension.json"))["uid"].as_u64().unwrap();
            definitions(&folder.join("events"), &mut schema.events, uid);
            definitions(&folder.join("objects"), &mut schema.objects, uid);
            let path = folder.join("dictionary.json");
            let more = if path.exists() { json(&path) } else { Value::Null };
            for (key, value) in object(&more["attributes"]) {
                schema.dictionary.entry(key).or_insert(value);
            }
            schema.types.extend(object(&more["types"]["attributes"]));
        }
        schema.classes.insert(0, "base_event".into());
        for (name, list) in &schema.events {
            let first = &list[0];
            let Some(uid) = first["uid"].as_u64() else { continue };
            let Some(category) = schema.category(name) else { continue };
            let extension = first["extension_uid"].as_u64().unwrap();
            schema.classes.insert(extension * 100_000 + category * 1_000 + uid, name.clone());
        }
        Some(schema)
    }

    fn category(&self, name: &str) -> Option<u64> {
        let definition = self.events.get(name)?.first()?;
        match definition["category"].as_str() {
            Some(category) => self.categories.get(category).copied(),
            None => self.category(definition["extends"].as_str()?),
        }
    }

    /// The attributes of a class or an object, with all that it inherits.
    fn attributes(&self, pool: &BTreeMap<String, Vec<Value>>, name: &str) -> Attributes {
        let mut attributes = Attributes::new();
        for definition in pool.get(name).into_iter().flatten() {
            if let Some(parent) = definition["extends"].as_str().filter(|parent| *parent != name) {
                for (key, value) in self.attributes(pool, parent) {
                    attributes.entry(key).or_default().extend(value);
                }
            }
            for (key, value) in object(&definition["attributes"]) {
                if key == "$include" {
                    self.include(&value, &mut attributes);
                } else {
                    attributes.entry(key).or_default().extend(object(&value));
                }
            }
        }
        attributes
    }

    /// Attributes of a profile: they may be there, whatever the profile says.
    fn include(&self, files: &Value, attributes: &mut Attributes) {
        let files = files.as_array().cloned().unwrap_or_else(|| vec![files.clone()]);
        for file in files {
            let file = file.as_str().unwrap();
            let places = [self.root.join(file), self.root.join("extensions/linux").join(file)];
            let Some(path) = places.iter().find(|path| path.exists()) else { continue };
            for (key, value) in object(&json(path)["attributes"]) {
                let mut value = object(&value);
                value.insert("requirement".into(), "optional".into());
                let known = attributes.entry(key).or_default();
                for (key, value) in value {
                    known.entry(key).or_insert(value);
                }
            }
        }
    }

    /// What is wrong with an event.
    pub(crate) fn problems(&self, event: &Map<String, Value>) -> Vec<String> {
        let class_uid = event.get("class_uid").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let Some(name) = self.classes.get(&class_uid) else {
            return vec![format!("no class {class_uid}")];
        };
        let mut problems = Vec::new();
        let number = |key: &str| event.get(key).and_then(Value::as_u64);
        if number("category_uid") != Some(class_uid % 100_000 / 1_000) {
            problems.push(format!("{name}: category_uid {:?}", event.get("category_uid")));
        }
        if number("type_uid") != number("activity_id").map(|activity| class_uid * 100 + activity) {
            problems.push(format!("{name}: type_uid {:?}", event.get("type_uid")));
        }
        self.check(&self.events, name, event, name, &mut problems);
        problems
    }

    fn check(
        &self,
        pool: &BTreeMap<String, Vec<Value>>,
        name: &str,
        map: &Map<String, Value>,
        place: &str,
        problems: &mut Vec<String>,
    ) {
        // Any keys may stand in these two.
        if matches!(name, "object" | "unmapped") {
            return;
        }
        let attributes = self.attributes(pool, name);
        for (key, attribute) in &attributes {
            if attribute.get("requirement").is_some_and(|r| r == "required")
                && !map.contains_key(key)
            {
                problems.push(format!("{place}.{key} is required"));
            }
        }
        for definition in pool.get(name).into_iter().flatten() {
            let keys = |rule: &str| -> Vec<String> {
                let list = definition["constraints"][rule].as_array().cloned().unwrap_or_default();
                list.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
            };
            let there = |keys: &[String]| keys.iter().filter(|key| map.contains_key(*key)).count();
            let (some, one) = (keys("at_least_one"), keys("just_one"));
            if !some.is_empty() && there(&some) == 0 {
                problems.push(format!("{place} needs one of {some:?}"));
            }
            if !one.is_empty() && there(&one) != 1 {
                problems.push(format!("{place} needs just one of {one:?}"));
            }
        }
        for (key, value) in map {
            // They are computed from the class, which is checked already.
            if matches!(key.as_str(), "class_uid" | "category_uid" | "type_uid") {
                continue;
            }
            let place = format!("{place}.{key}");
            match attributes.get(key) {
                None => problems.push(format!("{place} is no attribute of {name}")),
                Some(attribute) => self.check_value(key, attribute, value, &place, problems),
            }
        }
    }

    fn check_value(
        &self,
        key: &str,
        attribute: &Map<String, Value>,
        value: &Value,
        place: &str,
        problems: &mut Vec<String>,
    ) {
        let mut definition = self.dictionary.get(key).map(object).unwrap_or_default();
        let mut values = object(definition.get("enum").unwrap_or(&Value::Null));
        values.extend(object(attribute.get("enum").unwrap_or(&Value::Null)));
        definition.extend(attribute.clone());
        let items = match (definition.get("is_array"), value) {
            (Some(Value::Bool(true)), Value::Array(list)) => list.iter().collect(),
            (Some(Value::Bool(true)), _) => {
                problems.push(format!("{place} is no list"));
                return;
            }
            _ => vec![value],
        };
        let kind = definition.get("type").and_then(Value::as_str).unwrap_or_default();
        for item in items {
            if !values.is_empty() {
                let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                if !values.contains_key(&text) {
                    problems.push(format!("{place} is {text}, which is no value of it"));
                }
            }
            if let Some(map) = item.as_object().filter(|_| self.objects.contains_key(kind)) {
                self.check(&self.objects, kind, map, place, problems);
            } else if !self.is_of(kind, item) {
                problems.push(format!("{place} is {item}, and should be {kind}"));
            }
        }
    }

    fn is_of(&self, kind: &str, value: &Value) -> bool {
        match kind {
            "boolean_t" => value.is_boolean(),
            "integer_t" | "long_t" | "timestamp_t" => value.is_i64() || value.is_u64(),
            "float_t" => value.is_number(),
            "port_t" => value.as_u64().is_some_and(|port| port <= 65_535),
            "json_t" => true,
            "ip_t" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
            kind if self.types.contains_key(kind) => value.is_string(),
            _ => false,
        }
    }
}

#[test]
fn every_golden_record_holds_against_the_schema() {
    let Some(schema) = Schema::load() else { return };
    let mut checked = 0;
    let mut classes = std::collections::BTreeSet::new();
    // Events that are OCSF already are passed on as they are.
    for source in log_registry::ALL.iter().filter(|source| source.name != "ocsf") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(source.name);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "in") {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let context = Context { host: "h.example", ..Context::default() };
            let mut sink = |record: crate::log::Record| {
                let problems = schema.problems(&record.ocsf);
                assert!(problems.is_empty(), "{}: {problems:#?}\n{record:#?}", path.display());
                assert_eq!(record.ocsf["class_uid"], record.class_uid);
                checked += 1;
                classes.insert(record.class_uid);
                ControlFlow::Continue(())
            };
            (source.read)(&mut bytes.as_slice(), &context, &mut sink).unwrap();
        }
    }
    eprintln!("{checked} records of {} classes hold: {classes:?}", classes.len());
    assert!(classes.len() >= 20, "{classes:?}");
}

#[test]
fn the_check_can_fail() {
    let Some(schema) = Schema::load() else { return };
    let good: Value = serde_json::from_str(
        r#"{"class_uid":1001,"category_uid":1,"activity_id":5,"type_uid":100105,"severity_id":1,
        "time":1,"metadata":{"version":"1.9.0","product":{"name":"x"}},"device":{"type_id":0},
        "actor":{"process":{"pid":1}},"file":{"name":"a","type_id":1}}"#,
    )
    .unwrap();
    assert_eq!(schema.problems(good.as_object().unwrap()), Vec::<String>::new());
    for (pointer, value) in [
        ("/class_uid", Value::from(1_999)),
        ("/category_uid", Value::from(2)),
        ("/activity_id", Value::from(77)),
        ("/time", Value::from("now")),
        ("/metadata", Value::from(1)),
        ("/device", serde_json::json!({})),
        ("/actor", serde_json::json!({})),
        ("/actor/process", serde_json::json!({"name": "x"})),
        ("/file/name", Value::from(7)),
        ("/file", serde_json::json!({"name": "a", "type_id": 1, "colour": "red"})),
        ("/actor", serde_json::json!({"process": {"pid": 1, "file": {"name": "a"}}})),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!schema.problems(bad.as_object().unwrap()).is_empty(), "{pointer}");
    }
}
