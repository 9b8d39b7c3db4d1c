//! Judges operators, layers and nodes that do more than compute.

use super::{LOOK, Opinion, REFUSE};
use crate::finding::Severity;

/// TensorFlow operations that run Python, or touch files or the network.
const TENSORFLOW: &[(&str, Severity, &str)] = &[
    ("PyFunc", Severity::High, "calls Python code"),
    ("PyFuncStateless", Severity::High, "calls Python code"),
    ("EagerPyFunc", Severity::High, "calls Python code"),
    ("NumpyFunction", Severity::High, "calls Python code"),
    ("ReadFile", Severity::High, "reads files"),
    ("WriteFile", Severity::High, "writes files"),
    ("MatchingFiles", Severity::Medium, "lists files"),
    ("WholeFileReader", Severity::Medium, "reads files"),
    ("WholeFileReaderV2", Severity::Medium, "reads files"),
    ("FixedLengthRecordReaderV2", Severity::Medium, "reads files"),
    ("TextLineReaderV2", Severity::Medium, "reads files"),
    ("TextLineDataset", Severity::Medium, "reads files"),
    ("TFRecordReaderV2", Severity::Medium, "reads files"),
    ("TFRecordDataset", Severity::Medium, "reads files"),
    ("PrintV2", Severity::Medium, "may write to files"),
    ("DebugIdentityV2", Severity::Medium, "writes debug files"),
    ("DebugIdentity", Severity::Medium, "writes debug files"),
    ("DebugNanCount", Severity::Medium, "writes debug files"),
    ("WriteSummary", Severity::Medium, "writes files"),
    ("CreateSummaryFileWriter", Severity::Medium, "writes files"),
    ("SaveSlices", Severity::Medium, "writes files"),
    ("LoadDataset", Severity::Medium, "reads files"),
    ("SaveDataset", Severity::Medium, "writes files"),
    ("SnapshotDataset", Severity::Medium, "writes files"),
    ("RpcClient", Severity::High, "uses the network"),
    ("RpcCall", Severity::High, "uses the network"),
    ("RpcServer", Severity::High, "opens a network port"),
    ("DataServiceDataset", Severity::Medium, "uses the network"),
    ("DebugGradientIdentity", Severity::Note, "debugs"),
    ("ShellExecute", Severity::High, "runs commands"),
    ("ExecuteOp", Severity::High, "runs commands"),
    ("SystemConfig", Severity::High, "changes the system"),
    ("LoadLibrary", Severity::High, "loads native code"),
    ("PyCall", Severity::High, "calls Python code"),
];

/// Operators of PaddlePaddle that run Python or touch files.
const PADDLE: &[(&str, Severity, &str)] = &[
    ("py_func", Severity::High, "calls Python code"),
    ("py_layer", Severity::High, "calls Python code"),
    ("load", Severity::Medium, "reads files"),
    ("load_combine", Severity::Medium, "reads files"),
    ("save", Severity::Medium, "writes files"),
    ("save_combine", Severity::Medium, "writes files"),
    ("create_py_reader", Severity::Medium, "reads what Python gives it"),
    ("listen_and_serv", Severity::High, "opens a network port"),
    ("send", Severity::Medium, "uses the network"),
    ("recv", Severity::Medium, "uses the network"),
];

/// Judges an operator of a family.
pub fn judge(family: &str, name: &str, detail: &str) -> Option<Opinion> {
    let evidence = if detail.is_empty() { name.to_owned() } else { format!("{name}: {detail}") };
    let opinion = |rule: &str, severity, reason: String| {
        let next = if severity == Severity::High { REFUSE } else { LOOK };
        Some(Opinion::new(rule, severity, reason, &evidence, next))
    };
    match family {
        "tensorflow" => {
            let (severity, reason) = tensorflow(name)?;
            opinion("graph.tensorflow_op", severity, reason)
        }
        "paddle" => {
            let (severity, reason) = paddle(name)?;
            opinion("graph.paddle_op", severity, reason)
        }
        "onnx" => opinion(
            "graph.onnx_python",
            Severity::High,
            format!("The graph has the operator `{name}`, which calls Python code."),
        ),
        "onnx.custom" => opinion(
            "graph.custom_op",
            Severity::Medium,
            format!(
                "The operator `{name}` is of no standard domain: running it needs a library \
                     that is not part of the model."
            ),
        ),
        "keras.lambda" => {
            let reason = "A Lambda layer holds Python code that runs when the model is loaded.";
            opinion("graph.keras_lambda", Severity::High, reason.to_owned())
        }
        "keras.helper" => opinion(
            "graph.keras_helper",
            Severity::High,
            format!("The configuration names `{name}`, which fetches, loads or runs something."),
        ),
        "keras.custom" => opinion(
            "graph.keras_custom",
            Severity::Medium,
            format!(
                "The model is of the class `{name}`: loading it needs, and runs, code from \
                     elsewhere."
            ),
        ),
        "coreml.custom" => opinion(
            "graph.coreml_custom",
            Severity::Medium,
            format!("The custom layer `{name}` runs code of the app that uses the model."),
        ),
        "tflite.custom" => opinion(
            "graph.custom_op",
            Severity::Note,
            format!(
                "The operator `{name}` is a custom one: running it needs a library that is not \
                     part of the model."
            ),
        ),
        "plugin" => opinion(
            "graph.plugin",
            Severity::Medium,
            format!("It asks for the native library `{name}`, which runs when it is loaded."),
        ),
        "skops" => {
            let reason = format!("It holds a `{name}`, which finds functions by their names.");
            opinion("skops.node", Severity::Medium, reason)
        }
        _ => None,
    }
}

/// How much an operator of PaddlePaddle weighs, and why.
fn paddle(name: &str) -> Option<(Severity, String)> {
    let (_, severity, what) = PADDLE.iter().find(|(known, ..)| *known == name)?;
    Some((*severity, format!("The program has the operator `{name}`, which {what}.")))
}

/// How much a TensorFlow operation weighs, and why.
fn tensorflow(name: &str) -> Option<(Severity, String)> {
    let known = TENSORFLOW.iter().find(|(op, ..)| *op == name);
    let known = known.map(|(_, severity, what)| (*severity, *what)).or_else(|| {
        let lower = name.to_lowercase();
        ["pyfunc", "pycall", "shell", "system", "exec(", "eval("]
            .iter()
            .any(|word| lower.contains(word))
            .then_some((Severity::Medium, "is called like something that runs code"))
    });
    known.map(|(severity, what)| {
        (severity, format!("The graph has the operation `{name}`, which {what} when it runs."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_do_more_than_compute_are_found() {
        assert_eq!(judge("tensorflow", "PyFunc", "").unwrap().severity, Severity::High);
        assert!(judge("tensorflow", "MatMul", "").is_none());
        assert!(judge("tensorflow", "ReadVariableOp", "").is_none());
    }
}
