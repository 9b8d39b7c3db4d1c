//! What real files of known libraries import and call when they are loaded. What is here is not
//! reported; everything else is judged by what it is.

mod numpy;
mod others;
mod pandas;
mod python;
mod sklearn;
mod torch;

use crate::fact::How;

/// A library whose files are known.
struct Library {
    /// The top-level packages.
    roots: &'static [&'static str],
    /// What may be called with arguments: full names; `*` at an end stands for the rest.
    calls: &'static [&'static str],
    /// What may not be made either, although it looks like a class.
    never: &'static [&'static str],
}

const LIBRARIES: &[Library] = &[
    python::BUILTINS,
    python::STANDARD,
    numpy::NUMPY,
    torch::TORCH,
    sklearn::SKLEARN,
    pandas::PANDAS,
    others::OTHERS,
];

/// Whether a file of a known library does this when it is loaded. `module` is canonical.
pub fn expects(module: &str, name: &str, how: How) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    let Some(library) = LIBRARIES.iter().find(|library| library.roots.contains(&root)) else {
        return false;
    };
    let full = format!("{module}.{name}");
    let exact = library.calls.iter().any(|pattern| !pattern.contains('*') && *pattern == full);
    if exact && !library.never.contains(&full.as_str()) {
        return true;
    }
    if library.never.iter().any(|pattern| matches(pattern, &full)) {
        return false;
    }
    match how {
        How::Invoked => {
            library.calls.iter().any(|pattern| matches(pattern, &full)) && !goes_astray(name)
        }
        How::Made | How::Filled => {
            exact
                || (root != "builtins" && !goes_astray(name) && is_class_name(name))
                || library.calls.iter().any(|pattern| matches(pattern, &full))
        }
        How::Chained => false,
    }
}

/// Whether a library is known.
pub fn is_known(module: &str) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    LIBRARIES.iter().any(|library| library.roots.contains(&root))
}

/// Whether the last part of a name looks like that of a class.
pub fn is_class_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).trim_start_matches('_');
    last.starts_with(|c: char| c.is_uppercase())
}

/// Whether a dotted name goes on into another module: no pickler writes that.
pub fn goes_astray(name: &str) -> bool {
    let mut parts = name.split('.').collect::<Vec<_>>();
    parts.pop();
    parts.iter().any(|part| !is_class_name(part) && *part != "<locals>")
        || name
            .split('.')
            .any(|part| part.starts_with("__") && part.ends_with("__") && part.len() > 4)
}

/// Matches a pattern in which `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    let mut parts = pattern.split('*').peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        if first {
            match rest.strip_prefix(part) {
                Some(after) => rest = after,
                None => return false,
            }
            if last {
                return rest.is_empty();
            }
        } else if last {
            return rest.ends_with(part);
        } else {
            match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        first = false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_whole_text() {
        assert!(matches("torch.nn.*", "torch.nn.Linear"));
        assert!(matches("a.*.c*", "a.b.cd") && !matches("a.*.c", "a.b.cd"));
        assert!(matches("x", "x") && !matches("x", "xy"));
    }

    #[test]
    fn real_files_of_libraries_are_expected() {
        assert!(expects("torch._utils", "_rebuild_tensor_v2", How::Invoked));
        assert!(expects("sklearn.svm._classes", "LinearSVC", How::Made));
        assert!(expects("numpy.core.multiarray", "_reconstruct", How::Invoked));
        assert!(expects("collections", "OrderedDict", How::Invoked));
        assert!(expects("builtins", "len", How::Invoked));
    }

    #[test]
    fn what_loads_or_runs_is_not() {
        assert!(!expects("torch", "load", How::Invoked));
        assert!(!expects("torch.hub", "dangerous", How::Invoked));
        assert!(!expects("numpy.f2py.crackfortran", "getlincoef", How::Invoked));
        assert!(!expects("logging", "FileHandler", How::Invoked));
        assert!(!expects("builtins", "eval", How::Invoked));
        assert!(!expects("collections", "abc.sys.modules", How::Invoked));
        assert!(!expects("os", "_wrap_close", How::Made));
    }
}
