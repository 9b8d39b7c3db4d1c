//! SPDX 3.0.1 in JSON-LD, with the profiles for AI, data sets and software.

use serde_json::{Value, json};

use super::cyclonedx::put;
use super::{Inventory, Stamp};

/// The document as JSON-LD.
pub fn spdx(inventory: &Inventory, stamp: &Stamp) -> Value {
    let id = |part: &str| format!("urn:uuid:{}#{part}", stamp.uuid);
    let element = |kind: &str, part: &str| json!({"type": kind, "spdxId": id(part), "creationInfo": "_:creation"});
    let mut graph = vec![
        json!({
            "type": "CreationInfo",
            "@id": "_:creation",
            "specVersion": "3.0.1",
            "created": stamp.time,
            "createdBy": [id("ringfort")],
        }),
        with(
            element("SoftwareAgent", "ringfort"),
            &json!({
                "name": format!("ringfort {}", stamp.program),
            }),
        ),
        with(
            element("Organization", "supplier"),
            &json!({
                "name": inventory.supplier.as_deref().unwrap_or("NOASSERTION"),
            }),
        ),
        model(inventory, stamp, element("ai_AIPackage", "model"), &id("supplier")),
    ];
    let link = |graph: &mut Vec<Value>, kind: &str, to: Vec<String>| {
        if !to.is_empty() {
            graph.push(with(
                element("Relationship", &format!("relation-{kind}")),
                &json!({
                    "from": id("model"), "to": to, "relationshipType": kind,
                }),
            ));
        }
    };
    let mut files = Vec::new();
    for (at, file) in inventory.files.iter().enumerate() {
        files.push(id(&format!("file-{at}")));
        graph.push(with(
            element("software_File", &format!("file-{at}")),
            &json!({
                "name": file.path,
                "verifiedUsing": [hash(&file.sha256)],
                "comment": format!("{}; ringfort: {}", file.format, file.verdict),
            }),
        ));
    }
    let data = data(inventory, &mut graph, &element, &id);
    let packages = packages(inventory, &mut graph, &element, &id);
    link(&mut graph, "contains", files);
    link(&mut graph, "trainedOn", data);
    link(&mut graph, "dependsOn", packages);
    licence(inventory, &mut graph, &element, &id);
    graph.push(with(
        element("SpdxDocument", "document"),
        &json!({
            "name": format!("{} bill of materials", inventory.name),
            "profileConformance": ["core", "software", "ai", "dataset", "simpleLicensing"],
            "rootElement": [id("model")],
        }),
    ));
    json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph})
}

fn model(inventory: &Inventory, stamp: &Stamp, element: Value, supplier: &str) -> Value {
    // The AI profile wants a version, a place and a time of release: unknown ones are said so.
    let none = "NOASSERTION";
    let mut package = with(
        element,
        &json!({
            "name": inventory.name,
            "software_packageVersion": inventory.version.as_deref().unwrap_or(none),
            "software_primaryPurpose": "model",
            "suppliedBy": supplier,
            "comment": format!("inventoried {}", stamp.time),
        }),
    );
    let text = |value: &Option<String>| value.clone().map(|value| json!([value]));
    put(&mut package, "software_downloadLocation", inventory.origin.clone().map(Value::from));
    put(&mut package, "ai_domain", text(&inventory.task));
    put(&mut package, "ai_typeOfModel", text(&inventory.architecture));
    put(&mut package, "verifiedUsing", inventory.sha256.as_deref().map(|h| json!([hash(h)])));
    package
}

fn data(
    inventory: &Inventory,
    graph: &mut Vec<Value>,
    element: &impl Fn(&str, &str) -> Value,
    id: &impl Fn(&str) -> String,
) -> Vec<String> {
    let mut data = Vec::new();
    for (at, set) in inventory.data.iter().enumerate() {
        data.push(id(&format!("data-{at}")));
        graph.push(with(
            element("dataset_DatasetPackage", &format!("data-{at}")),
            &json!({
                "name": set.name,
                "dataset_datasetType": ["noAssertion"],
                "software_primaryPurpose": "data",
            }),
        ));
    }
    data
}

fn packages(
    inventory: &Inventory,
    graph: &mut Vec<Value>,
    element: &impl Fn(&str, &str) -> Value,
    id: &impl Fn(&str) -> String,
) -> Vec<String> {
    let mut packages = Vec::new();
    for (at, package) in inventory.packages.iter().enumerate() {
        packages.push(id(&format!("package-{at}")));
        let mut fields = json!({"name": package.name, "software_packageUrl": package.purl});
        put(&mut fields, "software_packageVersion", package.version.clone().map(Value::from));
        graph.push(with(element("software_Package", &format!("package-{at}")), &fields));
    }
    packages
}

fn licence(
    inventory: &Inventory,
    graph: &mut Vec<Value>,
    element: &impl Fn(&str, &str) -> Value,
    id: &impl Fn(&str) -> String,
) {
    let model = inventory.licence.iter().map(|licence| (id("model"), licence));
    let data = inventory.data.iter().enumerate();
    let data =
        data.filter_map(|(at, set)| Some((id(&format!("data-{at}")), set.licence.as_ref()?)));
    for (at, (from, expression)) in model.chain(data).enumerate() {
        let part = format!("licence-{at}");
        graph.push(with(
            element("simplelicensing_LicenseExpression", &part),
            &json!({
                "simplelicensing_licenseExpression": expression,
            }),
        ));
        graph.push(with(
            element("Relationship", &format!("{part}-of")),
            &json!({
                "from": from, "to": [id(&part)], "relationshipType": "hasDeclaredLicense",
            }),
        ));
    }
}

fn hash(hex: &str) -> Value {
    json!({"type": "Hash", "algorithm": "sha256", "hashValue": hex})
}

fn with(mut element: Value, fields: &Value) -> Value {
    for (field, value) in fields.as_object().into_iter().flatten() {
        put(&mut element, field, Some(value.clone()));
    }
    element
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bom::example;

    #[test]
    fn every_reference_leads_to_an_element_and_every_id_is_there_once() {
        let (inventory, stamp) = example();
        let document = spdx(&inventory, &stamp);
        let graph = document["@graph"].as_array().unwrap();
        let ids: Vec<&str> = graph.iter().filter_map(|e| e["spdxId"].as_str()).collect();
        let known: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), known.len());
        for relation in graph.iter().filter(|e| e["type"] == "Relationship") {
            assert!(known.contains(relation["from"].as_str().unwrap()));
            for to in relation["to"].as_array().unwrap() {
                assert!(known.contains(to.as_str().unwrap()), "{to}");
            }
        }
        let kinds: BTreeSet<&str> = graph.iter().filter_map(|e| e["type"].as_str()).collect();
        for kind in ["ai_AIPackage", "dataset_DatasetPackage", "software_File", "SpdxDocument"] {
            assert!(kinds.contains(kind), "{kind}");
        }
    }
}
