//! Judges what loading a file imports and calls.
//!
//! An unknown callable that is *called* on arguments out of the file outweighs one that is merely
//! named: the first is somebody's code run with somebody else's input.

use super::{LOOK, Opinion, REFUSE, libraries, stdlib, verb};
use crate::fact::{How, Symbol};
use crate::finding::Severity;

/// Packages that are there to run code, to reach the network, or to load more files. `*` at an end
/// stands for the rest.
const DANGEROUS: &[(&str, &str)] = &[
    ("torch.load*", "loads another file"),
    ("torch.serialization.*", "loads another file"),
    ("torch.storage._load_from_bytes", "unpickles what it is given"),
    ("torch.hub.*", "fetches and runs code"),
    ("torch.utils.*", "runs commands or code"),
    ("torch.jit.*", "compiles and runs code"),
    ("torch.compile*", "compiles and runs code"),
    ("torch._inductor.*", "compiles and runs code"),
    ("torch._dynamo.*", "compiles and runs code"),
    ("torch.fx.*", "evaluates code"),
    ("torch.package.*", "imports code out of a file"),
    ("torch.distributed.*", "uses the network"),
    ("torch.multiprocessing.*", "starts processes"),
    ("torch.ops.load_library", "loads native code"),
    ("numpy.f2py.*", "evaluates code"),
    ("numpy.testing.*", "evaluates code"),
    ("numpy.distutils.*", "starts processes"),
    ("numpy.load*", "loads another file"),
    ("numpy.lib.npyio.*", "loads another file"),
    ("numpy.ctypeslib.*", "loads native code"),
    ("joblib.load", "unpickles another file"),
    ("joblib.numpy_pickle.load*", "unpickles another file"),
    ("pandas.read_*", "opens files or addresses"),
    ("pandas.io.*", "opens files or addresses"),
    ("pandas.eval", "evaluates code"),
    ("pandas.core.computation.*", "evaluates code"),
    ("cloudpickle.load*", "unpickles what it is given"),
    ("cloudpickle.cloudpickle.load*", "unpickles what it is given"),
    ("dill.load*", "unpickles what it is given"),
    ("dill._dill.load*", "unpickles what it is given"),
    ("dill._dill._eval_repr", "evaluates code"),
    ("dill._dill._import_module", "imports modules"),
    ("keras.*Lambda", "runs embedded code"),
    ("keras.utils.get_file", "fetches a file"),
    ("keras.models.load_model", "loads another model"),
    ("tensorflow.keras.utils.get_file", "fetches a file"),
    ("tensorflow.io.*", "opens files"),
    ("requests*", "uses the network"),
    ("aiohttp*", "uses the network"),
    ("httpx*", "uses the network"),
    ("urllib3*", "uses the network"),
    ("httplib2*", "uses the network"),
    ("paramiko*", "uses the network"),
    ("websocket*", "uses the network"),
    ("pycurl*", "uses the network"),
    ("twisted*", "uses the network"),
    ("scapy*", "uses the network"),
    ("fabric*", "starts processes"),
    ("invoke.*", "starts processes"),
    ("pexpect*", "starts processes"),
    ("sh.*", "starts processes"),
    ("plumbum*", "starts processes"),
    ("psutil*", "looks at or ends processes"),
    ("pip.*", "installs packages"),
    ("pip._internal*", "installs packages"),
    ("setuptools*", "runs commands"),
    ("pkg_resources*", "imports modules"),
    ("IPython*", "runs code"),
    ("ipykernel*", "runs code"),
    ("jupyter*", "runs code"),
    ("nbconvert*", "runs code"),
    ("pyspark.serializers*", "unpickles what it is given"),
    ("jinja2*", "renders templates"),
    ("mako*", "runs templates"),
    ("yaml.*", "loads documents"),
    ("cffi*", "loads native code"),
    ("numba*", "compiles code"),
    ("llvmlite*", "compiles code"),
    ("pyximport*", "compiles code"),
    ("Cython*", "compiles code"),
    ("win32*", "uses Windows"),
    ("huggingface_hub*", "uses the network"),
    ("boto3*", "uses the network"),
    ("transformers.pipeline*", "loads models"),
    ("smolagents*", "runs code"),
    ("langchain*", "runs code"),
    ("sympy.sympify", "evaluates code"),
    ("sympy.parsing.*", "evaluates code"),
    ("pydoc*", "imports modules"),
    ("docker*", "starts containers"),
    ("kubernetes*", "uses the network"),
    ("ray.*", "runs code elsewhere"),
    ("dask.*", "runs code"),
    ("celery*", "runs code elsewhere"),
    ("networkx.readwrite.*", "opens files"),
    ("PIL.ImageShow.*", "starts processes"),
    ("PIL.ImageMath.*", "evaluates code"),
    ("asteval*", "evaluates code"),
    ("numexpr*", "evaluates code"),
    ("simpleeval*", "evaluates code"),
    ("pty*", "starts processes"),
    ("nltk.downloader*", "fetches files"),
    ("gensim.utils.unpickle", "unpickles another file"),
    ("webbrowser*", "opens addresses"),
    ("pyautogui*", "controls the screen"),
    ("ctypes*", "loads native code"),
    ("_cffi_backend*", "loads native code"),
];

/// Callables through which serialised functions come: the code lies in the file itself.
const EMBEDDED_CODE: &[&str] = &[
    "cloudpickle.cloudpickle._make_*",
    "cloudpickle.cloudpickle._fill_function",
    "cloudpickle.cloudpickle._builtin_type",
    "cloudpickle.cloudpickle.subimport",
    "cloudpickle.cloudpickle._function_setstate",
    "cloudpickle.cloudpickle_fast.*",
    "cloudpickle.cloudpickle._class_setstate",
    "cloudpickle.cloudpickle._gen_ellipsis",
    "cloudpickle.cloudpickle._get_cell_contents",
    "cloudpickle.cloudpickle._empty_cell_value",
    "cloudpickle._make_*",
    "cloudpickle._fill_function",
    "joblib.externals.cloudpickle.*",
    "dill._dill._create_function",
    "dill._dill._create_code",
    "dill._dill._create_type",
    "dill._dill._create_cell",
    "dill._dill._create_namedtuple",
    "dill._dill._get_attr",
    "dill.dill._create_*",
    "dill._dill._load_type",
    "dill.dill._load_type",
    "types.CodeType",
    "types.FunctionType",
    "types.LambdaType",
    "types.MethodType",
    "types.ModuleType",
];

/// Judges a callable that is imported and not called.
pub fn named(symbol: &Symbol) -> Option<Opinion> {
    let module = canonical(&symbol.module);
    let name = symbol.name.as_str();
    if name.is_empty() {
        return None;
    }
    if expects_at_all(module, name) {
        return None;
    }
    if let Some(through) = leads_through(module, name) {
        return Some(Opinion::new(
            "symbol.through_module",
            Severity::Medium,
            format!("It looks up `{through}` by way of another module; picklers never write that."),
            symbol.to_string(),
            LOOK,
        ));
    }
    let why = if stdlib::is_stdlib(module) {
        let letters = reach(module, name);
        if letters.is_empty() {
            return None;
        }
        stdlib::in_words(letters)
    } else {
        dangerous(module, name)?.to_owned()
    };
    Some(Opinion::new(
        "symbol.named",
        Severity::Medium,
        format!("It imports `{symbol}`, which {why}. Nothing that a model needs does."),
        symbol.to_string(),
        LOOK,
    ))
}

/// Judges a call.
pub fn called(symbol: &Symbol, how: How, arguments: &str) -> Option<Opinion> {
    let module = canonical(&symbol.module);
    let name = symbol.name.as_str();
    let evidence = format!("{symbol}{arguments}");
    let opinion = |rule: &str, severity, reason: String| {
        let next = if severity == Severity::High { REFUSE } else { LOOK };
        Some(Opinion::new(rule, severity, reason, &evidence, next))
    };
    let act = verb(how);
    if libraries::expects(module, name, how) {
        return None;
    }
    if let Some(through) = leads_through(module, name) {
        let reason = format!("Loading it {act} `{through}` by way of another module.");
        return opinion("call.through_module", Severity::High, reason);
    }
    let full = format!("{module}.{name}");
    if EMBEDDED_CODE.iter().any(|pattern| libraries::matches(pattern, &full)) {
        let reason = format!("It holds code of its own: loading it {act} `{symbol}`.");
        return opinion("call.embedded_code", Severity::Medium, reason);
    }
    if stdlib::is_stdlib(module) {
        return stdlib_call(module, name, how, symbol, &opinion);
    }
    if let Some(why) = dangerous(module, name) {
        let reason = format!("Loading it {act} `{symbol}`, which {why}.");
        return opinion("call.dangerous", Severity::High, reason);
    }
    match how {
        // The constructor of a class of somebody's own package, asked for an empty object, or the
        // state of such an object: that is how every pickled object is made.
        How::Made | How::Filled
            if !libraries::goes_astray(name) && libraries::is_class_name(name) =>
        {
            None
        }
        How::Made | How::Filled if module == "?" => None,
        How::Chained if module == "?" => {
            let reason = "Loading it calls something whose name could not be told.".to_owned();
            opinion("call.unknown_callee", Severity::Medium, reason)
        }
        _ => {
            let reason = format!(
                "Loading it {act} `{symbol}`, which no known library needs, on what the file says."
            );
            opinion("call.unknown", Severity::Medium, reason)
        }
    }
}

fn stdlib_call(
    module: &str,
    name: &str,
    how: How,
    symbol: &Symbol,
    opinion: &dyn Fn(&str, Severity, String) -> Option<Opinion>,
) -> Option<Opinion> {
    let act = verb(how);
    let letters = reach(module, name);
    if letters.is_empty() {
        // An exception or plain data class of the standard library.
        if matches!(how, How::Made | How::Filled) && libraries::is_class_name(name) {
            return None;
        }
        let reason = format!("Loading it {act} `{symbol}`; models do not need that.");
        return opinion("call.stdlib", Severity::Medium, reason);
    }
    let why = stdlib::in_words(letters);
    let rule = match letters.chars().next() {
        _ if letters.contains('p') => "call.process",
        _ if letters.contains('x') => "call.code",
        Some('i') => "call.import",
        Some('n') => "call.network",
        Some('c') => "call.memory",
        _ if letters.contains('n') => "call.network",
        _ => "call.file",
    };
    let reason = format!("Loading it {act} `{symbol}`, which {why}.");
    opinion(rule, Severity::High, reason)
}

/// Builtins that are not for models.
const BUILTINS: &[(&str, &str)] = &[
    ("eval", "x"),
    ("exec", "x"),
    ("execfile", "xf"),
    ("compile", "x"),
    ("__import__", "i"),
    ("open", "f"),
    ("file", "f"),
    ("input", "x"),
    ("raw_input", "x"),
    ("breakpoint", "x"),
    ("globals", "x"),
    ("locals", "x"),
    ("vars", "x"),
    ("getattr", "x"),
    ("setattr", "x"),
    ("delattr", "x"),
    ("apply", "x"),
    ("map", "x"),
    ("filter", "x"),
    ("reduce", "x"),
    ("reload", "i"),
    ("help", "x"),
    ("exit", "p"),
    ("quit", "p"),
    ("type", "x"),
    ("super", "x"),
    ("__build_class__", "x"),
    ("memoryview", ""),
    ("intern", ""),
    ("coerce", "x"),
];

fn reach(module: &str, name: &str) -> &'static str {
    if module == "builtins" {
        let first = name.split('.').next().unwrap_or(name);
        let known = BUILTINS.iter().find(|(builtin, _)| *builtin == first);
        return known.map_or("", |(_, letters)| *letters);
    }
    stdlib::reach(module, name)
}

/// Names that say where a dotted name really leads, when it goes through a module.
fn leads_through(module: &str, name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    for (at, part) in parts.iter().enumerate() {
        let dunder = part.starts_with("__") && part.ends_with("__") && part.len() > 4;
        let known = stdlib::is_stdlib(part) && !libraries::is_class_name(part);
        // `torch.nn` and the like: `getattr(torch, 'nn')`.
        if at + 1 < parts.len() && known && !is_own_submodule(module, part) {
            return Some(parts.get(at..)?.join("."));
        }
        if dunder && at > 0 && !matches!(*part, "__init__" | "__new__" | "__func__") {
            return Some(name.to_owned());
        }
        if dunder && matches!(*part, "__globals__" | "__builtins__" | "__subclasses__" | "__dict__")
        {
            return Some(name.to_owned());
        }
    }
    None
}

fn is_own_submodule(module: &str, part: &str) -> bool {
    stdlib::is_stdlib(&format!("{module}.{part}")) && module != "builtins" && module == "os"
}

fn dangerous(module: &str, name: &str) -> Option<&'static str> {
    let full = format!("{module}.{name}");
    DANGEROUS
        .iter()
        .find(|(pattern, _)| libraries::matches(pattern, &full))
        .filter(|(pattern, _)| {
            // `requests*` is the package and what is in it, not `requests_of_mine`.
            let stem = pattern.trim_end_matches('*');
            pattern.contains('.')
                || full == stem
                || full.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
                || matches!(stem, "win32" | "jupyter" | "langchain")
        })
        .map(|(_, why)| *why)
}

fn expects_at_all(module: &str, name: &str) -> bool {
    [How::Invoked, How::Made].iter().any(|how| libraries::expects(module, name, *how))
}

/// The name under which a module is judged.
pub fn canonical(module: &str) -> &str {
    match module {
        "__builtin__" | "__builtins__" => "builtins",
        "posix" | "nt" | "riscos" => "os",
        "posixpath" | "ntpath" => "os.path",
        "copy_reg" => "copyreg",
        "cPickle" | "_pickle" => "pickle",
        "_operator" => "operator",
        "_functools" => "functools",
        "_io" => "io",
        "_collections" => "collections",
        "_socket" => "socket",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(module: &str, name: &str) -> Option<Severity> {
        called(&Symbol::new(module, name), How::Invoked, "(\"x\")").map(|o| o.severity)
    }

    #[test]
    fn what_starts_processes_or_runs_code_is_malicious_under_every_name() {
        for (module, name) in [
            ("posix", "system"),
            ("nt", "popen"),
            ("subprocess", "call"),
            ("builtins", "eval"),
            ("__builtin__", "exec"),
            ("pathlib", "os.system"),
            ("timeit", "timeit"),
            ("torch", "load"),
            ("runpy", "_run_code"),
            ("builtins", "eval.__call__"),
            ("requests.api", "get"),
            ("numpy.testing._private.utils", "runstring"),
        ] {
            assert_eq!(call(module, name), Some(Severity::High), "{module}.{name}");
        }
    }

    #[test]
    fn an_unknown_callable_called_outweighs_one_named() {
        assert_eq!(call("somebody.helpers", "run_me"), Some(Severity::Medium));
        assert!(named(&Symbol::new("somebody.helpers", "run_me")).is_none());
    }

    #[test]
    fn an_object_of_somebodys_own_class_is_no_finding() {
        let symbol = Symbol::new("somebody.model", "Model");
        assert!(called(&symbol, How::Made, "()").is_none());
        assert!(called(&symbol, How::Filled, "{}").is_none());
    }

    #[test]
    fn dangerous_names_are_findings_also_uncalled() {
        assert!(named(&Symbol::new("posix", "system")).is_some());
        assert!(named(&Symbol::new("__future__", "_ssl.RAND_bytes")).is_some());
        assert!(named(&Symbol::new("collections", "deque")).is_none());
        assert!(named(&Symbol::new("torch.nn.functional", "relu")).is_none());
    }

    #[test]
    fn a_package_is_not_taken_for_another_with_a_like_name() {
        assert!(dangerous("requests", "get").is_some());
        assert!(dangerous("requests_of_mine", "get").is_none());
    }
}
