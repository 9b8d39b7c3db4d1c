//! Flattens an event of Windows: its `System` part and its data become one map, under the names
//! that Sigma rules use.

use serde_json::{Map, Value};

use super::IDENTITY;

/// How deep elements of event data are followed.
pub(super) const NESTED_MAX: usize = 8;

/// Flattens `{"System": .., "EventData": ..}` as evtx readers print it: attributes stand under
/// `#attributes` (or `Event_attributes` and the like), text under `#text`.
pub(crate) fn flatten(event: Map<String, Value>) -> Map<String, Value> {
    let mut flat = Map::with_capacity(40);
    let mut data = Vec::new();
    for (key, value) in event {
        match (key.as_str(), value) {
            ("System", Value::Object(system)) => flatten_system(system, &mut flat),
            ("#attributes" | "xmlns", _) | (_, Value::Null) => {}
            ("RenderingInfo", info @ Value::Object(_)) => {
                flat.extend(message(&info).map(|text| ("Message".to_owned(), text.clone())));
            }
            (_, value) => data.push((key, value)),
        }
    }
    for (key, value) in data {
        flatten_data(key, value, &mut flat, 0);
    }
    flat
}

fn flatten_system(system: Map<String, Value>, flat: &mut Map<String, Value>) {
    for (key, value) in system {
        flatten_item(key, value, flat);
    }
}

/// An element of `System`.
pub(super) fn flatten_item(key: String, value: Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(inner) => flatten_element(&key, inner, flat),
        value => drop(flat.insert(key, value)),
    }
}

/// The message that a reader on Windows put beside an event.
pub(super) fn message(rendering_info: &Value) -> Option<&Value> {
    rendering_info.get("Message").filter(|message| message.is_string())
}

/// An element of `System` with attributes.
fn flatten_element(name: &str, element: Map<String, Value>, flat: &mut Map<String, Value>) {
    for (key, value) in element {
        match (key.as_str(), value) {
            ("#text", value) => drop(flat.insert(name.to_owned(), value)),
            ("#attributes", Value::Object(attributes)) => {
                for (attribute, value) in attributes {
                    let key = system_name(name, attribute);
                    flat.insert(key, value);
                }
            }
            (_, value) => {
                let key = system_name(name, key);
                flat.insert(key, value);
            }
        }
    }
}

/// The flat name of an attribute of `System`.
fn system_name(element: &str, attribute: String) -> String {
    match (element, attribute.as_str()) {
        ("Provider", "Name") => "Provider_Name".into(),
        ("Provider", "Guid") => "Provider_Guid".into(),
        ("Execution", "ProcessID") => "ExecutionProcessID".into(),
        ("Execution", "ThreadID") => "ExecutionThreadID".into(),
        // `SystemTime`, `UserID`, `ActivityID`, `RelatedActivityID`, `Qualifiers`
        _ => attribute,
    }
}

/// Event data: `EventData`, `UserData`, and what stands in them. Elements that only hold others
/// leave no name behind.
pub(crate) fn flatten_data(key: String, value: Value, flat: &mut Map<String, Value>, depth: usize) {
    match value {
        Value::Object(mut inner) if depth < NESTED_MAX => {
            if let Some(attributes) = inner.remove("#attributes")
                && inner.is_empty()
                && let Value::Object(attributes) = attributes
            {
                return attributes
                    .into_iter()
                    .filter(|(name, _)| is_field(name))
                    .for_each(|(name, value)| put(name, value, flat));
            }
            for (name, value) in inner {
                let name = if name == "#text" { key.clone() } else { name };
                flatten_data(name, value, flat, depth + 1);
            }
        }
        Value::Null => {}
        value => put(key, value, flat),
    }
}

/// Whether an attribute is data, not the name of a vocabulary.
pub(super) fn is_field(attribute: &str) -> bool {
    !attribute.starts_with("xmlns")
}

/// Puts event data in; what tells the event apart keeps its name, and values of one name become a
/// list.
pub(super) fn put(key: String, value: Value, flat: &mut Map<String, Value>) {
    if IDENTITY.contains(&key.as_str()) && flat.contains_key(&key) {
        return;
    }
    match flat.get_mut(&key) {
        Some(Value::Array(list)) if key == "Data" => list.push(value),
        Some(first) if key == "Data" => {
            let first = std::mem::take(first);
            flat.insert(key, Value::Array(vec![first, value]));
        }
        _ => drop(flat.insert(key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flat(event: Value) -> Value {
        let Value::Object(event) = event else { panic!("an object") };
        Value::Object(flatten(event))
    }

    #[test]
    fn attributes_and_data_get_the_names_of_sigma() {
        let event = json!({
            "#attributes": {"xmlns": "x"},
            "System": {
                "Provider": {"#attributes": {"Name": "P", "Guid": "{g}"}},
                "EventID": {"#attributes": {"Qualifiers": 16384}, "#text": 7045},
                "TimeCreated": {"#attributes": {"SystemTime": "t"}},
                "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}},
                "Channel": "System", "Correlation": null, "Level": 4
            },
            "EventData": {"ServiceName": "S", "Level": "own", "Channel": "of another"}
        });
        let expected = json!({
            "Provider_Name": "P", "Provider_Guid": "{g}", "Qualifiers": 16384, "EventID": 7045,
            "SystemTime": "t", "ExecutionProcessID": 4, "ExecutionThreadID": 8,
            "Channel": "System", "Level": "own", "ServiceName": "S"
        });
        assert_eq!(flat(event), expected);
    }

    #[test]
    fn user_data_and_data_without_names_are_flat_too() {
        let event = json!({
            "UserData": {"LogFileCleared": {"#attributes": {"xmlns": "y"}, "SubjectUserName": "ann"}}
        });
        assert_eq!(flat(event), json!({"SubjectUserName": "ann"}));
        let event = json!({"EventData": {"Data": {"#text": ["a", "b"]}, "Binary": null}});
        assert_eq!(flat(event), json!({"Data": ["a", "b"]}));
    }
}
