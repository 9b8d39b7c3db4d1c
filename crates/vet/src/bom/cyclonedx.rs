//! CycloneDX 1.6 with a model card (ECMA-424).

use serde_json::{Map, Value, json};

use super::{Inventory, Stamp};

/// The bill of materials as JSON.
pub fn cyclonedx(inventory: &Inventory, stamp: &Stamp) -> Value {
    let files = inventory.files.iter().enumerate().map(|(at, file)| {
        json!({
            "type": "file",
            "bom-ref": format!("file-{at}"),
            "name": file.path,
            "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            "properties": [
                {"name": "ringfort:format", "value": file.format},
                {"name": "ringfort:verdict", "value": file.verdict},
            ],
        })
    });
    let data = inventory.data.iter().enumerate().map(|(at, data)| {
        let mut component = json!({
            "type": "data",
            "bom-ref": format!("data-{at}"),
            "name": data.name,
            "data": [{"type": "dataset", "name": data.name}],
        });
        put(&mut component, "licenses", data.licence.as_deref().map(licences));
        component
    });
    let packages = inventory.packages.iter().map(|package| {
        let mut component = json!({
            "type": "library",
            "bom-ref": package.purl,
            "name": package.name,
            "purl": package.purl,
        });
        put(&mut component, "version", package.version.clone().map(Value::from));
        component
    });
    let components: Vec<Value> = files.chain(data).chain(packages).collect();
    let reference = |component: &Value| component.get("bom-ref").cloned();
    let parts: Vec<Value> = components.iter().filter_map(reference).collect();
    let mut dependencies = vec![json!({"ref": "model", "dependsOn": parts})];
    dependencies.extend(components.iter().filter_map(reference).map(|part| json!({"ref": part})));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", stamp.uuid),
        "version": 1,
        "metadata": {
            "timestamp": stamp.time,
            "tools": {"components": [
                {"type": "application", "name": "ringfort", "version": stamp.program},
            ]},
            "component": model(inventory),
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn model(inventory: &Inventory) -> Value {
    let mut parameters = json!({});
    put(&mut parameters, "task", inventory.task.clone().map(Value::from));
    put(&mut parameters, "architectureFamily", inventory.architecture.clone().map(Value::from));
    let data: Vec<Value> =
        (0..inventory.data.len()).map(|at| json!({"ref": format!("data-{at}")})).collect();
    put(&mut parameters, "datasets", (!data.is_empty()).then(|| data.into()));
    let mut component = json!({
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": inventory.name,
        "modelCard": {"modelParameters": parameters},
    });
    put(&mut component, "version", inventory.version.clone().map(Value::from));
    put(&mut component, "licenses", inventory.licence.as_deref().map(licences));
    let supplier = inventory.supplier.as_ref().map(|name| json!({"name": name}));
    put(&mut component, "supplier", supplier);
    let hash = inventory.sha256.as_ref();
    let hashes = hash.map(|hash| json!([{"alg": "SHA-256", "content": hash}]));
    put(&mut component, "hashes", hashes);
    let origin = inventory.origin.as_ref();
    let references = origin.map(|url| json!([{"type": "distribution", "url": url}]));
    put(&mut component, "externalReferences", references);
    component
}

fn licences(id: &str) -> Value {
    match id.strip_prefix("LicenseRef-") {
        Some(name) => json!([{"license": {"name": name}}]),
        None => json!([{"license": {"id": id}}]),
    }
}

/// Puts a field where there is a value.
pub(super) fn put(object: &mut Value, field: &str, value: Option<Value>) {
    if let (Some(value), Some(fields)) = (value, object.as_object_mut()) {
        Map::insert(fields, field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bom::example;

    #[test]
    fn the_model_its_files_data_and_packages_are_there() {
        let (inventory, stamp) = example();
        let bom = cyclonedx(&inventory, &stamp);
        assert_eq!(bom["metadata"]["component"]["type"], "machine-learning-model");
        let parameters = &bom["metadata"]["component"]["modelCard"]["modelParameters"];
        assert_eq!(parameters["datasets"][0]["ref"], "data-0");
        let kinds: Vec<&Value> =
            bom["components"].as_array().unwrap().iter().map(|c| &c["type"]).collect();
        assert_eq!(kinds, ["file", "data", "library"]);
        assert_eq!(bom["dependencies"][0]["dependsOn"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let (_, stamp) = example();
        let empty = Inventory { name: "x".into(), ..Inventory::default() };
        let component = &cyclonedx(&empty, &stamp)["metadata"]["component"];
        for field in ["version", "supplier", "licenses", "hashes", "externalReferences"] {
            assert!(component.get(field).is_none(), "{field}");
        }
    }
}
