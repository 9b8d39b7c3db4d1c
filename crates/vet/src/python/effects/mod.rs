//! What Python's callables do to the machine, for the analysis of source.

mod callables;
mod decode;
mod origin;
mod places;
mod usual;

use callables::{CODE, DESERIALISE, FETCH, HOOKS, NATIVE, NETWORK, PROCESS, SECRETS, WRITE};
pub use decode::{base64, rot13};
pub use origin::{taint_of_key, taint_of_result};
pub use places::{is_persistent, is_sensitive};
pub use usual::is_usual;

use super::flow::Value;
use crate::policy::libraries;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Starts a process.
    Process,
    /// Runs code that it is given.
    Code,
    /// Unpickles or unmarshals.
    Deserialise,
    /// Sends to or listens on the network.
    Network,
    /// Fetches from the network.
    Fetch,
    /// Writes, moves or deletes files.
    Write,
    /// Loads native code.
    Native,
    /// Reads what is secret.
    Secret,
    /// Changes how Python imports or runs other code.
    Hook,
    /// Calls something of a package that is not known.
    Foreign,
}

/// Names that every module knows.
pub fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        "eval"
            | "exec"
            | "compile"
            | "open"
            | "getattr"
            | "setattr"
            | "globals"
            | "locals"
            | "vars"
            | "__import__"
            | "input"
            | "bytes"
            | "bytearray"
            | "str"
            | "print"
            | "map"
            | "filter"
            | "breakpoint"
            | "chr"
            | "delattr"
            | "execfile"
            | "dict"
            | "list"
    )
}

fn any(patterns: &[&str], path: &str) -> bool {
    patterns.iter().any(|pattern| libraries::matches(pattern, path))
}

/// Whether a dotted name does something to the machine when it is called.
pub fn is_action(path: &str) -> bool {
    any(PROCESS, path) || any(CODE, path) || any(DESERIALISE, path)
}

/// Callables that call what they are given.
pub fn calls_its_arguments(path: &str) -> bool {
    matches!(
        path,
        "builtins.map"
            | "builtins.filter"
            | "threading.Thread"
            | "threading.Timer"
            | "multiprocessing.Process"
            | "functools.reduce"
            | "itertools.starmap"
            | "atexit.register"
    ) || path.ends_with(".submit")
        || path.ends_with(".apply")
        || path.ends_with(".map")
        || path.starts_with("concurrent.futures.")
}

/// What a call does, if it does anything.
pub fn of_call(path: &str, arguments: &[(Option<&str>, Value)]) -> Option<Effect> {
    let path = path.trim_start_matches('=');
    if path.is_empty() {
        return None;
    }
    let first = arguments.first().and_then(|(_, value)| value.text.as_deref());
    if matches!(path, "builtins.open" | "io.open" | "os.open" | "codecs.open") {
        return of_open(arguments);
    }
    if path == "subprocess.list2cmdline" || path.ends_with("Error") || path.ends_with("Exception") {
        return None;
    }
    if any(PROCESS, path) {
        return Some(Effect::Process);
    }
    if any(CODE, path) {
        // Importing a module whose name stands there is an import like any other.
        let import = path.ends_with("import_module") || path.ends_with("__import__");
        let looks_only =
            matches!(path, "importlib.util.find_spec" | "builtins.compile" | "code.encode")
                || path.starts_with("code.")
                    && !path.starts_with("code.interact")
                    && !path.starts_with("code.Inter");
        if import && first.is_some()
            || looks_only && !first.is_some_and(|t| t.contains('(')) && path != "builtins.compile"
        {
            return None;
        }
        return Some(Effect::Code);
    }
    for (patterns, effect) in [
        (DESERIALISE, Effect::Deserialise),
        (FETCH, Effect::Fetch),
        (NETWORK, Effect::Network),
        (NATIVE, Effect::Native),
        (WRITE, Effect::Write),
        (HOOKS, Effect::Hook),
        (SECRETS, Effect::Secret),
    ] {
        if any(patterns, path) {
            return Some(effect);
        }
    }
    None
}

fn of_open(arguments: &[(Option<&str>, Value)]) -> Option<Effect> {
    let mode = arguments
        .iter()
        .find(|(name, _)| *name == Some("mode"))
        .or_else(|| arguments.get(1).filter(|(name, _)| name.is_none()))
        .and_then(|(_, value)| value.text.as_deref());
    let writes = mode.is_some_and(|mode| mode.contains(['w', 'a', 'x', '+']));
    let path = arguments.first().and_then(|(_, value)| value.text.as_deref()).unwrap_or_default();
    if writes {
        return Some(Effect::Write);
    }
    is_sensitive(path).then_some(Effect::Secret)
}

/// What importing a module does or announces.
pub fn of_import(module: &str) -> Option<Effect> {
    match module.split('.').next().unwrap_or(module) {
        "pty" | "pexpect" => Some(Effect::Process),
        "antigravity" | "this" => Some(Effect::Foreign),
        "pynput" | "keyboard" | "pyautogui" | "browser_cookie3" => Some(Effect::Secret),
        _ => None,
    }
}

/// What setting an attribute does.
pub fn of_setting(path: &str) -> Option<Effect> {
    let hooks = ["builtins.", "sys.meta_path", "sys.path_hooks", "sys.modules", "sys.excepthook"];
    hooks.iter().any(|hook| path.starts_with(hook)).then_some(Effect::Hook)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_are_told_by_dotted_names() {
        assert_eq!(of_call("os.system", &[]), Some(Effect::Process));
        assert_eq!(of_call("builtins.exec", &[]), Some(Effect::Code));
        assert_eq!(of_call("requests.post", &[]), Some(Effect::Network));
        assert_eq!(of_call("torch.nn.Linear", &[]), None);
        assert!(is_sensitive("/home/x/.ssh/id_rsa") && !is_sensitive("vocab.txt"));
        assert!(is_persistent("~/.bashrc") && !is_persistent("model.pth"));
    }
}
