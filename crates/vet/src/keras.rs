//! Keras configurations, which lie in `.keras` archives and in HDF5 files alike.

use std::io::Read;

use base64::Engine as _;

use crate::fact::{CodeKind, Fact, Facts, PathRole};
use crate::format::is_text;
use crate::json::{self, Scalar};
use crate::registry::config::scalar_fact;

/// Layers that run code which the configuration brings or names.
const CODE_LAYERS: &[&str] = &["Lambda", "TorchModuleWrapper", "PyFunc", "KerasLambda"];

/// Classes of models that Keras itself brings.
const MODELS: &[&str] = &["Sequential", "Functional", "Model", "Graph"];

/// Whether a document describes a layer rather than a model: layers are written in snake case or
/// belong to Keras.
fn is_layer(path: &[String], class: &str) -> bool {
    let known = [
        "Dense",
        "Conv",
        "Input",
        "LSTM",
        "GRU",
        "Embedding",
        "Dropout",
        "Adam",
        "SGD",
        "RMSprop",
        "Activation",
        "Flatten",
        "Layer",
        "Loss",
        "Entropy",
        "Error",
        "DType",
        "Policy",
        "Initializer",
        "Glorot",
        "Zeros",
        "Ones",
        "Normalization",
        "Pool",
        "Random",
        "Accuracy",
        "Metric",
        "Schedule",
        "Tokenizer",
        "__tuple__",
        "Mean",
        "Variance",
        "HeNormal",
        "Orthogonal",
    ];
    path.len() != 1 || known.iter().any(|part| class.contains(part))
}

/// Helpers of Keras that fetch, load or run; no layer is one.
const HELPERS: &[&str] = &[
    "get_file",
    "load_model",
    "load_weights",
    "load_img",
    "load_audio",
    "save_model",
    "eval",
    "exec",
    "system",
    "popen",
    "loads",
    "load",
    "import_module",
    "__import__",
    "enable_unsafe_deserialization",
    "run",
    "call",
    "Popen",
    "check_output",
    "compile",
    "open",
    "getattr",
];

/// Reads a configuration; gives how it broke, if it did.
pub fn config(reader: impl Read, facts: &mut Facts) -> Result<(), String> {
    json::walk(reader, &mut |path, scalar| {
        if let Scalar::Text(value) = scalar {
            note(path, value, facts);
        }
        scalar_fact(path, scalar, facts);
    })
}

fn note(path: &[String], value: &str, facts: &mut Facts) {
    let key = path.iter().rev().find(|key| *key != "#").map_or("", String::as_str);
    let operator = |family, detail: &str| Fact::Operator {
        family,
        name: value.to_owned(),
        detail: detail.to_owned(),
    };
    match key {
        "class_name" => {
            let class = value.rsplit(['>', '.']).next().unwrap_or(value);
            if CODE_LAYERS.contains(&class) {
                facts.note(operator("keras.lambda", &path.join(".")));
            } else if path.len() == 1 && !MODELS.contains(&class) && !is_layer(path, class) {
                facts.note(operator("keras.custom", ""));
            }
        }
        "module" | "fn_module" | "function_module" | "registered_name" | "package"
            if !value.contains('>') =>
        {
            facts.note(Fact::Setting { key: key.to_owned(), value: value.to_owned() });
        }
        "fn" | "fn_name" | "callable" => {
            if HELPERS.contains(&value) {
                facts.note(operator("keras.helper", &path.join(".")));
            } else if value.contains('.') {
                facts.note(Fact::Setting { key: key.to_owned(), value: value.to_owned() });
            }
        }
        // The body of a Lambda layer: marshalled code or source, in base64.
        "function" | "code" if value.len() > 8 => body(value, facts),
        "vocabulary" | "file_path" | "filename" => {
            let path = value.to_owned();
            facts.note(Fact::Path { role: PathRole::Asset, path });
        }
        _ => {}
    }
}

fn body(value: &str, facts: &mut Facts) {
    let compact: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(compact.as_bytes());
    let Ok(bytes) = decoded else {
        if value.contains('(') {
            facts.note(Fact::Code { kind: CodeKind::Evaluated, text: value.to_owned() });
        }
        return;
    };
    if is_text(&bytes) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        facts.note(Fact::Code { kind: CodeKind::Evaluated, text });
    } else if bytes.first().is_some_and(|byte| byte & 0x7f == b'c') {
        facts.note(Fact::Bytecode { kind: "marshal".to_owned(), names: names(&bytes) });
    }
}

/// Names in marshalled code: runs of identifier letters.
pub fn names(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
        .filter(|run| {
            run.len() >= 2 && run.len() < 64 && !run.first().is_some_and(u8::is_ascii_digit)
        })
        .take(200)
        .map(|run| String::from_utf8_lossy(run).into_owned())
        .collect()
}
