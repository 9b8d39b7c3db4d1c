//! Names that Python knows, and the ways around them.

use crate::policy::{libraries, stdlib};

/// Names that every module knows.
pub fn is_builtin(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "eval",
        "exec",
        "compile",
        "open",
        "getattr",
        "setattr",
        "delattr",
        "hasattr",
        "globals",
        "locals",
        "vars",
        "dir",
        "__import__",
        "__build_class__",
        "input",
        "bytes",
        "bytearray",
        "memoryview",
        "str",
        "int",
        "ord",
        "chr",
        "print",
        "map",
        "filter",
        "zip",
        "range",
        "reversed",
        "sorted",
        "list",
        "tuple",
        "set",
        "dict",
        "iter",
        "next",
        "breakpoint",
        "execfile",
        "super",
        "type",
        "object",
        "staticmethod",
        "classmethod",
        "property",
        "isinstance",
        "issubclass",
        "callable",
        "id",
        "repr",
        "get_ipython",
    ];
    NAMES.contains(&name)
}

/// Names that reach through Python's insides.
pub fn is_inside(name: &str) -> bool {
    matches!(
        name,
        "__subclasses__"
            | "__globals__"
            | "__builtins__"
            | "__mro__"
            | "__bases__"
            | "__code__"
            | "f_globals"
            | "f_builtins"
            | "tb_frame"
            | "gi_frame"
    )
}

/// Attributes that hold all names of a module.
pub fn is_namespace(name: &str) -> bool {
    matches!(name, "__globals__" | "func_globals" | "f_globals" | "f_builtins" | "__builtins__")
}

/// Modules through which code acts, and which other modules import and so hand on.
const THROUGH: &[&str] = &[
    "os",
    "sys",
    "subprocess",
    "builtins",
    "importlib",
    "socket",
    "ctypes",
    "shutil",
    "pickle",
    "marshal",
    "pty",
    "posix",
    "runpy",
    "requests",
    "tempfile",
];

/// A dotted name without the modules through which it is reached: `torch.os.system` is
/// `os.system`.
pub fn canonical(path: &str) -> String {
    if path.starts_with(['@', '?']) || path.starts_with("asyncio.") {
        return path.to_owned();
    }
    let parts: Vec<&str> = path.split('.').collect();
    let whole = |at: usize| parts.iter().take(at).all(|part| !part.contains('('));
    let through = parts.iter().enumerate().skip(1).rev().find(|(at, part)| {
        THROUGH.contains(&part.trim_start_matches('_')) && whole(*at) && !part.is_empty()
    });
    match through {
        Some((at, part)) => {
            let rest = parts.get(at + 1..).unwrap_or_default();
            let mut out = part.trim_start_matches('_').to_owned();
            for part in rest {
                out.push('.');
                out.push_str(part);
            }
            out
        }
        None => {
            let other = OTHER_NAMES.iter().find_map(|(other, name)| {
                path.strip_prefix(other).map(|rest| format!("{name}{rest}"))
            });
            other.unwrap_or_else(|| path.to_owned())
        }
    }
}

/// Modules that are known by two names.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("_io.", "io."),
    ("posixpath.", "os.path."),
    ("ntpath.", "os.path."),
    ("__builtin__.", "builtins."),
    ("_pickle.", "pickle."),
    ("cPickle.", "pickle."),
    ("_codecs.", "codecs."),
    ("_operator.", "operator."),
    ("_functools.", "functools."),
    ("_socket.", "socket."),
    ("_ctypes.", "ctypes."),
];

/// Whether a name is that of a module that can be imported.
pub fn is_module(name: &str) -> bool {
    let root = name.split('.').next().unwrap_or(name);
    stdlib::is_stdlib(root) || libraries::is_known(root)
}

/// Whether something of a module that acts is called by a name that cannot be told.
pub fn is_hidden(path: &str) -> bool {
    let Some(module) = path.strip_suffix(".?") else { return false };
    THROUGH.contains(&module) && module != "tempfile" && module != "requests"
}

/// Whether a call opens a file.
pub fn is_open(path: &str) -> bool {
    matches!(path, "builtins.open" | "io.open" | "os.open" | "codecs.open" | "gzip.open")
        || path == "pathlib.Path().open"
}

/// Whether a dotted name is a file or path as an object, or something of it.
pub fn is_file_object(path: &str) -> bool {
    ["pathlib.Path()", "builtins.open()", "io.open()", "codecs.open()"]
        .iter()
        .any(|object| path.starts_with(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_on_the_way_are_left_out() {
        assert_eq!(canonical("torch.utils.os.system"), "os.system");
        assert_eq!(canonical("tempfile._os.popen"), "os.popen");
        assert_eq!(canonical("os.path.join"), "os.path.join");
        assert_eq!(canonical(".helpers.subprocess.run"), "subprocess.run");
        assert_eq!(canonical("asyncio.subprocess.PIPE"), "asyncio.subprocess.PIPE");
        assert_eq!(canonical("x().os.system"), "x().os.system");
    }
}
