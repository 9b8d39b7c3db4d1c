//! The description of the API: OpenAPI 3.1, made from the table of endpoints.

use serde_json::{Map, Value, json};

use super::{ENDPOINTS, Endpoint, SCOPES};

/// The description.
pub fn description() -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(endpoint.method.to_lowercase(), operation(endpoint));
        }
    }
    let scopes: Map<String, Value> =
        SCOPES.iter().map(|(name, meaning)| ((*name).to_owned(), json!(meaning))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ringfort",
            "version": "1",
            "description": "The page's own actions. Nothing here acts on a machine by itself: what \
                is proposed is decided again by the executor of the machine, and approved by \
                signatures of keys that the executor enrolled.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "A token from the page's settings.",
                "x-scopes": scopes,
            } },
            "schemas": schemas(),
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut parameters: Vec<Value> = endpoint
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| parameter("path", name, "Which one", true))
        .collect();
    let answered = |text: &str, schema: &str| {
        json!({ "description": text, "content": { "application/json": {
            "schema": { "$ref": format!("#/components/schemas/{schema}") } } } })
    };
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "security": [{ "token": [endpoint.scope] }],
        "responses": {
            "200": answered("Done", endpoint.answer),
            "400": answered("What was sent makes no sense", "Error"),
            "401": answered("No token, or none that is good", "Error"),
            "403": answered("The token may not do this", "Error"),
            "404": answered("There is no such thing", "Error"),
            "409": answered("It does not fit how things stand", "Error"),
            "429": answered("Too many requests", "Error"),
            "503": answered("The executor does not answer, or says no", "Error"),
        },
    });
    if endpoint.method == "GET" {
        let query = endpoint.fields.iter().map(|(name, is)| parameter("query", name, is, false));
        parameters.extend(query);
    } else if !endpoint.fields.is_empty() {
        let properties: Map<String, Value> = endpoint
            .fields
            .iter()
            .map(|(name, is)| ((*name).to_owned(), json!({ "description": is })))
            .collect();
        let required: Vec<&str> = endpoint.fields.iter().map(|(name, _)| *name).collect();
        if let Value::Object(operation) = &mut operation {
            let schema =
                json!({ "type": "object", "properties": properties, "required": required });
            operation.insert(
                "requestBody".into(),
                json!({ "required": true, "content": { "application/json": { "schema": schema } } }),
            );
        }
    }
    if let (Value::Object(operation), false) = (&mut operation, parameters.is_empty()) {
        operation.insert("parameters".into(), parameters.into());
    }
    operation
}

fn parameter(place: &str, name: &str, description: &str, required: bool) -> Value {
    json!({
        "in": place, "name": name, "description": description, "required": required,
        "schema": { "type": "string" },
    })
}

/// `GET /cases/{id}` is `get_cases_id`.
fn operation_id(endpoint: &Endpoint) -> String {
    let path: String = endpoint.path.chars().filter(|c| *c != '{' && *c != '}').collect();
    format!("{}{}", endpoint.method.to_lowercase(), path.replace('/', "_"))
}

/// A list of things, under its name.
fn list(name: &str, item: &str) -> Value {
    json!({ "type": "object", "required": [name], "properties": { name: {
        "type": "array", "items": { "$ref": format!("#/components/schemas/{item}") } } } })
}

/// An object whose fields are always there.
fn fields(fields: &[(&str, &Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), (*schema).clone())).collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

fn noun(name: &str) -> Value {
    let description = format!("{name}, as docs/spine.md shows it");
    json!({ "type": "object", "description": description })
}

/// The shapes of answers. The nouns themselves are described in `docs/spine.md`.
fn schemas() -> Value {
    let (text, number, truth, any) = simple();
    let (text, number, truth, any) = (&text, &number, &truth, &any);
    let objects = &json!({ "type": "array", "items": { "type": "object" } });
    let texts = &json!({ "type": "array", "items": text });
    let (case, plan) = (&noun("A case"), &noun("A plan"));
    let mut all = json!({
        "Error": fields(&[("error", text)]),
        "Done": fields(&[("done", text)]),
        "Today": fields(&[("open", any), ("machines", number), ("machines_silent", number),
            ("machines_doubtful", number), ("cases_by_state", any)]),
        "Case": case,
        "Cases": list("cases", "Case"),
        "CaseWhole": fields(&[("case", case), ("findings", objects), ("comments", objects),
            ("proposal", any), ("containment", any)]),
        "PlanWhole": fields(&[("hash", text), ("plan", plan), ("dry_run", any),
            ("approvals", objects)]),
        "Proposed": fields(&[("hash", text), ("plan", plan)]),
        "Job": fields(&[("job", number), ("title", text), ("lines", texts), ("end", any)]),
        "MachineRecord": fields(&[("host", text), ("name", text), ("root", text), ("os", text),
            ("last_seen_ms", number), ("coverage", any)]),
        "Machines": list("machines", "MachineRecord"),
        "Machine": fields(&[("machine", any), ("cases", objects), ("live", any)]),
        "Used": fields(&[("ecosystem", text), ("name", text), ("count", number)]),
        "Software": list("software", "Used"),
        "Records": fields(&[("size", number), ("receipts", objects)]),
        "Action": fields(&[("id", text), ("plan", text), ("root", text), ("types", any),
            ("state", text), ("started_ms", number), ("undoable", truth), ("lapses_ms", any)]),
        "Actions": list("actions", "Action"),
        "Rule": fields(&[("id", text), ("says", text), ("why", text),
            ("people_that_lift_it", number)]),
        "Rules": list("rules", "Rule"),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, of_reports()) {
        all.extend(more);
    }
    all
}

/// Text, a number, a truth value, anything.
fn simple() -> (Value, Value, Value, Value) {
    let of = |kind: &str| json!({ "type": kind });
    (of("string"), of("integer"), of("boolean"), json!({}))
}

/// The shapes of reports, and of what waits.
fn of_reports() -> Value {
    let (text, number, truth, any) = simple();
    let (text, number, truth, any) = (&text, &number, &truth, &any);
    let lines = &json!({ "type": "array", "items": { "$ref": "#/components/schemas/Line" } });
    json!({
        "Line": fields(&[("time_ms", number), ("source", text), ("text", text)]),
        "Timeline": fields(&[("case", text), ("lines", lines), ("missing", any)]),
        "Draft": fields(&[("id", text), ("title", text), ("to", text), ("due_ms", any),
            ("text", text)]),
        "Notices": list("drafts", "Draft"),
        "WaitingPlan": fields(&[("plan", text), ("purpose", text), ("opens_ms", number),
            ("closes_ms", number), ("break_glass", truth), ("last_try", any)]),
        "WaitingPlans": list("plans", "WaitingPlan"),
        "Monthly": fields(&[("month", text), ("running", truth), ("found", any), ("fixed", any),
            ("set_aside", any), ("open_now", number), ("done", any),
            ("withheld_since_beginning", any), ("minutes_on_this_page", number),
            ("restore_test", any), ("coverage", any)]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let served = description();
        if std::env::var_os("RINGFORT_BLESS").is_some() {
            let text = serde_json::to_string_pretty(&served).unwrap() + "\n";
            std::fs::write(path, text).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        // As values: in which order the fields stand depends on what else is built in.
        let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
        assert!(committed == served, "run this test with RINGFORT_BLESS=1 and look at the change");
    }

    #[test]
    fn every_answer_has_a_schema_every_scope_a_meaning_and_every_operation_a_name() {
        let schemas = schemas();
        let mut names = std::collections::BTreeSet::new();
        for endpoint in ENDPOINTS {
            assert!(schemas.get(endpoint.answer).is_some(), "{}", endpoint.answer);
            assert!(SCOPES.iter().any(|(scope, _)| *scope == endpoint.scope), "{}", endpoint.scope);
            assert!(names.insert(operation_id(endpoint)), "{}", endpoint.path);
            assert!(endpoint.method == "GET" || endpoint.scope != "read", "{}", endpoint.path);
        }
    }
}
