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

/// The shapes of answers. The nouns themselves are described in `docs/spine.md`.
fn schemas() -> Value {
    let noun = |name: &str| json!({ "type": "object", "description": format!("{name}, as docs/spine.md shows it") });
    let list = |name: &str, item: &str| {
        json!({ "type": "object", "required": [name], "properties": { name: {
            "type": "array", "items": { "$ref": format!("#/components/schemas/{item}") } } } })
    };
    let fields = |fields: &[(&str, Value)]| {
        let properties: Map<String, Value> =
            fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        json!({ "type": "object", "properties": properties, "required": names })
    };
    let (text, number, truth) =
        (json!({ "type": "string" }), json!({ "type": "integer" }), json!({ "type": "boolean" }));
    let any = json!({});
    let objects = json!({ "type": "array", "items": { "type": "object" } });
    json!({
        "Error": fields(&[("error", text.clone())]),
        "Done": fields(&[("done", text.clone())]),
        "Today": fields(&[("open", any.clone()), ("machines", number.clone()),
            ("machines_silent", number.clone()), ("machines_doubtful", number.clone()),
            ("cases_by_state", any.clone())]),
        "Case": noun("A case"),
        "Cases": list("cases", "Case"),
        "CaseWhole": fields(&[("case", noun("A case")), ("findings", objects.clone()),
            ("comments", objects.clone()), ("proposal", any.clone()),
            ("containment", any.clone())]),
        "PlanWhole": fields(&[("hash", text.clone()), ("plan", noun("A plan")),
            ("dry_run", any.clone()), ("approvals", objects.clone())]),
        "Proposed": fields(&[("hash", text.clone()), ("plan", noun("A plan"))]),
        "Job": fields(&[("job", number.clone()), ("title", text.clone()),
            ("lines", json!({ "type": "array", "items": text })), ("end", any.clone())]),
        "MachineRecord": fields(&[("host", text.clone()), ("name", text.clone()),
            ("root", text.clone()), ("os", text.clone()), ("last_seen_ms", number.clone()),
            ("coverage", any.clone())]),
        "Machines": list("machines", "MachineRecord"),
        "Machine": fields(&[("machine", any.clone()), ("cases", objects.clone()),
            ("live", any.clone())]),
        "Used": fields(&[("ecosystem", text.clone()), ("name", text.clone()),
            ("count", number.clone())]),
        "Software": list("software", "Used"),
        "Records": fields(&[("size", number.clone()), ("receipts", objects.clone())]),
        "Action": fields(&[("id", text.clone()), ("plan", text.clone()), ("root", text.clone()),
            ("types", any.clone()), ("state", text.clone()), ("started_ms", number.clone()),
            ("undoable", truth.clone()), ("lapses_ms", any.clone())]),
        "Actions": list("actions", "Action"),
        "Line": fields(&[("time_ms", number.clone()), ("source", text.clone()),
            ("text", text.clone())]),
        "Timeline": fields(&[("case", text.clone()),
            ("lines", json!({ "type": "array",
                "items": { "$ref": "#/components/schemas/Line" } })),
            ("missing", any.clone())]),
        "Draft": fields(&[("id", text.clone()), ("title", text.clone()), ("to", text.clone()),
            ("due_ms", any.clone()), ("text", text.clone())]),
        "Notices": list("drafts", "Draft"),
        "WaitingPlan": fields(&[("plan", text.clone()), ("purpose", text.clone()),
            ("opens_ms", number.clone()), ("closes_ms", number.clone()),
            ("break_glass", truth.clone()), ("last_try", any.clone())]),
        "WaitingPlans": list("plans", "WaitingPlan"),
        "Monthly": fields(&[("month", text.clone()), ("running", truth), ("found", any.clone()),
            ("fixed", any.clone()), ("set_aside", any.clone()), ("open_now", number.clone()),
            ("done", any.clone()), ("withheld_since_beginning", any.clone()),
            ("minutes_on_this_page", number.clone()), ("restore_test", any.clone()),
            ("coverage", any)]),
        "Rule": fields(&[("id", text.clone()), ("says", text.clone()), ("why", text),
            ("people_that_lift_it", number)]),
        "Rules": list("rules", "Rule"),
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
